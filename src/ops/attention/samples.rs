//! Shapes that every kernel of attention is tested on.

use super::options::{HeadLayout, Mask};
use super::shape::Attention;
use super::text;
use crate::data::Dtype;
use crate::ops::Operation;
use crate::shader::Prepared;
use std::sync::Arc;

/// Queries and keys of the tile of a kernel's files; where a kernel has several files, of the first file that has a tile.
pub(super) fn tile(stages: &[Arc<Prepared>]) -> [u64; 2] {
    // `attention_unfused` has the tiles of a product.
    [["TILE_Q", "TILE_M"], ["TILE_KV", "TILE_N"]].map(|names| {
        let found = stages
            .iter()
            .find_map(|stage| names.iter().find_map(|name| stage.constants.get(*name)));
        u64::from(*found.expect("every kernel of attention has these tiles"))
    })
}

/// Shapes around the tiles, primes, queries that see no key, nothing, then each option.
pub(super) fn samples(stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let [tile_q, tile_kv] = tile(stages);
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
        ([1, 3, 36, 52, 64], Mask::Causal),
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
    let mut found: Vec<_> = shapes.into_iter().map(one).collect();
    found.extend(with_options(tile_q, tile_kv));
    found
}

/// Each option at least once, several at a time: a set of options is a text of its own to compile.
fn with_options(tile_q: u64, tile_kv: u64) -> Vec<Box<dyn Operation>> {
    let (queries, keys) = (tile_q + 1, 2 * tile_kv + 3);
    let texts = [
        (
            format!("2x4x{queries}x{keys}x64xcausal+kv2+window=9"),
            Dtype::F32,
        ),
        (
            format!("1x2x{keys}x{queries}x64+window={tile_kv}"),
            Dtype::F32,
        ),
        (
            format!("2x2x{queries}x{keys}x64+bias=1x2x1+cap=2+sinks+lengths+lse"),
            Dtype::F32,
        ),
        (
            format!("3x2x{keys}x{keys}x64xcausal+bias+cap=2+sinks+lengths+lse"),
            Dtype::F32,
        ),
        (
            format!("2x4x{queries}x{keys}x64+kv1+scale=-0.5+bshd"),
            Dtype::F32,
        ),
        (format!("1x2x{queries}x{keys}x64xcausal"), Dtype::F16),
        (
            format!("2x2x{queries}x{keys}x64xcausal+kv1+bias+cap=2+sinks+lengths+lse+bshd"),
            Dtype::F16,
        ),
        (format!("1x2x{queries}x{keys}x24+v40+window=5"), Dtype::F32),
        (format!("2x2x5x{keys}x16+lse"), Dtype::F16),
        (
            format!("1x1x{queries}x{tile_kv}x256xcausal+v128"),
            Dtype::F16,
        ),
        ("2x2x9x0x64+sinks+lse".to_owned(), Dtype::F32),
    ];
    let read = |(text, dtype): (String, Dtype)| {
        text::parse(&text, dtype).expect("texts of this file are shapes")
    };
    let mut found: Vec<_> = texts.into_iter().map(read).collect();
    // Rows, heads and sequences with gaps, and a beginning that is not the buffer's.
    let apart = |offset, row| HeadLayout {
        offset,
        row: Some(row),
        head: Some(row * keys.max(queries) + 8),
        batch: None,
    };
    found.push(Box::new(Attention {
        batch: 2,
        seq_kv: keys,
        q: apart(4, 68),
        k: apart(8, 72),
        v: apart(12, 64),
        o: apart(16, 80),
        ..Attention::new(2, 2, queries, 64)
    }));
    // Places that no vector of four fits.
    found.push(Box::new(Attention {
        seq_kv: keys,
        k: apart(3, 65),
        ..Attention::new(1, 2, queries, 64)
    }));
    found
}
