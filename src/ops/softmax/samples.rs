//! Shapes on which every kernel of softmax is tested.

use super::shape::{Causal, Softmax, SoftmaxForm, SoftmaxMask};
use crate::data::Dtype;
use crate::ops::Operation;
use crate::ops::rows::{RowLayout, Target};
use crate::shader::Prepared;
use std::sync::Arc;

/// Shapes around the kernels' widths and sizes; then every option, each with some other ones.
pub(super) fn samples(_stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let plain = [
        (0, 5),
        (5, 0),
        (1, 1),
        (3, 1),
        (2, 7),
        (127, 13),
        (1, 20_011),
        (1025, 3),
        (3, 255),
        (3, 256),
        (5, 260),
        (2, 4096),
    ];
    let mut found: Vec<Softmax> = plain.map(|(rows, cols)| Softmax::new(rows, cols)).into();
    let half = |rows, cols| Softmax {
        dtype: Dtype::F16,
        ..Softmax::new(rows, cols)
    };
    found.extend([
        half(3, 7),
        half(2, 1024),
        half(3, 264),
        Softmax {
            form: SoftmaxForm::Logarithms,
            mask: SoftmaxMask::Full,
            x: RowLayout {
                offset: 16,
                stride: Some(128),
            },
            scale: -0.4,
            ..half(6, 120)
        },
        Softmax {
            causal: Some(Causal {
                queries: 5,
                seen: 3,
            }),
            mask: SoftmaxMask::Broadcast,
            target: Target::InPlace,
            ..half(10, 200)
        },
        Softmax {
            x: RowLayout {
                offset: 3,
                stride: Some(70),
            },
            scale: 0.3,
            mask: SoftmaxMask::Full,
            ..half(5, 64)
        },
        Softmax {
            x: RowLayout {
                offset: 8,
                stride: Some(264),
            },
            y: RowLayout {
                offset: 0,
                stride: Some(256),
            },
            scale: -1.5,
            mask: SoftmaxMask::Broadcast,
            target: Target::Separate,
            ..Softmax::new(7, 256)
        },
        Softmax {
            causal: Some(Causal {
                queries: 5,
                seen: 1,
            }),
            target: Target::InPlace,
            ..Softmax::new(10, 36)
        },
        Softmax {
            causal: Some(Causal {
                queries: 4,
                seen: 2,
            }),
            mask: SoftmaxMask::Broadcast,
            target: Target::InPlace,
            x: RowLayout {
                offset: 1,
                stride: Some(19),
            },
            ..half(8, 17)
        },
        Softmax {
            form: SoftmaxForm::Logarithms,
            mask: SoftmaxMask::Full,
            ..Softmax::new(4, 300)
        },
        Softmax {
            form: SoftmaxForm::Logarithms,
            ..half(4, 33)
        },
    ]);
    found
        .into_iter()
        .map(|softmax| -> Box<dyn Operation> { Box::new(softmax) })
        .collect()
}
