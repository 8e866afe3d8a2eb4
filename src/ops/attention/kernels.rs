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
    &ROWS_64.constants(),
    &ROWS_32.constants(),
    &ROWS_16.constants(),
    &WIDE_32.constants(),
];

/// 64 queries against blocks of 32 keys, 8 x 4 scores an invocation: the most reuse that 16 KiB allow, the file's own.
const ROWS_64: Tile = Tile {
    q: 64,
    kv: 32,
    elems_q: 8,
    elems_kv: 4,
    chunk_d: 16,
    chunk_kv: 16,
    depth_d: 4,
    depth_kv: 2,
    whole_q: false,
    prefetch: false,
};

/// Half the rows: twice as many workgroups.
const ROWS_32: Tile = Tile {
    q: 32,
    kv: 64,
    elems_q: 4,
    elems_kv: 4,
    chunk_d: 16,
    chunk_kv: 16,
    depth_d: 4,
    depth_kv: 2,
    whole_q: false,
    prefetch: false,
};

/// For the shortest sequences.
const ROWS_16: Tile = Tile {
    q: 16,
    kv: 64,
    elems_q: 4,
    elems_kv: 4,
    chunk_d: 32,
    chunk_kv: 32,
    depth_d: 4,
    depth_kv: 2,
    whole_q: false,
    prefetch: false,
};

/// For wide heads, whose rows of O take the registers.
const WIDE_32: Tile = Tile {
    q: 32,
    kv: 32,
    elems_q: 4,
    elems_kv: 4,
    chunk_d: 16,
    chunk_kv: 8,
    depth_d: 4,
    depth_kv: 2,
    whole_q: false,
    prefetch: false,
};

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

/// The tile of `attention_flash` for a shape on a device, with `head_dim` set: the first of a list, best first, that
/// the device's limits allow.
pub(super) fn flash_tile(
    attention: &Attention,
    head_dim: (&'static str, Constant),
    device: &Capabilities,
) -> Constants {
    let rows = attention.all_heads() * attention.seq_q;
    // Few workgroups leave cores idle. wgpu does not say how many there are; discrete GPUs have up to some 200.
    let enough = match device.kind {
        AdapterKind::Discrete => 128,
        _ => 16,
    };
    let candidates: &[Tile] = if attention.head_dim > 96 {
        &[ROWS_32, WIDE_32]
    } else if rows < 32 * enough {
        &[ROWS_16, ROWS_32, WIDE_32]
    } else if rows < 64 * enough {
        &[ROWS_32, WIDE_32]
    } else {
        &[ROWS_64, ROWS_32, WIDE_32]
    };
    let sets = candidates.iter().map(|tile| {
        let mut constants = vec![head_dim];
        constants.extend(tile.constants());
        constants
    });
    let mut last = vec![head_dim];
    for constants in sets {
        if ATTENTION_FLASH
            .supported(Dtype::F32, &constants, device)
            .is_ok()
        {
            return constants;
        }
        last = constants;
    }
    last
}
