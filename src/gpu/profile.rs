//! Assumptions about a device that WebGPU does not report: its cores, its registers, the work it gets done before a
//! driver gives up on a dispatch and may reset the device. The one home of such numbers.

use super::architecture::Architecture;
use super::capabilities::Capabilities;
use crate::report::AdapterKind;

/// Cores of an NVIDIA H200 (132 streaming multiprocessors), the GPU that most figures are of: for devices whose own are not known.
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

/// Whether kernels gain from f16 below 2^-14, which WGSL lets a device flush to zero: a trial shows whether the device keeps
/// them ([`Capabilities::keeps_small_halves`]).
pub(crate) fn gains_from_small_halves(architecture: Architecture) -> bool {
    // Measured on an H200.
    architecture == Architecture::Nvidia
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
        // A thread's registers hold 4 x 8 sums with their operands; 8 x 8 spills. Every compiler but Mali's takes 4 x 8, so
        // that it suits an unknown device.
        Architecture::IntelGen9 | Architecture::IntelXe2 | Architecture::Unknown => 32,
        // 8 x 8 fits; 16 x 8 spills on Intel, Apple and Adreno, leaves GCN and CDNA one wave on a SIMD, and RDNA 2 four.
        Architecture::IntelXe3
        | Architecture::Apple
        | Architecture::Adreno
        | Architecture::Gcn
        | Architecture::Cdna
        | Architecture::Rdna2
        | Architecture::NvidiaPascal => 64,
        Architecture::Rdna3 | Architecture::Nvidia | Architecture::Nvk | Architecture::Software => {
            128
        }
    }
}

/// Registers of 32 bits that an invocation may use for a tile: its sums, their operands, and what it fetches ahead. Beyond,
/// the compiler spills. Only where less than the registers of [`tile_sums`] and their operands may be the limit.
pub(crate) fn tile_registers(device: &Capabilities) -> u64 {
    match device.architecture {
        Architecture::Mali => 64,
        // Adreno 6xx: 128, of which some stay free.
        Architecture::Adreno => 108,
        // 128, of which some stay free.
        Architecture::Apple => 116,
        _ => u64::MAX,
    }
}

/// Sums in f32 that an invocation may hold where few rows or columns are multiplied.
pub(crate) fn vector_sums(device: &Capabilities) -> u64 {
    match device.architecture {
        // 4 x 4, as for tiles.
        Architecture::Mali => tile_sums(device),
        _ => u64::MAX,
    }
}

/// Registers of 32 bits that an invocation may use where few rows or columns are multiplied: its sums, and operands with
/// every element of f16 in a register of its own. Beyond, the compiler spills; on GCN and CDNA it leaves one wave on a SIMD.
pub(crate) fn vector_registers(device: &Capabilities) -> u64 {
    match device.architecture {
        // Clean at 104, 4 to 124 fills at 109.
        Architecture::IntelGen9 | Architecture::IntelXe2 | Architecture::Unknown => 104,
        // Clean at 217; 26 spills and fills at 224, where f16 weights lie along K and rows are 9 to 16.
        Architecture::IntelXe3 => 220,
        // Adreno 660: 29 spills at 104.
        Architecture::Adreno => 102,
        // Clean at 109, 4 spills at 116.
        Architecture::Apple => 112,
        // Two waves at 124, one at 145.
        Architecture::Gcn | Architecture::Cdna => 128,
        _ => u64::MAX,
    }
}

/// Invocations with `registers` registers of 32 bits each that a core holds at a time.
pub(crate) fn resident_invocations(device: &Capabilities, registers: u64) -> u64 {
    let file: u64 = match device.architecture {
        // 208 KiB, by the threads that the compiler reports for numbers of registers.
        Architecture::Apple => 52 << 10,
        // Of an Adreno 660.
        Architecture::Adreno => 64 << 10,
        // A thread has its registers whether it uses them or not.
        _ => 128 << 10,
    };
    (file / registers.max(1)).min(1024)
}

/// Bytes of workgroup memory that the workgroups of a core share: 64 KiB of an Intel subslice before Xe and of an Apple core;
/// later ones have more.
pub(crate) const CORE_WORKGROUP_BYTES: u64 = 64 << 10;

/// Whether the compiler moves loads down to where their results are used, so that nothing is fetched ahead unless the
/// workgroup has two buffers. Seen in the assembly of Mesa's compiler for Intel.
pub(crate) fn sinks_loads(device: &Capabilities) -> bool {
    matches!(
        device.architecture,
        Architecture::IntelGen9 | Architecture::IntelXe2 | Architecture::IntelXe3
    )
}

/// A middling device of an architecture on which nothing was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// Cores.
    pub(crate) cores: u64,
    /// Instructions of single invocations that a core gets done in a nanosecond.
    pub(crate) instructions_per_ns: f64,
    /// Bytes that go to memory and back in a nanosecond.
    pub(crate) bytes_per_ns: f64,
}

/// The device that stands for all of its kind: an Arc A770 has 32 cores of 128 lanes, 2.1 GHz and 560 GB/s; an integrated GPU
/// has 8 to 40 cores of 128 lanes, a bit more than 1 GHz and 60 to 400 GB/s.
pub(crate) fn machine(device: &Capabilities) -> Machine {
    match device.kind {
        AdapterKind::Discrete => Machine {
            cores: 32,
            instructions_per_ns: 256.0,
            bytes_per_ns: 500.0,
        },
        _ => Machine {
            cores: 16,
            instructions_per_ns: 128.0,
            bytes_per_ns: 100.0,
        },
    }
}

/// A core of a device with matrix units, and its share of the memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatrixCore {
    /// Cores of the device.
    pub(crate) cores: u64,
    /// FLOPs on matrix units that a core gets done in a nanosecond, with nothing to wait for.
    pub(crate) flops_per_ns: f64,
    /// Bytes that a workgroup loads from the cache of all cores in a nanosecond.
    pub(crate) bytes_per_ns: f64,
    /// Bytes that all workgroups of a core load from there in a nanosecond, where every core loads.
    pub(crate) shared_bytes_per_ns: f64,
    /// Nanoseconds that a step of a workgroup waits for loads and barriers.
    pub(crate) wait_ns: f64,
    /// Nanoseconds that it waits besides where loads come from memory.
    pub(crate) cold_wait_ns: f64,
    /// Nanoseconds in which a workgroup stores a fragment of each of its subgroups.
    pub(crate) fragment_ns: f64,
    /// Bytes that the cache of all cores holds.
    pub(crate) cache_bytes: f64,
    /// Bytes of a line of a cache.
    pub(crate) line_bytes: f64,
    /// Bytes that the device loads from memory in a nanosecond.
    pub(crate) memory_bytes_per_ns: f64,
    /// Bytes of f32 sums that the device stores and loads in a nanosecond.
    pub(crate) plane_bytes_per_ns: f64,
    /// Bytes of workgroup memory that the workgroups of a core share.
    pub(crate) workgroup_bytes: u64,
    /// Registers of 32 bits of a core.
    pub(crate) registers: u64,
}

/// The core that stands for those of all devices with matrix units: an H200's, whose driver lets workgroups share 48 KiB of
/// workgroup memory.
pub(crate) fn matrix_core(device: &Capabilities) -> MatrixCore {
    MatrixCore {
        cores: device.cores.unwrap_or(CORES),
        flops_per_ns: 6_670.0,
        bytes_per_ns: 147.0,
        shared_bytes_per_ns: 45.0,
        wait_ns: 300.0,
        cold_wait_ns: 331.0,
        fragment_ns: 34.0,
        cache_bytes: 48e6,
        line_bytes: 128.0,
        memory_bytes_per_ns: 4_000.0,
        plane_bytes_per_ns: 2_600.0,
        workgroup_bytes: 48 << 10,
        registers: 64 << 10,
    }
}

/// Registers of 32 bits that an invocation of an attention kernel may need, as the kernels' own models count them:
/// sums, operands, loads in flight and the state of rows. A model leaves out addresses and counters. Limits are from
/// the drivers' own compilers (docs/performance-log/attention.md), but for NVIDIA's and a processor's, where tiles
/// were measured.
pub(crate) fn attention_registers(device: &Capabilities) -> u64 {
    match device.architecture {
        // 64 registers in all: 40 spills, 32 does not.
        Architecture::Mali => 36,
        // 128 registers in all, at the narrowest subgroup: 82 spills in loops. Every compiler but Mali's takes it, so an
        // unknown one gets it too.
        Architecture::IntelGen9 | Architecture::IntelXe2 | Architecture::Unknown => 80,
        // 128 registers in all on Apple and Adreno 6xx: 116 spills.
        Architecture::Apple | Architecture::Adreno => 104,
        // Xe3 has 256 registers at the narrowest subgroup: 132 takes 179. GCN and CDNA hold two subgroups on a SIMD: 132 takes
        // 128 registers, 140 takes 156.
        Architecture::IntelXe3 | Architecture::Gcn | Architecture::Cdna => 132,
        // Six subgroups on a SIMD: 140 takes 160 registers, 188 up to 256.
        Architecture::Rdna2 => 140,
        // Four subgroups on a SIMD: 224 takes 252 registers.
        Architecture::Rdna3 => 232,
        Architecture::NvidiaPascal
        | Architecture::Nvidia
        | Architecture::Nvk
        | Architecture::Software => u64::MAX,
    }
}

/// [`attention_registers`] of the backward. Workgroup memory bounds the subgroups that RDNA's SIMDs hold of its kernels, and
/// halving the tile for it adds a quarter to the inverse throughput that RADV reports.
pub(crate) fn backward_registers(device: &Capabilities) -> u64 {
    match device.architecture {
        Architecture::Rdna2 | Architecture::Rdna3 => 256,
        _ => attention_registers(device),
    }
}

/// Bytes of workgroup memory of a tile of 256 invocations, at most: GCN and CDNA have 64 KiB for the 1024 lanes of a core's
/// four SIMDs, and two subgroups on each SIMD are two such workgroups.
pub(crate) fn tile_bytes(device: &Capabilities) -> u64 {
    match device.architecture {
        Architecture::Gcn | Architecture::Cdna => 32 << 10,
        _ => u64::MAX,
    }
}

/// Invocations of a workgroup whose subgroups hold fragments of matrix units. AMD's compiler gives an invocation of a
/// larger workgroup fewer registers than the 256 that there are, since the whole workgroup has to fit a core: with 512
/// invocations 192 on Navi 31 and 128 on GFX1150.
pub(crate) fn fragment_invocations(device: &Capabilities) -> u32 {
    match device.architecture {
        Architecture::Rdna3 => 256,
        _ => u32::MAX,
    }
}

/// Whether an invocation of a workgroup of 1024 has registers for two rows, the one that it works on and the next: it has 104
/// of 16 bits on Apple, 84 spills in loops, and on Skylake the workgroup forces subgroups of 32, 540 spills in loops. NVIDIA's
/// own compiler holds both in its 64 registers, Mesa's spills 16.
pub(crate) fn holds_next_row(device: &Capabilities) -> bool {
    !matches!(
        device.architecture,
        Architecture::IntelGen9
            | Architecture::Apple
            | Architecture::Mali
            | Architecture::Nvk
            | Architecture::Unknown
    )
}

/// Columns of the longest row that the registers of a workgroup of 1024 hold, where an invocation needs `besides` registers
/// more than a softmax does. Compilers have 32 registers of 32 bits for an invocation of so large a workgroup on Skylake, 52
/// on an M1 and 64 on an MI200; with rows of 32,768 Skylake spills 194 in a softmax, an Adreno 660 100, an M1 17.
pub(crate) fn longest_row(device: &Capabilities, besides: u64) -> u64 {
    let registers: u64 = match device.architecture {
        // Arc holds 32,768. From Tiger Lake on integrated ones would too, and are not told apart from Skylake.
        Architecture::IntelGen9 if device.kind == AdapterKind::Discrete => return u64::MAX,
        Architecture::IntelGen9
        | Architecture::Adreno
        | Architecture::Mali
        | Architecture::Unknown => 16,
        Architecture::Apple => 24,
        Architecture::Cdna => 32,
        _ => return u64::MAX,
    };
    1024 * registers.saturating_sub(besides)
}

/// Invocations of a workgroup that walks through a long row. Mesa's compiler for an Adreno 660 takes subgroups of 64 for
/// `softmax_online` and `norm_looped`, cannot run eight of them beside each other, and ends the program.
pub(crate) fn long_row_invocations(device: &Capabilities) -> u64 {
    match device.architecture {
        Architecture::Adreno => 256,
        _ => 512,
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
