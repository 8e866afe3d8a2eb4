//! The reference by hand and by finite differences of the forward's, and what is refused.

use super::cooperative::COOPERATIVE;
use super::flash::FLASH;
use super::*;
use crate::data::generate;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::ops::{BiasShape, HeadLayout, KvCache, Lengths, Mask, Sinks, candidate};
use crate::report::AdapterKind;
use crate::shader::{Loops, Prepared};

/// Values in f64: differences of f32 would be lost in their rounding.
struct Exact(Vec<Vec<f64>>);

impl Inputs for Exact {
    fn get(&self, operand: usize, index: u64) -> f64 {
        self.0[operand][index as usize]
    }
}

/// Right values of all outputs.
fn values(operation: &dyn Operation, inputs: &dyn Inputs) -> Vec<f64> {
    let written = operation
        .operands()
        .into_iter()
        .filter(|o| o.role.is_written());
    let indices: Vec<u64> = (0..written.map(|o| o.elements).sum()).collect();
    let found = operation.expected(Dtype::F32, inputs, &indices);
    found.iter().map(|e| e.value).collect()
}

/// Inputs of `forward` and their generated values; `lse` and `o` come out of it.
fn forward_inputs(forward: &Attention) -> Exact {
    let read = forward.operands().into_iter().filter(|o| o.role.is_read());
    let of = |(i, o): (usize, Operand)| {
        let values = generate(11, i, o.elements as usize, o.dtype, o.distribution);
        values.into_iter().map(f64::from).collect()
    };
    Exact(read.enumerate().map(of).collect())
}

/// `sum dO * O` for some dO.
fn loss(forward: &Attention, inputs: &Exact, d_o: &[f64]) -> f64 {
    let o = values(forward, inputs);
    o.iter().zip(d_o).map(|(o, d)| o * d).sum()
}

/// Inputs of the backward that belong together.
fn backward_inputs(forward: &Attention, inputs: &Exact, d_o: &[f64]) -> Exact {
    let with_sums = Attention {
        log_sum_exp: LogSumExp::Wanted,
        ..*forward
    };
    let mut o = values(&with_sums, inputs);
    let lse = o.split_off(d_o.len());
    let backward = AttentionBackward { forward: *forward };
    let of = |operand: &Operand| match operand.name {
        "o" => o.clone(),
        "lse" => lse.clone(),
        "d_o" => d_o.to_vec(),
        name => inputs.0[forward.operand(name).unwrap().0].clone(),
    };
    let read = backward.operands();
    Exact(read.iter().filter(|o| o.role.is_read()).map(of).collect())
}

fn check_differences(forward: &Attention) {
    let mut inputs = forward_inputs(forward);
    let [.., o] = forward.strides();
    let count = o.elements().unwrap() as usize;
    let d_o: Vec<f64> = generate(12, 0, count, Dtype::F32, Distribution::Uniform)
        .into_iter()
        .map(f64::from)
        .collect();
    let backward = AttentionBackward { forward: *forward };
    let found = values(&backward, &backward_inputs(forward, &inputs, &d_o));
    let mut next = 0;
    for operand in 0..3 {
        for i in 0..inputs.0[operand].len() {
            let before = inputs.0[operand][i];
            let mut side = |step: f64| {
                inputs.0[operand][i] = before + step;
                loss(forward, &inputs, &d_o)
            };
            let slope = (side(1e-5) - side(-1e-5)) / 2e-5;
            inputs.0[operand][i] = before;
            let near = (found[next] - slope).abs() < 1e-7 * (1.0 + slope.abs());
            assert!(
                near,
                "{}: operand {operand}[{i}]: {}, by differences {slope}",
                forward.label(),
                found[next]
            );
            next += 1;
        }
    }
    assert_eq!(next, found.len());
}

#[test]
fn gradients_are_those_of_the_forward_by_finite_differences() {
    let plain = Attention {
        seq_kv: 6,
        value_dim: 3,
        ..Attention::new(1, 2, 5, 4)
    };
    let causal = Attention {
        mask: Mask::Causal,
        kv_heads: 1,
        ..plain
    };
    let all = Attention {
        batch: 2,
        value_dim: 4,
        kv_heads: 1,
        window: Some(3),
        bias: Some(BiasShape {
            batch: 1,
            heads: 2,
            seq_q: 5,
        }),
        soft_cap: Some(0.7),
        scale: Some(0.9),
        sinks: Sinks::PerHead,
        lengths: Lengths::PerSequence,
        q: HeadLayout::interleaved(2, 4),
        ..plain
    };
    // The first queries of this one see no key.
    let few_keys = Attention {
        seq_kv: 2,
        ..causal
    };
    for forward in [plain, causal, all, few_keys] {
        check_differences(&forward);
    }
}

#[test]
fn one_query_and_two_keys_by_hand() {
    // Weights 1/4 and 3/4, O = 3/4, dP = 0 and 2, delta = 3/2: dS = -3/8 and 3/8.
    let forward = Attention {
        scale: Some(2.0),
        seq_kv: 2,
        ..Attention::new(1, 1, 1, 1)
    };
    let inputs = Exact(vec![
        vec![1.0],
        vec![0.0, 3f64.ln() / 2.0],
        vec![0.0, 1.0],
        vec![0.75],
        vec![4f64.ln()],
        vec![2.0],
    ]);
    let found = values(&AttentionBackward { forward }, &inputs);
    let want = [0.375 * 3f64.ln(), -0.75, 0.75, 0.5, 1.5];
    for (f, w) in found.iter().zip(want) {
        assert!((f - w).abs() < 1e-12, "{found:?}, want {want:?}");
    }
}

#[test]
fn a_row_without_a_sum_has_no_gradient() {
    let forward = Attention::new(1, 1, 1, 1);
    let inputs = Exact(vec![
        vec![1.0],
        vec![1.0],
        vec![1.0],
        vec![0.0],
        vec![f64::NEG_INFINITY],
        vec![1.0],
    ]);
    assert_eq!(values(&AttentionBackward { forward }, &inputs), [0.0; 3]);
}

fn device(kind: AdapterKind) -> Capabilities {
    Capabilities::fake(kind)
        .with_features(COOPERATIVE.kernel.features)
        .with_subgroups((32, 32))
        .with_workgroup_memory()
}

/// Constants of a kernel for the gradients of an attention.
fn constants(forward: &Attention, kernel: &Kernel, device: &Capabilities) -> Result<Constants> {
    let backward = AttentionBackward { forward: *forward };
    candidate(&backward, kernel.name)?.constants(device, &Constants::new())
}

#[test]
fn what_a_kernel_lacks_is_named() {
    let plain = Attention::new(1, 2, 8, 64);
    let lacking = [
        (
            "paged cache",
            Attention {
                cache: KvCache::Paged {
                    pages: 3,
                    page_size: 4,
                },
                ..plain
            },
        ),
        ("up to 256", Attention::new(1, 1, 8, 260)),
        ("multiples of 4", Attention::new(1, 1, 8, 66)),
    ];
    for (what, forward) in lacking {
        let refused = constants(&forward, &FLASH.kernel, &device(AdapterKind::Other));
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let refused = constants(&plain, &COOPERATIVE.kernel, &device(AdapterKind::Discrete));
    assert!(refused.unwrap_err().to_string().contains("16x16x16"));
}

/// Wide heads share each block among eight subgroups, where that leaves workgroups enough for a large GPU.
#[test]
fn tiles_follow_the_heads_and_the_rows() {
    let device = device(AdapterKind::Discrete).with_matrix_units(16);
    let subgroups = |forward: &Attention| {
        let found = constants(forward, &COOPERATIVE.kernel, &device).unwrap();
        ["SUBGROUPS_KEYS", "SUBGROUPS_QUERIES"].map(|name| found.integer(name))
    };
    for (forward, wanted) in [
        (Attention::new(1, 16, 4096, 64), [4, 4]),
        (Attention::new(1, 16, 4096, 128), [8, 8]),
        (Attention::new(1, 16, 1024, 96), [8, 8]),
        (Attention::new(1, 16, 512, 128), [4, 4]),
        (
            Attention {
                kv_heads: 2,
                ..Attention::new(1, 16, 4096, 128)
            },
            [4, 8],
        ),
    ] {
        let forward = Attention {
            dtype: Dtype::F16,
            ..forward
        };
        assert_eq!(subgroups(&forward), wanted.map(Some), "{forward:?}");
    }
}

#[test]
fn gradients_that_would_overlap_are_refused() {
    // Queries shared by the batch can be read, and their gradients not be written.
    let shared = HeadLayout {
        batch: Some(0),
        ..HeadLayout::default()
    };
    let forward = Attention {
        q: shared,
        ..Attention::new(2, 1, 8, 16)
    };
    forward.validate().unwrap();
    let error = AttentionBackward { forward }.validate().unwrap_err();
    assert!(error.to_string().contains("`d_q` overlap"), "{error}");
}

#[test]
fn key_heads_without_query_heads_are_refused() {
    let forward = Attention {
        kv_heads: 3,
        seq_kv: 45,
        ..Attention::new(2, 0, 4, 8)
    };
    forward.validate().unwrap();
    let error = AttentionBackward { forward }.validate().unwrap_err();
    assert!(error.to_string().contains("no query heads"), "{error}");
}

#[test]
fn dispatches_are_cut_for_a_slow_adapter() {
    let backward = AttentionBackward {
        forward: Attention::new(1, 8, 2048, 64),
    };
    let constants = constants(
        &backward.forward,
        &FLASH.kernel,
        &device(AdapterKind::Other),
    );
    let features = wgpu::Features::empty();
    let prepared = FLASH
        .kernel
        .prepare(&constants.unwrap(), Loops::AsWritten, features);
    let prepared = prepared.unwrap();
    let stages: Vec<&Prepared> = prepared.iter().map(|stage| &**stage).collect();
    let steps = |kind| {
        let schedule = FLASH.bound(&backward).schedule(&stages, &device(kind));
        schedule.unwrap().steps
    };
    assert_eq!(steps(AdapterKind::Discrete).len(), 3);
    let cut = steps(AdapterKind::Software);
    // 21 GFLOP in two stages.
    assert!(cut.len() > 200, "{}", cut.len());
    let workgroups = |stage: usize| -> u32 {
        let of = cut.iter().filter(|step| step.stage == stage);
        of.map(|step| step.workgroups.iter().product::<u32>()).sum()
    };
    assert_eq!(
        [workgroups(1), workgroups(2)],
        [8 * 2048 / stages[1].constant("TILE"); 2]
    );
}
