//! A kernel from outside the crate: its WGSL and its line of the table, planned, verified and timed as the
//! crate's own are.
//!
//! ```text
//! cargo run --release --example external_kernel
//! ```

use pollster::block_on;
use ridgepoint::bench::{GpuClock, OperandBuffers, measure};
use ridgepoint::gpu::Capabilities;
use ridgepoint::kernel::{
    BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage, fold_workgroups,
};
use ridgepoint::ops::{Extended, Family, Fit, Implementation, Kernels, Softmax, family};
use ridgepoint::report::Sampling;
use ridgepoint::shader::{Checks, Prepared, Shader};
use ridgepoint::{Dtype, Gpu, GpuOptions, Operation, Plan, PlanOptions, Result, check};

/// One invocation for each row: good for very many rows of a few columns.
static ROWS: Shader = Shader {
    name: "softmax_per_invocation",
    wgsl: "
const WORKGROUP: u32 = 64;
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(WORKGROUP)
fn softmax_per_invocation(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let row = (group.y * groups.x + group.x) * WORKGROUP + i;
    if row >= params.rows { return; }
    let first = row * params.cols;
    var largest = x[first];
    for (var c = 1u; c < params.cols; c++) { largest = max(largest, x[first + c]); }
    var sum = 0.0;
    for (var c = 0u; c < params.cols; c++) { sum += exp(x[first + c] - largest); }
    for (var c = 0u; c < params.cols; c++) { y[first + c] = exp(x[first + c] - largest) / sum; }
}
",
};

static PER_INVOCATION: Implementation<Softmax> = Implementation {
    kernel: Kernel {
        dtypes: &[Dtype::F32],
        ..Kernel::new(
            "softmax_per_invocation",
            "one row an invocation",
            &[Stage::of(&ROWS)],
        )
    },
    fit: |softmax, _| {
        let plain = Softmax::new(softmax.rows, softmax.cols);
        match softmax.cols {
            _ if *softmax != plain => Fit::Unable("it has no options".to_owned()),
            0..=16 => Fit::Best,
            cols => Fit::Able(format!("{cols} columns; made for 16 at most")),
        }
    },
    constants: |_, _, _| Ok(Constants::new()),
    // Constants that a search tries beside the file's own.
    alternatives: |_, _| {
        [32u32, 128, 256]
            .map(|size| Constants::new().set("WORKGROUP", size))
            .into()
    },
    schedule,
    // Shapes that the kernel is verified on.
    samples: Some(|_| {
        let shapes = [(1, 1), (64, 3), (65, 16), (1000, 7), (100_000, 4)];
        let shape = |(rows, cols)| Box::new(Softmax::new(rows, cols)) as Box<dyn Operation>;
        shapes.map(shape).into()
    }),
};

fn schedule(softmax: &Softmax, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    if softmax.rows * softmax.cols == 0 {
        return Ok(Schedule::default());
    }
    let bytes = softmax.rows * softmax.cols * 4;
    let workgroups = softmax
        .rows
        .div_ceil(stages[0].constant("WORKGROUP").into());
    let step = Dispatch {
        stage: 0,
        params: bytemuck::cast_slice(&[softmax.rows as u32, softmax.cols as u32]).to_vec(),
        windows: [0, 1]
            .map(|i| BindingRange::whole(Slot::Operand(i), bytes))
            .into(),
        workgroups: fold_workgroups(workgroups, &device.limits)?,
    };
    Ok(Schedule {
        steps: vec![step],
        scratch: Vec::new(),
    })
}

/// The crate's softmax with the kernel above in its table.
#[derive(Debug, Clone, Copy)]
struct Mine;

impl Kernels for Mine {
    type Operation = Softmax;
    const TABLE: &'static [&'static Implementation<Softmax>] = &[&PER_INVOCATION];

    fn base() -> &'static Family {
        family("softmax").expect("softmax is an operation")
    }
}

fn main() -> Result<()> {
    let gpu = block_on(Gpu::open(&GpuOptions::from_env()?))?;
    let softmax = Extended::<Mine>::new(Softmax::new(200_000, 8))?;

    let kernel = &PER_INVOCATION.kernel;
    let gate = block_on(check::kernel(
        &gpu,
        softmax.family(),
        kernel,
        Checks::On,
        1,
        None,
    ))?;
    println!("{}: {:?}, {}", gate.name, gate.outcome, gate.detail);

    let buffers = block_on(OperandBuffers::new(&gpu, &softmax, 1))?;
    for name in [None, Some("softmax_grouped"), Some("softmax_online")] {
        let options = PlanOptions {
            kernel: name,
            checks: Checks::On,
            ..PlanOptions::default()
        };
        let plan = block_on(Plan::new(&gpu, &softmax, &options))?;
        let launch = plan.bind(&buffers.views())?;
        let mut clock = block_on(GpuClock::new(&gpu, &launch))?;
        let measured = block_on(measure(&mut clock, &Sampling::quick(), &|| false))?;
        let time = measured.time.map_or(f64::NAN, |time| time.median);
        println!(
            "{:22} {:9.1} us, {}",
            plan.kernel().name,
            time * 1e6,
            plan.reason()
        );
    }
    Ok(())
}
