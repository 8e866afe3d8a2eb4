//! Capabilities of fake devices: what the choice of a kernel depends on, without an adapter.

use super::architecture::Architecture;
use super::capabilities::Capabilities;
use super::profile::gains_from_small_halves;
use crate::report::{AdapterKind, CooperativeShape};

impl Capabilities {
    /// A device of a kind with WebGPU's default limits, and nothing else.
    pub(crate) fn fake(kind: AdapterKind) -> Self {
        let device = Self {
            features: wgpu::Features::empty(),
            limits: wgpu::Limits::default(),
            kind,
            architecture: Architecture::Unknown,
            cores: None,
            subgroup_sizes: (0, 0),
            matrix_lanes: None,
            cooperative: Vec::new(),
            demoted: Vec::new(),
            keeps_small_halves: false,
        };
        // The architecture on which most kernels were tuned, unless said otherwise.
        device.with_architecture(match kind {
            AdapterKind::Software | AdapterKind::Noop => Architecture::Software,
            AdapterKind::Other => Architecture::Unknown,
            _ => Architecture::Nvidia,
        })
    }

    /// A device of an architecture whose trials came out right.
    pub(crate) fn with_architecture(self, architecture: Architecture) -> Self {
        Self {
            architecture,
            keeps_small_halves: gains_from_small_halves(architecture),
            ..self
        }
    }

    pub(crate) fn with_cores(mut self, cores: u64) -> Self {
        self.cores = Some(cores);
        self
    }

    pub(crate) fn with_features(mut self, features: wgpu::Features) -> Self {
        self.features |= features;
        self
    }

    pub(crate) fn with_f16(self) -> Self {
        self.with_features(wgpu::Features::SHADER_F16)
    }

    /// Subgroups of the smallest to the largest size; none where that is 0.
    pub(crate) fn with_subgroups(mut self, sizes: (u32, u32)) -> Self {
        self.features.set(wgpu::Features::SUBGROUP, sizes.0 > 0);
        self.subgroup_sizes = sizes;
        self
    }

    /// Matrix units of `side` x `side` x `side` for f16; none where that is 0.
    pub(crate) fn with_matrix_units(mut self, side: u32) -> Self {
        let shape = CooperativeShape {
            m: side,
            n: side,
            k: side,
            input: "f16".to_owned(),
            accumulator: "f32".to_owned(),
        };
        let units = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        self.features.set(units, side > 0);
        self.cooperative = if side > 0 { vec![shape] } else { Vec::new() };
        self
    }

    /// Subgroups of `lanes` invocations in kernels on matrix units, where sizes differ.
    pub(crate) fn with_matrix_lanes(mut self, lanes: u32) -> Self {
        self.matrix_lanes = Some(lanes);
        self
    }

    #[cfg(test)]
    /// 48 KiB of workgroup memory, as most GPUs have.
    pub(crate) fn with_workgroup_memory(mut self) -> Self {
        self.limits.max_compute_workgroup_storage_size = 48 << 10;
        self
    }

    pub(crate) fn with_invocations(mut self, most: u32) -> Self {
        self.limits.max_compute_invocations_per_workgroup = most;
        self.limits.max_compute_workgroup_size_x = most;
        self
    }

    /// A limit of `bytes` in a binding.
    pub(crate) fn with_bindings(mut self, bytes: u64) -> Self {
        self.limits.max_storage_buffer_binding_size = bytes;
        self
    }
}
