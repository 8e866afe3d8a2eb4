//! Bytes as an operation with sizes, strides and options, and as a kernel: refused with an error, or the result of the reference
//! in f64. Runs on an adapter; Mesa's llvmpipe will do.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::ops::{FAMILIES, Operation};
use ridgepoint::shader::{Checks, Loops};
use ridgepoint::{Error, Gpu, GpuOptions, Plan, PlanOptions};
use ridgepoint_fuzz::operation;
use std::sync::OnceLock;
use std::time::Duration;

/// Elements of the largest operand: the reference goes through all of them.
const MOST_ELEMENTS: u64 = 1 << 14;
/// Most work of one operation.
const MOST_FLOPS: u64 = 1 << 20;

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let options = GpuOptions::from_env().expect("the environment names an adapter");
        let mut gpu = pollster::block_on(Gpu::open(&options)).expect("there is an adapter");
        // libFuzzer's own limit tells of work that does not end: what is slow for want of a processor is no fault.
        gpu.set_timeout(Duration::from_mins(20));
        gpu
    })
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Unstructured::new(bytes);
    if let Ok((operation, options, seed)) = problem(&mut bytes) {
        pollster::block_on(check(operation.as_ref(), &options, seed));
    }
});

fn problem(bytes: &mut Unstructured<'_>) -> Result<(Box<dyn Operation>, PlanOptions, u32)> {
    let operation = operation(bytes)?;
    let kernels = FAMILIES
        .iter()
        .find(|family| family.name == operation.family().name)
        .map_or(&[][..], |family| family.kernels);
    let place = usize::from(bytes.arbitrary::<u8>()?) % (kernels.len() + 1);
    let options = PlanOptions {
        kernel: kernels.get(place).map(|kernel| kernel.name),
        preset: usize::from(bytes.arbitrary::<bool>()?),
        checks: if bytes.arbitrary()? {
            Checks::On
        } else {
            Checks::Off
        },
        loops: if bytes.ratio(1, 8)? {
            Loops::AsWritten
        } else {
            Loops::Unrolled
        },
        ..PlanOptions::default()
    };
    Ok((operation, options, bytes.arbitrary()?))
}

async fn check(operation: &dyn Operation, options: &PlanOptions, seed: u32) {
    if operation.validate().is_err() {
        return;
    }
    let operands = operation.operands();
    let largest = operands.iter().map(|operand| operand.elements).max();
    if largest.unwrap_or(0) > MOST_ELEMENTS || operation.flops() > MOST_FLOPS {
        return;
    }
    let what = || format!("{operation:?} by {options:?}, seed {seed}");
    let gpu = gpu();
    let plan = match Plan::new(gpu, operation, options).await {
        Ok(plan) => plan,
        Err(
            Error::Unsupported { .. }
            | Error::TooLarge { .. }
            | Error::Shape { .. }
            | Error::UnknownName { .. },
        ) => return,
        Err(error) => panic!("{}: {error}", what()),
    };
    let verified = async {
        let space = OperandBuffers::new(gpu, operation, seed).await?;
        let launch = plan.bind(&space.views())?;
        let kernel = plan.kernel();
        space
            .run_and_verify(gpu, operation, kernel, &launch, Coverage::Full)
            .await
    };
    let verified = verified
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", what()));
    assert!(verified.ok, "{}: {verified:?}", what());
}
