//! Classes of shapes of the backward, as the tuner tells them apart.

use crate::ops::Class;
use crate::ops::attention::classes::{FEW, columns, queries};

/// Classes of the backward. A shape belongs to the first class that holds.
pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "narrow_small",
        about: "heads of up to 64 columns, up to 8192 queries",
        holds: |s| columns(s) <= 64 && queries(s) <= FEW,
        shape: "2x4x1024x1024x64xcausal",
        software_shape: "1x1x32x32x64xcausal",
    },
    Class {
        name: "narrow_large",
        about: "heads of up to 64 columns, more queries",
        holds: |s| columns(s) <= 64,
        shape: "1x16x4096x4096x64xcausal",
        software_shape: "1x1x64x64x64xcausal",
    },
    Class {
        name: "wide",
        about: "wider heads",
        holds: |_| true,
        shape: "1x16x4096x4096x128xcausal",
        software_shape: "1x1x32x32x128xcausal",
    },
];

#[cfg(test)]
mod tests {
    use crate::ops::{Attention, AttentionBackward, class_of};

    #[test]
    fn shapes_have_the_classes_that_their_names_say() {
        let class = |forward| class_of(&AttentionBackward { forward }).unwrap();
        assert_eq!(class(Attention::new(1, 8, 1024, 64)), "narrow_small");
        assert_eq!(class(Attention::new(1, 8, 2048, 64)), "narrow_large");
        assert_eq!(class(Attention::new(1, 8, 2048, 65)), "wide+odd");
    }
}
