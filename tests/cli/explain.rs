//! `ridgepoint explain`: what it prints and writes, without an adapter.

use super::{has_adapter, ridgepoint, stderr, stdout};
use serde_json::Value;

fn explain(folder: &str, arguments: &str) -> std::process::Output {
    let mut command = ridgepoint(folder);
    let arguments = arguments.split(' ');
    command.arg("explain").args(arguments).output().unwrap()
}

#[test]
fn a_shape_has_its_kernel_with_the_reason_and_its_work() {
    let output = explain("explain", "matmul:1024x1024x1024 --fake apple");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for words in [
        "matmul f32 1024x1024x1024 on the fake device apple",
        "kernel     matmul_blocked",
        "not matmul_cooperative",
        "TILE_M=",
        "2.15 GFLOP",
        "12 MiB at least",
        "171 FLOP/B",
        "unknown: registers",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn a_line_of_json_has_every_stage() {
    let output = explain(
        "explain-json",
        "softmax:64x64 --kernel softmax_unfused --fake webgpu --json -",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let line: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(line["kernel"], "softmax_unfused");
    assert_eq!(line["stages"].as_array().unwrap().len(), 5);
    assert!(line["stages"][0]["registers"].is_null());
}

/// A run of an H200, as the repository holds it.
const RUN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/results/nvidia-h200-vulkan.json"
);

#[test]
fn ceilings_of_a_file_are_the_roof() {
    let shape = format!("matmul:4096x4096x4096 --fake nvidia --ceilings {RUN}");
    let output = explain("explain-roof", &shape);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for words in [
        "arithmetic's, compute/f32: 65.8 TFLOP/s",
        "ridge point  15.1 FLOP/B",
        "attainable   65.8 TFLOP/s",
        "least time   2.09 ms",
        "NVIDIA H200",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    let output = explain(
        "explain-roof-json",
        &format!("copy:1000000 --fake nvidia --json - --ceilings {RUN}"),
    );
    let line: Value = serde_json::from_str(stdout(&output)).unwrap();
    let roof = &line["roof"];
    assert_eq!(
        (&roof["bound"], &roof["ceiling"], &roof["unit"]),
        (&"memory".into(), &"memory/copy".into(), &"B/s".into())
    );
    assert!(roof["attainable"].is_null(), "{roof}");
    let least = roof["least_s"].as_f64().unwrap() * roof["value"].as_f64().unwrap();
    assert!((least - 8e6).abs() < 1.0, "{roof}");
    let output = explain("explain-no-roof", "copy:1000000 --fake nvidia");
    assert!(stdout(&output).contains("`--measure`"));
}

/// Nothing is dispatched for it, and a time of a product that is not computed would be a wrong one.
#[test]
fn a_shape_without_elements_has_no_least_time() {
    let shape = format!("matmul:0x5x5 --fake nvidia --ceilings {RUN}");
    let output = explain("explain-empty", &shape);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("no elements to compute"), "{text}");
    assert!(!text.contains("least time"), "{text}");
    let output = explain("explain-empty-json", &format!("{shape} --json -"));
    let line: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert!(line["roof"].is_null(), "{line}");
    // A sum of no products is 0, which is written.
    let shape = format!("matmul:5x5x0 --fake nvidia --ceilings {RUN}");
    let output = explain("explain-zeros", &shape);
    assert!(
        stdout(&output).contains("least time"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn ceilings_are_measured_where_that_is_asked_for() {
    if !has_adapter() {
        return;
    }
    let output = explain("explain-measure", "matmul:256x256x256 --measure --json -");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let line: Value = serde_json::from_str(stdout(&output)).unwrap();
    let least = line["roof"]["least_s"].as_f64().unwrap();
    assert!(least > 0.0 && least < 10.0, "{line}");
    assert!(stderr(&output).contains("measuring ceilings of"));
}

#[test]
fn a_file_without_ceilings_is_refused() {
    let text = std::fs::read_to_string(RUN).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut report = report.clone();
        change(&mut report);
        report.to_string()
    };
    let values = |value: Value| {
        changed(&|report| {
            for ceiling in report["ceilings"].as_array_mut().unwrap() {
                ceiling["value"] = value.clone();
            }
        })
    };
    let none = "it has no ceiling of arithmetic";
    let cases = [
        (values(0.into()), none),
        (values((-1).into()), none),
        (values(Value::Null), none),
        (values("fast".into()), "invalid type"),
        (
            changed(&|report| report["ceilings"] = Value::Array(Vec::new())),
            none,
        ),
        (
            changed(&|report| report["schema"] = "ridgepoint.run/9".into()),
            "ridgepoint.run/9",
        ),
        (
            changed(&|report| report["adapter"] = Value::Null),
            "invalid type",
        ),
        ("[]".to_owned(), "invalid"),
        ("{}".to_owned(), "it has no schema"),
        (format!("{{\"tool\": {}", "[".repeat(100_000)), "EOF"),
        ("\u{0}".to_owned(), "expected value"),
        (text[..text.len() / 2].to_owned(), "EOF"),
    ];
    for (i, (text, words)) in cases.into_iter().enumerate() {
        let name = format!("explain-ceilings-{i}");
        let mut command = ridgepoint(&name);
        let path = command.get_current_dir().unwrap().join("file.json");
        std::fs::write(path, text).unwrap();
        let arguments = "explain matmul:64x64x64 --fake apple --ceilings file.json";
        let output = command.args(arguments.split(' ')).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(
            said.contains(words) && said.contains("file.json"),
            "{words}: {said}"
        );
    }
}

/// A name in a file may hold what a terminal would obey.
#[test]
fn a_name_from_a_file_is_only_text() {
    let text = std::fs::read_to_string(RUN).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    report["adapter"]["name"] = "\u{1b}[31mRed\u{7}\n".into();
    let mut command = ridgepoint("explain-ceilings-name");
    let path = command.get_current_dir().unwrap().join("file.json");
    std::fs::write(path, report.to_string()).unwrap();
    let arguments = "explain matmul:64x64x64 --fake apple --ceilings file.json";
    let output = command.args(arguments.split(' ')).output().unwrap();
    let is_text = |c: char| c == '\n' || !c.is_control();
    assert!(stdout(&output).chars().all(is_text), "{}", stdout(&output));
    assert!(stdout(&output).contains(r"\u{1b}[31mRed\u{7}\n, file.json"));
}

#[test]
fn every_shape_that_is_known_is_explained() {
    let output = explain("explain-all", "all --fake apple --json all.jsonl");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
}

#[test]
fn what_cannot_be_is_refused() {
    for (arguments, words) in [
        ("all --kernel matmul_naive --fake apple", "for one shape"),
        (
            "matmul:64x64x64 --preset 99 --fake apple",
            "has presets 0 to",
        ),
        (
            "matmul:64x64x64 --kernel softmax_online --fake apple",
            "unknown kernel",
        ),
        ("matmul:64x64x64 --fake aple", "apple"),
        ("matmul --fake apple", "is no shape of matmul"),
        (
            "matmul:64x64x64 --fake apple --measure",
            "cannot be used with",
        ),
        (
            "matmul:64x64x64 --measure --ceilings x",
            "cannot be used with",
        ),
        (
            "matmul:64x64x64 --fake apple --ceilings nowhere.json",
            "nowhere.json",
        ),
    ] {
        let output = explain("explain-refused", arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(words),
            "{arguments}: {}",
            stderr(&output)
        );
    }
}
