//! Every block is visited once and in order, and no dispatch costs more than it may.

use super::super::flash::FLASH;
use super::*;
use crate::gpu::profile::flops_of_workgroup;
use crate::ops::attention::params::LoopParams;
use crate::ops::scheduled::{config, scheduled};
use crate::ops::{Attention, Implementation, Mask};
use crate::plan::PlanOptions;
use crate::report::AdapterKind;

fn device(kind: AdapterKind) -> Capabilities {
    Capabilities::fake(kind).with_workgroup_memory()
}

/// Checks the dispatches of a stage against the pairs that are visible: every block once, in order, within the watchdog
/// limit.
fn check(
    backward: &AttentionBackward,
    owner: Owner,
    stage: usize,
    implementation: &'static Implementation<AttentionBackward>,
    units: Units,
    device: &Capabilities,
) {
    let forward = &backward.forward;
    let (stages, found) = scheduled(
        backward,
        &implementation.kernel,
        &PlanOptions::default(),
        device,
    );
    let constant = |name| u64::from(stages[stage].constant(name));
    let [tile, block, most] = ["TILE", "BLOCK", "BLOCKS_PER_DISPATCH"].map(constant);
    let (heads, seq) = match owner {
        Owner::Keys => (forward.kv_heads, forward.seq_kv),
        Owner::Queries => (forward.heads, forward.seq_q),
    };
    let tiles = seq.div_ceil(tile);
    let heads = heads * forward.batch;
    let flops = tile * block * owner.pair_flops(forward);
    let mut taken = vec![0; (heads * tiles) as usize];
    let mut finished = vec![0; taken.len()];
    let mut wanted = vec![u64::MAX; taken.len()];
    for step in &found.steps {
        if step.stage == stage + 2 {
            let params: &FinishParams = bytemuck::from_bytes(&step.params);
            let kept = params.first_kept..params.first_kept + params.kept;
            kept.for_each(|workgroup| finished[workgroup as usize] += 1);
        }
        if step.stage != stage {
            continue;
        }
        let params: &LoopParams = bytemuck::from_bytes(&step.params);
        let first = u64::from(params.attention.first);
        let count: u64 = step.workgroups.iter().map(|n| u64::from(*n)).product();
        let mut cost = 0;
        for workgroup in first..first + count {
            let index = match owner {
                Owner::Keys => workgroup / heads,
                Owner::Queries => tiles - 1 - workgroup / heads,
            };
            // Pairs one by one, which the schedule does not do.
            let sees = |query: u64| forward.visible(query, forward.seq_q, forward.seq_kv);
            let own = index * tile..seq.min((index + 1) * tile);
            let others: Vec<u64> = match owner {
                Owner::Queries => own
                    .clone()
                    .flat_map(|q| [sees(q).start, sees(q).end])
                    .collect(),
                Owner::Keys => {
                    let reads = |q: &u64| sees(*q).start < own.end && sees(*q).end > own.start;
                    let first = (0..forward.seq_q).find(reads).unwrap_or(0);
                    let last = (0..forward.seq_q).rfind(reads).map_or(0, |q| q + 1);
                    vec![first, last]
                }
            };
            let range = others.iter().max().unwrap() - others.iter().min().unwrap();
            let members = match owner {
                Owner::Keys => forward.heads / forward.kv_heads,
                Owner::Queries => 1,
            };
            let blocks = members * range.div_ceil(block);
            let from = u64::from(params.first_step);
            let steps = blocks.saturating_sub(from).min(params.steps.into());
            let before = &mut taken[workgroup as usize];
            assert!(steps == 0 || *before == from, "{backward:?}: {workgroup}");
            assert!(most == 0 || steps <= most);
            assert!(steps * flops <= flops_of_workgroup(device, units).max(flops));
            *before += steps;
            cost += steps * flops;
            wanted[workgroup as usize] = blocks;
        }
        assert!(count == 1 || cost <= flops_of_dispatch(device, units));
    }
    assert_eq!(taken, wanted, "{backward:?}");
    assert!(finished.iter().all(|count| *count == u32::from(most > 0)));
}

/// Every block is visited once, in order, by as many dispatches as a slow adapter needs.
#[test]
fn drawn_gradients_are_cut_into_blocks() {
    use proptest::prelude::*;
    let sizes = (1u64..3, 1u64..4, 1u64..1500, 1u64..5000);
    let options = (
        any::<bool>(),
        proptest::option::of(1u64..3000),
        prop::sample::select(vec![32u64, 64, 128]),
    );
    proptest!(config(48), |((batch, group, seq_q, seq_kv) in sizes, (causal, window, columns) in options)| {
        let forward = Attention {
            kv_heads: 2,
            seq_kv,
            mask: if causal { Mask::Causal } else { Mask::None },
            window,
            ..Attention::new(batch, 2 * group, seq_q, columns)
        };
        let backward = AttentionBackward { forward };
        for kind in [AdapterKind::Software, AdapterKind::Integrated] {
            check(&backward, Owner::Keys, 1, &FLASH, Units::Plain, &device(kind));
            check(&backward, Owner::Queries, 2, &FLASH, Units::Plain, &device(kind));
        }
    });
}
