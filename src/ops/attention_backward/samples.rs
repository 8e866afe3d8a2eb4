//! Shapes that every kernel of the backward is tested on.

use super::shape::{AttentionBackward, NAME};
use crate::data::Dtype;
use crate::ops::Operation;
use crate::ops::attention::text;
use crate::shader::Prepared;
use std::sync::Arc;

/// Single rows, primes, rows that see nothing, empty shapes, every option, in f32. Shapes without columns of their own share
/// a pipeline, which is what a test waits for.
const SINGLE: [&str; 19] = [
    "1x1x1x1x64",
    "2x2x33x47x64xcausal+lengths",
    "1x2x13x127x64xcausal",
    "1x2x127x13x64xcausal",
    "1x4x37x41x64xcausal+kv2",
    "1x1x61x67x64+window=7",
    "1x2x61x45x64xcausal+window=9",
    "2x4x19x23x64+kv1+bshd+lengths",
    "1x2x29x31x64+scale=0.5",
    "2x3x5x0x64",
    "1x2x0x5x64",
    "0x2x5x5x64",
    "2x2x21x33x64+bias=2x1x21",
    "2x2x21x33x64xcausal+bias=1x2x1",
    "1x2x29x31x64+cap=1.5",
    "2x4x19x23x64+kv1+v32+window=5+bias+cap=2+sinks+lengths",
    "1x1x19x23x24+v16",
    "1x1x33x31x128+v64",
    "1x1x17x19x256xcausal",
];

/// A selection of these shapes in f16.
const HALF: [&str; 7] = [
    "1x1x1x1x64",
    "2x2x33x47x64xcausal+lengths",
    "1x4x37x41x64xcausal+kv2",
    "2x4x19x23x64+kv1+bshd+lengths",
    "1x2x61x45x64+window=9+bias+cap=2",
    "2x4x19x23x40+kv2+v48+bshd",
    "1x1x33x31x128xcausal",
];

/// [`SINGLE`] and [`HALF`], and shapes around the tiles in both types.
pub(super) fn samples(stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let constant = |name: &str| {
        let found = stages.iter().find_map(|s| s.constants.get(name));
        *found.expect("every kernel of the backward has these tiles")
    };
    let (tile, block) = (constant("TILE"), constant("BLOCK"));
    let around = [
        format!("1x1x{}x{}x64", block - 1, tile - 1),
        format!("1x1x{tile}x{block}x64xcausal"),
        format!("1x1x{}x{}x64", block + 1, tile + 1),
        format!("1x1x{}x{}x64xcausal", 2 * tile + 1, 2 * tile),
    ];
    let read = |text: &str, dtype| -> Box<dyn Operation> {
        let forward = text::read(NAME, text, dtype).expect("the texts here are shapes");
        Box::new(AttentionBackward { forward })
    };
    let around = around.iter().map(String::as_str);
    let single = SINGLE.into_iter().chain(around.clone());
    let half = HALF.into_iter().chain(around);
    single
        .map(|text| read(text, Dtype::F32))
        .chain(half.map(|text| read(text, Dtype::F16)))
        .collect()
}
