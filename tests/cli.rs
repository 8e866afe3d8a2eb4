//! The binary from outside: exit status, streams, files.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

#[allow(dead_code, reason = "this file needs a part of it")]
mod common;

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

/// The same with no Vulkan driver at all, whatever the machine has.
fn without_driver(folder: &str, arguments: &[&str]) -> Output {
    let mut command = ridgepoint(folder);
    // Older Vulkan loaders know the second name alone.
    command
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("VK_ICD_FILENAMES", "/nonexistent.json");
    command
        .args(arguments)
        .args(["--backend", "vulkan"])
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Holds that `arguments` end with exit status 2 and nothing on stdout, and that stderr has all of `words`.
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
fn unknown_names_are_refused_with_near_ones() {
    let run = |arguments: &[&str]| {
        ridgepoint("unknown")
            .arg("run")
            .args(arguments)
            .output()
            .unwrap()
    };
    refused(
        &run(&["--suite", "qick"]),
        &["unknown suite", "did you mean quick?"],
    );
    refused(
        &run(&["--op", "copy,matmull"]),
        &["unknown operation", "did you mean matmul?"],
    );
    refused(
        &run(&["--kernel", "matmul_tild"]),
        &["unknown kernel", "matmul_tiled"],
    );
    refused(
        &run(&["--kernel", "matmul_tiled", "--op", "softmax"]),
        &["no kernel of softmax", "ridgepoint list"],
    );
    refused(&run(&["--backend", "vulcan"]), &["vulkan, metal, dx12, gl"]);
    refused(&run(&["--checks", "maybe"]), &["on, off"]);
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let run = |shape: &str| {
        ridgepoint("shapes")
            .args(["run", "--op", shape])
            .output()
            .unwrap()
    };
    refused(
        &run("matmul:300x200"),
        &["is no shape of matmul", "MxNxK, such as"],
    );
    refused(&run("matmul:300x-200x100"), &["is no shape of matmul"]);
    refused(&run("matmul:"), &["is no shape of matmul"]);
    refused(
        &run("softmax:1x2x3"),
        &["is no shape of softmax", "ROWSxCOLS"],
    );
    refused(
        &run("matmul:1000000x1000000x1"),
        &["matmul 1000000x1000000x1", "`c`", "use a smaller size"],
    );
    let huge = "matmul:18446744073709551615x2x18446744073709551615";
    refused(&run(huge), &["use a smaller size"]);
}

#[test]
fn a_size_that_no_buffer_holds_is_refused() {
    if !has_adapter() {
        return;
    }
    let output = ridgepoint("no-buffer")
        .args(["run", "--op", "copy:4294967295"])
        .output()
        .unwrap();
    // Only where a buffer may be larger than the 16 GiB that this needs does it become a row.
    if !stdout(&output).is_empty() {
        println!("skipped: this adapter has buffers for it");
        return;
    }
    refused(
        &output,
        &["copy 4294967295", "max_buffer_size", "use a smaller size"],
    );
}

#[test]
fn without_an_adapter_there_is_a_remedy() {
    refused(
        &without_driver("run-none", &["run"]),
        &["no adapter found on vulkan", "make setup"],
    );

    let list = without_driver("list-none", &["list"]);
    assert_eq!(list.status.code(), Some(2));
    assert!(
        stdout(&list).contains("matmul_tiled"),
        "what there is to be shown is shown"
    );
    assert!(stderr(&list).contains("no adapter found"));

    let check = without_driver("check-none", &["check"]);
    assert_eq!(check.status.code(), Some(1));
    let gates = stdout(&check);
    assert!(
        gates.contains("FAIL     a driver is there") && gates.contains("-> install"),
        "{gates}"
    );
    assert!(gates.contains("skipped  the adapter opens"), "{gates}");
}

#[test]
fn an_adapter_that_is_not_there_lists_those_that_are() {
    if !has_adapter() {
        return;
    }
    let run = |flag: &str| {
        ridgepoint("adapter")
            .args(["run", "--adapter", flag])
            .output()
            .unwrap()
    };
    refused(
        &run("no such adapter"),
        &["no adapter matches", "present are:", "\n  0  "],
    );
    refused(&run("99"), &["no adapter matches \"99\"", "\n  0  "]);
    let mut by_name = ridgepoint("adapter-variable");
    let named = by_name
        .env("WGPU_ADAPTER_NAME", "nothing")
        .arg("check")
        .output()
        .unwrap();
    refused(&named, &["no adapter matches \"nothing\""]);
    let flag_wins = by_name.args(["--adapter", "99"]).output().unwrap();
    refused(&flag_wins, &["no adapter matches \"99\""]);
}

#[test]
fn the_environment_is_honoured_and_flags_win() {
    let with = |backend: &str, arguments: &[&str]| {
        ridgepoint("environment")
            .env("WGPU_BACKEND", backend)
            .args(arguments)
            .output()
            .unwrap()
    };
    refused(
        &with("volcano", &["run"]),
        &["WGPU_BACKEND=\"volcano\"", "vulkan"],
    );
    let none = if cfg!(target_os = "macos") {
        "dx12"
    } else {
        "metal"
    };
    refused(&with(none, &["run"]), &["no adapter found on"]);
    refused(
        &with("volcano", &["run", "--backend", none]),
        &["no adapter found on"],
    );
}

/// Two manifests of one driver are two adapters of one name.
#[test]
#[cfg(target_os = "linux")]
fn a_name_of_two_adapters_lists_both() {
    let folder = std::fs::read_dir("/usr/share/vulkan/icd.d")
        .into_iter()
        .flatten()
        .flatten();
    let Some(manifest) = folder
        .map(|f| f.path())
        .find(|p| p.to_string_lossy().contains("lvp_icd"))
    else {
        println!("skipped: llvmpipe is not installed");
        return;
    };
    let mut command = ridgepoint("ambiguous");
    let copies = ["a.json", "b.json"].map(|name| {
        let copy = command.get_current_dir().unwrap().join(name);
        std::fs::copy(&manifest, &copy).unwrap();
        copy.display().to_string()
    });
    command
        .env("VK_DRIVER_FILES", copies.join(":"))
        .env("VK_ICD_FILENAMES", copies.join(":"));
    let output = command
        .args(["run", "--backend", "vulkan", "--adapter", "llvmpipe"])
        .output()
        .unwrap();
    refused(
        &output,
        &[
            "matches several adapters",
            "\n  0  llvmpipe",
            "\n  1  llvmpipe",
        ],
    );
}

#[test]
fn input_that_check_cannot_use_is_refused() {
    let check = |name: &str, bytes: Option<&[u8]>| {
        let mut command = ridgepoint(&format!("input-{name}"));
        if let Some(bytes) = bytes {
            std::fs::write(command.get_current_dir().unwrap().join(name), bytes).unwrap();
        }
        command.args(["check", "--input", name]).output().unwrap()
    };
    refused(&check("missing", None), &["missing: "]);
    refused(&check("empty", Some(&[])), &["0 bytes", "f32"]);
    refused(&check("odd", Some(&[0; 7])), &["7 bytes", "f32"]);
    let values: Vec<u8> = [0.5, -2.0, f32::INFINITY, f32::NAN]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    refused(
        &check("infinite", Some(&values)),
        &["infinite has inf at index 2"],
    );
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

#[test]
fn a_folder_that_cannot_be_written_is_told_first_and_the_run_prints() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("unwritable");
    std::fs::write(command.get_current_dir().unwrap().join("file"), "").unwrap();
    let arguments = [
        "run",
        "--suite",
        "quick",
        "--op",
        "copy",
        "--json",
        "file/results.json",
    ];
    let output = command.args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("stream_copy"),
        "{}",
        stdout(&output)
    );
    let warnings = stderr(&output)
        .matches("the results cannot be saved")
        .count();
    assert_eq!(warnings, 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("--json FILE") && !stderr(&output).contains("results: "));
}

#[test]
fn a_shape_of_the_users_own_runs_with_the_kernels_that_were_named() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("own-shape");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    command.args([
        "run",
        "--suite",
        "quick",
        "--op",
        "matmul:30x20x10",
        "--kernel",
        "matmul_naive,matmul_tiled",
    ]);
    let output = command
        .args([
            "--json",
            "deep/own.json",
            "--seed",
            "7",
            "--note",
            "plugged in",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&folder.join("deep/own.json"));
    let ids: Vec<&str> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "matmul/f32/30x20x10/matmul_naive",
            "matmul/f32/30x20x10/matmul_tiled"
        ]
    );
    assert_eq!(
        (&report["settings"]["seed"], &report["settings"]["note"]),
        (&7.into(), &"plugged in".into())
    );
}

#[path = "cli/run.rs"]
mod run;
