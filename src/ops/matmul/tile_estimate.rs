//! The time of tiles of `matmul_blocked` on architectures where nothing was measured, from what their compilers make of them.
//! Pure.
//!
//! Instructions for a multiply-add are one, its share of the reads of workgroup memory, its share of what moves the tiles
//! from memory to workgroup memory, and its share of the loop. Registers are those of the sums, of their operands, of the
//! chunks of the next step, and of addresses. Both formulas were fitted to the output of Mesa's compilers for Intel and
//! Apple; the tests have the figures.

use super::layout::Order;
use super::shape::Matmul;
use super::tiles::{Rated, Tiles};
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    CORE_WORKGROUP_BYTES, machine, resident_invocations, sinks_loads, tile_registers,
};
use crate::kernel::Constants;

/// Instructions that read a vec4 from workgroup memory.
const READ: f64 = 1.5;
/// Instructions that move an element to workgroup memory, where its neighbours in memory lie along K: a quarter of a load,
/// a store, and an address. Stores of other elements are four wide.
const MOVE_ALONG_K: f64 = 5.5;
const MOVE: f64 = 2.0;
/// Instructions of a step through K besides: the loop, barriers, addresses.
const STEP: f64 = 28.0;
/// Registers for addresses, sizes and the loop; and those that addresses in a second buffer take.
const ADDRESSES: u64 = 16;
const SECOND_BUFFER: u64 = 8;
/// Invocations of a core that hide the time of loads and barriers behind each other.
const HIDING: u64 = 384;
/// Slowdown by loads that the compiler sank to the end of a step, and that each step waits for. An assumption.
const SUNK: f64 = 1.2;
/// Slowdown where one tile spans a side of C: as measured on an H200.
const COLD: f64 = 1.1;

/// Sizes of tiles.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    tile: [u64; 3],
    elems: [u64; 2],
    buffers: u64,
}

impl Sizes {
    fn of(tiles: Tiles) -> Self {
        Self::of_constants(&Constants::from(tiles))
    }

    fn of_constants(constants: &Constants) -> Self {
        let size = |name| constants.integer(name).unwrap_or(1);
        Self {
            tile: ["TILE_M", "TILE_N", "TILE_K"].map(size),
            elems: ["ELEMS_M", "ELEMS_N"].map(size),
            buffers: size("BUFFERS"),
        }
    }

    fn sums(self) -> u64 {
        self.elems[0] * self.elems[1]
    }

    fn invocations(self) -> u64 {
        self.tile[0] * self.tile[1] / self.sums()
    }

    /// Bytes of workgroup memory.
    fn bytes(self) -> u64 {
        let [m, n, k] = self.tile;
        4 * self.buffers * k * (m + n)
    }

    /// Registers of an invocation.
    fn registers(self) -> u64 {
        let [m, n, k] = self.tile;
        let ahead = (m + n) * k / self.invocations();
        let second = (self.buffers - 1) * SECOND_BUFFER;
        self.sums() + self.elems[0] + self.elems[1] + ahead + ADDRESSES + second
    }

    /// Instructions for a multiply-add; `along_k` says of A and of B whether they lie along K in memory.
    fn instructions(self, along_k: [bool; 2]) -> f64 {
        let [m, n, k] = self.tile.map(|size| size as f64);
        let [rows, columns] = self.elems.map(|size| size as f64);
        let moved = along_k.map(|along| if along { MOVE_ALONG_K } else { MOVE });
        let reads = READ * (rows + columns) / (4.0 * rows * columns);
        1.0 + reads + moved[0] / n + moved[1] / m + STEP / (k * rows * columns)
    }
}

/// Whether the registers of an invocation and the workgroup memory of `device` hold the tiles.
pub(super) fn holds(tiles: Tiles, device: &Capabilities) -> bool {
    let sizes = Sizes::of(tiles);
    let bytes = u64::from(device.limits.max_compute_workgroup_storage_size);
    sizes.registers() <= tile_registers(device) && sizes.bytes() <= bytes
}

/// The tiles, and the time of a workgroup for a step of one along K of `matmul` on `device`.
pub(super) fn rated(tiles: &Tiles, matmul: &Matmul, device: &Capabilities) -> Rated {
    let sizes = Sizes::of(tiles);
    let along_k = [
        matmul.a.order == Order::RowMajor,
        matmul.b.order == Order::ColumnMajor,
    ];
    let multiply_adds = (sizes.tile[0] * sizes.tile[1]) as f64;
    let sunk = if sinks_loads(device) && sizes.buffers == 1 {
        SUNK
    } else {
        1.0
    };
    let time =
        sunk * multiply_adds * sizes.instructions(along_k) / machine(device).instructions_per_ns;
    let invocations = sizes.invocations();
    let by_registers = resident_invocations(device, sizes.registers()) / invocations;
    let resident = by_registers
        .min(CORE_WORKGROUP_BYTES / sizes.bytes())
        .max(1);
    // Too few invocations leave a core waiting.
    let waiting = |workgroups: u64| (HIDING as f64 / (workgroups * invocations) as f64).max(1.0);
    Rated {
        tiles,
        alone: time * waiting(1),
        shared: time * waiting(resident),
        resident,
        cold: COLD,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tiles::tiles;
    use super::*;

    /// Instructions of the main loop for each multiply-add, f32 at 2048 cubed: Mesa 26.1.6 for a Skylake, an Arc A770 and a
    /// Lunar Lake.
    #[test]
    fn instructions_are_those_of_the_compilers_within_15_percent() {
        for (tile, elems, buffers, compiled) in [
            ([32, 32, 32], [4, 4], 1, [1.57, 1.55, 1.38]),
            ([64, 64, 16], [4, 4], 1, [1.50, 1.51, 1.34]),
            ([64, 64, 16], [4, 8], 1, [1.38, 1.38, 1.25]),
            ([64, 64, 16], [4, 8], 2, [1.43, 1.41, 1.26]),
            ([128, 64, 16], [4, 8], 1, [1.37, 1.36, 1.24]),
            ([64, 128, 16], [8, 4], 1, [1.33, 1.33, 1.21]),
            ([64, 128, 16], [8, 4], 2, [1.38, 1.37, 1.22]),
        ] {
            let found = tiles(tile, elems, buffers);
            let constants = Constants::from(found.as_slice());
            let estimate = Sizes::of_constants(&constants).instructions([true, false]);
            for compiled in compiled {
                let off: f64 = estimate / compiled - 1.0;
                assert!(
                    off.abs() < 0.15,
                    "{tile:?} {elems:?}: {estimate}, {compiled}"
                );
            }
        }
    }

    /// Registers of 32 bits that Mesa 26.1.6 reports for an Apple M1, f32 at 2048 cubed.
    #[test]
    fn registers_are_those_of_the_compiler_within_8() {
        for (tile, elems, buffers, compiled) in [
            ([32, 32, 32], [4, 4], 1, 80),
            ([64, 64, 16], [4, 4], 1, 52),
            ([64, 64, 16], [4, 8], 1, 80),
            ([64, 64, 16], [4, 8], 2, 88),
            ([64, 128, 16], [8, 4], 2, 88),
            ([128, 128, 8], [8, 8], 1, 104),
            ([128, 128, 8], [8, 8], 2, 112),
            ([128, 128, 16], [8, 8], 1, 116),
            ([64, 128, 16], [8, 8], 1, 124),
        ] {
            let found = tiles(tile, elems, buffers);
            let constants = Constants::from(found.as_slice());
            let estimate = Sizes::of_constants(&constants).registers();
            assert!(
                estimate.abs_diff(compiled) <= 8,
                "{tile:?} {elems:?}: {estimate}"
            );
        }
    }
}
