//! Blocks against their formulas and against the package `gguf`, and what is refused.

use super::*;
use crate::weights::samples::{GGUF, Random};
use half::f16;

fn half(block: &[u8], at: usize) -> f64 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f64()
}

/// Value of an element as the format's formula has it. All sums are exact in f64, so that f32 rounds once.
fn formula(weights: Weights, block: &[u8], e: usize) -> f32 {
    let d = half(block, if weights == Weights::Q6K { 208 } else { 0 });
    let nibble = |bytes: &[u8]| f64::from(bytes[e % 16] >> (e / 16 * 4) & 15);
    let exact = match weights {
        Weights::Q4_0 => (nibble(&block[2..]) - 8.0) * d,
        Weights::Q4_1 => nibble(&block[4..]) * d + half(block, 2),
        Weights::Q8_0 => f64::from(block[2 + e].cast_signed()) * d,
        Weights::Q4K => {
            let (b, j) = (&block[4..16], e / 32);
            let (scale, minimum) = if j < 4 {
                (b[j] & 63, b[j + 4] & 63)
            } else {
                (
                    b[j + 4] & 15 | (b[j - 4] >> 6) << 4,
                    b[j + 4] >> 4 | (b[j] >> 6) << 4,
                )
            };
            let byte = block[16 + e / 64 * 32 + e % 32];
            let quant = if j % 2 == 0 { byte & 15 } else { byte >> 4 };
            d * f64::from(scale) * f64::from(quant) - half(block, 2) * f64::from(minimum)
        }
        Weights::Q6K => {
            let (part, within) = (e / 128, e % 128);
            let low = block[64 * part + within % 64] >> (within / 64 * 4) & 15;
            let high = block[128 + 32 * part + within % 32] >> (within / 32 * 2) & 3;
            let scale = f64::from(block[192 + e / 16].cast_signed());
            d * scale * (f64::from(low | high << 4) - 32.0)
        }
        _ => panic!("{weights:?}"),
    };
    exact as f32
}

/// Bits of values, where a zero has no sign: [`Weights::element`] adds a minimum of 0.
fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(|v| (v + 0.0).to_bits()).collect()
}

#[test]
fn values_are_those_of_the_formula_and_blocks_come_back() {
    let mut random = Random(1);
    for (weights, size, halves) in GGUF {
        for (n, blocks) in [(1, 1), (2, 3), (5, 2)] {
            let k = blocks * weights.block();
            let bytes = random.blocks(size, halves, n * blocks);
            let matrix = WeightMatrix::from_gguf(weights, n, k, &bytes).unwrap();
            assert_eq!(matrix.to_gguf().unwrap(), bytes, "{weights:?} {n}x{k}");
            let expected = bytes.chunks(size).flat_map(|block| {
                let elements = 0..weights.block() as usize;
                elements.map(move |e| formula(weights, block, e))
            });
            assert_eq!(bits(matrix.to_f32()), bits(expected), "{weights:?} {n}x{k}");
        }
    }
}

/// Files of `scripts/peers/gguf_fixtures.py`: the blocks of two rows, then the values of the package `gguf`.
#[test]
fn values_are_those_of_the_package_gguf() {
    macro_rules! fixture {
        ($name:literal) => {
            include_bytes!(concat!("../../../tests/fixtures/gguf/", $name, ".bin"))
        };
    }
    let files: [(Weights, u64, &[u8]); 5] = [
        (Weights::Q4_0, 96, fixture!("q4_0")),
        (Weights::Q4_1, 96, fixture!("q4_1")),
        (Weights::Q8_0, 96, fixture!("q8_0")),
        (Weights::Q4K, 256, fixture!("q4_k")),
        (Weights::Q6K, 256, fixture!("q6_k")),
    ];
    for (weights, k, file) in files {
        let (blocks, values) = file.split_at(file.len() - 2 * k as usize * 4);
        let matrix = WeightMatrix::from_gguf(weights, 2, k, blocks).unwrap();
        let values = values.as_chunks().0.iter().map(|v| f32::from_le_bytes(*v));
        assert_eq!(bits(matrix.to_f32()), bits(values), "{weights:?}");
        assert_eq!(matrix.to_gguf().unwrap(), blocks, "{weights:?}");
    }
}

#[test]
fn every_finite_scale_within_f16_is_taken() {
    let mut block = [0; 18];
    for bits in (0..=u16::MAX).step_by(5) {
        block[..2].copy_from_slice(&bits.to_le_bytes());
        let scale = f16::from_bits(bits).to_f64();
        let found = WeightMatrix::from_gguf(Weights::Q4_0, 1, 32, &block);
        assert_eq!(found.is_ok(), scale.abs() * 8.0 <= 65504.0, "{scale}");
        let is_non_finite = matches!(found, Err(Error::NonFinite { .. }));
        assert_eq!(is_non_finite, !scale.is_finite(), "{scale}");
    }
}

#[test]
fn other_lengths_and_sizes_are_refused() {
    for (weights, size, halves) in GGUF {
        let bytes = Random(2).blocks(size, halves, 4);
        let read = |n, k, bytes: &[u8]| WeightMatrix::from_gguf(weights, n, k, bytes);
        let (k, needed) = (2 * weights.block(), 4 * size as u64);
        assert!(read(2, k, &bytes).is_ok());
        for found in [0, 1, bytes.len() - 1] {
            let Err(Error::Length {
                needed: n,
                found: f,
                ..
            }) = read(2, k, &bytes[..found])
            else {
                panic!("{weights:?} of {found} bytes");
            };
            assert_eq!((n, f), (needed, found as u64));
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(read(2, k, &longer), Err(Error::Length { .. })));
        for (n, k) in [
            (0, k),
            (2, 0),
            (2, k + 1),
            (2, k - 16),
            (u64::MAX, k),
            (2, u64::MAX << 8),
        ] {
            assert!(
                matches!(read(n, k, &bytes), Err(Error::Shape { .. })),
                "{n} {k}"
            );
        }
        let many = read(1 << 40, k, &bytes);
        assert!(matches!(many, Err(Error::Length { .. })), "{many:?}");
    }
    let error = WeightMatrix::from_gguf(Weights::Q4_0, 2, 32, &[0; 35]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`bytes` has 35 elements, a matrix of q4_0, n = 2 and k = 32, needs 36"
    );
}

#[test]
fn formats_without_blocks_are_refused() {
    for weights in [Weights::Float, Weights::Int4, Weights::Int8] {
        let found = WeightMatrix::from_gguf(weights, 1, 128, &[]);
        assert!(matches!(found, Err(Error::Unsupported { .. })));
    }
    let int8 = WeightMatrix::from_int8(1, 32, &[0; 32], &[1.0]).unwrap();
    assert!(matches!(int8.to_gguf(), Err(Error::Unsupported { .. })));
}

#[test]
fn scales_that_are_not_finite_are_refused_with_their_block() {
    for (weights, size, halves) in GGUF {
        for &at in halves {
            for bad in [f16::NAN, f16::INFINITY, f16::NEG_INFINITY] {
                let mut bytes = Random(3).blocks(size, halves, 6);
                bytes[4 * size + at..][..2].copy_from_slice(&bad.to_le_bytes());
                let found = WeightMatrix::from_gguf(weights, 2, 3 * weights.block(), &bytes);
                let Err(Error::NonFinite { index, value, .. }) = found else {
                    panic!("{weights:?} {at} {found:?}");
                };
                assert_eq!(index, 4);
                assert_eq!(value.to_string(), bad.to_f64().to_string());
            }
        }
    }
}

#[test]
fn weights_beyond_f16_are_refused_with_their_block() {
    for (weights, size, halves) in GGUF {
        for &at in halves {
            let mut bytes = Random(4).blocks(size, halves, 6);
            let block = &mut bytes[5 * size..];
            block[at..at + 2].copy_from_slice(&f16::MAX.to_le_bytes());
            if at == 2 {
                block[..2].copy_from_slice(&f16::ONE.to_le_bytes());
            }
            let found = WeightMatrix::from_gguf(weights, 2, 3 * weights.block(), &bytes);
            let message = found.unwrap_err().to_string();
            let place = format!(
                "matmul: row 1, block 2 of {}: a weight can reach ",
                weights.name()
            );
            assert!(message.starts_with(&place), "{message}");
        }
    }
}
