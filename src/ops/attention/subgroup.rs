//! The fused kernel whose rows belong to lanes of one subgroup: its tiles, and which of them a shape gets on a device.

use super::Attention;
use super::kernels::FINISH;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::busy_workgroups;
use crate::kernel::{Constants, Kernel, Stage};
use crate::report::AdapterKind;
use crate::shader::{Constant, Prepared, Shader};

pub(super) static ATTENTION_FLASH_SUBGROUP: Kernel = Kernel {
    name: "attention_flash_subgroup",
    about: "outer products of vec4, maxima by shuffles, one barrier a chunk of keys or columns",
    stages: &[
        Stage::of(&Shader {
            name: "attention_flash_subgroup",
            wgsl: include_str!("../../../shaders/attention_flash_subgroup.wgsl"),
        }),
        FINISH,
    ],
    features: wgpu::Features::SUBGROUP,
    dtypes: &[Dtype::F32, Dtype::F16],
    presets: &[],
};

/// Constants of `attention_flash_subgroup.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy)]
struct Tile {
    lanes: u32,
    q: u32,
    elems_q: u32,
    elems_kv: u32,
    chunk_d: u32,
    chunk_kv: u32,
    depth_d: u32,
    depth_kv: u32,
    chunks: u32,
}

/// The fastest on an H200 for long sequences: the most multiply-adds for each read of workgroup memory.
const ROWS_128: Tile = Tile {
    lanes: 8,
    q: 128,
    elems_q: 8,
    elems_kv: 8,
    chunk_d: 8,
    chunk_kv: 8,
    depth_d: 8,
    depth_kv: 8,
    chunks: 2,
};

/// For heads wider than 64: twice the lanes, so that an invocation's part of O is as large. Half the barriers, and code that
/// stays below what a core keeps of it.
const ROWS_128_WIDE: Tile = Tile {
    lanes: 16,
    chunk_d: 16,
    chunk_kv: 16,
    depth_d: 16,
    depth_kv: 16,
    chunks: 1,
    ..ROWS_128
};

/// Half as many queries.
const ROWS_64_WIDE: Tile = Tile {
    lanes: 16,
    q: 64,
    ..ROWS_128
};

/// As many invocations as of [`ROWS_128_WIDE`] for half as many queries, and for heads wider than 128, whose rows of O take
/// the registers.
const ROWS_64: Tile = Tile {
    elems_q: 4,
    chunk_kv: 16,
    depth_kv: 16,
    ..ROWS_64_WIDE
};

/// For heads wider than 256: less code, which grows with them.
const ROWS_64_WIDEST: Tile = Tile {
    chunk_kv: 8,
    depth_kv: 8,
    chunks: 1,
    ..ROWS_64
};

/// A quarter of the queries, for short sequences.
const ROWS_32: Tile = Tile { q: 32, ..ROWS_64 };

/// For subgroups of 8: few registers.
const ROWS_64_BY_4: Tile = Tile {
    lanes: 8,
    q: 64,
    elems_q: 4,
    elems_kv: 4,
    chunk_d: 8,
    chunk_kv: 8,
    depth_d: 4,
    depth_kv: 4,
    chunks: 1,
};

/// For processors with subgroups of 8: the fewest reads for each multiply-add, and the least code.
const ROWS_64_BY_8: Tile = Tile {
    elems_q: 8,
    elems_kv: 8,
    depth_d: 1,
    depth_kv: 1,
    ..ROWS_64_BY_4
};

/// For subgroups of 4.
const LANES_4: Tile = Tile {
    lanes: 4,
    q: 32,
    depth_d: 1,
    depth_kv: 1,
    ..ROWS_64_BY_4
};

/// The same where subgroups have up to 64 or up to 128 invocations.
const LANES_4_OF_64: Tile = Tile { q: 64, ..LANES_4 };
const LANES_4_OF_128: Tile = Tile { q: 128, ..LANES_4 };

impl Tile {
    const fn invocations(self) -> u32 {
        self.q / self.elems_q * self.lanes
    }

    /// Of the whole dispatch.
    fn workgroups(self, attention: &Attention) -> u64 {
        attention.all_heads() * attention.seq_q.div_ceil(self.q.into())
    }

    /// Whether workgroups are whole subgroups, however large these are.
    fn is_whole(self, device: &Capabilities) -> bool {
        let (_, largest) = device.subgroup_sizes;
        largest > 0 && self.invocations().is_multiple_of(largest)
    }

    /// Whether there are two workgroups of it for each core: what it takes to be faster than a smaller one.
    fn fills(self, attention: &Attention, device: &Capabilities) -> bool {
        device.kind == AdapterKind::Software
            || self.workgroups(attention) >= 2 * busy_workgroups(device)
    }

    /// `smallest` is the least number of invocations that a subgroup may have.
    const fn constants(self, smallest: u32) -> [(&'static str, Constant); 10] {
        // Neighbours that differ in both row and keys share what they read, in pairs.
        let lanes_q = if 2 * self.lanes <= smallest { 2 } else { 1 };
        [
            ("LANES", Constant::Integer(self.lanes)),
            ("LANES_Q", Constant::Integer(lanes_q)),
            ("TILE_Q", Constant::Integer(self.q)),
            ("ELEMS_Q", Constant::Integer(self.elems_q)),
            ("ELEMS_KV", Constant::Integer(self.elems_kv)),
            ("CHUNK_D", Constant::Integer(self.chunk_d)),
            ("CHUNK_KV", Constant::Integer(self.chunk_kv)),
            ("DEPTH_D", Constant::Integer(self.depth_d)),
            ("DEPTH_KV", Constant::Integer(self.depth_kv)),
            ("CHUNKS", Constant::Integer(self.chunks)),
        ]
    }
}

/// The tiles that suit heads as wide as these on a device, the most reuse first; and others for a search.
fn tiles(attention: &Attention, device: &Capabilities) -> [&'static [Tile]; 2] {
    let (smallest, _) = device.subgroup_sizes;
    let lanes = [16, 8, 4].into_iter().find(|lanes| *lanes <= smallest);
    match (lanes, attention.head_dim.max(attention.value_dim)) {
        // A processor gains from fewer reads, not from more invocations.
        (Some(_), _) if device.kind == AdapterKind::Software && smallest >= 8 => {
            [&[ROWS_64_BY_8], &[ROWS_64_BY_4]]
        }
        (Some(16), ..=64) => [
            &[ROWS_128, ROWS_64, ROWS_32],
            &[ROWS_64_WIDE, ROWS_64_BY_8, ROWS_64_BY_4],
        ],
        (Some(16), ..=128) => [
            &[ROWS_128_WIDE, ROWS_64_WIDE, ROWS_32],
            &[ROWS_64, ROWS_128],
        ],
        (Some(16), ..=256) => [&[ROWS_64, ROWS_32], &[ROWS_64_WIDE, ROWS_64_WIDEST]],
        (Some(16), _) => [&[ROWS_64_WIDEST], &[ROWS_64, ROWS_32]],
        (Some(8), _) => [&[ROWS_64_BY_4], &[ROWS_64_BY_8, LANES_4_OF_64]],
        (Some(_), _) => [&[LANES_4, LANES_4_OF_64, LANES_4_OF_128], &[]],
        (None, _) => [&[], &[]],
    }
}

/// All of these, for a search.
pub(super) fn alternatives(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let (smallest, _) = device.subgroup_sizes;
    let tiles = tiles(attention, device).concat();
    let whole = tiles.into_iter().filter(|tile| tile.is_whole(device));
    whole
        .map(|tile| tile.constants(smallest).to_vec())
        .collect()
}

/// The tile for a shape on a device, after the constants that the `form` of the attention sets.
///
/// # Errors
/// [`Error::Unsupported`] where subgroups are too small, of unknown size, or a workgroup is no multiple of them.
pub(super) fn constants(
    attention: &Attention,
    form: &Constants,
    device: &Capabilities,
) -> Result<Constants> {
    let (smallest, largest) = device.subgroup_sizes;
    let [suited, _] = tiles(attention, device);
    let candidates: Vec<(bool, Constants)> = suited
        .iter()
        .filter(|tile| tile.is_whole(device))
        .map(|tile| {
            let mut constants = form.clone();
            constants.extend(tile.constants(smallest));
            (tile.fills(attention, device), constants)
        })
        .collect();
    let fits = |(_, constants): &&(bool, Constants)| {
        ATTENTION_FLASH_SUBGROUP
            .supported(attention.dtype, constants, device)
            .is_ok()
    };
    let fitting = || candidates.iter().filter(fits);
    fitting()
        .find(|(busy, _)| *busy)
        .or_else(|| fitting().next_back())
        .map(|(_, constants)| constants.clone())
        .ok_or_else(|| Error::Unsupported {
            what: format!("kernel {}", ATTENTION_FLASH_SUBGROUP.name),
            reason: format!(
                "none of its tiles fits subgroups of {smallest} to {largest} and the limits of the device"
            ),
        })
}

/// Why this kernel should leave a shape to others, if it should.
pub(super) fn unsuited(
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
) -> Option<String> {
    if kernel.name != ATTENTION_FLASH_SUBGROUP.name {
        return None;
    }
    if attention.head_dim.max(attention.value_dim) > 512 {
        return Some("heads wider than 512 leave it no registers".into());
    }
    if device.subgroup_sizes.0 < 8 {
        return Some("subgroups may be smaller than 8, where it was not found to be faster".into());
    }
    let enough = device.kind == AdapterKind::Software
        || 2 * ROWS_32.workgroups(attention) >= busy_workgroups(device);
    (!enough).then(|| "too few workgroups to keep the device busy".into())
}

/// Refuses constants whose rows would not lie within subgroups.
///
/// # Errors
/// [`Error::Unsupported`].
pub(super) fn require_whole_rows(stage: &Prepared, device: &Capabilities) -> Result<()> {
    let (smallest, largest) = device.subgroup_sizes;
    let lanes = stage.constant("LANES") * stage.constant("LANES_Q");
    let invocations = stage.invocations();
    if lanes <= smallest && invocations.is_multiple_of(largest.max(1)) {
        return Ok(());
    }
    Err(Error::Unsupported {
        what: format!("kernel {}", ATTENTION_FLASH_SUBGROUP.name),
        reason: format!(
            "rows by {lanes} lanes and {invocations} invocations do not fit subgroups of {smallest} to {largest}"
        ),
    })
}
