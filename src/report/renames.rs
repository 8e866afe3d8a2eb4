//! Names that kernels and constants had in earlier versions: readers of runs and tunings, and the command line, still
//! accept them.

use std::sync::LazyLock;

/// Lines `kernel OLD NEW` and `constant KERNEL OLD NEW`, kernels by their new names.
const TABLE: &str = include_str!("../../tests/snapshots/renames.txt");

/// The words of each line of the table. A file of results asks for thousands of names.
fn lines() -> &'static [Vec<&'static str>] {
    static LINES: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split_whitespace().collect())
            .collect()
    });
    &LINES
}

/// The present name of the kernel `name`.
#[must_use]
pub fn kernel(name: &str) -> &str {
    let new = lines().iter().find_map(|words| match words[..] {
        ["kernel", old, new] if old == name => Some(new),
        _ => None,
    });
    new.unwrap_or(name)
}

/// The present name of the constant `name` of `kernel`, a present name.
#[must_use]
pub fn constant<'a>(kernel: &str, name: &'a str) -> &'a str {
    let new = lines().iter().find_map(|words| match words[..] {
        ["constant", of, old, new] if of == kernel && old == name => Some(new),
        _ => None,
    });
    new.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::FAMILIES;

    #[test]
    fn old_names_lead_to_present_ones() {
        let kernels: Vec<_> = FAMILIES.iter().flat_map(|family| family.kernels).collect();
        let known = |name: &str| kernels.iter().find(|kernel| kernel.name == name);
        let mut count = 0;
        for words in lines() {
            match words[..] {
                ["kernel", old, new] => {
                    assert!(known(old).is_none() && known(new).is_some(), "{words:?}");
                    assert_eq!(kernel(old), new);
                }
                ["constant", of, old, new] => {
                    let of_kernel = known(of).unwrap();
                    assert!(
                        !of_kernel.declares(old) && of_kernel.declares(new),
                        "{words:?}"
                    );
                    assert_eq!(constant(of, old), new);
                }
                _ => panic!("{words:?} is neither a kernel nor a constant"),
            }
            count += 1;
        }
        assert!(count > 2);
        assert_eq!(kernel("matmul_naive"), "matmul_naive");
        assert_eq!(constant("matmul_naive", "TILE"), "TILE");
    }
}
