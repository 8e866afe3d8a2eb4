//! Fake devices: what kernels are chosen for where no such adapter is at hand.

use super::architecture::Architecture;
use super::capabilities::Capabilities;
use crate::error::{Error, Result, suggest};
use crate::report::AdapterKind::{Discrete, Integrated, Other, Software};

const KIB: u32 = 1 << 10;

/// A device by its capabilities alone.
#[derive(Debug)]
pub struct Fake {
    /// The name on the command line and in `tests/snapshots/plans.txt`.
    pub name: &'static str,
    /// Capabilities of the device.
    pub capabilities: fn() -> Capabilities,
}

/// Every fake device.
pub static FAKES: &[Fake] = &[
    Fake {
        name: "webgpu",
        capabilities: || {
            let mut device = Capabilities::fake(Other);
            device.limits.max_buffer_size = 256 << 20;
            device
        },
    },
    Fake {
        name: "llvmpipe",
        capabilities: || native(Software, 32 * KIB).with_subgroups((8, 8)),
    },
    Fake {
        name: "swiftshader",
        capabilities: || {
            let mut device = native(Software, 32 * KIB).with_subgroups((4, 4));
            device.features.remove(wgpu::Features::SHADER_F16);
            device
        },
    },
    Fake {
        name: "intel",
        capabilities: || {
            native(Integrated, 64 * KIB)
                .with_architecture(Architecture::IntelGen9)
                .with_subgroups((8, 32))
        },
    },
    Fake {
        name: "rdna",
        capabilities: || {
            native(Discrete, 64 * KIB)
                .with_architecture(Architecture::Rdna2)
                .with_subgroups((32, 64))
        },
    },
    Fake {
        name: "rdna_matrix",
        capabilities: || {
            let device = native(Discrete, 64 * KIB)
                .with_architecture(Architecture::Rdna3)
                .with_subgroups((32, 64));
            device.with_matrix_units(16).with_matrix_lanes(64)
        },
    },
    Fake {
        name: "apple",
        capabilities: || {
            let device = native(Integrated, 32 * KIB)
                .with_architecture(Architecture::Apple)
                .with_subgroups((32, 32));
            device.with_matrix_units(8)
        },
    },
    Fake {
        name: "nvidia",
        capabilities: || {
            let device = native(Discrete, 48 * KIB)
                .with_architecture(Architecture::Nvidia)
                .with_cores(132)
                .with_subgroups((32, 32));
            device.with_matrix_units(16)
        },
    },
];

/// The capabilities of a fake device by its name.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn fake(name: &str) -> Result<Capabilities> {
    let found = FAKES.iter().find(|fake| fake.name == name);
    let unknown = || Error::UnknownName {
        kind: "fake device",
        name: name.to_owned(),
        suggestion: suggest(name, FAKES.iter().map(|fake| fake.name)),
    };
    found.map(|fake| (fake.capabilities)()).ok_or_else(unknown)
}

/// Limits of a native GPU beyond WebGPU's defaults, with `workgroup_bytes` of workgroup memory.
fn native(kind: crate::report::AdapterKind, workgroup_bytes: u32) -> Capabilities {
    let mut device = Capabilities::fake(kind)
        .with_f16()
        .with_invocations(1024)
        .with_bindings(2 << 30);
    device.limits.max_compute_workgroup_storage_size = workgroup_bytes;
    device.limits.max_buffer_size = 4 << 30;
    device
}

/// A discrete device of each architecture, with 48 KiB of workgroup memory.
#[cfg(test)]
pub(crate) fn of_each_architecture() -> Vec<Capabilities> {
    use Architecture::*;
    let subgroups = |architecture| match architecture {
        IntelGen9 => (8, 32),
        IntelXe2 | IntelXe3 => (16, 32),
        Gcn | Cdna => (64, 64),
        Rdna2 | Rdna3 => (32, 64),
        Adreno => (64, 128),
        Mali => (16, 16),
        _ => (32, 32),
    };
    let all = [
        IntelGen9,
        IntelXe2,
        IntelXe3,
        Gcn,
        Cdna,
        Rdna2,
        Rdna3,
        Apple,
        Adreno,
        Mali,
        NvidiaPascal,
        Nvidia,
        Nvk,
        Unknown,
    ];
    let device = |architecture| {
        native(Discrete, 48 * KIB)
            .with_architecture(architecture)
            .with_subgroups(subgroups(architecture))
    };
    all.map(device).into()
}
