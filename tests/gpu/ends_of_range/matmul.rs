//! Activations of NaN, infinities and the largest numbers.

use crate::common;
use ridgepoint::kernel::Constants;
use ridgepoint::ops::family;
use ridgepoint::{Activation, Matmul, PlanOptions};

tests! {
    activations_keep_nan_and_end_where_they_should,
}

fn activations_keep_nan_and_end_where_they_should() {
    let Some(gpu) = common::gpu() else { return };
    let ends = [
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::MAX,
        -0.0,
        f32::MIN,
        -1e30,
        -100.0,
    ];
    let column: Vec<f32> = (0..64 * 64)
        .map(|i| if i % 64 == 0 { ends[i / 64 % 8] } else { 0.0 })
        .collect();
    let row: Vec<f32> = (0..64 * 64)
        .map(|i| if i < 64 { 1.0 } else { 0.0 })
        .collect();
    for activation in [Activation::Relu, Activation::Gelu, Activation::Silu] {
        let shape = Matmul {
            activation,
            ..Matmul::new(64, 64, 64)
        };
        for parts in [1u32, 3] {
            for kernel in family("matmul").unwrap().kernels {
                let constants = if kernel.declares("SPLIT_K") {
                    Constants::from([("SPLIT_K", parts)])
                } else {
                    Constants::new()
                };
                let options = PlanOptions {
                    kernel: Some(kernel.name),
                    constants,
                    ..Default::default()
                };
                let values = [column.clone(), row.clone()];
                let Some(found) = common::answers(gpu, &shape, &options, &values) else {
                    continue;
                };
                for (i, got) in found[0].iter().enumerate() {
                    let right = match i / 64 % 8 {
                        0 | 1 => got.is_nan(),
                        2 => *got == f32::INFINITY,
                        3 => got.to_bits() == f32::MAX.to_bits(),
                        _ => *got == 0.0 || got.abs() < 1e-35,
                    };
                    assert!(
                        right,
                        "{activation:?} of {} by {}: {got}",
                        ends[i / 64 % 8],
                        kernel.name
                    );
                }
            }
        }
    }
}
