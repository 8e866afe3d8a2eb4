//! The backward of attention on O and logarithms that belong to its Q, K and V: by finite differences, with very large
//! scores, and with rows that see nothing.

use crate::common;
use pollster::block_on;
use ridgepoint::data::{Distribution, Inputs, generate};
use ridgepoint::kernel::Kernel;
use ridgepoint::ops::{LogSumExp, family};
use ridgepoint::{
    Attention, AttentionBackward, Dtype, Error, Gpu, Mask, Operation, Plan, PlanOptions, gpu::View,
};

tests! {
    gradients_are_those_of_the_forward_by_finite_differences,
    scores_up_to_ten_thousand_do_not_overflow,
    rows_that_see_nothing_have_gradients_of_zero,
}

const SHAPE: Attention = Attention {
    kv_heads: 1,
    seq_kv: 77,
    mask: Mask::Causal,
    ..Attention::new(1, 2, 45, 64)
};

/// Values in f64: differences of f32 would be lost in their rounding.
struct Exact(Vec<Vec<f64>>);

impl Inputs for Exact {
    fn get(&self, operand: usize, index: u64) -> f64 {
        self.0[operand][index as usize]
    }
}

/// Right values of O and of the logarithms.
fn forward(shape: &Attention, inputs: &dyn Inputs) -> [Vec<f64>; 2] {
    let shape = Attention {
        log_sum_exp: LogSumExp::Wanted,
        ..*shape
    };
    let [o, lse] = [3, 4].map(|i| shape.operands()[i].elements);
    let indices: Vec<u64> = (0..o + lse).collect();
    let all = shape.expected(Dtype::F32, inputs, &indices);
    let (o, lse) = all.split_at(o as usize);
    [o, lse].map(|part| part.iter().map(|e| e.value).collect())
}

fn generated(operand: usize, count: u64, dtype: Dtype) -> Vec<f32> {
    generate(9, operand, count as usize, dtype, Distribution::Uniform)
}

/// Q times `factor`, K, V, and O, logarithms and dO that belong to them, as `dtype` holds them.
fn inputs(shape: &Attention, factor: f32) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = (0..3)
        .map(|i| generated(i, shape.operands()[i].elements, shape.dtype))
        .collect();
    let rounded = |values: &[f32]| shape.dtype.decode(&shape.dtype.encode(values));
    values[0].iter_mut().for_each(|q| *q *= factor);
    values[0] = rounded(&values[0]);
    let [o, lse] = forward(shape, &values.as_slice())
        .map(|part| part.into_iter().map(|x| x as f32).collect::<Vec<f32>>());
    let d_o = generated(5, o.len() as u64, shape.dtype);
    values.extend([rounded(&o), lse, d_o]);
    values
}

/// Gradients that `kernel` computes, one behind the other; `None` where it does not run.
fn run(
    gpu: &Gpu,
    backward: &AttentionBackward,
    kernel: &'static Kernel,
    inputs: &[Vec<f32>],
) -> Option<Vec<f32>> {
    let options = PlanOptions {
        kernel: Some(kernel.name),
        ..Default::default()
    };
    block_on(async {
        let plan = match Plan::new(gpu, backward, &options).await {
            Err(Error::Unsupported { .. }) => return None,
            other => other.unwrap(),
        };
        let operands = backward.operands();
        let mut buffers = Vec::new();
        for (operand, values) in operands.iter().zip(inputs) {
            let buffer = gpu.upload(operand.name, values, operand.dtype).await;
            buffers.push(buffer.unwrap());
        }
        for operand in &operands[inputs.len()..] {
            let bytes = operand.elements * operand.dtype.bytes();
            buffers.push(gpu.create_storage(operand.name, bytes).await.unwrap());
        }
        let views: Vec<View<'_>> = buffers
            .iter()
            .zip(&operands)
            .map(|(b, o)| View::part(b, 0, o.elements, o.dtype))
            .collect();
        plan.bind(&views).unwrap().run(gpu).await.unwrap();
        let mut got = Vec::new();
        for view in &views[inputs.len()..] {
            got.extend(gpu.download(*view).await.unwrap());
        }
        Some(got)
    })
}

/// Holds every kernel that runs here against the reference, and hands its answer to `also` with what is allowed.
fn check(gpu: &Gpu, shape: &Attention, inputs: &[Vec<f32>], also: impl Fn(&[f32], &[f64])) {
    let backward = AttentionBackward { forward: *shape };
    let outputs = &backward.operands()[inputs.len()..];
    let all: Vec<u64> = (0..outputs.iter().map(|o| o.elements).sum()).collect();
    for kernel in family("attention_backward").unwrap().kernels {
        let Some(got) = run(gpu, &backward, kernel, inputs) else {
            assert!(!kernel.features.is_empty() || shape.dtype == Dtype::F16);
            continue;
        };
        let expected = backward.expected(kernel.intermediates, &inputs, &all);
        let mut allowed = Vec::new();
        for (i, (e, g)) in expected.iter().zip(&got).enumerate() {
            let most = e.allowed + ridgepoint::tolerance::storing(e.value, shape.dtype);
            let error = (f64::from(*g) - e.value).abs();
            let name = kernel.name;
            assert!(
                error <= most,
                "{name} {}: {i}: {g}, want {e:?}",
                shape.label()
            );
            allowed.push(most);
        }
        also(&got, &allowed);
    }
}

fn gradients_are_those_of_the_forward_by_finite_differences() {
    let Some(gpu) = common::gpu() else { return };
    for dtype in [Dtype::F32, Dtype::F16] {
        let shape = Attention { dtype, ..SHAPE };
        let inputs = inputs(&shape, 1.0);
        let d_o = &inputs[5];
        check(gpu, &shape, &inputs, |got, allowed| {
            // Along the gradient itself, where the loss changes the most.
            let steps: Vec<f64> = got.iter().map(|g| f64::from(*g)).collect();
            let slope = slope(&shape, &inputs[..3], d_o, &steps);
            let found: f64 = steps.iter().map(|g| g * g).sum();
            let mut most: f64 = steps.iter().zip(allowed).map(|(g, a)| g.abs() * a).sum();
            // O is rounded, and delta with it, by a unit of each of its terms. That is dS of a row whose weights sum to
            // 1, which K and Q, less than 1, and the scale of 1 / 8 take to dQ and dK.
            let terms = inputs[3].chunks(64).zip(d_o.chunks(64));
            let magnitudes = terms.map(|(o, d)| o.iter().zip(d).map(|(o, d)| (o * d).abs()).sum());
            let delta = magnitudes.fold(0.0, |m: f64, row: f32| m.max(row.into()))
                * shape.dtype.unit_roundoff();
            let (d_q, d_k) = steps.split_at(2 * 45 * 64);
            let widest = d_k[..77 * 64].iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            let rows: f64 = d_q.iter().map(|g| g.abs()).sum();
            most += delta / 8.0 * (rows + 2.0 * 45.0 * 64.0 * widest);
            let error = (found - slope).abs();
            assert!(error <= most, "{found}, by differences {slope} +- {most}");
            assert!(most < 0.05 * slope, "{slope} +- {most} says nothing");
        });
    }
}

/// How the loss, the sum of dO times O, grows along `steps` in Q, K and V.
fn slope(shape: &Attention, inputs: &[Vec<f32>], d_o: &[f32], steps: &[f64]) -> f64 {
    let loss = |size: f64| {
        let mut rest = steps.iter();
        let mut moved = |values: &Vec<f32>| -> Vec<f64> {
            let along = values.iter().zip(&mut rest);
            along.map(|(x, s)| f64::from(*x) + size * s).collect()
        };
        let moved = Exact(inputs.iter().map(&mut moved).collect());
        let [o, _] = forward(shape, &moved);
        let products = o.iter().zip(d_o).map(|(o, d)| o * f64::from(*d));
        products.sum::<f64>()
    };
    (loss(1e-5) - loss(-1e-5)) / 2e-5
}

fn scores_up_to_ten_thousand_do_not_overflow() {
    let Some(gpu) = common::gpu() else { return };
    for dtype in [Dtype::F32, Dtype::F16] {
        let shape = Attention { dtype, ..SHAPE };
        check(gpu, &shape, &inputs(&shape, 2e4), |_, _| {});
    }
}

fn rows_that_see_nothing_have_gradients_of_zero() {
    let Some(gpu) = common::gpu() else { return };
    // One key, which the last query of each head alone sees: its weight is 1, so dS is 0.
    let shape = Attention { seq_kv: 1, ..SHAPE };
    let inputs = inputs(&shape, 1.0);
    assert!(inputs[4][0].is_infinite() && inputs[4][44].is_finite());
    check(gpu, &shape, &inputs, |got, _| {
        assert!(got[..44 * 64].iter().all(|d_q| *d_q == 0.0));
        let d_v = &got[got.len() - 64..];
        let d_o = |head: usize| &inputs[5][(45 * head + 44) * 64..][..64];
        for (i, d_v) in d_v.iter().enumerate() {
            assert!((d_v - d_o(0)[i] - d_o(1)[i]).abs() < 1e-4);
        }
    });
}
