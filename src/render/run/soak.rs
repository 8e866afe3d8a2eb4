//! A soak as sections: what was sustained in a sentence, and curves over time.

use crate::render::{Content, Curve, Section};
use crate::report::{Range, Report, Row, SensorSummary, Soak, limits};
use crate::units::{Unit, format_minutes, format_percent};

/// Sections of the soak of `report`; none where nothing was soaked.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let Some((soak, row)) = report.soaked() else {
        return Vec::new();
    };
    let mut sections = vec![Section {
        title: format!("soak of {}", soak.id),
        content: Content::Text(sentences(soak, row)),
    }];
    let lasted = format_minutes(soak.lasted_s());
    let moving = quantities(soak, row).into_iter().filter(Quantity::moves);
    sections.extend(moving.filter_map(|quantity| {
        let curve = Curve::of(quantity.values, &quantity.unit)?;
        Some(Section {
            title: format!("{} over {lasted}", quantity.name),
            content: Content::Curve(curve),
        })
    }));
    sections
}

/// A quantity of a soak over time.
pub(in crate::render) struct Quantity {
    pub(in crate::render) name: &'static str,
    pub(in crate::render) unit: Unit,
    /// A value for each interval.
    pub(in crate::render) values: Vec<Option<f64>>,
}

/// Share of the planned length below which a soak has ended early: the last interval ends a little before or after.
const ENDED_EARLY: f64 = 0.9;

/// Change of a quantity that is worth a curve.
const CHANGE: f64 = 0.01;

impl Quantity {
    /// Whether the values differ by more than a hundredth.
    pub(in crate::render) fn moves(&self) -> bool {
        let range = Range::of(self.values.iter().flatten().copied());
        range.is_some_and(|range| range.most > range.least * (1.0 + CHANGE))
    }

    /// The value of all intervals, in words; `None` where there is none, or several.
    fn constant(&self) -> Option<String> {
        let value = self.values.iter().flatten().next()?;
        let unit = &self.unit;
        (!self.moves()).then(|| format!("{} {} throughout", self.name, unit.format(*value)))
    }
}

/// Rate, clocks, power and temperature of a soak of `row`, in this order. Of a quantity that no sensor gave, all values are
/// `None`.
pub(in crate::render) fn quantities(soak: &Soak, row: &Row) -> Vec<Quantity> {
    let of = |name, unit, value: fn(&SensorSummary) -> Option<f64>| Quantity {
        name,
        unit,
        values: soak
            .points
            .iter()
            .map(|point| value(point.sensors.as_ref()?))
            .collect(),
    };
    let (_, unit) = rate(row, 1.0);
    let rates = soak.points.iter().map(|point| rate(row, point.time_s).0);
    vec![
        Quantity {
            name: "rate",
            unit,
            values: rates.collect(),
        },
        of("core clock", Unit::Hertz, |s| {
            Some(s.core_clock_hz?.middle())
        }),
        of("memory clock", Unit::Hertz, |s| {
            Some(s.memory_clock_hz?.middle())
        }),
        of("power", Unit::Watts, |s| Some(s.power?.watts)),
        of("temperature", Unit::Celsius, |s| {
            Some(s.temperature_c?.middle())
        }),
    ]
}

/// Rate of an execution of `seconds`, and its unit.
fn rate(row: &Row, seconds: f64) -> (Option<f64>, Unit) {
    row.rate_over(row.resource(), seconds)
}

fn sentences(soak: &Soak, row: &Row) -> Vec<String> {
    let shown = |seconds: f64| {
        let (value, unit) = rate(row, seconds);
        value.map_or_else(|| "an unknown rate".to_owned(), |value| unit.format(value))
    };
    let mut sentences = vec![match &soak.plateau {
        Some(plateau) => {
            let held = limits(&plateau.limits);
            let cause = if held.is_empty() {
                String::new()
            } else {
                format!(" ({held})")
            };
            let from = match plateau.from_s {
                0.0 => "from the beginning".to_owned(),
                seconds => format!("from {} on", format_minutes(seconds)),
            };
            format!(
                "plateau: {} {from}, {} of the fastest interval{cause}",
                shown(plateau.time_s),
                format_percent(plateau.share_of_best)
            )
        }
        None => format!(
            "no plateau: the rate still moved after {}",
            format_minutes(soak.lasted_s())
        ),
    }];
    if soak.lasted_s() < soak.planned_s * ENDED_EARLY {
        sentences.push(format!(
            "it ended after {} of {}",
            format_minutes(soak.lasted_s()),
            format_minutes(soak.planned_s)
        ));
    }
    let energy = [
        ("energy counter", soak.by_counter),
        ("readings of power", soak.by_readings),
    ];
    let energy = energy.into_iter().filter_map(|(by, power)| {
        let power = power?;
        let (watts, joules) = (
            Unit::Watts.format(power.watts),
            Unit::Joules.format(power.joules),
        );
        Some(format!(
            "by the {by} of the {}: {watts}, {joules} an execution",
            power.of
        ))
    });
    sentences.extend(energy);
    let quantities = quantities(soak, row);
    sentences.extend(quantities.iter().filter_map(Quantity::constant));
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::run::tests::sample;
    use crate::render::{Page, terminal};
    use crate::report::{Input, MeanPower, Plateau, PowerBy, PowerOf, Results, SoakPoint, Status};

    fn soaked() -> Report {
        let row = sample(Status::Ok);
        let mut soak = Soak::new(&row.id, 600.0);
        for index in 0..10 {
            soak.push(SoakPoint {
                at_s: 60.0 * f64::from(index + 1),
                time_s: if index < 3 { 1e-3 } else { 1.25e-3 },
                executions: 1000,
                sensors: None,
            });
        }
        soak.by_counter = Some(MeanPower {
            watts: 350.0,
            joules: 0.4375,
            of: PowerOf::Board,
            by: PowerBy::EnergyCounter,
        });
        let Results::Run(mut report) = Input::made_up("run.json").results else {
            panic!("a run");
        };
        (report.rows, report.soak) = (vec![row], Some(soak));
        *report
    }

    #[test]
    fn the_plateau_is_named_with_its_share_and_what_limits_it() {
        let mut report = soaked();
        let text = |report: &Report| {
            let document = crate::render::Document::of(sections(report));
            terminal::document(
                &document,
                &Page {
                    width: 200,
                    ..Page::default()
                },
            )
        };
        let found = text(&report);
        assert!(
            found.contains("plateau: 26.8 GFLOP/s from 3 min on, 80.0 % of the fastest interval"),
            "{found}"
        );
        assert!(
            found.contains("by the energy counter of the board: 350 W, 438 mJ an execution"),
            "{found}"
        );
        assert!(
            found.contains("rate over 10 min") && !found.contains("core clock"),
            "{found}"
        );
        let soak = report.soak.as_mut().unwrap();
        let plateau = soak.plateau.take().unwrap();
        let limits = [crate::report::Limit::Temperature].into();
        soak.plateau = Some(Plateau { limits, ..plateau });
        assert!(text(&report).contains("of the fastest interval (temperature)"));
        report.soak.as_mut().unwrap().plateau = None;
        assert!(text(&report).contains("no plateau: the rate still moved after 10 min"));
        report.soak.as_mut().unwrap().planned_s = 1200.0;
        assert!(text(&report).contains("it ended after 10 min of 20 min"));
        report.soak = Some(Soak::new("matmul", 60.0));
        assert!(sections(&report).is_empty());
    }
}
