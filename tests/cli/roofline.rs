//! `ridgepoint roofline`: what is printed, what is in the file, what is refused.

use super::{has_adapter, json, ridgepoint, stderr, stdout};
use ridgepoint::render::{Page, terminal};
use ridgepoint::report::RooflineReport;
use ridgepoint::roofline::Roofline;

#[test]
fn a_quick_roofline_prints_and_writes_what_a_run_uses() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("roofline-quick");
    let file = command.get_current_dir().unwrap().join("roofline.json");
    let arguments = [
        "roofline",
        "--quick",
        "--json",
        "roofline.json",
        "--html",
        "roofline.html",
        "--note",
        "a test",
    ];
    let output = command.args(arguments).output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(err.contains("results: roofline.json"), "{err}");
    assert!(err.contains("page: roofline.html"), "{err}");
    let page = std::fs::read_to_string(file.with_extension("html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("ridgepoint.roofline/1"));
    let folder = std::fs::read_dir(file.parent().unwrap()).unwrap();
    assert_eq!(folder.count(), 2, "a part of a file is left");

    let found = json(&file);
    assert_eq!(found["schema"], "ridgepoint.roofline/1");
    assert_eq!(found["settings"]["quick"], true);
    assert_eq!(found["settings"]["note"], "a test");
    let text = std::fs::read_to_string(&file).unwrap();
    let report = RooflineReport::from_json(&text).unwrap();
    assert!(out.starts_with(&report.adapter.describe()), "{out}");
    for id in ["compute/f32", "memory/copy"] {
        let ceiling = report.ceiling(&id.into()).unwrap();
        assert!(
            ceiling.value.is_some_and(|value| value > 0.0),
            "{ceiling:?}"
        );
        assert!(
            out.lines().any(|line| line.trim_start().starts_with(id)),
            "{out}"
        );
    }
    assert!(report.ceiling(&"memory/write".into()).is_none() && report.sweep.is_empty());
    // The file is a model that needs no GPU; what was printed follows from it.
    let roofline = Roofline::from_json(&text).unwrap();
    let ridge = roofline.roof("f32", "memory").unwrap().ridge_point();
    assert!(out.contains(&ridge.to_string()), "{out}");
    let document = ridgepoint::render::roofline(&report);
    let text = terminal::document(&document, &Page::default());
    assert_eq!(out.trim_end(), text.trim_end());
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_is_measured() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("roofline-nowhere");
    let arguments = ["roofline", "--quick", "--json", "missing/roofline.json"];
    let output = command.args(arguments).output().unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(stdout(&output), "");
    assert!(error.contains("missing/roofline.json"), "{error}");
    for (arguments, words) in [
        ("--html missing/roofline.html", "missing/roofline.html: "),
        ("--json a.json --html ./a.json", "name another"),
    ] {
        let mut command = ridgepoint("roofline-refused");
        let folder = command.get_current_dir().unwrap().to_owned();
        let arguments = format!("roofline --quick {arguments}");
        let output = command.args(arguments.split(' ')).output().unwrap();
        super::refused(&output, &[words]);
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    }
}
