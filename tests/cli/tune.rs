//! Searches: what is printed, what is kept, what is refused.

use super::{has_adapter, json, refused, ridgepoint, stderr, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary in a folder that stays as it is.
fn in_folder(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ridgepoint"));
    let command = command.current_dir(folder).args(arguments);
    command
        .env("RIDGEPOINT_CACHE", "cache")
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

fn empty_folder(name: &str) -> PathBuf {
    ridgepoint(name).get_current_dir().unwrap().into()
}

/// The only tuning in `folder`, beside which its lock lies.
fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[track_caller]
fn succeeded(output: &Output) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
}

const SEARCH: [&str; 7] = [
    "tune",
    "--op",
    "matmul:64x64x64",
    "--dtype",
    "f32",
    "--minutes",
    "0.5",
];

#[test]
fn what_is_found_is_kept_shown_exported_imported_and_used() {
    if !has_adapter() {
        return;
    }
    let folder = empty_folder("tune");
    let run = |arguments: &[&str]| in_folder(&folder, arguments);
    let began = std::time::Instant::now();
    let output = run(&SEARCH);
    succeeded(&output);
    // Half a minute for the search, up to a step, on a machine that does other things as well.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let out = stdout(&output);
    assert!(
        out.contains("matmul/square_small") && out.contains("64x64x64"),
        "{out}"
    );
    assert!(out.contains("of 1 class"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");

    let kept = only_file(&folder.join("cache"));
    assert!(
        stderr(&output).contains("kept: cache"),
        "{}",
        stderr(&output)
    );
    let tuning = json(&kept);
    assert_eq!(tuning["schema"], "ridgepoint.tuning/1");
    assert_eq!(tuning["machine"]["version"], env!("CARGO_PKG_VERSION"));
    let found = &tuning["found"][0];
    assert_eq!(found["class"], "square_small");
    assert!(found["tried"].as_u64().unwrap() <= 48, "{found}");
    assert!(
        found["default"]["time_s"].as_f64().unwrap() > 0.0,
        "{found}"
    );

    let shown = run(&["tune", "--show"]);
    succeeded(&shown);
    let shown = stdout(&shown);
    assert!(shown.contains("matmul/square_small"), "{shown}");
    // Classes that the file lacks are no searched ones.
    assert!(
        shown.contains("of 1 class") && shown.contains("Not searched"),
        "{shown}"
    );
    let list = run(&["list"]);
    assert!(
        stdout(&list).contains("1 class of matmul"),
        "{}",
        stdout(&list)
    );

    succeeded(&run(&["tune", "--export", "mine.json"]));
    assert_eq!(json(&folder.join("mine.json")), tuning);
    std::fs::remove_file(&kept).unwrap();
    let refused = run(&["run", "--tuned"]);
    assert_eq!(refused.status.code(), Some(2));
    let imported = run(&["tune", "--import", "mine.json"]);
    succeeded(&imported);
    assert!(stderr(&imported).contains("imported 1 class of matmul"));
    assert_eq!(json(&kept), tuning);

    // A winner that is certain: what a search finds on a busy machine is not.
    let mut edited = tuning;
    let winner =
        |kernel: &str| serde_json::json!({"kernel": kernel, "constants": {}, "time_s": 1e-6});
    edited["found"][0]["winner"] = winner("matmul_naive");
    let row = |edited: &Value, folder: &Path| {
        std::fs::write(&kept, edited.to_string()).unwrap();
        let tuned = "run --tuned --suite quick --op matmul:60x60x60 --json rows.json";
        let output = in_folder(folder, &tuned.split(' ').collect::<Vec<_>>());
        succeeded(&output);
        let report = json(&folder.join("rows.json"));
        assert_eq!(report["settings"]["tuning"], "1 class of matmul");
        (report["rows"][0].clone(), stderr(&output).to_owned())
    };
    let (used, _) = row(&edited, &folder);
    assert_eq!(used["kernel"], "matmul_naive", "{used}");
    assert!(
        used["choice"]
            .as_str()
            .unwrap()
            .starts_with("tuned on this adapter"),
        "{used}"
    );
    // What names a kernel that is no more is a warning.
    edited["found"][0]["winner"] = winner("matmul_gone");
    let (ignored, err) = row(&edited, &folder);
    assert!(ignored["time_s"].is_object(), "{ignored}");
    assert!(
        ignored["choice"].as_str().unwrap().contains("not used"),
        "{ignored}"
    );
    assert!(
        err.contains("the tuning is not used: unknown kernel"),
        "{err}"
    );
}

#[test]
fn what_cannot_be_tuned_is_refused() {
    let tune = |arguments: &[&str]| {
        let mut command = ridgepoint("tune-refused");
        command.arg("tune").args(arguments).output().unwrap()
    };
    refused(&tune(&["--op", "fma"]), &["fma has no classes", "matmul"]);
    refused(&tune(&["--op", "matmull"]), &["did you mean matmul?"]);
    refused(&tune(&["--op", "matmul:3"]), &["is no shape of matmul"]);
    for minutes in ["0", "-1", "nan", "inf", "1e9", "1440.5", "long", ""] {
        let minutes = format!("--minutes={minutes}");
        refused(&tune(&[&minutes]), &["above 0 and up to 1440"]);
    }
    refused(&tune(&["--seconds", "1"]), &["--seconds"]);
    refused(&tune(&["--dtype", "f64"]), &["f32, f16"]);
    refused(
        &tune(&["--export", "a", "--import", "b"]),
        &["cannot be used with"],
    );
    refused(&tune(&["--import", "missing"]), &["missing: "]);
}

/// Less time than any search takes: nothing is kept as searched, and what was left out is said.
#[test]
fn a_class_without_time_is_named_and_not_kept() {
    if !has_adapter() {
        return;
    }
    let folder = empty_folder("tune-without-time");
    let arguments = "tune --op matmul:64x64x64,triad:1000 --dtype f32 --minutes 0.01";
    let output = in_folder(&folder, &arguments.split(' ').collect::<Vec<_>>());
    succeeded(&output);
    let out = stdout(&output);
    let words: Vec<&str> = out.split_whitespace().collect();
    let out = words.join(" ");
    assert!(
        out.contains("Not searched, and left at the default: matmul/f32/square_small, triad/f32/cached; more `--minutes`"),
        "{out}"
    );
    let tuning = json(&only_file(&folder.join("cache")));
    assert_eq!(
        tuning["found"].as_array().map(Vec::len),
        Some(0),
        "{tuning}"
    );
}

#[test]
fn files_that_do_not_fit_are_refused_with_the_cause() {
    if !has_adapter() {
        return;
    }
    let folder = empty_folder("tune-files");
    let import = |text: &str| {
        std::fs::write(folder.join("file.json"), text).unwrap();
        in_folder(&folder, &["tune", "--import", "file.json"])
    };
    let no_tuning = "file.json: it is no tuning of ridgepoint";
    refused(&import("{"), &[no_tuning, "line 1"]);
    refused(&import("[]"), &[no_tuning, "it has no schema"]);
    refused(
        &import(r#"{"schema": "ridgepoint.run/1"}"#),
        &[no_tuning, "ridgepoint.run/1"],
    );
    let other = r#"{"schema": "ridgepoint.tuning/1", "found": [], "machine": {"adapter": "Other GPU", "vendor_id": 1,
        "device_id": 2, "backend": "vulkan", "driver": "d", "driver_info": "1", "version": "0.1.0"}}"#;
    refused(
        &import(other),
        &[
            "file.json: it is of adapter Other GPU, this is ",
            "ridgepoint tune",
        ],
    );
    refused(
        &in_folder(&folder, &["tune", "--show"]),
        &["nothing is kept for", "ridgepoint tune"],
    );
    std::fs::write(folder.join("cache"), "a file").unwrap();
    let blocked = in_folder(&folder, &SEARCH);
    assert_eq!(blocked.status.code(), Some(2), "{}", stderr(&blocked));
}
