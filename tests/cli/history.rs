//! `ridgepoint history`: what is added, listed, shown and followed over time, and what is refused.

use super::report::{RUN, of_repository, run, with};
use super::{refused, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with three runs of one adapter, the second twice as fast, and a broken file.
fn folder(name: &str) -> PathBuf {
    let command = with(name, &[("a.json", RUN)]);
    let folder = command.get_current_dir().unwrap().to_owned();
    let text = std::fs::read_to_string(of_repository(RUN)).unwrap();
    for (name, month, factor) in [("b.json", "03", 0.5), ("c.json", "02", 0.8)] {
        let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
        file["host"]["utc"] = format!("2026-{month}-02T03:04:05Z").into();
        file["tool"]["version"] = "0.2.0".into();
        for row in file["rows"].as_array_mut().unwrap() {
            scale(row, factor);
        }
        std::fs::write(folder.join(name), file.to_string()).unwrap();
    }
    std::fs::write(folder.join("cut.json"), &text[..text.len() / 2]).unwrap();
    folder
}

/// Makes the times of a row `factor` times as long.
fn scale(row: &mut serde_json::Value, factor: f64) {
    if row["time_s"].is_null() {
        return;
    }
    for name in ["min", "q1", "median", "q3", "max"] {
        let time = row["time_s"][name].as_f64().unwrap();
        row["time_s"][name] = (time * factor).into();
    }
    for name in ["flop_rate", "bandwidth"] {
        if let Some(rate) = row[name].as_f64() {
            row[name] = (rate / factor).into();
        }
    }
}

fn history(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ridgepoint"));
    command
        .current_dir(folder)
        .env("RIDGEPOINT_HISTORY", folder.join("data/history.sqlite"))
        .env_remove("RUST_LOG");
    run(&mut command, &format!("history {arguments}"))
}

#[track_caller]
fn shown(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

#[test]
fn what_is_added_twice_is_there_once() {
    let folder = folder("history-add");
    let first = history(&folder, "add a.json b.json");
    assert_eq!(shown(&first), "1 a.json: added\n2 b.json: added\n");
    assert!(stderr(&first).contains("history.sqlite"));
    let again = history(&folder, "add --quiet b.json c.json b.json");
    assert_eq!(
        shown(&again),
        "2 b.json: already there\n3 c.json: added\n2 b.json: already there\n"
    );
    assert_eq!(stderr(&again), "");
    let list = history(&folder, "list --format csv");
    let lines: Vec<&str> = shown(&list).lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("number,run_id,time_utc,adapter"));
    // The oldest first, whatever the order in which they were added.
    let numbers: Vec<&str> = lines[1..].iter().map(|line| &line[..1]).collect();
    assert_eq!(numbers, ["1", "3", "2"]);
    let table = history(&folder, "list");
    assert!(shown(&table).contains("Made Up 9000"), "{}", stdout(&table));
}

#[test]
fn a_broken_file_among_several_changes_nothing() {
    let folder = folder("history-broken");
    refused(
        &history(&folder, "add a.json cut.json"),
        &["cut.json: it ends too early"],
    );
    assert!(!folder.join("data").exists());
    shown(&history(&folder, "add a.json"));
    let before = std::fs::read(folder.join("data/history.sqlite")).unwrap();
    refused(
        &history(&folder, "add b.json missing.json"),
        &["missing.json: "],
    );
    assert_eq!(
        std::fs::read(folder.join("data/history.sqlite")).unwrap(),
        before
    );
}

#[test]
fn a_run_is_shown_as_its_file_is() {
    let folder = folder("history-show");
    shown(&history(&folder, "add a.json b.json"));
    let file = run(
        Command::new(env!("CARGO_BIN_EXE_ridgepoint")).current_dir(&folder),
        "report b.json --format markdown",
    );
    let kept = history(&folder, "show 2 --format markdown");
    assert_eq!(shown(&kept), shown(&file));
    let picture = history(&folder, "show 1 --chart roofline -o out.svg");
    assert_eq!(shown(&picture), "");
    assert!(folder.join("out.svg").exists());
    refused(&history(&folder, "show 3"), &["unknown run \"3\""]);
    refused(&history(&folder, "show r"), &["several runs begin so"]);
    refused(
        &history(&folder, "show 1 -o data/history.sqlite"),
        &["one of the files that are read"],
    );
}

#[test]
fn a_row_has_a_trend_over_its_runs() {
    let folder = folder("history-trend");
    shown(&history(&folder, "add a.json b.json c.json"));
    let row = "matmul/f32/1024x1024x1024/matmul_tiled";
    let text = history(&folder, &format!("trend {row}"));
    let text = shown(&text);
    for words in [
        "17.9 TFLOP/s",
        "22.4 TFLOP/s",
        "35.8 TFLOP/s",
        "1.25",
        "1.60",
        "2.00",
        "0.2.0",
        "|*",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let csv = history(
        &folder,
        "trend f32/1024x1024x1024/matmul_tiled --adapter made --format csv",
    );
    let lines: Vec<&str> = shown(&csv).lines().collect();
    assert_eq!(lines.len(), 4);
    let days: Vec<&str> = lines[1..]
        .iter()
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(
        days,
        [
            "2026-01-02T03:04:05Z",
            "2026-02-02T03:04:05Z",
            "2026-03-02T03:04:05Z"
        ]
    );
    assert!(
        lines[3].ends_with(",2.0") || lines[3].ends_with(",2"),
        "{}",
        lines[3]
    );
    let ceiling = history(&folder, "trend compute/f32 --format jsonl");
    assert_eq!(shown(&ceiling).lines().count(), 3);
    for (name, begin) in [("trend.svg", "<svg"), ("trend.html", "<!DOCTYPE html>")] {
        shown(&history(&folder, &format!("trend {row} -o {name}")));
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(
            text.starts_with(begin) && text.contains("2026-03-02"),
            "{name}"
        );
    }
    shown(&history(&folder, &format!("trend {row} -o trend.png")));
    refused(
        &history(&folder, "trend matmul_tilde"),
        &["unknown row", "matmul_tiled"],
    );
    refused(
        &history(&folder, "trend matmul"),
        &["a part of several rows", row],
    );
    refused(
        &history(&folder, &format!("trend {row} --adapter nvidia")),
        &["unknown adapter"],
    );
    refused(
        &history(&folder, &format!("trend {row} --backend vulkan")),
        &["no adapter is asked"],
    );
    refused(
        &history(&folder, "list --adapter made"),
        &["no adapter is asked"],
    );
}

#[test]
fn files_that_are_no_history_are_refused_and_stay() {
    let folder = folder("history-refused");
    refused(
        &history(&folder, "list"),
        &["there is no history yet", "ridgepoint history add"],
    );
    shown(&history(&folder, "add a.json"));
    let file = folder.join("data/history.sqlite");
    let good = std::fs::read(&file).unwrap();
    let with = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        for command in ["list", "add b.json", "trend f32", "show 1"] {
            refused(&history(&folder, command), words);
            assert_eq!(std::fs::read(&file).unwrap(), bytes, "{command}");
        }
    };
    with(b"no database at all, but a text that is long enough to be read as the head of one, which has a hundred bytes", &["it is no history of ridgepoint"]);
    // The version of the schema lies at byte 60 of the file's head, big-endian.
    let mut newer = good.clone();
    newer[63] = 9;
    with(&newer, &["its version is 9, this program reads 1"]);
    let mut foreign = good.clone();
    foreign[68..72].fill(0);
    with(&foreign, &["a database of another program"]);
    // Pages behind the first, overwritten.
    let mut damaged = good;
    damaged[100..].fill(0xa5);
    with(&damaged, &["history.sqlite: it is damaged"]);
}
