//! Gain that is possible at most: a time beside the time that the ceilings allow. Pure.

use crate::ops::Operation;
use crate::roofline::{Roofline, Work};

/// Share of the roof at which a time is near it, so that a search ends.
const NEAR: f64 = 0.95;
/// Bytes of operands that no cache holds, 256 MiB: memory is a roof only for operands of that size.
const BEYOND_CACHES: u64 = 256 << 20;
/// The largest gain that is expected, as a factor: what is further from its roof lacks a better kernel, not other constants.
const MOST: f64 = 4.0;
/// Gain that is assumed where no roof is known, as a factor. Operands that a cache holds, and launches that are short, are where
/// the sizes of workgroups decide most, and where the least is known about them.
const ASSUMED: f64 = 1.5;

/// Seconds that the ceilings allow, by arithmetic and by memory.
fn least(roofline: &Roofline, operation: &dyn Operation) -> Option<(f64, f64)> {
    let roof = roofline.limit(&Work::of(operation))?.roof();
    Some((
        operation.flops() as f64 / roof.compute.flops_per_second(),
        operation.min_bytes() as f64 / roof.memory.bytes_per_second(),
    ))
}

/// Whether `seconds` are so near to the roof that next to nothing can be gained.
pub(super) fn is_near(
    roofline: Option<&Roofline>,
    operation: &dyn Operation,
    seconds: f64,
) -> bool {
    let allowed = roofline.and_then(|roofline| least(roofline, operation));
    allowed.is_some_and(|(arithmetic, memory)| {
        let is_beyond = operation.min_bytes() >= BEYOND_CACHES;
        let roof = if is_beyond {
            arithmetic.max(memory)
        } else {
            arithmetic
        };
        roof >= NEAR * seconds
    })
}

/// Gain to expect for a default that takes `seconds`: the logarithm of the time over the time at the roof, within bounds.
pub(super) fn expected_gain(
    roofline: Option<&Roofline>,
    operation: &dyn Operation,
    seconds: f64,
) -> f64 {
    let Some((arithmetic, memory)) = roofline.and_then(|r| least(r, operation)) else {
        return ASSUMED.ln();
    };
    let above = seconds / arithmetic.max(memory);
    let is_known = arithmetic >= memory || operation.min_bytes() >= BEYOND_CACHES;
    let factor = if is_known { above } else { above.max(ASSUMED) };
    factor.clamp(1.0, MOST).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Matmul, Softmax};

    #[test]
    fn what_is_far_below_its_roof_has_most_to_gain() {
        let sheet = Roofline::from_sheet("a data sheet", &[("f32", 10e12)], 1e12);
        let gain =
            |operation: &dyn Operation, seconds| expected_gain(Some(&sheet), operation, seconds);
        let matmul = Matmul::new(4096, 4096, 4096);
        let at_roof = matmul.flops() as f64 / 10e12;
        assert!(gain(&matmul, 0.9 * at_roof).abs() < 1e-12);
        assert!((gain(&matmul, 2.0 * at_roof) - 2f64.ln()).abs() < 1e-9);
        assert!((gain(&matmul, 1000.0 * at_roof) - MOST.ln()).abs() < 1e-9);
        assert!(is_near(Some(&sheet), &matmul, at_roof / 0.96));
        assert!(!is_near(Some(&sheet), &matmul, at_roof / 0.94));
        // Operands beyond caches: memory is the roof.
        let large = Softmax::new(65_536, 1024);
        let at_roof = large.min_bytes() as f64 / 1e12;
        assert!((gain(&large, 1.1 * at_roof) - 1.1f64.ln()).abs() < 1e-9);
        assert!(is_near(Some(&sheet), &large, at_roof));
        // Operands that a cache may hold: nothing is known, but what is slower than memory can be as fast as that.
        let small = Softmax::new(1024, 1024);
        let at_roof = small.min_bytes() as f64 / 1e12;
        assert!((gain(&small, 0.5 * at_roof) - ASSUMED.ln()).abs() < 1e-9);
        assert!((gain(&small, 3.0 * at_roof) - 3f64.ln()).abs() < 1e-9);
        assert!(!is_near(Some(&sheet), &small, at_roof));
        // Without ceilings nothing is known of any.
        assert!((expected_gain(None, &matmul, 1.0) - ASSUMED.ln()).abs() < 1e-12);
        assert!(!is_near(None, &matmul, 1e-12));
    }
}
