//! Workgroup memory: reads of a tile, over and over, no barrier in between.

use super::peak::{PeakCandidate, pace};
use super::probe::{Answer, Probe, ProbeDispatch, ProbeFile, Span, Words, exact, places};
use crate::data::{Dtype, mix, stream_seed};
use crate::error::Result;
use crate::gpu::{Gpu, View};
use crate::kernel::Constants;
use crate::shader::{Checks, files};

pub(super) static WORKGROUP_READ: ProbeFile = ProbeFile {
    shader: files::WORKGROUP_READ,
    features: wgpu::Features::empty(),
};

/// Constants of the file: vectors of the tile, vectors between two reads, reads of a trip.
const VECTORS: u32 = 1024;
const APART: u32 = 32;
const UNROLL: u32 = 16;
/// Vectors between the beginnings of two trips: odd, so that every place is a beginning.
const ADVANCE: u32 = 37;
/// Workgroups on a GPU of any size, and how long a dispatch should be.
const MOST_WORKGROUPS: u32 = 1 << 12;
const LONG_S: f64 = 3e-3;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    trips: u32,
    advance: u32,
    seed: u32,
    padding: u32,
}

/// Workgroup sizes that are tried, each about [`LONG_S`] long.
pub(super) async fn candidates(gpu: &Gpu, seed: u32, checks: Checks) -> Result<Vec<PeakCandidate>> {
    let tile = gpu.create_storage("tile", u64::from(VECTORS) * 16).await?;
    gpu.fill_bits(View::whole(&tile, Dtype::F32), seed, 0)
        .await?;
    let answer = gpu
        .create_storage("sums", u64::from(MOST_WORKGROUPS) * 256 * 4)
        .await?;
    let stream = stream_seed(seed, 0);
    let build = |size: u32, workgroups: u32, trips: u32| {
        let params = Params {
            trips,
            advance: ADVANCE,
            seed: stream,
            padding: 0,
        };
        let invocations = u64::from(workgroups) * u64::from(size);
        let expected = places(invocations).into_iter();
        let expected = expected.map(|place| {
            let local = (place % u64::from(size)) as u32;
            (place, exact(sum(local, trips, stream)))
        });
        Probe {
            file: &WORKGROUP_READ,
            constants: Constants::from([("WORKGROUP", size)]),
            checks,
            dispatches: vec![ProbeDispatch {
                params: bytemuck::bytes_of(&params).to_vec(),
                bindings: vec![Span::whole(&tile), Span::start(&answer, invocations * 4)],
                workgroups: [workgroups, 1, 1],
            }],
            work: (invocations * u64::from(trips * UNROLL) * 16) as f64,
            answer: Some(Answer {
                buffer: answer.clone(),
                words: Words::U32,
                expected: expected.collect(),
            }),
        }
    };
    let (mut workgroups, mut trips) = (4, 64);
    while pace(gpu, &build(256, workgroups, trips)).await? < LONG_S && trips < 1 << 14 {
        if workgroups < MOST_WORKGROUPS {
            workgroups *= 4;
        } else {
            trips *= 2;
        }
    }
    let sizes = [64, 128, 256].map(|size| PeakCandidate {
        text: format!("workgroup_read, 16 KiB, workgroups of {size}"),
        probe: build(size, workgroups, trips * 256 / size),
    });
    Ok(sizes.into())
}

/// The sum that one invocation computes.
fn sum(local: u32, trips: u32, stream: u32) -> u32 {
    let beginnings = VECTORS - UNROLL * APART;
    let word = |i: u32| mix(i ^ stream);
    let vector = |at: u32| (0..4).fold(0u32, |s, i| s.wrapping_add(word(at * 4 + i)));
    let mut total = stream.wrapping_mul(4);
    let mut first = local;
    for _ in 0..trips {
        let base = first & (beginnings - 1);
        for i in 0..UNROLL {
            total = total.wrapping_add(vector(base + i * APART));
        }
        first = first.wrapping_add(ADVANCE);
    }
    total
}
