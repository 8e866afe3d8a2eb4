//! Compiling a prepared shader on a device. The only `unsafe` of the crate is here.

use crate::error::{Error, Result};
use crate::shader::{Access, Checks, Prepared};
use std::sync::Arc;
use web_time::Instant;

/// A compiled shader with the layout of its one bind group.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) raw: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
    /// The files and constants that were compiled.
    pub prepared: Arc<Prepared>,
}

/// The word that experimental features of wgpu want: cooperative matrices are the one that is used.
pub(crate) fn experimental() -> wgpu::ExperimentalFeatures {
    // SAFETY: wgpu wants it acknowledged that an experimental feature may be unsound. The one that is asked for, cooperative
    // matrices, is used by shaders of this crate alone, on shapes that the adapter lists, and only after a product came
    // out right on the device (`Gpu::run_trials`).
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}

/// Whether a device with `limits` can run a workgroup of `prepared`, and bind what it declares.
///
/// # Errors
/// [`Error::TooLarge`] with the limit.
pub(crate) fn check_limits(prepared: &Prepared, limits: &wgpu::Limits) -> Result<()> {
    let [x, y, z] = prepared.workgroup_size;
    let bindings = prepared.bindings.iter();
    let uniforms = bindings.filter(|binding| binding.access == Access::Uniform);
    let uniforms = uniforms.count() as u32;
    let storage = prepared.bindings.len() as u32 - uniforms;
    let last = prepared.bindings.iter().map(|binding| binding.index).max();
    let of_bindings = [
        (
            storage,
            limits.max_storage_buffers_per_shader_stage,
            "max_storage_buffers_per_shader_stage",
        ),
        (
            uniforms,
            limits.max_uniform_buffers_per_shader_stage,
            "max_uniform_buffers_per_shader_stage",
        ),
        (
            last.map_or(0, |last| last + 1),
            limits.max_bindings_per_bind_group,
            "max_bindings_per_bind_group",
        ),
        (
            prepared.uniform_bytes,
            u32::try_from(limits.max_uniform_buffer_binding_size).unwrap_or(u32::MAX),
            "max_uniform_buffer_binding_size",
        ),
    ];
    if let Some((needed, limit, limit_name)) = of_bindings
        .into_iter()
        .find(|(needed, limit, _)| needed > limit)
    {
        return Err(Error::TooLarge {
            what: format!("the bind group of {}", prepared.name),
            needed: needed.into(),
            limit_name,
            limit: limit.into(),
        });
    }
    let needs = [
        (
            prepared.workgroup_bytes,
            limits.max_compute_workgroup_storage_size,
            "max_compute_workgroup_storage_size",
        ),
        (
            prepared.invocations(),
            limits.max_compute_invocations_per_workgroup,
            "max_compute_invocations_per_workgroup",
        ),
        (
            x,
            limits.max_compute_workgroup_size_x,
            "max_compute_workgroup_size_x",
        ),
        (
            y,
            limits.max_compute_workgroup_size_y,
            "max_compute_workgroup_size_y",
        ),
        (
            z,
            limits.max_compute_workgroup_size_z,
            "max_compute_workgroup_size_z",
        ),
    ];
    match needs.into_iter().find(|(needed, limit, _)| needed > limit) {
        None => Ok(()),
        Some((needed, limit, limit_name)) => Err(Error::TooLarge {
            what: format!("a workgroup of {}", prepared.name),
            needed: needed.into(),
            limit_name,
            limit: limit.into(),
        }),
    }
}

/// A driver's cache of pipelines, and the file that it is kept in.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub(super) struct PipelineFile {
    pub(super) cache: wgpu::PipelineCache,
    pub(super) path: std::path::PathBuf,
}

/// A driver's cache of pipelines, which begins with `data`.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn create_cache(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    let descriptor = wgpu::PipelineCacheDescriptor {
        label: Some("ridgepoint"),
        data,
        fallback: true,
    };
    // SAFETY: `data` is what `PipelineCache::get_data` gave for the same adapter and driver: the file that it comes from
    // says so in its name and in its head, and a hash tells that its bytes are the ones that were written. A file that
    // somebody forged is beyond it, as it is beyond the drivers' own caches; `Gpu::load_pipelines` says so.
    unsafe { device.create_pipeline_cache(&descriptor) }
}

/// Time that compiling took on a device so far; threads that compile side by side count each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CompileTimes {
    /// Pipelines that were compiled.
    pub pipelines: u32,
    /// Setting constants, writing loops out and checking texts, in seconds.
    pub prepare_s: f64,
    /// `Device::create_shader_module`, in seconds: naga reads and checks WGSL.
    pub module_s: f64,
    /// `Device::create_compute_pipeline`, in seconds: naga writes the backend's language, and the driver compiles it.
    pub pipeline_s: f64,
}

impl CompileTimes {
    pub(super) fn add(&mut self, other: &Self) {
        self.pipelines += other.pipelines;
        self.prepare_s += other.prepare_s;
        self.module_s += other.module_s;
        self.pipeline_s += other.pipeline_s;
    }
}

pub(super) fn create(
    device: &wgpu::Device,
    prepared: &Prepared,
    source: wgpu::ShaderSource<'_>,
    checks: Checks,
    cache: Option<&wgpu::PipelineCache>,
    times: &mut CompileTimes,
) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
    let entries: Vec<_> = prepared
        .bindings
        .iter()
        .map(|binding| wgpu::BindGroupLayoutEntry {
            binding: binding.index,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match binding.access {
                    Access::Uniform => wgpu::BufferBindingType::Uniform,
                    Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    let label = Some(prepared.name);
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label,
        entries: &entries,
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        ..Default::default()
    });
    let source = wgpu::ShaderModuleDescriptor { label, source };
    let began = Instant::now();
    let module = match checks {
        Checks::On => device.create_shader_module(source),
        // SAFETY: the text comes from `shaders/`, compiled into this crate, or `Trust::unchecked` vouches for it; all others
        // are compiled with checks, and a pipeline can be dispatched by this crate alone. `Plan::bind` holds every buffer's length,
        // offset and type against the shape before a launch, the files guard their ragged edges with `if`, their loops
        // are bounded by uniforms that the host computed, and their divisors are constants or validated to be nonzero.
        // `tests/gpu/correctness.rs` runs every kernel in both modes on ragged shapes.
        Checks::Off => unsafe {
            device.create_shader_module_trusted(source, wgpu::ShaderRuntimeChecks::unchecked())
        },
    };
    times.module_s += began.elapsed().as_secs_f64();
    let began = Instant::now();
    let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(prepared.name),
        compilation_options: wgpu::PipelineCompilationOptions {
            // Every kernel writes the workgroup memory it reads.
            zero_initialize_workgroup_memory: checks == Checks::On,
            ..Default::default()
        },
        cache,
    });
    times.pipeline_s += began.elapsed().as_secs_f64();
    times.pipelines += 1;
    (raw, layout)
}
