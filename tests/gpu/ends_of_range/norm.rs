//! Rows far from zero and far from one.

use super::of_every_kernel;
use crate::common;
use ridgepoint::ops::{Affine, Norm, NormKind};
use ridgepoint::{Dtype, Gpu, Operation};

tests! {
    norms_of_a_large_mean_keep_the_spread,
    norms_beyond_the_range_of_squares_are_right,
}

/// Holds every kernel of a norm on rows of `row` against f64, with an allowed error below `most`.
fn rows_agree(gpu: &Gpu, kind: NormKind, epsilon: f32, row: &[f32], most: f64) {
    let shape = Norm {
        epsilon,
        affine: Affine::None,
        ..Norm::new(kind, 2, row.len() as u64)
    };
    let values = [row.repeat(2)];
    let indices: Vec<u64> = (0..values[0].len() as u64).collect();
    let expected = shape.expected(Dtype::F32, &values.as_slice(), &indices);
    let mean = match kind {
        NormKind::Rms => 0.0,
        NormKind::Layer => row.iter().map(|x| f64::from(*x)).sum::<f64>() / row.len() as f64,
    };
    let squares = row
        .iter()
        .map(|x| (f64::from(*x) - mean).powi(2))
        .sum::<f64>();
    let root = (squares / row.len() as f64 + f64::from(epsilon)).sqrt();
    for (x, want) in row.iter().zip(&expected) {
        let value = (f64::from(*x) - mean) / root;
        assert!(
            (value - want.value).abs() < 1e-6 * value.abs() + 1e-6,
            "{value}, {want:?}"
        );
        assert!(want.allowed < most * (1.0 + want.value.abs()), "{want:?}");
    }
    of_every_kernel(gpu, &shape, &values, |name, found| {
        for (i, (got, want)) in found[0].iter().zip(&expected).enumerate() {
            let right = want.excess(f64::from(*got)) <= 1.0;
            assert!(
                right,
                "{kind:?} of {:?}..., {name}: {i}: {got}, want {want:?}",
                &row[..2]
            );
        }
    });
}

fn norms_of_a_large_mean_keep_the_spread() {
    let Some(gpu) = common::gpu() else { return };
    for cols in [13usize, 260, 1001, 4100] {
        let rows: [&dyn Fn(usize) -> f32; 4] = [
            &|i| 3e6 + (i % 7) as f32 * 0.5,
            &|i| -40_000.0 + (i % 5) as f32 * 0.004,
            &|_| -987_654.3,
            // The first element alone is far from the others.
            &|i| if i == 0 { 5e4 } else { 1e4 + (i % 3) as f32 },
        ];
        for row in rows {
            let row: Vec<f32> = (0..cols).map(row).collect();
            rows_agree(gpu, NormKind::Layer, 1e-5, &row, 0.02);
        }
    }
}

fn norms_beyond_the_range_of_squares_are_right() {
    let Some(gpu) = common::gpu() else { return };
    for cols in [13usize, 260, 1001, 4100] {
        for size in [4e19, 1.6e38, 3e-20, 4e-34] {
            let row: Vec<f32> = (0..cols)
                .map(|i| ((i * 7 % 11) as f32 / 5.0 - 0.8) * size)
                .collect();
            for kind in [NormKind::Rms, NormKind::Layer] {
                for epsilon in [0.0, 1e-5] {
                    rows_agree(gpu, kind, epsilon, &row, 0.02);
                }
            }
        }
        // Both ends of f32, and a row whose largest comes last.
        let mut ends = vec![1.0; cols];
        (ends[3], ends[5]) = (f32::MAX, f32::MIN);
        let mut last = vec![1e-10; cols];
        last[cols - 1] = 1e25;
        for row in [ends, last] {
            for kind in [NormKind::Rms, NormKind::Layer] {
                rows_agree(gpu, kind, 1e-5, &row, 0.2);
            }
        }
    }
}
