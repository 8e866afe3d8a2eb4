//! Classes of lengths of whole vectors, as the tuner tells them apart: what a cache may hold, and what no cache holds.

use crate::ops::Class;

/// Elements up to which two or three vectors fit the caches of a large GPU: 16 MiB each in f32.
const CACHED: u64 = 1 << 22;

/// Classes of streams and of reductions. A length belongs to the first class that holds.
pub(in crate::ops) const CLASSES: &[Class] = &[
    Class {
        name: "cached",
        about: "up to 2^22 elements",
        holds: |s| s.of("elements") <= CACHED,
        shape: "1048576",
        software_shape: "65536",
    },
    Class {
        name: "long",
        about: "longer ones",
        holds: |_| true,
        shape: "67108864",
        software_shape: "4194304",
    },
];

#[cfg(test)]
mod tests {
    use crate::ops::{Reduction, ReductionKind, Stream, StreamKind, class_of};

    #[test]
    fn lengths_have_the_classes_that_their_names_say() {
        let class = |elements| class_of(&Stream::new(StreamKind::Add, elements)).unwrap();
        assert_eq!(
            (class(0), class(1 << 22)),
            ("cached".into(), "cached".into())
        );
        assert_eq!(class((1 << 22) + 1), "long");
        let dot = Reduction::new(ReductionKind::Dot, 98_432);
        assert_eq!(class_of(&dot).unwrap(), "cached");
    }
}
