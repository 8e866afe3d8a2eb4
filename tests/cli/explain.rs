//! `ridgepoint explain`: what it prints and writes, without an adapter.

use super::{ridgepoint, stderr, stdout};
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

#[test]
fn every_shape_that_is_known_is_explained() {
    let output = explain("explain-all", "all --fake nvidia --json all.jsonl");
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
