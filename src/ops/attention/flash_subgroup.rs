//! `attention_flash_subgroup`: fused, with the lanes of a row in one subgroup; its tiles, and which of them a shape gets.

use super::options::Mask;
use super::shape::Attention;
use super::{form, tiled};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    Units, attention_registers, busy_workgroups, has_few_cores, runs_invocations_in_turn,
};
use crate::kernel::{Constants, Kernel, Schedule, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Prepared, files};

pub(super) static FLASH_SUBGROUP: Implementation<Attention> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "attention_flash_subgroup",
            "outer products of vec4, maxima by shuffles, one barrier a chunk of keys or columns",
            &[Stage::of(&files::ATTENTION_FLASH_SUBGROUP), tiled::FINISH],
        )
    },
    fit,
    constants,
    alternatives,
    schedule,
    samples: None,
};

/// Constants of `attention_flash_subgroup.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SubgroupTile {
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

/// The fastest tile on an H200 for long sequences: the most multiply-adds for each read of workgroup memory.
const ROWS_128: SubgroupTile = SubgroupTile {
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
const ROWS_128_WIDE: SubgroupTile = SubgroupTile {
    lanes: 16,
    chunk_d: 16,
    chunk_kv: 16,
    depth_d: 16,
    depth_kv: 16,
    chunks: 1,
    ..ROWS_128
};

/// Half as many queries.
const ROWS_64_WIDE: SubgroupTile = SubgroupTile {
    lanes: 16,
    q: 64,
    ..ROWS_128
};

/// Invocations of [`ROWS_128_WIDE`] for half as many queries, and for heads wider than 128, whose rows of O take the
/// registers.
const ROWS_64: SubgroupTile = SubgroupTile {
    elems_q: 4,
    chunk_kv: 16,
    depth_kv: 16,
    ..ROWS_64_WIDE
};

/// For heads wider than 256: less code, which grows with them.
const ROWS_64_WIDEST: SubgroupTile = SubgroupTile {
    chunk_kv: 8,
    depth_kv: 8,
    chunks: 1,
    ..ROWS_64
};

/// A quarter of the queries, for short sequences.
const ROWS_32: SubgroupTile = SubgroupTile { q: 32, ..ROWS_64 };

/// [`ROWS_64_WIDEST`] with half the scores: few registers.
const ROWS_64_BY_16: SubgroupTile = SubgroupTile {
    elems_kv: 4,
    depth_d: 4,
    depth_kv: 4,
    ..ROWS_64_WIDEST
};

/// [`ROWS_64_BY_16`] for half as many queries.
const ROWS_32_BY_16: SubgroupTile = SubgroupTile {
    q: 32,
    ..ROWS_64_BY_16
};

/// [`ROWS_64_WIDEST`] with twice the lanes, so that an invocation's part of O is half as large.
const ROWS_32_BY_32: SubgroupTile = SubgroupTile {
    lanes: 32,
    q: 32,
    ..ROWS_64_WIDEST
};

/// For subgroups of 8: few registers.
const ROWS_64_BY_4: SubgroupTile = SubgroupTile {
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
const ROWS_64_BY_8: SubgroupTile = SubgroupTile {
    elems_q: 8,
    elems_kv: 8,
    depth_d: 1,
    depth_kv: 1,
    ..ROWS_64_BY_4
};

/// For subgroups of 4.
const LANES_4: SubgroupTile = SubgroupTile {
    lanes: 4,
    q: 32,
    depth_d: 1,
    depth_kv: 1,
    ..ROWS_64_BY_4
};

/// For subgroups of 4 to 64.
const LANES_4_OF_64: SubgroupTile = SubgroupTile { q: 64, ..LANES_4 };

/// For subgroups of 4 to 128.
const LANES_4_OF_128: SubgroupTile = SubgroupTile { q: 128, ..LANES_4 };

impl SubgroupTile {
    const fn invocations(self) -> u32 {
        self.q / self.elems_q * self.lanes
    }

    /// Registers of 32 bits that an invocation needs: scores and its part of O; operands of a step, and of the further
    /// steps that a compiler loads ahead where more are written out; loads in flight; six for each row, such as its
    /// maximum, sum, factor and position.
    fn registers(self, attention: &Attention) -> u64 {
        let [lanes, q, elems_q, elems_kv] =
            [self.lanes, self.q, self.elems_q, self.elems_kv].map(u64::from);
        let invocations = u64::from(self.invocations());
        let columns = attention.value_dim.div_ceil(4 * lanes) * 4;
        let sums = elems_q * (elems_kv + columns);
        let written_out = self.chunks * self.depth_d.max(self.depth_kv);
        let ahead = u64::from((written_out / 8).max(1).ilog2());
        let operands = (elems_q + elems_kv) * (1 + ahead);
        let loads = |elements: u64| (elements / 4).div_ceil(invocations);
        let chunk_d = u64::from(self.chunk_d);
        let fetched_d = loads(lanes * elems_kv * chunk_d) + loads(q * chunk_d);
        let fetched_kv = loads(u64::from(self.chunk_kv) * columns * lanes);
        sums + operands + 4 * fetched_d.max(fetched_kv) + 6 * elems_q
    }

    /// Workgroups of all heads.
    fn workgroups(self, attention: &Attention) -> u64 {
        attention.all_heads() * attention.seq_q.div_ceil(self.q.into())
    }

    /// Whether workgroups are whole subgroups, however large these are.
    fn is_whole(self, device: &Capabilities) -> bool {
        let (_, largest) = device.subgroup_sizes;
        largest > 0 && self.invocations().is_multiple_of(largest)
    }

    /// Whether there are two workgroups for each core: what it takes for a tile to be faster than a smaller one. Where
    /// queries see the keys before them alone, the workgroups of the last ones take twice as long as others, and there have to
    /// be twice as many.
    fn fills(self, attention: &Attention, device: &Capabilities) -> bool {
        let is_uneven = attention.mask == Mask::Causal && attention.window.is_none();
        let each = if is_uneven { 4 } else { 2 };
        has_few_cores(device) || self.workgroups(attention) >= each * busy_workgroups(device)
    }

    /// Constants of the tile where subgroups have at least `smallest` invocations.
    fn constants(self, smallest: u32) -> Constants {
        // Neighbours that differ in both row and keys share what they read, in pairs.
        let lanes_q = if 2 * self.lanes <= smallest { 2 } else { 1 };
        Constants::from([
            ("LANES", self.lanes),
            ("LANES_Q", lanes_q),
            ("TILE_Q", self.q),
            ("ELEMS_Q", self.elems_q),
            ("ELEMS_KV", self.elems_kv),
            ("CHUNK_D", self.chunk_d),
            ("CHUNK_KV", self.chunk_kv),
            ("DEPTH_D", self.depth_d),
            ("DEPTH_KV", self.depth_kv),
            ("CHUNKS", self.chunks),
        ])
    }
}

/// The tiles that suit heads of these widths on a device by its subgroups, the most reuse first; then other tiles for a
/// search.
fn by_lanes(attention: &Attention, device: &Capabilities) -> [&'static [SubgroupTile]; 2] {
    let (smallest, _) = device.subgroup_sizes;
    let lanes = [16, 8, 4].into_iter().find(|lanes| *lanes <= smallest);
    match (lanes, attention.head_dim.max(attention.value_dim)) {
        // Fewer reads for each multiply-add, not more invocations.
        (Some(_), _) if runs_invocations_in_turn(device) && smallest >= 8 => {
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

/// Tiles with few registers for heads of these widths, the most reuse first.
fn small(attention: &Attention, device: &Capabilities) -> &'static [SubgroupTile] {
    let wide = attention.head_dim.max(attention.value_dim) > 128;
    match device.subgroup_sizes.0 {
        // Neighbours share what they read in pairs (LANES_Q), or a tile of 4 x 4 scores reads too much.
        32.. if wide => &[ROWS_64, ROWS_64_WIDEST, ROWS_64_BY_16, ROWS_32_BY_32],
        32.. => &[ROWS_64, ROWS_64_WIDEST, ROWS_64_BY_16, ROWS_32_BY_16],
        16.. => &[ROWS_64, ROWS_64_WIDEST],
        _ => &[],
    }
}

/// The tiles that suit heads of these widths on a device, the most reuse first; then other tiles for a search. Tiles that
/// need more registers than an invocation may have are left out, and small ones take their place.
fn tiles(attention: &Attention, device: &Capabilities) -> [Vec<SubgroupTile>; 2] {
    let most = attention_registers(device);
    let holds = |tile: &SubgroupTile| tile.registers(attention) <= most;
    let [suited, others] = by_lanes(attention, device);
    let mut kept: Vec<SubgroupTile> = suited.iter().copied().filter(holds).collect();
    if kept.len() < suited.len() {
        let small = small(attention, device).iter().copied().filter(holds);
        // Of tiles for few queries, the one with more reuse.
        let is_less = |tile: &SubgroupTile| *tile == ROWS_32_BY_16 && kept.contains(&ROWS_32);
        let small = small.filter(|tile| !kept.contains(tile) && !is_less(tile));
        let small: Vec<SubgroupTile> = small.collect();
        kept.extend(small);
        kept.sort_by_key(|tile| std::cmp::Reverse(tile.q));
    }
    let others = others.iter().copied().filter(holds);
    let others = others.filter(|tile| !kept.contains(tile)).collect();
    [kept, others]
}

/// Why the kernel should leave a shape to others, if it should.
fn unsuited(attention: &Attention, device: &Capabilities) -> Option<String> {
    if attention.head_dim.max(attention.value_dim) > 512 {
        return Some("heads wider than 512 leave it no registers".into());
    }
    if device.subgroup_sizes.0 < 8 {
        return Some("subgroups may be smaller than 8, where it was not found to be faster".into());
    }
    if tiles(attention, device)[0].is_empty() {
        return Some("each of its tiles takes more registers than an invocation has here".into());
    }
    let enough =
        has_few_cores(device) || 2 * ROWS_32.workgroups(attention) >= busy_workgroups(device);
    (!enough).then(|| "too few workgroups to keep the device busy".into())
}

fn fit(attention: &Attention, device: &Capabilities) -> Fit {
    match form::paged(attention).or_else(|| tiled::odd(attention)) {
        Some(reason) => Fit::Unable(reason),
        None => Fit::unless(unsuited(attention, device)),
    }
}

/// The tile with the most reuse that fills the device and fits its limits, and where its KV loops are cut.
///
/// # Errors
/// [`crate::Error::Unsupported`] where subgroups are too small, of unknown size, or a workgroup is no multiple of them.
fn constants(attention: &Attention, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let (smallest, largest) = device.subgroup_sizes;
    let form = form::form(attention);
    let [suited, _] = tiles(attention, device);
    let candidates: Vec<(bool, Constants)> = suited
        .iter()
        .filter(|tile| tile.is_whole(device))
        .map(|tile| {
            let constants = form.clone().merged(&tile.constants(smallest));
            (tile.fills(attention, device), constants)
        })
        .collect();
    let fits = |(_, constants): &&(bool, Constants)| {
        FLASH_SUBGROUP
            .kernel
            .supported(attention.dtype, constants, device)
            .is_ok()
    };
    let fitting = || candidates.iter().filter(fits);
    let chosen = fitting()
        .find(|(busy, _)| *busy)
        .or_else(|| fitting().next_back());
    let Some((_, chosen)) = chosen else {
        return Err(FLASH_SUBGROUP.kernel.unsupported(format!(
            "none of its tiles fits subgroups of {smallest} to {largest} and the limits of the device"
        )));
    };
    let found = chosen.clone().merged(given);
    let tile = found.integer("TILE_Q");
    Ok(tiled::with_cuts(
        found,
        attention,
        tile,
        device,
        Units::Plain,
    ))
}

/// Every tile whose workgroups are whole subgroups, those that suit the heads first.
fn alternatives(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let (smallest, _) = device.subgroup_sizes;
    let tiles = tiles(attention, device).concat();
    let whole = tiles.into_iter().filter(|tile| tile.is_whole(device));
    whole.map(|tile| tile.constants(smallest)).collect()
}

fn schedule(
    attention: &Attention,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    if !attention.has_no_rows() {
        require_whole_rows(stages[0], device)?;
    }
    tiled::schedule(attention, stages, device, Units::Plain)
}

/// Refuses constants whose rows would not lie within subgroups.
///
/// # Errors
/// [`crate::Error::Unsupported`].
fn require_whole_rows(stage: &Prepared, device: &Capabilities) -> Result<()> {
    let (smallest, largest) = device.subgroup_sizes;
    let lanes = stage.constant("LANES") * stage.constant("LANES_Q");
    let invocations = stage.invocations();
    if lanes <= smallest && invocations.is_multiple_of(largest.max(1)) {
        return Ok(());
    }
    Err(FLASH_SUBGROUP.kernel.unsupported(format!(
        "rows by {lanes} lanes and {invocations} invocations do not fit subgroups of {smallest} to {largest}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Architecture;
    use crate::gpu::of_each_architecture;

    /// No tile that is chosen or offered needs more registers than an invocation may have.
    #[test]
    fn tiles_keep_within_the_registers_of_each_architecture() {
        for device in of_each_architecture() {
            for columns in [32, 64, 80, 128, 256, 512] {
                let attention = Attention::new(4, 16, 2048, columns);
                let most = attention_registers(&device);
                for tile in tiles(&attention, &device).concat() {
                    let needed = tile.registers(&attention);
                    assert!(
                        needed <= most,
                        "{:?} {columns} {tile:?}",
                        device.architecture
                    );
                }
            }
        }
    }

    /// Tiles whose figures are in docs/performance-log/attention.md.
    #[test]
    fn each_architecture_gets_the_tile_that_its_compiler_takes() {
        let first = |architecture, columns| {
            let mut devices = of_each_architecture().into_iter();
            let device = devices.find(|device| device.architecture == architecture);
            let attention = Attention::new(4, 16, 2048, columns);
            tiles(&attention, &device.unwrap())[0].first().copied()
        };
        for (architecture, narrow, wide) in [
            (Architecture::Nvidia, Some(ROWS_128), Some(ROWS_128_WIDE)),
            (Architecture::Rdna3, Some(ROWS_128), Some(ROWS_128_WIDE)),
            (Architecture::Rdna2, Some(ROWS_64), Some(ROWS_64)),
            (Architecture::Gcn, Some(ROWS_64), Some(ROWS_64)),
            (
                Architecture::Apple,
                Some(ROWS_64_WIDEST),
                Some(ROWS_64_BY_16),
            ),
            (Architecture::IntelXe3, Some(ROWS_64), Some(ROWS_64)),
            (Architecture::IntelXe2, None, None),
            (Architecture::IntelGen9, None, None),
        ] {
            assert_eq!(first(architecture, 64), narrow, "{architecture:?}");
            assert_eq!(first(architecture, 128), wide, "{architecture:?}");
        }
    }
}
