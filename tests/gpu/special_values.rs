//! Every kernel of every operation on values at the ends of their types, in every operand: NaN, infinities, the lowest and the
//! largest finite numbers, zeros, single or in runs among ordinary ones.

use crate::{common, skip, trial};
use libtest_mimic::Trial;
use pollster::block_on;
use ridgepoint::bench::Coverage;
use ridgepoint::data::mix;
use ridgepoint::kernel::Kernel;
use ridgepoint::ops::{FAMILIES, Family};
use ridgepoint::shader::{Checks, Loops};
use ridgepoint::{Dtype, Gpu, Operation, Plan, PlanOptions};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for &family in FAMILIES {
        for &kernel in family.kernels {
            let path = format!("{}::{}::{}", module_path!(), family.name, kernel.name);
            trials.push(trial(&path, move || all(family, kernel)));
        }
    }
    trials
}

/// Most floating-point operations of a sample, of which there are many runs.
const FLOPS: u64 = 400_000;
/// Samples of a kernel that get special values, without runtime checks and with them.
const SAMPLES: [(Checks, usize); 2] = [(Checks::Off, 4), (Checks::On, 1)];

/// Values at the ends of a type.
fn special(dtype: Dtype) -> [f32; 6] {
    let largest = match dtype {
        Dtype::F16 => 65_504.0,
        Dtype::F32 | Dtype::U32 | Dtype::Words => f32::MAX,
    };
    [
        f32::NAN,
        -largest,
        f32::NEG_INFINITY,
        f32::INFINITY,
        largest,
        0.0,
    ]
}

fn all(family: &Family, kernel: &'static Kernel) {
    let Some(gpu) = common::gpu() else { return };
    // What exp gives for NaN there is a number.
    if gpu.summary().name.contains("SwiftShader") {
        return skip("exp(NaN) is a number on this driver");
    }
    let mut ran = false;
    for (checks, count) in SAMPLES {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            checks,
            ..Default::default()
        };
        let mut shapes = samples(family, kernel);
        shapes.retain(|shape| shape.flops() < FLOPS && shape.min_bytes() > 0);
        // The largest have the most paths; some others have other options.
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.flops()));
        let mut planned = shapes.iter().filter_map(|shape| {
            let plan = common::plan(gpu, shape.as_ref(), &options)?;
            Some((shape.as_ref(), plan))
        });
        for (shape, plan) in planned.by_ref().take(count) {
            draw(gpu, shape, &plan);
            ran = true;
        }
    }
    if !ran {
        skip("the device cannot run the kernel");
    }
}

fn samples(family: &Family, kernel: &'static Kernel) -> Vec<Box<dyn Operation>> {
    let features = wgpu::Features::all();
    let stages = kernel
        .prepare(&kernel.preset(0), Loops::AsWritten, features)
        .unwrap();
    family.samples(kernel, &stages)
}

/// Each special value in each operand of floats in turn: two single ones, then a run.
fn draw(gpu: &Gpu, shape: &dyn Operation, plan: &Plan) {
    let ordinary = common::generated(shape);
    let operands = shape.operands();
    let read: Vec<_> = operands.iter().filter(|o| o.role.is_read()).collect();
    for (place, operand) in read.iter().enumerate() {
        if matches!(operand.dtype, Dtype::U32 | Dtype::Words) || ordinary[place].is_empty() {
            continue;
        }
        for (number, value) in special(operand.dtype).into_iter().enumerate() {
            let count = ordinary[place].len();
            let seed = mix((place * 16 + number) as u32 ^ mix(count as u32)) as usize;
            let mut values = ordinary.clone();
            let what = format!("{value} in {}", operand.name);
            for single in [seed, seed / 7 + 1] {
                values[place][single % count] = value;
            }
            run(gpu, shape, plan, &values, &what);
            let first = seed / 3 % count;
            let end = (first + count / 3 + 1).min(count);
            values[place][first..end].fill(value);
            run(gpu, shape, plan, &values, &format!("a run of {what}"));
        }
    }
}

fn run(gpu: &Gpu, shape: &dyn Operation, plan: &Plan, values: &[Vec<f32>], what: &str) {
    let space = common::space(gpu, shape, Some(values));
    let launch = plan.bind(&space.views()).unwrap();
    let kernel = plan.kernel();
    let verified = space.run_and_verify(gpu, shape, kernel, &launch, Coverage::Full);
    let worst = block_on(verified).unwrap().worst;
    assert!(
        worst.is_none(),
        "{what} of {}, {} of {}, {:?}: {worst:?}",
        shape.label(),
        kernel.name,
        shape.dtype().name(),
        plan.constants(),
    );
}
