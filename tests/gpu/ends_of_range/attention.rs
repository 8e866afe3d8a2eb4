//! Masks and sinks of the lowest finite number, and NaN.

use super::of_every_kernel;
use crate::common;
use ridgepoint::ops::{BiasShape, LogSumExp, Sinks};
use ridgepoint::{Attention, AttentionBackward, Dtype, Mask, Operation};

tests! {
    lowest_masks_leave_the_mean_of_what_they_hide_alike,
    the_lowest_sink_weighs_where_all_is_hidden,
    one_key_at_the_lowest_mask_has_all_of_the_gradient,
    nan_reaches_the_rows_that_see_it_and_no_other,
}

const COLUMNS: u64 = 64;
const KEYS: u64 = 71;

/// Queries of zeros, so that a bias alone makes the scores; V of a key is its number, less 3 in odd columns.
fn masked(queries: u64, dtype: Dtype) -> (Attention, Vec<Vec<f32>>) {
    let shape = Attention {
        seq_kv: KEYS,
        dtype,
        log_sum_exp: LogSumExp::Wanted,
        bias: Some(BiasShape {
            batch: 1,
            heads: 1,
            seq_q: queries,
        }),
        ..Attention::new(1, 2, queries, COLUMNS)
    };
    let v = (0..2 * KEYS * COLUMNS)
        .map(|i| (i / COLUMNS % KEYS) as f32 - (i % 2 * 3) as f32)
        .collect();
    let values = vec![
        vec![0.0; (2 * queries * COLUMNS) as usize],
        vec![1.0; (2 * KEYS * COLUMNS) as usize],
        v,
        Vec::new(),
    ];
    (shape, values)
}

/// The lowest finite number of a type, and one that is 3 / 4 of it.
fn lowest(dtype: Dtype) -> [f32; 2] {
    let lowest = if dtype == Dtype::F16 {
        -65_504.0
    } else {
        f32::MIN
    };
    let near = lowest * 0.75;
    [lowest, dtype.decode(&dtype.encode(&[near]))[0]]
}

fn lowest_masks_leave_the_mean_of_what_they_hide_alike() {
    let Some(gpu) = common::gpu() else { return };
    for (queries, dtype) in [
        (37, Dtype::F32),
        (3, Dtype::F32),
        (37, Dtype::F16),
        (3, Dtype::F16),
    ] {
        let (shape, mut values) = masked(queries, dtype);
        let [lowest, near] = lowest(dtype);
        // By the row: all alike; two a little above the rest; one alone among -inf; every second as low as possible.
        let bias = |query: u64, key: u64| match query % 4 {
            0 => lowest,
            1 => {
                if key == 5 || key == 50 {
                    near
                } else {
                    lowest
                }
            }
            2 => {
                if key == 9 {
                    lowest
                } else {
                    f32::NEG_INFINITY
                }
            }
            _ => {
                if key.is_multiple_of(2) {
                    0.0
                } else {
                    lowest
                }
            }
        };
        values[3] = (0..queries * KEYS)
            .map(|i| bias(i / KEYS, i % KEYS))
            .collect();
        of_every_kernel(gpu, &shape, &values, |name, found| {
            for row in 0..2 * queries {
                let (mean, most, count) = match row % queries % 4 {
                    0 => (35.0, lowest, 71f32),
                    1 => (27.5, near, 2.0),
                    2 => (9.0, lowest, 1.0),
                    _ => (35.0, 0.0, 36.0),
                };
                for column in 0..COLUMNS {
                    let got = found[0][(row * COLUMNS + column) as usize];
                    let want = mean - (column % 2 * 3) as f32;
                    assert!(
                        (got - want).abs() < 0.02,
                        "{name} {dtype:?} {row}: {got}, want {want}"
                    );
                }
                let (got, want) = (found[1][row as usize], most + count.ln());
                let near = (got - want).abs() <= 1e-5 * want.abs();
                assert!(near, "{name} {dtype:?} {row}: logarithm {got}, want {want}");
            }
        });
    }
}

fn the_lowest_sink_weighs_where_all_is_hidden() {
    let Some(gpu) = common::gpu() else { return };
    for queries in [3, 37] {
        let (shape, mut values) = masked(queries, Dtype::F32);
        let shape = Attention {
            sinks: Sinks::PerHead,
            ..shape
        };
        // Even rows see nothing but the sink; in odd rows every key weighs as much as the sink.
        let bias = |i: u64| {
            if (i / KEYS).is_multiple_of(2) {
                f32::NEG_INFINITY
            } else {
                f32::MIN
            }
        };
        values[3] = (0..queries * KEYS).map(bias).collect();
        values.push(vec![f32::MIN; 2]);
        of_every_kernel(gpu, &shape, &values, |name, found| {
            for row in 0..2 * queries {
                let (want, terms) = if row % queries % 2 == 0 {
                    (0.0, 1f32)
                } else {
                    (35.0 * 71.0 / 72.0, 72.0)
                };
                let got = found[0][(row * COLUMNS) as usize];
                assert!(
                    (got - want).abs() < 1e-3,
                    "{name} {row}: {got}, want {want}"
                );
                let (got, want) = (found[1][row as usize], f32::MIN + terms.ln());
                assert!(
                    (got - want).abs() <= 1e-5 * want.abs(),
                    "{name} {row}: logarithm {got}"
                );
            }
        });
    }
}

fn one_key_at_the_lowest_mask_has_all_of_the_gradient() {
    let Some(gpu) = common::gpu() else { return };
    let (forward, mut values) = masked(37, Dtype::F32);
    let bias = |i: u64| {
        if i % KEYS == i / KEYS {
            f32::MIN
        } else {
            f32::NEG_INFINITY
        }
    };
    values[3] = (0..37 * KEYS).map(bias).collect();
    // O of a row is V of its key, and the logarithm of its sum the bias.
    let rows = 2 * 37;
    let o = |i: u64| (i / COLUMNS % 37) as f32 - (i % 2 * 3) as f32;
    values.push((0..rows * COLUMNS).map(o).collect());
    values.push(vec![f32::MIN; rows as usize]);
    let d_o = |i: u64| (i % 13) as f32 / 8.0 - 0.5;
    values.push((0..rows * COLUMNS).map(d_o).collect());
    let backward = AttentionBackward { forward };
    let names: Vec<_> = backward.operands().iter().map(|o| o.name).collect();
    assert_eq!(names[..7], ["q", "k", "v", "bias", "o", "lse", "d_o"]);
    of_every_kernel(gpu, &backward, &values, |name, found| {
        assert!(
            found[0].iter().chain(&found[1]).all(|d| d.abs() < 1e-4),
            "{name}: {:?}",
            &found[0][..4]
        );
        for (i, got) in found[2].iter().enumerate() {
            let (head, key, column) = (
                i as u64 / COLUMNS / KEYS,
                i as u64 / COLUMNS % KEYS,
                i as u64 % COLUMNS,
            );
            let want = if key < 37 {
                d_o((head * 37 + key) * COLUMNS + column)
            } else {
                0.0
            };
            assert!((got - want).abs() < 1e-5, "{name} {i}: {got}, want {want}");
        }
    });
}

/// A row of O is NaN where its query or a key that it sees has NaN or a score beyond f32, and the same to the bit elsewhere.
fn nan_reaches_the_rows_that_see_it_and_no_other() {
    let Some(gpu) = common::gpu() else { return };
    for (queries, mask, dtype) in [
        (45, Mask::Causal, Dtype::F32),
        (4, Mask::Causal, Dtype::F32),
        (45, Mask::None, Dtype::F32),
        (45, Mask::Causal, Dtype::F16),
    ] {
        let shape = Attention {
            seq_kv: 77,
            mask,
            dtype,
            log_sum_exp: LogSumExp::Wanted,
            ..Attention::new(1, 2, queries, COLUMNS)
        };
        let ordinary = common::generated(&shape);
        let mut clean = Vec::new();
        of_every_kernel(gpu, &shape, &ordinary, |_, found| {
            clean.push(found.to_vec());
        });
        // Key 75 of head 1 is seen by the last two queries under the mask, and by all without it.
        let key = ((77 + 75) * COLUMNS + 6) as usize;
        let query = ((queries + 2) * COLUMNS + 63) as usize;
        for (operand, place, value) in [
            (0, query, f32::NAN),
            (0, query, f32::INFINITY),
            (1, key, f32::NAN),
            (1, key, -f32::NAN),
        ] {
            let mut values = ordinary.clone();
            values[operand][place] = value;
            let mut number = 0;
            of_every_kernel(gpu, &shape, &values, |name, found| {
                for row in 0..2 * queries {
                    let spoilt = match operand {
                        0 => row == queries + 2,
                        _ => row >= queries && (mask == Mask::None || row + 2 >= 2 * queries),
                    };
                    let range = (row * COLUMNS) as usize..((row + 1) * COLUMNS) as usize;
                    let lse = row as usize..row as usize + 1;
                    for (output, range) in [(0, range), (1, lse)] {
                        let got = &found[output][range.clone()];
                        let before = &clean[number][output][range];
                        if spoilt {
                            assert!(
                                got.iter().all(|x| x.is_nan()),
                                "{name} {mask:?} {value} {row}: {got:?}"
                            );
                        } else {
                            assert_eq!(got, before, "{name} {mask:?} {value} {row}");
                        }
                    }
                }
                number += 1;
            });
        }
    }
    // Every score is beyond f32.
    let shape = Attention::new(1, 1, 35, COLUMNS);
    let values = [vec![3e19; 35 * 64], vec![2e19; 35 * 64], vec![1.0; 35 * 64]];
    of_every_kernel(gpu, &shape, &values, |name, found| {
        assert!(
            found[0].iter().all(|x| x.is_nan()),
            "{name}: {:?}",
            &found[0][..4]
        );
    });
}
