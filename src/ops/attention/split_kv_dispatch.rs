//! Dispatches of the kernels that split keys over workgroups.

use super::bindings::{UNUSED, window};
use super::options::LogSumExp;
use super::params::Params;
use super::shape::Attention;
use super::split_kv;
use crate::gpu::Capabilities;
use crate::gpu::profile::{LOAD_FLOPS, Units, flops_of_dispatch, flops_of_workgroup};
use crate::kernel::{BindingRange, Dispatch, Schedule, Slot};
use crate::shader::Prepared;

/// Most bytes of partial accumulators; a dispatch takes fewer units where all units have more.
pub(super) const SCRATCH: u64 = 64 << 20;

/// Uniform of the two files.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct DecodeParams {
    attention: Params,
    /// Workgroups that share a unit's keys.
    splits: u32,
    /// Units of a key head.
    row_tiles: u32,
    /// First split of this dispatch.
    first_split: u32,
}

/// Units and splits of an attention, and how many of them a dispatch takes.
#[derive(Debug, Clone, Copy)]
struct Partition {
    /// Groups of rows that share keys, over all key heads.
    units: u64,
    /// Units of a key head.
    row_tiles: u64,
    /// Workgroups that share a unit's keys.
    splits: u64,
    /// Units that a dispatch takes.
    at_once: u64,
    /// Splits of each unit that a dispatch takes.
    splits_at_once: u64,
    /// Rows of a unit.
    rows: u64,
}

/// Cost of a key, in FLOPs of a product: five for each of its columns and each row, and a load of each column.
fn key_flops(attention: &Attention, rows: u64) -> u64 {
    (LOAD_FLOPS + 5 * rows) * (attention.head_dim + attention.value_dim)
}

impl Partition {
    fn of(attention: &Attention, stage: &Prepared, device: &Capabilities) -> Self {
        let constant = |name| u64::from(stage.constant(name));
        let rows = constant("ROWS");
        let row_tiles = split_kv::rows(attention).div_ceil(rows);
        let units = attention.batch * attention.kv_heads * row_tiles;
        let group = attention.heads / attention.kv_heads.max(1);
        let keys = attention.most_visible(1 + (rows - 1).div_ceil(group.max(1)));
        let flops = key_flops(attention, rows);
        // Splits: enough to keep the device busy, and to leave each workgroup below the watchdog limit.
        let most_keys = (flops_of_workgroup(device, Units::Plain) / flops).max(1);
        let splits = constant("WORKGROUPS")
            .div_ceil(units.max(1))
            .min(keys.div_ceil(constant("SPLIT_KEYS")))
            .max(keys.div_ceil(most_keys))
            .max(1);
        let bytes = splits * rows * (attention.value_dim + 2) * 4;
        let budget = flops_of_dispatch(device, Units::Plain);
        let split_flops = keys.div_ceil(splits).max(1) * flops;
        let at_once = (SCRATCH / bytes)
            .min(budget / (splits * split_flops))
            .min(device.limits.max_compute_workgroups_per_dimension.into());
        Self {
            units,
            row_tiles,
            splits,
            at_once: at_once.clamp(1, units.max(1)),
            splits_at_once: (budget / split_flops).clamp(1, splits),
            rows,
        }
    }
}

/// Partial accumulators, then their merge, for as many units at a time as one dispatch may have.
pub(super) fn schedule(
    attention: &Attention,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Schedule {
    if attention.has_no_rows() {
        return Schedule::default();
    }
    let partition = Partition::of(attention, stages[0], device);
    let parts = partition.at_once * partition.splits * partition.rows;
    let scratch = vec![parts * attention.value_dim * 4, parts * 8, UNUSED];
    let [part_o, part_sums] = [0, 1].map(|i| BindingRange::whole(Slot::Scratch(i), scratch[i]));
    let [q, k, v, table, lengths, bias, sinks, o] =
        ["q", "k", "v", "table", "lengths", "bias", "sinks", "o"]
            .map(|name| window(attention, name));
    // A buffer that a dispatch writes must not be bound in it to read as well.
    let lse = match attention.log_sum_exp {
        LogSumExp::Wanted => window(attention, "lse"),
        LogSumExp::Unwanted => BindingRange::whole(Slot::Scratch(2), UNUSED),
    };
    let chunks = attention
        .value_dim
        .div_ceil(stages[1].constant("CHUNK").into());
    let mut steps = Vec::new();
    for first in (0..partition.units).step_by(partition.at_once as usize) {
        let units = partition.at_once.min(partition.units - first);
        let params = DecodeParams {
            attention: Params {
                first: first as u32,
                ..attention.params_of_powers()
            },
            splits: partition.splits as u32,
            row_tiles: partition.row_tiles as u32,
            first_split: 0,
        };
        let step =
            |stage, first_split: u64, windows: &[BindingRange], workgroups: [u64; 3]| Dispatch {
                stage,
                params: bytemuck::bytes_of(&DecodeParams {
                    first_split: first_split as u32,
                    ..params
                })
                .to_vec(),
                windows: windows.to_vec(),
                workgroups: workgroups.map(|count| count as u32),
            };
        let parts = [q, k, v, table, lengths, bias, part_o, part_sums];
        for first in (0..partition.splits).step_by(partition.splits_at_once as usize) {
            let splits = partition.splits_at_once.min(partition.splits - first);
            steps.push(step(0, first, &parts, [units, splits, 1]));
        }
        let merged = [part_o, part_sums, lengths, sinks, o, lse];
        steps.push(step(1, 0, &merged, [chunks, units, partition.rows]));
    }
    Schedule { steps, scratch }
}
