//! The capabilities of an opened device. Plain data.

use super::architecture::Architecture;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::report::{AdapterKind, CooperativeShape};

/// The capabilities of an opened device: all that the choice of a kernel depends on. Plain data.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Features of the device.
    pub features: wgpu::Features,
    /// Limits of the device.
    pub limits: wgpu::Limits,
    /// Discrete, integrated, software...
    pub kind: AdapterKind,
    /// Family of GPUs, which decides how much an invocation may hold.
    pub architecture: Architecture,
    /// Cores of the GPU, such as streaming multiprocessors; `None` where its name does not tell.
    pub cores: Option<u64>,
    /// Smallest and largest subgroup, in invocations.
    pub subgroup_sizes: (u32, u32),
    /// Invocations of a subgroup in kernels on matrix units, where the sizes above differ: those with which the kernels'
    /// trials came out right.
    pub matrix_lanes: Option<u32>,
    /// Cooperative matrix shapes that kernels may use: those that came out right here.
    pub cooperative: Vec<CooperativeShape>,
    /// Kernels for matrix units that came out wrong here, and are not used.
    pub demoted: Vec<&'static str>,
    /// Whether conversions to f32 keep f16 below 2^-14, which WGSL lets a device flush to zero: a trial showed it.
    pub keeps_small_halves: bool,
}

impl Capabilities {
    /// Refuses a device without compute shaders, such as one opened with `wgpu::Limits::downlevel_webgl2_defaults()`.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub(crate) fn require_compute(&self) -> Result<()> {
        if self.limits.max_compute_invocations_per_workgroup > 0
            && self.limits.max_compute_workgroups_per_dimension > 0
        {
            return Ok(());
        }
        Err(Error::Unsupported {
            what: "compute".to_owned(),
            reason: "the device was opened without compute shaders \
                     (max_compute_invocations_per_workgroup or max_compute_workgroups_per_dimension is 0); \
                     ask for more limits, or for another backend"
                .to_owned(),
        })
    }

    /// The largest workgroup, in x.
    pub(crate) fn widest_workgroup(&self) -> u64 {
        self.limits
            .max_compute_invocations_per_workgroup
            .min(self.limits.max_compute_workgroup_size_x)
            .into()
    }

    /// Whether a driver picks the size of a pipeline's subgroups.
    pub(crate) fn subgroups_vary(&self) -> bool {
        self.subgroup_sizes.0 != self.subgroup_sizes.1
    }

    /// Invocations of a subgroup that holds fragments: what kernels on matrix units are written for.
    ///
    /// # Errors
    /// The reason why there is no such number: sizes differ, and no trial came out right with one of them.
    pub(crate) fn lanes(&self) -> std::result::Result<u32, String> {
        let (smallest, largest) = self.subgroup_sizes;
        if smallest == largest {
            return Ok(largest);
        }
        self.matrix_lanes.ok_or_else(|| {
            format!(
                "subgroups have {smallest} to {largest} invocations, and kernels on matrix units came out right with no size"
            )
        })
    }

    /// Sizes of subgroups that kernels on matrix units may be written for, the likeliest first: drivers that have several
    /// mostly give the largest.
    pub(crate) fn possible_lanes(&self) -> Vec<u32> {
        let (smallest, largest) = self.subgroup_sizes;
        let halves = std::iter::successors(Some(largest), |size| Some(size / 2));
        halves.take_while(|size| *size >= smallest.max(1)).collect()
    }

    /// The side of the square fragments of `input` with sums in f32 that came out right here, the larger where there are both.
    pub(crate) fn fragment_side(&self, input: Dtype) -> Option<u32> {
        let fits = |side: u32| {
            self.cooperative.iter().any(|shape| {
                [shape.m, shape.n, shape.k] == [side; 3]
                    && shape.input == input.name()
                    && shape.accumulator == Dtype::F32.name()
            })
        };
        [16, 8].into_iter().find(|&side| fits(side))
    }
}
