//! `attention_flash`: fused in register blocks of vec4, without subgroups; its tiles, and which of them a shape gets.

use super::shape::Attention;
use super::{form, tiled};
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, attention_registers, busy_workgroups, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Constant, files};

pub(super) static FLASH: Implementation<Attention> = Implementation {
    kernel: Kernel {
        presets: PRESETS,
        ..Kernel::new(
            "attention_flash",
            "one dispatch, register blocks of vec4, softmax online, no scores in memory",
            &[Stage::of(&files::ATTENTION_FLASH), tiled::FINISH],
        )
    },
    fit: |attention, _| {
        let lacking = form::paged(attention).or_else(|| tiled::odd(attention));
        lacking.map_or(Fit::Best, Fit::Unable)
    },
    constants: |attention, device, given| Ok(constants(attention, device, given)),
    alternatives: |attention, device| {
        let tiles = usable(attention, device).into_iter();
        tiles.map(FlashTile::constants).collect()
    },
    schedule: |attention, stages, device| tiled::schedule(attention, stages, device, Units::Plain),
    samples: None,
};

/// The first preset leaves the tile to [`constants`]; each other one is a tile.
const PRESETS: &[&[(&str, Constant)]] = &[
    &[],
    &ROWS_64_BY_8.pairs(),
    &ROWS_64_BY_4.pairs(),
    &ROWS_32_BY_4.pairs(),
    &ROWS_16_BY_2.pairs(),
    &ROWS_128_BY_8.pairs(),
    &ROWS_64_KEPT.pairs(),
    &ROWS_32_KEPT.pairs(),
    &ROWS_128_WIDE.pairs(),
    &ROWS_64_BY_2.pairs(),
    &ROWS_32_BY_2.pairs(),
];

/// One invocation for each query, 8 x 4 scores: the most reuse of what is read that 16 KiB allow. The file's own.
const ROWS_64_BY_8: FlashTile = FlashTile {
    q: 64,
    kv: 32,
    elems_q: 8,
    elems_kv: 4,
    chunk_d: 16,
    chunk_kv: 16,
    depth_d: 2,
    depth_kv: 1,
    whole_q: false,
    prefetch: false,
};

/// Two invocations for each query; half the registers, which wide heads need.
const ROWS_64_BY_4: FlashTile = FlashTile {
    elems_q: 4,
    ..ROWS_64_BY_8
};

/// Four invocations for each query, and twice as many workgroups.
const ROWS_32_BY_4: FlashTile = FlashTile {
    q: 32,
    kv: 64,
    ..ROWS_64_BY_4
};

/// Eight invocations for each query, for short sequences.
const ROWS_16_BY_2: FlashTile = FlashTile {
    q: 16,
    elems_q: 2,
    chunk_d: 32,
    ..ROWS_32_BY_4
};

/// The fewest registers, for a device with 64 of them: no spill on a Mali up to 128 columns, 20 at 256.
const ROWS_16_BY_1: FlashTile = FlashTile {
    elems_q: 1,
    chunk_kv: 4,
    ..ROWS_16_BY_2
};

/// Half the traffic of keys and values, in 48 KiB: the fastest on an H200 where 128 workgroups of it are busy.
const ROWS_128_BY_8: FlashTile = FlashTile {
    q: 128,
    kv: 64,
    elems_kv: 8,
    ..ROWS_64_BY_8
};

/// [`ROWS_128_BY_8`] for heads wider than 64, whose rows of O leave registers for fewer scores.
const ROWS_128_WIDE: FlashTile = FlashTile {
    elems_kv: 4,
    prefetch: true,
    ..ROWS_128_BY_8
};

/// Q stays in workgroup memory, 42 KiB: half as many queries, for a middling number of queries.
const ROWS_64_KEPT: FlashTile = FlashTile {
    kv: 64,
    elems_q: 4,
    elems_kv: 8,
    chunk_d: 32,
    chunk_kv: 32,
    whole_q: true,
    prefetch: true,
    ..ROWS_64_BY_8
};

/// [`ROWS_64_KEPT`] with a quarter of the queries of the largest tile, for few queries.
const ROWS_32_KEPT: FlashTile = FlashTile {
    q: 32,
    elems_kv: 4,
    chunk_d: 64,
    chunk_kv: 64,
    ..ROWS_64_KEPT
};

/// Eight invocations for each query, 2 x 8 scores: few registers, since the state of a row is small and O is spread wide.
const ROWS_64_BY_2: FlashTile = FlashTile {
    kv: 64,
    elems_q: 2,
    elems_kv: 8,
    prefetch: true,
    ..ROWS_64_BY_8
};

/// [`ROWS_64_BY_2`] for half as many queries, in 16 KiB.
const ROWS_32_BY_2: FlashTile = FlashTile {
    q: 32,
    prefetch: false,
    ..ROWS_64_BY_2
};

/// The tiles for heads of up to 64 columns, the one with the most reuse first. A tile above 16 KiB is passed over where it
/// does not fit.
const TILES: [FlashTile; 7] = [
    ROWS_128_BY_8,
    ROWS_64_KEPT,
    ROWS_32_KEPT,
    ROWS_64_BY_8,
    ROWS_64_BY_4,
    ROWS_32_BY_4,
    ROWS_16_BY_2,
];

/// The tiles for heads wider than 64.
const TILES_WIDE: [FlashTile; 4] = [
    ROWS_128_WIDE,
    FlashTile {
        chunk_kv: 8,
        ..ROWS_64_BY_4
    },
    FlashTile {
        chunk_kv: 8,
        ..ROWS_32_BY_4
    },
    FlashTile {
        chunk_kv: 8,
        ..ROWS_16_BY_2
    },
];

/// [`ROWS_64_BY_2`] that waits for its loads, in longer steps: half the barriers and addresses of the scores. Heads of 64
/// columns have two such steps, which Intel's compiler writes out, and spills.
const ROWS_64_LONG: FlashTile = FlashTile {
    chunk_d: 32,
    prefetch: false,
    ..ROWS_64_BY_2
};

/// Sixteen invocations for each query, 2 x 4 scores: registers for loads ahead, where O is narrow.
const ROWS_32_BY_2_OF_4: FlashTile = FlashTile {
    elems_kv: 4,
    prefetch: true,
    ..ROWS_32_BY_2
};

/// For heads wider than 128: sixteen invocations for each query, in the steps of [`ROWS_64_LONG`], 43 KiB.
const ROWS_32_WIDEST: FlashTile = FlashTile {
    kv: 128,
    chunk_d: 32,
    ..ROWS_32_BY_2
};

/// Tiles with few registers, the most reuse first. A tile that waits for its loads needs fewer than one that prefetches.
const TILES_SMALL: [FlashTile; 9] = [
    ROWS_64_BY_2,
    ROWS_64_LONG,
    FlashTile {
        prefetch: false,
        ..ROWS_64_BY_2
    },
    ROWS_32_BY_2_OF_4,
    ROWS_32_BY_2,
    FlashTile {
        chunk_kv: 8,
        ..ROWS_32_BY_2
    },
    // Sixteen invocations for each query: half of O for each.
    FlashTile {
        kv: 128,
        ..ROWS_32_BY_2
    },
    FlashTile {
        kv: 128,
        chunk_kv: 8,
        ..ROWS_32_BY_2
    },
    FlashTile {
        chunk_kv: 8,
        ..ROWS_16_BY_2
    },
];

/// Constants of `attention_flash.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FlashTile {
    q: u32,
    kv: u32,
    elems_q: u32,
    elems_kv: u32,
    chunk_d: u32,
    chunk_kv: u32,
    depth_d: u32,
    depth_kv: u32,
    whole_q: bool,
    prefetch: bool,
}

impl FlashTile {
    /// Registers of 32 bits that an invocation needs: scores and its part of O; a vec4 of each of its rows; for each load in
    /// flight its vec4 and place, of which a compiler delays most unless the tile prefetches; seven for each row, such as its
    /// maximum, sum, factor and position.
    fn registers(self, attention: &Attention) -> u64 {
        let [q, kv, elems_q, elems_kv] =
            [self.q, self.kv, self.elems_q, self.elems_kv].map(u64::from);
        let of_query = kv / elems_kv;
        let invocations = q / elems_q * of_query;
        let columns = attention.value_dim.div_ceil(4 * of_query) * 4;
        let sums = elems_q * (elems_kv + columns);
        let loads = |elements: u64| (elements / 4).div_ceil(invocations);
        let chunk_d = u64::from(self.chunk_d);
        let of_q = if self.whole_q { 0 } else { loads(q * chunk_d) };
        let fetched_d = of_q + loads(kv * chunk_d);
        let fetched_kv = loads(u64::from(self.chunk_kv) * columns * of_query);
        let of_load = if self.prefetch { 6 } else { 2 };
        sums + 4 * elems_q + of_load * fetched_d.max(fetched_kv) + 7 * elems_q
    }

    /// Workgroups of all heads.
    fn workgroups(self, attention: &Attention) -> u64 {
        attention.all_heads() * attention.seq_q.div_ceil(self.q.into())
    }

    const fn pairs(self) -> [(&'static str, Constant); 10] {
        [
            ("TILE_Q", Constant::Integer(self.q)),
            ("TILE_KV", Constant::Integer(self.kv)),
            ("ELEMS_Q", Constant::Integer(self.elems_q)),
            ("ELEMS_KV", Constant::Integer(self.elems_kv)),
            ("CHUNK_D", Constant::Integer(self.chunk_d)),
            ("CHUNK_KV", Constant::Integer(self.chunk_kv)),
            ("DEPTH_D", Constant::Integer(self.depth_d)),
            ("DEPTH_KV", Constant::Integer(self.depth_kv)),
            ("WHOLE_Q", Constant::Bool(self.whole_q)),
            ("PREFETCH", Constant::Bool(self.prefetch)),
        ]
    }

    fn constants(self) -> Constants {
        self.pairs().into()
    }
}

/// The tiles that serve heads of these widths on a device, the one with the most reuse first. Tiles that need more registers
/// than an invocation may have are left out, and small ones take their place.
fn usable(attention: &Attention, device: &Capabilities) -> Vec<FlashTile> {
    let columns = attention.head_dim.max(attention.value_dim);
    let is_wide = columns > 64;
    let (tiles, unsuited): (&[FlashTile], FlashTile) = if is_wide {
        (&TILES_WIDE, ROWS_32_BY_2_OF_4)
    } else {
        (&TILES, ROWS_64_LONG)
    };
    // A device that gains nothing from more invocations gains nothing from the large tiles.
    let in_turn = runs_invocations_in_turn(device);
    let most = attention_registers(device);
    let suits = |tile: &FlashTile| !in_turn || !tile.prefetch && tile.q <= 64;
    let holds = |tile: &FlashTile| tile.registers(attention) <= most;
    let suited: Vec<FlashTile> = tiles.iter().copied().filter(suits).collect();
    let mut kept: Vec<FlashTile> = suited.iter().copied().filter(holds).collect();
    if kept.len() == suited.len() {
        return kept;
    }
    // Of the large tiles, those with more reuse than the small ones.
    kept.retain(|tile| tile.elems_q * tile.elems_kv > 16);
    let widest = (columns > 128).then_some(ROWS_32_WIDEST);
    let small = widest.into_iter().chain(TILES_SMALL);
    let small = small.filter(|tile| *tile != unsuited).filter(holds);
    let small: Vec<FlashTile> = small.filter(|tile| !kept.contains(tile)).collect();
    kept.extend(small);
    // None holds: the least that there is.
    if kept.is_empty() {
        kept.push(ROWS_16_BY_1);
    }
    kept
}

/// The tile with the most reuse that keeps the device busy and fits its limits, and where its KV loops are cut.
fn constants(attention: &Attention, device: &Capabilities, given: &Constants) -> Constants {
    let form = form::form(attention);
    let candidates: Vec<(FlashTile, Constants)> = usable(attention, device)
        .into_iter()
        .map(|tile| (tile, form.clone().merged(&tile.pairs())))
        .collect();
    let fits = |(_, constants): &&(FlashTile, Constants)| {
        let supported = FLASH.kernel.supported(attention.dtype, constants, device);
        supported.is_ok()
    };
    let busy =
        |(tile, _): &&(FlashTile, Constants)| tile.workgroups(attention) >= busy_workgroups(device);
    let chosen = candidates.iter().filter(busy).find(fits);
    // Where none fits, the file's own tile is refused with the limit that it passes.
    let found = chosen
        .or_else(|| candidates.iter().rev().find(fits))
        .map_or(form, |(_, constants)| constants.clone())
        .merged(given);
    let tile = found.integer("TILE_Q");
    tiled::with_cuts(found, attention, tile, device, Units::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Architecture;
    use crate::gpu::of_each_architecture;

    /// No tile that is chosen or offered needs more registers than an invocation may have, but the least on Mali.
    #[test]
    fn tiles_keep_within_the_registers_of_each_architecture() {
        for device in of_each_architecture() {
            for columns in [32, 64, 80, 128, 256] {
                let attention = Attention::new(4, 16, 2048, columns);
                let most = attention_registers(&device);
                for tile in usable(&attention, &device) {
                    let needed = tile.registers(&attention);
                    let is_least =
                        device.architecture == Architecture::Mali && tile == ROWS_16_BY_1;
                    assert!(
                        needed <= most || is_least,
                        "{:?} {columns} {tile:?}",
                        device.architecture
                    );
                }
            }
        }
    }

    /// Tiles whose figures are in docs/performance-log/attention.md.
    #[test]
    fn heads_on_intel_get_tiles_of_two_rows() {
        let devices = of_each_architecture();
        let intel = &devices[0];
        let first = |columns| usable(&Attention::new(4, 16, 2048, columns), intel)[0];
        assert_eq!(first(64), ROWS_64_BY_2);
        assert_eq!(first(128), ROWS_64_LONG);
        assert_eq!(first(256), ROWS_32_WIDEST);
    }
}
