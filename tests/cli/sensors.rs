//! Sensors of the device in runs, and `ridgepoint soak`. The files of Linux are made up, and an adapter is needed all the same.

use super::{has_adapter, json, refused, ridgepoint, stderr, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Power of the package, in watts.
const WATTS: f64 = 25.0;

/// A folder like Linux's `/sys` with a package whose energy grows while this lives, and a battery that is drained.
struct Package {
    ends: Arc<AtomicBool>,
    counts: Option<JoinHandle<()>>,
}

impl Package {
    fn new(root: &Path) -> Self {
        let zone = root.join("class/powercap/intel-rapl:0");
        let battery = root.join("class/power_supply/BAT0");
        for folder in [&zone, &battery] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(zone.join("name"), "package-0").unwrap();
        std::fs::write(battery.join("type"), "Battery").unwrap();
        std::fs::write(battery.join("status"), "Discharging").unwrap();
        std::fs::write(battery.join("power_now"), "31000000").unwrap();
        let (energy, next) = (zone.join("energy_uj"), zone.join("next"));
        let began = Instant::now();
        let count = move || {
            let microjoules = (began.elapsed().as_secs_f64() * WATTS * 1e6) as u64;
            std::fs::write(&next, microjoules.to_string()).unwrap();
            std::fs::rename(&next, &energy).unwrap();
        };
        count();
        let ends = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ends);
        let counts = std::thread::spawn(move || {
            while !has_ended.load(Ordering::Relaxed) {
                count();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            ends,
            counts: Some(counts),
        }
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(counts) = self.counts.take() {
            counts.join().unwrap();
        }
    }
}

/// The program in an empty folder, with files of sensors in `sys` beside it, which is empty as yet.
fn beside_sensors(folder: &str) -> (Command, PathBuf) {
    let mut command = ridgepoint(folder);
    let folder = command.get_current_dir().unwrap().to_owned();
    let root = folder.join("sys");
    std::fs::create_dir(&root).unwrap();
    command.env("RIDGEPOINT_SYSFS", &root);
    (command, folder)
}

const RUN: [&str; 5] = ["run", "--op", "copy:65536", "--json", "copy.json"];
/// Sampling that is too short for power.
const QUICK: [&str; 2] = ["--suite", "quick"];

/// The only row of a file.
fn row(report: &Value) -> &Value {
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    &rows[0]
}

#[test]
fn a_row_has_the_power_and_the_energy_of_one_execution() {
    if !has_adapter() {
        return;
    }
    let (mut command, folder) = beside_sensors("sensors");
    let _package = Package::new(&folder.join("sys"));
    let output = command.args(RUN).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let is_software = json(&folder.join("copy.json"))["adapter"]["type"] == "software";
    if !is_software {
        // The package of a processor is not asked for a GPU beside it.
        return;
    }
    let report = json(&folder.join("copy.json"));
    assert_eq!(report["host"]["sensors"], "powercap, battery");
    let row = row(&report);
    let power = &row["sensors"]["power"];
    let watts = power["watts"].as_f64().unwrap();
    assert!((watts / WATTS - 1.0).abs() < 0.1, "{row}");
    assert_eq!(
        (&power["of"], &power["by"]),
        (&"package".into(), &"energy_counter".into())
    );
    let seconds = row["time_s"]["median"].as_f64().unwrap();
    let joules = power["joules"].as_f64().unwrap();
    assert!((joules / (watts * seconds) - 1.0).abs() < 1e-9, "{row}");
    let out = stdout(&output);
    assert!(out.contains("per joule") && out.contains("B/J"), "{out}");
    assert!(stderr(&output).contains("sensors: powercap, battery"));
}

#[test]
fn without_sensors_nothing_is_said_and_the_file_says_unknown() {
    if !has_adapter() {
        return;
    }
    let (mut command, folder) = beside_sensors("sensors-none");
    let output = command.args(RUN).args(QUICK).output().unwrap();
    let package = Package::new(&folder.join("sys"));
    let (mut command, refusing) = beside_sensors("sensors-refused");
    command.env("RIDGEPOINT_SYSFS", folder.join("sys"));
    let left_alone = command
        .args(RUN)
        .args(QUICK)
        .arg("--no-sensors")
        .output()
        .unwrap();
    drop(package);
    for (output, folder) in [(output, folder), (left_alone, refusing)] {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let report = json(&folder.join("copy.json"));
        if report["adapter"]["type"] == "software" {
            assert_eq!(report["host"]["sensors"], "unknown");
            assert!(row(&report)["sensors"].is_null());
            let (out, err) = (stdout(&output), stderr(&output));
            assert!(
                !out.contains("per joule") && !out.contains("sensors"),
                "{out}"
            );
            assert!(!err.contains("sensors"), "{err}");
        }
    }
}

#[test]
fn a_soak_has_a_curve_a_page_and_both_ways_to_energy() {
    if !has_adapter() {
        return;
    }
    let (mut command, folder) = beside_sensors("soak");
    let _package = Package::new(&folder.join("sys"));
    let arguments = "soak matmul:64x64x64 --minutes 0.15 --json soak.json --html soak.html";
    let output = command.args(arguments.split(' ')).output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(
        out.contains("soak of matmul/f32/64x64x64/") && out.contains("plateau"),
        "{out}"
    );
    let report = json(&folder.join("soak.json"));
    let soak = &report["soak"];
    assert_eq!(
        (&soak["id"], report["settings"]["suite"].as_str()),
        (&row(&report)["id"], Some("soak"))
    );
    let points = soak["points"].as_array().unwrap();
    assert!((6..=9).contains(&points.len()), "{soak}");
    let ends = points.iter().map(|point| point["at_s"].as_f64().unwrap());
    assert!(ends.is_sorted_by(|a, b| a < b), "{soak}");
    if report["adapter"]["type"] == "software" {
        assert!(
            out.contains("by the energy counter of the package: 2"),
            "{out}"
        );
        let watts = soak["by_counter"]["watts"].as_f64().unwrap();
        assert!((watts / WATTS - 1.0).abs() < 0.05, "{soak}");
        // A battery averages over more than this soak.
        assert!(soak["by_readings"].is_null(), "{soak}");
    }
    let page = std::fs::read_to_string(folder.join("soak.html")).unwrap();
    assert!(page.contains("soak: rate over time"));
    let mut again = ridgepoint("soak-report");
    let report = again
        .arg("report")
        .arg(folder.join("soak.json"))
        .args(["--format", "csv"]);
    let output = report.output().unwrap();
    let lines = stdout(&output)
        .lines()
        .filter(|line| line.contains(",soak,matmul/f32"));
    assert_eq!(lines.count(), points.len());
}

#[test]
fn what_cannot_be_soaked_is_refused() {
    let soak = |arguments: &[&str]| {
        ridgepoint("soak-refused")
            .arg("soak")
            .args(arguments)
            .output()
            .unwrap()
    };
    refused(
        &soak(&["matmul"]),
        &["matmul", "one operation with its shape"],
    );
    refused(
        &soak(&["copy:64,add:64"]),
        &["copy:64,add:64", "one operation"],
    );
    refused(
        &soak(&["matmul:64x64x64", "--minutes", "0"]),
        &["--minutes", "above 0"],
    );
    refused(&soak(&["matmul:64x64"]), &["64x64"]);
    refused(
        &soak(&["matmul:64x64x64", "--kernel", "softmax_online"]),
        &["softmax_online"],
    );
}
