//! How an attention is cut into dispatches that no slow adapter takes long for, and that leave little of a fast one idle.

mod filling;

pub(super) use filling::{pair_flops, walk};

use super::params::{Params, WalkParams};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch};
use crate::kernel::{Step, Window, fold_workgroups};
use std::ops::Range;

/// Work of one stage that falls into like parts, each a workgroup's.
pub(super) struct Work {
    pub(super) stage: usize,
    pub(super) params: Params,
    pub(super) windows: Vec<Window>,
    /// How many parts.
    pub(super) parts: u64,
    /// FLOPs of one, on average.
    pub(super) flops: u64,
}

impl Work {
    /// As few dispatches as [`flops_of_dispatch`] allows, of about one size.
    pub(super) fn steps(&self, device: &Capabilities) -> Result<Vec<Step>> {
        let most = flops_of_dispatch(device, Units::Plain) / self.flops.max(1);
        let most = most.max(1);
        let dispatches = self.parts.div_ceil(most).max(1);
        let each = self.parts.div_ceil(dispatches).max(1);
        (0..self.parts)
            .step_by(each as usize)
            .map(|first| {
                let params = Params {
                    first: first as u32,
                    ..self.params
                };
                let parts = each.min(self.parts - first);
                Ok(Step {
                    stage: self.stage,
                    params: bytemuck::bytes_of(&params).to_vec(),
                    windows: self.windows.clone(),
                    workgroups: fold_workgroups(parts, &device.limits)?,
                })
            })
            .collect()
    }
}

/// Workgroups that each walk what their rows see, in one dispatch or in several: between these their sums are kept.
pub(super) struct Walks<F> {
    /// How many workgroups.
    pub(super) workgroups: u64,
    /// Steps of a walk, by workgroup.
    pub(super) steps: F,
    /// The most steps of a walk in one dispatch, a multiple of `granule`.
    pub(super) at_once: u64,
    /// Dispatches begin at multiples of these steps.
    pub(super) granule: u64,
    /// FLOPs of a step.
    pub(super) flops: u64,
    /// FLOPs of a dispatch.
    pub(super) budget: u64,
    /// The most workgroups of a dispatch, whatever they cost: what the grid, and memory for sums, have room for.
    pub(super) most: u64,
    /// A dispatch has a multiple of so many, where there is room for more: see [`multiple`].
    pub(super) multiple: u64,
}

/// What some walks cost together.
#[derive(Default)]
struct Cost {
    walks: u64,
    all: u64,
    longest: u64,
}

impl Cost {
    fn add(&mut self, steps: u64) {
        self.walks += 1;
        self.all += steps;
        self.longest = self.longest.max(steps);
    }

    fn of<F: Fn(u64) -> u64>(walks: &Walks<F>, workgroups: Range<u64>) -> Self {
        let mut cost = Self::default();
        for workgroup in workgroups {
            cost.add((walks.steps)(workgroup));
        }
        cost
    }

    /// FLOPs of the longest dispatch, or some more where walks are cut and not alike.
    fn flops<F: Fn(u64) -> u64>(&self, walks: &Walks<F>) -> u64 {
        let steps = if self.longest > walks.at_once {
            self.walks * walks.part(self.longest)
        } else {
            self.all
        };
        steps * walks.flops
    }
}

/// Neighbouring workgroups whose walks are cut alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) workgroups: Range<u64>,
    /// The dispatches, in order.
    pub(super) parts: Vec<Part>,
}

/// A dispatch: some workgroups of a group, at most [`Walks::at_once`] steps of each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) workgroups: Range<u64>,
    /// The first step.
    pub(super) first: u64,
    /// How many.
    pub(super) steps: u64,
}

impl<F: Fn(u64) -> u64> Walks<F> {
    /// As few groups as [`Walks::budget`] allows, of about one size; each is at its end before the next begins.
    pub(super) fn groups(&self) -> Vec<Group> {
        let full = self.runs(self.budget);
        let flops = |run: Range<u64>| Cost::of(self, run).flops(self);
        let all: u64 = full.iter().cloned().map(flops).sum();
        let largest = (0..self.workgroups).map(|w| flops(w..w + 1)).max();
        let mean = all / (full.len() as u64).max(1);
        let evenly = |more: u64| {
            let budget = mean + more * largest.unwrap_or(0);
            Some(self.runs(budget.min(self.budget))).filter(|runs| runs.len() == full.len())
        };
        let runs = evenly(1).or_else(|| evenly(self.multiple)).unwrap_or(full);
        runs.into_iter().map(|run| self.group(run)).collect()
    }

    /// Steps of a dispatch where the longest walk has so many: about equal parts of it.
    fn part(&self, longest: u64) -> u64 {
        let parts = longest.div_ceil(self.at_once).max(1);
        longest
            .div_ceil(parts)
            .max(1)
            .next_multiple_of(self.granule)
    }

    /// Runs of neighbours that one dispatch of `budget` FLOPs has room for; of one, where it has room for none.
    fn runs(&self, budget: u64) -> Vec<Range<u64>> {
        let mut runs = Vec::new();
        let mut first = 0;
        while first < self.workgroups {
            let (mut next, mut cost) = (first, Cost::default());
            while next < self.workgroups.min(first + self.most) {
                cost.add((self.steps)(next));
                if next > first && cost.flops(self) > budget {
                    break;
                }
                next += 1;
            }
            let room = next - first;
            if next < self.workgroups && room > self.multiple {
                next -= room % self.multiple;
            }
            runs.push(first..next);
            first = next;
        }
        runs
    }

    /// The dispatches of `workgroups`, without those at either end whose walks are over. The first has all of them: who sees
    /// nothing has zeros to write.
    fn group(&self, workgroups: Range<u64>) -> Group {
        let longest = workgroups.clone().map(&self.steps).max().unwrap_or(0);
        let steps = self.part(longest);
        let part = |first: u64| {
            let walks = |workgroup: &u64| first == 0 || (self.steps)(*workgroup) > first;
            let begin = workgroups.clone().find(walks);
            let last = workgroups.clone().rfind(walks);
            Part {
                workgroups: begin.unwrap_or(workgroups.start)
                    ..last.map_or(workgroups.end, |w| w + 1),
                first,
                steps,
            }
        };
        let starts = (0..longest.max(1)).step_by(steps as usize);
        Group {
            parts: starts.map(part).collect(),
            workgroups,
        }
    }
}

impl Group {
    /// How many workgroups.
    pub(super) fn len(&self) -> u64 {
        self.workgroups.end - self.workgroups.start
    }
}

impl Part {
    /// The dispatch of it, as one of `group`.
    pub(super) fn step(
        &self,
        group: &Group,
        stage: usize,
        params: Params,
        windows: &[Window],
        limits: &wgpu::Limits,
    ) -> Result<Step> {
        let params = WalkParams {
            attention: Params {
                first: self.workgroups.start as u32,
                ..params
            },
            first_step: self.first as u32,
            steps: self.steps as u32,
            first_kept: group.workgroups.start as u32,
            kept: group.len() as u32,
        };
        Ok(Step {
            stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: windows.to_vec(),
            workgroups: fold_workgroups(self.workgroups.end - self.workgroups.start, limits)?,
        })
    }
}

#[cfg(test)]
mod tests;
