use super::*;
use std::time::Instant;

impl Input {
    /// A file of made-up results that golden files are made of.
    pub(crate) fn made_up(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/reports");
        let bytes = std::fs::read(std::path::Path::new(folder).join(name)).unwrap();
        Self {
            name: name.to_owned(),
            results: Results::read(name, &bytes).unwrap(),
        }
    }
}

const RUN: &str = include_str!("../../../tests/snapshots/reports/run.json");
const ROOFLINE: &str = include_str!("../../../tests/snapshots/reports/roofline.json");

fn error(bytes: impl AsRef<[u8]>) -> String {
    let error = Results::read("a.json", bytes.as_ref()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("a.json: "), "{text}");
    assert!(text.chars().count() < 400, "{text}");
    assert!(!text.contains(crate::text::acts), "{text:?}");
    text
}

#[test]
fn both_schemas_are_read_and_typed() {
    let run = Results::read("a", RUN.as_bytes()).unwrap();
    assert!(matches!(run, Results::Run(_)));
    assert_eq!((run.schema(), run.rows().len()), ("ridgepoint.run/1", 12));
    let roofline = Results::read("b", ROOFLINE.as_bytes()).unwrap();
    assert!(matches!(roofline, Results::Roofline(_)));
    assert_eq!(roofline.adapter(), run.adapter());
    assert!(roofline.rows().is_empty() && !roofline.ceilings().is_empty());
    // Editors of Windows write a mark that JSON does not have, and other ends of lines.
    let windows = format!("\u{feff}{}", RUN.replace('\n', "\r\n"));
    assert_eq!(Results::read("a", windows.as_bytes()).unwrap(), run);
}

#[test]
fn kernels_of_earlier_versions_have_their_present_names() {
    let old = RUN.replace("matmul_aligned", "matmul_cooperative_whole");
    let results = Results::read("a", old.as_bytes()).unwrap();
    let kernels: Vec<&str> = results
        .rows()
        .iter()
        .map(|row| row.kernel.as_str())
        .collect();
    assert!(kernels.contains(&"matmul_aligned"), "{kernels:?}");
}

#[test]
fn a_schema_that_is_not_known_is_named_with_its_version() {
    let later = error(RUN.replace("ridgepoint.run/1", "ridgepoint.run/2"));
    assert!(later.contains("\"ridgepoint.run/2\"") && later.contains("\"ridgepoint.run/1\""));
    let tuning = error(r#"{"schema": "ridgepoint.tuning/1"}"#);
    assert!(tuning.contains("ridgepoint.tuning/1"), "{tuning}");
    assert!(error("{}").contains("it has no schema; a file of `ridgepoint run`"));
    assert!(error(r#"{"schema": null}"#).contains("no schema"));
    let hostile = error(r#"{"schema": "\u001b]0;owned\u0007"}"#);
    assert!(hostile.contains("its schema is"), "{hostile}");
}

#[test]
fn what_is_no_file_of_results_is_refused_with_its_place() {
    assert!(error("").ends_with("it is empty"));
    assert!(error(" \n\t").ends_with("it is empty"));
    assert!(error("\u{feff}").ends_with("it is empty"));
    assert!(error("kernel median\n").contains("it is no JSON: expected value at line 1 column 1"));
    assert!(error(b"{\n\"schema\": \"\xff\"}").contains("no text in UTF-8, at line 2 column 12"));
    assert!(error("[1, 2]").contains("line 1 column"));
    assert!(error("\"ridgepoint.run/1\"").contains("line 1 column"));
    assert!(error(format!("{RUN} more")).contains("trailing characters at line"));
    let twice = RUN.replacen(
        "\"schema\"",
        "\"schema\": \"ridgepoint.run/1\", \"schema\"",
        1,
    );
    assert!(error(twice).contains("duplicate field `schema` at line 2"));
}

#[test]
fn a_file_that_was_cut_off_is_told_from_one_of_another_kind() {
    for part in [10, 100, 1000, RUN.len() / 2, RUN.len() - 3] {
        let text = error(&RUN[..part]);
        assert!(
            text.contains("ends too early") && text.contains("at line"),
            "{part}: {text}"
        );
    }
}

#[test]
fn values_of_other_types_are_refused_with_their_place() {
    for (from, to, wanted) in [
        (
            "\"seed\": 1",
            "\"seed\": -1",
            "invalid value: integer `-1`, expected u32 at line",
        ),
        (
            "\"seed\": 1",
            "\"seed\": \"1\"",
            "invalid type: string \"1\", expected u32 at line",
        ),
        (
            "\"dtype\": \"f32\"",
            "\"dtype\": \"\\u001b[2J\"",
            r"unknown variant `\u{1b}[2J`, expected",
        ),
        (
            "\"status\": \"ok\"",
            "\"status\": \"fine\"",
            "unknown variant `fine`",
        ),
        ("\"rows\": [", "\"rows\": [null, ", "invalid type: null"),
        (
            "\"memory_bytes\": 17179869184",
            "\"memory_bytes\": 1e300",
            "expected u64 at line",
        ),
        (
            "\"min\": ",
            "\"min\": -",
            "above zero and quartiles in order",
        ),
        (
            "\"min\": ",
            "\"min\": 1e999, \"min\": ",
            "number out of range at line",
        ),
        (
            "\"checks\": \"off\"",
            "\"check\": \"off\"",
            "missing field `checks` at line",
        ),
    ] {
        assert!(RUN.contains(from), "{from}");
        let text = error(RUN.replacen(from, to, 1));
        assert!(
            text.contains(wanted) && text.contains("at line"),
            "{to}: {text}"
        );
    }
}

#[test]
fn size_depth_and_length_are_bounded_and_take_no_time() {
    let began = Instant::now();
    let text = error(vec![b' '; Results::MOST_BYTES + 1]);
    assert!(text.contains("64 MiB are the most that is read"), "{text}");
    let hundred = error(vec![b'['; 100 << 20]);
    assert!(hundred.contains("it has 100 MiB"), "{hundred}");
    let deep = "[".repeat(1 << 20);
    assert!(error(&deep).contains("at line 1 column"));
    let tool = error(RUN.replacen("\"tool\": {", &format!("\"tool\": {deep}{{"), 1));
    assert!(tool.contains("at line"), "{tool}");
    // Depth in a field that no version knows is passed over, not followed.
    let unknown = format!(
        "{{\"unknown\": {}{}, ",
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    let read = Results::read("a", RUN.replacen('{', &unknown, 1).as_bytes());
    assert!(read.is_ok() || read.unwrap_err().to_string().contains("recursion limit"));
    let long = RUN.replace("Made Up 9000", &"x".repeat(Results::LONGEST_TEXT + 1));
    let long = error(long);
    assert!(
        long.contains("a text of 65537 bytes begins at line"),
        "{long}"
    );
    let just = RUN.replace("Made Up 9000", &"\\\"".repeat(Results::LONGEST_TEXT / 2));
    assert!(Results::read("a", just.as_bytes()).is_ok());
    let quoted = error(RUN.replacen(
        "\"status\": \"ok\"",
        &format!("\"status\": \"{}\"", "y".repeat(60_000)),
        1,
    ));
    assert!(quoted.ends_with("..."), "{quoted}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

/// Layout, names of kernels, texts of warnings and the note are no part of the id; figures and the time are.
#[test]
fn the_id_is_that_of_the_measurement() {
    let id = |text: &str| Results::read("a", text.as_bytes()).unwrap().id();
    let own = id(RUN);
    assert!(own.len() == 17 && own.starts_with('r'), "{own}");
    let value: serde_json::Value = serde_json::from_str(RUN).unwrap();
    assert_eq!(id(&value.to_string()), own);
    assert_eq!(
        id(&RUN.replace("matmul_aligned", "matmul_cooperative_whole")),
        own
    );
    assert_eq!(id(&RUN.replace("plugged in", "on battery")), own);
    assert_eq!(id(&RUN.replace("run again", "try again")), own);
    for (from, to) in [
        ("03:04:05Z", "03:04:06Z"),
        ("Made Up 9000", "Made Up 9001"),
        ("\"seed\": 1", "\"seed\": 2"),
        ("\"elements\": 33554432", "\"elements\": 33554433"),
    ] {
        assert!(RUN.contains(from));
        assert_ne!(id(&RUN.replace(from, to)), own, "{to}");
    }
    assert_ne!(id(ROOFLINE), own);
}
