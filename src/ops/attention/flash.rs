//! `attention_flash`: fused in register blocks of vec4, without subgroups; its tiles, and which of them a shape gets.

use super::shape::Attention;
use super::{form, tiled};
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, busy_workgroups, runs_invocations_in_turn};
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
        usable(attention, device)
            .map(FlashTile::constants)
            .collect()
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

/// Constants of `attention_flash.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy)]
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

/// The tiles that serve heads of these widths on a device, the one with the most reuse first.
fn usable(attention: &Attention, device: &Capabilities) -> impl Iterator<Item = FlashTile> {
    let tiles: &[FlashTile] = if attention.head_dim.max(attention.value_dim) > 64 {
        &TILES_WIDE
    } else {
        &TILES
    };
    // A device that gains nothing from more invocations gains nothing from the large tiles.
    let in_turn = runs_invocations_in_turn(device);
    let tiles = tiles.iter().copied();
    tiles.filter(move |tile| !in_turn || !tile.prefetch && tile.q <= 64)
}

/// The tile with the most reuse that keeps the device busy and fits its limits, and where its KV loops are cut.
fn constants(attention: &Attention, device: &Capabilities, given: &Constants) -> Constants {
    let form = form::form(attention);
    let candidates: Vec<(FlashTile, Constants)> = usable(attention, device)
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
