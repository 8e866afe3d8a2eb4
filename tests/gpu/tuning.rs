//! Plans made from a tuning, and plans that a tuning does not fit.

use crate::common;
use pollster::block_on;
use ridgepoint::bench::Coverage;
use ridgepoint::ops::family;
use ridgepoint::report::{AdapterKind, Machine, Setting, StopReason, Tuned, TunedConfig};
use ridgepoint::shader::{Checks, Constant};
use ridgepoint::tune::{Budget, Event, Job, TuneOptions, Tuner, candidates};
use ridgepoint::{
    Attention, Dtype, Gpu, GpuOptions, Mask, Matmul, Operation, Plan, PlanOptions, Tuning,
};
use std::cell::Cell;
use std::time::Duration;

tests! {
    a_plan_from_a_tuning_says_so,
    a_tuning_that_does_not_fit_is_never_an_error,
    a_search_on_a_device_ends_and_finds_what_can_be_planned,
    a_default_that_loses_the_device_fails_alone,
    a_candidate_that_loses_the_device_is_passed_over,
    tiles_of_attention_that_a_search_tries_are_right,
    constants_of_rows_that_a_search_tries_are_right,
    constants_of_vectors_that_a_search_tries_are_right,
    a_tuned_attention_keeps_to_its_options,
}

const SHAPE: Matmul = Matmul::new(48, 40, 32);

fn winner(kernel: &str, constants: &[(&str, Setting)]) -> TunedConfig {
    let constants = constants.iter().map(|(n, v)| ((*n).to_owned(), *v));
    TunedConfig {
        kernel: kernel.to_owned(),
        constants: constants.collect(),
        time_s: 1e-3,
    }
}

/// A tuning of `gpu` with one class, the class of [`SHAPE`].
fn tuning(gpu: &Gpu, winner: Option<TunedConfig>) -> Tuning {
    let mut tuning = Tuning::new(Machine::of(gpu.summary()));
    tuning.keep(Tuned {
        operation: "matmul".into(),
        dtype: Dtype::F32,
        class: "square_small".into(),
        checks: Checks::Off,
        shape: SHAPE.label(),
        flops: SHAPE.flops(),
        min_bytes: SHAPE.min_bytes(),
        default: self::winner("matmul_blocked", &[]),
        winner,
        gain: 0.25,
        spread: 0.01,
        tried: 2,
        passed_over: Vec::new(),
        warnings: Vec::new(),
        ended: StopReason::Complete,
        lasted_s: 1.0,
    });
    tuning
}

fn plan(gpu: &Gpu, tuning: Option<Tuning>) -> Plan {
    let options = PlanOptions {
        tuning: tuning.map(Into::into),
        ..PlanOptions::default()
    };
    block_on(Plan::new(gpu, &SHAPE, &options)).unwrap()
}

fn a_plan_from_a_tuning_says_so() {
    let Some(gpu) = common::gpu() else { return };
    // A tile as a whole: its constants hold together.
    let tile: Vec<(&str, Setting)> = family("matmul")
        .unwrap()
        .kernel("matmul_blocked")
        .unwrap()
        .presets[1]
        .iter()
        .map(|(name, value)| match value {
            Constant::Integer(value) => (*name, Setting::Integer(*value)),
            other => panic!("{name} is {other}"),
        })
        .collect();
    let tuned = plan(
        gpu,
        Some(tuning(gpu, Some(winner("matmul_blocked", &tile)))),
    );
    assert_eq!(
        tuned.reason(),
        "tuned on this adapter for square_small: 25.0 % faster than the default at 48x40x32"
    );
    let constant = tuned.constants().iter().find(|(name, _)| *name == "TILE_M");
    assert_eq!(constant, Some(&("TILE_M", Constant::Integer(32))));
    // A default that a search found to be best stays, and its reason says that a search was made.
    let default = plan(gpu, None);
    let same = plan(gpu, Some(tuning(gpu, None)));
    assert_eq!(same.kernel().name, default.kernel().name);
    assert!(
        same.reason()
            .ends_with("tuning found nothing faster for square_small")
    );
    // A kernel that the caller names is the caller's.
    let options = PlanOptions {
        kernel: Some("matmul_naive"),
        tuning: Some(tuning(gpu, Some(winner("matmul_tiled", &[]))).into()),
        ..PlanOptions::default()
    };
    let named = block_on(Plan::new(gpu, &SHAPE, &options)).unwrap();
    assert_eq!(named.kernel().name, "matmul_naive");
}

fn a_tuning_that_does_not_fit_is_never_an_error() {
    let Some(gpu) = common::gpu() else { return };
    let default = plan(gpu, None);
    let ignored = |tuning: Tuning, why: &str| {
        let plan = plan(gpu, Some(tuning));
        assert_eq!(plan.kernel().name, default.kernel().name);
        assert_eq!(plan.constants(), default.constants());
        let reason = plan.reason();
        assert!(
            reason.contains("its tuning is not used") && reason.contains(why),
            "{reason}"
        );
    };
    let with = |kernel, constants: &[(&str, Setting)]| tuning(gpu, Some(winner(kernel, constants)));
    ignored(with("matmul_gone", &[]), "unknown kernel");
    ignored(
        with("matmul_blocked", &[("GONE", Setting::Integer(1))]),
        "GONE",
    );
    // A tile that the file's own conditions forbid, and one that no workgroup memory holds.
    ignored(
        with("matmul_blocked", &[("TILE_M", Setting::Integer(37))]),
        "matmul_blocked",
    );
    let huge = ["TILE_M", "TILE_N", "TILE_K"].map(|name| (name, Setting::Integer(256)));
    ignored(with("matmul_blocked", &huge), "matmul_blocked");
    let wrong_type = [("TILE_M", Setting::Bool(true))];
    ignored(with("matmul_blocked", &wrong_type), "TILE_M");
    let mut other = with("matmul_naive", &[]);
    other.machine.driver_info = "another".into();
    ignored(other, "of driver another");
    let mut old = with("matmul_naive", &[]);
    old.machine.version = "0.0.1".into();
    ignored(old, "of ridgepoint 0.0.1");
}

fn a_search_on_a_device_ends_and_finds_what_can_be_planned() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let budget = Budget {
        candidates: 3,
        time: Duration::from_secs(20),
    };
    // A GPU computes SHAPE in less than other processes delay a submission by.
    let shape = match gpu.capabilities().kind {
        AdapterKind::Software | AdapterKind::Noop => SHAPE,
        _ => Matmul::new(1024, 1024, 1024),
    };
    let options = GpuOptions::from_env().unwrap();
    let mut tuner = Tuner::new(gpu, options, TuneOptions::default(), &|| false);
    let found = block_on(tuner.tune(Job::of(Box::new(shape)).unwrap(), &budget)).unwrap();
    assert_eq!(found.class, "square_small");
    // What would take too long, as on a busy device, is halved, and says so.
    let mut wanted: Option<Box<dyn Operation>> = Some(Box::new(shape));
    while wanted.as_ref().is_some_and(|w| w.label() != found.shape) {
        wanted = wanted.and_then(|wanted| wanted.halved());
    }
    assert!(wanted.is_some(), "{found:?}");
    assert!(found.tried <= 3 && found.default.time_s > 0.0, "{found:?}");
    let is_better = found
        .winner
        .as_ref()
        .is_some_and(|w| w.time_s < found.default.time_s);
    assert_eq!(is_better, found.winner.is_some(), "{found:?}");
    let mut tuning = Tuning::new(Machine::of(tuner.gpu().summary()));
    tuning.keep(found);
    assert!(
        !plan(tuner.gpu(), Some(tuning))
            .reason()
            .contains("not used")
    );
}

/// What a search of `shapes` found, and what failed in it, whose device is destroyed where the search asks for the
/// `lost_at`th time whether it should stop, counted from the first step whose name begins with `from`. `None` without an
/// adapter.
fn search_and_lose(
    shapes: &[(&str, &str)],
    from: &str,
    lost_at: usize,
) -> Option<(Vec<Tuned>, Vec<String>)> {
    let gpu = common::open(|_| {})?;
    let device = gpu.device().clone();
    let asked = Cell::new(None);
    let should_stop = || {
        asked.set(asked.get().map(|count: usize| count + 1));
        if asked.get() == Some(lost_at) {
            device.destroy();
        }
        false
    };
    let jobs = shapes.iter().map(|(name, shape)| {
        let operation = (family(name).unwrap().parse)(shape, Dtype::F32);
        Job::of(operation.unwrap()).unwrap()
    });
    let options = TuneOptions {
        time: Duration::from_secs(12),
        ..TuneOptions::default()
    };
    let reopen = GpuOptions::from_env().unwrap();
    let mut tuner = Tuner::new(gpu, reopen, options, &should_stop);
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    let mut listener = |event| {
        match event {
            Event::Begins(step) if step.starts_with(from) => {
                asked.set(asked.get().or(Some(0)));
            }
            Event::Found(one) => found.push(*one),
            Event::Failed { class, error } => failed.push(format!("{class}: {error}")),
            _ => {}
        }
        Ok(())
    };
    block_on(tuner.search(jobs.collect(), &mut listener)).unwrap();
    common::keep_until_the_end(tuner.gpu().device());
    assert!(asked.get() >= Some(lost_at), "nothing was lost: {asked:?}");
    assert_eq!(tuner.gpu().fault(), Ok(()));
    Some((found, failed))
}

/// The device is lost under a default: its class fails, and the others are searched on a new device.
fn a_default_that_loses_the_device_fails_alone() {
    let shapes = [("matmul", "48x40x32"), ("triad", "65536")];
    let Some((found, failed)) = search_and_lose(&shapes, "a look at", 1) else {
        return;
    };
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("lost the device"), "{failed:?}");
    assert!(
        failed[0].ends_with("the device was opened again"),
        "{failed:?}"
    );
    assert_eq!(found.len(), 1, "{found:?}");
}

/// The device is lost under a candidate: it is passed over, and the search goes on.
fn a_candidate_that_loses_the_device_is_passed_over() {
    // Samples of the default come first, as many as its time allows.
    for lost_at in [100, 200, 400] {
        let Some((found, failed)) = search_and_lose(&[("triad", "65536")], "triad", lost_at) else {
            return;
        };
        let mut passed_over = found.iter().flat_map(|tuned| &tuned.passed_over);
        if failed.is_empty() && passed_over.any(|why| why.contains("it lost the device")) {
            assert!(found.iter().all(|tuned| tuned.tried > 1), "{found:?}");
            return;
        }
    }
    panic!("the default lost it each time");
}

/// All that a search may try for attention, on small shapes of its classes.
fn tiles_of_attention_that_a_search_tries_are_right() {
    let Some(gpu) = common::gpu() else { return };
    let tried = ["attention", "attention_backward"].map(|name| {
        let jobs = Job::all(family(name).unwrap(), Dtype::F32, AdapterKind::Software);
        let jobs = jobs.unwrap().into_iter();
        jobs.map(|job| verify_candidates(gpu, job.operation.as_ref(), 12))
            .sum::<usize>()
    });
    assert!(tried.iter().sum::<usize>() > 24, "{tried:?}");
}

/// All that a search may try for rows that are short, that a workgroup holds, and that none holds; no power of two divides
/// them.
fn constants_of_rows_that_a_search_tries_are_right() {
    let shapes = [
        ("67x52", Dtype::F32),
        ("9x1000", Dtype::F16),
        ("3x20484", Dtype::F32),
    ];
    for name in ["softmax", "layer_norm"] {
        verify_all_candidates(name, &shapes);
    }
}

/// All that a search may try for whole vectors, of which no load divides the length.
fn constants_of_vectors_that_a_search_tries_are_right() {
    for name in ["triad", "max", "dot"] {
        verify_all_candidates(name, &[("300002", Dtype::F32), ("4099", Dtype::F16)]);
    }
}

fn verify_all_candidates(name: &str, shapes: &[(&str, Dtype)]) {
    let Some(gpu) = common::gpu() else { return };
    let has_f16 = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    for (shape, dtype) in shapes {
        let dtype = if has_f16 { *dtype } else { Dtype::F32 };
        let operation = (family(name).unwrap().parse)(shape, dtype).unwrap();
        let tried = verify_candidates(gpu, operation.as_ref(), 100);
        assert!(tried > 8, "{name} {shape}: {tried}");
    }
}

/// Holds the result of each of the first `most` candidates of `operation` against the reference; how many there were.
#[track_caller]
fn verify_candidates(gpu: &Gpu, operation: &dyn Operation, most: usize) -> usize {
    let all = candidates(operation, gpu.capabilities(), most).unwrap();
    let space = common::space(gpu, operation, None);
    for candidate in &all {
        let options = PlanOptions {
            kernel: Some(candidate.kernel.name),
            constants: candidate.constants.clone(),
            ..PlanOptions::default()
        };
        let plan = block_on(Plan::new(gpu, operation, &options)).unwrap();
        common::verify(gpu, operation, &plan, &space, Coverage::Sampled);
    }
    all.len()
}

/// Attention takes what a search found for its class, for shapes that differ from what was measured as well.
fn a_tuned_attention_keeps_to_its_options() {
    let Some(gpu) = common::gpu() else { return };
    let measured = Attention::new(1, 2, 64, 64);
    let mut found = tuning(gpu, None).found.remove(0);
    found.operation = "attention".into();
    found.class = "narrow_small".into();
    found.shape = measured.label();
    found.winner = Some(winner("attention_unfused", &[]));
    let mut kept = Tuning::new(Machine::of(gpu.summary()));
    kept.keep(found);
    let options = PlanOptions {
        tuning: Some(kept.into()),
        ..PlanOptions::default()
    };
    let plan = |attention: &Attention| block_on(Plan::new(gpu, attention, &options)).unwrap();
    let causal = Attention {
        mask: Mask::Causal,
        ..measured
    };
    for shape in [measured, causal] {
        assert_eq!(plan(&shape).kernel().name, "attention_unfused");
    }
    // The kernel of the tuning has no form for a window: another has.
    let window = Attention {
        window: Some(8),
        ..causal
    };
    let plan = plan(&window);
    assert_ne!(plan.kernel().name, "attention_unfused");
    assert!(
        plan.reason().contains("its tuning is not used"),
        "{}",
        plan.reason()
    );
}
