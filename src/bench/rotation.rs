//! Rotation: sets of operands that are used in turn, so that no cache holds a set when its turn comes again.

use crate::ops::Operation;
use crate::report::AdapterKind;

/// Bytes that a rotated measurement goes through before a set returns: four times the largest last cache of a GPU (AMD's
/// MI300X: 256 MB).
const ROTATED_BYTES: u64 = 1 << 30;
/// Bytes on a software adapter, whose memory is slow and whose figures say nothing of a GPU.
const ROTATED_BYTES_SOFTWARE: u64 = 64 << 20;
/// Sets at most. Each set is a binding of every dispatch, and small operands are bound by other things than memory.
const MOST_SETS: u64 = 4096;

/// Sets of operands that a rotated measurement of `operation` needs on an adapter of a kind, 1 at least. A set counts as
/// [`Operation::min_bytes`].
#[must_use]
pub fn operand_sets(operation: &dyn Operation, kind: AdapterKind) -> u32 {
    let bytes = match kind {
        AdapterKind::Software | AdapterKind::Noop => ROTATED_BYTES_SOFTWARE,
        _ => ROTATED_BYTES,
    };
    let sets = bytes.div_ceil(operation.min_bytes().max(1));
    sets.clamp(1, MOST_SETS) as u32
}

/// Turns of several sets: each repeat takes the next set, and the next sample goes on where the last one ended.
#[derive(Debug)]
pub(super) struct Turns {
    sets: usize,
    next: usize,
}

impl Turns {
    /// Turns of `sets` sets, which begin with the first.
    pub(super) const fn of(sets: usize) -> Self {
        Self { sets, next: 0 }
    }

    /// Places of the sets of the next `repeats` repeats; none without a set.
    pub(super) fn take(&mut self, repeats: u32) -> impl Iterator<Item = usize> + use<> {
        let (sets, first) = (self.sets, self.next);
        let repeats = if sets == 0 { 0 } else { repeats as usize };
        self.next = (first + repeats).checked_rem(sets).unwrap_or(0);
        (0..repeats).map(move |repeat| (first + repeat) % sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Matmul;

    #[test]
    fn turns_go_on_between_samples() {
        let mut turns = Turns::of(3);
        let mut take = |repeats| turns.take(repeats).collect::<Vec<_>>();
        assert_eq!(take(2), [0, 1]);
        assert_eq!(take(5), [2, 0, 1, 2, 0]);
        assert_eq!(take(0), [0; 0]);
        assert_eq!(take(1), [1]);
        assert_eq!(Turns::of(1).take(3).collect::<Vec<_>>(), [0; 3]);
        assert_eq!(Turns::of(0).take(3).count(), 0);
    }

    #[test]
    fn sets_are_more_than_any_cache_holds() {
        let sets = |n, k, kind| {
            let matmul = Matmul::new(1, n, k);
            let sets = operand_sets(&matmul, kind);
            (sets, u64::from(sets) * matmul.min_bytes())
        };
        let (many, bytes) = sets(4096, 4096, AdapterKind::Discrete);
        assert_eq!(many, 16);
        assert!(bytes >= 4 * 256_000_000, "{bytes}");
        // One set is larger than all caches together.
        assert_eq!(sets(32768, 16384, AdapterKind::Integrated).0, 1);
        assert_eq!(sets(16, 16, AdapterKind::Discrete).0, 4096);
        assert_eq!(sets(0, 0, AdapterKind::Discrete).0, 4096);
        assert_eq!(sets(4096, 4096, AdapterKind::Software).0, 1);
        assert_eq!(sets(1024, 1024, AdapterKind::Software).0, 16);
    }
}
