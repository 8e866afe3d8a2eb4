//! The time of one kernel with one set of constants, verified before it is timed.

use super::subject::Trial;
use crate::cli::stop;
use ridgepoint::bench::{Clock, Coverage, GpuClock, OperandBuffers, measure, operand_sets};
use ridgepoint::plan::Launch;
use ridgepoint::report::Sampling;
use ridgepoint::units::{Bandwidth, FlopRate, format_percent, format_seconds};
use ridgepoint::{Error, Gpu, Operation, Plan, PlanOptions, Result};
use std::time::Duration;

/// A median time in seconds, and the figures of a line.
pub(super) struct Timed {
    pub(super) seconds: f64,
    pub(super) figures: String,
}

/// Sets of operands: one set, or as many sets as it takes for no cache to hold a set when its turn comes again.
pub(super) async fn spaces(
    gpu: &Gpu,
    operation: &dyn Operation,
    is_flushed: bool,
) -> Result<Vec<OperandBuffers>> {
    let sets = if is_flushed {
        operand_sets(operation, gpu.capabilities().kind)
    } else {
        1
    };
    OperandBuffers::sets(gpu, operation, 1, sets, &stop::asked).await
}

/// The median time of one execution, with rates and spread.
///
/// # Errors
/// Errors of planning and measuring; [`Error::Interrupted`].
pub(super) async fn whole(
    gpu: &Gpu,
    operation: &dyn Operation,
    trial: &Trial<'_>,
    options: &PlanOptions,
    spaces: &[OperandBuffers],
) -> Result<Timed> {
    let launches = verified(gpu, operation, trial, options, spaces).await?;
    let sampling = Sampling {
        warm_up: Duration::from_millis(60),
        warm_up_max: Duration::from_millis(120),
        min_samples: 10,
        min_time: Duration::from_millis(60),
        max_time: Duration::from_millis(300),
        ..Sampling::default()
    };
    let mut clock = GpuClock::rotating(gpu, &launches).await?;
    let measured = measure(&mut clock, &sampling, &stop::asked).await?;
    let Some(time) = &measured.time else {
        return Err(Error::Gpu {
            what: "no time".into(),
            message: measured.reason.unwrap_or_default(),
        });
    };
    let seconds = time.median;
    let rate = FlopRate::new(operation.flops(), seconds).map(|rate| rate.to_string());
    let bandwidth = Bandwidth::new(operation.min_bytes(), seconds).map(|rate| rate.to_string());
    let spread = format!("+-{}", format_percent(time.relative_iqr()));
    let mark = measured
        .drift_marks()
        .first()
        .map(|mark| format!("! {mark}"));
    let parts = [
        Some(format_seconds(seconds)),
        rate,
        bandwidth,
        Some(spread),
        mark,
    ];
    let figures = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Ok(Timed { seconds, figures })
}

/// Time of the longest of a plan's dispatches, which is what a watchdog sees. Dispatches run in order and alone, and each
/// time is the shortest of three samples.
///
/// # Errors
/// Errors of [`whole`].
pub(super) async fn longest_dispatch(
    gpu: &Gpu,
    operation: &dyn Operation,
    trial: &Trial<'_>,
    options: &PlanOptions,
    spaces: &[OperandBuffers],
) -> Result<Timed> {
    let mut times = Vec::new();
    let launches = verified(gpu, operation, trial, options, &spaces[..1]).await?;
    for launch in launches.into_iter().flat_map(Launch::apart) {
        let mut clock = GpuClock::new(gpu, &launch).await?;
        clock.wake(&Sampling::quick(), &stop::asked).await?;
        let mut shortest = f64::INFINITY;
        for _ in 0..3 {
            if stop::asked() {
                return Err(Error::Interrupted);
            }
            let tick = clock.sample(1).await?;
            shortest = shortest.min(tick.gpu_s.unwrap_or(tick.wall_s));
        }
        times.push(shortest);
    }
    let seconds = times.iter().copied().fold(0.0, f64::max);
    let place = times.iter().position(|time| *time >= seconds);
    let figures = format!(
        "longest {} (dispatch {} of {}), all {}",
        format_seconds(seconds),
        place.map_or(0, |place| place + 1),
        times.len(),
        format_seconds(times.iter().sum()),
    );
    Ok(Timed { seconds, figures })
}

/// A launch for each set of operands, after the result on the first set was compared with the reference.
async fn verified(
    gpu: &Gpu,
    operation: &dyn Operation,
    trial: &Trial<'_>,
    options: &PlanOptions,
    spaces: &[OperandBuffers],
) -> Result<Vec<Launch>> {
    let candidate = &*trial.candidate;
    let kernel = candidate.kernel();
    let plan = Plan::with_candidate(gpu, operation, candidate, options).await?;
    if plan.dispatches() == 0 {
        let (name, label) = (operation.family().name, operation.label());
        let reason = format!("{name} {label} has no elements to compute");
        return Err(Error::NothingToRun { reason });
    }
    let launches: Result<Vec<_>> = spaces.iter().map(|s| plan.bind(&s.views())).collect();
    let launches = launches?;
    let first = &launches[0];
    let verified = spaces[0].run_and_verify(gpu, operation, kernel, first, Coverage::Sampled);
    verified.await?.require(kernel.name)?;
    Ok(launches)
}
