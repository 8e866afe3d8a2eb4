//! The reference by hand, and what shapes are refused.

use super::*;
use crate::gpu::AdapterKind;
use crate::kernel::PlanOptions;
use crate::ops::choose;
use crate::shader::Loops;

const SHAPE: Attention = Attention {
    batch: 2,
    heads: 4,
    seq_q: 512,
    seq_kv: 768,
    head_dim: 64,
    mask: Mask::Causal,
};

fn any_adapter() -> Capabilities {
    Capabilities {
        features: wgpu::Features::empty(),
        limits: wgpu::Limits::default(),
        kind: AdapterKind::Other,
        subgroup_sizes: (0, 0),
        cooperative: Vec::new(),
    }
}

#[test]
fn shapes_survive_their_text() {
    for mask in [Mask::None, Mask::Causal] {
        let shape = Attention { mask, ..SHAPE };
        let read = parse(&shape.label(), Dtype::F32).unwrap();
        assert_eq!(format!("{read:?}"), format!("{shape:?}"));
    }
    assert_eq!(SHAPE.label(), "2x4x512x768x64xcausal");
    for wrong in [
        "2x4x512x64",
        "2x4x512x768x64xwindow",
        "2x4x512x768x64causal",
        "causal",
    ] {
        let error = parse(wrong, Dtype::F32).unwrap_err().to_string();
        assert!(error.contains(&format!("{wrong:?}")), "{error}");
    }
}

#[test]
fn the_ends_of_the_sequences_are_aligned() {
    let visible = |seq_q, seq_kv, query| {
        let shape = Attention {
            seq_q,
            seq_kv,
            ..SHAPE
        };
        shape.visible_keys(query)
    };
    assert_eq!([0, 1, 2].map(|q| visible(3, 3, q)), [1, 2, 3]);
    assert_eq!([0, 1, 2].map(|q| visible(3, 5, q)), [3, 4, 5]);
    assert_eq!([0, 1, 2].map(|q| visible(3, 1, q)), [0, 0, 1]);
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let refused = |shape: Attention| shape.validate().unwrap_err();
    assert!(SHAPE.validate().is_ok());
    let error = refused(Attention {
        head_dim: 0,
        ..SHAPE
    });
    assert!(matches!(error, Error::Shape { .. }));
    for shape in [
        Attention {
            seq_q: 1 << 30,
            ..SHAPE
        },
        Attention {
            batch: u64::MAX,
            ..SHAPE
        },
        Attention {
            heads: 0,
            seq_kv: 1 << 31,
            ..SHAPE
        },
    ] {
        assert!(
            matches!(refused(shape), Error::TooLarge { .. }),
            "{shape:?}"
        );
    }
}

#[test]
fn naive_says_how_many_bytes_the_scores_need() {
    let shape = Attention {
        seq_q: 32_768,
        seq_kv: 32_768,
        ..SHAPE
    };
    let stages = ATTENTION_NAIVE
        .prepare(&[], Loops::AsWritten, wgpu::Features::empty())
        .unwrap();
    let stages: Vec<&Prepared> = stages.iter().collect();
    let error = shape
        .schedule(&ATTENTION_NAIVE, &stages, &wgpu::Limits::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("scores") && error.contains("34359738368"),
        "{error}"
    );
}

#[test]
fn flash_is_chosen_where_it_has_a_form() {
    let chosen = |head_dim| {
        let shape = Attention { head_dim, ..SHAPE };
        choose(&shape, &PlanOptions::default(), &any_adapter())
            .unwrap()
            .kernel
            .name
    };
    for head_dim in [4, 32, 64, 80, 128, 256] {
        assert_eq!(chosen(head_dim), ATTENTION_FLASH.name, "{head_dim}");
    }
    for head_dim in [1, 63, 66, 1024] {
        assert_eq!(chosen(head_dim), ATTENTION_NAIVE.name, "{head_dim}");
    }
}
