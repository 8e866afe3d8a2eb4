//! Atomic additions: all invocations on one counter, and each on its own.

use super::peak::{PeakCandidate, pace};
use super::probe::{Answer, Probe, ProbeDispatch, ProbeFile, Span, Words, exact, places};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernel::Constants;
use crate::shader::{Checks, files};

pub(super) static ATOMIC_ADD: ProbeFile = ProbeFile {
    shader: files::ATOMIC_ADD,
    features: wgpu::Features::empty(),
};

/// Counters that the invocations add to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counters {
    /// All to the same.
    One,
    /// Each to its own.
    Many,
}

/// Constants of the file: invocations of a workgroup, and atomics of a trip through its loop.
const WORKGROUP: u32 = 256;
const UNROLL: u32 = 8;
const VALUE: u32 = 3;
const LONG_S: f64 = 2e-3;
const MOST_WORKGROUPS: u32 = 1 << 12;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    trips: u32,
    mask: u32,
    value: u32,
    padding: u32,
}

/// The probe at a length of about [`LONG_S`].
pub(super) async fn candidates(
    gpu: &Gpu,
    counters: Counters,
    checks: Checks,
) -> Result<Vec<PeakCandidate>> {
    let most = MOST_WORKGROUPS * WORKGROUP;
    let buffer = gpu.create_storage("counters", u64::from(most) * 4).await?;
    let (mut workgroups, mut trips) = (1, 2);
    loop {
        let probe = probe(&buffer, counters, workgroups, trips, checks);
        let long = pace(gpu, &probe).await? >= LONG_S;
        if long || trips >= 1 << 10 {
            let text = match counters {
                Counters::One => "atomic_add, one counter".to_owned(),
                Counters::Many => format!("atomic_add, {} counters", workgroups * WORKGROUP),
            };
            return Ok(vec![PeakCandidate { text, probe }]);
        }
        if workgroups < MOST_WORKGROUPS {
            workgroups *= 4;
        } else {
            trips *= 2;
        }
    }
}

fn probe(
    buffer: &wgpu::Buffer,
    counters: Counters,
    workgroups: u32,
    trips: u32,
    checks: Checks,
) -> Probe {
    let invocations = workgroups * WORKGROUP;
    let mask = match counters {
        Counters::One => 0,
        Counters::Many => invocations - 1,
    };
    let params = Params {
        trips,
        mask,
        value: VALUE,
        padding: 0,
    };
    let additions = (0..trips).flat_map(|trip| (0..UNROLL).map(move |i| VALUE + trip + i));
    let one = additions.fold(0u32, u32::wrapping_add);
    let each = one.wrapping_mul(invocations / (mask + 1));
    let expected = places(u64::from(mask) + 1).into_iter();
    Probe {
        file: &ATOMIC_ADD,
        constants: Constants::new(),
        checks,
        dispatches: vec![ProbeDispatch {
            params: bytemuck::bytes_of(&params).to_vec(),
            bindings: vec![Span::whole(buffer)],
            workgroups: [workgroups, 1, 1],
        }],
        work: f64::from(invocations) * f64::from(trips * UNROLL),
        answer: Some(Answer {
            buffer: buffer.clone(),
            words: Words::U32,
            expected: expected.map(|place| (place, exact(each))).collect(),
        }),
    }
}
