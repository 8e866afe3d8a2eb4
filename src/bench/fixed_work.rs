//! The fixed work of a device, and its drift monitor: one of each for a [`Gpu`], shared by all that measure on it.

use super::clock::Clock;
use super::drift::{DriftMonitor, WakeRule};
use super::operand_buffers::OperandBuffers;
use super::rates::Awake;
use super::timed_launch::TimedLaunch;
use crate::error::Result;
use crate::gpu::{Gpu, lock};
use crate::ops::{Fma, Operation, Recurrence};
use crate::plan::{Launch, Plan, PlanOptions};
use crate::report::{AdapterKind, Sampling};
use std::sync::{Arc, Mutex};

/// Invocations of the fixed work, by the device's speed: enough to fill a large GPU, few enough for a slow CPU.
const INVOCATIONS: [u64; 4] = [1 << 14, 1 << 16, 1 << 18, 1 << 20];
/// One repeat of the fixed work lasts this long, where one of the sizes does: a probe is several of them.
const REPEAT_S: f64 = 100e-6;
/// Repeats whose mean tells how long one is, without what a submission costs.
const REPEATS: u32 = 8;

/// Fixed arithmetic bound to buffers of its own, and what is known of the device's rate by it.
#[derive(Debug)]
struct Watched {
    launch: Launch,
    monitor: DriftMonitor,
}

/// The fixed work that a device keeps: none until the device is first watched.
type Slot = Mutex<Option<Arc<Watched>>>;

/// Wakes `gpu` for a measurement: see [`DriftMonitor::wake`]. A software adapter is not watched where sampling is short,
/// and the no-op backend never.
///
/// # Errors
/// Errors of [`Clock::wake`].
pub(crate) async fn wake(
    gpu: &Gpu,
    sampling: &Sampling,
    should_stop: &dyn Fn() -> bool,
) -> Result<Awake> {
    let rule = match gpu.capabilities().kind {
        AdapterKind::Noop => return Ok(Awake::default()),
        AdapterKind::Software if sampling.warning().is_some() => return Ok(Awake::default()),
        AdapterKind::Software => WakeRule::Software,
        _ => WakeRule::Gpu,
    };
    let watched = watched(gpu, rule).await?;
    let mut fixed = TimedLaunch::new(gpu, &watched.launch).await?;
    watched.monitor.wake(&mut fixed, should_stop).await
}

/// The rate of `gpu` after a measurement: see [`DriftMonitor::rate_after`]; `None` where it was not watched.
///
/// # Errors
/// Errors of [`Clock::rate_after`].
pub(crate) async fn rate_after(gpu: &Gpu, awake: &Awake) -> Result<Option<f64>> {
    let slot = gpu.kept::<Slot>();
    let watched = lock(&slot).clone();
    let Some((watched, before)) = watched.zip(awake.rate) else {
        return Ok(None);
    };
    let mut fixed = TimedLaunch::new(gpu, &watched.launch).await?;
    let rate = watched.monitor.rate_after(&mut fixed, before).await?;
    Ok(Some(rate))
}

async fn watched(gpu: &Gpu, rule: WakeRule) -> Result<Arc<Watched>> {
    let slot = gpu.kept::<Slot>();
    let known = lock(&slot).clone();
    if let Some(known) = known {
        return Ok(known);
    }
    let (launch, flops) = launch(gpu).await?;
    let made = Arc::new(Watched {
        launch,
        monitor: DriftMonitor::new(rule, flops),
    });
    // Whoever was first on another thread stays.
    Ok(Arc::clone(lock(&slot).get_or_insert(made)))
}

/// The smallest of the sizes that keeps this device busy long enough, or the largest that it can bind, and its FLOPs.
async fn launch(gpu: &Gpu) -> Result<(Launch, f64)> {
    let largest = gpu.capabilities().limits.max_storage_buffer_binding_size;
    let mut sizes = INVOCATIONS.into_iter().peekable();
    loop {
        let work = Fma {
            invocations: sizes.next().unwrap_or(INVOCATIONS[0]),
            steps: 512,
            chains: 4,
            width: 2,
            recurrence: Recurrence::Affine,
        };
        let plan = Plan::new(gpu, &work, &PlanOptions::default()).await?;
        let space = OperandBuffers::new(gpu, &work, 1).await?;
        let launch = plan.bind(&space.views())?;
        let mut clock = TimedLaunch::new(gpu, &launch).await?;
        clock.sample(1).await?;
        let lasts_s = clock.sample(REPEATS).await?.rough_s() / f64::from(REPEATS);
        let is_last = sizes
            .peek()
            .is_none_or(|next| next * work.width * 4 > largest);
        if lasts_s >= REPEAT_S || is_last {
            return Ok((launch, work.flops() as f64));
        }
    }
}
