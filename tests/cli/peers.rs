//! Results of other programs beside ours: a script for `PyTorch`, files of clpeak, published figures.

use super::report::{RUN, of_repository, run, with};
use super::{refused, stderr, stdout};
use std::path::Path;
use std::process::{Command, Output};

/// A file that `scripts/peers/torch_reference.py` wrote on a CPU, for the problems of [`RUN`].
const TORCH: &str = "tests/snapshots/reports/torch.json";
const CLPEAK: &str = "tests/snapshots/reports/clpeak.json";

#[track_caller]
fn shown(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

#[test]
fn a_file_of_pytorch_says_whose_figures_they_are() {
    let files = [("a.json", RUN), ("t.json", TORCH)];
    let output = run(&mut with("peers-report", &files), "report t.json");
    let text = shown(&output);
    for words in ["PyTorch 2.", "torch_softmax_unfused", "software (CPU), cpu"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        !text.contains("wgpu") && !text.contains("ridgepoint 0"),
        "{text}"
    );
    let output = run(
        &mut with("peers-flat", &files),
        "report a.json t.json --format csv",
    );
    let csv = shown(&output);
    let mut lines = csv.lines();
    let mut names = lines.next().unwrap().rsplit(',');
    let from_end = names.position(|name| name == "tool").unwrap();
    let tools = lines.map(|line| line.rsplit(',').nth(from_end).unwrap());
    let (own, other): (Vec<_>, Vec<_>) = tools.partition(|tool| *tool == "ridgepoint");
    assert!(own.len() > 10 && other.len() > 3);
    assert!(other.iter().all(|tool| *tool == "PyTorch"), "{other:?}");
}

#[test]
fn a_file_of_pytorch_is_compared_with_ours() {
    let files = [("a.json", RUN), ("t.json", TORCH)];
    let output = run(&mut with("peers-compare", &files), "compare a.json t.json");
    let text = shown(&output);
    for words in [
        "softmax_workgroup (A), torch_softmax (B)",
        "programs differ: ridgepoint (A), PyTorch (B)",
        "method ridgepoint (A), PyTorch (B)",
    ] {
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("versions of ridgepoint differ"), "{text}");
}

#[test]
fn ceilings_of_clpeak_are_compared_and_marked() {
    let files = [("a.json", RUN), ("c.json", CLPEAK)];
    let output = run(&mut with("peers-clpeak", &files), "compare a.json c.json");
    let text = shown(&output);
    for words in [
        "compute/f32",
        "method ridgepoint (A), clpeak (B)",
        "clpeak 3.",
        "schemas differ: ridgepoint.run/1 (A), clpeak/run (B)",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let output = run(&mut with("peers-clpeak-report", &files), "report c.json");
    let text = shown(&output);
    assert!(
        text.contains("by the method of clpeak") && text.contains("ceilings in "),
        "{text}"
    );
    let unknown = with("peers-unknown", &files);
    let path = unknown.get_current_dir().unwrap().join("x.json");
    std::fs::write(path, r#"{"results": []}"#).unwrap();
    let mut unknown = unknown;
    refused(
        &run(&mut unknown, "compare a.json x.json"),
        &["x.json: it has no schema"],
    );
}

#[test]
fn published_figures_stand_beside_one_file_or_several() {
    let files = [("a.json", RUN), ("t.json", TORCH)];
    for (folder, arguments) in [
        ("peers-one", "compare --published a.json"),
        ("peers-two", "compare a.json t.json --published"),
        ("peers-published-report", "report a.json --published"),
    ] {
        let output = run(&mut with(folder, &files), arguments);
        let text = shown(&output);
        for words in [
            "figures from elsewhere",
            "x of published",
            "vendor's sheet",
            "cuBLAS",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
    let output = run(&mut with("peers-none", &files), "compare a.json");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = run(
        &mut with("peers-lines", &files),
        "report a.json --published --format csv",
    );
    let csv = shown(&output);
    assert!(csv.contains(",published_measured,\"AI compute stack notebook, phase 2\","));
    let own = run(
        &mut with("peers-lines", &files),
        "report a.json --format csv",
    );
    assert!(csv.starts_with(shown(&own)));
}

/// The script that measures with `PyTorch`, as far as a machine without it can run it.
#[test]
fn the_script_reads_shapes_as_we_write_them() {
    let python = |arguments: &[&str]| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-cache");
        let mut command = Command::new("python3");
        command
            .env("PYTHONPYCACHEPREFIX", cache)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments);
        command.output()
    };
    let can = "import sys; sys.exit(sys.version_info < (3, 9))";
    if !python(&["-c", can]).is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 is not here");
        return;
    }
    let scripts = std::fs::read_dir(of_repository("scripts/peers")).unwrap();
    let scripts = scripts.map(|entry| entry.unwrap().path());
    let scripts = scripts.filter(|path| path.extension().is_some_and(|end| end == "py"));
    let mut count = 0;
    for path in scripts {
        let compiled = python(&["-m", "py_compile", path.to_str().unwrap()]).unwrap();
        assert!(compiled.status.success(), "{}", stderr(&compiled));
        count += 1;
    }
    assert!(count >= 6, "{count}");
    let script = "scripts/peers/torch_reference.py";
    let help = python(&[script, "--help"]).unwrap();
    assert!(shown(&help).contains("--tf32"));
    let rows = "results/nvidia-h200-vulkan.json";
    let tested = python(&[script, "--self-test", "--rows", rows]).unwrap();
    assert!(
        shown(&tested).contains("checks passed"),
        "{}",
        stdout(&tested)
    );
    let wrong = python(&[script, "--backend", "none"]).unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}
