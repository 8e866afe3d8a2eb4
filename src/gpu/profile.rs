//! Assumptions about a device that WebGPU does not report: its cores, its registers, the work it gets done before a
//! driver gives up on a dispatch and may reset the device. The one home of such numbers.

use super::architecture::Architecture;
use super::capabilities::Capabilities;
use crate::report::AdapterKind;

/// Cores of an NVIDIA H200 (132 streaming multiprocessors), the GPU that most figures are of.
pub(crate) const CORES: u64 = 132;

/// Workgroups that keep a large GPU busy.
pub(crate) const BUSY: u64 = 128;

/// Bytes of sums between the dispatches of a partitioned walk, at most, on a device whose dispatches may have few
/// workgroups.
pub(crate) const KEPT_BYTES: u64 = 16 << 20;

/// Whether the device is a processor with a driver such as llvmpipe or `SwiftShader`. What follows from it has names of its
/// own: callers ask for the reason.
fn is_processor(device: &Capabilities) -> bool {
    device.kind == AdapterKind::Software
}

/// Whether a core computes the invocations of a workgroup one after another, a few lanes of a vector at once. More invocations
/// hide no latency there: a processor finds what it read before in its caches, and each barrier is a walk through all
/// invocations. Small workgroups whose invocations do much are the fastest.
pub(crate) fn runs_invocations_in_turn(device: &Capabilities) -> bool {
    is_processor(device)
}

/// Whether a few workgroups fill the device, so that work is not worth sharing among more of them: a processor has few cores.
pub(crate) fn has_few_cores(device: &Capabilities) -> bool {
    is_processor(device)
}

/// Whether long texts take seconds to minutes to compile: a processor's driver optimises every
/// copy of the body of a loop that was written out, and writes fragments of matrix units out too.
pub(crate) fn compiles_long_texts_slowly(device: &Capabilities) -> bool {
    is_processor(device)
}

/// Whether matrix units, where the driver lists them, are emulated by plain arithmetic: a processor has none.
pub(crate) fn emulates_matrix_units(device: &Capabilities) -> bool {
    is_processor(device)
}

/// Whether fragments of 8 x 8 load from memory of chunks, such as `vec4`. Metal, the only other place with fragments of that
/// size, loads them from memory of their own scalar elements: naga has no other way for them.
pub(crate) fn loads_chunks_as_small_fragments(device: &Capabilities) -> bool {
    is_processor(device)
}

/// Slowdown of a product without register blocks against one with them: 10 and 6 times as long on an H200, 23 and 56 times on
/// llvmpipe, 9 and 14 times on `SwiftShader`, which do with blocks what is several times the watchdog limit.
pub(crate) fn unblocked_slowdown(kind: AdapterKind) -> u64 {
    match kind {
        AdapterKind::Software => 24,
        _ => 8,
    }
}

/// Slowdown of a product with a barrier every few columns, against one with register blocks: llvmpipe takes long for each
/// barrier, and gets 0.1 GFLOP/s done.
pub(crate) fn barrier_slowdown(device: &Capabilities) -> u64 {
    if is_processor(device) { 20 } else { 1 }
}

/// Registers of 32 bits that an invocation may hold of a row: beyond, compilers spill or too few invocations fit a core.
pub(crate) const ROW_REGISTERS: u64 = 32;

/// Sums in f32 of a tile that an invocation may hold: beyond, the compiler spills, or the core holds too few subgroups to
/// hide the time of loads. From the drivers' own compilers (docs/compilers.md), but for NVIDIA's and a processor's, where it
/// was measured.
pub(crate) fn tile_sums(device: &Capabilities) -> u64 {
    match device.architecture {
        // 64 registers for all that an invocation holds.
        Architecture::Mali => 16,
        // A thread's registers of Intel's hold 4 x 8 sums with their operands, and 8 x 8 spills. Almost every compiler takes
        // as many, and so the unknown ones get them.
        Architecture::IntelGen9
        | Architecture::IntelXe2
        | Architecture::IntelXe3
        | Architecture::Unknown => 32,
        // 8 x 8 fits; 16 x 8 spills on Apple and Adreno, and leaves GCN and CDNA one subgroup on a SIMD.
        Architecture::Apple
        | Architecture::Adreno
        | Architecture::Gcn
        | Architecture::Cdna
        | Architecture::NvidiaPascal => 64,
        Architecture::Rdna2
        | Architecture::Rdna3
        | Architecture::Nvidia
        | Architecture::Software => 128,
    }
}

/// [`ROW_REGISTERS`], and twice as many on a CPU, where spilling goes to its first cache.
pub(crate) fn row_registers(device: &Capabilities) -> u64 {
    match device.kind {
        AdapterKind::Software => 2 * ROW_REGISTERS,
        _ => ROW_REGISTERS,
    }
}

/// Workgroups that keep a device busy: a large GPU has about 128 cores, a small one 16, a processor few.
pub(crate) fn busy_workgroups(device: &Capabilities) -> u64 {
    match device.kind {
        AdapterKind::Discrete => BUSY,
        AdapterKind::Software => 2,
        _ => 16,
    }
}

/// Workgroups that each of several dispatches should have, or most of a large device is idle while the last of them end.
/// Measured on an H200: two waves of workgroups were enough on matrix units, and with plain kernels as well, of which it has
/// twice as many. A discrete device without matrix units is allowed so little that more would be short walks. Integrated
/// ones were not measured; the largest have some 40 cores.
pub(crate) fn workgroups_of_several(device: &Capabilities, units: Units) -> u64 {
    match (device.kind, units) {
        (AdapterKind::Software, _) => 1,
        (AdapterKind::Discrete, Units::Plain) if !device.cooperative.is_empty() => 4 * CORES,
        (AdapterKind::Discrete, _) => 2 * CORES,
        _ => 64,
    }
}

/// Workgroups of `invocations` come in multiples of this number, so that their last wave is full. An H200 needs it: one of
/// its cores holds 256 invocations of the kernels that have the most reuse. On others one number is as good as another.
pub(crate) fn workgroup_multiple(device: &Capabilities, invocations: u32) -> u64 {
    match device.kind {
        AdapterKind::Discrete => CORES * u64::from(256 / invocations.clamp(1, 256)),
        _ => 1,
    }
}

/// Bytes of sums between the dispatches of a partitioned walk, at most, where a dispatch should have many workgroups.
pub(crate) fn most_kept(device: &Capabilities) -> u64 {
    let bytes = match device.kind {
        AdapterKind::Discrete => 4 * KEPT_BYTES,
        _ => KEPT_BYTES,
    };
    bytes.min(device.limits.max_storage_buffer_binding_size)
}

/// The units that a kernel multiplies with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Units {
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
pub(crate) fn flops_of_dispatch(device: &Capabilities, units: Units) -> u64 {
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
pub(crate) fn flops_of_workgroup(device: &Capabilities, units: Units) -> u64 {
    match (device.kind, units) {
        (AdapterKind::Software, _) => 75_000_000,
        (AdapterKind::Discrete, Units::Matrix) => 10_000_000_000,
        (_, Units::Matrix) => 8_000_000_000,
        (AdapterKind::Discrete, _) if !device.cooperative.is_empty() => 3_000_000_000,
        (AdapterKind::Discrete, _) => 500_000_000,
        _ => 300_000_000,
    }
}

/// Cost of loading one element from memory, in FLOPs of a product that take as long, where little else is done with the
/// element (llvmpipe: 10 GB/s against 50 GFLOP/s of a product).
pub(crate) const LOAD_FLOPS: u64 = 20;

/// Bytes of an operand that one dispatch takes at most, so that a slow adapter of its kind is done in 100 ms: a processor
/// moves 1 GB/s with a pass or two over three operands, a small integrated GPU 20. A discrete one is done with all that a
/// binding holds.
pub(crate) fn watchdog_bytes(kind: AdapterKind) -> u64 {
    match kind {
        AdapterKind::Software => 16 << 20,
        AdapterKind::Discrete => u64::MAX,
        _ => 512 << 20,
    }
}
