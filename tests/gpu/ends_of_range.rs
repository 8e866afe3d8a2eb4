//! Values at the ends of f32 whose right answers are known by hand, in every kernel of an operation.

pub(crate) mod attention;
pub(crate) mod matmul;
pub(crate) mod norm;

use crate::common;
use ridgepoint::kernel::Constants;
use ridgepoint::{Dtype, Gpu, Operation, PlanOptions};

/// Kernels of an operation on `values`: each that runs here, whole and, where its loops can be cut, in several dispatches.
#[track_caller]
fn of_every_kernel(
    gpu: &Gpu,
    shape: &dyn Operation,
    values: &[Vec<f32>],
    mut check: impl FnMut(&str, &[Vec<f32>]),
) {
    let mut ran = 0;
    for kernel in shape.family().kernels {
        let mut forms = vec![Constants::new()];
        if kernel.declares("KV_PER_DISPATCH") {
            forms.push(Constants::from([("KV_PER_DISPATCH", 128u32)]));
        }
        for constants in forms {
            let options = PlanOptions {
                kernel: Some(kernel.name),
                constants,
                ..Default::default()
            };
            if let Some(found) = common::answers(gpu, shape, &options, values) {
                let name = format!("{} {:?}", kernel.name, options.constants);
                check(&name, &found);
                ran += 1;
            }
        }
    }
    let narrow = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    assert!(ran > 0 || shape.dtype() == Dtype::F16 && !narrow);
}
