//! Bytes as weights of any format: an error, or a matrix of finite values whose blocks and words come back as they were.

#![no_main]

use half::f16;
use libfuzzer_sys::fuzz_target;
use ridgepoint::weights::{GptqZeros, WeightMatrix, Weights};

/// Bytes cut or repeated to the length that a small matrix needs; every other length is refused.
fn fitted(bytes: &[u8], needed: u64) -> Vec<u8> {
    let repeated = bytes.iter().copied().cycle().take(needed as usize);
    let mut fitted: Vec<u8> = repeated.collect();
    fitted.resize(needed as usize, 0);
    fitted
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.as_chunks().0.iter();
    words.map(|word| u32::from_le_bytes(*word)).collect()
}

fn halves(bytes: &[u8]) -> Vec<f16> {
    let halves = bytes.as_chunks().0.iter();
    halves.map(|half| f16::from_le_bytes(*half)).collect()
}

/// Holds a matrix to what its constructors promise.
fn check(matrix: &WeightMatrix) {
    let (weights, n, k) = (matrix.weights(), matrix.n(), matrix.k());
    let values = matrix.to_f32();
    assert_eq!(values.len() as u64, n * k);
    assert!(values.iter().all(|value| value.abs() <= 65504.0));
    let (quants, scales) = (matrix.quants().to_vec(), matrix.scales().to_vec());
    let again = WeightMatrix::from_words(weights, n, k, quants, scales);
    assert_eq!(again.as_ref(), Ok(matrix));
    match matrix.to_gguf() {
        Ok(blocks) => assert_eq!(
            WeightMatrix::from_gguf(weights, n, k, &blocks).as_ref(),
            Ok(matrix)
        ),
        Err(_) => assert!(matches!(weights, Weights::Int4 | Weights::Int8)),
    }
}

fuzz_target!(|input: (u8, bool, u64, u64, &[u8])| {
    let (format, is_small, n, k, bytes) = input;
    let formats = [&Weights::QUANTIZED[..], &[Weights::Float]].concat();
    let weights = formats[usize::from(format) % formats.len()];
    let (n, k) = if is_small {
        (n % 17, k % 4 * weights.block())
    } else {
        (n, k)
    };
    // Bytes from quarter `part` of the input on. A small matrix gets as many as it needs.
    let part = |part: usize, needed: u64| {
        let bytes = &bytes[bytes.len() / 4 * part..];
        if is_small {
            fitted(bytes, needed)
        } else {
            bytes.to_vec()
        }
    };

    let block = match weights {
        Weights::Q4_0 => 18,
        Weights::Q4_1 => 20,
        Weights::Q8_0 => 34,
        Weights::Q4K => 144,
        _ => 210,
    };
    let blocks = part(
        0,
        n.saturating_mul(k / weights.block()).saturating_mul(block),
    );
    if let Ok(matrix) = WeightMatrix::from_gguf(weights, n, k, &blocks) {
        assert_eq!(matrix.to_gguf(), Ok(blocks));
        check(&matrix);
    }

    let quants = words(&part(
        0,
        n.saturating_mul(weights.quant_words(k)).saturating_mul(4),
    ));
    let scales = words(&part(
        3,
        n.saturating_mul(weights.scale_words(k)).saturating_mul(4),
    ));
    if let Ok(matrix) = WeightMatrix::from_words(weights, n, k, quants, scales) {
        check(&matrix);
    }

    let values: Vec<i8> = part(0, n.saturating_mul(k))
        .into_iter()
        .map(u8::cast_signed)
        .collect();
    let scales: Vec<f32> = words(&part(3, n.saturating_mul(4)))
        .into_iter()
        .map(f32::from_bits)
        .collect();
    if let Ok(matrix) = WeightMatrix::from_int8(n, k, &values, &scales) {
        check(&matrix);
    }

    let (columns, groups) = (n / 8, k / 128);
    let qweight = words(&part(0, columns.saturating_mul(k).saturating_mul(4)));
    let qzeros = words(&part(2, columns.saturating_mul(groups).saturating_mul(4)));
    let scales = halves(&part(3, n.saturating_mul(groups).saturating_mul(2)));
    if let Ok(matrix) = WeightMatrix::from_awq(n, k, &qweight, &qzeros, &scales) {
        check(&matrix);
    }
    let in_order: Vec<u32> = (0..k.min(1024)).map(|index| (index / 128) as u32).collect();
    let any_order = words(bytes);
    for group_of in [None, Some(&in_order[..]), Some(&any_order[..])] {
        for zeros in [GptqZeros::MinusOne, GptqZeros::AsIs] {
            let found = WeightMatrix::from_gptq(n, k, &qweight, &qzeros, &scales, group_of, zeros);
            if let Ok(matrix) = found {
                check(&matrix);
            }
        }
    }
});
