//! Tensors packed here as AWQ and GPTQ define it, and what is refused.

use super::*;
use crate::weights::samples::Random;

/// A layer of `k` inputs and `n` outputs.
struct Layer {
    n: usize,
    k: usize,
    /// `[k, n]`, each below 16.
    quants: Vec<u32>,
    /// `[k / 128, n]`, from 1 to 15, so that both kinds of file can hold them.
    zeros: Vec<u32>,
    /// `[k / 128, n]`.
    scales: Vec<f16>,
}

impl Layer {
    fn random(n: usize, k: usize) -> Self {
        let mut random = Random(8);
        let groups = k / 128 * n;
        Self {
            n,
            k,
            quants: (0..k * n).map(|_| random.bits() % 16).collect(),
            zeros: (0..groups).map(|_| 1 + random.bits() % 15).collect(),
            scales: (0..groups).map(|_| random.scale()).collect(),
        }
    }

    /// Words of eight neighbouring columns: nibble `i` has column `order[i]`.
    fn columns(values: &[u32], order: [usize; 8]) -> Vec<u32> {
        let word = |eight: &[u32]| (0..8).fold(0, |word, i| word | eight[order[i]] << (4 * i));
        values.chunks_exact(8).map(word).collect()
    }

    /// Words of eight rows, the first lowest.
    fn rows(&self) -> Vec<u32> {
        let at = |row: usize, column: usize| self.quants[row * self.n + column];
        let word = |row: usize, column| {
            (0..8).fold(0, |word, i| word | at(8 * row + i, column) << (4 * i))
        };
        let places = (0..self.k / 8).flat_map(|row| (0..self.n).map(move |column| (row, column)));
        places.map(|(row, column)| word(row, column)).collect()
    }

    fn zeros_less(&self, less: u32) -> Vec<u32> {
        let zeros: Vec<u32> = self.zeros.iter().map(|zero| zero - less).collect();
        Self::columns(&zeros, PLAIN)
    }

    fn awq(&self) -> Result<WeightMatrix> {
        let (quants, zeros) = (
            Self::columns(&self.quants, AWQ),
            Self::columns(&self.zeros, AWQ),
        );
        WeightMatrix::from_awq(self.n as u64, self.k as u64, &quants, &zeros, &self.scales)
    }

    fn gptq(
        &self,
        zeros: &[u32],
        group_of: Option<&[u32]>,
        kind: GptqZeros,
    ) -> Result<WeightMatrix> {
        let (n, k) = (self.n as u64, self.k as u64);
        WeightMatrix::from_gptq(n, k, &self.rows(), zeros, &self.scales, group_of, kind)
    }

    /// Values `[n, k]` by the formula.
    fn values(&self) -> Vec<f32> {
        let places = (0..self.n).flat_map(|column| (0..self.k).map(move |row| (row, column)));
        let value = |(row, column): (usize, usize)| {
            let (group, quant) = (
                row / 128 * self.n + column,
                self.quants[row * self.n + column],
            );
            (quant as f32 - self.zeros[group] as f32) * self.scales[group].to_f32()
        };
        places.map(value).collect()
    }
}

const AWQ: [usize; 8] = [0, 2, 4, 6, 1, 3, 5, 7];
const PLAIN: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn values_are_those_of_the_formula() {
    for (n, k) in [(8, 128), (24, 384), (40, 256)] {
        let layer = Layer::random(n, k);
        let awq = layer.awq().unwrap();
        assert_eq!(bits(&awq.to_f32()), bits(&layer.values()), "{n}x{k}");
        let in_order: Vec<u32> = (0..k as u32).map(|index| index / 128).collect();
        for (less, kind) in [(1, GptqZeros::MinusOne), (0, GptqZeros::AsIs)] {
            for group_of in [None, Some(&in_order[..])] {
                let gptq = layer.gptq(&layer.zeros_less(less), group_of, kind);
                assert_eq!(gptq.unwrap(), awq, "{n}x{k} {kind:?}");
            }
        }
    }
}

#[test]
fn a_stored_fifteen_less_one_is_sixteen() {
    let (quants, scales) = (vec![0; 128], vec![f16::ONE; 8]);
    let of = |kind| WeightMatrix::from_gptq(8, 128, &quants, &[u32::MAX], &scales, None, kind);
    assert_eq!(of(GptqZeros::MinusOne).unwrap().to_f32(), [-16.0; 1024]);
    assert_eq!(of(GptqZeros::AsIs).unwrap().to_f32(), [-15.0; 1024]);
}

#[test]
fn groups_out_of_order_are_refused_with_the_first() {
    let layer = Layer::random(8, 256);
    let zeros = layer.zeros_less(0);
    let mut group_of: Vec<u32> = (0..256).map(|index| index / 128).collect();
    group_of[130] = 0;
    group_of[140] = 7;
    let found = layer.gptq(&zeros, Some(&group_of), GptqZeros::AsIs);
    assert_eq!(
        found.unwrap_err().to_string(),
        "GPTQ with act-order (`desc_act`) is not supported here: `group_of` is 0 at index 130, where groups in order have 1; \
         quantise without act-order, or sort the rows of B and the columns of A by group"
    );
    for group_of in [&group_of[..255], &[]] {
        let found = layer.gptq(&zeros, Some(group_of), GptqZeros::AsIs);
        assert!(matches!(found, Err(Error::Length { needed: 256, .. })));
    }
}

#[test]
fn other_lengths_and_sizes_are_refused() {
    let (words, zeros, scales) = (vec![0; 512], vec![0; 4], vec![f16::ONE; 32]);
    let read = |n, k, words: &[u32], zeros: &[u32], scales: &[f16]| {
        let awq = WeightMatrix::from_awq(n, k, words, zeros, scales);
        let gptq = WeightMatrix::from_gptq(n, k, words, zeros, scales, None, GptqZeros::AsIs);
        assert_eq!(awq.as_ref().err(), gptq.as_ref().err());
        awq
    };
    assert!(read(16, 256, &words, &zeros, &scales).is_ok());
    for found in [
        read(16, 256, &words[1..], &zeros, &scales),
        read(16, 256, &[&words[..], &[0]].concat(), &zeros, &scales),
        read(16, 256, &words, &zeros[1..], &scales),
        read(16, 256, &words, &[&zeros[..], &[0]].concat(), &scales),
        read(16, 256, &words, &zeros, &scales[1..]),
        read(
            16,
            256,
            &words,
            &zeros,
            &[&scales[..], &[f16::ONE]].concat(),
        ),
        read(1 << 40, 256, &words, &zeros, &scales),
        read(16, 1 << 40, &words, &zeros, &scales),
    ] {
        assert!(matches!(found, Err(Error::Length { .. })), "{found:?}");
    }
    for (n, k) in [
        (0, 256),
        (16, 0),
        (16, 255),
        (16, 64),
        (12, 256),
        (u64::MAX - 7, 256),
        (8, u64::MAX << 7),
    ] {
        let found = read(n, k, &words, &zeros, &scales);
        assert!(
            matches!(found, Err(Error::Shape { .. })),
            "{n} {k} {found:?}"
        );
    }
}

#[test]
fn scales_that_are_not_finite_or_too_large_are_refused() {
    let mut layer = Layer::random(16, 256);
    for bad in [f16::NAN, f16::INFINITY, f16::NEG_INFINITY] {
        layer.scales[19] = bad;
        for found in [
            layer.awq(),
            layer.gptq(&layer.zeros_less(1), None, GptqZeros::MinusOne),
        ] {
            assert!(
                matches!(found, Err(Error::NonFinite { index: 19, .. })),
                "{found:?}"
            );
        }
    }
    layer.scales[19] = f16::MAX;
    let message = layer.awq().unwrap_err().to_string();
    assert!(
        message.starts_with("matmul: row 3, block 1 of int4: a weight can reach "),
        "{message}"
    );
}

/// Words of a fixture from its beginning, and the bytes behind them.
fn words_of(bytes: &[u8], count: usize) -> (Vec<u32>, &[u8]) {
    let (words, rest) = bytes.split_at(4 * count);
    let words = words.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b));
    (words.collect(), rest)
}

/// Files of `scripts/peers/int4_fixtures.py`: a layer of random words, then the values `[k, n]` of `AutoAWQ` and `AutoGPTQ`.
#[test]
fn values_are_those_of_the_packages() {
    let (n, k) = (16, 256);
    let read = |file: &[u8]| {
        let (qweight, rest) = words_of(file, n * k / 8);
        let (qzeros, rest) = words_of(rest, k / 128 * n / 8);
        let (scales, values) = rest.split_at(2 * (k / 128 * n));
        let scales = scales.as_chunks().0.iter();
        let scales: Vec<f16> = scales.map(|b| f16::from_le_bytes(*b)).collect();
        let values = values.as_chunks().0.iter();
        let values: Vec<f32> = values.map(|b| f32::from_le_bytes(*b)).collect();
        assert_eq!(values.len(), n * k);
        (qweight, qzeros, scales, values)
    };
    let equal = |matrix: &WeightMatrix, values: &[f32]| {
        for (index, found) in matrix.to_f32().into_iter().enumerate() {
            let (column, row) = (index / k, index % k);
            // A zero has no sign.
            let [found, expected] = [found, values[row * n + column]].map(|v| (v + 0.0).to_bits());
            assert_eq!(found, expected, "row {row}, column {column}");
        }
    };
    let awq = include_bytes!("../../../tests/fixtures/int4/awq.bin");
    let (qweight, qzeros, scales, values) = read(awq);
    let matrix = WeightMatrix::from_awq(n as u64, k as u64, &qweight, &qzeros, &scales).unwrap();
    equal(&matrix, &values);

    // Zero points of 16 are among them, which the file stores as 15.
    let gptq = include_bytes!("../../../tests/fixtures/int4/gptq.bin");
    let (qweight, qzeros, scales, values) = read(gptq);
    let in_order: Vec<u32> = (0..k as u32).map(|row| row / 128).collect();
    let by = |group_of: Option<&[u32]>| {
        let zeros = GptqZeros::MinusOne;
        WeightMatrix::from_gptq(
            n as u64, k as u64, &qweight, &qzeros, &scales, group_of, zeros,
        )
    };
    let matrix = by(Some(&in_order)).unwrap();
    assert_eq!(by(None).unwrap(), matrix);
    equal(&matrix, &values);
    assert!(matrix.scales().iter().any(|word| word >> 16 == 16));
}
