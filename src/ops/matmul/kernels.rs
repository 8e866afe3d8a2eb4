//! The table of kernels.

use super::{samples, text};
use crate::data::Dtype;
use crate::kernel::{Kernel, Stage};
use crate::ops::Family;
use crate::shader::{Constant, Shader};

const BOTH: &[Dtype] = &[Dtype::F32, Dtype::F16];

pub(in crate::ops) static BLOCKED_FILE: Shader = Shader {
    name: "matmul_blocked",
    wgsl: include_str!("../../../shaders/matmul_blocked.wgsl"),
};

static REDUCE_FILE: Shader = Shader {
    name: "matmul_reduce",
    wgsl: include_str!("../../../shaders/matmul_reduce.wgsl"),
};

const fn plain(name: &'static str, about: &'static str, stages: &'static [Stage]) -> Kernel {
    Kernel {
        name,
        about,
        stages,
        features: wgpu::Features::empty(),
        dtypes: BOTH,
        presets: &[],
    }
}

pub(super) static NAIVE: Kernel = plain(
    "matmul_naive",
    "one invocation for each element of C, straight from memory",
    &[Stage::of(&Shader {
        name: "matmul_naive",
        wgsl: include_str!("../../../shaders/matmul_naive.wgsl"),
    })],
);

pub(super) static TILED: Kernel = plain(
    "matmul_tiled",
    "16 x 16 tiles in workgroup memory",
    &[Stage::of(&Shader {
        name: "matmul_tiled",
        wgsl: include_str!("../../../shaders/matmul_tiled.wgsl"),
    })],
);

/// Tiles of the register-blocked kernel: (tile M, tile N, tile K), rows and columns per invocation, tiles in workgroup memory.
pub(in crate::ops) const fn tiles(
    tile: [u32; 3],
    elems: [u32; 2],
    buffers: u32,
) -> [(&'static str, Constant); 6] {
    [
        ("TILE_M", Constant::Integer(tile[0])),
        ("TILE_N", Constant::Integer(tile[1])),
        ("TILE_K", Constant::Integer(tile[2])),
        ("ELEMS_M", Constant::Integer(elems[0])),
        ("ELEMS_N", Constant::Integer(elems[1])),
        ("BUFFERS", Constant::Integer(buffers)),
    ]
}

/// Tiles that are stored as soon as those before them are multiplied, with products in another order: `EARLY` and
/// `WINDING` of the file.
const fn early(tile: [u32; 3], elems: [u32; 2], buffers: u32) -> [(&'static str, Constant); 8] {
    let [m, n, k, elems_m, elems_n, buffers] = tiles(tile, elems, buffers);
    let [early, winding] = [
        ("EARLY", Constant::Bool(true)),
        ("WINDING", Constant::Bool(true)),
    ];
    [m, n, k, elems_m, elems_n, buffers, early, winding]
}

pub(in crate::ops) type Tiles = &'static [(&'static str, Constant)];

// All stay within WebGPU's default limits: 256 invocations, 16 KiB of workgroup memory.
/// For few rows or columns, and for few tiles.
pub(super) const SMALL: Tiles = &tiles([32, 32, 32], [4, 4], 1);
/// For an unknown device.
pub(super) const MEDIUM: Tiles = &tiles([64, 64, 16], [4, 4], 1);
/// A quarter of the invocations, each with four times the work: for many tiles, and for processors.
pub(super) const SQUARE: Tiles = &tiles([64, 64, 16], [8, 8], 1);
/// Half the invocations, each with twice the work.
pub(super) const DENSE: Tiles = &tiles([64, 64, 16], [4, 8], 2);
/// For few columns, and for processors.
pub(super) const TALL: Tiles = &tiles([128, 64, 8], [16, 8], 1);
/// For few rows, and for most tiles: three workgroups share a core, where of the largest two do.
pub(super) const WIDE: Tiles = &early([64, 128, 16], [8, 8], 1);
/// For as many tiles as fill all cores some times.
pub(super) const LARGE: Tiles = &tiles([128, 128, 8], [16, 8], 2);

/// Preset 0 leaves the tiles to the shape and the device.
const BLOCKED_PRESETS: &[Tiles] = &[&[], SMALL, MEDIUM, SQUARE, DENSE, TALL, WIDE, LARGE];

pub(in crate::ops) static BLOCKED: Kernel = Kernel {
    presets: BLOCKED_PRESETS,
    ..plain(
        "matmul_blocked",
        "register blocks of vec4 over tiles in workgroup memory",
        &[Stage::of(&BLOCKED_FILE)],
    )
};

pub(super) static SPLIT: Kernel = Kernel {
    presets: BLOCKED_PRESETS,
    ..plain(
        "matmul_split",
        "matmul_blocked over parts of K, then the sum of the parts: for few tiles and a deep K",
        &[
            Stage {
                shader: &BLOCKED_FILE,
                constants: &[("EPILOGUE", Constant::Bool(false))],
            },
            Stage::of(&REDUCE_FILE),
        ],
    )
};

static VECTOR_FILE: Shader = Shader {
    name: "matmul_vector",
    wgsl: include_str!("../../../shaders/matmul_vector.wgsl"),
};

pub(super) static VECTOR: Kernel = plain(
    "matmul_vector",
    "the larger operand read once by many: for few rows or few columns",
    &[Stage::of(&VECTOR_FILE)],
);

pub(super) static VECTOR_SPLIT: Kernel = plain(
    "matmul_vector_split",
    "matmul_vector over parts of K, then the sum of the parts",
    &[
        Stage {
            shader: &VECTOR_FILE,
            constants: &[("EPILOGUE", Constant::Bool(false))],
        },
        Stage::of(&REDUCE_FILE),
    ],
);

static COOPERATIVE_FILE: Shader = Shader {
    name: "matmul_cooperative",
    wgsl: include_str!("../../../shaders/matmul_cooperative.wgsl"),
};

const COOPERATIVE_FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SUBGROUP);

pub(super) static COOPERATIVE: Kernel = Kernel {
    features: COOPERATIVE_FEATURES,
    ..plain(
        "matmul_cooperative",
        "fragments on matrix units, held by a subgroup together",
        &[Stage::of(&COOPERATIVE_FILE)],
    )
};

pub(super) static COOPERATIVE_SPLIT: Kernel = Kernel {
    features: COOPERATIVE_FEATURES,
    ..plain(
        "matmul_cooperative_split",
        "matmul_cooperative over parts of K, then the sum of the parts",
        &[
            Stage {
                shader: &COOPERATIVE_FILE,
                constants: &[("EPILOGUE", Constant::Bool(false))],
            },
            Stage::of(&REDUCE_FILE),
        ],
    )
};

/// A tile (M, N, K) and the part of a subgroup (M, N).
const fn tile_of_fragments(
    [m, n, k]: [u32; 3],
    [own_m, own_n]: [u32; 2],
) -> [(&'static str, Constant); 5] {
    [
        ("TILE_M", Constant::Integer(m)),
        ("TILE_N", Constant::Integer(n)),
        ("TILE_K", Constant::Integer(k)),
        ("SUBGROUP_M", Constant::Integer(own_m)),
        ("SUBGROUP_N", Constant::Integer(own_n)),
    ]
}

/// As in [`COOPERATIVE`] without what edges, orders and extras cost.
pub(super) static WHOLE: Kernel = Kernel {
    features: COOPERATIVE_FEATURES.union(wgpu::Features::SHADER_F16),
    dtypes: &[Dtype::F16],
    // The shape decides; the others were the fastest at 1536 and 3072 cubed, where the last wave of tiles is short.
    presets: &[
        &[],
        &tile_of_fragments([64, 128, 32], [64, 64]),
        &tile_of_fragments([128, 128, 64], [64, 64]),
    ],
    ..plain(
        "matmul_cooperative_whole",
        "matmul_cooperative for f16 of whole tiles, 16 bytes a load",
        &[Stage::of(&Shader {
            name: "matmul_cooperative_whole",
            wgsl: include_str!("../../../shaders/matmul_cooperative_whole.wgsl"),
        })],
    )
};

/// `C = activation(alpha * op(A) * op(B) + beta * C + bias)`
pub(in crate::ops) static MATMUL: Family = Family {
    name: "matmul",
    about: "C[M, N] = A[M, K] * B[K, N], row-major, with transposes, batches and an epilogue",
    shape_form: text::FORM,
    classes: super::classes::CLASSES,
    kernels: &[
        &NAIVE,
        &TILED,
        &SPLIT,
        &BLOCKED,
        &VECTOR_SPLIT,
        &VECTOR,
        &WHOLE,
        &COOPERATIVE_SPLIT,
        &COOPERATIVE,
    ],
    parse: text::parse,
    samples: samples::samples,
};
