//! The cost of runtime checks in a kernel that does more than a probe.

use super::peak::Bench;
use super::probe::measured;
use crate::bench::{Coverage, GpuClock, Measurement, OperandBuffers, measure};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::ops::{Operation, family};
use crate::plan::{Plan, PlanOptions};
use crate::report::{Ceiling, Sampling};
use crate::shader::Checks;

/// The rate of the best f32 matmul of a shape in one mode.
///
/// # Errors
/// [`Error::Interrupted`], [`Error::DeviceLost`]; whatever else happens is the status.
pub(super) async fn matmul(bench: &mut Bench<'_>, shape: &str, checks: Checks) -> Result<Ceiling> {
    let operation = (family("matmul")?.parse)(shape, Dtype::F32)?;
    let operation = operation.as_ref();
    let ended = measured(time(bench, operation, checks).await)?;
    let work = operation.flops() as f64;
    let time = ended.time;
    Ok(Ceiling {
        value: time.as_ref().map(|time| work / time.best_stable()),
        status: ended.status,
        reason: ended.reason,
        shape: Some(shape.to_owned()),
        counts: "a multiplication and an addition are 2".to_owned(),
        checks: bench.gpu.checks(checks),
        work: Some(work),
        clock: ended.clock,
        time_s: time,
        wall_s: ended.wall,
        discarded: ended.discarded,
        sensors: ended.sensors,
        warnings: ended.warnings,
        ..Ceiling::known("matmul/f32", "FLOP/s", 0.0)
    })
}

async fn time(
    bench: &mut Bench<'_>,
    operation: &dyn Operation,
    checks: Checks,
) -> Result<Measurement> {
    let (gpu, seed) = (bench.gpu, bench.effort.seed);
    let options = PlanOptions {
        checks,
        ..Default::default()
    };
    let plan = Plan::new(gpu, operation, &options).await?;
    let space = OperandBuffers::new(gpu, operation, seed).await?;
    let launch = plan.bind(&space.views())?;
    let kernel = plan.kernel();
    let verified = space.run_and_verify(gpu, operation, kernel, &launch, Coverage::Sampled);
    verified.await?.require(kernel.name)?;
    let row = async |gpu: &Gpu, sampling: &Sampling, stop: &dyn Fn() -> bool| {
        let mut clock = GpuClock::new(gpu, &launch).await?;
        measure(&mut clock, sampling, stop).await
    };
    bench.watched(row).await
}
