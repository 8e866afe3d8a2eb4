//! Words and integers as matrices, and what is refused.

use super::*;
use crate::error::Error;
use crate::weights::samples::{GGUF, Random};
use half::f16;

/// A matrix of any format with random quants.
fn random_matrix(weights: Weights, n: u64, k: u64, random: &mut Random) -> WeightMatrix {
    if let Some((_, size, halves)) = GGUF.into_iter().find(|(w, ..)| *w == weights) {
        let bytes = random.blocks(size, halves, n * k / weights.block());
        return WeightMatrix::from_gguf(weights, n, k, &bytes).unwrap();
    }
    let quants = random.words(n * weights.quant_words(k));
    let scales = (0..n * weights.scale_words(k)).map(|_| {
        let scale = random.scale();
        if weights == Weights::Int8 {
            (scale.to_f32() / 3.0).to_bits()
        } else {
            u32::from(scale.to_bits()) | (random.bits() % 17) << 16
        }
    });
    let scales = scales.collect();
    WeightMatrix::from_words(weights, n, k, quants, scales).unwrap()
}

/// Result of words in which one was replaced.
fn with(matrix: &WeightMatrix, at: usize, scale: u32) -> Result<WeightMatrix> {
    let (quants, mut scales) = (matrix.quants().to_vec(), matrix.scales().to_vec());
    scales[at] = scale;
    WeightMatrix::from_words(matrix.weights(), matrix.n(), matrix.k(), quants, scales)
}

#[test]
fn words_of_a_matrix_make_an_equal_one() {
    let mut random = Random(5);
    for weights in Weights::QUANTIZED {
        for (n, k) in [(1, weights.block()), (3, 3 * weights.block())] {
            let matrix = random_matrix(weights, n, k, &mut random);
            assert_eq!((matrix.weights(), matrix.n(), matrix.k()), (weights, n, k));
            let (quants, scales) = (matrix.quants().to_vec(), matrix.scales().to_vec());
            let again = WeightMatrix::from_words(weights, n, k, quants, scales).unwrap();
            assert_eq!(again, matrix);
            let values = matrix.to_f32();
            assert_eq!(values.len() as u64, n * k);
            assert!(values.iter().all(|v| v.abs() <= f16::MAX.to_f32()));
        }
    }
}

#[test]
fn integers_are_multiplied_by_the_scale_of_their_row() {
    let values: Vec<i8> = (0..96_u8)
        .map(|i| i.wrapping_mul(77).cast_signed())
        .collect();
    let scales = [0.1, -3.0e-7, 511.0];
    let matrix = WeightMatrix::from_int8(3, 32, &values, &scales).unwrap();
    let expected = values.iter().enumerate();
    let expected: Vec<f32> = expected
        .map(|(i, &q)| f32::from(q) * scales[i / 32])
        .collect();
    assert_eq!(matrix.to_f32(), expected);
}

#[test]
fn integers_of_other_lengths_or_without_finite_scales_are_refused() {
    let of = |n, k, values: usize, scales: &[f32]| {
        WeightMatrix::from_int8(n, k, &vec![1; values], scales).unwrap_err()
    };
    for (values, scales) in [(63, 2), (65, 2), (0, 2), (64, 1), (64, 3)] {
        let error = of(2, 32, values, &vec![1.0; scales]);
        assert!(matches!(error, Error::Length { .. }), "{error}");
    }
    for (n, k) in [
        (2, 31),
        (2, 0),
        (0, 32),
        (u64::MAX, 32),
        (1 << 58, 32),
        (2, u64::MAX - 31),
    ] {
        assert!(
            matches!(of(n, k, 64, &[1.0; 2]), Error::Shape { .. }),
            "{n} {k}"
        );
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = of(2, 32, 64, &[1.0, bad]);
        assert!(
            matches!(error, Error::NonFinite { index: 1, .. }),
            "{error}"
        );
    }
    assert_eq!(
        of(2, 32, 64, &[1.0, 512.0]).to_string(),
        "matmul: row 1, block 0 of int8: a weight can reach 65536, and kernels round weights to f16, whose largest is 65504; \
         make the scales smaller, and alpha larger by the same factor"
    );
}

#[test]
fn words_of_other_lengths_are_refused() {
    for weights in Weights::QUANTIZED {
        let matrix = random_matrix(weights, 2, weights.block(), &mut Random(6));
        let (quants, scales) = (matrix.quants(), matrix.scales());
        let of = |n, quants: &[u32], scales: &[u32]| {
            WeightMatrix::from_words(weights, n, matrix.k(), quants.to_vec(), scales.to_vec())
        };
        for found in [
            of(2, &quants[1..], scales),
            of(2, &[quants, &[0]].concat(), scales),
            of(2, quants, &scales[1..]),
            of(2, quants, &[scales, &[0]].concat()),
            of(3, quants, scales),
            of(1 << 40, quants, scales),
        ] {
            assert!(matches!(found, Err(Error::Length { .. })), "{weights:?}");
        }
        let found = of(u64::MAX, quants, scales);
        assert!(matches!(found, Err(Error::Shape { .. })), "{weights:?}");
    }
    let found = WeightMatrix::from_words(Weights::Float, 1, 32, vec![], vec![]);
    assert!(matches!(found, Err(Error::Unsupported { .. })));
}

#[test]
fn scales_without_a_meaning_are_refused() {
    let mut random = Random(7);
    let mut refused = |weights: Weights, blocks, at, scale| {
        let matrix = random_matrix(weights, 2, blocks * weights.block(), &mut random);
        with(&matrix, at, scale).unwrap_err().to_string()
    };
    assert_eq!(
        refused(Weights::Int4, 2, 3, 0x11_3c00),
        "matmul: row 1, block 1 of int4: the zero point is 17, and the largest is 16"
    );
    for weights in [Weights::Q4_0, Weights::Q8_0] {
        assert_eq!(
            refused(weights, 3, 3, 0x1_3c00),
            format!(
                "matmul: row 1, block 2 of {}: the half of padding is 0x0001; it has to be 0",
                weights.name()
            )
        );
    }
    assert_eq!(
        refused(Weights::Q6K, 1, 0, 0x8000_3c00),
        "matmul: row 0, block 0 of q6_k: the half of padding is 0x8000; it has to be 0"
    );
    for scale in [0x40, 0x4000, 0xff00_0000] {
        let message = refused(Weights::Q4K, 2, 8, scale);
        assert!(message.contains("row 0, block 1 of q4_k"), "{message}");
        assert!(message.ends_with("six bits hold up to 63"), "{message}");
    }
}

#[test]
fn bounds_of_f16_are_those_of_the_largest_quant() {
    let half = |value: f32| u32::from(f16::from_f32(value).to_bits());
    // Zero points of 16 and 0 make the largest difference 16 and 15.
    for (weights, fits, exceeds) in [
        (Weights::Q4_0, half(-8188.0), half(-8192.0)),
        (Weights::Q8_0, half(511.75), half(-512.0)),
        (
            Weights::Q4_1,
            half(1000.0) | half(50_496.0) << 16,
            half(1000.0) | half(-50_528.0) << 16,
        ),
        (
            Weights::Int4,
            half(4094.0) | 16 << 16,
            half(4096.0) | 16 << 16,
        ),
        (Weights::Int4, half(4364.0), half(4368.0)),
        (Weights::Int8, 511.75_f32.to_bits(), 511.76_f32.to_bits()),
    ] {
        let k = weights.block();
        let quants = vec![0; weights.quant_words(k) as usize];
        let of = |scale| WeightMatrix::from_words(weights, 1, k, quants.clone(), vec![scale]);
        assert!(of(fits).is_ok(), "{weights:?} {fits:#x}");
        assert!(
            matches!(of(exceeds), Err(Error::Shape { .. })),
            "{weights:?} {exceeds:#x}"
        );
    }
}
