//! Memory in each direction: read, write, copy, triad, every byte once in a dispatch.

mod moves;

use super::peak::{PeakCandidate, times_bytes};
use super::probe::{Answer, Probe, ProbeDispatch, ProbeFile, Span, Words, exact};
use crate::data::{Dtype, mix, stream_seed};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, View};
use crate::kernel::Constants;
use crate::shader::{Checks, files};

pub(super) static READ: ProbeFile = ProbeFile {
    shader: files::MEMORY_READ,
    features: wgpu::Features::empty(),
};
pub(super) static WRITE: ProbeFile = ProbeFile {
    shader: files::MEMORY_WRITE,
    features: wgpu::Features::empty(),
};
pub(super) static COPY: ProbeFile = ProbeFile {
    shader: files::MEMORY_COPY,
    features: wgpu::Features::empty(),
};

/// Bytes of a vector of four words.
const VECTOR: u64 = 16;
/// Invocations of a workgroup, as the files have it.
pub(super) const WORKGROUP: u64 = 256;
/// Bytes that every block size divides, up to the block of the files' largest `UNROLL`.
const GRAIN: u64 = WORKGROUP * VECTOR * 16;
/// Workgroups and vectors in flight that are tried.
const WORKGROUPS: &[u64] = &[1 << 10, 1 << 12, 1 << 14, 1 << 16];
const IN_FLIGHT: &[u64] = &[1, 2, 4, 8];

/// Two buffers to move bytes between, filled with hashed bits, and one for sums.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) a: wgpu::Buffer,
    pub(super) c: wgpu::Buffer,
    pub(super) sums: wgpu::Buffer,
    /// Bytes of `a`, and of `c`; a power of two.
    pub(super) bytes: u64,
    pub(super) stream: u32,
    seed: u32,
}

impl Pool {
    /// Two buffers of `bytes`, or of what the device can bind at once.
    pub(super) async fn new(gpu: &Gpu, bytes: u64, seed: u32) -> Result<Self> {
        let limits = &gpu.capabilities().limits;
        let most = bytes
            .min(limits.max_buffer_size)
            .min(limits.max_storage_buffer_binding_size);
        if most < GRAIN {
            return Err(Error::Unsupported {
                what: "a memory probe".into(),
                reason: format!("one binding holds {most} bytes"),
            });
        }
        let mut bytes = 1 << most.ilog2();
        // Free memory is not known before a buffer is asked for.
        let pool = loop {
            match Self::allocate(gpu, bytes, seed).await {
                Err(Error::OutOfMemory { .. }) if bytes / 2 >= GRAIN => bytes /= 2,
                other => break other?,
            }
        };
        let all = View::whole(&pool.a, Dtype::F32);
        gpu.fill_bits(all, seed, 0).await?;
        Ok(pool)
    }

    async fn allocate(gpu: &Gpu, bytes: u64, seed: u32) -> Result<Self> {
        Ok(Self {
            a: gpu.create_storage("pool a", bytes).await?,
            c: gpu.create_storage("pool c", bytes).await?,
            sums: gpu.create_storage("sums", (1 << 16) * 4).await?,
            bytes,
            stream: stream_seed(seed, 0),
            seed,
        })
    }

    fn vectors(&self) -> u64 {
        self.bytes / VECTOR
    }

    /// `memory_read` with the window walked side by side, once.
    pub(super) fn reads(&self, checks: Checks) -> Vec<PeakCandidate> {
        let all = shapes().filter_map(|(workgroups, unroll)| {
            let trips = self.vectors() / (workgroups * WORKGROUP * unroll);
            let window = Window {
                offset: 0,
                vectors: self.vectors(),
            };
            let walk = Walk {
                start: WORKGROUP,
                step: workgroups * WORKGROUP,
                turn: 0,
                workgroups,
                unroll,
                trips,
            };
            (trips > 0).then(|| PeakCandidate {
                text: walk.text(self.bytes),
                probe: self.read(&[window], walk, checks),
            })
        });
        all.collect()
    }

    /// Reads windows of one size one after the other, all in the same way.
    pub(super) fn read(&self, windows: &[Window], walk: Walk, checks: Checks) -> Probe {
        let dispatch = |window: &Window| {
            let params = ReadParams {
                offset: window.offset as u32,
                window: window.vectors as u32,
                start: (walk.start % window.vectors) as u32,
                step: walk.step as u32,
                turn: walk.turn as u32,
                trips: walk.trips as u32,
                padding: [0; 2],
            };
            ProbeDispatch {
                params: bytemuck::bytes_of(&params).to_vec(),
                bindings: vec![
                    Span::whole(&self.a),
                    Span::start(&self.sums, walk.workgroups * 4),
                ],
                workgroups: [walk.workgroups as u32, 1, 1],
            }
        };
        let last = windows.last().copied().unwrap_or_default();
        let expected = [0, walk.workgroups / 2, walk.workgroups - 1]
            .map(|workgroup| (workgroup, exact(self.sum(last, walk, workgroup as u32))));
        let loads = walk.workgroups * WORKGROUP * walk.unroll * walk.trips;
        Probe {
            file: &READ,
            constants: unrolled(walk.unroll),
            checks,
            dispatches: windows.iter().map(dispatch).collect(),
            work: (windows.len() as u64 * loads * VECTOR) as f64,
            answer: Some(Answer {
                buffer: self.sums.clone(),
                words: Words::U32,
                expected: expected.to_vec(),
            }),
        }
    }

    /// The sum that a workgroup of `memory_read` computes.
    fn sum(&self, window: Window, walk: Walk, workgroup: u32) -> u32 {
        let start = (walk.start % window.vectors) as u32;
        let vectors = window.vectors as u32;
        let mut place = workgroup.wrapping_mul(start) % vectors;
        let order = workgroup.wrapping_mul(0x9e37_79b1) >> 20;
        let step = (walk.step as u32).wrapping_add(order.wrapping_mul(walk.turn as u32)) % vectors;
        let mut sum = 0u32;
        for _ in 0..walk.trips * walk.unroll {
            let first = (window.offset as u32 + place) * 4;
            for word in first..first + WORKGROUP as u32 * 4 {
                sum = sum.wrapping_add(mix(word ^ self.stream));
            }
            place += step;
            if place >= vectors {
                place -= vectors;
            }
        }
        sum
    }
}

/// A run of vectors of the pool.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    pub(super) offset: u64,
    pub(super) vectors: u64,
}

/// How workgroups go through a window, in vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub(super) start: u64,
    pub(super) step: u64,
    /// Factor of a hash of the workgroup in its step.
    pub(super) turn: u64,
    pub(super) workgroups: u64,
    pub(super) unroll: u64,
    pub(super) trips: u64,
}

impl Walk {
    fn text(&self, bytes: u64) -> String {
        format!(
            "memory_read, {} workgroups, {} vectors in flight, {}",
            self.workgroups,
            self.unroll,
            times_bytes(1, bytes)
        )
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct ReadParams {
    offset: u32,
    window: u32,
    start: u32,
    step: u32,
    turn: u32,
    trips: u32,
    padding: [u32; 2],
}

fn shapes() -> impl Iterator<Item = (u64, u64)> {
    let all = WORKGROUPS.iter();
    // A dispatch has at most 65,535 workgroups in one dimension.
    all.flat_map(|&w| IN_FLIGHT.iter().map(move |&u| (w.min(65_535), u)))
}

pub(super) fn unrolled(unroll: u64) -> Constants {
    Constants::from([("UNROLL", unroll)])
}
