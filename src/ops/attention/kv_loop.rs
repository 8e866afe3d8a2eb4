//! KV loops cut into dispatches that no slow adapter takes long for, and that leave little of a fast one idle.

use super::params::{LoopParams, Params};
use crate::error::Result;
use crate::kernel::{BindingRange, Dispatch, fold_workgroups};
use std::ops::Range;

/// Workgroups that each loop over what their rows see, in one dispatch or in several. Between dispatches their partial
/// accumulators are in scratch memory.
pub(in crate::ops) struct KvLoops<F> {
    /// Number of workgroups.
    pub(in crate::ops) workgroups: u64,
    /// Steps of a workgroup's loop, by workgroup.
    pub(in crate::ops) steps: F,
    /// Most steps of a loop in one dispatch, a multiple of `granule`.
    pub(in crate::ops) steps_per_dispatch: u64,
    /// Dispatches begin at multiples of these steps.
    pub(in crate::ops) granule: u64,
    /// FLOPs of a step.
    pub(in crate::ops) step_flops: u64,
    /// Watchdog limit of a dispatch, in FLOPs.
    pub(in crate::ops) dispatch_flops: u64,
    /// Most workgroups of a dispatch, whatever they cost: the grid, and the memory for partial accumulators, have room for
    /// no more.
    pub(in crate::ops) max_workgroups: u64,
    /// A dispatch has a multiple of this number of workgroups where it has room for more: see
    /// [`workgroup_multiple`](crate::gpu::profile::workgroup_multiple).
    pub(in crate::ops) multiple: u64,
}

/// Cost of the loops of some workgroups together.
#[derive(Default)]
struct Cost {
    loops: u64,
    /// Steps of all loops.
    all: u64,
    /// Steps of the longest loop.
    longest: u64,
}

impl Cost {
    fn add(&mut self, steps: u64) {
        self.loops += 1;
        self.all += steps;
        self.longest = self.longest.max(steps);
    }

    fn of<F: Fn(u64) -> u64>(loops: &KvLoops<F>, workgroups: Range<u64>) -> Self {
        let mut cost = Self::default();
        for workgroup in workgroups {
            cost.add((loops.steps)(workgroup));
        }
        cost
    }

    /// FLOPs of the longest dispatch, or some more where loops are cut and of different lengths.
    fn flops<F: Fn(u64) -> u64>(&self, loops: &KvLoops<F>) -> u64 {
        let steps = if self.longest > loops.steps_per_dispatch {
            self.loops * loops.even_steps(self.longest)
        } else {
            self.all
        };
        steps * loops.step_flops
    }
}

/// Neighbouring workgroups whose loops are cut at the same steps.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ops) struct LoopGroup {
    pub(in crate::ops) workgroups: Range<u64>,
    /// The dispatches, in order.
    pub(in crate::ops) ranges: Vec<DispatchRange>,
}

/// One dispatch: some workgroups of a group, at most [`KvLoops::steps_per_dispatch`] steps of each.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ops) struct DispatchRange {
    pub(in crate::ops) workgroups: Range<u64>,
    /// First step.
    pub(in crate::ops) first: u64,
    /// Number of steps.
    pub(in crate::ops) steps: u64,
}

impl<F: Fn(u64) -> u64> KvLoops<F> {
    /// Groups of about equal size, as few as [`KvLoops::dispatch_flops`] allows. A group ends before the next begins.
    pub(in crate::ops) fn groups(&self) -> Vec<LoopGroup> {
        let full = self.ranges(self.dispatch_flops);
        let flops = |range: Range<u64>| Cost::of(self, range).flops(self);
        let all: u64 = full.iter().cloned().map(flops).sum();
        let largest = (0..self.workgroups).map(|w| flops(w..w + 1)).max();
        let mean = all / (full.len() as u64).max(1);
        let evenly = |more: u64| {
            let flops = mean + more * largest.unwrap_or(0);
            Some(self.ranges(flops.min(self.dispatch_flops)))
                .filter(|ranges| ranges.len() == full.len())
        };
        let ranges = evenly(1).or_else(|| evenly(self.multiple)).unwrap_or(full);
        ranges.into_iter().map(|range| self.group(range)).collect()
    }

    /// Steps of each dispatch where the longest loop has `longest`: about equal shares of the loop.
    fn even_steps(&self, longest: u64) -> u64 {
        let dispatches = longest.div_ceil(self.steps_per_dispatch).max(1);
        longest
            .div_ceil(dispatches)
            .max(1)
            .next_multiple_of(self.granule)
    }

    /// Ranges of neighbouring workgroups that one dispatch of `dispatch_flops` has room for; of one workgroup where it has
    /// room for none.
    fn ranges(&self, dispatch_flops: u64) -> Vec<Range<u64>> {
        let mut ranges = Vec::new();
        let mut first = 0;
        while first < self.workgroups {
            let (mut next, mut cost) = (first, Cost::default());
            while next < self.workgroups.min(first + self.max_workgroups) {
                cost.add((self.steps)(next));
                if next > first && cost.flops(self) > dispatch_flops {
                    break;
                }
                next += 1;
            }
            let room = next - first;
            if next < self.workgroups && room > self.multiple {
                next -= room % self.multiple;
            }
            ranges.push(first..next);
            first = next;
        }
        ranges
    }

    /// The dispatches of `workgroups`, without those at either end whose loops have ended. The first dispatch has all of
    /// them, since workgroups whose rows see nothing have zeros to write.
    fn group(&self, workgroups: Range<u64>) -> LoopGroup {
        let longest = workgroups.clone().map(&self.steps).max().unwrap_or(0);
        let steps = self.even_steps(longest);
        let range = |first: u64| {
            let continues = |workgroup: &u64| first == 0 || (self.steps)(*workgroup) > first;
            let begin = workgroups.clone().find(continues);
            let last = workgroups.clone().rfind(continues);
            DispatchRange {
                workgroups: begin.unwrap_or(workgroups.start)
                    ..last.map_or(workgroups.end, |w| w + 1),
                first,
                steps,
            }
        };
        let starts = (0..longest.max(1)).step_by(steps as usize);
        LoopGroup {
            ranges: starts.map(range).collect(),
            workgroups,
        }
    }
}

impl LoopGroup {
    /// Number of workgroups.
    pub(in crate::ops) fn len(&self) -> u64 {
        self.workgroups.end - self.workgroups.start
    }
}

impl DispatchRange {
    /// The dispatch of this range of `group`.
    pub(in crate::ops) fn step(
        &self,
        group: &LoopGroup,
        stage: usize,
        params: Params,
        windows: &[BindingRange],
        limits: &wgpu::Limits,
    ) -> Result<Dispatch> {
        let params = LoopParams {
            attention: Params {
                first: self.workgroups.start as u32,
                ..params
            },
            first_step: self.first as u32,
            steps: self.steps as u32,
            first_kept: group.workgroups.start as u32,
            kept: group.len() as u32,
        };
        Ok(Dispatch {
            stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: windows.to_vec(),
            workgroups: fold_workgroups(self.workgroups.end - self.workgroups.start, limits)?,
        })
    }
}

#[cfg(test)]
mod tests;
