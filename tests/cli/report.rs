//! `ridgepoint report`: files shown without an adapter, in every format, and what is refused.

use super::{refused, ridgepoint, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) const RUN: &str = "tests/snapshots/reports/run.json";
const ROOFLINE: &str = "tests/snapshots/reports/roofline.json";
const REFERENCE: &str = "results/nvidia-h200-vulkan.json";

pub(crate) fn of_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The command with a machine that has no driver at all, and copies of `files` in its folder.
pub(crate) fn with(folder: &str, files: &[(&str, &str)]) -> Command {
    let mut command = ridgepoint(folder);
    for (name, file) in files {
        let copy = command.get_current_dir().unwrap().join(name);
        std::fs::copy(of_repository(file), copy).unwrap();
    }
    command
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("VK_ICD_FILENAMES", "/nonexistent.json")
        // A value that every command that asks for an adapter refuses.
        .env("WGPU_BACKEND", "none at all");
    command
}

pub(crate) fn run(command: &mut Command, arguments: &str) -> Output {
    let arguments = arguments.split(' ').filter(|word| !word.is_empty());
    command.args(arguments).output().unwrap()
}

#[track_caller]
fn shown(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    assert_eq!(stderr(output), "");
    stdout(output)
}

#[test]
fn files_are_shown_where_there_is_no_adapter() {
    let files = [("a.json", REFERENCE), ("b.json", ROOFLINE)];
    let one = run(&mut with("report-one", &files), "report a.json");
    assert!(
        shown(&one).starts_with("NVIDIA H200: discrete GPU"),
        "{}",
        shown(&one)
    );
    let both = run(&mut with("report-both", &files), "report a.json b.json");
    let text = shown(&both);
    assert!(text.starts_with("Results of 2 files\n====="), "{text}");
    assert!(text.contains("\na.json\n======\n\nNVIDIA H200"), "{text}");
    assert!(text.contains("\nb.json\n======\n\nMade Up 9000"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}

#[test]
fn every_format_goes_to_stdout_and_to_a_file() {
    for (format, begin) in [
        ("terminal", "Made Up 9000: "),
        ("markdown", "Made Up 9000: "),
        ("csv", "schema,figure,"),
        ("jsonl", "{\"schema\":\"ridgepoint.flat/1\""),
        ("html", "<!DOCTYPE html>"),
    ] {
        let mut command = with("report-formats", &[("a.json", RUN)]);
        let folder = command.get_current_dir().unwrap().to_owned();
        let output = run(&mut command, &format!("report a.json --format {format}"));
        let text = shown(&output).to_owned();
        assert!(text.starts_with(begin), "{text}");
        let mut again = with("report-formats", &[("a.json", RUN)]);
        let file = run(
            &mut again,
            &format!("report a.json --format {format} -o out"),
        );
        assert_eq!(shown(&file), "");
        assert_eq!(std::fs::read_to_string(folder.join("out")).unwrap(), text);
        let mut dash = with("report-formats", &[("a.json", RUN)]);
        let dash = run(&mut dash, &format!("report a.json --format {format} -o -"));
        assert_eq!(shown(&dash), text);
    }
}

#[test]
fn a_file_has_the_format_that_its_name_ends_in() {
    for (name, begin) in [
        ("a.csv", "schema,"),
        ("a.jsonl", "{"),
        ("a.md", "Made Up"),
        ("a.html", "<!DOCTYPE html>"),
        ("a.log", "Made Up"),
    ] {
        let mut command = with("report-ends", &[("a.json", RUN)]);
        let file = command.get_current_dir().unwrap().join(name);
        shown(&run(&mut command, &format!("report a.json -o {name}")));
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.starts_with(begin), "{name}: {text}");
        assert_eq!(text.contains("| kernel |"), name == "a.md");
    }
}

#[test]
fn what_cannot_be_shown_or_written_is_refused() {
    let report = |arguments: &str| {
        let mut command = with("report-refused", &[("a.json", RUN), ("b.json", RUN)]);
        let folder = command.get_current_dir().unwrap().to_owned();
        std::fs::create_dir(folder.join("folder")).unwrap();
        std::fs::write(folder.join("empty.json"), "").unwrap();
        std::fs::write(
            folder.join("later.json"),
            r#"{"schema": "ridgepoint.run/2"}"#,
        )
        .unwrap();
        let text = std::fs::read(folder.join("a.json")).unwrap();
        std::fs::write(folder.join("cut.json"), &text[..text.len() / 3]).unwrap();
        let output = run(&mut command, &format!("report {arguments}"));
        assert_eq!(std::fs::read(folder.join("a.json")).unwrap(), text);
        assert!(!folder.join("out").exists());
        output
    };
    refused(&report(""), &["<FILE>..."]);
    refused(&report("missing.json"), &["missing.json: "]);
    refused(&report("folder"), &["folder: this is a folder"]);
    refused(&report("empty.json"), &["empty.json: it is empty"]);
    refused(
        &report("a.json cut.json -o out"),
        &["cut.json: it ends too early", "at line "],
    );
    refused(
        &report("later.json"),
        &["ridgepoint.run/2", "ridgepoint.run/1"],
    );
    refused(
        &report("a.json --format svgg"),
        &["terminal, markdown, csv, jsonl, html"],
    );
    refused(
        &report("a.json -o a.json"),
        &["one of the files that are read"],
    );
    refused(
        &report("b.json a.json -o ./a.json"),
        &["one of the files that are read"],
    );
    refused(&report("a.json -o folder"), &["folder: this is a folder"]);
    refused(&report("a.json -o nowhere/out"), &["nowhere/out: "]);
    refused(
        &report("a.json --adapter 1"),
        &["--adapter", "no adapter is asked"],
    );
    refused(
        &report("a.json --backend gl"),
        &["--backend", "no adapter is asked"],
    );
    #[cfg(unix)]
    {
        refused(&report("/dev/zero"), &["/dev/zero: ", "64 MiB"]);
        refused(&report("/dev/null"), &["it is empty"]);
    }
}

#[test]
fn charts_become_pictures_one_to_a_file() {
    let report = |arguments: &str| {
        let mut command = with("report-pictures", &[("a.json", RUN), ("b.json", ROOFLINE)]);
        let folder = command.get_current_dir().unwrap().to_owned();
        let output = run(&mut command, &format!("report {arguments}"));
        (output, folder)
    };
    let (output, folder) = report("a.json --format png -o charts");
    assert_eq!(shown(&output), "");
    let mut names: Vec<String> = std::fs::read_dir(folder.join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(
        names.contains(&"matmul-f32-1024x1024x1024.png".to_owned()),
        "{names:?}"
    );
    let roofline = std::fs::read(folder.join("charts/roofline.png")).unwrap();
    assert!(roofline.starts_with(b"\x89PNG"));
    let (output, folder) = report("a.json --chart roofline -o out.svg");
    assert_eq!(shown(&output), "");
    let picture = std::fs::read_to_string(folder.join("out.svg")).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("Made Up 9000"),
        "{picture}"
    );
    let (output, _) = report("a.json --format svg --chart roofline");
    assert_eq!(shown(&output), picture);
    for (arguments, words) in [
        (
            "a.json --format svg",
            "name a folder for them with `--out FOLDER`",
        ),
        ("a.json -o out.svg", "with `--chart NAME`: roofline, soak"),
        (
            "a.json --format svg --chart rooflin",
            "did you mean roofline?",
        ),
        (
            "a.json b.json --format svg --chart roofline",
            "did you mean a-roofline or b-roofline?",
        ),
        (
            "a.json --chart roofline",
            "add `--format svg` or `--format png`",
        ),
        (
            "a.json --chart roofline -o out.html",
            "the format html has all charts or none",
        ),
    ] {
        let (output, folder) = report(arguments);
        refused(&output, &[words]);
        assert!(!folder.join("out.svg").exists(), "{arguments}");
    }
}

/// Several files are a gallery: a folder whose index leads to a page of each.
#[test]
fn several_files_are_a_gallery() {
    let files = [("a.json", REFERENCE), ("b.json", ROOFLINE), ("c.json", RUN)];
    let mut command = with("report-gallery", &files);
    let folder = command.get_current_dir().unwrap().to_owned();
    // Files of one name, in two folders, and one that is there twice.
    std::fs::create_dir(folder.join("again")).unwrap();
    std::fs::copy(folder.join("a.json"), folder.join("again/a.json")).unwrap();
    let all = "a.json again/a.json b.json c.json";
    shown(&run(
        &mut command,
        &format!("report {all} --format html -o gallery"),
    ));
    let text = |name: &str| std::fs::read_to_string(folder.join("gallery").join(name)).unwrap();
    let index = text("index.html");
    let entries = std::fs::read_dir(folder.join("gallery")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages: Vec<String> = names.filter(|name| name.contains(".html")).collect();
    assert_eq!(pages.len(), 5, "{pages:?}");
    for page in pages.iter().filter(|page| *page != "index.html") {
        assert!(index.contains(page.as_str()), "{page}");
        assert!(text(page).contains("href=\"index.html\""), "{page}");
    }
    assert!(index.contains("\"again/a.json\""));
    // What a gallery shares is there once.
    assert!(text("library.js").len() > 100_000 && text("page.css").contains("--series-0"));
    assert!(pages.iter().all(|page| text(page).len() < 300_000));
    let refusal = |arguments: &str| {
        let mut command = with("report-gallery-refused", &files);
        run(
            &mut command,
            &format!("report a.json b.json --format html{arguments}"),
        )
    };
    refused(&refusal(""), &["--format html", "--out FOLDER"]);
    refused(
        &refusal(" -o c.json"),
        &["c.json: this is a file, a folder is needed"],
    );
}

/// The name of a file is a text from elsewhere too.
#[test]
#[cfg(unix)]
fn names_of_files_do_nothing_to_a_terminal() {
    let mut command = with("report-names", &[("a.json", RUN), ("\u{1b}[31m.json", RUN)]);
    let output = command
        .args(["report", "a.json", "\u{1b}[31m.json"])
        .output()
        .unwrap();
    assert!(!shown(&output).contains('\u{1b}'));
    assert!(shown(&output).contains(r"\u{1b}[31m.json"));
    let missing = with("report-names", &[])
        .args(["report", "\u{1b}[2J"])
        .output()
        .unwrap();
    refused(&missing, &[r"\u{1b}[2J: "]);
    assert!(!stderr(&missing).contains('\u{1b}'));
}

/// The recipes of docs/reports.md, each where its tool is.
#[test]
#[cfg(unix)]
fn recipes_work() {
    let files = [("a.json", REFERENCE), ("b.json", RUN), ("c.json", ROOFLINE)];
    let mut command = with("report-recipes", &files);
    let folder = command.get_current_dir().unwrap().to_owned();
    shown(&run(&mut command, "report a.json b.json c.json -o all.csv"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ridgepoint"));
    shown(&run(
        command.current_dir(&folder),
        "report a.json b.json c.json -o all.jsonl",
    ));
    let text = std::fs::read_to_string(of_repository("docs/reports.md")).unwrap();
    let recipes = text.split("```sh\n# recipe: ").skip(1);
    let mut count = 0;
    for recipe in recipes {
        let (tool, script) = recipe.split_once('\n').unwrap();
        let script = script.split("```").next().unwrap();
        count += 1;
        let is_there = match tool {
            "pandas" => "python3 -c 'import pandas'".to_owned(),
            tool => format!("command -v {tool}"),
        };
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell
                .current_dir(&folder)
                .args(["-c", script])
                .stdin(Stdio::null());
            shell.output().unwrap()
        };
        if !shell(&is_there).status.success() {
            println!("skipped: {tool} is not here");
            continue;
        }
        let output = shell(script);
        let (out, err) = (stdout(&output), stderr(&output));
        assert!(output.status.success(), "{tool}: {err}");
        assert!(
            out.contains("Made Up 9000") && out.lines().count() > 3,
            "{tool}: {out}"
        );
        println!("{tool}: {} lines", out.lines().count());
    }
    assert_eq!(count, 4);
}

/// A run of 10,000 rows within 500 MiB of address space, which is more than memory.
#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_rows_fit_in_half_a_gibibyte() {
    let folder = with("report-large", &[])
        .get_current_dir()
        .unwrap()
        .to_owned();
    let mut report: serde_json::Value = super::json(&of_repository(REFERENCE));
    let rows = report["rows"].as_array().unwrap().clone();
    let many = (0..10_000).map(|i| {
        let mut row = rows[i % rows.len()].clone();
        row["label"] = i.to_string().into();
        row
    });
    report["rows"] = many.collect();
    std::fs::write(folder.join("large.json"), report.to_string()).unwrap();
    let report = |format| format!("report large.json --format {format} -o out");
    let commands = ["terminal", "markdown", "csv", "jsonl", "html"].map(report);
    let compare = "compare large.json large.json -o out".to_owned();
    for command in commands.into_iter().chain([compare]) {
        let script = format!("ulimit -v 512000 && exec \"$0\" {command}");
        let began = std::time::Instant::now();
        let output = Command::new("sh")
            .current_dir(&folder)
            .args(["-c", &script, env!("CARGO_BIN_EXE_ridgepoint")])
            .output()
            .unwrap();
        let seconds = began.elapsed().as_secs_f64();
        println!("{command}: {seconds:.2} s");
        shown(&output);
        let text = std::fs::read_to_string(folder.join("out")).unwrap();
        assert!(text.lines().count() > 10_000, "{command}");
        assert!(seconds < 20.0, "{command}: {seconds} s");
    }
}
