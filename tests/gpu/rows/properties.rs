//! Properties of a softmax for any data: rows sum to one, a shift changes nothing, order is kept.

use super::run;
use crate::common;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ridgepoint::tolerance::Expected;
use ridgepoint::{Dtype, Operation, Softmax};

tests! {
    rows_sum_to_one,
    a_shift_changes_nothing_and_order_is_kept,
}

/// Sizes on both sides of every kernel's own, values in eighths: shifted by whole numbers they stay exact.
fn matrices() -> impl Strategy<Value = (u64, u64, Vec<f32>)> {
    let sizes = (
        1..5u64,
        prop_oneof![1..70u64, 120..140u64, 500..530u64, Just(1024)],
    );
    sizes.prop_flat_map(|(rows, cols)| {
        let eighths = prop::collection::vec(-64..64i32, (rows * cols) as usize);
        (
            Just(rows),
            Just(cols),
            eighths.prop_map(|v| v.iter().map(|x| *x as f32 / 8.0).collect()),
        )
    })
}

fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    })
}

/// How far the sum of a row may be from 1: the sum of what its elements may be off.
fn allowed_sum(softmax: &Softmax, x: &[Vec<f32>]) -> Vec<f64> {
    let indices: Vec<u64> = (0..x[0].len() as u64).collect();
    let expected = softmax.expected(Dtype::F32, &x, &indices);
    let sum = |row: &[Expected]| row.iter().map(|e| e.allowed).sum();
    expected.chunks(softmax.cols as usize).map(sum).collect()
}

fn rows_sum_to_one() {
    let Some(gpu) = common::gpu() else { return };
    let check = |(rows, cols, x): (u64, u64, Vec<f32>)| {
        let softmax = Softmax::new(rows, cols);
        let inputs = [x];
        let y = run(gpu, &softmax, None, &inputs, 0.0).unwrap();
        let allowed = allowed_sum(&softmax, &inputs);
        for (row, allowed) in y.chunks(cols as usize).zip(allowed) {
            let sum: f64 = row.iter().map(|v| f64::from(*v)).sum();
            prop_assert!((sum - 1.0).abs() <= allowed, "{sum} of {rows} x {cols}");
        }
        Ok(())
    };
    runner().run(&matrices(), check).unwrap();
}

/// Differences to the maximum are exact for these values, so a shift changes no bit; and exp keeps their order.
fn a_shift_changes_nothing_and_order_is_kept() {
    let Some(gpu) = common::gpu() else { return };
    let cases = (matrices(), -1000..1000i32);
    let check = |((rows, cols, x), shift): ((u64, u64, Vec<f32>), i32)| {
        let softmax = Softmax::new(rows, cols);
        let shifted: Vec<f32> = x.iter().map(|v| v + shift as f32).collect();
        let y = run(gpu, &softmax, None, std::slice::from_ref(&x), 0.0).unwrap();
        prop_assert_eq!(&run(gpu, &softmax, None, &[shifted], 0.0).unwrap(), &y);
        for (x, y) in x.chunks(cols as usize).zip(y.chunks(cols as usize)) {
            for (a, b) in (0..x.len()).zip(1..x.len()) {
                // Elements of different invocations are rescaled by factors of their own; an eighth is far beyond that.
                prop_assert!(x[a] >= x[b] || y[a] < y[b], "{} {}", y[a], y[b]);
            }
        }
        Ok(())
    };
    runner().run(&cases, check).unwrap();
}
