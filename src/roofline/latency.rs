//! Latency of reads that wait for each other, by the size of what they go through.

use super::peak::{pace, screening};
use super::probe::{Answer, Probe, ProbeDispatch, ProbeFile, Span, Words, exact, measured};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernel::Constants;
use crate::report::{LatencyPoint, Sampling};
use crate::shader::{Checks, files};
use std::time::Duration;

pub(super) static CHASE: ProbeFile = ProbeFile {
    shader: files::CHASE,
    features: wgpu::Features::empty(),
};
pub(super) static CHASE_FILL: ProbeFile = ProbeFile {
    shader: files::CHASE_FILL,
    features: wgpu::Features::empty(),
};

/// Words between two places of the cycle: 128 bytes, the largest line of today's caches.
const LINE_WORDS: u32 = 32;
/// Loads of a trip through the file's loop.
const UNROLL: u32 = 16;
const LONG_S: f64 = 2e-3;

/// The time of one read through `bytes` of `buffer`, a power of two.
///
/// # Errors
/// [`crate::Error::Interrupted`], [`crate::Error::DeviceLost`]; whatever else happens is the point's status.
pub(super) async fn latency(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    bytes: u64,
    sampling: &Sampling,
    stop: &dyn Fn() -> bool,
) -> Result<LatencyPoint> {
    let sampling = Sampling {
        min_samples: 5,
        max_time: Duration::from_millis(400),
        ..screening(sampling)
    };
    let (reads, measured) = match prepare(gpu, buffer, bytes).await {
        Ok((probe, reads)) => (reads, probe.time(gpu, &sampling, stop).await?),
        Err(error) => (1, measured(Err(error))?),
    };
    Ok(LatencyPoint {
        bytes,
        seconds: measured
            .time
            .as_ref()
            .map(|time| time.median / f64::from(reads)),
        status: measured.status,
        warnings: measured.drift_marks(),
        reason: measured.reason,
    })
}

async fn prepare(gpu: &Gpu, buffer: &wgpu::Buffer, bytes: u64) -> Result<(Probe, u32)> {
    let lines = (bytes / 4) as u32 / LINE_WORDS;
    let half_bits = lines.ilog2().div_ceil(2).max(1);
    let workgroups = lines.div_ceil(256).min(65_535);
    let fill = Probe {
        file: &CHASE_FILL,
        constants: Constants::new(),
        checks: Checks::Off,
        dispatches: vec![ProbeDispatch {
            params: words(&[lines, LINE_WORDS, half_bits, workgroups * 256]),
            bindings: vec![Span::start(buffer, bytes)],
            workgroups: [workgroups, 1, 1],
        }],
        work: 0.0,
        answer: None,
    };
    let mut encoder = gpu
        .device()
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    fill.launch(gpu).await?.record(&mut encoder);
    gpu.submit(encoder, "chase_fill").await?;
    let place = gpu.create_storage("place", 16).await?;
    let mut reads = 16 * UNROLL;
    loop {
        let end = shuffle(reads % lines, lines, half_bits) * LINE_WORDS;
        let probe = Probe {
            file: &CHASE,
            constants: Constants::new(),
            checks: Checks::Off,
            dispatches: vec![ProbeDispatch {
                params: words(&[reads / UNROLL, 0, 0, 0]),
                bindings: vec![Span::start(buffer, bytes), Span::whole(&place)],
                workgroups: [1, 1, 1],
            }],
            work: f64::from(reads),
            answer: Some(Answer {
                buffer: place.clone(),
                words: Words::U32,
                expected: vec![(0, exact(end))],
            }),
        };
        if pace(gpu, &probe).await? >= LONG_S || reads >= 1 << 18 {
            return Ok((probe, reads));
        }
        reads *= 2;
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    bytemuck::cast_slice(words).to_vec()
}

/// Line of a step of the cycle, as `shaders/chase_fill.wgsl` has it.
fn shuffle(step: u32, lines: u32, half_bits: u32) -> u32 {
    let mask = lines - 1;
    let mut x = step & mask;
    x ^= x >> half_bits;
    x = x.wrapping_mul(0x7feb_352d) & mask;
    x ^= x >> half_bits;
    x = x.wrapping_mul(0x846c_a68b) & mask;
    x ^ (x >> half_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cycle_visits_every_line_once() {
        for bits in [1u32, 6, 7, 12] {
            let lines = 1 << bits;
            let half = bits.div_ceil(2).max(1);
            let mut seen: Vec<u32> = (0..lines).map(|s| shuffle(s, lines, half)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..lines).collect::<Vec<_>>(), "{bits}");
        }
        assert_eq!(shuffle(0, 64, 3), 0);
    }
}
