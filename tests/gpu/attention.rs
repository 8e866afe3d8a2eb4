//! Attention on scores that the generator does not give: very large, all equal, and one key.

use crate::common;
use pollster::block_on;
use ridgepoint::data::{Distribution, Dtype, generate};
use ridgepoint::ops::family;
use ridgepoint::{Attention, Error, Gpu, Mask, Operation, Plan, PlanOptions, gpu::View};

tests! {
    scores_up_to_ten_thousand_do_not_overflow,
    equal_scores_give_the_mean_even_far_below_zero,
    one_key_gives_its_value_to_those_who_see_it,
}

const SHAPE: Attention = Attention {
    seq_kv: 77,
    mask: Mask::Causal,
    ..Attention::new(1, 2, 45, 64)
};

/// Runs every kernel on `inputs` and holds it against the reference; gives what the last answered that can.
fn check(gpu: &Gpu, shape: &Attention, inputs: &[Vec<f32>; 3]) -> Vec<f32> {
    let outputs = shape.operands()[3].elements;
    let all: Vec<u64> = (0..outputs).collect();
    let mut got = Vec::new();
    for kernel in family("attention").unwrap().kernels {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            ..Default::default()
        };
        let answer = block_on(async {
            let plan = match Plan::new(gpu, shape, &options).await {
                Err(Error::Unsupported { .. }) => return None,
                other => other.unwrap(),
            };
            let mut buffers = Vec::new();
            for values in inputs {
                buffers.push(gpu.upload("input", values, Dtype::F32).await.unwrap());
            }
            buffers.push(gpu.create_storage("o", outputs * 4).await.unwrap());
            let views: Vec<View<'_>> = buffers.iter().map(|b| View::whole(b, Dtype::F32)).collect();
            let mut encoder = gpu
                .device()
                .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            plan.record(&mut encoder, &views).unwrap();
            gpu.submit(encoder, "a test").await.unwrap();
            Some(gpu.download(views[3]).await.unwrap())
        });
        let Some(answer) = answer else {
            continue;
        };
        got = answer;
        let expected = shape.expected(kernel.intermediates, &inputs.as_slice(), &all);
        for (i, (e, g)) in expected.iter().zip(&got).enumerate() {
            let right = e.excess(f64::from(*g)) <= 1.0;
            assert!(
                right,
                "{} {}: {i}: {g}, want {e:?}",
                kernel.name,
                shape.label()
            );
        }
    }
    got
}

fn inputs(shape: &Attention) -> [Vec<f32>; 3] {
    let operands = shape.operands();
    [0, 1, 2].map(|i| {
        let count = operands[i].elements as usize;
        generate(9, i, count, Dtype::F32, Distribution::Uniform)
    })
}

fn scores_up_to_ten_thousand_do_not_overflow() {
    let Some(gpu) = common::gpu() else { return };
    for mask in [Mask::None, Mask::Causal] {
        let shape = Attention { mask, ..SHAPE };
        let mut inputs = inputs(&shape);
        inputs[0].iter_mut().for_each(|q| *q *= 3e4);
        check(gpu, &shape, &inputs);
    }
}

fn equal_scores_give_the_mean_even_far_below_zero() {
    let Some(gpu) = common::gpu() else { return };
    let shape = Attention {
        mask: Mask::None,
        ..SHAPE
    };
    for score in [0.0, -1e4, 1e4] {
        let mut inputs = inputs(&shape);
        inputs[0].fill(score / 8.0);
        inputs[1].fill(1.0);
        inputs[2].fill(0.75);
        let got = check(gpu, &shape, &inputs);
        assert!(got.iter().all(|o| (o - 0.75).abs() < 1e-5), "{score}");
    }
}

fn one_key_gives_its_value_to_those_who_see_it() {
    let Some(gpu) = common::gpu() else { return };
    let shape = Attention { seq_kv: 1, ..SHAPE };
    let inputs = inputs(&shape);
    let got = check(gpu, &shape, &inputs);
    let row = |head: usize, query: usize| {
        let first = (head * 45 + query) * 64;
        &got[first..first + 64]
    };
    for head in 0..2 {
        assert!(row(head, 43).iter().all(|o| *o == 0.0));
        let value = &inputs[2][head * 64..(head + 1) * 64];
        let near = |(o, v): (&f32, &f32)| (o - v).abs() < 1e-6;
        assert!(row(head, 44).iter().zip(value).all(near));
    }
}
