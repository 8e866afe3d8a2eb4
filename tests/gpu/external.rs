//! A kernel of another crate: planned, verified, timed and tuned like the house's own.

use crate::common;
use pollster::block_on;
use ridgepoint::bench::Coverage;
use ridgepoint::check::{self, Outcome};
use ridgepoint::gpu::Capabilities;
use ridgepoint::kernel::{BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage};
use ridgepoint::ops::{self, Extended, Family, Fit, Implementation, Kernels};
use ridgepoint::shader::{Checks, Prepared, Shader};
use ridgepoint::{
    Dtype, Error, GpuOptions, Operation, Plan, PlanOptions, Result, Stream, StreamKind,
};

tests! {
    an_external_kernel_is_planned_and_verified,
    an_external_kernel_is_tuned_and_its_tuning_is_used,
    names_and_tables_that_do_not_fit_are_refused,
}

/// A copy whose `WORKGROUP` is chosen by a search.
static COPY: Shader = Shader {
    name: "outside_copy",
    wgsl: "
const WORKGROUP: u32 = 64;
alias Elem = f32;
struct Params { count: u32, a: u32, b: u32, c: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;
@compute @workgroup_size(WORKGROUP)
fn outside_copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * WORKGROUP + id.x;
    if i < params.count { y[i] = x[i]; }
}
",
};

static OUTSIDE: Implementation<Stream> = Implementation {
    kernel: Kernel {
        dtypes: &[Dtype::F32],
        ..Kernel::new(
            "outside_copy",
            "one element an invocation",
            &[Stage::of(&COPY)],
        )
    },
    fit: |stream, _| match stream.kind {
        StreamKind::Copy => Fit::Best,
        _ => Fit::Unable("it copies".to_owned()),
    },
    constants: |_, _, _| Ok(Constants::new()),
    alternatives: |_, _| {
        [32u32, 128, 256]
            .map(|size| Constants::new().set("WORKGROUP", size))
            .to_vec()
    },
    schedule,
    samples: Some(|_| {
        let sizes = [1, 63, 64, 65, 1000, 70_001];
        sizes
            .map(|n| Box::new(Stream::new(StreamKind::Copy, n)) as Box<dyn Operation>)
            .into()
    }),
};

fn schedule(stream: &Stream, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let workgroup = u64::from(stages[0].constant("WORKGROUP"));
    let workgroups = stream.elements.div_ceil(workgroup);
    if stream.elements == 0 {
        return Ok(Schedule::default());
    }
    let bytes = stream.elements * 4;
    Ok(Schedule {
        steps: vec![Dispatch {
            stage: 0,
            params: [stream.elements as u32, 0, 0, 0]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect(),
            windows: vec![
                BindingRange::whole(Slot::Operand(0), bytes),
                BindingRange::whole(Slot::Operand(1), bytes),
            ],
            workgroups: ridgepoint::kernel::fold_workgroups(workgroups, &device.limits)?,
        }],
        scratch: Vec::new(),
    })
}

#[derive(Debug, Clone, Copy)]
struct Outside;

impl Kernels for Outside {
    type Operation = Stream;

    fn base() -> &'static Family {
        ops::family("copy").unwrap()
    }

    const TABLE: &'static [&'static Implementation<Stream>] = &[&OUTSIDE];
}

fn copy(elements: u64) -> Extended<Outside> {
    Extended::new(Stream::new(StreamKind::Copy, elements)).unwrap()
}

fn an_external_kernel_is_planned_and_verified() {
    let Some(gpu) = common::gpu() else { return };
    let shape = copy(5000);
    let plan = common::plan(gpu, &shape, &PlanOptions::default()).unwrap();
    assert_eq!(plan.kernel().name, "outside_copy");
    // Nobody vouches for its text: it has runtime checks, and says so.
    assert_eq!(plan.checks(), Checks::On);
    let space = common::space(gpu, &shape, None);
    common::verify(gpu, &shape, &plan, &space, Coverage::Full);
    // f16 falls to the house's kernel, and the house's shapes to the house's kernels.
    let half = (shape.family().parse)("5000", Dtype::F16).unwrap();
    if let Some(plan) = common::plan(gpu, half.as_ref(), &PlanOptions::default()) {
        assert_eq!(plan.kernel().name, "stream_copy");
    }
    for kernel in shape.family().kernels {
        let gate = check::kernel(gpu, shape.family(), kernel, Checks::On, 7, None);
        let gate = block_on(gate).unwrap();
        assert_eq!(gate.outcome, Outcome::Pass, "{gate:?}");
    }
    assert_eq!(shape.halved().unwrap().label(), "2500");
}

fn an_external_kernel_is_tuned_and_its_tuning_is_used() {
    use ridgepoint::report::{Machine, Tuning};
    use ridgepoint::tune::{Job, TuneOptions, Tuner};
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let summary = gpu.summary().clone();
    let mut tuner = Tuner::new(
        gpu,
        GpuOptions::from_env().unwrap(),
        TuneOptions::default(),
        &|| false,
    );
    let job = Job::of(Box::new(copy(300_000))).unwrap();
    let budget = ridgepoint::tune::Budget::within(std::time::Duration::from_secs(10));
    let mut found = block_on(tuner.tune(job, &budget)).unwrap();
    assert_eq!(found.default.kernel, "outside_copy");
    assert!(found.tried >= 2, "{found:?}");
    let mut winner = found.default.clone();
    winner.constants.insert(
        "WORKGROUP".to_owned(),
        ridgepoint::report::Setting::Integer(128),
    );
    found.winner = Some(winner);
    let mut tuning = Tuning::new(Machine::of(&summary));
    tuning.keep(found);
    let options = PlanOptions {
        tuning: Some(tuning.into()),
        ..PlanOptions::default()
    };
    let plan = block_on(Plan::new(tuner.gpu(), &copy(300_000), &options)).unwrap();
    assert_eq!(
        plan.constants().integer("WORKGROUP"),
        Some(128),
        "{}",
        plan.reason()
    );
}

#[derive(Debug, Clone, Copy)]
struct Twice;

impl Kernels for Twice {
    type Operation = Stream;

    fn base() -> &'static Family {
        ops::family("copy").unwrap()
    }

    const TABLE: &'static [&'static Implementation<Stream>] = &[&OUTSIDE, &OUTSIDE];
}

fn names_and_tables_that_do_not_fit_are_refused() {
    let other = Extended::<Outside>::new(Stream::new(StreamKind::Add, 5)).unwrap_err();
    assert!(
        matches!(&other, Error::Argument { reason, .. } if reason.contains("copy")),
        "{other}"
    );
    let twice = Extended::<Twice>::new(Stream::new(StreamKind::Copy, 5)).unwrap_err();
    assert!(
        twice
            .to_string()
            .contains("two kernels are called outside_copy"),
        "{twice}"
    );
}
