//! Shapes that attention on matrix units is tested on.

use super::super::options::{BiasShape, HeadLayout, Lengths, LogSumExp, Mask, Sinks};
use super::super::samples::tile;
use super::super::shape::Attention;
use crate::data::Dtype;
use crate::ops::Operation;
use crate::shader::Prepared;
use std::sync::Arc;

/// Shapes around the tiles, and each option, in f16.
pub(super) fn samples(stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let [tile_q, tile_kv] = tile(stages);
    let half = |sizes: [u64; 5], mask| {
        let [batch, heads, seq_q, seq_kv, head_dim] = sizes;
        Attention {
            seq_kv,
            mask,
            dtype: Dtype::F16,
            ..Attention::new(batch, heads, seq_q, head_dim)
        }
    };
    let base = half([2, 4, tile_q + 5, 2 * tile_kv + 3, 64], Mask::Causal);
    let interleaved = |heads, columns| HeadLayout::interleaved(heads, columns);
    let found = vec![
        half([1, 1, 1, 1, 64], Mask::None),
        half([2, 3, 7, 13, 64], Mask::Causal),
        half([1, 1, tile_q, tile_kv, 128], Mask::None),
        half([1, 1, tile_q - 1, tile_kv - 1, 80], Mask::None),
        half([1, 2, tile_q + 1, tile_kv + 1, 64], Mask::Causal),
        half([1, 1, 2 * tile_q, 3 * tile_kv, 64], Mask::Causal),
        // The first queries see no key.
        half([1, 2, 127, 13, 64], Mask::Causal),
        half([1, 1, 37, 70, 20], Mask::None),
        half([1, 1, 5, 0, 64], Mask::None),
        half([1, 1, 0, 5, 64], Mask::Causal),
        Attention {
            kv_heads: 2,
            q: interleaved(4, 64),
            k: interleaved(2, 64),
            v: interleaved(2, 64),
            o: interleaved(4, 64),
            ..base
        },
        Attention {
            value_dim: 24,
            log_sum_exp: LogSumExp::Wanted,
            ..base
        },
        Attention {
            window: Some(11),
            soft_cap: Some(2.0),
            ..base
        },
        // The last query sees nothing of the first block of its tile's KV loop, and all of the second.
        Attention {
            seq_q: 2 * tile_q + tile_kv + 1,
            seq_kv: 2 * tile_q + tile_kv + 1,
            window: Some(2 * tile_kv),
            log_sum_exp: LogSumExp::Wanted,
            ..base
        },
        Attention {
            bias: Some(BiasShape {
                batch: 1,
                heads: 4,
                seq_q: base.seq_q,
            }),
            scale: Some(0.3),
            ..base
        },
        // A bias in a window.
        Attention {
            seq_kv: 4 * tile_kv,
            window: Some(9),
            bias: Some(BiasShape {
                batch: 2,
                heads: 1,
                seq_q: 1,
            }),
            ..base
        },
        Attention {
            sinks: Sinks::PerHead,
            lengths: Lengths::PerSequence,
            log_sum_exp: LogSumExp::Wanted,
            ..base
        },
    ];
    let boxed = |attention| -> Box<dyn Operation> { Box::new(attention) };
    found.into_iter().map(boxed).collect()
}
