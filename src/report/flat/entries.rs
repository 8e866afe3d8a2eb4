//! The measurements of a file, one by one, whatever its schema.

use crate::report::{
    Bound, Ceiling, Checks, ClockKind, LatencyPoint, Results, RooflineReport, Row, SensorSummary,
    Soak, Status, Summary, SweepPoint, Verified, Warning,
};
use crate::units::Unit;
use std::borrow::Cow;

/// One measurement.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// `row`, `ceiling`, `variant`, `launch`, `working_set`, `latency`, `transfer`.
    pub(super) measurement: &'static str,
    pub(super) id: Cow<'a, str>,
    /// The row, where the measurement is one.
    pub(super) row: Option<&'a Row>,
    /// The ceiling that the row is held against.
    pub(super) ceiling: Option<&'a Ceiling>,
    /// Bytes of a working set or of a copy.
    pub(super) size_bytes: Option<u64>,
    pub(super) checks: Option<Checks>,
    pub(super) clock: Option<ClockKind>,
    pub(super) status: Status,
    pub(super) reason: Option<&'a str>,
    pub(super) time: Option<&'a Summary>,
    pub(super) wall: Option<&'a Summary>,
    pub(super) discarded: Option<usize>,
    pub(super) verified: Option<&'a Verified>,
    pub(super) value: Option<f64>,
    pub(super) unit: Unit,
    pub(super) sensors: Option<&'a SensorSummary>,
    pub(super) flops_per_joule: Option<f64>,
    pub(super) bytes_per_joule: Option<f64>,
    /// End of an interval of a soak, in seconds since its first submission.
    pub(super) at_s: Option<f64>,
    pub(super) warnings: &'a [Warning],
}

/// The measurements of a file, in the order of its fields. Screenings of grids and levels, which are computed from
/// sweeps, are none.
pub(super) fn entries(results: &Results) -> Vec<Entry<'_>> {
    let ceilings = results.ceilings().iter();
    let mut all: Vec<_> = ceilings
        .map(|ceiling| of_ceiling("ceiling", ceiling.id.as_str().into(), ceiling))
        .collect();
    match results {
        Results::Run(run) => {
            all.extend(run.rows.iter().map(|row| of_row(row, &run.ceilings)));
            let hierarchy = run.hierarchy.iter();
            all.extend(hierarchy.flat_map(|h| of_working_sets(&h.sweep, &h.latency)));
            all.extend(
                run.soaked()
                    .into_iter()
                    .flat_map(|(soak, row)| of_soak(soak, row)),
            );
        }
        Results::Roofline(roofline) => all.extend(of_roofline(roofline)),
    }
    all
}

fn of_row<'a>(row: &'a Row, ceilings: &'a [Ceiling]) -> Entry<'a> {
    let (value, unit) = row.rate(row.resource());
    Entry {
        measurement: "row",
        id: row.id.as_str().into(),
        row: Some(row),
        ceiling: row.ceiling(ceilings),
        size_bytes: None,
        checks: Some(row.checks),
        clock: row.clock,
        status: row.status,
        reason: row.reason.as_deref(),
        time: row.time_s.as_ref(),
        wall: row.wall_s.as_ref(),
        discarded: Some(row.discarded),
        verified: row.verified.as_ref(),
        value,
        unit,
        sensors: row.sensors.as_ref(),
        flops_per_joule: row.per_joule(Bound::Compute).0,
        bytes_per_joule: row.per_joule(Bound::Memory).0,
        at_s: None,
        warnings: &row.warnings,
    }
}

fn of_ceiling<'a>(measurement: &'static str, id: Cow<'a, str>, ceiling: &'a Ceiling) -> Entry<'a> {
    let unit = Unit::of(&ceiling.unit);
    let per_joule = |of: &Unit| ceiling.per_joule().filter(|_| unit == *of);
    Entry {
        measurement,
        id,
        row: None,
        ceiling: None,
        size_bytes: None,
        checks: Some(ceiling.checks),
        clock: ceiling.clock,
        status: ceiling.status,
        reason: ceiling.reason.as_deref(),
        time: ceiling.time_s.as_ref(),
        wall: ceiling.wall_s.as_ref(),
        discarded: Some(ceiling.discarded),
        verified: None,
        value: ceiling.value,
        sensors: ceiling.sensors.as_ref(),
        flops_per_joule: per_joule(&Unit::FlopsPerSecond),
        bytes_per_joule: per_joule(&Unit::BytesPerSecond),
        unit,
        at_s: None,
        warnings: &ceiling.warnings,
    }
}

/// Intervals of a soak, each with the rate of its row's resource.
fn of_soak<'a>(soak: &'a Soak, row: &'a Row) -> impl Iterator<Item = Entry<'a>> {
    soak.points.iter().map(move |point| {
        let (value, unit) = row.rate_over(row.resource(), point.time_s);
        let per_joule = |work: u64| point.sensors.as_ref()?.per_joule(work as f64);
        Entry {
            at_s: Some(point.at_s),
            sensors: point.sensors.as_ref(),
            flops_per_joule: per_joule(row.flops),
            bytes_per_joule: per_joule(row.min_bytes),
            ..of_point("soak", soak.id.as_str(), value, unit, Status::Ok)
        }
    })
}

/// Entries of a roofline beyond its ceilings.
fn of_roofline(roofline: &RooflineReport) -> impl Iterator<Item = Entry<'_>> {
    let variants = roofline.variants.iter().map(|variant| {
        let id = format!("{}/{}", variant.ceiling.id, variant.what);
        of_ceiling("variant", id.into(), &variant.ceiling)
    });
    let launches = roofline.system.iter();
    let launches = launches.map(|launch| of_ceiling("launch", launch.id.as_str().into(), launch));
    let working_sets = of_working_sets(&roofline.sweep, &roofline.latency);
    let transfers = roofline.transfers.iter().flat_map(|point| {
        let kinds = [
            ("transfer/to_device", point.to_device),
            ("transfer/from_device", point.from_device),
            ("transfer/write_buffer", point.write_buffer),
        ];
        kinds.map(|(id, value)| Entry {
            size_bytes: Some(point.bytes),
            reason: point.reason.as_deref().filter(|_| value.is_none()),
            warnings: &point.warnings,
            ..of_point("transfer", id, value, Unit::BytesPerSecond, point.status)
        })
    });
    variants
        .chain(launches)
        .chain(working_sets)
        .chain(transfers)
}

/// Bandwidth and latency by working set.
fn of_working_sets<'a>(
    sweep: &'a [SweepPoint],
    latency: &'a [LatencyPoint],
) -> impl Iterator<Item = Entry<'a>> {
    let sweep = sweep.iter().flat_map(|point| {
        let resident = (
            "working_set/resident",
            point.resident,
            point.resident_status,
        );
        let cold = ("working_set/cold", point.cold, point.cold_status);
        [resident, cold].map(|(id, value, status)| Entry {
            size_bytes: Some(point.bytes),
            reason: point.reason.as_deref().filter(|_| value.is_none()),
            warnings: &point.warnings,
            ..of_point("working_set", id, value, Unit::BytesPerSecond, status)
        })
    });
    let latency = latency.iter().map(|point| Entry {
        size_bytes: Some(point.bytes),
        reason: point.reason.as_deref(),
        warnings: &point.warnings,
        ..of_point(
            "latency",
            "latency",
            point.seconds,
            Unit::Seconds,
            point.status,
        )
    });
    sweep.chain(latency)
}

/// A point of a sweep, of which no more than its value is known.
fn of_point<'a>(
    measurement: &'static str,
    id: &'a str,
    value: Option<f64>,
    unit: Unit,
    status: Status,
) -> Entry<'a> {
    Entry {
        measurement,
        id: id.into(),
        row: None,
        ceiling: None,
        size_bytes: None,
        checks: None,
        clock: None,
        status,
        reason: None,
        time: None,
        wall: None,
        discarded: None,
        verified: None,
        value,
        unit,
        sensors: None,
        flops_per_joule: None,
        bytes_per_joule: None,
        at_s: None,
        warnings: &[],
    }
}
