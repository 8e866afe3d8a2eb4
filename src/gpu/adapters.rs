//! The adapters of this machine: described, ranked, chosen.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What sort of processor an adapter is, fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU handed into a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// No GPU: the CPU executes the shaders.
    Software,
    /// wgpu's no-op backend, which executes nothing.
    Noop,
}

impl std::fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "unknown kind",
            Self::Software => "software (CPU)",
            Self::Noop => "no-op (executes nothing)",
        })
    }
}

/// One matrix shape that an adapter multiplies cooperatively: `C[m, n] += A[m, k] * B[k, n]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CooperativeShape {
    /// Rows of A and C.
    pub m: u32,
    /// Columns of B and C.
    pub n: u32,
    /// Columns of A, rows of B.
    pub k: u32,
    /// Element type of A and B.
    pub input: String,
    /// Element type of C.
    pub accumulator: String,
}

/// What an adapter says of itself; plain data, the `adapter` object of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterSummary {
    /// Name, as the driver gives it.
    pub name: String,
    /// PCI vendor, or the backend's own.
    pub vendor_id: u32,
    /// PCI device, or the backend's own.
    pub device_id: u32,
    /// Discrete, integrated, software...
    #[serde(rename = "type")]
    pub kind: AdapterKind,
    /// `vulkan`, `metal`, `dx12`, `gl`, `webgpu`, `noop`.
    pub backend: String,
    /// Driver's name; "unknown" where it gives none.
    pub driver: String,
    /// Driver's version text; "unknown" where it gives none.
    pub driver_info: String,
    /// Smallest subgroup, in invocations.
    pub subgroup_min: u32,
    /// Largest subgroup, in invocations.
    pub subgroup_max: u32,
    /// Features that decide which kernels run, by WebGPU's names.
    pub features: Vec<String>,
    /// Limits that decide which kernels run and how large operands may be, by wgpu's names.
    pub limits: BTreeMap<String, u64>,
    /// Cooperative matrix shapes.
    pub cooperative_matrix: Vec<CooperativeShape>,
    /// Nanoseconds per tick of a timestamp, once a device is open; null without timestamps.
    pub timestamp_period_ns: Option<f32>,
}

/// Which adapter to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AdapterChoice {
    /// The fastest kind present: discrete, integrated, virtual, unknown, software.
    #[default]
    Fastest,
    /// By its index in [`adapters`].
    Index(usize),
    /// By its name, or a part of it, in any case.
    Name(String),
}

/// How to open an adapter.
#[derive(Debug, Clone)]
pub struct GpuOptions {
    /// Backends to look on.
    pub backends: wgpu::Backends,
    /// Which adapter.
    pub adapter: AdapterChoice,
    /// Limits of the device; `None` for all that the adapter has.
    pub limits: Option<wgpu::Limits>,
    /// Features to enable where the adapter has them.
    pub features: wgpu::Features,
}

impl Default for GpuOptions {
    /// The fastest adapter of any native backend, with all of its limits and the features that kernels use.
    fn default() -> Self {
        Self {
            backends: wgpu::Backends::all(),
            adapter: AdapterChoice::Fastest,
            limits: None,
            features: KERNEL_FEATURES,
        }
    }
}

impl GpuOptions {
    /// The default, as `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` change it.
    ///
    /// # Errors
    /// [`Error::Environment`] for a `WGPU_BACKEND` that names no backend.
    pub fn from_env() -> Result<Self> {
        let mut options = Self::default();
        if let Ok(value) = std::env::var("WGPU_BACKEND")
            && !value.is_empty()
        {
            let backends = wgpu::Backends::from_comma_list(&value);
            if backends.is_empty() {
                let accepted = "vulkan, metal, dx12, gl, or a list of them with commas";
                return Err(Error::Environment {
                    variable: "WGPU_BACKEND",
                    value,
                    accepted,
                });
            }
            options.backends = backends;
        }
        if let Ok(name) = std::env::var("WGPU_ADAPTER_NAME")
            && !name.is_empty()
        {
            options.adapter = AdapterChoice::Name(name);
        }
        Ok(options)
    }
}

/// Features that kernels or measurements use where present. None of them is needed.
pub(crate) const KERNEL_FEATURES: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::SUBGROUP_BARRIER)
    .union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// In place of a text that the driver does not give.
const UNKNOWN: &str = "unknown";

/// Features named in a summary, beyond those that are asked for.
const SHOWN_FEATURES: wgpu::Features = KERNEL_FEATURES
    .union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    .union(wgpu::Features::PIPELINE_CACHE);

/// Whether an adapter lists fragments that kernels have a form for. wgpu's other backends do not compile them.
pub(super) fn has_usable_fragments(summary: &AdapterSummary) -> bool {
    let compiles = ["vulkan", "metal"].contains(&summary.backend.as_str());
    compiles
        && summary
            .cooperative_matrix
            .iter()
            .any(CooperativeShape::is_usable)
}

impl CooperativeShape {
    /// Whether kernels have a form for it: square, 16 or 8, sums in f32.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let sides = [self.m, self.n, self.k];
        (sides == [16; 3] || sides == [8; 3])
            && ["f16", "f32"].contains(&self.input.as_str())
            && self.accumulator == "f32"
    }
}

impl AdapterSummary {
    pub(super) fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let features = adapter.features();
        let or_unknown = |text: String| {
            if text.is_empty() {
                UNKNOWN.to_owned()
            } else {
                text
            }
        };
        let cooperative = adapter.cooperative_matrix_properties();
        Self {
            kind: kind(&info),
            name: or_unknown(info.name),
            vendor_id: info.vendor,
            device_id: info.device,
            backend: info.backend.to_str().to_owned(),
            driver: or_unknown(info.driver),
            driver_info: or_unknown(info.driver_info),
            subgroup_min: info.subgroup_min_size,
            subgroup_max: info.subgroup_max_size,
            features: (features & SHOWN_FEATURES)
                .iter_names()
                .map(|(name, _)| name.to_lowercase())
                .collect(),
            limits: shown_limits(&limits),
            cooperative_matrix: cooperative
                .iter()
                .map(|p| CooperativeShape {
                    m: p.m_size,
                    n: p.n_size,
                    k: p.k_size,
                    input: format!("{:?}", p.ab_type).to_lowercase(),
                    accumulator: format!("{:?}", p.cr_type).to_lowercase(),
                })
                .collect(),
            timestamp_period_ns: None,
        }
    }

    /// Name, kind, backend and driver in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        // Drivers that have no name, or no version beyond it, are not given one.
        let parts = [&self.driver, &self.driver_info];
        let mut known: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
        known.retain(|part| *part != UNKNOWN);
        known.dedup();
        let driver = if known.is_empty() {
            UNKNOWN.to_owned()
        } else {
            known.join(" ")
        };
        let (name, kind, backend) = (&self.name, self.kind, &self.backend);
        format!("{name}: {kind}, {backend}, driver {driver}")
    }

    /// The same behind an index: a line for lists and errors.
    #[must_use]
    pub fn line(&self, index: usize) -> String {
        format!("  {index}  {}", self.describe())
    }
}

fn kind(info: &wgpu::AdapterInfo) -> AdapterKind {
    match (info.backend, info.device_type) {
        (wgpu::Backend::Noop, _) => AdapterKind::Noop,
        (_, wgpu::DeviceType::DiscreteGpu) => AdapterKind::Discrete,
        (_, wgpu::DeviceType::IntegratedGpu) => AdapterKind::Integrated,
        (_, wgpu::DeviceType::VirtualGpu) => AdapterKind::Virtual,
        (_, wgpu::DeviceType::Other) => AdapterKind::Other,
        (_, wgpu::DeviceType::Cpu) => AdapterKind::Software,
    }
}

fn shown_limits(limits: &wgpu::Limits) -> BTreeMap<String, u64> {
    [
        ("max_buffer_size", limits.max_buffer_size),
        (
            "max_storage_buffer_binding_size",
            limits.max_storage_buffer_binding_size,
        ),
        (
            "max_storage_buffers_per_shader_stage",
            limits.max_storage_buffers_per_shader_stage.into(),
        ),
        (
            "max_compute_workgroup_storage_size",
            limits.max_compute_workgroup_storage_size.into(),
        ),
        (
            "max_compute_invocations_per_workgroup",
            limits.max_compute_invocations_per_workgroup.into(),
        ),
        (
            "max_compute_workgroup_size_x",
            limits.max_compute_workgroup_size_x.into(),
        ),
        (
            "max_compute_workgroups_per_dimension",
            limits.max_compute_workgroups_per_dimension.into(),
        ),
        (
            "min_storage_buffer_offset_alignment",
            limits.min_storage_buffer_offset_alignment.into(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

async fn enumerate(backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.backend_options = wgpu::BackendOptions::from_env_or_default();
    let instance = wgpu::Instance::new(descriptor);
    let mut found = instance.enumerate_adapters(backends).await;
    // The order of drivers is kept within a kind, so that an index means the same from run to run.
    found.sort_by_key(|adapter| rank(&AdapterSummary::of(adapter)));
    found
}

/// Fastest kind first; OpenGL last within a kind, where it is a second face of an adapter that a better backend shows.
fn rank(summary: &AdapterSummary) -> (AdapterKind, bool) {
    (summary.kind, summary.backend == "gl")
}

/// All adapters on `backends`, fastest kind first. An adapter's place is its index.
pub async fn adapters(backends: wgpu::Backends) -> Vec<AdapterSummary> {
    enumerate(backends)
        .await
        .iter()
        .map(AdapterSummary::of)
        .collect()
}

pub(super) async fn select(options: &GpuOptions) -> Result<wgpu::Adapter> {
    let mut found = enumerate(options.backends).await;
    let summaries: Vec<AdapterSummary> = found.iter().map(AdapterSummary::of).collect();
    let index = find(&summaries, options)?;
    Ok(found.swap_remove(index))
}

/// Which of the adapters in `found`, as [`adapters`] gives them, is the one that `options` name.
///
/// # Errors
/// [`Error::NoAdapter`], [`Error::AdapterNotFound`], [`Error::AdapterAmbiguous`].
pub fn find(found: &[AdapterSummary], options: &GpuOptions) -> Result<usize> {
    choose(found, &options.adapter, &backend_names(options.backends))
}

fn backend_names(backends: wgpu::Backends) -> String {
    let names: Vec<String> = backends
        .iter_names()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.join(", ")
}

fn choose(found: &[AdapterSummary], choice: &AdapterChoice, backends: &str) -> Result<usize> {
    let lines = |wanted: &[usize]| {
        wanted
            .iter()
            .map(|&i| found[i].line(i))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all: Vec<usize> = (0..found.len()).collect();
    if found.is_empty() {
        return Err(Error::NoAdapter {
            backends: backends.to_owned(),
        });
    }
    let not_found = |wanted: String| Error::AdapterNotFound {
        wanted,
        available: lines(&all),
    };
    match choice {
        AdapterChoice::Fastest => Ok(0),
        AdapterChoice::Index(index) if *index < found.len() => Ok(*index),
        AdapterChoice::Index(index) => Err(not_found(index.to_string())),
        AdapterChoice::Name(name) => {
            let wanted = name.to_lowercase();
            let exact: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&i| found[i].name.to_lowercase() == wanted)
                .collect();
            let part: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&i| found[i].name.to_lowercase().contains(&wanted))
                .collect();
            let matching = if exact.is_empty() { part } else { exact };
            let Some(&best) = matching.first() else {
                return Err(not_found(name.clone()));
            };
            // The same adapter under a second backend is no second answer: the better backend is taken.
            let face = |i: usize| {
                (
                    found[i].vendor_id,
                    found[i].kind,
                    found[i].backend != found[best].backend,
                )
            };
            let rivals: Vec<usize> = matching
                .iter()
                .copied()
                .filter(|&i| face(i) != (found[best].vendor_id, found[best].kind, true))
                .collect();
            if rivals.len() > 1 {
                return Err(Error::AdapterAmbiguous {
                    wanted: name.clone(),
                    matching: lines(&rivals),
                });
            }
            Ok(best)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(name: &str, kind: AdapterKind, backend: &str, vendor_id: u32) -> AdapterSummary {
        AdapterSummary {
            name: name.into(),
            vendor_id,
            device_id: 1,
            kind,
            backend: backend.into(),
            driver: "d".into(),
            driver_info: "1".into(),
            subgroup_min: 32,
            subgroup_max: 32,
            features: vec![],
            limits: BTreeMap::new(),
            cooperative_matrix: vec![],
            timestamp_period_ns: None,
        }
    }

    fn name(text: &str) -> AdapterChoice {
        AdapterChoice::Name(text.into())
    }

    #[test]
    fn a_name_finds_one_adapter_or_lists_them() {
        let found = [
            summary("Radeon RX 7900 XT", AdapterKind::Discrete, "vulkan", 1),
            summary("Radeon 780M", AdapterKind::Integrated, "vulkan", 1),
            summary("Radeon 780M", AdapterKind::Integrated, "gl", 1),
            summary("llvmpipe (LLVM 15)", AdapterKind::Software, "vulkan", 2),
        ];
        assert_eq!(choose(&found, &AdapterChoice::Fastest, ""), Ok(0));
        assert_eq!(choose(&found, &name("780m"), ""), Ok(1));
        assert_eq!(choose(&found, &name("LLVMpipe"), ""), Ok(3));
        assert_eq!(choose(&found, &AdapterChoice::Index(2), ""), Ok(2));
        let error = choose(&found, &name("radeon"), "").unwrap_err();
        assert!(
            matches!(&error, Error::AdapterAmbiguous { matching, .. } if matching.contains("0  Radeon RX 7900 XT")),
            "{error}"
        );
        let error = choose(&found, &name("GeForce"), "").unwrap_err();
        assert!(
            matches!(&error, Error::AdapterNotFound { available, .. } if available.lines().count() == 4),
            "{error}"
        );
        assert!(matches!(
            choose(&found, &AdapterChoice::Index(9), ""),
            Err(Error::AdapterNotFound { .. })
        ));
    }

    #[test]
    fn two_equal_cards_are_ambiguous_and_none_has_a_remedy() {
        let twin = summary("NVIDIA H200", AdapterKind::Discrete, "vulkan", 3);
        assert!(matches!(
            choose(&[twin.clone(), twin], &name("h200"), ""),
            Err(Error::AdapterAmbiguous { .. })
        ));
        let error = choose(&[], &AdapterChoice::Fastest, "vulkan")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("vulkan") && error.contains("driver"),
            "{error}"
        );
    }
}
