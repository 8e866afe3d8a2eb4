//! Every kernel of every operation against its f64 reference, on the adapter that the environment names.
//!
//! The cases come from the table of operations: a kernel that is added there is tested here.

mod common;

use pollster::block_on;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::kernel::{Constants, Kernel};
use ridgepoint::ops::{FAMILIES, Family, family};
use ridgepoint::shader::{Checks, Loops};
use ridgepoint::{Gpu, Operation, PlanOptions};

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

/// All samples of all kernels of one operation, in one mode. Every kernel has to run somewhere in it.
fn all(gpu: &Gpu, name: &str, checks: Checks, loops: Loops) {
    let family = family(name).unwrap();
    for &kernel in family.kernels {
        // Presets change sizes, not accesses: what wgpu checks is the same in each of them.
        let presets = if checks == Checks::On {
            1
        } else {
            kernel.presets.len().max(1)
        };
        for preset in 0..presets {
            let options = PlanOptions {
                kernel: Some(kernel.name),
                preset,
                checks,
                loops,
                ..Default::default()
            };
            let mut ran = false;
            // Presets differ in sizes and not in paths: a few samples of each but the first are enough.
            let step = if preset == 0 { 1 } else { 4 };
            let samples = samples(family, kernel, &options);
            for options in in_parts_too(family, kernel, options) {
                for (i, operation) in samples.iter().enumerate().step_by(step) {
                    ran |= run(gpu, operation.as_ref(), &options, 0x5eed + i as u32);
                }
            }
            // The default preset of a kernel without features runs on every adapter.
            let portable = preset == 0 && kernel.features.is_empty();
            assert!(ran || !portable, "{} ran nowhere", kernel.name);
        }
    }
}

/// Once with all that the adapter has and no runtime checks, once as a browser would run it.
fn in_both_modes(name: &str) {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    println!(
        "{} on {} ({})",
        name,
        gpu.summary().name,
        gpu.summary().backend
    );
    all(&gpu, name, Checks::Off, Loops::Unrolled);
    let Some(gpu) = common::open_default_limits() else {
        return;
    };
    all(&gpu, name, Checks::On, Loops::Unrolled);
}

#[test]
fn copy() {
    in_both_modes("copy");
}

#[test]
fn rms_norm() {
    in_both_modes("rms_norm");
}

#[test]
fn layer_norm() {
    in_both_modes("layer_norm");
}

#[test]
fn scale() {
    in_both_modes("scale");
}

#[test]
fn sum() {
    in_both_modes("sum");
}

#[test]
fn max() {
    in_both_modes("max");
}

#[test]
fn dot() {
    in_both_modes("dot");
}

#[test]
fn multiply() {
    in_both_modes("multiply");
}

#[test]
fn add() {
    in_both_modes("add");
}

#[test]
fn triad() {
    in_both_modes("triad");
}

#[test]
fn fma() {
    in_both_modes("fma");
}

#[test]
fn matmul() {
    in_both_modes("matmul");
}

#[test]
fn softmax() {
    in_both_modes("softmax");
}

#[test]
fn attention() {
    in_both_modes("attention");
}

#[test]
fn attention_backward() {
    in_both_modes("attention_backward");
}

#[test]
fn every_operation_has_a_test_above() {
    let tested = [
        "copy",
        "scale",
        "multiply",
        "add",
        "triad",
        "sum",
        "max",
        "dot",
        "fma",
        "matmul",
        "softmax",
        "rms_norm",
        "layer_norm",
        "attention",
        "attention_backward",
    ];
    assert_eq!(FAMILIES.iter().map(|f| f.name).collect::<Vec<_>>(), tested);
}

/// A file gives the same result with its loops as written.
#[test]
fn loops_as_written_give_the_same() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    for family in FAMILIES {
        for &kernel in family.kernels {
            let options = PlanOptions {
                kernel: Some(kernel.name),
                loops: Loops::AsWritten,
                ..Default::default()
            };
            let cases = samples(family, kernel, &options);
            // One case with ragged edges is enough: the loops do not depend on the shape.
            let largest = cases
                .iter()
                .filter(|c| c.flops() < 5_000_000)
                .max_by_key(|c| c.flops() + c.min_bytes());
            run(&gpu, largest.unwrap().as_ref(), &options, 1);
        }
    }
}
