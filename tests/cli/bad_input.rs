//! Bad input: exit status 2, nothing on stdout, an error that says what to do.

use super::{has_adapter, refused, ridgepoint, stderr, stdout};
use std::process::Output;

/// The binary with no Vulkan driver at all, whatever the machine has.
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
    refused(
        &run(&[
            "--op",
            "add:1777,matmul:5x6x7",
            "--kernel",
            "matmul_blocked",
        ]),
        &["matmul_blocked is no kernel of add", "--op add:1777"],
    );
    refused(
        &run(&["--op", "softmax:7x9+broadcast+mask"]),
        &["the text says +broadcast and +mask"],
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
fn a_sweep_that_cannot_be_is_refused_without_an_adapter() {
    let sweep = |arguments: &str| {
        let words: Vec<&str> = arguments.split(' ').collect();
        without_driver("sweep-bad", &[&["sweep"], &words[..]].concat())
    };
    let matmul = |rest: &str| sweep(&["matmul:64x64x64 ", rest].concat());
    refused(&sweep("matmull:64x64x64 chosen"), &["did you mean matmul?"]);
    refused(&sweep("matmul chosen"), &["is no shape of matmul", "MxNxK"]);
    refused(&matmul("matmul_tild"), &["unknown kernel", "matmul_tiled"]);
    refused(
        &matmul("matmul_tiled TILES=8"),
        &["unknown constant", "TILES of matmul_tiled", "did you mean"],
    );
    refused(&matmul("matmul_tiled TILE="), &["TILE has no values"]);
    refused(&matmul("matmul_tiled TILE"), &["NAME=V1,V2"]);
    refused(
        &matmul("matmul_tiled TILE=8 TILE=16"),
        &["TILE", "given twice"],
    );
    refused(&matmul("missing.wgsl"), &["missing.wgsl: "]);
    refused(
        &matmul("matmul_tiled@nowhere"),
        &["nowhere: ", "matmul_tiled.wgsl"],
    );
    refused(&matmul("candidates TILE=8"), &["constants of their own"]);
    refused(&matmul("matmul_tiled --most 3"), &["--most"]);
    refused(
        &matmul("chosen --as matmul_tiled"),
        &["--as", "only a file"],
    );
    refused(&matmul("chosen"), &["no adapter found"]);
}

#[test]
fn a_shader_that_cannot_be_is_refused() {
    let shader = |arguments: &str| {
        let words: Vec<&str> = arguments.split(' ').collect();
        without_driver("shader-bad", &[&["shader"], &words[..]].concat())
    };
    refused(
        &shader("matmul:64x64x64 --no-adapter --form spirv"),
        &["--out <FOLDER>"],
    );
    refused(
        &shader("matmul:64x64x64 --no-adapter --kernel matmul_tild"),
        &["unknown kernel", "matmul_tiled"],
    );
    refused(
        &shader("matmul:64x64x64 --no-adapter --set TILE_Q=8"),
        &["unknown constant", "TILE_Q of matmul"],
    );
    refused(&shader("matmul:64x64x64 --set TILE"), &["NAME=VALUE"]);
    refused(
        &shader("matmul:64x64x64 --fake nvida"),
        &["nvidia", "apple"],
    );
    refused(
        &shader("matmul:64x64x64 --no-adapter --kernel matmul_cooperative"),
        &["matmul_cooperative is not supported here"],
    );
    refused(&shader("matmul:64x64x64"), &["no adapter found"]);
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
