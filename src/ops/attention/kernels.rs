//! The kernels of attention, the tiles of the fused one, and which of them a shape gets on a device.

use super::Attention;
use crate::data::Dtype;
use crate::gpu::{AdapterKind, Capabilities};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::softmax;
use crate::shader::{Constant, Shader};

pub(super) static ATTENTION_NAIVE: Kernel = Kernel {
    name: "attention_naive",
    about: "three operations, with the scores of all queries and keys in memory",
    stages: &[
        Stage::of(&Shader {
            name: "attention_scores",
            wgsl: include_str!("../../../shaders/attention_scores.wgsl"),
        }),
        Stage::of(&softmax::SOFTMAX_ONLINE_SHADER),
        Stage::of(&Shader {
            name: "attention_output",
            wgsl: include_str!("../../../shaders/attention_output.wgsl"),
        }),
    ],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: &[],
};

pub(super) static ATTENTION_FLASH: Kernel = Kernel {
    name: "attention_flash",
    about: "one dispatch, register blocks of vec4, softmax online, no scores in memory",
    stages: &[Stage::of(&Shader {
        name: "attention_flash",
        wgsl: include_str!("../../../shaders/attention_flash.wgsl"),
    })],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: FLASH_PRESETS,
};

type Preset = &'static [(&'static str, Constant)];

/// The first leaves the tile to [`flash_tile`]; each other one is a tile.
const FLASH_PRESETS: &[Preset] = &[
    &[],
    &ROWS_64_BY_8.constants(),
    &ROWS_64_BY_4.constants(),
    &ROWS_32_BY_4.constants(),
    &ROWS_16_BY_2.constants(),
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

/// The tiles that are chosen from, the one with the most reuse first.
const TILES: [Tile; 4] = [ROWS_64_BY_8, ROWS_64_BY_4, ROWS_32_BY_4, ROWS_16_BY_2];

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
    fn invocations(self, attention: &Attention) -> u64 {
        let workgroup = u64::from(self.q / self.elems_q * (self.kv / self.elems_kv));
        attention.all_heads() * attention.seq_q.div_ceil(self.q.into()) * workgroup
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

/// The tile of `attention_flash` for a shape on a device, with `head_dim` set: the one with the most reuse that keeps
/// the device busy and fits its limits.
pub(super) fn flash_tile(
    attention: &Attention,
    head_dim: (&'static str, Constant),
    device: &Capabilities,
) -> Constants {
    // wgpu does not say how many cores there are: 256 invocations for each of the 128 that a large GPU has, for each of
    // 32, and what a processor's vectors hold.
    let wanted = match device.kind {
        AdapterKind::Discrete => 1 << 15,
        AdapterKind::Software => 1 << 7,
        _ => 1 << 13,
    };
    let wide = attention.head_dim > 64;
    let candidates: Vec<(Tile, Constants)> = TILES
        .into_iter()
        // A row of O in registers is as wide as the head.
        .filter(|tile| !wide || tile.elems_q <= 4)
        .map(|mut tile| {
            if wide {
                tile.chunk_kv = 8;
            }
            let mut constants = vec![head_dim];
            constants.extend(tile.constants());
            (tile, constants)
        })
        .collect();
    let fits = |(_, constants): &&(Tile, Constants)| {
        let supported = ATTENTION_FLASH.supported(Dtype::F32, constants, device);
        supported.is_ok()
    };
    let busy = |(tile, _): &&(Tile, Constants)| tile.invocations(attention) >= wanted;
    let chosen = candidates.iter().filter(busy).find(fits);
    // Where none fits, the file's own tile is refused with the limit that it passes.
    chosen
        .or_else(|| candidates.iter().rev().find(fits))
        .map_or_else(|| vec![head_dim], |(_, constants)| constants.clone())
}
