//! What an adapter says of itself, as plain data.

use super::adapters::KERNEL_FEATURES;
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

/// In place of a text that the driver does not give.
const UNKNOWN: &str = "unknown";

/// Features named in a summary, beyond those that are asked for.
const SHOWN_FEATURES: wgpu::Features = KERNEL_FEATURES
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    .union(wgpu::Features::PIPELINE_CACHE);

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

/// The smallest and the largest subgroup, where wgpu has `listed` two. On Metal it lists 4 and 64 for every adapter, the bounds
/// over all GPUs that Metal ever had; each of Apple's own has SIMD groups of 32, which no pipeline changes.
fn subgroup_sizes(backend: wgpu::Backend, name: &str, listed: (u32, u32)) -> (u32, u32) {
    if backend == wgpu::Backend::Metal && name.starts_with("Apple ") {
        return (32, 32);
    }
    listed
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
        let listed = (info.subgroup_min_size, info.subgroup_max_size);
        let (subgroup_min, subgroup_max) = subgroup_sizes(info.backend, &info.name, listed);
        Self {
            kind: kind(&info),
            name: or_unknown(info.name),
            vendor_id: info.vendor,
            device_id: info.device,
            backend: info.backend.to_str().to_owned(),
            driver: or_unknown(info.driver),
            driver_info: or_unknown(info.driver_info),
            subgroup_min,
            subgroup_max,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apples_own_gpus_have_subgroups_of_one_size() {
        use wgpu::Backend::{Metal, Vulkan};
        assert_eq!(subgroup_sizes(Metal, "Apple M4 Pro", (4, 64)), (32, 32));
        assert_eq!(
            subgroup_sizes(Metal, "AMD Radeon Pro 5500M", (4, 64)),
            (4, 64)
        );
        assert_eq!(
            subgroup_sizes(Vulkan, "AMD Radeon RX 7900", (32, 64)),
            (32, 64)
        );
    }
}
