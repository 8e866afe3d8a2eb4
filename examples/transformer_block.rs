//! A transformer block (norm, matmul, attention, matmul, matmul with activation) as one submission, and its time beside the
//! sum of its parts.
//!
//! ```text
//! cargo run --release --example transformer_block
//! ```

use pollster::block_on;
use ridgepoint::bench::{GpuClock, measure};
use ridgepoint::gpu::{AdapterKind, View};
use ridgepoint::ops::Affine;
use ridgepoint::plan::Launch;
use ridgepoint::report::Sampling;
use ridgepoint::{
    Activation, Attention, Dtype, Gpu, GpuOptions, HeadLayout, Layout, Mask, Matmul, Norm,
    NormKind, Operation, Order, Plan, PlanOptions, Result,
};

/// Sizes of a block.
struct Sizes {
    tokens: u64,
    heads: u64,
    head_dim: u64,
}

/// `x * weight^T`, with the weight as model files have it.
fn linear(rows: u64, inputs: u64, outputs: u64, dtype: Dtype, activation: Activation) -> Matmul {
    let b = Layout {
        order: Order::ColumnMajor,
        ..Layout::default()
    };
    Matmul {
        dtype,
        output: dtype,
        b,
        activation,
        ..Matmul::new(rows, outputs, inputs)
    }
}

/// Parts of a block over buffers `x`, `weights..`, each with the buffers that it reads and writes, by their places.
fn parts(sizes: &Sizes, dtype: Dtype) -> Vec<(&'static str, Box<dyn Operation>, Vec<usize>)> {
    let Sizes {
        tokens,
        heads,
        head_dim,
    } = *sizes;
    let width = heads * head_dim;
    // Q, K and V lie side by side in the rows of one product.
    let packed = |place: u64| HeadLayout {
        offset: place * width,
        row: Some(3 * width),
        head: Some(head_dim),
        batch: None,
    };
    let norm = Norm {
        dtype,
        affine: Affine::Weight,
        ..Norm::new(NormKind::Rms, tokens, width)
    };
    let attention = Attention {
        dtype,
        mask: Mask::Causal,
        q: packed(0),
        k: packed(1),
        v: packed(2),
        o: HeadLayout::interleaved(heads, head_dim),
        ..Attention::new(1, heads, tokens, head_dim)
    };
    let plain = Activation::None;
    vec![
        ("norm", Box::new(norm), vec![0, 1, 2]),
        (
            "matmul",
            Box::new(linear(tokens, width, 3 * width, dtype, plain)),
            vec![2, 3, 4],
        ),
        ("attention", Box::new(attention), vec![4, 4, 4, 5]),
        (
            "matmul",
            Box::new(linear(tokens, width, width, dtype, plain)),
            vec![5, 6, 7],
        ),
        (
            "matmul, gelu",
            Box::new(linear(tokens, width, 4 * width, dtype, Activation::Gelu)),
            vec![7, 8, 9],
        ),
    ]
}

/// Seconds of one execution of `launch`.
async fn seconds(gpu: &Gpu, launch: &Launch) -> Result<f64> {
    let mut clock = GpuClock::new(gpu, launch).await?;
    let measured = measure(&mut clock, &Sampling::quick(), &|| false).await?;
    Ok(measured.time.map_or(f64::NAN, |time| time.median))
}

async fn run() -> Result<()> {
    let gpu = Gpu::open(&GpuOptions::from_env()?).await?;
    let sizes = match gpu.summary().kind {
        AdapterKind::Software => Sizes {
            tokens: 64,
            heads: 4,
            head_dim: 32,
        },
        _ => Sizes {
            tokens: 2048,
            heads: 32,
            head_dim: 128,
        },
    };
    let has_f16 = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    let dtype = if has_f16 { Dtype::F16 } else { Dtype::F32 };
    let parts = parts(&sizes, dtype);
    // A buffer has room for whichever part needs most of it.
    let mut elements = vec![0; 10];
    for (_, operation, places) in &parts {
        for (operand, place) in operation.operands().iter().zip(places) {
            elements[*place] = operand.elements.max(elements[*place]);
        }
    }
    let mut buffers = Vec::new();
    for elements in &elements {
        let buffer = gpu
            .create_storage("block", elements * dtype.bytes())
            .await?;
        let view = View::part(&buffer, 0, *elements, dtype);
        gpu.fill_random(
            view,
            7,
            buffers.len(),
            ridgepoint::data::Distribution::Uniform,
        )
        .await?;
        buffers.push(buffer);
    }
    let view = |place: &usize| View::whole(&buffers[*place], dtype);
    let Sizes {
        tokens,
        heads,
        head_dim,
    } = sizes;
    println!(
        "{}, {}, {tokens} tokens, {heads} heads of {head_dim}",
        gpu.summary().name,
        dtype.name()
    );
    let mut launches = Vec::new();
    let (mut sum, mut flops) = (0.0, 0);
    for (name, operation, places) in &parts {
        let plan = Plan::new(&gpu, operation.as_ref(), &PlanOptions::default()).await?;
        let views: Vec<View<'_>> = places.iter().map(view).collect();
        let launch = plan.bind(&views)?;
        let time = seconds(&gpu, &launch).await?;
        println!("{name:13} {:10.1} us  {}", time * 1e6, plan.kernel().name);
        sum += time;
        flops += plan.flops();
        launches.push(launch);
    }
    let block = Launch::joined(launches);
    // One submission, as a program would do it.
    block.run(&gpu).await?;
    let whole = seconds(&gpu, &block).await?;
    println!("sum of parts  {:10.1} us", sum * 1e6);
    println!(
        "the block     {:10.1} us  {:.2} of the sum, {:.1} TFLOP/s",
        whole * 1e6,
        whole / sum,
        flops as f64 / whole / 1e12
    );
    Ok(())
}

fn main() -> Result<()> {
    block_on(run())
}
