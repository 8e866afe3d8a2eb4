//! How an attention is cut into dispatches that no slow adapter takes long for.

use super::Attention;
use super::params::{Params, WalkParams};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Step, Window, fold_workgroups};
use crate::ops::budget::{Units, flops_of_dispatch, flops_of_workgroup};
use std::ops::Range;

/// What an exponential and what belongs to it cost, in FLOPs of a product.
const WEIGHT_FLOPS: u64 = 32;

/// FLOPs of a pair of a query and a key, as a fused kernel computes it.
pub(super) fn pair_flops(attention: &Attention) -> u64 {
    2 * (attention.head_dim + attention.value_dim) + WEIGHT_FLOPS
}

/// Keys that a workgroup of `tile` queries may walk in one dispatch, where it may see more.
pub(super) fn walk(
    attention: &Attention,
    tile: u64,
    device: &Capabilities,
    units: Units,
) -> Option<u32> {
    /// A multiple of all blocks of keys.
    const GRANULE: u64 = 128;
    let most = flops_of_workgroup(device, units) / (tile * pair_flops(attention)).max(1);
    let walk = (most / GRANULE).max(1) * GRANULE;
    (attention.most_visible(tile) > walk).then_some(walk as u32)
}

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
    /// The most steps of a walk in one dispatch.
    pub(super) at_once: u64,
    /// FLOPs of a step.
    pub(super) flops: u64,
    /// FLOPs of a dispatch.
    pub(super) budget: u64,
    /// The most workgroups of a dispatch, whatever they cost: what the grid, and memory for sums, have room for.
    pub(super) most: u64,
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

/// About equal parts of `longest` steps, of at most `most`: a multiple of `granule`, as `most` is.
pub(super) fn even(longest: u64, most: u64, granule: u64) -> u64 {
    let parts = longest.div_ceil(most).max(1);
    longest.div_ceil(parts).max(1).next_multiple_of(granule)
}

impl<F: Fn(u64) -> u64> Walks<F> {
    /// As few groups as [`Walks::budget`] allows, of about one size; each is at its end before the next begins.
    pub(super) fn groups(&self) -> Vec<Group> {
        let full = self.runs(self.budget);
        let costs = || (0..self.workgroups).map(|workgroup| self.cost(workgroup));
        let even = costs().sum::<u64>() / (full.len() as u64).max(1) + costs().max().unwrap_or(0);
        let runs = Some(self.runs(even.min(self.budget)))
            .filter(|runs| runs.len() == full.len())
            .unwrap_or(full);
        runs.into_iter().map(|run| self.group(run)).collect()
    }

    /// FLOPs of the longest part of a walk.
    fn cost(&self, workgroup: u64) -> u64 {
        (self.steps)(workgroup).min(self.at_once) * self.flops
    }

    /// Runs of neighbours that one dispatch of `budget` FLOPs has room for; of one, where it has room for none.
    fn runs(&self, budget: u64) -> Vec<Range<u64>> {
        let mut runs = Vec::new();
        let mut first = 0;
        while first < self.workgroups {
            let (mut next, mut flops) = (first, 0);
            while next < self.workgroups.min(first + self.most) {
                flops += self.cost(next);
                if next > first && flops > budget {
                    break;
                }
                next += 1;
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
        let part = |first: u64| {
            let walks = |workgroup: &u64| first == 0 || (self.steps)(*workgroup) > first;
            let begin = workgroups.clone().find(walks);
            let last = workgroups.clone().rfind(walks);
            Part {
                workgroups: begin.unwrap_or(workgroups.start)
                    ..last.map_or(workgroups.end, |w| w + 1),
                first,
                steps: self.at_once,
            }
        };
        let starts = (0..longest.max(1)).step_by(self.at_once as usize);
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
