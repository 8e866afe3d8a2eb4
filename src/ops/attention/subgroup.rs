//! The fused kernel whose rows belong to lanes of one subgroup: its tiles, and which of them a shape gets on a device.

use super::Attention;
use super::cut::{Units, walk};
use super::kernels::FINISH;
use super::tiles::wanted;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::{AdapterKind, Capabilities};
use crate::kernel::{Constants, Kernel, Stage};
use crate::shader::{Constant, Prepared, Shader};

pub(super) static ATTENTION_FLASH_SUBGROUP: Kernel = Kernel {
    name: "attention_flash_subgroup",
    about: "one dispatch, Q kept in workgroup memory, maxima by shuffles, one barrier a chunk of K or V",
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
    depth_d: u32,
    depth_kv: u32,
}

/// The fastest on an H200: 8 x 4 scores and few registers, so that several workgroups share a core.
const ROWS_64: Tile = Tile {
    lanes: 16,
    q: 64,
    elems_q: 8,
    elems_kv: 4,
    depth_d: 4,
    depth_kv: 2,
};

/// For heads wider than 64, whose rows of O take the registers: 256 invocations.
const ROWS_64_WIDE: Tile = Tile {
    elems_q: 4,
    elems_kv: 8,
    ..ROWS_64
};

/// Half the queries, for short sequences.
const ROWS_32: Tile = Tile {
    q: 32,
    elems_q: 4,
    ..ROWS_64
};

/// For subgroups of 8: still fewer registers.
const ROWS_64_BY_4: Tile = Tile {
    lanes: 8,
    elems_q: 4,
    depth_d: 1,
    depth_kv: 1,
    ..ROWS_64
};

/// For processors with subgroups of 8: the fewest loads for each multiply-add.
const ROWS_64_BY_8: Tile = Tile {
    elems_q: 8,
    elems_kv: 8,
    ..ROWS_64_BY_4
};

/// For subgroups of 4.
const LANES_4: Tile = Tile {
    lanes: 4,
    q: 32,
    ..ROWS_64_BY_4
};

/// The same where subgroups have up to 64 or up to 128 invocations.
const LANES_4_OF_64: Tile = Tile { q: 64, ..LANES_4 };
const LANES_4_OF_128: Tile = Tile { q: 128, ..LANES_4 };

impl Tile {
    const fn invocations(self) -> u32 {
        self.q / self.elems_q * self.lanes
    }

    /// Whether there are two workgroups of it for each core: what it takes to be faster than `attention_flash`.
    fn fills(self, attention: &Attention, device: &Capabilities) -> bool {
        let tiles = attention.seq_q.div_ceil(self.q.into());
        device.kind == AdapterKind::Software || attention.all_heads() * tiles >= 2 * wanted(device)
    }

    const fn constants(self) -> [(&'static str, Constant); 6] {
        [
            ("LANES", Constant::Integer(self.lanes)),
            ("TILE_Q", Constant::Integer(self.q)),
            ("ELEMS_Q", Constant::Integer(self.elems_q)),
            ("ELEMS_KV", Constant::Integer(self.elems_kv)),
            ("DEPTH_D", Constant::Integer(self.depth_d)),
            ("DEPTH_KV", Constant::Integer(self.depth_kv)),
        ]
    }
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
    let lanes = [16, 8, 4].into_iter().find(|lanes| *lanes <= smallest);
    let wide = attention.head_dim.max(attention.value_dim) > 64;
    let tiles: &[Tile] = match lanes {
        // A processor gains from fewer loads, not from more invocations.
        Some(_) if device.kind == AdapterKind::Software && smallest >= 8 => &[ROWS_64_BY_8],
        Some(16) if wide => &[ROWS_64_WIDE, ROWS_32],
        Some(16) => &[ROWS_64, ROWS_32],
        Some(8) => &[ROWS_64_BY_4],
        Some(_) => &[LANES_4, LANES_4_OF_64, LANES_4_OF_128],
        None => &[],
    };
    let whole = |tile: &&Tile| largest > 0 && tile.invocations().is_multiple_of(largest);
    let candidates: Vec<(bool, Constants)> = tiles
        .iter()
        .filter(whole)
        .map(|tile| {
            let mut constants = form.clone();
            constants.extend(tile.constants());
            let walk = walk(attention, tile.q.into(), device, Units::Plain);
            constants.extend(walk.map(|keys| ("WALK", Constant::Integer(keys))));
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
    if device.subgroup_sizes.0 < 8 {
        return Some("subgroups may be smaller than 8, where it was not found to be faster".into());
    }
    (!ROWS_32.fills(attention, device)).then(|| "too few workgroups to keep the device busy".into())
}

/// Refuses constants whose rows would not lie within subgroups.
///
/// # Errors
/// [`Error::Unsupported`].
pub(super) fn require_whole_rows(stage: &Prepared, device: &Capabilities) -> Result<()> {
    let (smallest, largest) = device.subgroup_sizes;
    let (lanes, invocations) = (stage.constant("LANES"), stage.invocations());
    if lanes <= smallest && invocations.is_multiple_of(largest.max(1)) {
        return Ok(());
    }
    Err(Error::Unsupported {
        what: format!("kernel {}", ATTENTION_FLASH_SUBGROUP.name),
        reason: format!(
            "{lanes} lanes a row and {invocations} invocations do not fit subgroups of {smallest} to {largest}"
        ),
    })
}
