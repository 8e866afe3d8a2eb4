//! Gates: tests whether an adapter's results can be trusted. Each has an outcome and, where it fails, a remedy.

use crate::bench::{Coverage, OperandBuffers};
use crate::data::{Dtype, Inputs, generate};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::gpu::profile::compiles_long_texts_slowly;
use crate::kernel::Kernel;
use crate::ops::{Family, Operation};
use crate::plan::{Plan, PlanOptions};
use crate::report::Sampling;
use crate::sensors::Found;
use crate::shader::{Checks, Loops};
use serde::{Deserialize, Serialize};
use web_time::Instant;

/// How a gate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The statement of the gate holds.
    Pass,
    /// The statement of the gate does not hold.
    Fail,
    /// The statement of the gate could not be tested here, which is no fault.
    Skipped,
}

/// One statement about an adapter, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Statement that the gate tests.
    pub name: String,
    /// Whether the statement holds.
    pub outcome: Outcome,
    /// Observation behind the outcome, in words.
    pub detail: String,
    /// Remedy where the gate fails.
    pub remedy: Option<String>,
}

impl Gate {
    /// A gate that holds.
    #[must_use]
    pub fn pass(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            outcome: Outcome::Pass,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// A gate that could not be tested.
    #[must_use]
    pub fn skipped(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            outcome: Outcome::Skipped,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// A gate that does not hold.
    #[must_use]
    pub fn fail(
        name: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            outcome: Outcome::Fail,
            detail: detail.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// Name of the gate of [`timestamps`].
pub const TIMESTAMPS: &str = "timestamps are plausible";

/// Compares GPU timestamps with the host's clock: they are neither zero nor backwards, and no longer than the wait.
///
/// # Errors
/// [`Error::DeviceLost`].
pub async fn timestamps(gpu: &Gpu) -> Result<Gate> {
    let Some(period_ns) = gpu.timestamp_period_ns() else {
        return Ok(Gate::skipped(
            TIMESTAMPS,
            "the device has none; times come from the wall clock",
        ));
    };
    match timed_copy(gpu).await {
        Err(error @ Error::DeviceLost { .. }) => Err(error),
        Err(error) => Ok(Gate::fail(
            TIMESTAMPS,
            error.to_string(),
            "update the driver",
        )),
        Ok((gpu_s, wall_s)) => {
            let detail = format!(
                "{} by timestamps of {period_ns} ns, {} by the wall clock",
                crate::units::format_seconds(gpu_s),
                crate::units::format_seconds(wall_s)
            );
            if gpu_s > 0.0 && gpu_s <= wall_s * 1.05 {
                return Ok(Gate::pass(TIMESTAMPS, detail));
            }
            let remedy =
                "update the driver; until then runs fall back to the wall clock and say so";
            Ok(Gate::fail(TIMESTAMPS, detail, remedy))
        }
    }
}

/// Name of the gate of [`sensors`].
pub const SENSORS: &str = "sensors answer";

/// Sensors that answer, a gate for each source, and what the others would need, which is no fault.
#[must_use]
pub fn sensors(found: &Found) -> Vec<Gate> {
    if found.asked.is_empty() {
        let why = "no source of sensors is known for this adapter on this system";
        return vec![Gate::skipped(SENSORS, why)];
    }
    let gates = found.asked.iter().map(|asked| {
        let source = asked.source;
        match &asked.answer {
            Ok(quantities) => Gate::pass(SENSORS, format!("{source}: {}", quantities.join(", "))),
            Err(needs) => Gate::skipped(SENSORS, format!("{source}: {needs}")),
        }
    });
    gates.collect()
}

/// Seconds of a sample that shows whether timestamps are plausible, where [`MOST_REPEATS`] copies last as long.
const LONG_S: f64 = 10e-3;
/// Copies of a sample at most.
const MOST_REPEATS: u32 = 1 << 13;

/// Seconds of copies between two buffers by timestamps, and by the wall clock around them.
async fn timed_copy(gpu: &Gpu) -> Result<(f64, f64)> {
    use crate::bench::{Clock, GpuClock};
    let operation = crate::ops::Stream::new(crate::ops::StreamKind::Copy, 1 << 20);
    let plan = Plan::new(gpu, &operation, &PlanOptions::default()).await?;
    let space = OperandBuffers::new(gpu, &operation, 1).await?;
    let launch = plan.bind(&space.views())?;
    let mut clock = GpuClock::new(gpu, &launch).await?;
    clock.sample(1).await?;
    clock.wake(&Sampling::quick(), &|| false).await?;
    // Timestamps of browsers may advance in steps of 0.1 ms: one step says nothing.
    let mut repeats = 4;
    loop {
        let begin = Instant::now();
        let tick = clock.sample(repeats).await?;
        let wall_s = begin.elapsed().as_secs_f64();
        if wall_s >= LONG_S || repeats >= MOST_REPEATS {
            return Ok((tick.gpu_s.unwrap_or(0.0), wall_s));
        }
        repeats *= 2;
    }
}

/// Name of the gate of a kernel.
#[must_use]
pub fn name_of(kernel: &Kernel) -> String {
    format!("{} is right", kernel.name)
}

/// Runs a kernel on the sample shapes of its operation and compares every element with the f64 reference.
///
/// `input` takes the place of generated data: its values are repeated over every operand.
///
/// # Errors
/// [`Error::DeviceLost`]; [`Error::NonFinite`] for an `input` with a value that is not finite, [`Error::Length`] for one
/// without values.
pub async fn kernel(
    gpu: &Gpu,
    family: &'static Family,
    kernel: &'static Kernel,
    checks: Checks,
    seed: u32,
    input: Option<&[f32]>,
) -> Result<Gate> {
    if let Some(values) = input {
        if values.is_empty() {
            return Err(Error::Length {
                buffer: "input",
                shape: "any operation".into(),
                needed: 1,
                found: 0,
            });
        }
        crate::data::require_finite("the input", values)?;
    }
    let name = name_of(kernel);
    match compare_all(gpu, family, kernel, checks, seed, input).await {
        Err(error) if error.ends_run() => Err(error),
        Err(Error::Unsupported { reason, .. }) => Ok(Gate::skipped(name, reason)),
        Err(error) => {
            let remedy =
                "update the driver; if it stays, report it with the output of `ridgepoint list`";
            Ok(Gate::fail(name, error.to_string(), remedy))
        }
        Ok(summary) => Ok(Gate::pass(name, summary)),
    }
}

async fn compare_all(
    gpu: &Gpu,
    family: &'static Family,
    kernel: &'static Kernel,
    checks: Checks,
    seed: u32,
    input: Option<&[f32]>,
) -> Result<String> {
    let stages = kernel.prepare(&kernel.preset(0), Loops::AsWritten, wgpu::Features::all())?;
    // A processor's driver takes seconds for each copy of a loop's body, and every shape has a text of its own.
    let loops = if compiles_long_texts_slowly(gpu.capabilities()) {
        Loops::AsWritten
    } else {
        Loops::Unrolled
    };
    let options = PlanOptions {
        kernel: Some(kernel.name),
        checks,
        loops,
        ..Default::default()
    };
    let (mut shapes, mut elements, mut skipped) = (0u64, 0u64, 0u64);
    let mut closest: f64 = 0.0;
    let mut unsupported = None;
    for operation in family.samples(kernel, &stages) {
        let plan = match Plan::new(gpu, operation.as_ref(), &options).await {
            // A shape that this kernel has no form for is covered by another kernel.
            Err(error @ Error::Unsupported { .. }) => {
                unsupported = Some(error);
                continue;
            }
            other => other?,
        };
        let Some(verified) = compare(gpu, operation.as_ref(), &plan, seed, input).await? else {
            skipped += 1;
            continue;
        };
        verified.require(&format!("{} of {}", kernel.name, operation.label()))?;
        shapes += 1;
        elements += verified.compared;
        closest = closest.max(
            verified
                .max_error
                .map_or(0.0, |error| error / verified.allowed.max(f64::MIN_POSITIVE)),
        );
    }
    if let Some(error) = unsupported.filter(|_| shapes + skipped == 0) {
        return Err(error);
    }
    let beyond = if skipped > 0 {
        format!("; {skipped} shapes left out, whose results overflow with this input")
    } else {
        String::new()
    };
    Ok(format!(
        "{shapes} shapes, {elements} elements, at most {} of the allowed error{beyond}",
        crate::units::format_percent(closest)
    ))
}

/// Runs and verifies one shape; `None` where the true result of the caller's input is beyond the element type.
async fn compare(
    gpu: &Gpu,
    operation: &dyn Operation,
    plan: &Plan,
    seed: u32,
    input: Option<&[f32]>,
) -> Result<Option<crate::report::Verified>> {
    let kernel = plan.kernel();
    let space = match input {
        None => OperandBuffers::new(gpu, operation, seed).await?,
        Some(input) => {
            let values = repeat(operation, input, seed);
            if overflows(operation, kernel, &values.as_slice()) {
                return Ok(None);
            }
            OperandBuffers::with_values(gpu, operation, &values).await?
        }
    };
    let launch = plan.bind(&space.views())?;
    let verified = space.run_and_verify(gpu, operation, kernel, &launch, Coverage::Full);
    verified.await.map(Some)
}

/// Values of every input operand, repeated from `input`. Each operand starts 7 values after the start of the previous one.
/// Packed words are generated from `seed`: the bits of a number are no weights.
fn repeat(operation: &dyn Operation, input: &[f32], seed: u32) -> Vec<Vec<f32>> {
    let inputs = operation
        .operands()
        .into_iter()
        .filter(|o| o.role.is_read())
        .enumerate();
    let values = |(i, o): (usize, crate::ops::Operand)| {
        if o.dtype == Dtype::Words {
            return generate(seed, i, o.elements as usize, o.dtype, o.distribution);
        }
        let values: Vec<f32> = input
            .iter()
            .copied()
            .cycle()
            .skip(i * 7)
            .take(o.elements as usize)
            .collect();
        // An operand of a narrower type holds the rounded value, so the reference has to start from the rounded value.
        o.dtype.decode(&o.dtype.encode(&values))
    };
    inputs.map(values).collect()
}

/// Whether a true result, or a partial sum of it, is beyond f32: an allowed error is a multiple of the largest terms.
fn overflows(operation: &dyn Operation, kernel: &'static Kernel, inputs: &dyn Inputs) -> bool {
    let outputs = operation
        .operands()
        .iter()
        .filter(|o| o.role.is_written())
        .map(|o| o.elements)
        .sum();
    let all: Vec<u64> = (0..outputs).collect();
    let limit = f64::from(f32::MAX);
    let u = Dtype::F32.unit_roundoff();
    operation
        .expected(kernel.intermediates, inputs, &all)
        .iter()
        .any(|e| !(e.value.abs() < limit && e.allowed / u < limit))
}
