//! Shapes on which every kernel of a norm is tested.

use super::shape::{Affine, Norm, NormKind};
use crate::data::Dtype;
use crate::ops::Operation;
use crate::ops::rows::{RowLayout, Target};

/// Single elements, empty matrices, rows around the kernels' widths, then options with layouts of their own.
pub(super) fn samples(kind: NormKind) -> Vec<Box<dyn Operation>> {
    let plain = [
        (3, 1),
        (0, 5),
        (5, 0),
        (127, 13),
        (1, 40_003),
        (1025, 4),
        (5, 256),
        (3, 1000),
    ];
    let mut found: Vec<Norm> = plain.map(|(rows, cols)| Norm::new(kind, rows, cols)).into();
    found.extend([
        Norm {
            dtype: Dtype::F16,
            affine: Affine::WeightAndBias,
            x: RowLayout {
                offset: 3,
                stride: Some(70),
            },
            ..Norm::new(kind, 5, 64)
        },
        Norm {
            affine: Affine::None,
            target: Target::InPlace,
            x: RowLayout {
                offset: 4,
                stride: Some(44),
            },
            ..Norm::new(kind, 7, 40)
        },
        Norm {
            dtype: Dtype::F16,
            affine: Affine::WeightAndBias,
            target: Target::InPlace,
            ..Norm::new(kind, 4, 2048)
        },
    ]);
    found
        .into_iter()
        .map(|norm| -> Box<dyn Operation> { Box::new(norm) })
        .collect()
}
