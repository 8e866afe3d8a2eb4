//! The file of the history: its schema, and what is written to it and read from it.

use super::measurements::{OF_MEASUREMENT, OF_RUN, declared, quoted, stored};
use ridgepoint::error::suggest;
use ridgepoint::report::flat::{Value, sheet};
use ridgepoint::report::{Input, Results};
use ridgepoint::text::visible;
use ridgepoint::{Error, Result};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior, params_from_iter,
};
use std::path::Path;
use std::time::Duration;

/// Version of the schema, in `user_version`.
const VERSION: i64 = 1;
/// Mark of files of ridgepoint, in `application_id`: `Ridg` in ASCII.
const APPLICATION: i64 = 0x5269_6467;
/// How long another process may write before this one gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The history.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    /// Name of the file, for errors.
    name: String,
}

/// A run that was added, or found there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) number: i64,
    pub(super) is_new: bool,
}

/// A run of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) time_utc: String,
    pub(super) adapter: String,
    pub(super) backend: String,
    pub(super) driver: String,
    pub(super) suite: String,
    pub(super) tool_version: String,
    pub(super) checks: String,
    pub(super) measurements: u64,
    pub(super) file: String,
}

impl Database {
    /// Opens the file, which is made where it is missing, with its folder.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is no history, or one of a newer version.
    pub(super) fn open(file: &Path) -> Result<Self> {
        let name = visible(&file.display().to_string()).into_owned();
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|e| refused(&visible(&folder.display().to_string()), e.to_string()))?;
        }
        let connection = Connection::open(file).map_err(|e| failed(&name, &e))?;
        Self::over(connection, name)
    }

    /// Opens a file that is there.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is missing, too.
    pub(super) fn existing(file: &Path) -> Result<Self> {
        let name = visible(&file.display().to_string()).into_owned();
        if !file.exists() {
            return Err(refused(
                &name,
                "there is no history yet; `ridgepoint history add FILE...` begins one".to_owned(),
            ));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(|e| failed(&name, &e))?;
        Self::over(connection, name)
    }

    /// A history on `connection`. A database without a table gets those of this version.
    pub(super) fn over(connection: Connection, name: String) -> Result<Self> {
        let mut database = Self { connection, name };
        database.begin().map_err(|e| database.failed(&e))??;
        Ok(database)
    }

    fn begin(&mut self) -> rusqlite::Result<Result<()>> {
        self.connection.busy_timeout(PATIENCE)?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        if State::of(&self.connection)? == State::New {
            let behavior = TransactionBehavior::Immediate;
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            // Another process may have been faster.
            if State::of(&transaction)? == State::New {
                create(&transaction)?;
                transaction.commit()?;
            }
        }
        let reason = match State::of(&self.connection)? {
            State::Ready => return Ok(Ok(())),
            State::Other(version) => format!(
                "its version is {version}, this program reads {VERSION}; update ridgepoint, or name another file"
            ),
            State::New | State::Foreign => {
                "this is a database of another program; name another file".to_owned()
            }
        };
        Ok(Err(refused(&self.name, reason)))
    }

    /// Adds files of results with their bytes, all or none. A run that is there already stays as it is.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(super) fn add(&mut self, inputs: &[(Input, Vec<u8>)]) -> Result<Vec<Added>> {
        let added = self.add_all(inputs);
        added.map_err(|e| self.failed(&e))
    }

    fn add_all(&mut self, inputs: &[(Input, Vec<u8>)]) -> rusqlite::Result<Vec<Added>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let added = inputs
            .iter()
            .map(|(input, bytes)| add(&transaction, input, bytes));
        let added = added.collect::<rusqlite::Result<Vec<_>>>()?;
        transaction.commit()?;
        Ok(added)
    }

    /// The runs, the oldest first.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(super) fn runs(&self) -> Result<Vec<Run>> {
        let text = "SELECT number, run_id, time_utc, adapter, backend, driver, driver_info, suite, tool_version, checks, file,
                (SELECT count(*) FROM measurements WHERE run = number)
             FROM runs ORDER BY time_utc, number";
        self.rows(text, &[], |row| {
            Ok(Run {
                number: row.get::<_, i64>(0)?.unsigned_abs(),
                id: word(row, 1)?,
                time_utc: word(row, 2)?,
                adapter: word(row, 3)?,
                backend: word(row, 4)?,
                driver: joined(&word(row, 5)?, &word(row, 6)?),
                suite: word(row, 7)?,
                tool_version: word(row, 8)?,
                checks: word(row, 9)?,
                file: word(row, 10)?,
                measurements: row.get::<_, i64>(11)?.unsigned_abs(),
            })
        })
    }

    /// The results of a run, by its number or the begin of its id.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for none, [`Error::Argument`] for several, [`Error::File`].
    pub(super) fn input(&self, wanted: &str) -> Result<Input> {
        let runs = self.runs()?;
        let is_wanted = |run: &&Run| {
            run.number.to_string() == wanted || (!wanted.is_empty() && run.id.starts_with(wanted))
        };
        let found: Vec<&Run> = runs.iter().filter(is_wanted).collect();
        let exact = found.iter().find(|run| run.number.to_string() == wanted);
        let run = match (exact, &found[..]) {
            (Some(run), _) | (None, [run]) => *run,
            (None, []) => {
                return Err(Error::UnknownName {
                    kind: "run",
                    name: wanted.to_owned(),
                    suggestion: suggest(wanted, runs.iter().map(|run| run.id.as_str())),
                });
            }
            (None, several) => {
                let ids: Vec<&str> = several.iter().map(|run| run.id.as_str()).collect();
                return Err(Error::Argument {
                    argument: wanted.to_owned(),
                    reason: format!("several runs begin so: {}", ids.join(", ")),
                });
            }
        };
        let query = "SELECT results FROM runs WHERE run_id = ?1";
        let text = self
            .connection
            .query_row(query, [&run.id], |row| row.get::<_, String>(0));
        let text = text.map_err(|e| self.failed(&e))?;
        Ok(Input {
            results: Results::read(&run.file, text.as_bytes())?,
            name: run.file.clone(),
        })
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(super) fn rows<T>(
        &self,
        query: &str,
        values: &[&str],
        of: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = || {
            let mut statement = self.connection.prepare(query)?;
            let rows = statement.query_map(params_from_iter(values), of)?;
            rows.collect()
        };
        let rows: rusqlite::Result<Vec<T>> = rows();
        rows.map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        failed(&self.name, error)
    }
}

/// State of a database, as this program finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Empty.
    New,
    /// A history of this version.
    Ready,
    /// A history of another version.
    Other(i64),
    /// Run of another program.
    Foreign,
}

impl State {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |pragma: &str| -> rusqlite::Result<i64> {
            connection.pragma_query_value(None, pragma, |row| row.get(0))
        };
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
        Ok(match (number("application_id")?, number("user_version")?) {
            (0, 0) if tables == 0 => Self::New,
            (APPLICATION, VERSION) => Self::Ready,
            (APPLICATION, version) => Self::Other(version),
            _ => Self::Foreign,
        })
    }
}

/// Makes the tables of this version.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE TABLE runs (number INTEGER PRIMARY KEY, {}, checks TEXT, results TEXT NOT NULL, UNIQUE (run_id));
         CREATE TABLE measurements (run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE, {});
         CREATE INDEX measurements_by_id ON measurements (id);
         CREATE INDEX measurements_by_run ON measurements (run);
         PRAGMA application_id = {APPLICATION};
         PRAGMA user_version = {VERSION};",
        declared(OF_RUN),
        declared(OF_MEASUREMENT)
    ))
}

/// Text of a column; empty for none.
pub(super) fn word(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(row.get::<_, Option<String>>(column)?.unwrap_or_default())
}

/// A driver with its version.
pub(super) fn joined(name: &str, details: &str) -> String {
    let parts = [name, details].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

fn add(connection: &Connection, input: &Input, bytes: &[u8]) -> rusqlite::Result<Added> {
    let id = input.results.id();
    let known = "SELECT number FROM runs WHERE run_id = ?1";
    if let Some(number) = connection
        .query_row(known, [&id], |row| row.get(0))
        .optional()?
    {
        return Ok(Added {
            number,
            is_new: false,
        });
    }
    // A file of a run that stopped at once has no measurement, and no line of the flat table.
    let sheet = sheet(std::slice::from_ref(input));
    let values = |line: &[Value<'_>], names: &[&str]| {
        let of_name = |name: &&str| {
            let at = sheet.columns.iter().position(|column| column == name);
            at.map_or(rusqlite::types::Value::Null, |at| stored(&line[at]))
        };
        names.iter().map(of_name).collect::<Vec<_>>()
    };
    let text = String::from_utf8_lossy(bytes);
    let of_run = of_run(input, &id);
    let query = format!(
        "INSERT INTO runs ({}, checks, results) VALUES ({})",
        quoted(OF_RUN),
        places(OF_RUN.len() + 2)
    );
    let more = [
        rusqlite::types::Value::from(checks(&input.results)),
        text.into_owned().into(),
    ];
    connection.execute(&query, params_from_iter(of_run.into_iter().chain(more)))?;
    let number = connection.last_insert_rowid();
    let query = format!(
        "INSERT INTO measurements (run, {}) VALUES ({})",
        quoted(OF_MEASUREMENT),
        places(OF_MEASUREMENT.len() + 1)
    );
    let mut insert = connection.prepare(&query)?;
    for line in &sheet.lines {
        let values = values(line, OF_MEASUREMENT);
        let all = std::iter::once(number.into()).chain(values);
        insert.execute(params_from_iter(all))?;
    }
    Ok(Added {
        number,
        is_new: true,
    })
}

/// Values of the columns of a run, in the order of [`OF_RUN`].
fn of_run(input: &Input, id: &str) -> Vec<rusqlite::types::Value> {
    let results = &input.results;
    let (tool, adapter) = (results.tool(), results.adapter());
    let suite = match results {
        Results::Run(run) => &run.settings.suite,
        Results::Roofline(_) => "roofline",
    };
    let texts = [
        results.schema(),
        &input.name,
        id,
        &results.host().utc,
        &tool.version,
        &tool.commit,
        &adapter.name,
        &adapter.backend,
        &adapter.driver,
        &adapter.driver_info,
        suite,
        results.note().unwrap_or_default(),
    ];
    texts
        .map(|text| rusqlite::types::Value::Text(text.to_owned()))
        .to_vec()
}

fn checks(results: &Results) -> String {
    use ridgepoint::report::Checks;
    match results {
        Results::Run(run) if run.settings.checks == Checks::On => "on".to_owned(),
        Results::Run(_) => "off".to_owned(),
        Results::Roofline(_) => String::new(),
    }
}

fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn refused(name: &str, reason: String) -> Error {
    Error::File {
        path: name.to_owned(),
        reason,
    }
}

/// An error of `SQLite` in words. The file stays as it is, whatever is wrong with it.
fn failed(name: &str, error: &rusqlite::Error) -> Error {
    let words = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "it is no history of ridgepoint; name another file, or move this one away"
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            "it is damaged; move it away, and add the files of results again: nothing was changed"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is writing to it; try again"
        }
        Some(ErrorCode::ReadOnly) => "it cannot be written",
        Some(ErrorCode::CannotOpen) => "it cannot be opened",
        _ => "the history cannot be read or written",
    };
    refused(name, format!("{words} ({})", visible(&error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/snapshots/reports/run.json"
    );

    fn memory() -> Database {
        Database::over(Connection::open_in_memory().unwrap(), "memory".to_owned()).unwrap()
    }

    fn run(change: impl FnOnce(&mut serde_json::Value)) -> (Input, Vec<u8>) {
        let mut json = serde_json::from_str(&std::fs::read_to_string(RUN).unwrap()).unwrap();
        change(&mut json);
        let bytes = json.to_string().into_bytes();
        let results = Results::read("run.json", &bytes).unwrap();
        let name = "run.json".to_owned();
        (Input { name, results }, bytes)
    }

    #[test]
    fn a_run_is_there_once() {
        let mut database = memory();
        let first = run(|_| {});
        let later = run(|json| json["host"]["utc"] = "2026-02-01T00:00:00Z".into());
        let new = |number| Added {
            number,
            is_new: true,
        };
        let old = |number| Added {
            number,
            is_new: false,
        };
        let all = [first.clone(), later, first.clone()];
        assert_eq!(database.add(&all).unwrap(), [new(1), new(2), old(1)]);
        assert_eq!(database.add(&all[..1]).unwrap(), [old(1)]);
        let runs = database.runs().unwrap();
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].number, runs[1].number), (1, 2));
        assert_eq!(runs[0].measurements, sheet(&[first.0]).lines.len() as u64);
    }

    #[test]
    fn a_run_is_found_by_its_number_and_by_the_begin_of_its_id() {
        let mut database = memory();
        let (input, bytes) = run(|_| {});
        database
            .add(&[
                (input.clone(), bytes),
                run(|json| json["settings"]["seed"] = 2.into()),
            ])
            .unwrap();
        assert_eq!(database.input("1").unwrap(), input);
        let id = input.results.id();
        assert_eq!(database.input(&id[..8]).unwrap(), input);
        assert!(
            database
                .input("r")
                .unwrap_err()
                .to_string()
                .contains("several runs begin so")
        );
        assert!(
            database
                .input("3")
                .unwrap_err()
                .to_string()
                .contains("unknown run")
        );
        assert!(database.input("").is_err());
    }

    #[test]
    fn databases_of_others_and_of_newer_versions_are_refused() {
        let refused = |script: &str| {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(script).unwrap();
            Database::over(connection, "memory".to_owned())
                .unwrap_err()
                .to_string()
        };
        assert!(refused("CREATE TABLE a (b)").contains("another program"));
        assert!(refused("PRAGMA application_id = 7").contains("another program"));
        let newer = format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 2; CREATE TABLE a (b)"
        );
        assert!(refused(&newer).contains("its version is 2, this program reads 1"));
    }
}
