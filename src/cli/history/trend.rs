//! A row of every run of an adapter, read from the history.

use super::database::{Database, joined, word};
use ridgepoint::error::suggest;
use ridgepoint::render::{Moment, Trend};
use ridgepoint::report::Status;
use ridgepoint::units::Unit;
use ridgepoint::{Error, Result};

/// Kinds of measurements that have a trend: those that later runs repeat by the same id.
const KINDS: &str = "measurement IN ('row', 'ceiling')";
/// Names that an error lists.
const NAMED: usize = 16;

/// Trend of the row that `row` names, on the adapter of which `adapter` is a part of the name.
///
/// # Errors
/// [`Error::UnknownName`] and [`Error::Argument`] where none or several are meant; [`Error::File`].
pub(super) fn trend(database: &Database, row: &str, adapter: Option<&str>) -> Result<Trend> {
    let adapter = adapter_of(database, adapter)?;
    let id = row_of(database, &adapter, row)?;
    let query = format!(
        "SELECT number, run_id, time_utc, tool_version, tool_commit, driver, driver_info, measurements.checks, kernel, status,
            q1_s, median_s, q3_s, value, percent_of_roof, unit
         FROM measurements JOIN runs ON run = number
         WHERE adapter = ?1 AND id = ?2 AND {KINDS}
         ORDER BY time_utc, number, measurements.rowid"
    );
    let mut unit = String::new();
    let moments = database.rows(&query, &[&adapter, &id], |row| {
        let time = |column| row.get::<_, Option<f64>>(column);
        unit = word(row, 15)?;
        Ok(Moment {
            number: row.get::<_, i64>(0)?.unsigned_abs(),
            run_id: word(row, 1)?,
            time_utc: word(row, 2)?,
            tool_version: word(row, 3)?,
            tool_commit: word(row, 4)?,
            driver: joined(&word(row, 5)?, &word(row, 6)?),
            checks: word(row, 7)?,
            kernel: word(row, 8)?,
            status: status(word(row, 9)?),
            times_s: time(10)?
                .zip(time(11)?)
                .zip(time(12)?)
                .map(|((q1, median), q3)| [q1, median, q3]),
            value: time(13)?,
            percent_of_roof: time(14)?,
        })
    })?;
    Ok(Trend {
        id,
        adapter,
        unit: Unit::of(&unit),
        moments,
    })
}

/// Status of a word; one that this version does not know has failed.
fn status(word: String) -> Status {
    serde_json::from_value(word.into()).unwrap_or(Status::Failed)
}

fn adapter_of(database: &Database, wanted: Option<&str>) -> Result<String> {
    let all = database.rows(
        "SELECT DISTINCT adapter FROM runs ORDER BY adapter",
        &[],
        |row| word(row, 0),
    )?;
    let lower = wanted.unwrap_or_default().to_lowercase();
    let exact = all.iter().find(|name| name.to_lowercase() == lower);
    let found: Vec<&String> = match exact {
        Some(name) => vec![name],
        None => all
            .iter()
            .filter(|name| name.to_lowercase().contains(&lower))
            .collect(),
    };
    match (&found[..], wanted) {
        ([one], _) => Ok((*one).clone()),
        ([], Some(wanted)) => Err(Error::UnknownName {
            kind: "adapter",
            name: wanted.to_owned(),
            suggestion: near(wanted, &all),
        }),
        ([], None) => Err(Error::Argument {
            argument: "trend".to_owned(),
            reason: "the history has no run yet; `ridgepoint history add FILE...` adds one"
                .to_owned(),
        }),
        (several, _) => Err(Error::Argument {
            argument: "trend".to_owned(),
            reason: format!(
                "name one of these adapters with `--adapter NAME`: {}",
                listed(several)
            ),
        }),
    }
}

fn row_of(database: &Database, adapter: &str, wanted: &str) -> Result<String> {
    let query = format!(
        "SELECT DISTINCT id FROM measurements JOIN runs ON run = number WHERE adapter = ?1 AND {KINDS} ORDER BY id"
    );
    let all = database.rows(&query, &[adapter], |row| word(row, 0))?;
    let found: Vec<&String> = match all.iter().find(|id| *id == wanted) {
        Some(id) => vec![id],
        None => all.iter().filter(|id| id.contains(wanted)).collect(),
    };
    match &found[..] {
        [one] => Ok((*one).clone()),
        [] => Err(Error::UnknownName {
            kind: "row",
            name: wanted.to_owned(),
            suggestion: near(wanted, &all),
        }),
        several => Err(Error::Argument {
            argument: wanted.to_owned(),
            reason: format!(
                "this is a part of several rows; name one: {}",
                listed(several)
            ),
        }),
    }
}

/// Names that look like `wanted`, or some of all: a history has hundreds of rows.
fn near(wanted: &str, all: &[String]) -> String {
    let text = suggest(wanted, all.iter().map(String::as_str));
    if all.len() <= NAMED || text.starts_with("did you mean") {
        return text;
    }
    format!("known are {}", listed(&all.iter().collect::<Vec<_>>()))
}

fn listed(names: &[&String]) -> String {
    let mut listed: Vec<String> = names.iter().take(NAMED).map(ToString::to_string).collect();
    if names.len() > NAMED {
        listed.push(format!("and {} more", names.len() - NAMED));
    }
    listed.join(", ")
}
