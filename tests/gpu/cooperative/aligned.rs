//! `matmul_aligned`: every constant and extra, numbers of steps, layouts, large values, cut products.

use super::{half, open, sixteen, verify, verify_on};
use crate::common;
use pollster::block_on;
use proptest::prelude::*;
use ridgepoint::bench::OperandBuffers;
use ridgepoint::kernel::Constants;
use ridgepoint::shader::{Checks, Constant, Loops};
use ridgepoint::{
    Activation, Bias, Dtype, Error, Gpu, Layout, Matmul, Operation, Order, Plan, PlanOptions,
};

tests! {
    any_number_of_steps_is_right,
    the_default_is_right,
    every_constant_is_right,
    transposed_operands_are_right,
    every_extra_is_right,
    rows_that_end_within_a_tile_are_right,
    last_rows_of_tiles_in_parts_of_k_are_right,
    combinations_that_cannot_be_are_refused,
    tiles_that_do_not_fit_are_refused_by_name,
    sums_of_large_f16_do_not_overflow,
    subnormal_f16_are_kept_or_zero,
    a_product_that_does_not_commute_is_exact,
    a_square_of_one_buffer_is_right,
    cut_products_and_workgroups_that_fill_a_grid_are_right,
    any_whole_product_is_right,
}

const KERNEL: &str = "matmul_aligned";

/// Tiles of 64 x 32 of fragments of 16 x 16, whatever the adapter would get.
fn small() -> Constants {
    let sizes = [
        ("TILE_M", 64u32),
        ("TILE_N", 32),
        ("TILE_K", 32),
        ("UNROLL_K", 16),
        ("SUBGROUP_M", 32),
        ("SUBGROUP_N", 16),
        ("SUBGROUPS_K", 1),
    ];
    sixteen().merged(&Constants::from(sizes))
}

fn with(constants: &[(&'static str, Constant)]) -> PlanOptions {
    PlanOptions {
        kernel: Some(KERNEL),
        constants: small().merged(constants),
        ..PlanOptions::default()
    }
}

fn number(name: &'static str, value: u32) -> (&'static str, Constant) {
    (name, Constant::Integer(value))
}

/// Twice the rows, of as many invocations.
const TALL: [(&str, Constant); 2] = [
    ("TILE_M", Constant::Integer(128)),
    ("SUBGROUP_M", Constant::Integer(64)),
];

/// A row or matrix begins 8, and where it is C 4, elements after the one before it ends; the first after as many.
fn with_gaps(matmul: Matmul) -> Matmul {
    let gaps = |rows: u64, columns: u64, gap: u64| Layout {
        row_stride: Some(columns + gap),
        batch_stride: Some(rows * (columns + gap) + gap),
        offset: gap,
        ..Layout::default()
    };
    Matmul {
        a: gaps(matmul.m, matmul.k, 8),
        b: gaps(matmul.k, matmul.n, 8),
        c: gaps(matmul.m, matmul.n, 4),
        ..matmul
    }
}

fn any_number_of_steps_is_right() {
    let Some(gpu) = open() else { return };
    for steps in [1, 2, 3, 5] {
        let plain = half(192, 64, 32 * steps);
        verify(gpu, &plain, &with(&[]));
        let batch = Matmul { batch: 2, ..plain };
        verify(gpu, &with_gaps(batch), &with(&[]));
    }
}

/// Tiles and fragments that the adapter gets where nothing is chosen.
fn the_default_is_right() {
    let Some(gpu) = open() else { return };
    for checks in [Checks::Off, Checks::On] {
        let options = PlanOptions {
            kernel: Some(KERNEL),
            checks,
            ..PlanOptions::default()
        };
        verify(gpu, &with_gaps(half(256, 128, 96)), &options);
    }
}

fn every_constant_is_right() {
    let Some(gpu) = open() else { return };
    let cases = [
        vec![number("GROUP", 1), number("PAD", 16)],
        // Subgroups that share the depth of a step, and parts of K.
        vec![
            number("TILE_K", 64),
            number("SUBGROUPS_K", 2),
            number("SUBGROUP_N", 32),
        ],
        vec![number("SPLIT_K", 3)],
        // Steps in windows, and beyond the last one.
        vec![number("STAGGER", 2), number("STAGGER_STEPS", 2)],
        vec![number("STAGGER", 5), number("STAGGER_STEPS", 1)],
        vec![number("TILE_K", 64)],
        vec![
            number("TILE_K", 16),
            number("TILE_N", 64),
            number("SUBGROUP_N", 32),
        ],
        TALL.to_vec(),
    ];
    let matmul = with_gaps(Matmul {
        batch: 2,
        ..half(128, 128, 192)
    });
    for constants in cases {
        verify(gpu, &matmul, &with(&constants));
    }
    for loops in [Loops::Unrolled, Loops::AsWritten] {
        let options = PlanOptions {
            loops,
            checks: Checks::On,
            ..with(&[])
        };
        verify(gpu, &matmul, &options);
    }
}

fn transposed_operands_are_right() {
    let Some(gpu) = open() else { return };
    let transposed = |row, gap| Layout {
        order: Order::ColumnMajor,
        row_stride: Some(row + gap),
        offset: gap,
        ..Layout::default()
    };
    let plain = half(128, 64, 96);
    let b = Matmul {
        batch: 2,
        b: transposed(96, 8),
        ..plain
    };
    let a = Matmul {
        a: transposed(128, 16),
        ..plain
    };
    verify(gpu, &b, &with(&[]));
    verify(gpu, &a, &with(&[]));
    let both = Matmul { a: a.a, ..b };
    verify(gpu, &both, &with(&[]));
}

fn every_extra_is_right() {
    let Some(gpu) = open() else { return };
    let plain = with_gaps(Matmul {
        batch: 2,
        ..half(128, 64, 96)
    });
    // Each compiles for seconds on a CPU.
    for (activation, output, [alpha, beta], bias) in [
        (Activation::None, Dtype::F16, [-2.0, 0.5], Bias::Row),
        (Activation::Relu, Dtype::F32, [1.0, 0.0], Bias::Row),
        (Activation::Gelu, Dtype::F16, [0.5, 0.0], Bias::None),
        (Activation::Silu, Dtype::F32, [1.0, -1.5], Bias::None),
    ] {
        let matmul = Matmul {
            alpha,
            beta,
            bias,
            activation,
            output,
            ..plain
        };
        verify(gpu, &matmul, &with(&[]));
    }
}

/// Fewer rows than a tile, and a last tile that begins earlier, with rows of A next to each other and apart, K at once and in
/// parts.
fn rows_that_end_within_a_tile_are_right() {
    let Some(gpu) = open() else { return };
    let transposed = |rows| Layout {
        order: Order::ColumnMajor,
        row_stride: Some(rows + 8),
        offset: 8,
        ..Layout::default()
    };
    for (rows, parts) in [(1, 1), (63, 2), (65, 1), (130, 2)] {
        let plain = Matmul {
            b: transposed(128),
            ..half(rows, 64, 128)
        };
        let constants = [number("SPLIT_K", parts)];
        verify(gpu, &plain, &with(&constants));
        let extras = Matmul {
            batch: 2,
            bias: Bias::Row,
            beta: 0.5,
            output: Dtype::F16,
            activation: Activation::Relu,
            ..half(rows, 64, 64)
        };
        verify(gpu, &extras, &with(&constants));
    }
    for rows in [8, 72] {
        let matmul = Matmul {
            a: transposed(rows),
            ..half(rows, 64, 128)
        };
        verify(gpu, &matmul, &with(&[]));
    }
}

/// K at once for the first rows of tiles, in parts for the last, which end within a tile or not.
fn last_rows_of_tiles_in_parts_of_k_are_right() {
    let Some(gpu) = open() else { return };
    let tail = |rows, parts| with(&[number("TAIL", rows), number("SPLIT_K", parts)]);
    let plain = half(192, 64, 160);
    verify(gpu, &with_gaps(plain), &tail(1, 2));
    verify(gpu, &half(200, 96, 160), &tail(2, 5));
    let extras = Matmul {
        bias: Bias::Row,
        alpha: 2.0,
        beta: 0.5,
        output: Dtype::F16,
        activation: Activation::Silu,
        b: Layout {
            order: Order::ColumnMajor,
            ..Layout::default()
        },
        ..half(130, 64, 128)
    };
    verify(gpu, &extras, &tail(1, 3));
    for (matmul, rows) in [(plain, 3), (Matmul { batch: 2, ..plain }, 1)] {
        let refused = block_on(Plan::new(gpu, &matmul, &tail(rows, 2)));
        assert!(
            matches!(refused, Err(Error::Unsupported { .. })),
            "{refused:?}"
        );
    }
}

fn combinations_that_cannot_be_are_refused() {
    let Some(gpu) = open() else { return };
    for constant in [number("SUBGROUPS_K", 3), number("PAD", 4)] {
        let refused = block_on(Plan::new(gpu, &half(64, 64, 32), &with(&[constant])));
        assert!(matches!(refused, Err(Error::Shader { .. })), "{refused:?}");
    }
}

fn tiles_that_do_not_fit_are_refused_by_name() {
    let Some(gpu) = open() else { return };
    let plan = |matmul| block_on(Plan::new(gpu, &matmul, &with(&TALL)));
    let refused = plan(half(192, 48, 64));
    match refused {
        Err(Error::Unsupported { what, reason }) => {
            assert!(what.contains(KERNEL), "{what}");
            let expected = "n is 48, which is no multiple of 32";
            assert!(reason.contains(expected), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let empty = Matmul {
        batch: 0,
        ..half(64, 64, 32)
    };
    assert_eq!(plan(empty).unwrap().dispatches(), 0);
}

/// Runs `matmul` on `values` of A and B.
fn run(gpu: &Gpu, matmul: &Matmul, values: &[Vec<f32>; 2], options: &PlanOptions) -> Vec<f32> {
    let space = common::space(gpu, matmul, Some(values));
    verify_on(gpu, matmul, options, &space);
    block_on(gpu.download(space.views()[2])).unwrap()
}

fn sums_of_large_f16_do_not_overflow() {
    let Some(gpu) = open() else { return };
    let matmul = half(64, 64, 96);
    // Of both signs, and the largest f16 among them.
    let a = [60_000.0, 65_504.0, -60_000.0, 60_000.0];
    let a: Vec<f32> = a.into_iter().cycle().take(64 * 96).collect();
    let b = vec![2.0; 96 * 64];
    let c = run(gpu, &matmul, &[a, b], &with(&[]));
    assert_eq!(c, vec![2.0 * 24.0 * 125_504.0; 64 * 64]);
}

/// Numbers of f16 that are too small for a full mantissa come through the way by f32, or as zeros: no number else.
fn subnormal_f16_are_kept_or_zero() {
    let Some(gpu) = open() else { return };
    let matmul = half(64, 64, 32);
    let least = 2f32.powi(-24);
    let mut a = vec![0.0; 64 * 32];
    for (row, values) in a.chunks_mut(32).enumerate() {
        values[row % 32] = least * (row + 1) as f32;
    }
    let b = vec![1.0; 32 * 64];
    let space = block_on(OperandBuffers::with_values(gpu, &matmul, &[a, b])).unwrap();
    let plan = block_on(Plan::new(gpu, &matmul, &with(&[]))).unwrap();
    block_on(plan.bind(&space.views()).unwrap().run(gpu)).unwrap();
    let c = block_on(gpu.download(space.views()[2])).unwrap();
    for (row, values) in c.chunks(64).enumerate() {
        let allowed = [least * (row + 1) as f32, 0.0].map(f32::to_bits);
        assert!(
            values.iter().all(|v| allowed.contains(&v.to_bits())),
            "{row}: {values:?}"
        );
    }
}

/// Neither symmetric nor commuting, of small integers: exact, and B * A or a transpose would differ.
fn a_product_that_does_not_commute_is_exact() {
    let Some(gpu) = open() else { return };
    let side = 192;
    let cells = || (0..side * side).map(|i| (i / side, i % side));
    let a = |row: usize, column: usize| ((row * 3 + column * 5) % 7) as f32 - 3.0;
    let b = |row: usize, column: usize| ((row * 2 + column) % 5) as f32 - (column % 3) as f32;
    let values = [
        cells().map(|(row, column)| a(row, column)).collect(),
        cells().map(|(row, column)| b(row, column)).collect(),
    ];
    let want: Vec<f32> = cells()
        .map(|(row, column)| (0..side).map(|k| a(row, k) * b(k, column)).sum())
        .collect();
    let matmul = half(side as u64, side as u64, side as u64);
    assert_eq!(run(gpu, &matmul, &values, &with(&[])), want);
}

/// A and B may be one buffer, though both are bound as if they were written.
fn a_square_of_one_buffer_is_right() {
    let Some(gpu) = open() else { return };
    let matmul = half(64, 64, 64);
    let values: Vec<f32> = (0..64 * 64).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
    let values = [values.clone(), values];
    let want = run(gpu, &matmul, &values, &with(&[]));
    let space = block_on(OperandBuffers::with_values(gpu, &matmul, &values)).unwrap();
    block_on(space.poison(gpu)).unwrap();
    let plan = block_on(Plan::new(gpu, &matmul, &with(&[]))).unwrap();
    let [a, _, c] = space.views()[..] else {
        panic!("three operands")
    };
    block_on(plan.bind(&[a, a, c]).unwrap().run(gpu)).unwrap();
    assert_eq!(block_on(gpu.download(c)).unwrap(), want);
}

/// A device on which products of a few tiles need several dispatches, and dispatches a second row of workgroups.
fn narrow() -> Option<Gpu> {
    open()?;
    common::open(|options| {
        options.limits = Some(wgpu::Limits {
            max_storage_buffer_binding_size: 1 << 16,
            max_compute_workgroups_per_dimension: 2,
            max_compute_workgroup_storage_size: 32 << 10,
            ..wgpu::Limits::default()
        });
    })
}

fn cut_products_and_workgroups_that_fill_a_grid_are_right() {
    let Some(gpu) = narrow() else { return };
    // Three workgroups, in two rows of two.
    let surplus = half(192, 32, 64);
    // Rows in parts of 256, and a rest.
    let cut = half(576, 32, 64);
    verify(&gpu, &surplus, &with(&[]));
    let plan = block_on(Plan::new(&gpu, &cut, &with(&[]))).unwrap();
    assert!(plan.dispatches() > 1);
    verify(&gpu, &cut, &with(&[]));
    // A rest with fewer rows than a tile.
    verify(&gpu, &half(544, 32, 64), &with(&[]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    fn any_whole_product_is_right(
        tiles in (1u64..4, 1u64..4, 1u64..8),
        batch in 1u64..3,
        gaps in (any::<bool>(), 0u64..4, 0u64..4),
        extras in (any::<bool>(), any::<bool>(), -2i8..3),
    ) {
        let Some(gpu) = open() else { return Ok(()) };
        let plain = Matmul { batch, ..half(64 * tiles.0, 32 * tiles.1, 32 * tiles.2) };
        let mut matmul = if gaps.0 { with_gaps(plain) } else { plain };
        matmul.a.offset = 8 * gaps.1;
        matmul.b.batch_stride = if gaps.2 == 0 { Some(0) } else { matmul.b.batch_stride };
        matmul.output = if extras.0 { Dtype::F16 } else { Dtype::F32 };
        matmul.bias = if extras.1 { Bias::Row } else { Bias::None };
        matmul.beta = f32::from(extras.2) / 2.0;
        prop_assume!(matmul.validate().is_ok());
        verify(gpu, &matmul, &with(&[]));
    }
}
