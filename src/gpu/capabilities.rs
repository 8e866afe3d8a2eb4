//! The capabilities of an opened device. Plain data.

use crate::data::Dtype;
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
    /// Smallest and largest subgroup.
    pub subgroup_sizes: (u32, u32),
    /// Cooperative matrix shapes that kernels may use: those that came out right here.
    pub cooperative: Vec<CooperativeShape>,
    /// Kernels for matrix units that came out wrong here, and are not used.
    pub demoted: Vec<&'static str>,
}

impl Capabilities {
    /// Invocations of every subgroup; the reason why fragments cannot be held where sizes differ, since wgpu cannot ask for
    /// one of them.
    pub(crate) fn lanes(&self) -> std::result::Result<u32, String> {
        let (smallest, largest) = self.subgroup_sizes;
        if smallest == largest {
            return Ok(largest);
        }
        Err(format!(
            "subgroups have {smallest} to {largest} invocations, and have to be of one size"
        ))
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
