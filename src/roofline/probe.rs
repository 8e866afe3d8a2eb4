//! A probe: a shader that does a known amount of work and leaves a known answer, ready to be timed.

use crate::bench::{GpuClock, Measurement, measure};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::Constants;
use crate::plan::Launch;
use crate::report::Sampling;
use crate::shader::{Checks, Loops, Shader};
use crate::tolerance::Expected;
use std::num::NonZeroU64;
use std::sync::Arc;

/// A shader file of a probe, and what it needs.
#[derive(Debug)]
pub struct ProbeFile {
    /// The file.
    pub shader: Shader,
    /// Features it cannot do without.
    pub features: wgpu::Features,
}

/// A run of bytes of a buffer.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) buffer: wgpu::Buffer,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Span {
    pub(super) fn whole(buffer: &wgpu::Buffer) -> Self {
        Self {
            buffer: buffer.clone(),
            offset: 0,
            bytes: buffer.size(),
        }
    }

    pub(super) fn start(buffer: &wgpu::Buffer, bytes: u64) -> Self {
        Self {
            bytes,
            ..Self::whole(buffer)
        }
    }
}

/// One dispatch of a probe.
#[derive(Debug)]
pub(super) struct ProbeDispatch {
    /// Bytes of binding 0.
    pub(super) params: Vec<u8>,
    /// Bindings 1, 2, ...
    pub(super) bindings: Vec<Span>,
    pub(super) workgroups: [u32; 3],
}

/// How a word of an answer is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    U32,
    F32,
    /// Two to a word.
    F16,
}

/// The answer that one run of a probe leaves behind, at a few places. The buffer is cleared before.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) buffer: wgpu::Buffer,
    pub(super) words: Words,
    /// Index of a word, and what it holds, two values for [`Words::F16`].
    pub(super) expected: Vec<(u64, Vec<Expected>)>,
}

/// A shader with its data, its work and its answer.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) file: &'static ProbeFile,
    pub(super) constants: Constants,
    pub(super) checks: Checks,
    /// Done one after the other in each repeat.
    pub(super) dispatches: Vec<ProbeDispatch>,
    /// Operations or bytes of all dispatches together.
    pub(super) work: f64,
    pub(super) answer: Option<Answer>,
}

impl ProbeFile {
    /// Whether a device can run it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with what is missing.
    pub(super) fn supported(&self, gpu: &Gpu) -> Result<()> {
        let missing = self.features - gpu.capabilities().features;
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = missing
            .iter_names()
            .map(|(name, _)| name.to_lowercase())
            .collect();
        Err(Error::Unsupported {
            what: format!("probe {}", self.shader.name),
            reason: format!("the device lacks {}", names.join(", ")),
        })
    }
}

impl Probe {
    /// Compiles and binds.
    pub(super) async fn launch(&self, gpu: &Gpu) -> Result<Launch> {
        self.file.supported(gpu)?;
        let shader = &self.file.shader;
        let pipeline = gpu
            .pipeline(shader, &self.constants, self.checks, Loops::Unrolled)
            .await?;
        for dispatch in &self.dispatches {
            pipeline
                .prepared
                .check_params(shader.name, &dispatch.params)?;
        }
        let align = u64::from(
            gpu.capabilities()
                .limits
                .min_uniform_buffer_offset_alignment,
        );
        let apart = self
            .dispatches
            .iter()
            .map(|d| d.params.len() as u64)
            .max()
            .unwrap_or(0)
            .next_multiple_of(align.max(16));
        let mut bytes = vec![0; (apart * self.dispatches.len() as u64) as usize];
        for (i, dispatch) in self.dispatches.iter().enumerate() {
            let at = i * apart as usize;
            bytes[at..at + dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let uniforms = gpu
            .create_buffer(shader.name, bytes.len() as u64, usage)
            .await?;
        let bind = || {
            gpu.queue().write_buffer(&uniforms, 0, &bytes);
            let bound = |(i, dispatch): (usize, &ProbeDispatch)| {
                let params = Span {
                    buffer: uniforms.clone(),
                    offset: i as u64 * apart,
                    bytes: dispatch.params.len() as u64,
                };
                let group = bind(gpu, &pipeline.layout, &params, &dispatch.bindings);
                (Arc::clone(&pipeline), group, dispatch.workgroups)
            };
            self.dispatches.iter().enumerate().map(bound).collect()
        };
        let steps = gpu.catch(shader.name, bind).await?;
        Ok(Launch::of(shader.name, steps))
    }

    /// Runs the probe once and holds its answer against what is expected.
    ///
    /// # Errors
    /// [`Error::Gpu`] with the first wrong word.
    pub(super) async fn verify(&self, gpu: &Gpu, launch: &Launch) -> Result<()> {
        let Some(answer) = &self.answer else {
            return Ok(());
        };
        let mut encoder = gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.clear_buffer(&answer.buffer, 0, None);
        launch.record(&mut encoder);
        gpu.submit(encoder, self.file.shader.name).await?;
        let places: Vec<u64> = answer.expected.iter().map(|(place, _)| *place).collect();
        let words = gather(gpu, &answer.buffer, &places).await?;
        for ((place, expected), word) in answer.expected.iter().zip(words) {
            for (expected, got) in expected.iter().zip(answer.words.values(word)) {
                if expected.excess(got) <= 1.0 {
                    continue;
                }
                let message = format!(
                    "wrong result: word {place}: got {got}, want {}, allowed {:e}",
                    expected.value, expected.allowed
                );
                let what = self.file.shader.name.to_owned();
                return Err(Error::Gpu { what, message });
            }
        }
        Ok(())
    }

    /// Verifies and times. What cannot run, and what is wrong, is a status of the measurement.
    ///
    /// # Errors
    /// [`Error::Interrupted`], [`Error::DeviceLost`].
    pub(super) async fn time(
        &self,
        gpu: &Gpu,
        sampling: &Sampling,
        stop: &dyn Fn() -> bool,
    ) -> Result<Measurement> {
        measured(self.try_time(gpu, sampling, stop).await)
    }

    async fn try_time(
        &self,
        gpu: &Gpu,
        sampling: &Sampling,
        stop: &dyn Fn() -> bool,
    ) -> Result<Measurement> {
        let launch = self.launch(gpu).await?;
        self.verify(gpu, &launch).await?;
        measure(&mut GpuClock::new(gpu, &launch).await?, sampling, stop).await
    }
}

/// Errors as the status of a measurement, all but those that end a run.
pub(super) fn measured(result: Result<Measurement>) -> Result<Measurement> {
    match result {
        Err(error) if error.ends_run() => Err(error),
        Err(error @ (Error::Unsupported { .. } | Error::TooLarge { .. })) => {
            Ok(Measurement::unsupported(error.to_string()))
        }
        Err(error) => Ok(Measurement::failed(&error)),
        ok => ok,
    }
}

/// The prepared value, or the measurement that its error amounts to.
pub(super) fn split<T>(result: Result<T>) -> Result<std::result::Result<T, Measurement>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => measured(Err(error)).map(Err),
    }
}

fn bind(
    gpu: &Gpu,
    layout: &wgpu::BindGroupLayout,
    params: &Span,
    spans: &[Span],
) -> wgpu::BindGroup {
    let mut entries = Vec::new();
    for (i, span) in std::iter::once(params).chain(spans).enumerate() {
        let binding = wgpu::BufferBinding {
            buffer: &span.buffer,
            offset: span.offset,
            size: NonZeroU64::new(span.bytes),
        };
        entries.push(wgpu::BindGroupEntry {
            binding: i as u32,
            resource: wgpu::BindingResource::Buffer(binding),
        });
    }
    let descriptor = wgpu::BindGroupDescriptor {
        label: None,
        layout,
        entries: &entries,
    };
    gpu.device().create_bind_group(&descriptor)
}

/// The words of `buffer` at `places`, by one copy each and one download.
async fn gather(gpu: &Gpu, buffer: &wgpu::Buffer, places: &[u64]) -> Result<Vec<u32>> {
    let found = gpu
        .create_storage("answers", places.len() as u64 * 4)
        .await?;
    let mut encoder = gpu
        .device()
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    for (i, place) in places.iter().enumerate() {
        encoder.copy_buffer_to_buffer(buffer, place * 4, &found, i as u64 * 4, 4);
    }
    gpu.submit(encoder, "answers").await?;
    let bytes = gpu
        .download_bytes(&found, 0, places.len() as u64 * 4)
        .await?;
    let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    Ok(bytes.chunks_exact(4).map(word).collect())
}

impl Words {
    fn values(self, word: u32) -> Vec<f64> {
        match self {
            Self::U32 => vec![f64::from(word)],
            Self::F32 => vec![f64::from(f32::from_bits(word))],
            Self::F16 => [word as u16, (word >> 16) as u16]
                .map(|bits| half::f16::from_bits(bits).to_f64())
                .to_vec(),
        }
    }
}

/// A few places among `count`, both ends included.
pub(super) fn places(count: u64) -> Vec<u64> {
    let last = count.saturating_sub(1);
    let mut places: Vec<u64> = (0..7).map(|i| last * i / 6).collect();
    places.dedup();
    places
}

/// The expected value of a word, exactly.
pub(super) fn exact(word: u32) -> Vec<Expected> {
    vec![Expected::new(f64::from(word), 0.0)]
}
