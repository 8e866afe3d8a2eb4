use super::super::fake::{FakeClock, FakeSensors, FakeWork, Sleep};
use super::super::{Measurement, measure};
use super::*;
use crate::report::{DriftMoment, Sampling, Warning};
use crate::sensors::{Energy, Power};
use pollster::block_on;

fn measured(work: FakeWork, sampling: &Sampling) -> Measurement {
    let mut clock = FakeClock::new(work);
    block_on(measure(&mut clock, sampling, &|| false)).unwrap()
}

fn with_sensors(sensors: FakeSensors) -> FakeWork {
    FakeWork {
        sensors: Some(sensors),
        ..FakeWork::default()
    }
}

#[test]
fn a_measurement_has_clocks_power_and_the_energy_of_one_execution() {
    let sensors = FakeSensors::default();
    let measured = measured(with_sensors(sensors), &Sampling::default());
    let found = measured.sensors.unwrap();
    assert!((4..=12).contains(&found.readings), "{}", found.readings);
    let clock = sensors.cool.clock_hz;
    assert_eq!(found.core_clock_hz, Range::of([clock]));
    assert_eq!(found.temperature_c, Range::of([40.0]));
    assert!(found.limits.is_empty());
    let power = found.power.unwrap();
    assert_eq!(power.by, PowerBy::EnergyCounter);
    assert!((power.watts / 400.0 - 1.0).abs() < 0.01, "{power:?}");
    assert!((power.joules / 0.4 - 1.0).abs() < 0.01, "{power:?}");
}

#[test]
fn a_clock_without_sensors_has_no_summary_and_is_asked_no_more() {
    struct Mute(u32, FakeClock);
    impl Clock for Mute {
        async fn sample(&mut self, repeats: u32) -> crate::Result<super::super::Tick> {
            self.1.sample(repeats).await
        }
        async fn empty(&mut self) -> crate::Result<super::super::Tick> {
            self.1.empty().await
        }
        fn now(&self) -> Duration {
            self.1.now()
        }
        fn sensors(&mut self) -> Option<Reading> {
            self.0 += 1;
            None
        }
    }
    let mut clock = Mute(0, FakeClock::new(FakeWork::default()));
    let sampling = Sampling::default();
    let measured = block_on(measure(&mut clock, &sampling, &|| false)).unwrap();
    assert_eq!((measured.sensors, clock.0), (None, 1));
}

/// Times are those of a device without sensors, and a slow sensor is asked less often.
#[test]
fn readings_change_no_time_and_take_little() {
    let plain = measured(FakeWork::default(), &Sampling::default());
    for cost in [1, 20] {
        let cost = Duration::from_millis(cost);
        let sensors = FakeSensors {
            cost,
            ..FakeSensors::default()
        };
        let with = measured(with_sensors(sensors), &Sampling::default());
        let (plain, time) = (plain.time.as_ref().unwrap(), with.time.unwrap());
        assert!((time.median / plain.median - 1.0).abs() < 1e-3);
        let readings = with.sensors.unwrap().readings as u32;
        assert!(readings * cost <= Duration::from_millis(60), "{readings}");
    }
}

#[test]
fn short_sampling_has_clocks_and_no_power() {
    let found = measured(with_sensors(FakeSensors::default()), &Sampling::quick());
    let found = found.sensors.unwrap();
    assert!(
        found.core_clock_hz.is_some() && found.power.is_none(),
        "{found:?}"
    );
}

/// The device gets warm while it is measured, and the power limit lowers its clock.
#[test]
fn a_drift_names_its_cause() {
    let work = |warms_after| FakeWork {
        sleep: Some(Sleep {
            after: Duration::from_mins(1),
            slowdown: 4.0,
            lasts: Duration::from_millis(300),
            dense: Duration::from_millis(1),
        }),
        ..with_sensors(FakeSensors {
            warms_after,
            ..FakeSensors::default()
        })
    };
    let sampling = Sampling::default();
    let mut cool = FakeClock::new(work(Duration::MAX));
    block_on(measure(&mut cool, &sampling, &|| false)).unwrap();
    let middle = cool.now().saturating_sub(sampling.min_time / 2);
    // Within the samples, which are the last half second.
    let measured = measured(work(middle), &sampling);
    let during = measured.warnings.iter().find_map(|warning| match warning {
        Warning::ClockDrift {
            moment: DriftMoment::During,
            cause,
            ..
        } => Some(cause),
        _ => None,
    });
    let cause = during.unwrap_or_else(|| panic!("{:?}", measured.warnings));
    let cause = cause.as_ref().unwrap().to_string();
    assert_eq!(cause, "power limit: 1980 -> 1755 MHz");
}

const fn mean(watts: f64, of: PowerOf) -> Mean {
    Mean { watts, of }
}

fn power(watts: f64, averaged_s: f64) -> Reading {
    Reading {
        power: Some(Power {
            watts,
            of: PowerOf::Board,
            averaged_s,
        }),
        ..Reading::default()
    }
}

#[test]
fn readings_that_average_over_a_time_before_are_left_out() {
    let readings = [
        power(100.0, 0.5),
        power(100.0, 0.5),
        power(300.0, 0.5),
        power(300.0, 0.5),
    ];
    let timed: Vec<(f64, &Reading)> = [0.0, 0.4, 0.8, 1.2].into_iter().zip(&readings).collect();
    assert_eq!(by_power(&timed), Some(mean(300.0, PowerOf::Board)));
    assert_eq!(by_power(&timed[..2]), None);
    let slow = [power(100.0, 30.0), power(100.0, 30.0)];
    let timed: Vec<(f64, &Reading)> = [0.0, 10.0].into_iter().zip(&slow).collect();
    assert_eq!(by_power(&timed), None);
}

#[test]
fn a_counter_that_stands_or_is_read_too_soon_tells_nothing() {
    let energy = |joules, step_s| Reading {
        energy: Some(Energy {
            joules,
            of: PowerOf::Package,
            step_s,
        }),
        ..Reading::default()
    };
    let of = |pairs: [(f64, f64); 2], step_s| {
        let readings = pairs.map(|(_, joules)| energy(joules, step_s));
        let timed: Vec<_> = pairs.iter().map(|(at, _)| *at).zip(&readings).collect();
        by_counter(&timed)
    };
    assert_eq!(
        of([(1.0, 10.0), (3.0, 50.0)], 0.1),
        Some(mean(20.0, PowerOf::Package))
    );
    assert_eq!(of([(1.0, 10.0), (3.0, 10.0)], 0.1), None);
    assert_eq!(of([(1.0, 10.0), (1.4, 50.0)], 0.1), None);
    assert_eq!(of([(1.0, 10.0), (3.0, 50.0)], 1.0), None);
}
