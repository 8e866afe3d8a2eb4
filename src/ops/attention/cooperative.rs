//! `attention_cooperative`: fused, on matrix units; its tiles, and which of them a shape gets.

mod samples;

use super::options::LogSumExp;
use super::shape::Attention;
use super::{form, tiled};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    BUSY, Units, compiles_long_texts_slowly, emulates_matrix_units, fragment_invocations,
    loads_chunks_as_small_fragments,
};
use crate::kernel::{Constants, Fragments, Kernel, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Constant, files};

pub(super) static COOPERATIVE: Implementation<Attention> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
            .union(wgpu::Features::SUBGROUP)
            .union(wgpu::Features::SHADER_F16),
        dtypes: &[Dtype::F16],
        intermediates: Dtype::F16,
        presets: PRESETS,
        // Two blocks of keys, ragged; head columns of a single fragment.
        trials: &["1x2x40x44x16xcausal"],
        ..Kernel::new(
            "attention_cooperative",
            "fragments on matrix units; a tile begins again where a weight would pass f16, so that O is never rescaled",
            &[
                Stage::of(&files::ATTENTION_COOPERATIVE),
                // Maxima that are left to it are natural.
                Stage {
                    constants: &[("NATURAL", Constant::Bool(true))],
                    ..tiled::FINISH
                },
            ],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: |attention, stages, device| tiled::schedule(attention, stages, device, Units::Matrix),
    samples: Some(samples::samples),
};

/// Constants of `attention_cooperative.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FragmentTile {
    subgroups: u32,
    subgroup_q: u32,
    kv: u32,
}

impl FragmentTile {
    const fn pairs(self) -> [(&'static str, Constant); 3] {
        [
            ("SUBGROUPS", Constant::Integer(self.subgroups)),
            ("SUBGROUP_Q", Constant::Integer(self.subgroup_q)),
            ("TILE_KV", Constant::Integer(self.kv)),
        ]
    }

    /// Workgroups of all heads.
    fn workgroups(self, attention: &Attention) -> u64 {
        let tile_q = self.subgroups * self.subgroup_q;
        attention.all_heads() * attention.seq_q.div_ceil(tile_q.into())
    }
}

/// The tile with the most reuse: the fastest on an H200 for heads of 65 to 128 columns.
const ROWS_256: FragmentTile = FragmentTile {
    subgroups: 8,
    subgroup_q: 32,
    kv: 16,
};

/// The fastest tile on an H200 for heads of up to 64 columns, of which two workgroups fit a core.
const ROWS_128: FragmentTile = FragmentTile {
    subgroups: 4,
    ..ROWS_256
};

/// Half as many fragments of O a subgroup, for wide heads.
const ROWS_128_BY_16: FragmentTile = FragmentTile {
    subgroup_q: 16,
    ..ROWS_256
};

/// [`ROWS_128_BY_16`] in blocks of twice as many keys, half as many barriers: for heads of up to 128 columns, where one
/// workgroup takes a core in any case.
const ROWS_128_DEEP: FragmentTile = FragmentTile {
    kv: 32,
    ..ROWS_128_BY_16
};

/// [`ROWS_128_BY_16`] with half the subgroups, for fewer queries.
const ROWS_64: FragmentTile = FragmentTile {
    subgroups: 4,
    ..ROWS_128_BY_16
};

/// [`ROWS_64`] in blocks of twice as many keys, where there is a workgroup for each core and no second one.
const ROWS_64_DEEP: FragmentTile = FragmentTile { kv: 32, ..ROWS_64 };

/// For few queries, for little workgroup memory, and for a processor, which takes long to compile more.
const ROWS_32: FragmentTile = FragmentTile {
    subgroups: 2,
    ..ROWS_128_BY_16
};

/// The first preset leaves the tile to [`constants`]; each other one is a tile.
const PRESETS: &[&[(&str, Constant)]] = &[
    &[],
    &ROWS_256.pairs(),
    &ROWS_128.pairs(),
    &ROWS_128_BY_16.pairs(),
    &ROWS_128_DEEP.pairs(),
    &ROWS_64.pairs(),
    &ROWS_64_DEEP.pairs(),
    &ROWS_32.pairs(),
];

/// Tiles that suit heads of up to `columns` columns, the most reuse first, each with the fewest workgroups that keep a device busy.
/// A tile of which two workgroups fit a core needs two for each core.
fn by_columns(columns: u64) -> &'static [(FragmentTile, u64)] {
    match columns {
        0..=64 => &[
            (ROWS_128, 2 * BUSY),
            (ROWS_64, BUSY + 1),
            (ROWS_64_DEEP, BUSY * 3 / 4),
            (ROWS_32, BUSY),
        ],
        65..=128 => &[
            (ROWS_256, BUSY),
            (ROWS_128_DEEP, BUSY * 3 / 4),
            (ROWS_128_BY_16, BUSY),
            (ROWS_64, BUSY),
            (ROWS_32, BUSY),
        ],
        _ => &[(ROWS_128_BY_16, BUSY), (ROWS_64, BUSY), (ROWS_32, BUSY)],
    }
}

/// Tiles whose workgroups leave an invocation all registers on a device, of the tiles that suit heads of up to `columns`
/// columns; for each that does not, the tile with half the subgroups.
fn tiles(columns: u64, device: &Capabilities) -> Vec<(FragmentTile, u64)> {
    let most = fragment_invocations(device);
    let lanes = device.lanes().unwrap_or(1);
    let mut found = Vec::new();
    for (mut tile, least) in by_columns(columns).iter().copied() {
        while tile.subgroups > 1 && tile.subgroups * lanes > most {
            tile.subgroups /= 2;
        }
        if !found.iter().any(|(other, _)| *other == tile) {
            found.push((tile, least));
        }
    }
    // Two subgroups copy twice as much each as four, and wide heads leave no registers for that.
    let is_tight = most < u32::MAX && columns > 128;
    found.retain(|(tile, _)| !is_tight || tile.subgroups > 2);
    found
}

/// Why the kernel has no form for an attention or a device, if it has none.
fn lacking(attention: &Attention, device: &Capabilities) -> Option<String> {
    let odd = || {
        let reason = "it takes columns and strides that are multiples of 4";
        (!tiled::is_by_four(attention)).then(|| reason.to_owned())
    };
    form::paged(attention)
        .or_else(odd)
        .or_else(|| side(device).err())
        .or_else(|| device.lanes().err())
}

/// The side of the fragments that the device multiplies.
fn side(device: &Capabilities) -> Result<u32, String> {
    let side = device.fragment_side(Dtype::F16);
    side.ok_or_else(|| "the device has no trusted f16 -> f32 shape of 16x16x16 or 8x8x8".to_owned())
}

fn fit(attention: &Attention, device: &Capabilities) -> Fit {
    match lacking(attention, device) {
        Some(reason) => Fit::Unable(reason),
        None if emulates_matrix_units(device) => {
            Fit::Able("a processor has no matrix units".to_owned())
        }
        None => Fit::Best,
    }
}

/// Constants that operands and device decide, the tile, and where its KV loops are cut.
///
/// # Errors
/// [`crate::Error::Unsupported`] where the device has no matrix units for the kernel, or no tile fits.
fn constants(attention: &Attention, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let refused = |reason| COOPERATIVE.kernel.unsupported(reason);
    let lanes = device.lanes().map_err(refused)?;
    let side = side(device).map_err(refused)?;
    let form = form::form(attention)
        .merged(&fragments(side, device))
        .set("LANES", lanes)
        .set("SUBGROUPS_VARY", device.subgroups_vary())
        .set("LOG_SUM_EXP", attention.log_sum_exp == LogSumExp::Wanted)
        .for_kernel(&COOPERATIVE.kernel);
    let found = with_tile(attention, &form, device)?.merged(given);
    let tile = found.integer("SUBGROUPS").zip(found.integer("SUBGROUP_Q"));
    let tile = tile.map(|(subgroups, rows)| subgroups * rows);
    Ok(tiled::with_cuts(
        found,
        attention,
        tile,
        device,
        Units::Matrix,
    ))
}

/// Types of fragments of `side` x `side`, and of the memory that they are loaded from. Fragments of 16 x 16 do not
/// load from scalar elements: results were wrong that way on NVIDIA's driver.
fn fragments(side: u32, device: &Capabilities) -> Constants {
    let by_one = side == 8 && !loads_chunks_as_small_fragments(device);
    let (cell, score, four, width) = if by_one {
        ("f16", "f32", "vec4<f16>", 1u32)
    } else {
        ("vec4<f16>", "vec4<f32>", "array<vec4<f16>, 1>", 4)
    };
    Fragments::of(side, Dtype::F16)
        .constants()
        .set("Cell", cell)
        .set("Score", score)
        .set("FourCells", four)
        .set("WIDTH", width)
}

/// `form` with the tile that has the most reuse, fits the device and keeps it busy, or else with the smallest that fits.
///
/// # Errors
/// [`crate::Error::Unsupported`] where none fits, with the limit that the smallest passes.
fn with_tile(attention: &Attention, form: &Constants, device: &Capabilities) -> Result<Constants> {
    let fits = |tile: FragmentTile| {
        let all = form.clone().merged(&tile.pairs());
        let supported = COOPERATIVE.kernel.supported(attention.dtype, &all, device);
        supported.map(|()| all)
    };
    if compiles_long_texts_slowly(device) {
        return fits(ROWS_32);
    }
    let tiles = tiles(attention.head_dim.max(attention.value_dim), device);
    let mut busy = tiles
        .iter()
        .filter(|(tile, least)| tile.workgroups(attention) >= *least);
    if let Some(found) = busy.find_map(|(tile, _)| fits(*tile).ok()) {
        return Ok(found);
    }
    let mut smallest_first = tiles.iter().rev();
    let smallest = smallest_first.next().map_or(ROWS_32, |(tile, _)| *tile);
    fits(smallest)
}

/// Alternatives: KV loops that all begin at the first block, then tiles that suit the heads, then tiles for other heads.
fn alternatives(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let mut found = vec![Constants::new().set("STAGGER", false)];
    if !compiles_long_texts_slowly(device) {
        let suited = tiles(attention.head_dim.max(attention.value_dim), device);
        let lanes = device.lanes().unwrap_or(1);
        let others = [ROWS_128, ROWS_256, ROWS_128_BY_16];
        let others = others.iter().filter(|tile| {
            !suited.iter().any(|(other, _)| other == *tile)
                && tile.subgroups * lanes <= fragment_invocations(device)
        });
        let all = suited.iter().map(|(tile, _)| tile).chain(others);
        found.extend(all.map(|tile| Constants::from(tile.pairs())));
    }
    found
}

#[cfg(test)]
mod tests;
