//! Measuring the ceilings that a run needs: f32 arithmetic, and copying from memory to memory.

use crate::bench::{Coverage, GpuClock, Measurement, Sampling, Status, Workspace, measure};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::{Plan, PlanOptions};
use crate::ops::{Fma, Operation, Stream, StreamKind};
use crate::report::Ceiling;
use crate::shader::{Checks, Constant};
use std::time::Duration;

/// How much of a grid of shapes is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArithmeticGrid {
    /// Both chain forms; 1, 2, 4, 8 chains; widths 1, 2, 4; then three workgroup sizes for the best.
    Full,
    /// The shapes that won somewhere, for a first look and for software adapters, where compiling takes long.
    Short,
}

/// How the ceilings are measured.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Shapes of the arithmetic probe.
    pub grid: ArithmeticGrid,
    /// Bytes of one operand of the copy; what is larger than half of all caches shows memory.
    pub copy_bytes: u64,
    /// Sampling of the winner.
    pub sampling: Sampling,
    /// Seed of the data.
    pub seed: u32,
}

/// One candidate of a grid: an operation and how to plan it.
struct Candidate {
    operation: Box<dyn Operation>,
    options: PlanOptions,
    text: String,
}

/// Measures `compute/f32` and `memory/copy`, each the best of its grid: a short screening, then the winner in full.
///
/// # Errors
/// [`Error::Interrupted`] and [`Error::DeviceLost`]; whatever else happens is the ceiling's status.
pub async fn measure_ceilings(
    gpu: &Gpu,
    effort: &Effort,
    should_stop: &dyn Fn() -> bool,
) -> Result<Vec<Ceiling>> {
    let arithmetic = best_of(
        gpu,
        arithmetic(gpu, effort, should_stop).await?,
        effort,
        should_stop,
    )
    .await;
    let copy = best_of(gpu, copies(gpu, effort), effort, should_stop).await;
    Ok(vec![
        ceiling("compute/f32", "FLOP/s", arithmetic, |operation| {
            operation.flops()
        })?,
        ceiling("memory/copy", "B/s", copy, |operation| {
            operation.min_bytes()
        })?,
    ])
}

type Best = (Measurement, Option<(Candidate, usize)>);

fn ceiling(
    id: &str,
    unit: &str,
    best: Result<Best>,
    work: impl Fn(&dyn Operation) -> u64,
) -> Result<Ceiling> {
    let (measurement, winner) = match best {
        Err(error @ (Error::Interrupted | Error::DeviceLost { .. })) => return Err(error),
        Err(error) => (Measurement::failed(&error), None),
        Ok(best) => best,
    };
    let value = measurement.time.as_ref().zip(winner.as_ref());
    let value = value
        .map(|(time, (winner, _))| work(winner.operation.as_ref()) as f64 / time.best_stable());
    let won = winner.map(|(winner, count)| format!("{}; best of {count}", winner.text));
    let reason = match (measurement.status, measurement.reason) {
        (Status::Ok, _) => won,
        (_, reason) => reason,
    };
    Ok(Ceiling {
        id: id.to_owned(),
        value,
        unit: unit.to_owned(),
        status: measurement.status,
        reason,
    })
}

/// Screens all candidates for a few tens of milliseconds each and measures the fastest in full.
async fn best_of(
    gpu: &Gpu,
    mut grid: Vec<Candidate>,
    effort: &Effort,
    stop: &dyn Fn() -> bool,
) -> Result<Best> {
    let screening = Sampling {
        warm_up: Duration::ZERO,
        warm_up_max: Duration::from_millis(20),
        min_samples: 3,
        min_time: Duration::from_millis(20),
        max_time: Duration::from_millis(100),
        ..effort.sampling.clone()
    };
    let mut best: Option<(f64, usize)> = None;
    let mut last = Measurement::unsupported("nothing to measure");
    for (i, candidate) in grid.iter().enumerate() {
        let measured = time(gpu, candidate, effort.seed, &screening, stop).await?;
        let work = (candidate.operation.flops() + candidate.operation.min_bytes()) as f64;
        if let Some(rate) = measured.time.as_ref().map(|time| work / time.median)
            && best.is_none_or(|(known, _)| rate > known)
        {
            best = Some((rate, i));
        }
        last = measured;
    }
    let Some((_, winner)) = best else {
        return Ok((last, None));
    };
    let measured = time(gpu, &grid[winner], effort.seed, &effort.sampling, stop).await?;
    let count = grid.len();
    Ok((measured, Some((grid.swap_remove(winner), count))))
}

/// Verifies one candidate and times it. What is wrong is not timed.
async fn time(
    gpu: &Gpu,
    candidate: &Candidate,
    seed: u32,
    sampling: &Sampling,
    stop: &dyn Fn() -> bool,
) -> Result<Measurement> {
    let operation = candidate.operation.as_ref();
    let plan = match Plan::new(gpu, operation, &candidate.options).await {
        Err(Error::Unsupported { reason, .. }) => return Ok(Measurement::unsupported(reason)),
        other => other?,
    };
    let space = Workspace::new(gpu, operation, seed).await?;
    space.poison(gpu).await?;
    let launch = plan.bind(&space.views())?;
    let mut encoder = gpu
        .device()
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    launch.record(&mut encoder);
    gpu.submit(encoder, plan.kernel().name).await?;
    let inputs = space.generated(seed);
    let verified = space
        .verify(gpu, operation, plan.kernel(), &inputs, Coverage::Sampled)
        .await?;
    if !verified.ok {
        let message = format!("wrong result: {}", verified.worst.unwrap_or_default());
        return Ok(Measurement::failed(&Error::Gpu {
            what: plan.kernel().name.to_owned(),
            message,
        }));
    }
    measure(&mut GpuClock::new(gpu, &launch).await?, sampling, stop).await
}

/// The shapes of the arithmetic probe, each about a millisecond long on this adapter.
async fn arithmetic(gpu: &Gpu, effort: &Effort, stop: &dyn Fn() -> bool) -> Result<Vec<Candidate>> {
    let shapes: &[(u64, u64)] = match effort.grid {
        ArithmeticGrid::Full => &[
            (1, 1),
            (1, 2),
            (1, 4),
            (2, 1),
            (2, 2),
            (2, 4),
            (4, 1),
            (4, 2),
            (4, 4),
            (8, 1),
            (8, 2),
            (8, 4),
        ],
        ArithmeticGrid::Short => &[(4, 2), (4, 4), (8, 1)],
    };
    let workgroups: &[u32] = match effort.grid {
        ArithmeticGrid::Full => &[64, 128, 256],
        ArithmeticGrid::Short => &[256],
    };
    let (invocations, steps) = length(gpu, effort, stop).await?;
    let mut grid = Vec::new();
    for kernel in ["fma_affine", "fma_square"] {
        for &(chains, width) in shapes {
            for &workgroup in workgroups {
                let operation = Fma {
                    invocations,
                    steps: steps * 8 / (chains * width),
                    chains,
                    width,
                };
                let constants = vec![("WORKGROUP", Constant::Integer(workgroup))];
                let options = PlanOptions {
                    kernel: Some(kernel),
                    constants,
                    checks: Checks::Off,
                    ..Default::default()
                };
                let text = format!(
                    "{kernel}, {chains} chains of width {width}, workgroups of {workgroup}"
                );
                grid.push(Candidate {
                    operation: Box::new(operation),
                    options,
                    text,
                });
            }
        }
    }
    Ok(grid)
}

/// Invocations and steps that keep the adapter busy for a millisecond or so, found from a tiny dispatch upward.
async fn length(gpu: &Gpu, effort: &Effort, stop: &dyn Fn() -> bool) -> Result<(u64, u64)> {
    let (mut invocations, mut steps) = (1 << 10, 64);
    let brief = Sampling {
        warm_up: Duration::ZERO,
        warm_up_max: Duration::from_millis(1),
        min_samples: 1,
        min_time: Duration::ZERO,
        max_time: Duration::from_millis(5),
        sample_min: Duration::ZERO,
        ..effort.sampling.clone()
    };
    while invocations < 1 << 20 {
        let operation = Box::new(Fma {
            invocations,
            steps,
            chains: 4,
            width: 2,
        });
        let options = PlanOptions {
            kernel: Some("fma_affine"),
            ..Default::default()
        };
        let probe = Candidate {
            operation,
            options,
            text: String::new(),
        };
        let measured = time(gpu, &probe, effort.seed, &brief, stop).await?;
        if measured.time.is_none_or(|time| time.median > 1e-3) {
            break;
        }
        if steps < 2048 {
            steps *= 2;
        } else {
            invocations *= 2;
        }
    }
    Ok((invocations, steps))
}

/// Copies of half of `copy_bytes` to the other half, with each number of workgroups that the kernel knows.
fn copies(gpu: &Gpu, effort: &Effort) -> Vec<Candidate> {
    let limits = &gpu.capabilities().limits;
    let bytes = effort
        .copy_bytes
        .min(limits.max_buffer_size)
        .min(limits.max_storage_buffer_binding_size);
    let operation = Stream {
        kind: StreamKind::Copy,
        elements: bytes / 4,
    };
    let presets = operation.family().kernels[0].presets.len();
    let candidate = |preset| Candidate {
        operation: Box::new(operation),
        options: PlanOptions {
            preset,
            ..Default::default()
        },
        text: format!(
            "stream_copy, preset {preset}, 2 x {}",
            crate::units::format_bytes(operation.elements * 4)
        ),
    };
    (0..presets).map(candidate).collect()
}
