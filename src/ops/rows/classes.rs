//! Classes of shapes of operations over rows, as the tuner tells them apart: by the length of a row, which decides who holds
//! it, and by whether there are rows enough to fill a GPU.

use crate::ops::{Class, Sizes};

/// Columns up to which a row leaves most of a subgroup idle.
const SHORT: u64 = 64;
/// Columns up to which a subgroup may hold a row.
const MEDIUM: u64 = 1024;
/// Columns up to which any workgroup may hold a row, and from which on few rows are shared among workgroups.
const LONG: u64 = 16 * 1024;
/// Rows below which they do not fill a GPU with a workgroup each.
const FEW: u64 = 64;

/// Classes of softmax and of norms. A shape belongs to the first class that holds.
pub(in crate::ops) const CLASSES: &[Class] = &[
    Class {
        name: "few_long",
        about: "fewer than 64 rows of at least 16,384 columns",
        holds: |s| s.of("rows") < FEW && columns(s) >= LONG,
        shape: "16x4194304",
        software_shape: "4x65536",
    },
    Class {
        name: "short",
        about: "rows of up to 64 columns",
        holds: |s| columns(s) <= SHORT,
        shape: "262144x32",
        software_shape: "2048x32",
    },
    Class {
        name: "medium",
        about: "rows of up to 1024 columns",
        holds: |s| columns(s) <= MEDIUM,
        shape: "65536x1024",
        software_shape: "256x1024",
    },
    Class {
        name: "long",
        about: "rows of up to 16,384 columns",
        holds: |s| columns(s) <= LONG,
        shape: "16384x4096",
        software_shape: "64x4096",
    },
    Class {
        name: "longest",
        about: "longer rows",
        holds: |_| true,
        shape: "2048x32768",
        software_shape: "64x32768",
    },
];

fn columns(sizes: &Sizes) -> u64 {
    sizes.of("cols")
}

#[cfg(test)]
mod tests {
    use crate::ops::{Norm, NormKind, RowLayout, Softmax, class_of};

    #[test]
    fn shapes_have_the_classes_that_their_names_say() {
        let class = |rows, cols| class_of(&Softmax::new(rows, cols)).unwrap();
        assert_eq!(class(4096, 64), "short");
        assert_eq!(class(4096, 65), "medium+odd");
        assert_eq!(class(1, 1024), "medium");
        assert_eq!(class(63, 16 * 1024), "few_long");
        assert_eq!(class(64, 16 * 1024), "long");
        assert_eq!(class(64, 16 * 1024 + 4), "longest");
        assert_eq!(class(0, 0), "short");
        assert_eq!(class(u64::MAX, u64::MAX), "longest+odd");
    }

    #[test]
    fn rows_that_are_moved_an_element_at_a_time_are_told_apart() {
        let x = RowLayout {
            offset: 1,
            stride: None,
        };
        let norm = Norm::new(NormKind::Layer, 512, 256);
        assert_eq!(class_of(&norm).unwrap(), "medium");
        assert_eq!(class_of(&Norm { x, ..norm }).unwrap(), "medium+odd");
        let softmax = Softmax::new(512, 256);
        assert_eq!(class_of(&Softmax { x, ..softmax }).unwrap(), "medium+odd");
    }
}
