//! `ridgepoint run --ab A B`: two ways to run, measured in turn in one process, for differences that drift would hide.

use super::super::args::{AdapterArguments, RunArguments, WayArguments};
use super::super::load::Load;
use super::super::output;
use super::super::page::{page, show_section};
use super::super::progress::{Progress, print, tell};
use super::super::results::{ResultsFile, unused, with_end};
use super::super::sink::{Sink, require_plain};
use super::super::{BAD_INPUT, FAILED, OK, stop};
use super::all::show_comparison;
use super::{Opened, is_bad, report};
use clap::Parser;
use jiff::Timestamp;
use ridgepoint::bench::HostLoad;
use ridgepoint::compare::Comparison;
use ridgepoint::files::is_stdout;
use ridgepoint::render::{self, CEILINGS, Comparing, Rows, Section, format, terminal};
use ridgepoint::report::{Input, Report, Results, Row};
use ridgepoint::suite::{Case, Runner, interleaved, note_missing};
use ridgepoint::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Letters of the two ways, as they stand in the names of files.
const LETTERS: [&str; 2] = ["a", "b"];

/// One way to run.
struct Way {
    arguments: RunArguments,
    opened: Opened,
}

/// Results of one way, and their file.
struct Recorded {
    report: Report,
    file: ResultsFile,
}

/// Runs both ways, compares their results, and returns the exit status.
pub(super) async fn ab(arguments: &RunArguments, adapter: &AdapterArguments) -> Result<u8> {
    let began = Timestamp::now();
    let [a, b] = [way(arguments, adapter, 0)?, way(arguments, adapter, 1)?];
    let ways = [open(a).await?, open(b).await?];
    stop::listen();
    let pairs = pairs(&ways)?;
    if let Some(path) = &arguments.json {
        require_plain("--ab with --json", path)?;
    }
    let name = |way: &Way| way.opened.gpu.summary().name.clone();
    let base = arguments.json.clone();
    let base = base.unwrap_or_else(|| unused(&name(&ways[0]), began, ""));
    let page = arguments.page.html.as_deref().map(Sink::open).transpose()?;
    let mut recorded = Vec::new();
    for (way, letter) in ways.iter().zip(LETTERS) {
        let mut report = report(&way.opened, &way.arguments, began);
        note_missing(&mut report, pairs.len());
        let file = ResultsFile::create(Some(lettered(&base, letter)), began, &report);
        recorded.push(Recorded { report, file });
    }
    let ended = measure(&ways, &pairs, &mut recorded).await;
    let inputs: Vec<Input> = recorded.iter().map(Recorded::input).collect();
    print("");
    show_comparison(&inputs);
    for recorded in &mut recorded {
        recorded.file.finish(&recorded.report);
        recorded.file.tell();
    }
    if let (Some(path), Some(mut sink)) = (&arguments.page.html, page) {
        let comparing = Comparing {
            comparison: Comparison::new(&inputs),
            statistics: true,
        };
        sink.write(&output::bytes(format("html")?, &comparing)?)?;
        if !is_stdout(path) {
            tell(&format!("page: {}", path.display()));
        }
    }
    ended?;
    if recorded
        .iter()
        .any(|recorded| recorded.file.saved().is_none())
    {
        return Ok(BAD_INPUT);
    }
    let mut rows = recorded.iter().flat_map(|recorded| &recorded.report.rows);
    Ok(if rows.any(is_bad) { FAILED } else { OK })
}

/// Arguments of one way: those of the run, with those of the way in front of them.
fn way(
    arguments: &RunArguments,
    adapter: &AdapterArguments,
    place: usize,
) -> Result<(RunArguments, AdapterArguments)> {
    let text = &arguments.ab[place];
    let wrong = |reason: String| Error::Argument {
        argument: format!("--ab {text:?}"),
        reason,
    };
    let words = shlex::split(text).ok_or_else(|| wrong("a quote is not closed".to_owned()))?;
    let way = WayArguments::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let line = line.trim_start_matches("error: ");
        wrong(format!(
            "{line}; --adapter, --backend, --kernel, --checks and --tuned can stand here"
        ))
    })?;
    let mut own = arguments.clone();
    if !way.kernel.is_empty() {
        own.kernel = way.kernel;
    }
    if let Some(checks) = way.checks {
        own.data.checks = checks;
    }
    own.tuned |= way.tuned;
    let adapter = way.adapter.or(adapter);
    if adapter.are_all() {
        return Err(wrong("one adapter is needed, not all".to_owned()));
    }
    Ok((own, adapter))
}

async fn open((arguments, adapter): (RunArguments, AdapterArguments)) -> Result<Way> {
    let opened = Opened::new(&arguments, &adapter.wanted()?).await?;
    Ok(Way { arguments, opened })
}

/// Operation, element type, wanted shape and repetition of a case, and how many cases before it have the same.
type Key = (&'static str, &'static str, String, Option<u32>, usize);

/// Cases of one way that the other has too, in the order of the first. Both get the shapes of the slower kind of adapter.
///
/// # Errors
/// [`Error::NothingToRun`] where the ways share no workload.
fn pairs(ways: &[Way; 2]) -> Result<Vec<[Case; 2]>> {
    let kind = |way: &Way| way.opened.gpu.capabilities().kind;
    let slower = kind(&ways[0]).max(kind(&ways[1]));
    let cases = |way: &Way| keyed(way.opened.selection.cases(slower).all);
    let mut others: HashMap<Key, Case> = cases(&ways[1]).into_iter().collect();
    let paired = cases(&ways[0]).into_iter().filter_map(|(key, case)| {
        let other = others.remove(&key)?;
        Some([case, other])
    });
    let paired: Vec<[Case; 2]> = paired.collect();
    if paired.is_empty() {
        return Err(Error::NothingToRun {
            reason: "the two ways of --ab have no shape in common".to_owned(),
        });
    }
    Ok(paired)
}

fn keyed(cases: Vec<Case>) -> Vec<(Key, Case)> {
    let mut counts: HashMap<Key, usize> = HashMap::new();
    let key = |case: Case| {
        let operation = case.operation.as_ref();
        let label = case.reduced_from.clone();
        let label = label.unwrap_or_else(|| operation.label());
        let names = (case.family().name, operation.dtype().name());
        let mut key = (names.0, names.1, label, case.repetition, 0);
        let count = counts.entry(key.clone()).or_default();
        key.4 = *count;
        *count += 1;
        (key, case)
    };
    cases.into_iter().map(key).collect()
}

/// `path` with a letter behind its stem.
fn lettered(path: &Path, letter: &str) -> PathBuf {
    with_end(path, &format!("-{letter}.json"))
}

/// Measures into `recorded`; what was measured before an error is in it.
async fn measure(ways: &[Way; 2], pairs: &[[Case; 2]], recorded: &mut [Recorded]) -> Result<()> {
    let progress = Progress::new(pairs.len(), "rows");
    let load = Load::new();
    let others = || load.others();
    let runner = |way: &'static str, index: usize| {
        let Opened { gpu, options, .. } = &ways[index].opened;
        tell(&format!("{way}: {}", gpu.summary().name));
        Runner::new(gpu, options.clone(), &stop::asked).beside(HostLoad::from_fn(&others))
    };
    let (mut a, mut b) = (runner("A", 0), runner("B", 1));
    for (runner, recorded) in [&mut a, &mut b].into_iter().zip(&mut *recorded) {
        progress.begin("ceilings");
        recorded.report.ceilings = runner.measure_ceilings().await?.to_vec();
        recorded.file.save(&recorded.report);
        let ceilings = render::ceilings(&recorded.report.ceilings);
        show_section(&Section::table(CEILINGS, ceilings));
        print("");
    }
    progress.start();
    let cases: Vec<Case> = pairs.iter().flatten().cloned().collect();
    let rows = Rows::planned(&cases, ways.iter().any(|way| way.opened.has_power));
    let mut table = terminal::Stream::new(rows.columns().to_vec(), &page());
    for [case_a, case_b] in pairs {
        if stop::asked() {
            return Err(Error::Interrupted);
        }
        progress.begin(&case_a.id());
        let both: [Row; 2] = interleaved((&mut a, case_a), (&mut b, case_b)).await?;
        progress.end();
        for (row, recorded) in both.into_iter().zip(&mut *recorded) {
            print(&table.line(&rows.line(&row)));
            recorded.report.rows.push(row);
            note_missing(&mut recorded.report, pairs.len());
            recorded.file.save(&recorded.report);
        }
    }
    Ok(())
}

impl Recorded {
    fn input(&self) -> Input {
        let path = self.file.saved().map(|path| path.display().to_string());
        Input {
            name: path.unwrap_or_else(|| "results that could not be saved".to_owned()),
            results: Results::Run(Box::new(self.report.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::selection::selection;
    use ridgepoint::report::AdapterKind;

    fn arguments(a: &str, b: &str) -> RunArguments {
        RunArguments {
            suite: vec!["quick".into()],
            ab: vec![a.to_owned(), b.to_owned()],
            ..RunArguments::default()
        }
    }

    fn none() -> AdapterArguments {
        AdapterArguments {
            adapter: None,
            backend: None,
        }
    }

    #[test]
    fn a_way_changes_what_it_names() {
        let base = arguments("--kernel matmul_naive --checks on", "--adapter 'a name'");
        let (a, adapter) = way(&base, &none(), 0).unwrap();
        assert_eq!(a.kernel, ["matmul_naive"]);
        assert!(matches!(
            a.data.checks.into(),
            ridgepoint::shader::Checks::On
        ));
        assert!(adapter.adapter.is_none());
        let (b, adapter) = way(&base, &none(), 1).unwrap();
        assert!(b.kernel.is_empty());
        assert_eq!(adapter.adapter.as_deref(), Some("a name"));
    }

    #[test]
    fn what_cannot_stand_in_a_way_is_refused() {
        for (text, words) in [
            ("--suite quick", "--suite"),
            ("--checks maybe", "maybe"),
            ("--adapter 'x", "quote"),
            ("--adapter all", "not all"),
        ] {
            let error = way(&arguments(text, ""), &none(), 0)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words) && error.contains("--ab"), "{error}");
        }
    }

    #[test]
    fn cases_are_paired_by_what_they_compute() {
        let cases = |kernels: &[&str]| {
            let arguments = RunArguments {
                kernel: kernels.iter().map(ToString::to_string).collect(),
                op: vec!["matmul:64x64x64".into(), "matmul:32x32x32".into()],
                ..arguments("", "")
            };
            let selection = selection(&arguments).unwrap();
            keyed(selection.cases(AdapterKind::Software).all)
        };
        let a = cases(&["matmul_naive", "matmul_tiled"]);
        let b = cases(&["matmul_blocked"]);
        assert_eq!(a.len(), 4);
        let shared = a
            .iter()
            .filter(|(key, _)| b.iter().any(|(other, _)| other == key));
        let shared: Vec<String> = shared.map(|(_, case)| case.id()).collect();
        assert_eq!(
            shared,
            [
                "matmul/f32/64x64x64/matmul_naive",
                "matmul/f32/32x32x32/matmul_naive"
            ]
        );
    }

    #[test]
    fn files_of_both_ways_stand_beside_each_other() {
        assert_eq!(
            lettered(Path::new("x/mine.json"), "b"),
            Path::new("x/mine-b.json")
        );
        assert_eq!(
            lettered(Path::new("mine.1"), "a"),
            Path::new("mine.1-a.json")
        );
    }
}
