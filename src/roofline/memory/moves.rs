//! Writing, copying and the triad of a pool.

use super::{COPY, Pool, WORKGROUP, WORKGROUPS, WRITE, unrolled};
use crate::data::{Distribution, Dtype, mix, value};
use crate::error::Result;
use crate::gpu::{Gpu, View};
use crate::kernel::{Constants, fold_workgroups};
use crate::report::AdapterKind;
use crate::roofline::peak::{PeakCandidate, times_bytes};
use crate::roofline::probe::{Answer, Probe, ProbeDispatch, ProbeFile, Span, Words, exact, places};
use crate::shader::{Checks, files};
use crate::tolerance::Expected;

/// `stream.wgsl` as it is.
static TRIAD: ProbeFile = ProbeFile {
    shader: files::STREAM,
    features: wgpu::Features::empty(),
};

impl Pool {
    pub(in super::super) fn writes(&self, gpu: &Gpu, checks: Checks) -> Vec<PeakCandidate> {
        let words = places(self.bytes / 4).into_iter();
        let expected: Vec<_> = words
            .map(|word| (word, exact(pattern(word, self.stream))))
            .collect();
        self.moves(gpu, &WRITE, 1, &[Span::whole(&self.c)], &expected, checks)
    }

    pub(in super::super) fn copies(&self, gpu: &Gpu, checks: Checks) -> Vec<PeakCandidate> {
        let words = places(self.bytes / 4).into_iter();
        let expected: Vec<_> = words
            .map(|word| (word, exact(mix(word as u32 ^ self.stream))))
            .collect();
        let spans = [Span::whole(&self.a), Span::whole(&self.c)];
        self.moves(gpu, &COPY, 2, &spans, &expected, checks)
    }

    /// `memory_write` and `memory_copy`, which stride alike over `bytes` that count `times`: with as many workgroups as
    /// there are blocks, and with fewer that take several each.
    fn moves(
        &self,
        gpu: &Gpu,
        file: &'static ProbeFile,
        times: u64,
        spans: &[Span],
        expected: &[(u64, Vec<Expected>)],
        checks: Checks,
    ) -> Vec<PeakCandidate> {
        let limits = &gpu.capabilities().limits;
        let mut candidates = Vec::new();
        let all: &[(u64, u64)] = &[(128, 1), (256, 1), (512, 1), (1024, 1), (256, 2), (256, 4)];
        let few: &[(u64, u64)] = &[(256, 1), (256, 4)];
        // On a processor they differ by less than its noise.
        let software = gpu.capabilities().kind == AdapterKind::Software;
        for &(size, unroll) in if software { few } else { all } {
            let blocks = self.vectors() / (size * unroll);
            let too_large = size > limits.max_compute_invocations_per_workgroup.into();
            for workgroups in [blocks, blocks / 4] {
                let Ok(grid) = fold_workgroups(workgroups, limits) else {
                    continue;
                };
                if too_large || !blocks.is_multiple_of(workgroups) {
                    continue;
                }
                let params = MoveParams {
                    vectors: self.vectors() as u32,
                    stride: (u64::from(grid[0] * grid[1]) * size * unroll) as u32,
                    seed: self.stream,
                    padding: 0,
                };
                let constants = unrolled(unroll).set("WORKGROUP", size);
                let probe = Probe {
                    file,
                    constants,
                    checks,
                    dispatches: vec![ProbeDispatch {
                        params: bytemuck::bytes_of(&params).to_vec(),
                        bindings: spans.to_vec(),
                        workgroups: grid,
                    }],
                    work: (self.bytes * times) as f64,
                    answer: Some(Answer {
                        buffer: self.c.clone(),
                        words: Words::U32,
                        expected: expected.to_vec(),
                    }),
                };
                let text = format!(
                    "{}, {workgroups} workgroups of {size}, {unroll} vectors in flight, {}",
                    file.shader.name,
                    times_bytes(times, self.bytes)
                );
                candidates.push(PeakCandidate { text, probe });
            }
        }
        candidates
    }

    /// `c = a + 1.5 * b` with a and b the two halves of `a`, which is filled with numbers for it.
    pub(in super::super) async fn triads(
        &self,
        gpu: &Gpu,
        checks: Checks,
    ) -> Result<Vec<PeakCandidate>> {
        let all = View::whole(&self.a, Dtype::F32);
        gpu.fill_random(all, self.seed, 0, Distribution::Uniform)
            .await?;
        let (half, elements) = (self.bytes / 2, self.bytes / 8);
        let word = |i: u64| {
            f64::from(value(
                self.stream,
                i as u32,
                Dtype::F32,
                Distribution::Uniform,
            ))
        };
        let expected = places(elements).into_iter().map(|i| {
            let (a, b) = (word(i), 1.5 * word(elements + i));
            let error = 2.0 * Dtype::F32.unit_roundoff() * (a.abs() + b.abs());
            (i, vec![Expected::new(a + b, error)])
        });
        let expected: Vec<_> = expected.collect();
        let b = Span {
            offset: half,
            ..Span::start(&self.a, half)
        };
        let spans = [Span::start(&self.a, half), b, Span::start(&self.c, half)];
        // A processor takes long to begin a workgroup, and fewest are best there.
        let tried = match gpu.capabilities().kind {
            AdapterKind::Software => &WORKGROUPS[..1],
            _ => WORKGROUPS,
        };
        let sizes = tried.iter().map(|w| (*w).min(65_535));
        let candidate = |workgroups: u64| {
            let params = StreamParams {
                begin: 0,
                end: (elements / 4) as u32,
                stride: (workgroups * WORKGROUP) as u32,
                alpha: 1.5,
            };
            let probe = Probe {
                file: &TRIAD,
                constants: Constants::new(),
                checks,
                dispatches: vec![ProbeDispatch {
                    params: bytemuck::bytes_of(&params).to_vec(),
                    bindings: spans.to_vec(),
                    workgroups: [workgroups as u32, 1, 1],
                }],
                work: (3 * half) as f64,
                answer: Some(Answer {
                    buffer: self.c.clone(),
                    words: Words::F32,
                    expected: expected.clone(),
                }),
            };
            let text = format!(
                "stream_triad, {workgroups} workgroups, {}",
                times_bytes(3, half)
            );
            PeakCandidate { text, probe }
        };
        Ok(sizes.map(candidate).collect())
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct MoveParams {
    vectors: u32,
    stride: u32,
    seed: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct StreamParams {
    begin: u32,
    end: u32,
    stride: u32,
    alpha: f32,
}

/// Word `word` of what `memory_write` writes.
fn pattern(word: u64, seed: u32) -> u32 {
    let mut x = ((word / 4) as u32 ^ seed) | 0x8000_0000;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    match word % 4 {
        0 => x,
        1 => x ^ 0x9e37_79b9,
        2 => !x,
        _ => x.rotate_left(16),
    }
}
