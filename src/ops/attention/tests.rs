//! Texts, which keys are visible, and what shapes are refused.

use super::*;
use crate::gpu::AdapterKind;
use crate::kernel::PlanOptions;
use crate::ops::choose;
use crate::shader::Loops;

const SHAPE: Attention = Attention {
    seq_kv: 768,
    mask: Mask::Causal,
    ..Attention::new(2, 4, 512, 64)
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
    let shapes = [
        SHAPE,
        Attention::new(1, 2, 3, 4),
        Attention {
            kv_heads: 2,
            value_dim: 32,
            scale: Some(0.125),
            window: Some(100),
            bias: Some(BiasShape {
                batch: 1,
                heads: 4,
                seq_q: 1,
            }),
            soft_cap: Some(30.0),
            sinks: Sinks::PerHead,
            lengths: Lengths::PerSequence,
            log_sum_exp: LogSumExp::Wanted,
            cache: KvCache::Paged {
                pages: 97,
                page_size: 16,
            },
            ..SHAPE
        },
        Attention {
            bias: Some(BiasShape {
                batch: 2,
                heads: 4,
                seq_q: 512,
            }),
            q: HeadLayout::interleaved(4, 64),
            k: HeadLayout::interleaved(4, 64),
            v: HeadLayout::interleaved(4, 64),
            o: HeadLayout::interleaved(4, 64),
            ..SHAPE
        },
    ];
    for shape in shapes {
        let read = text::parse(&shape.label(), Dtype::F32).unwrap();
        assert_eq!(format!("{read:?}"), format!("{shape:?}"));
        shape.validate().unwrap();
    }
    assert_eq!(SHAPE.label(), "2x4x512x768x64xcausal");
    for wrong in [
        "2x4x512x64",
        "2x4x512x768x64xwindow",
        "2x4x512x768x64causal",
        "2x4x512x768x64+kv",
        "2x4x512x768x64+window",
        "2x4x512x768x64+page=0",
        "2x4x512x768x64+bias=1x1",
        "causal",
    ] {
        let error = text::parse(wrong, Dtype::F32).unwrap_err().to_string();
        assert!(error.contains(&format!("{wrong:?}")), "{error}");
    }
}

#[test]
fn the_ends_of_the_sequences_are_aligned() {
    let visible = |seq_q, seq_kv, query| SHAPE.visible(query, seq_q, seq_kv);
    assert_eq!([0, 1, 2].map(|q| visible(3, 3, q)), [0..1, 0..2, 0..3]);
    assert_eq!([0, 1, 2].map(|q| visible(3, 5, q)), [0..3, 0..4, 0..5]);
    assert_eq!([0, 1, 2].map(|q| visible(3, 1, q)), [0..0, 0..0, 0..1]);
    let window = |mask, query| {
        let shape = Attention {
            window: Some(2),
            mask,
            ..SHAPE
        };
        shape.visible(query, 3, 5)
    };
    assert_eq!(
        [0, 1, 2].map(|q| window(Mask::Causal, q)),
        [1..3, 2..4, 3..5]
    );
    assert_eq!([0, 1, 2].map(|q| window(Mask::None, q)), [1..4, 2..5, 3..5]);
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let refused = |shape: Attention| shape.validate().unwrap_err();
    assert!(SHAPE.validate().is_ok());
    let impossible = [
        Attention {
            head_dim: 0,
            ..SHAPE
        },
        Attention {
            kv_heads: 3,
            ..SHAPE
        },
        Attention {
            kv_heads: 0,
            ..SHAPE
        },
        Attention {
            window: Some(0),
            ..SHAPE
        },
        Attention {
            soft_cap: Some(0.0),
            ..SHAPE
        },
        Attention {
            scale: Some(f32::NAN),
            ..SHAPE
        },
        Attention {
            bias: Some(BiasShape {
                batch: 1,
                heads: 2,
                seq_q: 1,
            }),
            ..SHAPE
        },
        Attention {
            cache: KvCache::Paged {
                pages: 0,
                page_size: 16,
            },
            ..SHAPE
        },
        Attention {
            o: HeadLayout {
                row: Some(63),
                ..HeadLayout::default()
            },
            ..SHAPE
        },
    ];
    for shape in impossible {
        let error = refused(shape);
        assert!(matches!(error, Error::Shape { .. }), "{shape:?}: {error}");
    }
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
            kv_heads: 1,
            seq_kv: 1 << 31,
            ..SHAPE
        },
    ] {
        let error = refused(shape);
        assert!(
            matches!(error, Error::TooLarge { .. }),
            "{shape:?}: {error}"
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
        .schedule(&ATTENTION_NAIVE, &stages, &any_adapter())
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
        let shape = Attention {
            head_dim,
            value_dim: head_dim,
            ..SHAPE
        };
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
