//! The roofline on the adapter that the environment names: every probe is right, and every part ends.

mod common;

use pollster::block_on;
use ridgepoint::bench::{RunOptions, Runner, Sampling, Status};
use ridgepoint::gpu::AdapterKind;
use ridgepoint::report::Ceiling;
use ridgepoint::roofline::{ArithmeticGrid, Effort, Extent, Session, chart, levels};
use ridgepoint::shader::Checks;
use ridgepoint::suite::Case;
use ridgepoint::warning::Warning;
use ridgepoint::{Dtype, Gpu};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A few milliseconds for each figure: enough to see that it is right, not how large it is.
fn brief() -> Effort {
    let sampling = Sampling {
        warm_up: Duration::ZERO,
        warm_up_max: Duration::ZERO,
        min_samples: 1,
        min_time: Duration::ZERO,
        sample_min: Duration::ZERO,
        max_time: Duration::from_secs(2),
        ..Sampling::quick()
    };
    Effort {
        grid: ArithmeticGrid::Short,
        copy_bytes: 8 << 20,
        sampling,
        seed: 7,
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

#[test]
fn every_probe_is_right_and_every_part_ends() {
    let Some(gpu) = common::open(|options| options.features |= ridgepoint::roofline::FEATURES)
    else {
        return;
    };
    let (never, silent) = (|| false, |_: &str| ());
    let mut session = Session::new(&gpu, brief(), Extent::Full, &never, &silent);
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
        let ceiling = figures.ceilings.iter().find(|c| c.id == id).unwrap();
        assert!(ceiling.value.is_some() && !ceiling.grid.is_empty(), "{id}");
    }
    assert!(figures.sweep.iter().all(|p| p.resident.is_some()));
    assert!(figures.latency.iter().all(|p| p.seconds.is_some()));
    assert!(figures.transfers.iter().all(|p| p.from_device.is_some()));
    assert!(!levels(&figures.sweep, &figures.latency).is_empty());
    let roofline = ridgepoint::roofline::Roofline::from_ceilings(&figures.ceilings).unwrap();
    assert!(chart(&roofline, &[]).contains("f32"));
}

/// WebGPU's default limits and no features: what a browser offers.
#[test]
fn default_limits_are_enough() {
    let Some(gpu) = common::open_default_limits() else {
        return;
    };
    let (never, silent) = (|| false, |_: &str| ());
    let mut session = Session::new(&gpu, brief(), Extent::Quick, &never, &silent);
    block_on(session.run()).unwrap();
    session.figures().ceilings.iter().for_each(ended_well);
}

fn matmul_row(gpu: &Gpu) -> ridgepoint::report::Row {
    let options = RunOptions {
        sampling: Sampling::quick(),
        seed: 1,
        checks: Checks::Off,
        grid: ArithmeticGrid::Short,
    };
    let case = Case {
        family: "matmul",
        dtype: Dtype::F32,
        shape: "128x128x128".to_owned(),
        kernel: None,
        reduced_from: None,
    };
    block_on(Runner::new(gpu, options, &|| false).measure(&case)).unwrap()
}

/// A software adapter shares its cores with whatever else runs: rows that were disturbed must say so.
#[test]
fn a_loaded_machine_is_noticed() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    if gpu.capabilities().kind != AdapterKind::Software {
        println!("skipped: a GPU does not notice a busy processor");
        return;
    }
    let busy = AtomicBool::new(true);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let row = std::thread::scope(|scope| {
        for core in 0..cores {
            let busy = &busy;
            scope.spawn(move || burn(busy, core));
        }
        let row = matmul_row(&gpu);
        busy.store(false, Ordering::Relaxed);
        row
    });
    let marks: Vec<&str> = row.warnings.iter().map(Warning::id).collect();
    let marked = row.status == Status::Noisy
        || ["clock_drift", "not_settled"]
            .iter()
            .any(|m| marks.contains(m));
    assert!(marked, "{:?} {marks:?} {:?}", row.status, row.time_s);
}

/// Keeps a core busy until told otherwise.
fn burn(busy: &AtomicBool, core: usize) {
    let mut x = core as u64 + 1;
    while busy.load(Ordering::Relaxed) {
        for _ in 0..1_000_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        std::hint::black_box(x);
    }
}
