//! Types of the fragments that matrix units multiply, as WGSL names them.

use super::Constants;
use crate::data::Dtype;

/// The WGSL types of square fragments that a subgroup multiplies, with sums in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragments {
    /// Rows and columns of each fragment.
    pub side: u32,
    /// Type of a fragment of A.
    pub a: &'static str,
    /// Type of a fragment of B.
    pub b: &'static str,
    /// Type of a fragment of sums.
    pub sums: &'static str,
}

impl Fragments {
    /// Fragments of `side` x `side` elements of `dtype`. WGSL has sides of 16 and of 8.
    #[must_use]
    pub const fn of(side: u32, dtype: Dtype) -> Self {
        let (a, b, sums) = match (side, dtype) {
            (16, Dtype::F16) => (
                "coop_mat16x16<f16, A>",
                "coop_mat16x16<f16, B>",
                "coop_mat16x16<f32, C>",
            ),
            (16, _) => (
                "coop_mat16x16<f32, A>",
                "coop_mat16x16<f32, B>",
                "coop_mat16x16<f32, C>",
            ),
            (_, Dtype::F16) => (
                "coop_mat8x8<f16, A>",
                "coop_mat8x8<f16, B>",
                "coop_mat8x8<f32, C>",
            ),
            _ => (
                "coop_mat8x8<f32, A>",
                "coop_mat8x8<f32, B>",
                "coop_mat8x8<f32, C>",
            ),
        };
        Self { side, a, b, sums }
    }

    /// The constants by which every file of matrix units knows its fragments.
    #[must_use]
    pub fn constants(self) -> Constants {
        Constants::new()
            .set("FragmentA", self.a)
            .set("FragmentB", self.b)
            .set("Sums", self.sums)
            .set("FRAGMENT", self.side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_side_and_element() {
        for side in [8, 16] {
            for dtype in [Dtype::F32, Dtype::F16] {
                let found = Fragments::of(side, dtype);
                let name =
                    |element: &str, role| format!("coop_mat{side}x{side}<{element}, {role}>");
                assert_eq!(found.a, name(dtype.name(), 'A'));
                assert_eq!(found.b, name(dtype.name(), 'B'));
                assert_eq!(found.sums, name("f32", 'C'));
            }
        }
    }
}
