//! Shapes that the kernels that split keys are tested on.

use super::super::text;
use crate::data::Dtype;
use crate::ops::Operation;
use crate::shader::Prepared;
use std::sync::Arc;

/// Single keys, pages of odd sizes, many splits, rows in several units, each option, nothing. Each is a pipeline of its own,
/// which some drivers take seconds to compile.
pub(in crate::ops::attention) fn samples(_stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let shapes = [
        "1x6x1x1x16+page=1",
        "2x8x3x777x80xcausal+kv2+v64+window=300+bias+cap=5+sinks+lengths+lse+page=17",
        "2x8x3x777x32xcausal+kv2+window=300+bias=1x8x1+cap=5+sinks+lengths+lse+page=17",
        "1x4x40x200x64xcausal+page=16",
        "2x2x5x0x64+sinks+lse",
        "1x9x7x300x16+kv3+bshd",
        "1x2x1x2500x256",
        "1x1x3x5x8xcausal",
        "1x2x33x31x128xcausal",
        "2x3x7x127x64",
        "0x2x5x5x64",
        "1x1x0x5x64",
    ];
    let of_type = |dtype| shapes.map(|text| text::parse(text, dtype));
    let parsed = [Dtype::F32, Dtype::F16].map(of_type);
    parsed.into_iter().flatten().flatten().collect()
}
