//! The binary from outside: exit status, streams, files.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

#[path = "cli/bad_input.rs"]
mod bad_input;
mod common;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/compilers.rs"]
mod compilers;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/habits.rs"]
mod habits;
#[cfg(feature = "history")]
#[path = "cli/history.rs"]
mod history;
#[cfg(unix)]
#[path = "cli/interruption.rs"]
mod interruption;
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/peers.rs"]
mod peers;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/roofline.rs"]
mod roofline;
#[path = "cli/run.rs"]
mod run;
#[cfg(feature = "sensors")]
#[path = "cli/sensors.rs"]
mod sensors;
#[path = "cli/shader.rs"]
mod shader;
#[path = "cli/suites.rs"]
mod suites;
#[path = "cli/sweep.rs"]
mod sweep;
#[path = "cli/tune.rs"]
mod tune;

/// The binary in an empty folder of its own, without the settings of whoever runs the tests but for the adapter.
fn ridgepoint(folder: &str) -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cli")
        .join(folder);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ridgepoint"));
    command
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Holds that the program ended with exit status 2 and nothing on stdout, and that stderr has all of `words`.
#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let error = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(stdout(output), "");
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}

fn has_adapter() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| common::open(|_| {}).is_some())
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn check_passes_on_data_of_the_users_own() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("check-input");
    let values: Vec<u8> = (0..1000)
        .map(|i| (i as f32).sin())
        .flat_map(f32::to_le_bytes)
        .collect();
    std::fs::write(
        command.get_current_dir().unwrap().join("values.f32"),
        values,
    )
    .unwrap();
    let output = command
        .args(["check", "--input", "values.f32"])
        .output()
        .unwrap();
    let gates = stdout(&output);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{gates}\n{}",
        stderr(&output)
    );
    assert!(
        gates.contains("pass     matmul_tiled is right") && gates.contains(" 0 failed"),
        "{gates}"
    );
}

#[test]
fn list_is_complete_in_json() {
    let output = ridgepoint("list")
        .args(["list", "--json"])
        .output()
        .unwrap();
    let list: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(list["schema"], "ridgepoint.list/1");
    let operations = list["operations"].as_array().unwrap();
    let names: Vec<&str> = operations
        .iter()
        .map(|o| o["name"].as_str().unwrap())
        .collect();
    let known: Vec<&str> = ridgepoint::ops::FAMILIES.iter().map(|f| f.name).collect();
    assert_eq!(names, known);
    for kernel in operations
        .iter()
        .flat_map(|o| o["kernels"].as_array().unwrap())
    {
        for field in [
            "name",
            "about",
            "dtypes",
            "features",
            "workgroup_invocations",
            "workgroup_bytes",
            "shaders",
        ] {
            assert!(!kernel[field].is_null(), "{field}: {kernel}");
        }
        assert!(
            kernel["workgroup_invocations"].as_u64().unwrap() > 0,
            "{kernel}"
        );
    }
    if has_adapter() {
        let adapter = &list["adapters"][0];
        assert_eq!(adapter["index"], 0);
        for field in [
            "name",
            "type",
            "backend",
            "driver",
            "subgroup_min",
            "features",
            "limits",
            "cooperative_matrix",
        ] {
            assert!(!adapter[field].is_null(), "{field}: {adapter}");
        }
    }
}

#[test]
fn the_version_names_wgpu() {
    let output = ridgepoint("version").arg("--version").output().unwrap();
    let version = stdout(&output);
    assert!(
        version.contains(env!("CARGO_PKG_VERSION")) && version.contains("wgpu 30."),
        "{version}"
    );
}
