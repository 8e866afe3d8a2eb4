//! Where outputs go: standard output, devices, pipes, links; and results from standard input.

use super::{has_adapter, json, refused, ridgepoint, stderr, stdout};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const RUN: [&str; 5] = ["run", "--suite", "quick", "--op", "copy:1777"];
const RESULTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/snapshots/reports/run.json"
);

/// A run without a desktop session, where OpenGL's libraries complain if they are asked.
fn run_to(folder: &str, arguments: &[&str]) -> Output {
    let mut command = ridgepoint(folder);
    command
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("WGPU_BACKEND");
    command.args(RUN).args(arguments);
    command.output().unwrap()
}

fn folder_of(command: &Command) -> PathBuf {
    command.get_current_dir().unwrap().into()
}

#[track_caller]
fn succeeded(output: &Output) {
    let error = stderr(output);
    assert_eq!(output.status.code(), Some(0), "{error}");
}

#[test]
fn standard_output_holds_the_results_alone_where_they_are_sent_there() {
    if !has_adapter() {
        return;
    }
    let output = run_to("outputs-json", &["--json", "-"]);
    succeeded(&output);
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(report["rows"][0]["label"], "1777");
    // The table is shown all the same.
    assert!(stderr(&output).contains("stream_copy"));
    assert!(!stderr(&output).contains("results: "));
    assert!(stderr(&output).starts_with("measuring "));
    // Where Vulkan has an adapter, OpenGL is not asked.
    assert!(!stderr(&output).contains("XDG_RUNTIME_DIR"));

    let output = run_to(
        "outputs-html",
        &["--json", "rows.json", "--html", "-", "--quiet"],
    );
    succeeded(&output);
    assert!(stdout(&output).starts_with("<!DOCTYPE html>"));
    assert_eq!(stderr(&output), "");

    let both = run_to("outputs-both", &["--json", "-", "--html", "-"]);
    refused(&both, &["--html -: this is the file of the results"]);
    for other in [["--json", "-", "--open"], ["--html", "-", "--open"]] {
        refused(&run_to("outputs-open", &other), &["name a plain file"]);
    }
    let ab = ["--json", "-", "--ab", "--checks on", "--checks off"];
    refused(
        &run_to("outputs-ab", &ab),
        &["--json -", "name a plain file"],
    );
}

#[test]
fn results_are_read_from_standard_input() {
    let report = |arguments: &[&str]| {
        let mut command = ridgepoint("outputs-stdin");
        let command = command.args(arguments).stdin(Stdio::piped());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let results = std::fs::read(RESULTS).unwrap();
        child.stdin.take().unwrap().write_all(&results).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = report(&["report", "-"]);
    succeeded(&output);
    assert!(stdout(&output).contains("matmul"), "{}", stdout(&output));
    let output = report(&["compare", RESULTS, "-"]);
    succeeded(&output);
    assert!(stdout(&output).contains("standard input"));
    let twice = report(&["compare", "-", "-"]);
    refused(&twice, &["standard input can be read once"]);
}

#[test]
fn files_that_differ_in_the_extension_alone_stay_apart() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("outputs-extension");
    let folder = folder_of(&command);
    std::fs::write(folder.join("out.json.partial"), "bystander").unwrap();
    command
        .args(RUN)
        .args(["--json", "out.json", "--html", "out.html"]);
    let output = command.output().unwrap();
    succeeded(&output);
    assert!(stderr(&output).contains("page: out.html"));
    let page = std::fs::read_to_string(folder.join("out.html")).unwrap();
    let id = &json(&folder.join("out.json"))["rows"][0]["id"];
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(id.as_str().unwrap()));
    let left = std::fs::read_to_string(folder.join("out.json.partial")).unwrap();
    assert_eq!(left, "bystander");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    #[test]
    fn devices_pipes_and_links_are_written_through() {
        if !has_adapter() {
            return;
        }
        let mut command = ridgepoint("outputs-through");
        let folder = folder_of(&command);
        let pipe = folder.join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        symlink("elsewhere.json", folder.join("dangling.json")).unwrap();
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap())
        };
        command
            .args(RUN)
            .args(["--json", "pipe", "--html", "/dev/null"]);
        succeeded(&command.output().unwrap());
        // One report, and no other for each row.
        let report: Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
        assert_eq!(report["rows"].as_array().unwrap().len(), 1);
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        let null = std::fs::metadata("/dev/null").unwrap().file_type();
        assert!(null.is_char_device());

        let mut command = Command::new(env!("CARGO_BIN_EXE_ridgepoint"));
        let command = command.current_dir(&folder).args(RUN);
        succeeded(&command.args(["--json", "dangling.json"]).output().unwrap());
        assert!(folder.join("dangling.json").is_symlink());
        assert_eq!(
            json(&folder.join("elsewhere.json"))["rows"][0]["label"],
            "1777"
        );
    }

    #[test]
    fn reports_of_every_format_are_written_through() {
        for format in ["html", "csv", "png"] {
            let mut command = ridgepoint("outputs-report");
            let folder = folder_of(&command);
            symlink("target", folder.join("link")).unwrap();
            command.args(["report", RESULTS, "--format", format, "-o", "link"]);
            if format == "png" {
                command.args(["--chart", "roofline"]);
            }
            succeeded(&command.output().unwrap());
            assert!(folder.join("link").is_symlink(), "{format}");
            assert!(folder.join("target").metadata().unwrap().len() > 100);
        }
        if Path::new("/dev/full").exists() {
            let mut command = ridgepoint("outputs-full");
            let output = command.args(["report", RESULTS, "-o", "/dev/full"]);
            refused(&output.output().unwrap(), &["/dev/full: No space left"]);
        }
    }
}
