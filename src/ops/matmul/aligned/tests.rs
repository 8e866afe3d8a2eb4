use super::*;
use crate::ops::matmul::shape::{Activation, Bias};
use crate::ops::{Layout, Operation};
use crate::plan::{Draft, choose, constants_of};
use crate::report::AdapterKind;
use crate::{Error, PlanOptions};

/// A device with fragments of `side` x `side`, and as much workgroup memory as every WebGPU device has.
fn cramped(kind: AdapterKind, side: u32) -> Capabilities {
    Capabilities::fake(kind)
        .with_features(ALIGNED.kernel.features)
        .with_subgroups((32, 32))
        .with_matrix_units(side)
        .with_bindings(1 << 31)
}

/// A [`cramped`] device with as much workgroup memory as such devices have.
fn device(kind: AdapterKind, side: u32) -> Capabilities {
    cramped(kind, side).with_workgroup_memory()
}

fn half(m: u64, n: u64, k: u64) -> Matmul {
    Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(m, n, k)
    }
}

/// The constants of the kernel, where it runs.
fn constants_on(device: &Capabilities, matmul: &Matmul) -> Result<Constants> {
    let candidate = ALIGNED.bound(matmul);
    let found = constants_of(&*candidate, &PlanOptions::default(), device)?;
    ALIGNED.kernel.supported(matmul.dtype, &found, device)?;
    Ok(found)
}

fn reason_on(device: &Capabilities, matmul: &Matmul) -> String {
    match constants_on(device, matmul) {
        Err(Error::Unsupported { reason, .. }) => reason,
        other => panic!("{matmul:?}: {other:?}"),
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let device = device(AdapterKind::Discrete, 16);
    let whole = half(256, 384, 96);
    assert!(constants_on(&device, &whole).is_ok());
    let transposed = Layout {
        order: Order::ColumnMajor,
        ..Layout::default()
    };
    let with = |row_stride, batch_stride, offset| Layout {
        row_stride,
        batch_stride,
        offset,
        ..Layout::default()
    };
    let cases = [
        (Matmul::new(256, 384, 96), "it multiplies f16, not f32"),
        (
            Matmul {
                a: transposed,
                ..half(252, 384, 96)
            },
            "m is 252, which is no multiple of 8",
        ),
        (half(256, 380, 96), "n is 380"),
        (half(256, 384, 100), "k is 100"),
        (half(256, 384, 0), "k is 0"),
        (
            Matmul {
                a: Layout {
                    row_stride: Some(260),
                    ..transposed
                },
                ..whole
            },
            "the row stride of `a` is 260",
        ),
        (
            Matmul {
                a: with(None, None, 4),
                ..whole
            },
            "the offset of `a` is 4, which is no multiple of 8",
        ),
        (
            Matmul {
                b: with(Some(388), None, 0),
                ..whole
            },
            "the row stride of `b` is 388",
        ),
        (
            Matmul {
                batch: 2,
                a: with(None, Some(256 * 96 + 4), 0),
                ..whole
            },
            "the batch stride of `a` is 24580",
        ),
        (
            Matmul {
                c: with(None, None, 2),
                ..whole
            },
            "the offset of `c` is 2, which is no multiple of 4",
        ),
    ];
    for (matmul, expected) in cases {
        matmul.validate().unwrap();
        let reason = reason_on(&device, &matmul);
        assert!(reason.contains(expected), "{matmul:?}: {reason}");
        assert!(reason.contains("other kernels of matmul"), "{reason}");
    }
}

#[test]
fn devices_that_do_not_fit_are_refused_by_name() {
    let whole = half(256, 384, 96);
    let small = device(AdapterKind::Integrated, 8);
    assert!(reason_on(&small, &whole).contains("8 x 8 alone"));
    let several = Capabilities {
        subgroup_sizes: (16, 32),
        ..device(AdapterKind::Discrete, 16)
    };
    assert!(reason_on(&several, &whole).contains("16 to 32 invocations"));
    let without = Capabilities {
        cooperative: Vec::new(),
        ..device(AdapterKind::Discrete, 16)
    };
    assert!(reason_on(&without, &whole).contains("no trusted f16 -> f32 shape"));
    let wrong = Capabilities {
        demoted: vec![ALIGNED.kernel.name],
        ..device(AdapterKind::Discrete, 16)
    };
    assert!(reason_on(&wrong, &whole).contains("did not come out right"));
    let large = half(4096, 4096, 4096);
    let name = |device: &Capabilities| {
        let choice = choose(&large, &PlanOptions::default(), device).unwrap();
        choice.kernel.name
    };
    assert_ne!(name(&wrong), ALIGNED.kernel.name);
    assert_eq!(
        name(&device(AdapterKind::Discrete, 16)),
        ALIGNED.kernel.name
    );
}

/// The batch stride of one matrix means nothing.
#[test]
fn what_lies_in_whole_chunks_fits() {
    let device = device(AdapterKind::Discrete, 16);
    let shared = Layout {
        batch_stride: Some(0),
        ..Layout::default()
    };
    let apart = Layout {
        row_stride: Some(392),
        batch_stride: Some(3),
        offset: 8,
        ..Layout::default()
    };
    let whole = half(256, 384, 96);
    for matmul in [
        Matmul { b: apart, ..whole },
        Matmul {
            batch: 2,
            b: shared,
            ..whole
        },
    ] {
        assert!(constants_on(&device, &matmul).is_ok(), "{matmul:?}");
    }
}

#[test]
fn products_that_tiles_cover_get_it() {
    let device = device(AdapterKind::Discrete, 16);
    let is_chosen = |matmul: &Matmul| {
        let chosen = choose(matmul, &PlanOptions::default(), &device).unwrap();
        chosen.kernel.name == ALIGNED.kernel.name
    };
    let batched = Matmul {
        batch: 64,
        ..half(512, 512, 512)
    };
    for (matmul, tile) in [
        (half(4096, 4096, 4096), [128, 128, 32]),
        (half(2048, 2048, 2048), [128, 128, 32]),
        (batched, [128, 128, 32]),
        (half(1024, 1024, 1024), [128, 64, 64]),
        (half(1024, 1024, 96), [128, 64, 32]),
        (half(704, 832, 1024), [128, 64, 64]),
        (half(1024, 512, 4096), [128, 128, 64]),
        (half(4100, 4096, 4096), [128, 128, 32]),
        (half(64, 4096, 4096), [64, 32, 128]),
        (half(5, 4096, 4096), [16, 32, 256]),
        (half(5, 14336, 4096), [16, 128, 128]),
        (half(8192, 16, 8192), [128, 16, 128]),
    ] {
        assert!(is_chosen(&matmul), "{matmul:?}");
        let found = constants_on(&device, &matmul).unwrap();
        for (name, size) in ["TILE_M", "TILE_N", "TILE_K"].into_iter().zip(tile) {
            assert_eq!(found.integer(name), Some(size), "{found:?}");
        }
    }
    let extras = Matmul {
        output: Dtype::F16,
        alpha: 0.5,
        beta: 1.0,
        bias: Bias::Row,
        activation: Activation::Gelu,
        b: Layout {
            order: Order::ColumnMajor,
            ..Layout::default()
        },
        ..half(4096, 4096, 4096)
    };
    assert!(is_chosen(&extras));
    for matmul in [
        // Tiles that cover the columns are small.
        half(4160, 4160, 4096),
        half(4096, 4096, 4100),
        Matmul::new(4096, 4096, 4096),
    ] {
        assert!(!is_chosen(&matmul), "{matmul:?}");
    }
}

/// Large tiles want more than WebGPU's default limit.
#[test]
fn devices_with_little_workgroup_memory_get_another() {
    let device = cramped(AdapterKind::Discrete, 16);
    let chosen = choose(&half(4096, 4096, 4096), &PlanOptions::default(), &device).unwrap();
    assert_ne!(chosen.kernel.name, ALIGNED.kernel.name);
    assert!(chosen.kernel.name.starts_with("matmul_cooperative"));
}

/// Where a last round would be of few workgroups, K of its tiles is in parts, on a device whose cores are known.
#[test]
fn last_rounds_of_few_workgroups_get_parts_of_k() {
    let device = device(AdapterKind::Discrete, 16);
    let known = device.clone().with_cores(132);
    let of = |device: &Capabilities, matmul: &Matmul| {
        let found = constants_on(device, matmul).unwrap();
        ["TILE_M", "TAIL", "SPLIT_K"].map(|name| found.integer(name).unwrap_or(0))
    };
    // 24 x 24 tiles, of which 2 x 132 run at once.
    let third = half(3072, 3072, 3072);
    let [tile, rows, parts] = of(&known, &third);
    assert_eq!(tile, 128);
    assert!((2..=3).contains(&rows) && parts > 2, "{rows} {parts}");
    assert_eq!(of(&device, &third)[1], 0);
    // Rounds of these are nearly full, or there is one alone.
    for matmul in [
        half(4096, 4096, 4096),
        half(2048, 2048, 2048),
        half(16, 4096, 4096),
    ] {
        assert_eq!(of(&known, &matmul)[1], 0, "{matmul:?}");
    }
    let batched = Matmul { batch: 2, ..third };
    assert_eq!(of(&known, &batched)[1], 0);
    for empty in [half(0, 3072, 3072), half(3072, 0, 3072)] {
        assert_eq!(of(&known, &empty)[1], 0, "{empty:?}");
    }
}

/// Workgroups, planes and the sum of a product whose last rows of tiles are in parts.
#[test]
fn tails_are_in_the_same_dispatch_and_summed_behind_it() {
    let device = device(AdapterKind::Discrete, 16);
    let matmul = Matmul {
        c: Layout {
            row_stride: Some(640),
            offset: 16,
            ..Layout::default()
        },
        ..half(1000, 512, 1024)
    };
    let draft = |rows: u32| {
        let sizes = [
            ("TILE_M", 128u64),
            ("TILE_N", 128),
            ("TILE_K", 32),
            ("SUBGROUP_M", 64),
            ("SUBGROUP_N", 64),
            ("SUBGROUPS_K", 1),
            ("UNROLL_K", 32),
            ("SPLIT_K", 4),
        ];
        let options = PlanOptions {
            constants: Constants::from(sizes).set("TAIL", rows),
            ..PlanOptions::default()
        };
        Draft::unchecked(&matmul, &*ALIGNED.bound(&matmul), &options, &device)
    };
    let Schedule { steps, scratch } = draft(3).unwrap().schedule;
    let [product, sum] = &steps[..] else {
        panic!("{steps:?}");
    };
    // Of 8 x 4 tiles, 3 x 4 are in 4 parts.
    assert_eq!(product.workgroups, [20 + 48, 1, 1]);
    // 5 rows of tiles before, 360 rows of the tail.
    let bytes = 360 * 512 * 4 * 4;
    assert_eq!(scratch, [bytes]);
    assert_eq!(product.windows[4].bytes, bytes);
    assert_eq!(sum.workgroups, [360 * 512 / 4 / 256, 1, 1]);
    let params: &[u32] = bytemuck::cast_slice(&sum.params);
    assert_eq!(params[..2], [360, 512]);
    assert_eq!(params[9], 16 + 640 * 640);

    let error = draft(8).unwrap_err();
    assert!(error.to_string().contains("TAIL=8 is for"), "{error}");
}
