//! The shapes on which every kernel is tested.

use super::layout::{Layout, Order};
use super::shape::{Activation, Activations, Bias, Matmul};
use crate::data::Dtype;
use crate::ops::{Operation, changed};
use crate::shader::Prepared;
use crate::weights::Weights;
use std::sync::Arc;

/// Around the tiles, with and without every extra.
pub(super) fn samples(stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let tile = |name| u64::from(stages[0].constant(name));
    let (tile_m, tile_n) = (tile("TILE_M"), tile("TILE_N"));
    let mut shapes = vec![
        (1, 1, 1),
        (7, 127, 13),
        (127, 7, 64),
        (1, 129, 65),
        (300, 4, 8),
        (4, 300, 8),
        (5, 3, 0),
        (0, 3, 5),
        (3, 0, 5),
        (2, 2, 1025),
        (96, 160, 132),
        (2, 264, 72),
        (264, 3, 72),
    ];
    for (m, n) in [
        (tile_m - 1, tile_n - 1),
        (tile_m, tile_n),
        (tile_m + 1, tile_n + 1),
    ] {
        shapes.extend([(m, n, 15), (m, n, 36)]);
    }
    let mut found: Vec<Matmul> = shapes
        .into_iter()
        .map(|(m, n, k)| Matmul::new(m, n, k))
        .collect();
    found.extend(with_extras(tile_m, tile_n));
    found.extend(whole(tile_m, tile_n));
    let boxed = |matmul| Box::new(matmul) as Box<dyn Operation>;
    found.into_iter().map(boxed).collect()
}

/// [`of_quants`] with A in eight bits.
pub(super) fn of_int8(stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let in_int8 = |sample: Box<dyn Operation>| {
        changed(sample.as_ref(), |matmul: &mut Matmul| {
            matmul.activations = Activations::Int8;
        })
    };
    of_quants(stages).into_iter().filter_map(in_int8).collect()
}

/// [`samples`], and every format, for a kernel of floats and of quants.
pub(super) fn of_all(stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let mut found = samples(stages);
    found.extend(of_formats(stages));
    found
}

/// Every format, in tiles: for kernels whose other paths are tested with floats.
pub(super) fn of_formats(_: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let of = |weights: Weights, dtype, m, n, k: u64| Matmul {
        weights,
        dtype,
        b: transposed(),
        ..Matmul::new(m, n, k * weights.block())
    };
    // Columns in whole tiles of matrix units.
    let in_tiles = |weights| of(weights, Dtype::F16, 48, 128, 1);
    let mut quantised: Vec<Matmul> = Weights::QUANTIZED.map(in_tiles).to_vec();
    quantised.extend([
        of(Weights::Q4_0, Dtype::F16, 300, 256, 6),
        Matmul {
            batch: 2,
            bias: Bias::Row,
            activation: Activation::Gelu,
            alpha: -0.5,
            beta: 2.0,
            ..of(Weights::Q6K, Dtype::F16, 130, 128, 1)
        },
        of(Weights::Q4_0, Dtype::F32, 3, 5, 0),
        // Columns that end within a tile.
        of(Weights::Q4K, Dtype::F32, 17, 70, 1),
        of(Weights::Q8_0, Dtype::F32, 17, 70, 3),
    ]);
    let boxed = |matmul| Box::new(matmul) as Box<dyn Operation>;
    quantised.into_iter().map(boxed).collect()
}

/// Every format, around the tiles of kernels of quants and those of floats behind them, with every extra.
pub(super) fn of_quants(_: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let of = |weights: Weights, m, n, k: u64| Matmul {
        weights,
        b: transposed(),
        ..Matmul::new(m, n, k * weights.block())
    };
    let half = |matmul| Matmul {
        dtype: Dtype::F16,
        ..matmul
    };
    let mut found = Vec::new();
    for weights in Weights::QUANTIZED {
        found.extend([of(weights, 5, 65, 3), half(of(weights, 17, 96, 2))]);
    }
    let q4_0 = |m, n, k| of(Weights::Q4_0, m, n, k);
    let q6_k = |m, n, k| of(Weights::Q6K, m, n, k);
    found.extend([
        q4_0(1, 1, 1),
        q4_0(3, 5, 0),
        q4_0(0, 5, 1),
        q4_0(5, 0, 1),
        q4_0(1, 33, 65),
        half(q4_0(130, 130, 4)),
        q4_0(130, 70, 3),
        half(q4_0(16, 128, 8)),
        // One row has more columns an invocation.
        half(q4_0(1, 130, 4)),
        half(of(Weights::Int4, 1, 65, 1)),
        half(of(Weights::Q8_0, 1, 65, 3)),
    ]);
    let extras = |matmul: Matmul| Matmul {
        bias: Bias::Row,
        activation: Activation::Gelu,
        alpha: -0.5,
        beta: 2.0,
        ..matmul
    };
    found.extend([extras(q4_0(9, 12, 2)), extras(half(q6_k(3, 12, 1)))]);
    found.push(Matmul {
        batch: 3,
        activation: Activation::Silu,
        output: Dtype::F16,
        ..half(of(Weights::Q4_1, 2, 20, 3))
    });
    found.push(Matmul {
        batch: 2,
        b: Layout {
            batch_stride: Some(0),
            ..transposed()
        },
        a: Layout {
            row_stride: Some(99),
            offset: 3,
            ..Layout::default()
        },
        c: Layout {
            row_stride: Some(24),
            offset: 4,
            ..Layout::default()
        },
        ..of(Weights::Q8_0, 4, 20, 3)
    });
    let boxed = |matmul| Box::new(matmul) as Box<dyn Operation>;
    found.into_iter().map(boxed).collect()
}

fn transposed() -> Layout {
    Layout {
        order: Order::ColumnMajor,
        ..Layout::default()
    }
}

fn with_extras(tile_m: u64, tile_n: u64) -> Vec<Matmul> {
    let shared = Layout {
        batch_stride: Some(0),
        ..Layout::default()
    };
    let gaps = |stride, offset| Layout {
        row_stride: Some(stride),
        offset,
        ..Layout::default()
    };
    let (m, n) = (tile_m + 3, tile_n + 5);
    let odd = Matmul::new(m, n, 21);
    let even = Matmul::new(tile_m + 4, tile_n + 8, 36);
    let half = Matmul {
        dtype: Dtype::F16,
        ..odd
    };
    vec![
        Matmul {
            a: transposed(),
            ..odd
        },
        Matmul {
            a: transposed(),
            b: transposed(),
            ..even
        },
        Matmul {
            b: transposed(),
            alpha: -0.5,
            beta: 2.0,
            ..odd
        },
        Matmul {
            batch: 3,
            bias: Bias::Row,
            activation: Activation::Gelu,
            ..even
        },
        Matmul {
            batch: 2,
            b: shared,
            activation: Activation::Silu,
            ..odd
        },
        Matmul { batch: 0, ..even },
        Matmul {
            k: 0,
            beta: 0.5,
            activation: Activation::Relu,
            ..even
        },
        Matmul {
            a: gaps(40, 4),
            b: gaps(n + 7, 3),
            c: gaps(tile_n + 12, 4),
            ..even
        },
        half,
        Matmul {
            b: transposed(),
            dtype: Dtype::F16,
            ..Matmul::new(3, 40, 72)
        },
        Matmul {
            bias: Bias::Row,
            dtype: Dtype::F16,
            ..Matmul::new(2, 264, 72)
        },
        Matmul {
            dtype: Dtype::F16,
            output: Dtype::F16,
            beta: 1.0,
            ..even
        },
        Matmul {
            a: transposed(),
            b: transposed(),
            bias: Bias::Row,
            batch: 2,
            ..half
        },
    ]
}

/// Whole tiles of f16: as they are, with whole chunks of 16 bytes between them, with every extra.
fn whole(tile_m: u64, tile_n: u64) -> [Matmul; 3] {
    let half = |m, n, k| Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(m, n, k)
    };
    let gaps = |row: u64, offset| Layout {
        row_stride: Some(row + 8),
        offset,
        ..Layout::default()
    };
    [
        half(2 * tile_m, tile_n, 96),
        Matmul {
            batch: 2,
            a: gaps(64, 8),
            b: gaps(2 * tile_n, 16),
            c: gaps(2 * tile_n, 4),
            ..half(tile_m, 2 * tile_n, 64)
        },
        Matmul {
            a: transposed(),
            b: transposed(),
            output: Dtype::F16,
            alpha: 0.5,
            beta: -1.5,
            bias: Bias::Row,
            activation: Activation::Gelu,
            ..half(tile_m, 2 * tile_n, 64)
        },
    ]
}
