use super::super::fake::{FakeClock, FakeTimestamps, FakeWork, Sleep};
use super::super::sampler::measure;
use super::*;
use crate::report::{Sampling, Status};
use pollster::block_on;

const MS: fn(u64) -> Duration = Duration::from_millis;
const NEVER: Duration = Duration::from_secs(1_000_000);

/// A device that sleeps after 2 s of rest, then runs at a fifth of its rate, and wakes after dense work for `lasts`.
fn sleepy(lasts: Duration) -> FakeWork {
    FakeWork {
        seconds: 70e-6,
        sleep: Some(Sleep {
            after: MS(2000),
            slowdown: 5.0,
            lasts,
            dense: Duration::ZERO,
        }),
        ..FakeWork::default()
    }
}

/// Short, as a tuner screens: 60 ms of warm-up hide no rest.
fn screening() -> Sampling {
    Sampling {
        warm_up: MS(60),
        warm_up_max: MS(150),
        min_samples: 8,
        min_time: MS(40),
        max_time: MS(400),
        ..Sampling::default()
    }
}

fn since(began: Duration, clock: &impl Clock) -> Duration {
    clock.now().saturating_sub(began)
}

fn measured(clock: &mut impl Clock, sampling: &Sampling) -> Measurement {
    block_on(measure(clock, sampling, &|| false)).unwrap()
}

/// Median over the true time.
fn off(measured: &Measurement) -> f64 {
    measured.time.as_ref().unwrap().median / 70e-6
}

/// The rule before there was a monitor: warm-up by time and plateau alone.
struct WarmUpAlone(FakeClock);

impl Clock for WarmUpAlone {
    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        self.0.sample(repeats).await
    }

    async fn empty(&mut self) -> Result<Tick> {
        self.0.empty().await
    }

    fn now(&self) -> Duration {
        self.0.now()
    }
}

#[test]
fn a_device_that_rested_is_timed_awake() {
    for sampling in [screening(), Sampling::quick(), Sampling::default()] {
        for lasts in [MS(200), MS(600), MS(2500)] {
            let mut clock = FakeClock::new(sleepy(lasts));
            for rest in [0, 1500, 2000, 4000] {
                clock.rest(MS(rest));
                let began = clock.now();
                let measured = measured(&mut clock, &sampling);
                let off = off(&measured);
                assert!((off - 1.0).abs() < 0.02, "{lasts:?}, rest {rest}: {off}");
                assert_eq!(measured.drift_marks(), []);
                assert!(
                    since(began, &clock) < MS(6500),
                    "{:?}",
                    since(began, &clock)
                );
            }
        }
    }
}

/// A warm-up by plateau alone times the same devices asleep: the test above passes by no property of the fake.
#[test]
fn a_warm_up_by_plateau_alone_times_it_asleep() {
    for (sampling, all) in [
        (screening(), [200, 600, 2500, 1_000_000]),
        (Sampling::default(), [1200, 1800, 2500, 1_000_000]),
    ] {
        for lasts in all {
            let mut clock = WarmUpAlone(FakeClock::new(sleepy(MS(lasts))));
            let before = measured(&mut clock, &sampling);
            assert!((off(&before) - 1.0).abs() < 0.02);
            clock.0.rest(MS(2000));
            let after = measured(&mut clock, &sampling);
            assert!(off(&after) > 1.5, "{lasts}: {}", off(&after));
            assert_eq!(after.status, Status::Ok);
            assert!(after.time.unwrap().relative_iqr() < 0.01, "evenly");
        }
    }
}

/// Samples of 5 ms with pauses between them do not wake it, and neither do probes: bursts do.
#[test]
fn only_dense_work_wakes_some_devices() {
    let mut work = sleepy(MS(300));
    let sleep = work.sleep.as_mut().unwrap();
    sleep.dense = MS(15);
    let mut clock = FakeClock::new(work);
    measured(&mut clock, &screening());
    clock.rest(MS(4000));
    let after = measured(&mut clock, &screening());
    assert!((off(&after) - 1.0).abs() < 0.02, "{}", off(&after));
}

/// The probe finds it awake, and it falls asleep during the samples, to half of its rate: seen on an H200 after some
/// 1.5 s of compiling.
#[test]
fn a_device_that_falls_asleep_meanwhile_is_measured_again() {
    let mut work = sleepy(MS(300));
    let sleep = work.sleep.as_mut().unwrap();
    (sleep.slowdown, sleep.dense) = (2.0, MS(19));
    let mut repeated = 0;
    for rest in (1700..2100).step_by(20) {
        let mut clock = FakeClock::new(work.clone());
        measured(&mut clock, &screening());
        clock.rest(MS(rest));
        let after = measured(&mut clock, &screening());
        assert!((off(&after) - 1.0).abs() < 0.02, "{rest}: {}", off(&after));
        for mark in after.drift_marks() {
            let moment = DriftMoment::During;
            assert!(matches!(mark, Warning::ClockDrift { moment: m, .. } if m == moment));
            repeated += 1;
        }
    }
    assert!(repeated >= 3, "{repeated}");
}

#[test]
fn a_device_that_never_comes_back_is_marked() {
    let mut clock = FakeClock::new(sleepy(NEVER));
    assert_eq!(measured(&mut clock, &screening()).drift_marks(), []);
    clock.rest(MS(2000));
    let began = clock.now();
    let slow = measured(&mut clock, &screening());
    let [
        Warning::ClockDrift {
            moment, from, to, ..
        },
    ] = slow.drift_marks()[..]
    else {
        panic!("{:?}", slow.warnings);
    };
    assert_eq!(moment, DriftMoment::Lowered);
    let ratio = from.flops_per_second() / to.flops_per_second();
    assert!((ratio - 5.0).abs() < 0.1, "{ratio}");
    assert!(
        since(began, &clock) < MS(3600),
        "{:?}",
        since(began, &clock)
    );
    // The lower rate is known from here on.
    let began = clock.now();
    assert_eq!(measured(&mut clock, &screening()).drift_marks(), []);
    assert!(since(began, &clock) < MS(400));
}

/// Every run of the fixed work takes a factor of its own, so the monitor is asked directly.
fn fixed(pattern: Vec<f64>) -> FakeClock {
    FakeClock::new(FakeWork {
        seconds: 1e-3,
        pattern,
        jitter: 1e-4,
        ..FakeWork::default()
    })
}

fn wake(monitor: &DriftMonitor, clock: &mut FakeClock) -> Awake {
    block_on(monitor.wake(clock, &|| false)).unwrap()
}

fn moment(awake: &Awake) -> Option<DriftMoment> {
    match &awake.warning {
        Some(Warning::ClockDrift { moment, .. }) => Some(*moment),
        None => None,
        Some(other) => panic!("{other}"),
    }
}

/// A monitor that knows a device with this factor.
fn knowing(factor: f64) -> DriftMonitor {
    let monitor = DriftMonitor::new(WakeRule::Gpu, 1e9);
    let awake = wake(&monitor, &mut fixed(vec![factor]));
    assert_eq!(moment(&awake), None);
    monitor
}

#[test]
fn the_first_waking_lasts_until_the_rate_has_not_risen_for_long() {
    let monitor = DriftMonitor::new(WakeRule::Gpu, 1e9);
    let mut clock = fixed(Vec::new());
    let awake = wake(&monitor, &mut clock);
    assert!((awake.rate.unwrap() / 1e12 - 1.0).abs() < 0.01);
    assert!(
        (1500..1600).contains(&clock.now().as_millis()),
        "{:?}",
        clock.now()
    );
    // The second one is a single probe.
    let (began, asked) = (clock.now(), clock.asked().len());
    assert_eq!(moment(&wake(&monitor, &mut clock)), None);
    assert_eq!(clock.asked().len(), asked + 1);
    assert!((1..=2).contains(&since(began, &clock).as_millis()));
}

/// A laptop's GPU that ramps over seconds.
#[test]
fn a_rate_that_still_rises_after_3_s_is_marked_and_waited_for_next_time() {
    let monitor = DriftMonitor::new(WakeRule::Gpu, 1e9);
    let ramp = |i: i32| 4.0 * 0.98_f64.powi(i);
    let mut clock = fixed((0..70).map(ramp).chain([1.0; 2000]).collect());
    assert_eq!(
        moment(&wake(&monitor, &mut clock)),
        Some(DriftMoment::Rising)
    );
    assert!(
        (3000..3200).contains(&clock.now().as_millis()),
        "{:?}",
        clock.now()
    );
    let awake = wake(&monitor, &mut clock);
    assert_eq!(moment(&awake), None);
    assert!((awake.rate.unwrap() / 1e12 - 1.0).abs() < 0.01);
}

#[test]
fn a_lower_rate_for_good_is_taken_once_and_marked_each_time_after_that() {
    let monitor = knowing(1.0);
    let mut slower = fixed(vec![1.1]);
    assert_eq!(
        moment(&wake(&monitor, &mut slower)),
        Some(DriftMoment::Lowered)
    );
    assert_eq!(moment(&wake(&monitor, &mut slower)), None);
    let mut slowest = fixed(vec![1.3]);
    for round in 0..3 {
        let began = slowest.now();
        assert_eq!(
            moment(&wake(&monitor, &mut slowest)),
            Some(DriftMoment::Before)
        );
        let lasted = since(began, &slowest).as_millis();
        // A device for which waiting did not help is not waited for again.
        assert_eq!(lasted >= 3000, round == 0, "{lasted}");
    }
    // Asleep it is slower than that, and is waited for.
    let mut asleep = fixed([[6.0; 9].as_slice(), &[1.3; 900]].concat());
    let awake = wake(&monitor, &mut asleep);
    assert!((awake.rate.unwrap() * 1.3 / 1e12 - 1.0).abs() < 0.01);
    // Back at what is known, all is well.
    assert_eq!(moment(&wake(&monitor, &mut slower)), None);
}

#[test]
fn a_device_that_is_faster_than_it_ever_was_is_marked_once() {
    let monitor = knowing(3.0);
    let mut awake = fixed(vec![1.0]);
    assert_eq!(
        moment(&wake(&monitor, &mut awake)),
        Some(DriftMoment::Faster)
    );
    assert_eq!(moment(&wake(&monitor, &mut awake)), None);
    // One probe that is wrong proves nothing.
    let monitor = knowing(1.0);
    assert_eq!(
        moment(&wake(&monitor, &mut fixed(vec![1.0, 0.5, 1.0, 1.0]))),
        None
    );
}

#[test]
fn noise_of_probes_is_settled_by_bursts() {
    let monitor = knowing(1.0);
    let mut clock = fixed([[1.0, 1.05].as_slice(), &[1.0; 50]].concat());
    let awake = wake(&monitor, &mut clock);
    assert_eq!(moment(&awake), None);
    let after = block_on(monitor.rate_after(&mut clock, 1e12)).unwrap();
    assert!((after / 1e12 - 1.0).abs() < 0.01);
    let mut clock = fixed(vec![1.05]);
    let after = block_on(monitor.rate_after(&mut clock, 1e12)).unwrap();
    assert!((after * 1.05 / 1e12 - 1.0).abs() < 0.01);
}

#[test]
fn readings_are_long_enough_for_the_clock_they_are_read_from() {
    let cases = [
        (FakeTimestamps::Sound, 1..=2),
        (FakeTimestamps::Missing, 1..=4),
        (FakeTimestamps::Quantised(65_536), 3..=8),
    ];
    for (timestamps, ms) in cases {
        let monitor = DriftMonitor::new(WakeRule::Gpu, 1e9);
        let mut clock = FakeClock::new(FakeWork {
            seconds: 30e-6,
            timestamps,
            ..FakeWork::default()
        });
        for first in [true, false] {
            let began = clock.now();
            let awake = wake(&monitor, &mut clock);
            assert_eq!(moment(&awake), None, "{timestamps:?}");
            let rate = awake.rate.unwrap() * 30e-6 / 1e9;
            assert!((rate - 1.0).abs() < 0.02, "{timestamps:?}: {rate}");
            let lasted = since(began, &clock).as_millis();
            assert!(first || ms.contains(&lasted), "{timestamps:?}: {lasted}");
        }
    }
}

/// Without timestamps, beside a machine that is busy, a short sample seems to take no time at all.
#[test]
fn repeats_grow_step_by_step() {
    let monitor = DriftMonitor::new(WakeRule::Gpu, 1e9);
    let mut clock = FakeClock::new(FakeWork {
        seconds: 30e-6,
        timestamps: FakeTimestamps::Missing,
        disturbed: vec![3e-3; 3],
        ..FakeWork::default()
    });
    wake(&monitor, &mut clock);
    let (mut most, mut longest) = (1, 0);
    for repeats in clock.asked() {
        assert!(*repeats <= 4 * most, "{repeats} after {most}");
        most = most.max(*repeats);
        longest = longest.max(*repeats);
    }
    assert!(f64::from(longest) * 30e-6 < 0.3, "{longest}");
}

#[test]
fn waking_can_be_interrupted() {
    let monitor = DriftMonitor::new(WakeRule::Gpu, 1e9);
    let woken = block_on(monitor.wake(&mut fixed(Vec::new()), &|| true));
    assert_eq!(woken, Err(Error::Interrupted));
}

/// A software adapter is not woken: bursts until two agree, five at most, and no mark.
#[test]
fn a_software_adapter_settles() {
    let monitor = DriftMonitor::new(WakeRule::Software, 1e9);
    wake(&monitor, &mut fixed(Vec::new()));
    let runs = |pattern: &[f64]| {
        let mut clock = fixed(pattern.to_vec());
        let awake = wake(&monitor, &mut clock);
        assert_eq!(awake.warning, None);
        clock.asked().len()
    };
    assert_eq!(runs(&[1.0]), 2);
    assert_eq!(runs(&[1.3, 1.1, 1.0, 1.0]), 4);
    assert_eq!(runs(&[2.0]), 5);
}

/// Rows measured until the rate of the fixed work stays, and the share that the last one is marked with.
fn rows(shares: &[f64]) -> (usize, Option<f64>) {
    let mut rows = 0;
    let row = async || {
        let rates = FixedWorkRates {
            before: 1e12,
            after: 1e12 / (1.0 + shares[rows]),
        };
        rows += 1;
        Ok(Measurement {
            fixed_work: Some(rates),
            warnings: Vec::from_iter(rates.warning()),
            ..Measurement::unsupported("only its rates count here")
        })
    };
    let last = block_on(measure_again_on_drift(row)).unwrap();
    let share = |warning: &Warning| match warning {
        Warning::ClockDrift { from, to, .. } => {
            from.flops_per_second() / to.flops_per_second() - 1.0
        }
        other => panic!("{other}"),
    };
    let marks: Vec<f64> = last.warnings.iter().map(share).collect();
    assert!(marks.len() <= 1);
    (rows, marks.first().copied())
}

#[test]
fn a_row_with_a_drift_is_measured_again_and_stays_marked() {
    assert_eq!(rows(&[0.01]), (1, None));
    for (shares, count) in [
        ([0.1, 0.0, 0.0].as_slice(), 2),
        (&[0.2, 0.1, 0.2], 3),
        (&[-0.2, 0.1, 0.0], 3),
        // The row itself slows the device down.
        (&[0.2, 0.19], 2),
    ] {
        let (measured, share) = rows(shares);
        assert_eq!(measured, count, "{shares:?}");
        assert!((share.unwrap() - shares[0]).abs() < 1e-9, "{shares:?}");
    }
    // The rates around a row are what drifted, however good its own times are.
    let rates = FixedWorkRates {
        before: 1.0,
        after: 0.5,
    };
    assert!((rates.share() - 1.0).abs() < 1e-12);
}
