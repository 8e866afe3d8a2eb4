use super::*;
use crate::ops::matmul::shape::{Activation, Bias};
use crate::ops::{Layout, Operation};
use crate::plan::{choose, constants_of};
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
