//! One row over the runs of an adapter, in the order of time: a document, a flat table and a figure.

use super::curve::Curve;
use super::figure::{Axis, Drawing, Figure, Plane, Point, Scale};
use super::subject::Subject;
use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table, legend};
use crate::compare::Ratio;
use crate::report::flat::{Sheet, Value};
use crate::report::{Input, Status};
use crate::units::{Unit, format_percent, format_ratio, format_seconds};

/// A row or a ceiling over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Its id.
    pub id: String,
    /// Name of the adapter.
    pub adapter: String,
    /// Unit of its rates.
    pub unit: Unit,
    /// Its measurements, the oldest first.
    pub moments: Vec<Moment>,
}

/// One measurement of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Number of the run in the history.
    pub number: u64,
    /// Id of the run: [`Results::id`](crate::report::Results::id).
    pub run_id: String,
    /// Begin of the run, RFC 3339 in UTC.
    pub time_utc: String,
    /// Version of ridgepoint.
    pub tool_version: String,
    /// Commit of ridgepoint.
    pub tool_commit: String,
    /// Driver, with its version.
    pub driver: String,
    /// Runtime checks: `on`, `off`; empty where a file does not say.
    pub checks: String,
    /// Kernel; empty for a ceiling.
    pub kernel: String,
    /// End of the measurement.
    pub status: Status,
    /// First quartile, median and third quartile of its times, in seconds.
    pub times_s: Option<[f64; 3]>,
    /// Rate, in the unit of the trend.
    pub value: Option<f64>,
    /// Share of the roof, in percent.
    pub percent_of_roof: Option<f64>,
}

impl Moment {
    /// Rate, where it can be drawn and divided by. A file may say anything.
    fn rate(&self) -> Option<f64> {
        self.value.filter(|value| value.is_finite() && *value > 0.0)
    }

    fn spread(&self) -> Option<f64> {
        self.times_s.map(|[q1, median, q3]| (q3 - q1) / median)
    }

    /// Day of the run.
    fn day(&self) -> String {
        self.time_utc.chars().take(10).collect()
    }
}

/// A moment with its rate over that of the moment before, and over the first one's.
struct Step<'a> {
    moment: &'a Moment,
    to_previous: Option<f64>,
    to_first: Option<f64>,
}

impl Trend {
    fn steps(&self) -> Vec<Step<'_>> {
        let (mut first, mut previous) = (None, None);
        let mut steps = Vec::new();
        for moment in &self.moments {
            let rate = moment.rate();
            let over = |base: Option<f64>| Some(rate? / base?).filter(|ratio| ratio.is_finite());
            steps.push(Step {
                moment,
                to_previous: over(previous),
                to_first: over(first),
            });
            previous = rate.or(previous);
            first = first.or(rate);
        }
        steps
    }

    fn figure(&self) -> Option<Figure> {
        let steps = self.steps();
        let points = steps.iter().enumerate().filter_map(|(place, step)| {
            let moment = step.moment;
            Some(Point {
                name: format!("{}, run {}", moment.time_utc, moment.number),
                series: match moment.checks.as_str() {
                    "" => "rate".to_owned(),
                    checks => format!("runtime checks {checks}"),
                },
                x: place as f64,
                y: moment.rate()?,
                facts: self.facts(step),
            })
        });
        let points: Vec<Point> = points.collect();
        (!points.is_empty()).then(|| Figure {
            title: format!("trend of {}", self.id),
            about: "Rate in each run, the oldest first. The axis of rates does not begin at zero."
                .to_owned(),
            group: None,
            drawing: Drawing::Plane(Plane {
                x: Axis {
                    name: "run".to_owned(),
                    unit: None,
                    scale: Scale::Ordered(self.moments.iter().map(Moment::day).collect()),
                },
                y: Axis {
                    name: "rate".to_owned(),
                    unit: Some(self.unit.clone()),
                    scale: Scale::Linear,
                },
                roofs: Vec::new(),
                points,
                joined: true,
            }),
        })
    }

    fn facts(&self, step: &Step<'_>) -> Vec<String> {
        let moment = step.moment;
        let facts = [
            moment.rate().map(|rate| self.unit.format(rate)),
            moment
                .times_s
                .map(|[_, median, _]| format!("median {}", format_seconds(median))),
            moment
                .spread()
                .map(|spread| format!("spread {}", format_percent(spread))),
            moment
                .percent_of_roof
                .map(|percent| format!("{} of the roof", format_percent(percent / 100.0))),
            step.to_previous
                .map(|ratio| format!("{} of the run before", format_ratio(ratio))),
            step.to_first
                .map(|ratio| format!("{} of the first run", format_ratio(ratio))),
            Some(format!("driver {}", moment.driver)),
            Some(format!("ridgepoint {}", moment.tool_version)),
        ];
        facts.into_iter().flatten().collect()
    }

    fn line(&self, step: &Step<'_>) -> Line {
        let Step {
            moment,
            to_previous,
            to_first,
        } = step;
        let ratio = |value: &Option<f64>| {
            value.map_or(Cell::Empty, |value| {
                Cell::Ratio(Ratio { value, range: None })
            })
        };
        let missing = || Cell::Missing(None);
        Line::of([
            Cell::Count(moment.number),
            Cell::text(&moment.time_utc),
            Cell::text(&moment.tool_version),
            Cell::text(&moment.driver),
            Cell::text(&moment.checks),
            Cell::text(&moment.kernel),
            Cell::quantity_or(
                moment.times_s.map(|[_, median, _]| median),
                Unit::Seconds,
                missing(),
            ),
            moment.spread().map_or_else(missing, Cell::Spread),
            Cell::quantity_or(moment.rate(), self.unit.clone(), missing()),
            moment
                .percent_of_roof
                .map_or(Cell::Empty, |percent| Cell::Share(percent / 100.0)),
            ratio(to_previous),
            ratio(to_first),
            Cell::Status(moment.status),
        ])
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::right("run").about("number of the run in the history"),
        Column::left("begun"),
        Column::left("version").priority(Priority::Above),
        Column::left("driver").priority(Priority::Above),
        Column::left("checks")
            .priority(Priority::Above)
            .about("runtime checks in shaders"),
        Column::left("kernel").priority(Priority::Above),
        Column::right("median")
            .unit(Unit::Seconds)
            .priority(Priority::Medium)
            .about("time of one execution"),
        Column::right("spread")
            .priority(Priority::High)
            .about("middle half of the times, q1 to q3, over the median"),
        Column::right("rate"),
        Column::right("of roof")
            .priority(Priority::Medium)
            .about("share of what the ceilings of the same run allow"),
        Column::left("/ previous")
            .priority(Priority::High)
            .about("rate over that of the run before"),
        Column::left("/ first")
            .priority(Priority::High)
            .about("rate over that of the first run"),
        Column::left("status").priority(Priority::Low),
    ]
}

/// Names of the columns of the flat table; those of `ridgepoint.flat/1` mean the same there.
const FLAT: &[&str] = &[
    "run_id",
    "time_utc",
    "tool_version",
    "tool_commit",
    "adapter",
    "driver",
    "id",
    "kernel",
    "checks",
    "status",
    "q1_s",
    "median_s",
    "q3_s",
    "spread",
    "value",
    "unit",
    "percent_of_roof",
    "ratio_to_previous",
    "ratio_to_first",
];

impl Subject for Trend {
    fn title(&self) -> String {
        format!("{} on {}", self.id, self.adapter)
    }

    fn inputs(&self) -> &[Input] {
        &[]
    }

    fn documents(&self) -> Vec<Document> {
        let table = Table {
            columns: columns(),
            lines: self.steps().iter().map(|step| self.line(step)).collect(),
        };
        let legend = legend(&table.columns);
        let rates = self.moments.iter().map(Moment::rate);
        let mut sections = vec![Section::paragraph(self.title()), Section::table("", table)];
        if let Some(curve) = Curve::of(rates, &self.unit) {
            sections.push(Section {
                title: "rate in each run, the oldest first".to_owned(),
                content: Content::Curve(curve),
            });
        }
        sections.push(Section::paragraph(legend));
        vec![Document::of(sections).drawn(self.figure().into_iter().collect())]
    }

    fn sheet(&self) -> Sheet<'_> {
        let steps = self.steps();
        let lines = steps.iter().map(|step| {
            let moment = step.moment;
            let time = |at: usize| Value::from(moment.times_s.map(|times| times[at]));
            vec![
                (&moment.run_id).into(),
                (&moment.time_utc).into(),
                (&moment.tool_version).into(),
                (&moment.tool_commit).into(),
                (&self.adapter).into(),
                (&moment.driver).into(),
                (&self.id).into(),
                (&moment.kernel).into(),
                (&moment.checks).into(),
                Value::text(moment.status.word()),
                time(0),
                time(1),
                time(2),
                moment.spread().into(),
                moment.value.filter(|value| value.is_finite()).into(),
                Value::text(self.unit.symbol().to_owned()),
                moment
                    .percent_of_roof
                    .filter(|percent| percent.is_finite())
                    .into(),
                step.to_previous.into(),
                step.to_first.into(),
            ]
        });
        Sheet {
            columns: FLAT.to_vec(),
            lines: lines.collect(),
        }
    }

    fn origin(&self, _document: usize) -> String {
        let days = match &self.moments[..] {
            [] => String::new(),
            [one] => one.day(),
            [first, .., last] => format!("{} to {}", first.day(), last.day()),
        };
        let mut drivers: Vec<&str> = Vec::new();
        for moment in &self.moments {
            if !drivers.contains(&moment.driver.as_str()) {
                drivers.push(&moment.driver);
            }
        }
        let version = self.moments.last().map_or("", |last| &last.tool_version);
        format!(
            "{}, driver {}; {days}; ridgepoint {version} at last",
            self.adapter,
            drivers.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Written;
    use crate::render::{Page, format};

    fn moment(number: u64, value: Option<f64>) -> Moment {
        Moment {
            number,
            run_id: format!("r{number}"),
            time_utc: format!("2026-01-{number:02}T03:04:05Z"),
            tool_version: "0.1.0".to_owned(),
            tool_commit: "abc".to_owned(),
            driver: "MADEUP 1".to_owned(),
            checks: "off".to_owned(),
            kernel: "matmul_tiled".to_owned(),
            status: if value.is_some() {
                Status::Ok
            } else {
                Status::Failed
            },
            times_s: value.map(|value| [0.9 / value, 1.0 / value, 1.1 / value]),
            value,
            percent_of_roof: value.map(|value| value / 1e12),
        }
    }

    fn trend(values: &[Option<f64>]) -> Trend {
        let numbered = (1..).zip(values);
        Trend {
            id: "matmul/f32/1024x1024x1024/matmul_tiled".to_owned(),
            adapter: "Made Up 9000".to_owned(),
            unit: Unit::FlopsPerSecond,
            moments: numbered
                .map(|(number, value)| moment(number, *value))
                .collect(),
        }
    }

    #[test]
    fn changes_are_to_the_run_before_and_to_the_first() {
        let of = trend(&[Some(10e12), Some(20e12), None, Some(15e12)]);
        let steps = of.steps();
        let ratios = |of: fn(&Step<'_>) -> Option<f64>| steps.iter().map(of).collect::<Vec<_>>();
        assert_eq!(
            ratios(|s| s.to_previous),
            [None, Some(2.0), None, Some(0.75)]
        );
        assert_eq!(ratios(|s| s.to_first), [None, Some(2.0), None, Some(1.5)]);
        for line in of.documents()[0]
            .sections
            .iter()
            .filter_map(|section| match &section.content {
                Content::Table(table) => table.lines.first(),
                _ => None,
            })
        {
            assert_eq!(line.cells.len(), columns().len());
        }
        assert!(of.sheet().lines.iter().all(|line| line.len() == FLAT.len()));
    }

    #[test]
    fn every_format_has_the_trend() {
        let of = trend(&[Some(10e12), Some(20e12), None, Some(15e12)]);
        for (name, words) in [
            ("terminal", "15.0 TFLOP/s"),
            ("terminal", "2026-01-04T03:04:05Z"),
            ("terminal", " |*"),
            ("markdown", "| 20.0 TFLOP/s |"),
            ("csv", ",15000000000000"),
            ("jsonl", "\"ratio_to_first\":1.5"),
            ("html", "trend of matmul/f32"),
            #[cfg(feature = "pictures")]
            ("svg", "Trend of matmul/f32/1024x1024x1024/matmul_tiled"),
            #[cfg(feature = "pictures")]
            ("svg", "2026-01-04"),
        ] {
            let Written::One(bytes) = (format(name).unwrap().write)(&of, &Page::default()) else {
                panic!("{name} made a folder");
            };
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(words), "{name}, {words}: {text}");
        }
    }

    #[test]
    fn a_trend_without_rates_has_no_figure() {
        let document = &trend(&[None, Some(f64::NAN), Some(-1.0)]).documents()[0];
        assert_eq!(document.figures, []);
        let is_curve = |section: &Section| matches!(section.content, Content::Curve(_));
        assert!(!document.sections.iter().any(is_curve));
    }
}
