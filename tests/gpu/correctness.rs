//! Every kernel of every operation against its f64 reference, on the adapter that the environment names.
//!
//! The trials come from the table of operations, one for each kernel and mode: a kernel that is added there is tested here.

use crate::{common, skip, trial};
use libtest_mimic::Trial;
use pollster::block_on;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::kernel::{Constants, Kernel};
use ridgepoint::ops::{FAMILIES, Family};
use ridgepoint::shader::{Checks, Loops};
use ridgepoint::{Gpu, Operation, PlanOptions};

/// Tests of one kernel, each the last part of a trial's name.
type Mode = (&'static str, fn(&Family, &'static Kernel));

const MODES: [Mode; 3] = [
    ("unchecked", unchecked),
    ("checked", checked),
    ("loops_as_written", loops_as_written),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for &family in FAMILIES {
        for &kernel in family.kernels {
            for (mode, test) in MODES {
                let (operation, name) = (family.name, kernel.name);
                let path = format!("{}::{operation}::{name}::{mode}", module_path!());
                trials.push(trial(&path, move || test(family, kernel)));
            }
        }
    }
    trials
}

/// With all that the adapter has and no runtime checks.
fn unchecked(family: &Family, kernel: &'static Kernel) {
    let Some(gpu) = common::gpu() else { return };
    all(gpu, family, kernel, Checks::Off);
}

/// As a browser would run it.
fn checked(family: &Family, kernel: &'static Kernel) {
    let Some(gpu) = common::gpu_of_default_limits() else {
        return;
    };
    all(gpu, family, kernel, Checks::On);
}

/// A file gives the same result with its loops as written.
fn loops_as_written(family: &Family, kernel: &'static Kernel) {
    let Some(gpu) = common::gpu() else { return };
    let options = PlanOptions {
        kernel: Some(kernel.name),
        loops: Loops::AsWritten,
        ..Default::default()
    };
    let mut cases = samples(family, kernel, &options);
    cases.retain(|case| case.flops() < 5_000_000);
    cases.sort_by_key(|case| std::cmp::Reverse(case.flops() + case.min_bytes()));
    // One case with ragged edges is enough, since the loops do not depend on the shape: the largest that the kernel takes.
    if !cases
        .iter()
        .any(|case| run(gpu, case.as_ref(), &options, 1))
    {
        skip(NOT_HERE);
    }
}

const NOT_HERE: &str = "the device cannot run the kernel";

/// All samples of a kernel in each of its presets. A kernel without features has to run some of them.
fn all(gpu: &Gpu, family: &Family, kernel: &'static Kernel, checks: Checks) {
    // Presets change sizes, not accesses: what wgpu checks is the same in each of them.
    let presets = if checks == Checks::On {
        1
    } else {
        kernel.presets.len().max(1)
    };
    let mut ran_any = false;
    for preset in 0..presets {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            preset,
            checks,
            ..Default::default()
        };
        let mut ran = false;
        let samples = samples(family, kernel, &options);
        let ways = in_parts_too(family, kernel, options);
        for (i, operation) in samples.iter().enumerate() {
            for (way, options) in ways.iter().enumerate() {
                // Presets differ in sizes and not in paths: a few samples of each but the first are enough, one way each.
                // Samples and ways are others in each preset.
                let turn = i + preset;
                let is_its_turn = turn.is_multiple_of(4) && turn / 4 % ways.len() == way;
                if preset == 0 || is_its_turn {
                    ran |= run(gpu, operation.as_ref(), options, 0x5eed + i as u32);
                }
            }
        }
        // The default preset of a kernel without features runs on every adapter.
        let portable = preset == 0 && kernel.features.is_empty();
        assert!(ran || !portable, "{} ran nowhere", kernel.name);
        ran_any |= ran;
    }
    if !ran_any {
        skip(NOT_HERE);
    }
}

/// Plans, runs and compares one case; gives `false` where the device cannot run the kernel.
fn run(gpu: &Gpu, operation: &dyn Operation, options: &PlanOptions, seed: u32) -> bool {
    let Some(plan) = common::plan(gpu, operation, options) else {
        return false;
    };
    let space = block_on(OperandBuffers::new(gpu, operation, seed)).unwrap();
    common::verify(gpu, operation, &plan, &space, Coverage::Full);
    true
}

fn samples(
    family: &Family,
    kernel: &'static Kernel,
    options: &PlanOptions,
) -> Vec<Box<dyn Operation>> {
    let features = wgpu::Features::all();
    let stages = kernel
        .prepare(&kernel.preset(options.preset), Loops::AsWritten, features)
        .unwrap();
    family.samples(kernel, &stages)
}

/// `options`, and where a product can be summed in parts of K side by side, once for K at once and once for three parts.
fn in_parts_too(family: &Family, kernel: &Kernel, options: PlanOptions) -> Vec<PlanOptions> {
    if family.name != "matmul" || !kernel.declares("SPLIT_K") {
        return vec![options];
    }
    let with = |parts: u32| PlanOptions {
        constants: Constants::new().set("SPLIT_K", parts),
        ..options.clone()
    };
    vec![with(1), with(3)]
}
