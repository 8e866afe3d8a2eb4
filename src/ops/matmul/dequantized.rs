//! Products of floats behind a dispatch that dequantises the weights. Programs without fused kernels compute so. The way is
//! fast where many rows use each weight.

use super::dispatch::sub_ranges;
use super::partition::ALIGNED_ROWS;
use super::quantized::{format, require_quants};
use super::shape::Matmul;
use super::{aligned, blocked, samples, vector};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Prepared, files};
use crate::weights::Weights;

/// The first dispatch: `[n, k]` floats from quants.
const DEQUANTIZE: Stage = Stage::of(&files::MATMUL_DEQUANTIZE);

/// Rows from which on dequantising first costs less than what a kernel of floats gains over one of quants.
const MANY: u64 = 256;

/// A product of floats that a kernel runs behind the first dispatch.
trait Product {
    /// The kernel of floats.
    const KERNEL: &'static Implementation<Matmul>;
}

/// A product on matrix units behind dequantised weights.
struct Aligned;
/// A product of few rows behind dequantised weights.
struct Vector;
/// A product of register blocks behind dequantised weights.
struct Blocked;

impl Product for Aligned {
    const KERNEL: &'static Implementation<Matmul> = &aligned::ALIGNED;
}

impl Product for Vector {
    const KERNEL: &'static Implementation<Matmul> = &vector::VECTOR;
}

impl Product for Blocked {
    const KERNEL: &'static Implementation<Matmul> = &blocked::BLOCKED;
}

/// The stages of a kernel behind dequantised weights.
const fn behind(product: &Implementation<Matmul>) -> [Stage; 3] {
    [
        DEQUANTIZE,
        product.kernel.stages[0],
        product.kernel.stages[1],
    ]
}

pub(super) static DEQUANTIZED_ALIGNED: Implementation<Matmul> = dequantized::<Aligned>(
    "matmul_dequantized_aligned",
    "quantised weights written as f16, then matmul_aligned",
    &const { behind(&aligned::ALIGNED) },
    &["128x64x64+q4_0"],
);
pub(super) static DEQUANTIZED_VECTOR: Implementation<Matmul> = dequantized::<Vector>(
    "matmul_dequantized_vector",
    "quantised weights written as floats, then matmul_vector",
    &const { behind(&vector::VECTOR) },
    &[],
);
pub(super) static DEQUANTIZED_BLOCKED: Implementation<Matmul> = dequantized::<Blocked>(
    "matmul_dequantized_blocked",
    "quantised weights written as floats, then matmul_blocked",
    &const { behind(&blocked::BLOCKED) },
    &[],
);

/// The kernel `name`, which dequantises and then runs `P`; `stages` are [`DEQUANTIZE`] and those of `P`.
const fn dequantized<P: Product>(
    name: &'static str,
    about: &'static str,
    stages: &'static [Stage],
    trials: &'static [&'static str],
) -> Implementation<Matmul> {
    Implementation {
        kernel: Kernel {
            features: P::KERNEL.kernel.features,
            dtypes: P::KERNEL.kernel.dtypes,
            // The weights, where A is f16.
            intermediates: Dtype::F16,
            trials,
            ..Kernel::new(name, about, stages)
        },
        fit: fit::<P>,
        constants: constants::<P>,
        alternatives: |matmul, device| (P::KERNEL.alternatives)(&of_floats(matmul), device),
        schedule: schedule::<P>,
        samples: Some(samples::of_formats),
    }
}

/// Bytes of the weights as floats.
fn bytes_of_floats(matmul: &Matmul) -> u64 {
    (matmul.rows_of_weights() * matmul.k).saturating_mul(matmul.dtype.bytes())
}

/// The product with floats for weights.
fn of_floats(matmul: &Matmul) -> Matmul {
    Matmul {
        weights: Weights::Float,
        ..*matmul
    }
}

fn fit<P: Product>(matmul: &Matmul, device: &Capabilities) -> Fit {
    if let Err(reason) = require_quants(matmul) {
        return Fit::Unable(reason);
    }
    let bytes = bytes_of_floats(matmul);
    let most = device.limits.max_buffer_size;
    if bytes > most {
        return Fit::Unable(format!(
            "its weights as floats are {bytes} bytes, and a buffer has {most} at most (max_buffer_size); matmul_blocked \
             takes quants as they are"
        ));
    }
    match (P::KERNEL.fit)(&of_floats(matmul), device) {
        Fit::Best if matmul.m >= MANY => Fit::Best,
        Fit::Best => Fit::Able(format!(
            "{} rows use a weight, which is written and read again as a float",
            matmul.m
        )),
        other => other,
    }
}

fn constants<P: Product>(
    matmul: &Matmul,
    device: &Capabilities,
    given: &Constants,
) -> Result<Constants> {
    let product = (P::KERNEL.constants)(&of_floats(matmul), device, given)?;
    // Sixteen bytes.
    let most = 16 / matmul.dtype.bytes();
    let stored = given.integer("STORED").unwrap_or(most);
    if stored > most {
        return Err(Error::Unsupported {
            what: "kernel matmul_dequantized".to_owned(),
            reason: format!(
                "STORED is {stored}, and a store of {} has {most} elements at most",
                matmul.dtype.name()
            ),
        });
    }
    let store = match (stored, matmul.dtype) {
        (8, _) => "vec4<u32>",
        (_, Dtype::F16) => "vec4<f16>",
        _ => "vec4<f32>",
    };
    Ok(format(matmul.weights)
        .set("Stored", store)
        .set("STORED", stored)
        .merged(&product))
}

fn schedule<P: Product>(
    matmul: &Matmul,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let mut product = (P::KERNEL.schedule)(&of_floats(matmul), &stages[1..], device)?;
    if product.steps.is_empty() {
        return Ok(product);
    }
    let floats = Slot::Scratch(product.scratch.len());
    for step in &mut product.steps {
        step.stage += 1;
        for window in &mut step.windows {
            window.slot = match window.slot {
                Slot::Operand(1) => floats,
                // The scales lie between.
                Slot::Operand(place) if place > 1 => Slot::Operand(place + 1),
                slot => slot,
            };
        }
    }
    product.scratch.push(bytes_of_floats(matmul));
    let mut steps = dequantize(matmul, stages[0], floats, device);
    steps.append(&mut product.steps);
    Ok(Schedule { steps, ..product })
}

/// Binding 0 of the first dispatch.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    k: u32,
    rows: u32,
}

/// The dispatches that write the weights of `matmul` as floats to `floats`, as many rows at once as a binding holds.
fn dequantize(
    matmul: &Matmul,
    stage: &Prepared,
    floats: Slot,
    device: &Capabilities,
) -> Vec<Dispatch> {
    let (rows, k) = (matmul.rows_of_weights(), matmul.k);
    let of_row = [
        matmul.weights.quant_words(k) * 4,
        matmul.weights.scale_words(k) * 4,
        k * matmul.dtype.bytes(),
    ];
    let limits = &device.limits;
    let longest = of_row.into_iter().max().unwrap_or(0).max(1);
    let held = limits.max_storage_buffer_binding_size / longest;
    let at_once = (held / ALIGNED_ROWS * ALIGNED_ROWS).max(1);
    let workgroup = u64::from(stage.constant("DEQUANTIZE_WORKGROUP") * stage.constant("STORES"));
    sub_ranges(rows, at_once)
        .map(|range| {
            let count = range.end - range.start;
            let slots = [Slot::Operand(1), Slot::Operand(2), floats];
            let window = |(slot, bytes): (Slot, u64)| BindingRange {
                slot,
                offset: range.start * bytes,
                bytes: count * bytes,
            };
            let params = Params {
                k: k as u32,
                rows: count as u32,
            };
            let across = u64::from(limits.max_compute_workgroups_per_dimension);
            let deep = count.div_ceil(across);
            Dispatch {
                stage: 0,
                params: bytemuck::bytes_of(&params).to_vec(),
                windows: slots.into_iter().zip(of_row).map(window).collect(),
                workgroups: [
                    (k / u64::from(stage.constant("STORED"))).div_ceil(workgroup) as u32,
                    count.div_ceil(deep) as u32,
                    deep as u32,
                ],
            }
        })
        .collect()
}
