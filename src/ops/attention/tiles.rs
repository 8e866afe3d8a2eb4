//! The tiles of `attention_flash`, and which of them a shape gets on a device.

use super::Attention;
use super::kernels::ATTENTION_FLASH;
use crate::gpu::Capabilities;
use crate::gpu::profile::busy_workgroups;
use crate::kernel::Constants;
use crate::report::AdapterKind;
use crate::shader::Constant;

type Preset = &'static [(&'static str, Constant)];

/// The first leaves the tile to [`constants`]; each other one is a tile.
pub(super) const FLASH_PRESETS: &[Preset] = &[
    &[],
    &ROWS_64_BY_8.constants(),
    &ROWS_64_BY_4.constants(),
    &ROWS_32_BY_4.constants(),
    &ROWS_16_BY_2.constants(),
    &ROWS_128_BY_8.constants(),
    &ROWS_64_KEPT.constants(),
    &ROWS_32_KEPT.constants(),
    &ROWS_128_WIDE.constants(),
];

/// One invocation for each query, 8 x 4 scores: the most reuse of what is read that 16 KiB allow. The file's own.
const ROWS_64_BY_8: Tile = Tile {
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
const ROWS_64_BY_4: Tile = Tile {
    elems_q: 4,
    ..ROWS_64_BY_8
};

/// Four invocations for each query, and twice as many workgroups.
const ROWS_32_BY_4: Tile = Tile {
    q: 32,
    kv: 64,
    ..ROWS_64_BY_4
};

/// Eight invocations for each query, for short sequences.
const ROWS_16_BY_2: Tile = Tile {
    q: 16,
    elems_q: 2,
    chunk_d: 32,
    ..ROWS_32_BY_4
};

/// Half the traffic of keys and values, in 48 KiB: the fastest on an H200 where 128 workgroups of it are busy.
const ROWS_128_BY_8: Tile = Tile {
    q: 128,
    kv: 64,
    elems_kv: 8,
    ..ROWS_64_BY_8
};

/// The same for heads wider than 64, whose rows of O leave registers for fewer scores.
const ROWS_128_WIDE: Tile = Tile {
    elems_kv: 4,
    prefetch: true,
    ..ROWS_128_BY_8
};

/// Q stays in workgroup memory, 42 KiB: half as many queries, for a middling number of them.
const ROWS_64_KEPT: Tile = Tile {
    kv: 64,
    elems_q: 4,
    elems_kv: 8,
    chunk_d: 32,
    chunk_kv: 32,
    whole_q: true,
    prefetch: true,
    ..ROWS_64_BY_8
};

/// The same with a quarter of the queries, for few of them.
const ROWS_32_KEPT: Tile = Tile {
    q: 32,
    elems_kv: 4,
    chunk_d: 64,
    chunk_kv: 64,
    ..ROWS_64_KEPT
};

/// The tiles that are chosen from, the one with the most reuse first. A tile above 16 KiB is passed over where it does
/// not fit.
const TILES: [Tile; 7] = [
    ROWS_128_BY_8,
    ROWS_64_KEPT,
    ROWS_32_KEPT,
    ROWS_64_BY_8,
    ROWS_64_BY_4,
    ROWS_32_BY_4,
    ROWS_16_BY_2,
];

/// The same for heads wider than 64.
const TILES_WIDE: [Tile; 4] = [
    ROWS_128_WIDE,
    Tile {
        chunk_kv: 8,
        ..ROWS_64_BY_4
    },
    Tile {
        chunk_kv: 8,
        ..ROWS_32_BY_4
    },
    Tile {
        chunk_kv: 8,
        ..ROWS_16_BY_2
    },
];

/// Constants of `attention_flash.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy)]
struct Tile {
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

impl Tile {
    /// Of the whole dispatch.
    fn workgroups(self, attention: &Attention) -> u64 {
        attention.all_heads() * attention.seq_q.div_ceil(self.q.into())
    }

    const fn constants(self) -> [(&'static str, Constant); 10] {
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
}

/// The tiles that serve heads as wide as these on a device.
fn usable(attention: &Attention, device: &Capabilities) -> impl Iterator<Item = Tile> {
    let tiles: &[Tile] = if attention.head_dim.max(attention.value_dim) > 64 {
        &TILES_WIDE
    } else {
        &TILES
    };
    // The large tiles are what GPUs were measured with; a processor gains nothing from them.
    let software = device.kind == AdapterKind::Software;
    let tiles = tiles.iter().copied();
    tiles.filter(move |tile| !software || !tile.prefetch && tile.q <= 64)
}

/// All of these, for a search.
pub(super) fn alternatives(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let tiles = usable(attention, device);
    tiles.map(|tile| tile.constants().to_vec()).collect()
}

/// The tile for a shape on a device, after the constants that the `form` of the attention sets: the one with the most
/// reuse that keeps the device busy and fits its limits.
pub(super) fn constants(
    attention: &Attention,
    form: Constants,
    device: &Capabilities,
) -> Constants {
    let candidates: Vec<(Tile, Constants)> = usable(attention, device)
        .map(|tile| {
            let mut constants = form.clone();
            constants.extend(tile.constants());
            (tile, constants)
        })
        .collect();
    let fits = |(_, constants): &&(Tile, Constants)| {
        let supported = ATTENTION_FLASH.supported(attention.dtype, constants, device);
        supported.is_ok()
    };
    let busy =
        |(tile, _): &&(Tile, Constants)| tile.workgroups(attention) >= busy_workgroups(device);
    let chosen = candidates.iter().filter(busy).find(fits);
    // Where none fits, the file's own tile is refused with the limit that it passes.
    chosen
        .or_else(|| candidates.iter().rev().find(fits))
        .map_or(form, |(_, constants)| constants.clone())
}
