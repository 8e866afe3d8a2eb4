//! The properties that an adapter reports, asked through wgpu.

use super::features::KERNEL_FEATURES;
use crate::report::adapter::{AdapterKind, AdapterSummary, CooperativeShape, UNKNOWN};
use std::collections::BTreeMap;

/// Features named in a summary, beyond those that are asked for.
const SHOWN_FEATURES: wgpu::Features = KERNEL_FEATURES
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    .union(wgpu::Features::PIPELINE_CACHE);

/// The smallest and the largest subgroup, where wgpu has `listed` two. On Metal it lists 4 and 64 for every adapter, the bounds
/// over all GPUs that Metal ever had; each of Apple's own has SIMD groups of 32, which no pipeline changes.
fn subgroup_sizes(backend: wgpu::Backend, name: &str, listed: (u32, u32)) -> (u32, u32) {
    if backend == wgpu::Backend::Metal && name.starts_with("Apple ") {
        return (32, 32);
    }
    listed
}

impl AdapterSummary {
    pub(crate) fn of(adapter: &wgpu::Adapter) -> Self {
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
            pci_bus_id: Some(info.device_pci_bus_id).filter(|bus| !bus.is_empty()),
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
