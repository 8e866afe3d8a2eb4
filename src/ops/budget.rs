//! How much one dispatch may hold: a driver gives up on those that take long, and may reset the device.

use crate::gpu::Capabilities;
use crate::report::AdapterKind;

/// What a kernel multiplies with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    Plain,
    Matrix,
}

impl From<bool> for Units {
    fn from(matrix: bool) -> Self {
        if matrix { Self::Matrix } else { Self::Plain }
    }
}

/// FLOPs that a slow adapter of its kind gets done in 100 ms, with a plain kernel: 1.5 GFLOP/s of a processor with two
/// cores, 50 of a small integrated GPU, 300 of a discrete one of ten years ago, 1700 of one with matrix units; on matrix
/// units themselves 11,000, and 1400 of an integrated GPU that has such.
pub(super) fn flops_of_dispatch(device: &Capabilities, units: Units) -> u64 {
    match (device.kind, units) {
        (AdapterKind::Software, _) => 150_000_000,
        (AdapterKind::Discrete, Units::Matrix) => 1_100_000_000_000,
        (_, Units::Matrix) => 140_000_000_000,
        (AdapterKind::Discrete, _) if !device.cooperative.is_empty() => 170_000_000_000,
        (AdapterKind::Discrete, _) => 30_000_000_000,
        _ => 5_000_000_000,
    }
}

/// FLOPs that one workgroup alone gets done in 100 ms there, since no other core helps it: 0.75 GFLOP/s of a core of such a
/// processor, 3 of a sixteenth of such an integrated GPU, 5 of a core of such a discrete one, 30 of one with matrix units;
/// on matrix units 100, and 80 of an integrated GPU. Measured: llvmpipe 2 to 5, `SwiftShader` 1 to 2; an H200 130 to 180,
/// and 800 to 1700 on matrix units.
pub(super) fn flops_of_workgroup(device: &Capabilities, units: Units) -> u64 {
    match (device.kind, units) {
        (AdapterKind::Software, _) => 75_000_000,
        (AdapterKind::Discrete, Units::Matrix) => 10_000_000_000,
        (_, Units::Matrix) => 8_000_000_000,
        (AdapterKind::Discrete, _) if !device.cooperative.is_empty() => 3_000_000_000,
        (AdapterKind::Discrete, _) => 500_000_000,
        _ => 300_000_000,
    }
}

/// FLOPs of a product in whose time an element comes from memory, where little else is done with it (llvmpipe; 10 GB/s where
/// a product does 50 GFLOP/s).
pub(super) const LOAD_FLOPS: u64 = 20;

/// Bytes of an operand that one dispatch takes at most, so that a slow adapter of its kind is done in 100 ms: a processor
/// moves 1 GB/s with a pass or two over three operands, a small integrated GPU 20. A discrete one is done with all that a
/// binding holds.
pub(super) fn bearable_bytes(kind: AdapterKind) -> u64 {
    match kind {
        AdapterKind::Software => 16 << 20,
        AdapterKind::Discrete => u64::MAX,
        _ => 512 << 20,
    }
}
