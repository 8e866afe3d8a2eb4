//! Whole runs: what is printed, what is in the file, what an interruption leaves.

use super::{has_adapter, json, ridgepoint, stderr, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Fields that stand in a file only where the device has what they say.
const OPTIONAL: [&str; 2] = ["pci_bus_id", "sensors"];

/// Holds that `object` has exactly these fields, and optional ones besides.
#[track_caller]
fn has_fields(object: &Value, fields: &[&str]) {
    let keys = object.as_object().unwrap().keys().map(String::as_str);
    let is_wanted = |key: &&str| fields.contains(key) || !OPTIONAL.contains(key);
    let found: Vec<&str> = keys.filter(is_wanted).collect();
    let mut wanted = fields.to_vec();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

/// The only results file in `folder/ridgepoint-results`.
fn results(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = std::fs::read_dir(folder.join("ridgepoint-results"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_quick_run_prints_a_table_and_writes_every_field() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("quick");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let output = command.args(["run", "--suite", "quick"]).output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(
        !out.chars()
            .chain(err.chars())
            .any(|c| c.is_control() && c != '\n'),
        "{out:?}\n{err:?}"
    );
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");

    let path = results(&folder);
    assert!(
        err.contains(&format!(
            "ridgepoint-results/{}",
            path.file_name().unwrap().display()
        )),
        "{err}"
    );
    let report = json(&path);
    let name = report["adapter"]["name"].as_str().unwrap();
    assert!(out.lines().next().unwrap().starts_with(name), "{out}");
    if report["adapter"]["type"] == "software" {
        assert!(out.lines().next().unwrap().contains("CPU"), "{out}");
    }
    for row in report["rows"].as_array().unwrap() {
        assert!(out.contains(row["kernel"].as_str().unwrap()), "{out}");
    }
    top_level(&report);
    for row in report["rows"].as_array().unwrap() {
        check_row(row);
    }
}

fn top_level(report: &Value) {
    has_fields(
        report,
        &[
            "schema", "tool", "host", "adapter", "settings", "ceilings", "rows", "warnings",
        ],
    );
    assert_eq!(report["schema"], "ridgepoint.run/1");
    has_fields(&report["tool"], &["version", "commit", "wgpu", "naga"]);
    has_fields(
        &report["host"],
        &["os", "cpu", "memory_bytes", "sensors", "utc"],
    );
    assert_eq!(report["tool"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["tool"]["wgpu"].as_str().unwrap().starts_with("30."));
    assert!(report["host"]["utc"].as_str().unwrap().ends_with('Z'));
    has_fields(
        &report["adapter"],
        &[
            "name",
            "vendor_id",
            "device_id",
            "type",
            "backend",
            "driver",
            "driver_info",
            "subgroup_min",
            "subgroup_max",
            "features",
            "limits",
            "cooperative_matrix",
            "timestamp_period_ns",
        ],
    );
    assert_eq!(report["settings"]["suite"], "quick");
    assert!(report["settings"]["shader_hashes"]["matmul_tiled"].is_string());
    for ceiling in report["ceilings"].as_array().unwrap() {
        has_fields(
            ceiling,
            &[
                "id",
                "value",
                "unit",
                "status",
                "reason",
                "shape",
                "counts",
                "checks",
                "work",
                "clock",
                "time_s",
                "wall_s",
                "discarded",
                "grid",
                "warnings",
            ],
        );
        assert_ne!(ceiling["value"], 0.0);
    }
    for warning in report["warnings"].as_array().unwrap() {
        has_fields(warning, &["id", "message"]);
        assert_ne!(warning["id"], "incomplete");
    }
}

fn check_row(row: &Value) {
    for field in [
        "id",
        "operation",
        "kernel",
        "constants",
        "dtype",
        "label",
        "shape",
        "flops",
        "min_bytes",
        "status",
        "reason",
        "verified",
        "checks",
        "clock",
        "time_s",
        "flop_rate",
        "bandwidth",
        "intensity",
        "bound",
        "percent_of_roof",
        "warnings",
    ] {
        assert!(row.get(field).is_some(), "{field} is missing: {row}");
    }
    let status = row["status"].as_str().unwrap();
    assert!(["ok", "noisy", "unsupported"].contains(&status), "{row}");
    let is_measured = status != "unsupported";
    assert_eq!(row["time_s"].is_object(), is_measured, "{row}");
    assert!(["on", "off"].contains(&row["checks"].as_str().unwrap()));
    for number in ["flop_rate", "bandwidth", "percent_of_roof"] {
        assert_ne!(row[number], 0.0, "{row}");
    }
    if is_measured {
        has_fields(
            &row["time_s"],
            &["n", "min", "q1", "median", "q3", "max", "samples"],
        );
        assert_eq!(row["verified"]["ok"], true, "{row}");
        assert!(["gpu_timestamp", "wall"].contains(&row["clock"].as_str().unwrap()));
        let parts = ["operation", "dtype", "kernel"].map(|part| row[part].as_str().unwrap());
        let label = row["label"].as_str().unwrap();
        let id = format!("{}/{}/{label}/{}", parts[0], parts[1], parts[2]);
        assert_eq!(row["id"], id);
    } else {
        assert!(
            row["reason"].is_string() && row["verified"].is_null(),
            "{row}"
        );
    }
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
fn a_shape_of_ones_own_runs_with_the_kernels_and_types_that_were_named() {
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
        "--dtype",
        "f32,f16",
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
    let rows = report["rows"].as_array().unwrap();
    let (single, half): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["dtype"] == "f32");
    let ids: Vec<&str> = single
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
    assert!(!half.is_empty() && half.iter().all(|row| row["dtype"] == "f16"));
    assert_eq!(report["settings"]["dtypes"][1], "f16");
    assert_eq!(
        (&report["settings"]["seed"], &report["settings"]["note"]),
        (&7.into(), &"plugged in".into())
    );
}

/// Processes that keep a core busy each, until they are dropped.
struct Busy(Vec<std::process::Child>);

impl Busy {
    fn on_all_cores() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let burn = || {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", "while :; do :; done"]).spawn().unwrap()
        };
        Self((0..cores).map(|_| burn()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn rows_of_a_software_adapter_beside_other_programs_are_marked() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("busy");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let busy = Busy::on_all_cores();
    let arguments = ["run", "--suite", "quick", "--op", "matmul"];
    let output = command.args(arguments).output().unwrap();
    drop(busy);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&results(&folder));
    if report["adapter"]["type"] != "software" {
        println!("skipped: a GPU does not mind a busy processor");
        return;
    }
    for row in report["rows"].as_array().unwrap() {
        let warnings = row["warnings"].as_array().unwrap();
        let marked = warnings.iter().any(|w| w["id"] == "busy_processor");
        assert!(marked && row["status"] == "noisy", "{row}");
    }
}

/// A page that cannot be written is told of before anything is measured.
#[test]
fn a_page_that_cannot_be_written_is_refused_at_once() {
    if !has_adapter() {
        return;
    }
    for (page, words) in [
        ("rows.json", "name another"),
        ("missing/page.html", "missing/page.html: "),
    ] {
        let mut command = ridgepoint("page-refused");
        let folder: PathBuf = command.get_current_dir().unwrap().into();
        let arguments = format!("run --suite quick --json rows.json --html {page}");
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        let report = json(&folder.join("rows.json"));
        assert_eq!(report["rows"].as_array().unwrap().len(), 0);
    }
}

/// At a terminal a run ends with the path of its page, beside its file; in a pipe there is none, as [`results`] holds for runs.
/// A terminal that understands no escapes gets none, on either stream.
#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_a_page_and_a_pipe_none() {
    let has_script = std::process::Command::new("script")
        .arg("--version")
        .output();
    if !has_adapter() || has_script.is_err() {
        println!("skipped: no adapter, or no `script` to make a terminal");
        return;
    }
    let results = |folder: &Path| {
        let entries = std::fs::read_dir(folder.join("ridgepoint-results"))
            .into_iter()
            .flatten();
        let names = entries.map(|entry| PathBuf::from(entry.unwrap().file_name()));
        names.collect::<Vec<_>>()
    };
    let is = |path: &Path, kind: &str| path.extension().is_some_and(|end| end == kind);
    let mut command = ridgepoint("page-pipe");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let output = command.args(["roofline", "--quick"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(results(&folder), [] as [PathBuf; 0]);
    for (term, arguments, count) in [
        ("xterm", "run --suite quick --op copy:1024", 2),
        ("dumb", "run --suite quick --op copy:1024", 2),
        ("xterm", "roofline --quick", 1),
    ] {
        let mut terminal = std::process::Command::new("script");
        let program = format!("{} {arguments}", env!("CARGO_BIN_EXE_ridgepoint"));
        let folder = ridgepoint("page-terminal")
            .get_current_dir()
            .unwrap()
            .to_owned();
        terminal
            .current_dir(&folder)
            .env("TERM", term)
            .env_remove("NO_COLOR")
            .args(["-qec", &program, "/dev/null"]);
        let output = terminal
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.stdout.contains(&0x1b), term == "xterm", "{term}");
        let written = results(&folder);
        assert_eq!(written.len(), count, "{written:?}");
        let page = written.iter().find(|path| is(path, "html")).unwrap();
        let told = format!("page: ridgepoint-results/{}", page.display());
        assert!(stdout(&output).contains(&told), "{}", stdout(&output));
        for other in &written {
            assert_eq!(other.file_stem(), page.file_stem());
        }
    }
}

/// `--open` writes the page and hands it to the system, whose failure is a warning.
#[test]
#[cfg(target_os = "linux")]
fn a_page_is_opened_on_request() {
    use std::os::unix::fs::PermissionsExt as _;
    if !has_adapter() {
        return;
    }
    let arguments = "run --suite quick --op copy:1024 --json rows.json --open";
    let mut command = ridgepoint("page-open");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let program = folder.join("xdg-open");
    std::fs::write(&program, "#!/bin/sh\nprintf %s \"$1\" >\"${0%/*}/opened.partial\" && mv \"${0%/*}/opened.partial\" \"${0%/*}/opened\"\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = command
        .env("PATH", path)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let began = std::time::Instant::now();
    while !folder.join("opened").exists() {
        assert!(began.elapsed().as_secs() < 20, "nothing was opened");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let opened = std::fs::read_to_string(folder.join("opened")).unwrap();
    assert_eq!(opened, "rows.html");
    assert!(folder.join("rows.html").exists());

    let mut command = ridgepoint("page-not-opened");
    let output = command
        .env("PATH", "/nonexistent")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(
        error.contains("warning: the page cannot be opened here") && error.contains("rows.html"),
        "{error}"
    );
}

#[test]
fn shapes_without_work_have_no_time_no_rate_and_no_share() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("empty-work");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let shapes = "matmul:3x0x7,attention:1x2x0x9x16,layer_norm:0x8,add:0,sum:0";
    command.args(["run", "--suite", "quick", "--op", shapes]);
    let output = command.args(["--json", "rows.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&folder.join("rows.json"));
    let rows = report["rows"].as_array().unwrap();
    for row in &rows[..4] {
        assert_eq!(row["status"], "empty", "{row}");
        assert_eq!(row["verified"]["ok"], true, "{row}");
        for field in ["time_s", "flop_rate", "bandwidth", "percent_of_roof"] {
            assert!(row[field].is_null(), "{field}: {row}");
        }
        assert_eq!(row["warnings"].as_array().unwrap().len(), 0, "{row}");
    }
    // The sum of nothing is zero, which is written.
    assert_ne!(rows[4]["status"], "empty");
    assert!(!stdout(&output).contains("above roof"));
}
