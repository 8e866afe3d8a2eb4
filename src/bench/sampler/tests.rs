//! Every measurement here runs on a clock whose time passes without waiting.

use std::cell::Cell;

use super::*;
use crate::bench::fake::{FakeClock, FakeTimestamps, FakeWork, Fault, Ramp};
use crate::report::ClockKind;

fn run_with(work: FakeWork, sampling: &Sampling) -> (Result<Measurement>, FakeClock) {
    let mut clock = FakeClock::new(work);
    let measured = pollster::block_on(measure(&mut clock, sampling, &|| false));
    (measured, clock)
}

fn run(work: FakeWork) -> (Measurement, FakeClock) {
    let (measured, clock) = run_with(work, &Sampling::default());
    (measured.unwrap(), clock)
}

fn ids(measurement: &Measurement) -> Vec<&str> {
    measurement.warnings.iter().map(Warning::id).collect()
}

fn assert_median(measurement: &Measurement, want: f64, within: f64) {
    let median = measurement.time.as_ref().unwrap().median;
    assert!(
        (median / want - 1.0).abs() < within,
        "{median} s, not {want} s"
    );
}

#[test]
fn a_quiet_device_gives_a_value_without_warnings() {
    let (measured, clock) = run(FakeWork::default());
    assert_eq!(measured.status, Status::Ok);
    assert_eq!(measured.reason, None);
    assert_eq!(measured.clock, Some(ClockKind::GpuTimestamp));
    assert_eq!(ids(&measured), [""; 0]);
    assert_median(&measured, 1e-3, 1e-3);
    let time = measured.time.unwrap();
    assert!(time.n >= 20);
    let sampled: f64 = time.samples.iter().sum::<f64>() * f64::from(measured.repeats.unwrap());
    assert!((0.5..0.52).contains(&sampled), "{sampled} s");
    assert_eq!(clock.asked().len(), measured.discarded + time.n);
    assert_eq!(measured.wall.unwrap().n, time.n);
    assert!(clock.now() < Duration::from_millis(1200));
}

#[test]
fn calibration_starts_at_one_repeat_and_ends_at_5_ms() {
    for seconds in [400e-9, 7e-6, 300e-6, 4.9e-3, 5.1e-3, 0.08, 0.3] {
        let (measured, clock) = run(FakeWork {
            seconds,
            ..FakeWork::default()
        });
        let asked = clock.asked();
        assert_eq!(asked[..2], [1, 1], "{seconds} s");
        assert!(asked.windows(2).all(|w| w[1] <= 2 * w[0]), "{seconds} s");
        let repeats = measured.repeats.unwrap();
        let sample = f64::from(repeats) * seconds;
        assert!(sample >= 4.9e-3, "{repeats} repeats of {seconds} s");
        assert!(repeats == 1 || sample <= 0.1, "{repeats} of {seconds} s");
        assert_median(&measured, seconds, 2e-3);
        assert_eq!(ids(&measured).contains(&"long_dispatch"), seconds > 0.1);
    }
}

#[test]
fn a_clock_ramp_is_not_measured() {
    // Three samples on the gentle ramp agree within three per cent: only the time of the warm-up leaves it behind.
    for slowdown in [4.0, 1.3] {
        let (measured, clock) = run(FakeWork {
            ramp: Some(Ramp {
                lasts: Duration::from_millis(400),
                slowdown,
            }),
            ..FakeWork::default()
        });
        assert_eq!(measured.status, Status::Ok);
        assert_median(&measured, 1e-3, 1e-3);
        assert!(measured.time.unwrap().max < 1.002e-3);
        // Fewer repeats were enough at the lower clock rate.
        assert_eq!(clock.asked().last(), Some(&8));
    }
}

#[test]
fn warm_up_goes_on_until_times_agree_but_not_for_ever() {
    let long = |lasts| FakeWork {
        ramp: Some(Ramp {
            lasts: Duration::from_millis(lasts),
            slowdown: 60.0,
        }),
        ..FakeWork::default()
    };
    let (measured, _) = run(long(1500));
    assert_eq!(measured.status, Status::Ok);
    assert_median(&measured, 1e-3, 1e-3);

    let (measured, _) = run(FakeWork {
        pattern: vec![1.0, 1.2],
        ..FakeWork::default()
    });
    assert!(ids(&measured).contains(&"not_settled"));
}

#[test]
fn a_cold_first_run_is_told_and_not_counted() {
    let (measured, _) = run(FakeWork {
        cold: 0.25,
        ..FakeWork::default()
    });
    assert_eq!(measured.status, Status::Ok);
    assert_eq!(ids(&measured), ["cold_first_sample"]);
    assert!(measured.first_sample_s.unwrap() > 0.25);
    assert_median(&measured, 1e-3, 1e-3);
}

#[test]
fn wide_times_are_noisy_whether_or_not_the_noise_is_stable() {
    let (stable, clock) = run(FakeWork {
        jitter: 0.2,
        ..FakeWork::default()
    });
    assert_eq!(stable.status, Status::Noisy);
    assert!(ids(&stable).contains(&"noisy"));
    assert!(stable.reason.unwrap().contains("interquartile range"));
    assert!(stable.time.unwrap().n >= 40);
    assert!(clock.now() < Duration::from_secs(4), "{:?}", clock.now());

    let rising: Vec<f64> = (0..10_000).map(|i| 1.0 + 0.01 * f64::from(i)).collect();
    let (drifting, clock) = run(FakeWork {
        pattern: rising,
        ..FakeWork::default()
    });
    assert_eq!(drifting.status, Status::Noisy);
    // Longer than what is stable, and not until the end of its time.
    assert!(drifting.time.unwrap().n > 50);
    assert!(clock.now() < Duration::from_secs(4), "{:?}", clock.now());
}

#[test]
fn some_noise_is_no_fault() {
    let (measured, _) = run(FakeWork {
        jitter: 0.04,
        ..FakeWork::default()
    });
    assert_eq!(measured.status, Status::Ok);
    assert!(measured.time.unwrap().relative_iqr() > 0.01);
}

#[test]
fn useless_timestamps_give_way_to_the_wall_clock() {
    let cases = [
        (FakeTimestamps::Missing, "no_timestamps"),
        (FakeTimestamps::Zero, "implausible_timestamps"),
        (FakeTimestamps::Backwards, "implausible_timestamps"),
        (FakeTimestamps::Scaled(83.3), "implausible_timestamps"),
        (FakeTimestamps::Scaled(1e-3), "implausible_timestamps"),
    ];
    for (timestamps, warning) in cases {
        for seconds in [3e-6, 1e-3, 0.2] {
            let (measured, _) = run(FakeWork {
                seconds,
                timestamps,
                ..FakeWork::default()
            });
            assert_eq!(measured.status, Status::Ok, "{timestamps:?}");
            assert_eq!(measured.clock, Some(ClockKind::Wall), "{timestamps:?}");
            assert_eq!(ids(&measured)[0], warning, "{timestamps:?}");
            // The 50 us of every submission are taken off: they would be 1 % of a sample of 5 ms.
            assert_median(&measured, seconds, 2e-3);
        }
    }
}

#[test]
fn coarse_timestamps_need_long_samples() {
    for seconds in [2e-6, 170e-6, 3e-3] {
        let (measured, _) = run(FakeWork {
            timestamps: FakeTimestamps::Quantised(65_536),
            seconds,
            ..FakeWork::default()
        });
        assert_eq!(measured.clock, Some(ClockKind::GpuTimestamp));
        assert_eq!(ids(&measured), ["coarse_timestamps"], "{seconds} s");
        assert_median(&measured, seconds, 0.02);
    }
    let (longer, _) = run(FakeWork {
        timestamps: FakeTimestamps::Quantised(500_000),
        ..FakeWork::default()
    });
    assert_eq!(longer.clock, Some(ClockKind::GpuTimestamp));
    assert_eq!(longer.repeats, Some(32));

    let (too_coarse, _) = run(FakeWork {
        timestamps: FakeTimestamps::Quantised(3_000_000),
        ..FakeWork::default()
    });
    assert_eq!(too_coarse.clock, Some(ClockKind::Wall));
    assert!(ids(&too_coarse)[0].ends_with("timestamps"));
    assert_median(&too_coarse, 1e-3, 2e-3);
}

/// A machine that is busy while the empty submissions run must not make the work look shorter.
#[test]
fn a_disturbed_beginning_is_not_taken_off() {
    for disturbed in [1e-3, 6e-3, 0.05] {
        for few in [0, 3, 5] {
            let (measured, _) = run(FakeWork {
                timestamps: FakeTimestamps::Missing,
                disturbed: vec![disturbed; few],
                ..FakeWork::default()
            });
            assert_eq!(measured.status, Status::Ok, "{disturbed} s of {few}");
            assert_median(&measured, 1e-3, 2e-3);
            let overhead_s = measured.overhead_s.unwrap();
            assert!((overhead_s / 50e-6 - 1.0).abs() < 1e-9, "{overhead_s} s");
        }
    }
}

/// Waiting for a submission can take a browser longer than a whole sample.
#[test]
fn without_timestamps_a_sample_is_as_long_as_an_empty_submission() {
    for (timestamps, repeats) in [(FakeTimestamps::Missing, 32), (FakeTimestamps::Sound, 8)] {
        let (measured, _) = run(FakeWork {
            timestamps,
            overhead: 20e-3,
            ..FakeWork::default()
        });
        assert_eq!(measured.repeats, Some(repeats));
        assert_median(&measured, 1e-3, 2e-3);
    }
}

/// One sample of any length, where the noise of submissions is larger than the work, and even without time for it.
#[test]
fn samples_below_an_empty_submission_are_taken_again_with_more_repeats() {
    for max_time in [Duration::ZERO, Duration::from_secs(15)] {
        let sampling = Sampling {
            warm_up: Duration::ZERO,
            warm_up_max: Duration::ZERO,
            sample_min: Duration::ZERO,
            min_samples: 1,
            min_time: Duration::ZERO,
            max_time,
            ..Sampling::default()
        };
        let work = FakeWork {
            timestamps: FakeTimestamps::Missing,
            disturbed: vec![10e-3; 10_000],
            ..FakeWork::default()
        };
        let (measured, clock) = run_with(work, &sampling);
        let measured = measured.unwrap();
        let time = measured.time.unwrap();
        assert!(time.min > 0.0 && measured.repeats == Some(16));
        assert_eq!(clock.asked().len(), measured.discarded + time.n);
    }
}

#[test]
fn work_that_takes_no_time_fails_instead_of_scoring() {
    for timestamps in [FakeTimestamps::Sound, FakeTimestamps::Missing] {
        let (measured, _) = run(FakeWork {
            seconds: 0.0,
            overhead: 0.0,
            timestamps,
            ..FakeWork::default()
        });
        assert_eq!(measured.status, Status::Failed);
        assert_eq!(measured.time, None);
        assert!(measured.reason.unwrap().contains("make the work larger"));
    }
}

#[test]
fn long_work_gets_as_many_samples_as_time_allows() {
    let (few, _) = run(FakeWork {
        seconds: 1.5,
        ..FakeWork::default()
    });
    assert_eq!(few.status, Status::Ok);
    assert_eq!(ids(&few), ["not_settled", "long_dispatch", "few_samples"]);
    assert!((5..20).contains(&few.time.unwrap().n));

    let (hardly_any, _) = run(FakeWork {
        seconds: 6.0,
        ..FakeWork::default()
    });
    assert_eq!(hardly_any.status, Status::Noisy);
    assert!(hardly_any.reason.unwrap().contains("too few"));

    // Warming up takes all the time that there is. One sample is worth more than none, and is marked.
    let (one, clock) = run(FakeWork {
        seconds: 16.0,
        ..FakeWork::default()
    });
    assert_eq!(one.status, Status::Noisy);
    assert_eq!(ids(&one), ["not_settled", "long_dispatch", "few_samples"]);
    assert_eq!((one.time.unwrap().n, clock.asked().len()), (1, 3));
}

#[test]
fn errors_become_a_status_at_any_time() {
    for at in [0, 1, 5, 100] {
        let with = |fault| FakeWork {
            fault: Some((at, fault)),
            ..FakeWork::default()
        };
        let (hung, _) = run(with(Fault::Hangs(Duration::from_secs(10))));
        assert_eq!(hung.status, Status::TimedOut);
        assert!(hung.reason.unwrap().contains("10.0 s"));
        let (failed, _) = run(with(Fault::Fails));
        assert_eq!(failed.status, Status::Failed);
        assert_eq!(failed.time, None);
        let (lost, _) = run_with(with(Fault::DeviceLost), &Sampling::default());
        assert!(matches!(lost, Err(Error::DeviceLost { .. })));
    }
}

#[test]
fn an_interruption_ends_it_before_the_next_sample() {
    for stop_after in [0, 1, 7, 100] {
        let asked = Cell::new(0);
        let should_stop = || {
            asked.set(asked.get() + 1);
            asked.get() > stop_after
        };
        let mut clock = FakeClock::new(FakeWork::default());
        let sampling = Sampling::default();
        let measured = pollster::block_on(measure(&mut clock, &sampling, &should_stop));
        assert!(matches!(measured, Err(Error::Interrupted)));
        assert_eq!(clock.asked().len(), stop_after);
    }
}

#[test]
fn quick_sampling_is_quick_and_says_so() {
    let (measured, clock) = run_with(FakeWork::default(), &Sampling::quick());
    let measured = measured.unwrap();
    assert_eq!(measured.status, Status::Ok);
    assert_eq!(ids(&measured), ["short_sampling"]);
    assert!(clock.now() < Duration::from_millis(350));
}
