//! Classes of shapes, as the tuner tells them apart.

use super::layout::{Order, Strides};
use super::shape::{Activations, Matmul};
use crate::ops::{Class, Sizes};

/// A side this many times longer than another makes a product tall, wide or deep.
const LONG: u64 = 16;

/// The first that holds has a shape.
pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "batched",
        about: "several products",
        holds: |s| s.of("batch") > 1,
        shape: "64x512x512x512",
        software_shape: "4x96x96x96",
    },
    Class {
        name: "vector",
        about: "one row of C",
        holds: |s| s.of("m") <= 1,
        shape: "1x16384x16384",
        software_shape: "1x1024x1024",
    },
    Class {
        name: "small_m",
        about: "2 to 16 rows of C",
        holds: |s| s.of("m") <= 16,
        shape: "16x8192x8192",
        software_shape: "16x512x512",
    },
    Class {
        name: "small_n",
        about: "1 to 16 columns of C",
        holds: |s| s.of("n") <= 16,
        shape: "8192x16x8192",
        software_shape: "512x16x512",
    },
    Class {
        name: "deep",
        about: "K at least 16 times the longer side of C",
        holds: |s| s.of("k") >= LONG.saturating_mul(s.of("m").max(s.of("n"))),
        shape: "256x256x131072",
        software_shape: "64x64x2048",
    },
    Class {
        name: "tall",
        about: "at least 16 times as many rows of C as columns",
        holds: |s| s.of("m") >= LONG.saturating_mul(s.of("n")),
        shape: "65536x64x4096",
        software_shape: "1024x64x128",
    },
    Class {
        name: "wide",
        about: "at least 16 times as many columns of C as rows",
        holds: |s| s.of("n") >= LONG.saturating_mul(s.of("m")),
        shape: "64x65536x4096",
        software_shape: "64x1024x128",
    },
    Class {
        name: "square_small",
        about: "C of at most 2^21 elements",
        holds: |s| elements(s) <= 1 << 21,
        shape: "1024x1024x1024",
        software_shape: "128x128x128",
    },
    Class {
        name: "square_medium",
        about: "C of at most 2^23 elements",
        holds: |s| elements(s) <= 1 << 23,
        shape: "2048x2048x2048",
        software_shape: "256x256x256",
    },
    Class {
        name: "square_large",
        about: "larger ones",
        holds: |_| true,
        shape: "4096x4096x4096",
        software_shape: "384x384x384",
    },
];

fn elements(sizes: &Sizes) -> u64 {
    sizes.of("m").saturating_mul(sizes.of("n"))
}

/// Orders in memory, whether rows can be moved only an element at a time, and the format of quantised weights: `+ta`, `+tb`,
/// `+odd`, `+q4_0`, `+a8`.
pub(super) fn variant(matmul: &Matmul) -> String {
    let transposed = |order| order == Order::ColumnMajor;
    let by_four = |[a, b, _]: [Strides; 3]| a.by_four(matmul.batch) && b.by_four(matmul.batch);
    let words = [
        (transposed(matmul.a.order), "+ta"),
        (
            transposed(matmul.b.order) && !matmul.weights.is_quantized(),
            "+tb",
        ),
        (!matmul.strides().is_ok_and(by_four), "+odd"),
    ];
    let present = words.into_iter().filter(|(present, _)| *present);
    let mut found: String = present.map(|(_, word)| word).collect();
    if matmul.weights.is_quantized() {
        found += "+";
        found += matmul.weights.name();
    }
    if matmul.activations == Activations::Int8 {
        found += "+a8";
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Layout, class_of};

    #[test]
    fn shapes_have_the_classes_that_their_names_say() {
        let class = |m, n, k| class_of(&Matmul::new(m, n, k)).unwrap();
        assert_eq!(class(1, 4096, 4096), "vector");
        assert_eq!(class(8, 4096, 4096), "small_m");
        assert_eq!(class(4096, 8, 4096), "small_n");
        assert_eq!(class(512, 256, 8192), "deep");
        assert_eq!(class(8192, 512, 512), "tall");
        assert_eq!(class(512, 8192, 512), "wide");
        assert_eq!(class(1024, 2048, 1024), "square_small");
        assert_eq!(class(2048, 4096, 64), "square_medium");
        assert_eq!(class(4096, 4096, 64), "square_large");
        assert_eq!(class(4095, 4097, 4093), "square_large+odd");
        assert_eq!(class(0, 4, 4), "vector");
        // Sizes that cannot be are of some class, not a panic.
        assert!(class_of(&Matmul::new(u64::MAX, u64::MAX, u64::MAX)).is_some());
    }

    #[test]
    fn orders_and_batches_are_told_apart() {
        let transposed = Layout {
            order: Order::ColumnMajor,
            ..Layout::default()
        };
        let matmul = Matmul {
            a: transposed,
            b: transposed,
            batch: 3,
            ..Matmul::new(64, 64, 64)
        };
        assert_eq!(class_of(&matmul).unwrap(), "batched+ta+tb");
    }
}
