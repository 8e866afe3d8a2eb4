//! Shapes that every kernel of attention is tested on.

use super::{Attention, Mask, decode};
use crate::ops::Operation;
use crate::shader::Prepared;

pub(super) fn samples(stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    if stages.iter().any(|stage| decode::has_stage(stage.name)) {
        return decode::samples();
    }
    let constant = |name: &str| {
        let found = stages.iter().find_map(|s| s.constants.get(name));
        u64::from(*found.expect("every kernel of attention has these tiles"))
    };
    let (tile_q, tile_kv) = (constant("TILE_Q"), constant("TILE_KV"));
    let shapes = [
        ([1, 1, 1, 1, 64], Mask::None),
        ([1, 1, 1, 1, 64], Mask::Causal),
        ([2, 3, 7, 13, 64], Mask::None),
        ([1, 2, 13, 127, 64], Mask::Causal),
        // The first queries see no key.
        ([1, 2, 127, 13, 64], Mask::Causal),
        ([2, 1, 1, 129, 32], Mask::None),
        ([1, 2, 37, 41, 32], Mask::Causal),
        ([1, 1, 67, 61, 80], Mask::Causal),
        ([1, 1, 5, 67, 80], Mask::None),
        ([1, 2, 33, 31, 128], Mask::Causal),
        ([1, 1, 17, 70, 128], Mask::None),
        ([1, 1, 3, 5, 4], Mask::Causal),
        ([1, 1, 5, 0, 64], Mask::None),
        ([1, 1, 0, 5, 64], Mask::Causal),
        ([0, 2, 5, 5, 64], Mask::None),
        ([1, 1, tile_q - 1, tile_kv - 1, 64], Mask::None),
        ([1, 1, tile_q, tile_kv, 64], Mask::Causal),
        ([1, 1, tile_q + 1, tile_kv + 1, 64], Mask::None),
        ([1, 1, tile_q + 1, 2 * tile_kv, 64], Mask::Causal),
        ([1, 1, 2 * tile_q, tile_kv + 1, 64], Mask::Causal),
    ];
    let one = |(sizes, mask): ([u64; 5], Mask)| -> Box<dyn Operation> {
        let [batch, heads, seq_q, seq_kv, head_dim] = sizes;
        Box::new(Attention {
            seq_kv,
            mask,
            ..Attention::new(batch, heads, seq_q, head_dim)
        })
    };
    shapes.into_iter().map(one).collect()
}
