//! `ridgepoint compare`: columns by file, verdicts, exit status, and what is refused.

use super::report::{RUN, run, with};
use super::{stderr, stdout};
use std::process::Output;

const OTHER: &str = "tests/snapshots/reports/other.json";
const ROOFLINE: &str = "tests/snapshots/reports/roofline.json";

fn compare(arguments: &str) -> Output {
    let files = [("a.json", RUN), ("b.json", OTHER), ("c.json", ROOFLINE)];
    let folder = format!(
        "compare-{}",
        arguments.replace(|c: char| !c.is_alphanumeric(), "-")
    );
    run(&mut with(&folder, &files), &format!("compare {arguments}"))
}

#[test]
fn files_are_columns_in_their_order_and_the_first_is_the_base() {
    let output = compare("a.json b.json");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(text.contains("B / A") && !text.contains("A / B"), "{text}");
    for words in [
        "FASTER",
        "SLOWER",
        "SAME",
        "AMBIGUOUS",
        "unsupported",
        "FAILED",
        "suites differ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let turned = compare("b.json a.json");
    let line = |text: &str| {
        let at = text.find("matmul_tiled\n").unwrap();
        text[at..].lines().nth(1).unwrap().to_owned()
    };
    assert!(line(text).contains("FASTER"), "{text}");
    assert!(
        line(stdout(&turned)).contains("SLOWER"),
        "{}",
        stdout(&turned)
    );
    let three = compare("a.json b.json c.json");
    assert!(stdout(&three).contains("C / A"), "{}", stdout(&three));
}

#[test]
fn statistics_are_shown_where_they_are_asked_for() {
    assert!(!stdout(&compare("a.json b.json")).contains("mean   median"));
    let output = compare("a.json b.json --statistics");
    let text = stdout(&output);
    for words in ["mean", "median", "min", "max", "spread"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn every_format_has_the_comparison() {
    for (format, words) in [
        ("markdown", "| SLOWER |"),
        ("csv", ",SLOWER,"),
        ("jsonl", "\"verdict\":\"SLOWER\""),
    ] {
        let output = compare(&format!("a.json b.json --format {format}"));
        assert!(
            stdout(&output).contains(words),
            "{format}: {}",
            stdout(&output)
        );
    }
}

#[test]
fn a_slower_row_is_an_exit_status_where_that_is_asked_for() {
    let status = |arguments: &str| {
        let output = compare(arguments);
        (output.status.code().unwrap(), stderr(&output).to_owned())
    };
    assert_eq!(status("a.json b.json").0, 0);
    let (code, error) = status("a.json b.json --fail-on-slower 5");
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("slower: matmul/f32/1024x1024x1024/matmul_blocked: B takes 10.0 % longer")
    );
    assert!(
        error.contains("softmax_workgroup: B has no right result any more"),
        "{error}"
    );
    assert_eq!(status("a.json a.json --fail-on-slower 0").0, 0);
    let (code, error) = status("a.json c.json --fail-on-slower 5");
    assert_eq!(code, 2);
    assert!(error.contains("no row is in more than one"), "{error}");
    for nonsense in ["-1", "nan", "inf", "1001", "much", ""] {
        let (code, error) = status(&format!("a.json b.json --fail-on-slower={nonsense}"));
        assert_eq!(code, 2, "{nonsense}: {error}");
        assert!(
            error.contains("from 0 to 1000") || nonsense.is_empty(),
            "{error}"
        );
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    for (arguments, words) in [
        ("", "<BASE>"),
        ("a.json", "<FILE>"),
        ("a.json missing.json", "missing.json: "),
        ("a.json b.json -o b.json", "one of the files that are read"),
        ("a.json b.json --backend vulkan", "no adapter is asked"),
    ] {
        let output = compare(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(
            stderr(&output).contains(words),
            "{arguments}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "");
    }
}
