//! KV loops of the fused kernels visit what their rows see, once and in order, and no dispatch costs more than it may.

use super::super::flash::FLASH;
use super::super::flash_subgroup::FLASH_SUBGROUP;
use super::super::options::{Lengths, Mask};
use super::super::params::LoopParams;
use super::*;
use crate::gpu::profile::flops_of_workgroup;
use crate::kernel::Kernel;
use crate::ops::candidate;
use crate::ops::scheduled::{self, config};
use crate::plan::{PlanOptions, constants_of};
use crate::report::AdapterKind;
use proptest::prelude::*;
use std::sync::Arc;

fn device(kind: AdapterKind, side: u32) -> Capabilities {
    Capabilities::fake(kind)
        .with_f16()
        .with_subgroups((8, 8))
        .with_matrix_units(side)
        .with_workgroup_memory()
        .with_invocations(1024)
}

/// The dispatches of a kernel for a shape on a device, and the kernel's first file.
fn scheduled(
    shape: &Attention,
    kernel: &'static Kernel,
    tile: Constants,
    device: &Capabilities,
) -> (Schedule, Arc<Prepared>) {
    let options = PlanOptions {
        constants: tile,
        ..PlanOptions::default()
    };
    let (mut files, schedule) = scheduled::scheduled(shape, kernel, &options, device);
    (schedule, files.swap_remove(0))
}

/// Adapters of each class.
const DEVICES: [(AdapterKind, u32); 4] = [
    (AdapterKind::Software, 0),
    (AdapterKind::Integrated, 0),
    (AdapterKind::Discrete, 0),
    (AdapterKind::Discrete, 16),
];

/// Checks the dispatches of a fused kernel against every pair of a query and a key that it sees, and against the watchdog
/// limit.
fn check(shape: &Attention, kernel: &'static Kernel, tile: Constants, device: &Capabilities) {
    let (schedule, file) = scheduled(shape, kernel, tile, device);
    let tile = u64::from(file.constant("TILE_Q"));
    let keys = u64::from(file.constant("KV_PER_DISPATCH"));
    let tiles = shape.seq_q.div_ceil(tile);
    // The tile of a workgroup, from the last: of each head in turn where later keys are hidden.
    let in_turn = i64::from(shape.params(1.0).ahead) < shape.seq_kv.cast_signed();
    let index_of = |workgroup: u64| {
        let heads = shape.all_heads();
        tiles
            - 1
            - if in_turn {
                workgroup / heads
            } else {
                workgroup % tiles
            }
    };
    let mut visited = vec![0; (shape.all_heads() * tiles) as usize];
    let mut finished = vec![false; visited.len()];
    for step in &schedule.steps {
        if step.stage == 1 {
            let params: &FinishParams = bytemuck::from_bytes(&step.params);
            for workgroup in params.first_kept..params.first_kept + params.kept {
                assert!(!std::mem::replace(&mut finished[workgroup as usize], true));
            }
            continue;
        }
        let params: &LoopParams = bytemuck::from_bytes(&step.params);
        let first = u64::from(params.attention.first);
        let count: u64 = step.workgroups.iter().map(|n| u64::from(*n)).product();
        let mut pairs = 0;
        for workgroup in first..first + count {
            let whole = shape.loop_length(index_of(workgroup), tile);
            let from = u64::from(params.first_step);
            let steps = whole.saturating_sub(from).min(params.steps.into());
            assert!(keys == 0 || u64::from(params.steps) <= keys);
            let before = &mut visited[workgroup as usize];
            assert!(!finished[workgroup as usize]);
            assert!(
                steps == 0 || *before == from,
                "{shape:?}: {workgroup} at {from}"
            );
            *before += steps;
            pairs += steps * tile;
            let kept = params.first_kept..params.first_kept + params.kept;
            assert!(keys == 0 || kept.contains(&(workgroup as u32)));
            assert!(steps * tile * pair_flops(shape) <= flops_of_workgroup(device, Units::Plain));
        }
        assert!(
            pairs * pair_flops(shape) <= flops_of_dispatch(device, Units::Plain),
            "{shape:?}"
        );
    }
    assert!(finished.iter().all(|done| *done == (keys > 0)));
    for (workgroup, visited) in visited.iter().enumerate() {
        let index = index_of(workgroup as u64);
        assert_eq!(*visited, shape.loop_length(index, tile), "{shape:?}");
        // Keys that a row sees lie within its tile's KV loop, whatever the lengths.
        for query in [index * tile, shape.seq_q.min((index + 1) * tile) - 1] {
            let sizes = match shape.lengths {
                Lengths::Same => vec![(shape.seq_q, shape.seq_kv)],
                Lengths::PerSequence => vec![
                    (query + 1, shape.seq_kv),
                    (shape.seq_q, shape.seq_kv.min(query / 2)),
                ],
            };
            for (queries, keys) in sizes {
                let begin = shape.visible(index * tile, queries, keys).start;
                let seen = shape.visible(query, queries, keys);
                assert!(seen.is_empty() || (seen.start >= begin && seen.end <= begin + visited));
            }
        }
    }
    let kept = schedule.scratch.iter().sum::<u64>();
    assert!(kept <= most_kept(device) + 1000, "{shape:?}: {kept} bytes");
}

#[test]
fn drawn_attentions_are_cut_into_what_their_queries_see() {
    let sizes = (1u64..3, 1u64..6, 1u64..3000, 0u64..300_000);
    let options = (
        prop::sample::select(vec![Mask::None, Mask::Causal]),
        prop::option::of(1u64..60_000),
        prop::sample::select(vec![Lengths::Same, Lengths::PerSequence]),
        prop::sample::select(vec![4u64, 64, 128]),
        prop::sample::select(DEVICES.to_vec()),
    );
    proptest!(config(96), |((batch, heads, seq_q, seq_kv) in sizes, (mask, window, lengths, columns, (kind, side)) in options)| {
        let shape = Attention {
            seq_kv,
            mask,
            window,
            lengths,
            ..Attention::new(batch, heads, seq_q, columns)
        };
        for kernel in [&FLASH.kernel, &FLASH_SUBGROUP.kernel] {
            check(&shape, kernel, Constants::new(), &device(kind, side));
        }
    });
}

/// The loops of a tile that a search tries are cut by what that tile costs.
#[test]
fn other_tiles_are_cut_by_what_they_cost() {
    let shape = Attention {
        seq_kv: 1 << 20,
        ..Attention::new(1, 2, 300, 64)
    };
    for (kind, side) in DEVICES {
        let device = device(kind, side);
        for kernel in [&FLASH.kernel, &FLASH_SUBGROUP.kernel] {
            let candidate = candidate(&shape, kernel.name).unwrap();
            let tiles = candidate.alternatives(&device);
            assert!(!tiles.is_empty());
            for tile in tiles {
                check(&shape, kernel, tile, &device);
            }
        }
    }
}

/// Short KV loops are not cut, and need no scratch memory.
#[test]
fn loops_are_whole_where_they_are_short() {
    for (kind, side) in DEVICES {
        let device = device(kind, side);
        for kernel in [&FLASH.kernel, &FLASH_SUBGROUP.kernel] {
            let cut_after = |keys| {
                let shape = Attention {
                    seq_kv: keys,
                    ..Attention::new(1, 64, 2048, 64)
                };
                let options = PlanOptions::default();
                let candidate = candidate(&shape, kernel.name).unwrap();
                let constants = constants_of(&*candidate, &options, &device).unwrap();
                constants.integer("KV_PER_DISPATCH")
            };
            assert_eq!(cut_after(2048), None, "{kind:?}");
            assert!(cut_after(1 << 20).is_some(), "{kind:?}");
        }
    }
}
