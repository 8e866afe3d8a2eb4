//! Texts, which keys are visible, and what shapes are refused.

use super::flash::FLASH;
use super::flash_subgroup::FLASH_SUBGROUP;
use super::naive::NAIVE;
use super::*;
use crate::error::Error;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch};
use crate::kernel::{Constants, Dispatch, Kernel, Schedule};
use crate::ops::candidate;
use crate::ops::scheduled;
use crate::plan::{PlanOptions, choose};
use crate::report::AdapterKind;
use crate::shader::Loops;

const SHAPE: Attention = Attention {
    seq_kv: 768,
    mask: Mask::Causal,
    ..Attention::new(2, 4, 512, 64)
};

fn any_adapter() -> Capabilities {
    Capabilities::fake(AdapterKind::Other)
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
    let [first, last] = ["+bshd+kv2+v32", "+kv2+v32+bshd"].map(|options| {
        let text = format!("1x4x8x8x64{options}");
        format!("{:?}", text::parse(&text, Dtype::F32).unwrap())
    });
    assert_eq!(first, last);
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

/// Found by fuzzing: the stride of a row was a product that wrapped, to 8 here.
#[test]
fn heads_beyond_64_bits_are_refused() {
    let text = format!("1x{}x8x8x8+bshd", (1u64 << 61) + 1);
    let huge = text::parse(&text, Dtype::F32).unwrap();
    assert!(huge.validate().is_err());
    assert_eq!(
        HeadLayout::interleaved((1 << 61) + 1, 8).row,
        Some(u64::MAX)
    );
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
    let stages = NAIVE
        .kernel
        .prepare(&[], Loops::AsWritten, wgpu::Features::empty())
        .unwrap();
    let stages: Vec<_> = stages.iter().map(|stage| &**stage).collect();
    let error = NAIVE
        .bound(&shape)
        .schedule(&stages, &any_adapter())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("scores") && error.contains("34359738368"),
        "{error}"
    );
}

fn device(kind: AdapterKind, lanes: (u32, u32)) -> Capabilities {
    Capabilities::fake(kind)
        .with_f16()
        .with_subgroups(lanes)
        .with_workgroup_memory()
        .with_invocations(1024)
}

/// The dispatches of a kernel for a shape, with the constants that it gets on a device.
fn scheduled(shape: &Attention, kernel: &'static Kernel, device: &Capabilities) -> Schedule {
    scheduled::scheduled(shape, kernel, &PlanOptions::default(), device).1
}

/// Work is cut into dispatches of bounded length, which follow each other without a gap, and no more than needed.
#[test]
fn long_work_is_cut() {
    let shape = Attention::new(2, 8, 4096, 64);
    for kind in [
        AdapterKind::Software,
        AdapterKind::Integrated,
        AdapterKind::Discrete,
    ] {
        let device = device(kind, (32, 32));
        for kernel in [&FLASH.kernel, &FLASH_SUBGROUP.kernel] {
            let steps = scheduled(&shape, kernel, &device).steps;
            let loops = |step: &&Dispatch| step.stage == 0;
            let count = steps.iter().filter(loops).count() as u64;
            let least = shape
                .flops()
                .div_ceil(flops_of_dispatch(&device, Units::Plain));
            assert!((least..=2 * least).contains(&count), "{kind:?}: {count}");
        }
        let naive = Attention::new(1, 1, 4096, 64);
        let steps = scheduled(&naive, &NAIVE.kernel, &device).steps;
        assert_eq!(steps.len() > 3, kind == AdapterKind::Software, "{kind:?}");
    }
    let quick = Attention::new(1, 4, 512, 64);
    let steps = scheduled(
        &quick,
        &FLASH.kernel,
        &device(AdapterKind::Discrete, (32, 32)),
    )
    .steps;
    assert_eq!(steps.len(), 1);
}

/// Scratch memory does not grow with the lengths of sequences.
#[test]
fn fused_kernels_need_no_scratch() {
    let shape = Attention {
        dtype: Dtype::F16,
        mask: Mask::Causal,
        ..Attention::new(1, 32, 65_536, 128)
    };
    let device = device(AdapterKind::Discrete, (32, 32));
    let chosen = choose(&shape, &PlanOptions::default(), &device)
        .unwrap()
        .kernel;
    for kernel in [&FLASH.kernel, &FLASH_SUBGROUP.kernel, chosen] {
        let scratch = scheduled(&shape, kernel, &device).scratch;
        assert!(
            scratch.iter().sum::<u64>() <= 64 << 20,
            "{}: {scratch:?}",
            kernel.name
        );
    }
}

#[test]
fn subgroups_serve_many_rows_where_they_are_large_enough() {
    let chosen = |shape: &Attention, kind, lanes| {
        let device = device(kind, lanes);
        let choice = choose(shape, &PlanOptions::default(), &device).unwrap();
        (choice.kernel.name, choice.reason)
    };
    let [long, short, shortest] = [4096, 256, 128].map(|seq| Attention::new(2, 4, seq, 64));
    let name = FLASH_SUBGROUP.kernel.name;
    assert_eq!(chosen(&long, AdapterKind::Discrete, (32, 32)).0, name);
    assert_eq!(chosen(&short, AdapterKind::Discrete, (32, 32)).0, name);
    assert_eq!(chosen(&long, AdapterKind::Software, (8, 8)).0, name);
    for (shape, lanes) in [(shortest, (32, 32)), (long, (4, 64)), (long, (0, 0))] {
        let (kernel, reason) = chosen(&shape, AdapterKind::Discrete, lanes);
        assert_eq!(kernel, FLASH.kernel.name);
        assert!(reason.contains(name), "{reason}");
    }
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
        assert_eq!(chosen(head_dim), FLASH.kernel.name, "{head_dim}");
    }
    for head_dim in [1, 63, 66, 1024] {
        assert_eq!(chosen(head_dim), NAIVE.kernel.name, "{head_dim}");
    }
}

/// The baseline multiplies K at once, whatever is asked: it has no dispatch that would add parts up.
#[test]
fn the_baseline_sums_no_parts() {
    let shape = Attention::new(1, 2, 64, 64);
    let device = crate::ops::softmax::device(AdapterKind::Discrete, (32, 32), 1024);
    let kernel = candidate(&shape, "attention_unfused").unwrap().kernel();
    let options = |parts: u32| PlanOptions {
        constants: Constants::new().set("SPLIT_K", parts),
        ..PlanOptions::default()
    };
    let of = |parts| scheduled::scheduled(&shape, kernel, &options(parts), &device).1;
    assert_eq!(of(3), of(1));
}
