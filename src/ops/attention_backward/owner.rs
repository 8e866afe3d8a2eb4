//! Owners of the gradients that a stage computes, keys or queries, and the length of their loops over the others.

use crate::ops::Attention;

/// Rows whose gradients the workgroups of a stage compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// dK and dV: a workgroup owns keys, and loops over queries.
    Keys,
    /// dQ: a workgroup owns queries, and loops over keys.
    Queries,
}

impl Owner {
    /// FLOPs of a pair of a query and a key: four products, or three, and 32 for an exponential and what belongs to it.
    pub(super) fn pair_flops(self, forward: &Attention) -> u64 {
        let (head, value) = (forward.head_dim, forward.value_dim);
        match self {
            Self::Keys => 4 * (head + value) + 32,
            Self::Queries => 4 * head + 2 * value + 32,
        }
    }

    /// Blocks of the longest loop of a workgroup.
    pub(super) fn longest_loop(self, forward: &Attention, tile: u64, block: u64) -> u64 {
        match self {
            Self::Keys => group(forward) * forward.most_seeing(tile).div_ceil(block),
            Self::Queries => forward.most_visible(tile).div_ceil(block),
        }
    }

    /// Blocks of the loop of the workgroup of tile `index`, at most.
    pub(super) fn loop_length(self, forward: &Attention, index: u64, tile: u64, block: u64) -> u64 {
        match self {
            Self::Keys => group(forward) * forward.seen_from(index, tile).div_ceil(block),
            Self::Queries => forward.loop_length(index, tile).div_ceil(block),
        }
    }
}

/// Query heads to a key head.
fn group(forward: &Attention) -> u64 {
    forward.heads / forward.kv_heads.max(1)
}
