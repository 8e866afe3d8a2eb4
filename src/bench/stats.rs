//! Whether samples agree, and whether their noise has settled. Pure: numbers in, a truth value out.

use crate::report::Summary;

/// Whether the values agree within `tolerance` of the smallest: 0.03 is three per cent. One value agrees with itself.
pub(crate) fn agree(values: &[f64], tolerance: f64) -> bool {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max - min <= tolerance * min
}

/// Whether the noise of a series has stopped changing, so that more samples would only repeat it.
///
/// The earlier and the later half of the samples must have like spreads (neither more than half as wide again as the
/// other) and like medians (apart by no more than a quarter of the whole spread). Differences below `tolerance` of
/// the median do not count. A drift moves the medians apart, a burst makes the spreads differ.
pub(crate) fn noise_is_stable(samples: &[f64], tolerance: f64) -> bool {
    let (early, late) = samples.split_at(samples.len() / 2);
    let (Some(early), Some(late), Some(all)) = (
        Summary::new(early),
        Summary::new(late),
        Summary::new(samples),
    ) else {
        return false;
    };
    let negligible = tolerance * all.median;
    let spread = |half: &Summary| half.q3 - half.q1;
    let (narrow, wide) = (
        spread(&early).min(spread(&late)),
        spread(&early).max(spread(&late)),
    );
    let spreads_agree = wide <= (1.5 * narrow).max(negligible);
    let medians_agree = (early.median - late.median).abs() <= (0.25 * spread(&all)).max(negligible);
    spreads_agree && medians_agree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_relative_to_the_smallest() {
        assert!(agree(&[1.0, 1.029, 1.01], 0.03));
        assert!(!agree(&[1.0, 1.031, 1.01], 0.03));
    }

    #[test]
    fn stationary_noise_is_stable_and_a_drift_is_not() {
        let wave = |i: usize| f64::from(u32::try_from(i * 7 % 10).unwrap());
        let stationary: Vec<f64> = (0..40).map(|i| 100.0 + wave(i)).collect();
        let drift: Vec<f64> = (0..40).map(|i| 100.0 + wave(i) + i as f64).collect();
        let burst: Vec<f64> = (0..40)
            .map(|i| 100.0 + wave(i) * if i < 20 { 1.0 } else { 5.0 })
            .collect();
        assert!(noise_is_stable(&stationary, 0.01));
        assert!(!noise_is_stable(&drift, 0.01));
        assert!(!noise_is_stable(&burst, 0.01));
        assert!(!noise_is_stable(&[1.0], 0.01));
    }
}
