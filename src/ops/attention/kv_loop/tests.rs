//! Every step is taken once and in order, and no dispatch costs more than it may.

use super::*;
use crate::ops::scheduled::config;
use proptest::prelude::*;

#[test]
fn drawn_loops_are_taken_once_in_order_and_within_the_budget() {
    let lengths = prop::collection::vec(0u64..90, 1..40);
    let sizes = (1u64..12, 1u64..5, 1u64..50, 1u64..3000, 1u64..12, 1u64..6);
    proptest!(config(256), |(lengths in lengths, (blocks, granule, flops, budget, most, multiple) in sizes)| {
        let steps_per_dispatch = blocks * granule;
        let loops = KvLoops {
            workgroups: lengths.len() as u64,
            steps: |workgroup: u64| lengths[workgroup as usize],
            steps_per_dispatch,
            granule,
            step_flops: flops,
            dispatch_flops: budget,
            max_workgroups: most,
            multiple,
        };
        let mut taken = vec![0; lengths.len()];
        let mut started = vec![0; lengths.len()];
        let mut next = 0;
        for group in loops.groups() {
            prop_assert_eq!(group.workgroups.start, next);
            prop_assert!((1..=most).contains(&group.len()));
            next = group.workgroups.end;
            for range in &group.ranges {
                let mut cost = 0;
                prop_assert!(range.steps <= steps_per_dispatch && range.steps.is_multiple_of(granule));
                for workgroup in range.workgroups.clone() {
                    prop_assert!(group.workgroups.contains(&workgroup));
                    let i = workgroup as usize;
                    let steps = lengths[i].saturating_sub(range.first).min(range.steps);
                    prop_assert!(steps == 0 || taken[i] == range.first);
                    started[i] += u64::from(range.first == 0);
                    taken[i] += steps;
                    cost += steps * flops;
                }
                prop_assert!(cost <= budget || range.workgroups.end - range.workgroups.start == 1);
                // Workgroups that a dispatch leaves out have no keys left; those at either end of its range have some.
                for end in [range.workgroups.start, range.workgroups.end - 1] {
                    prop_assert!(range.first == 0 || lengths[end as usize] > range.first);
                }
            }
        }
        prop_assert_eq!(next, lengths.len() as u64);
        prop_assert_eq!(taken, lengths.clone());
        prop_assert!(started.iter().all(|count| *count == 1));
    });
}
