//! The reference by hand and by properties.

use super::super::options::{BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks};
use super::super::shape::Attention;
use crate::data::{Distribution, Dtype, generate};
use crate::ops::Operation;
use crate::tolerance::Expected;

/// Every output element.
fn expected(attention: &Attention, inputs: &[Vec<f32>]) -> Vec<Expected> {
    let written = attention
        .operands()
        .into_iter()
        .filter(|o| o.role.is_written());
    let indices: Vec<u64> = (0..written.map(|o| o.elements).sum()).collect();
    attention.expected(Dtype::F32, &inputs, &indices)
}

fn close(found: &[Expected], want: &[f64]) {
    assert_eq!(found.len(), want.len());
    for (f, w) in found.iter().zip(want) {
        let near = f.value.to_bits() == w.to_bits() || (f.value - w).abs() < 1e-6;
        assert!(near, "{found:?}, want {want:?}");
        assert!(f.allowed < 1e-4, "{found:?}");
    }
}

const ONE: Attention = Attention {
    ..Attention::new(1, 1, 2, 2)
};

/// Two queries, two keys, two columns, scores 0 and ln 3 apart after the scale.
fn two_by_two() -> Vec<Vec<f32>> {
    let ln3 = 3f32.ln() * 2f32.sqrt();
    vec![
        vec![1.0, 0.0, 0.0, 1.0],
        vec![0.0, 0.0, ln3, 0.0],
        vec![4.0, -8.0, 8.0, 0.0],
    ]
}

#[test]
fn the_reference_is_right_by_hand() {
    close(&expected(&ONE, &two_by_two()), &[7.0, -2.0, 6.0, -4.0]);
    let causal = Attention {
        mask: Mask::Causal,
        ..ONE
    };
    close(&expected(&causal, &two_by_two()), &[4.0, -8.0, 6.0, -4.0]);
    let narrow = Attention {
        window: Some(1),
        ..ONE
    };
    close(&expected(&narrow, &two_by_two()), &[4.0, -8.0, 8.0, 0.0]);
}

#[test]
fn options_are_right_by_hand() {
    let with = |extra: Vec<f32>| [two_by_two(), vec![extra]].concat();
    // A bias of ln 3 on the first key makes weights equal for the first query, and three to one for the second.
    let bias = Attention {
        bias: Some(BiasShape {
            batch: 1,
            heads: 1,
            seq_q: 1,
        }),
        ..ONE
    };
    let found = expected(&bias, &with(vec![3f32.ln(), 0.0]));
    close(&found, &[6.0, -4.0, 5.0, -6.0]);
    let found = expected(&bias, &with(vec![f32::NEG_INFINITY, 0.0]));
    close(&found, &[8.0, 0.0, 8.0, 0.0]);
    // A sink of ln 4 doubles the first query's sum of 1 + 3; weights of 1/8 and 3/8 are left.
    let sinks = Attention {
        sinks: Sinks::PerHead,
        log_sum_exp: LogSumExp::Wanted,
        ..ONE
    };
    let found = expected(&sinks, &with(vec![4f32.ln()]));
    close(&found, &[3.5, -1.0, 2.0, -4.0 / 3.0, 8f64.ln(), 6f64.ln()]);
    // Capped at a hair above 0, all scores are equal.
    let capped = Attention {
        soft_cap: Some(1e-7),
        ..ONE
    };
    close(&expected(&capped, &two_by_two()), &[6.0, -4.0, 6.0, -4.0]);
    let lengths = Attention {
        lengths: Lengths::PerSequence,
        log_sum_exp: LogSumExp::Wanted,
        ..ONE
    };
    let found = expected(&lengths, &with(vec![1.0, 1.0]));
    close(&found, &[4.0, -8.0, 0.0, 0.0, 0.0, f64::NEG_INFINITY]);
}

#[test]
fn a_paged_cache_and_grouped_heads_are_found() {
    // Two query heads on one key head; pages of one key, the second key's page first.
    let paged = Attention {
        heads: 2,
        seq_q: 1,
        cache: KvCache::Paged {
            pages: 3,
            page_size: 1,
        },
        ..ONE
    };
    let ln3 = 3f32.ln() * 2f32.sqrt();
    let inputs = vec![
        vec![1.0, 0.0, 0.0, 1.0],
        vec![ln3, 0.0, 9.0, 9.0, 0.0, 0.0],
        vec![8.0, 0.0, 9.0, 9.0, 4.0, -8.0],
        vec![2.0, 0.0],
    ];
    close(&expected(&paged, &inputs), &[7.0, -2.0, 6.0, -4.0]);
}

#[test]
fn gaps_of_the_output_stay() {
    let apart = Attention {
        o: HeadLayout {
            row: Some(3),
            ..HeadLayout::default()
        },
        ..ONE
    };
    let mut inputs = two_by_two();
    inputs.push(vec![-1.0; 5]);
    close(&expected(&apart, &inputs), &[7.0, -2.0, -1.0, 6.0, -4.0]);
}

#[test]
fn weights_sum_to_one_in_each_head() {
    let shape = Attention {
        seq_kv: 9,
        mask: Mask::Causal,
        ..Attention::new(2, 2, 5, 4)
    };
    let mut inputs: Vec<Vec<f32>> = shape.operands()[..3]
        .iter()
        .enumerate()
        .map(|(i, o)| {
            generate(
                1,
                i,
                o.elements as usize,
                Dtype::F32,
                Distribution::Outliers,
            )
        })
        .collect();
    inputs[2].fill(1.0);
    let found = expected(&shape, &inputs);
    assert!(found.iter().all(|e| (e.value - 1.0).abs() < 1e-12));
    assert!(found.iter().all(|e| e.allowed < 1e-3), "{:?}", found[0]);
    // A head's own V, and no other's.
    inputs[2][3 * 9 * 4..].fill(2.0);
    let found = expected(&shape, &inputs);
    let (first, last) = found.split_at(3 * 5 * 4);
    assert!(first.iter().all(|e| (e.value - 1.0).abs() < 1e-12));
    assert!(last.iter().all(|e| (e.value - 2.0).abs() < 1e-12));
}

#[test]
fn a_query_that_sees_no_key_gives_zeros() {
    let shape = Attention {
        seq_kv: 2,
        mask: Mask::Causal,
        ..Attention::new(1, 1, 4, 4)
    };
    let inputs = [vec![1.0; 16], vec![1.0; 8], vec![3.0; 8]];
    let found: Vec<f64> = expected(&shape, &inputs).iter().map(|e| e.value).collect();
    assert_eq!(found[..8], [0.0; 8]);
    assert!(found[8..].iter().all(|v| (v - 3.0).abs() < 1e-12));
}
