//! The tiles of attention on matrix units, and which of them a shape gets on a device.

use super::Attention;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::BUSY;
use crate::kernel::{Constants, Kernel};
use crate::report::AdapterKind;
use crate::shader::Constant;

/// Constants of `attention_cooperative.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) subgroups: u32,
    pub(super) subgroup_q: u32,
    pub(super) kv: u32,
}

impl Tile {
    pub(super) const fn constants(self) -> [(&'static str, Constant); 3] {
        [
            ("SUBGROUPS", Constant::Integer(self.subgroups)),
            ("SUBGROUP_Q", Constant::Integer(self.subgroup_q)),
            ("TILE_KV", Constant::Integer(self.kv)),
        ]
    }

    /// Of all heads.
    fn workgroups(self, attention: &Attention) -> u64 {
        let tile_q = self.subgroups * self.subgroup_q;
        attention.all_heads() * attention.seq_q.div_ceil(tile_q.into())
    }
}

/// The most reuse: the fastest on an H200 for heads of 65 to 128 columns.
pub(super) const ROWS_256: Tile = Tile {
    subgroups: 8,
    subgroup_q: 32,
    kv: 16,
};

/// The fastest there for heads of up to 64 columns, of which two workgroups fit a core.
pub(super) const ROWS_128: Tile = Tile {
    subgroups: 4,
    ..ROWS_256
};

/// Half as many fragments of O a subgroup, for wide heads.
pub(super) const ROWS_128_BY_16: Tile = Tile {
    subgroup_q: 16,
    ..ROWS_256
};

pub(super) const ROWS_64: Tile = Tile {
    subgroups: 4,
    ..ROWS_128_BY_16
};

/// For few queries, for little workgroup memory, and for a processor, which takes long to compile more.
pub(super) const ROWS_32: Tile = Tile {
    subgroups: 2,
    ..ROWS_128_BY_16
};

/// The first leaves the tile to [`tile`].
pub(super) const PRESETS: &[&[(&str, Constant)]] = &[
    &[],
    &ROWS_256.constants(),
    &ROWS_128.constants(),
    &ROWS_128_BY_16.constants(),
    &ROWS_64.constants(),
    &ROWS_32.constants(),
];

/// The tiles that suit heads of so many columns, the most reuse first.
fn tiles(columns: u64) -> &'static [Tile] {
    match columns {
        0..=64 => &[ROWS_128, ROWS_64, ROWS_32],
        65..=128 => &[ROWS_256, ROWS_128_BY_16, ROWS_64, ROWS_32],
        _ => &[ROWS_128_BY_16, ROWS_64, ROWS_32],
    }
}

/// Those that suit, then those that are there for other heads.
pub(super) fn alternatives(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    if device.kind == AdapterKind::Software {
        return Vec::new();
    }
    let suited = tiles(attention.head_dim.max(attention.value_dim));
    let others = [ROWS_128, ROWS_256, ROWS_128_BY_16];
    let others = others.iter().filter(|tile| !suited.contains(tile));
    let all = suited.iter().chain(others);
    all.map(|tile| tile.constants().to_vec()).collect()
}

/// The tile with the most reuse that fits the device and keeps it busy, or else the smallest that fits.
///
/// # Errors
/// [`Error::Unsupported`] where none fits, with the limit that the smallest passes.
pub(super) fn tile(
    attention: &Attention,
    others: &Constants,
    kernel: &Kernel,
    device: &Capabilities,
) -> Result<Tile> {
    let fits = |tile: Tile| {
        let mut all = others.clone();
        all.extend(tile.constants());
        kernel
            .supported(attention.dtype, &all, device)
            .map(|()| tile)
    };
    if device.kind == AdapterKind::Software {
        return fits(ROWS_32);
    }
    let tiles = tiles(attention.head_dim.max(attention.value_dim));
    let mut busy = tiles.iter().filter(|t| t.workgroups(attention) >= BUSY);
    if let Some(tile) = busy.find_map(|tile| fits(*tile).ok()) {
        return Ok(tile);
    }
    let mut smallest_first = tiles.iter().rev();
    let smallest = smallest_first.next().map_or(ROWS_32, |tile| *tile);
    fits(smallest)
}
