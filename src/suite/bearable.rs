//! Shapes that an adapter can bear: what is too much work is left out or made smaller, always with the reason.

use crate::ops::Operation;
use crate::report::AdapterKind;
use std::sync::Arc;

/// Treatment of shapes that are too much for an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burden {
    /// On a software adapter all shapes of the workload are halved equally often, so that they keep their order and their
    /// ratios. Elsewhere a shape that is too much is left out.
    Halved,
    /// A shape that is too much is left out: half of it would answer another question.
    LeftOut,
    /// Every shape is run as it is. Suites of the user's own ask for this.
    Kept,
}

/// FLOPs of one execution that only a discrete GPU is asked for: a second at 0.6 TFLOP/s.
const MOST_FLOPS: u64 = 600_000_000_000;
/// FLOPs of one execution of a shape that a software adapter gets halved: some 10 ms on two cores.
const SOFTWARE_FLOPS: u64 = 300_000_000;
/// Bytes of one execution of such a shape.
const SOFTWARE_BYTES: u64 = 48 << 20;
/// FLOPs of one execution that a software adapter gets as it is, where half of the shape would answer another question.
const SOFTWARE_WHOLE_FLOPS: u64 = 8 * SOFTWARE_FLOPS;

/// Shapes of a workload for an adapter.
pub(super) struct Bearable {
    /// Operations to run, each with the label of the shape that it stands for where that is larger.
    pub(super) borne: Vec<(Arc<dyn Operation>, Option<String>)>,
    /// Operations that are left out.
    pub(super) beyond: Vec<Arc<dyn Operation>>,
}

impl Burden {
    /// The kind of adapter in words, as it stands behind "too much work for".
    pub(super) fn adapter(kind: AdapterKind) -> &'static str {
        match kind {
            AdapterKind::Software | AdapterKind::Noop => "a software adapter",
            AdapterKind::Integrated => "an integrated GPU",
            _ => "an adapter that is no discrete GPU",
        }
    }

    pub(super) fn bearable(self, operations: &[Arc<dyn Operation>], kind: AdapterKind) -> Bearable {
        let is_software = matches!(kind, AdapterKind::Software | AdapterKind::Noop);
        let most = match (self, kind) {
            (Self::Kept, _) | (_, AdapterKind::Discrete) => u64::MAX,
            (Self::LeftOut, _) if is_software => SOFTWARE_WHOLE_FLOPS,
            _ => MOST_FLOPS,
        };
        let all = operations.iter().cloned();
        let (kept, beyond): (Vec<_>, Vec<_>) = all.partition(|operation| operation.flops() <= most);
        let borne = if is_software && self == Self::Halved {
            halved(&kept)
        } else {
            kept.into_iter()
                .map(|operation| (operation, None))
                .collect()
        };
        Bearable { borne, beyond }
    }
}

/// Halves `operations` equally often, until the largest is small enough for a software adapter. An operation that cannot be
/// halved so often stays at its smallest.
fn halved(operations: &[Arc<dyn Operation>]) -> Vec<(Arc<dyn Operation>, Option<String>)> {
    let small: Vec<_> = operations.iter().map(halvings).collect();
    let most = small.iter().copied().max().unwrap_or(0);
    let reduced = |operation: &Arc<dyn Operation>| {
        let mut small = Arc::clone(operation);
        for _ in 0..most {
            match small.halved() {
                Some(half) => small = half.into(),
                None => break,
            }
        }
        let from = operation.label();
        let from = (small.label() != from).then_some(from);
        (small, from)
    };
    operations.iter().map(reduced).collect()
}

/// How often `operation` has to be halved.
fn halvings(operation: &Arc<dyn Operation>) -> u32 {
    let mut small = Arc::clone(operation);
    let mut count = 0;
    while small.flops() > SOFTWARE_FLOPS || small.min_bytes() > SOFTWARE_BYTES {
        match small.halved() {
            Some(half) => small = half.into(),
            None => break,
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Matmul;

    fn squares(sizes: &[u64]) -> Vec<Arc<dyn Operation>> {
        let square = |n: &u64| Arc::new(Matmul::new(*n, *n, *n)) as Arc<dyn Operation>;
        sizes.iter().map(square).collect()
    }

    fn labels(bearable: &Bearable) -> Vec<String> {
        bearable.borne.iter().map(|(o, _)| o.label()).collect()
    }

    #[test]
    fn a_discrete_gpu_gets_everything_and_others_what_they_bear() {
        let all = squares(&[1024, 4096, 8192]);
        let of = |burden: Burden, kind| burden.bearable(&all, kind);
        assert_eq!(of(Burden::Halved, AdapterKind::Discrete).borne.len(), 3);
        let integrated = of(Burden::Halved, AdapterKind::Integrated);
        assert_eq!(integrated.borne.len(), 2);
        assert_eq!(integrated.beyond[0].label(), "8192x8192x8192");
        let software = of(Burden::Halved, AdapterKind::Software);
        assert_eq!(labels(&software), ["128x128x128", "512x512x512"]);
        assert_eq!(
            software.borne[0].1.as_deref(),
            Some("1024x1024x1024"),
            "a smaller shape names the one that it stands for"
        );
        let whole = of(Burden::LeftOut, AdapterKind::Software);
        assert_eq!(labels(&whole), ["1024x1024x1024"]);
        assert_eq!(whole.beyond.len(), 2);
        let kept = of(Burden::Kept, AdapterKind::Software);
        assert_eq!((kept.borne.len(), kept.beyond.len()), (3, 0));
    }

    #[test]
    fn what_is_small_enough_stays() {
        let all = squares(&[16, 64]);
        let software = Burden::Halved.bearable(&all, AdapterKind::Software);
        assert!(software.borne.iter().all(|(_, from)| from.is_none()));
        assert_eq!(labels(&software), ["16x16x16", "64x64x64"]);
    }
}
