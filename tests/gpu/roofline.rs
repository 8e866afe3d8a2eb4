//! The roofline on the adapter that the environment names: every probe is right, and every part ends.

use crate::common;
use pollster::block_on;
use ridgepoint::bench::{HostLoad, operand_sets};
use ridgepoint::render::Chart;
use ridgepoint::report::{AdapterKind, Ceiling, Row, Sampling, StageStatistics, Status};
use ridgepoint::roofline::{ArithmeticGrid, ProbeOptions, Scope, Session, levels};
use ridgepoint::shader::{Checks, Prepared};
use ridgepoint::suite::{Case, RunOptions, Runner};
use ridgepoint::{Gpu, Matmul};
use std::sync::Arc;
use std::time::Duration;

tests! {
    every_probe_is_right_and_every_part_ends,
    default_limits_are_enough,
    a_rotated_row_has_several_sets_of_operands,
    a_loaded_machine_is_noticed,
    a_row_says_what_the_compiler_made_of_it,
}

/// A few milliseconds for each figure: enough to see that it is right, not how large it is.
fn brief() -> ProbeOptions {
    let sampling = Sampling {
        warm_up: Duration::ZERO,
        warm_up_max: Duration::ZERO,
        min_samples: 1,
        min_time: Duration::ZERO,
        sample_min: Duration::ZERO,
        max_time: Duration::from_secs(2),
        ..Sampling::quick()
    };
    ProbeOptions {
        grid: ArithmeticGrid::Short,
        copy_bytes: 8 << 20,
        sampling,
        seed: 7,
        reads: true,
    }
}

/// A value, or a reason for not having one that is no wrong answer.
fn ended_well(ceiling: &Ceiling) {
    let has_value = matches!(ceiling.status, Status::Ok | Status::Noisy);
    assert_eq!(ceiling.value.is_some(), has_value, "{ceiling:?}");
    assert!(
        has_value || ceiling.status == Status::Unsupported,
        "{}: {:?} {:?}",
        ceiling.id,
        ceiling.status,
        ceiling.reason
    );
    assert!(
        ceiling
            .value
            .is_none_or(|value| value.is_finite() && value > 0.0)
    );
}

fn every_probe_is_right_and_every_part_ends() {
    let Some(gpu) = common::open(|options| options.features |= ridgepoint::roofline::FEATURES)
    else {
        return;
    };
    let (never, silent) = (|| false, |_: &str| ());
    let mut session = Session::new(
        &gpu,
        brief(),
        Scope::Full,
        &never,
        &silent,
        HostLoad::default(),
    );
    block_on(session.run()).unwrap();
    let figures = session.figures();
    let ceilings = figures.ceilings.iter();
    let variants = figures.variants.iter().map(|v| &v.ceiling);
    for ceiling in ceilings.chain(variants).chain(&figures.system) {
        ended_well(ceiling);
    }
    for id in [
        "compute/f32",
        "compute/i32",
        "compute/i8_dot",
        "memory/read",
        "memory/copy",
    ] {
        let ceiling = figures
            .ceilings
            .iter()
            .find(|c| c.id.as_str() == id)
            .unwrap();
        assert!(ceiling.value.is_some() && !ceiling.grid.is_empty(), "{id}");
    }
    for point in &figures.sweep {
        assert!(point.resident.is_some(), "{point:?}");
    }
    for point in &figures.latency {
        assert!(point.seconds.is_some(), "{point:?}");
    }
    for point in &figures.transfers {
        assert!(point.from_device.is_some(), "{point:?}");
    }
    assert!(!levels(&figures.sweep, &figures.latency).is_empty());
    let roofline = ridgepoint::roofline::Roofline::from_ceilings(&figures.ceilings).unwrap();
    let chart = Chart {
        roofline,
        marks: Vec::new(),
    };
    assert!(chart.draw(100).contains("f32"));
}

/// WebGPU's default limits and no features: what a browser offers.
fn default_limits_are_enough() {
    let Some(gpu) = common::open(common::default_limits) else {
        return;
    };
    let (never, silent) = (|| false, |_: &str| ());
    let mut session = Session::new(
        &gpu,
        brief(),
        Scope::Quick,
        &never,
        &silent,
        HostLoad::default(),
    );
    block_on(session.run()).unwrap();
    let ceilings = &session.figures().ceilings;
    ceilings.iter().for_each(ended_well);
    // What streams are held against: as much written as read, and half as much.
    for id in ["compute/f32", "memory/read", "memory/copy", "memory/triad"] {
        let found = ceilings.iter().find(|c| c.id.as_str() == id);
        assert!(found.is_some_and(|c| c.value.is_some()), "{id}");
    }
}

/// Options of a first look at a row.
fn short() -> RunOptions {
    RunOptions {
        sampling: Sampling::quick(),
        seed: 1,
        checks: Checks::Off,
        grid: ArithmeticGrid::Short,
        reads: false,
        tuning: None,
    }
}

fn matmul_row(
    gpu: &Gpu,
    others: &dyn Fn() -> Option<f64>,
    compiler: &dyn Fn(&Prepared, Checks) -> Option<StageStatistics>,
) -> Row {
    let case = Case::of(Arc::new(Matmul::new(128, 128, 128)));
    let mut runner = Runner::new(gpu, short(), &|| false)
        .beside(HostLoad::from_fn(others))
        .explained_by(compiler);
    block_on(runner.measure(&case)).unwrap()
}

/// A row whose operands are rotated says so, and how many sets there were.
fn a_rotated_row_has_several_sets_of_operands() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let matmul = Matmul::new(1, 1024, 1024);
    let sets = operand_sets(&matmul, gpu.capabilities().kind);
    let case = Case {
        rotated: true,
        ..Case::of(Arc::new(matmul))
    };
    let mut runner = Runner::new(&gpu, short(), &|| false);
    let row = block_on(runner.measure(&case)).unwrap();
    assert!(sets > 1 && row.operand_sets == Some(sets), "{row:?}");
    assert!(row.time_s.is_some() && row.verified.as_ref().is_some_and(|v| v.ok));
    assert!(row.id.ends_with("/rotated"), "{}", row.id);
    assert_eq!(row.shape_text(), "1x1024x1024/rotated");
}

/// A software adapter shares the processor with whatever else runs: rows beside a busy one must say so.
fn a_loaded_machine_is_noticed() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let untold = |_: &Prepared, _| None;
    let row = matmul_row(&gpu, &|| Some(0.5), &untold);
    let marked = row.warnings.iter().any(|w| w.id() == "busy_processor");
    // A GPU does not mind a busy processor.
    let software = gpu.capabilities().kind == AdapterKind::Software;
    assert_eq!(marked, software, "{row:?}");
    assert!(!marked || row.status == Status::Noisy);
    let row = matmul_row(&gpu, &|| Some(0.01), &untold);
    assert!(row.compiled.is_empty(), "{row:?}");
    assert!(row.warnings.iter().all(|w| w.id() != "busy_processor"));
}

/// A row holds what the compiler says of the text that was timed, and a spill in its loops is a warning.
fn a_row_says_what_the_compiler_made_of_it() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let told = |text: &Prepared, checks: Checks| {
        assert_eq!(checks, Checks::Off);
        Some(StageStatistics {
            file: text.name.to_owned(),
            registers: Some(u64::from(text.invocations())),
            spills_in_loops: Some(2),
            ..StageStatistics::default()
        })
    };
    let row = matmul_row(&gpu, &|| None, &told);
    assert_eq!(row.compiled[0].file, row.kernel);
    assert!(row.compiled[0].registers.is_some_and(|count| count > 0));
    let warned = row.warnings.iter().find(|w| w.id() == "register_spills");
    assert!(warned.unwrap().what().contains(&row.kernel), "{row:?}");
}
