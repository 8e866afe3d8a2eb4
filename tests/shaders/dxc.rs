//! Microsoft's compiler on the HLSL that a Windows device gets. `make test-compilers` names the compiler's folder.

use super::files::{chosen, variants};
use naga::back::hlsl;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use ridgepoint::gpu::FAKES;
use ridgepoint::report::AdapterKind;
use ridgepoint::shader::Prepared;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// The folder that `scripts/dxc.sh` prints: without it the test is skipped.
const FOLDER: &str = "RIDGEPOINT_DXC";
/// Workgroup memory of every device of DirectX 12.
const WORKGROUP_BYTES: u32 = 32 << 10;
/// Seconds that one file may take, on a machine that does other things besides.
const MOST_SECONDS: f64 = 20.0;

/// Every text that a device of DirectX 12 gets: files, presets and probes, and what is chosen for each shape that suites and
/// tuner know on each fake device. Each text once.
fn texts() -> Vec<Arc<Prepared>> {
    let mut found: BTreeMap<u64, Arc<Prepared>> = BTreeMap::new();
    let is_within = |text: &Prepared| {
        let has_fragments = text.wgsl.contains("enable wgpu_cooperative_matrix;");
        !has_fragments && text.workgroup_bytes <= WORKGROUP_BYTES && text.invocations() <= 1024
    };
    for (_, text) in variants() {
        found.insert(text.hash(), text);
    }
    let of_gpus = FAKES.iter().map(|fake| (fake.capabilities)());
    for mut device in of_gpus.filter(|device| device.kind != AdapterKind::Software) {
        device.limits.max_compute_workgroup_storage_size = WORKGROUP_BYTES;
        device.cooperative.clear();
        found.extend(chosen(&device));
    }
    found.into_values().filter(|text| is_within(text)).collect()
}

/// HLSL of a text without runtime checks, as wgpu asks naga for it, and the name that its entry point has there.
fn translated(text: &Prepared) -> (String, String) {
    let module = naga::front::wgsl::parse_str(&text.wgsl).unwrap();
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    let info = validator.validate(&module).unwrap();
    let options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_2,
        restrict_indexing: false,
        force_loop_bounding: false,
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let (mut found, pipeline) = (String::new(), hlsl::PipelineOptions::default());
    let mut writer = hlsl::Writer::new(&mut found, &options, &pipeline);
    let written = writer.write(&module, &info, None).unwrap();
    let entry = written.entry_point_names.into_iter().next().unwrap();
    (found, entry.unwrap())
}

/// Compiles files with one entry point; gives a line for each, as the compiler's program prints it.
fn compile(compiler: &Path, entry: &str, files: &[PathBuf]) -> Vec<String> {
    let output = Command::new(compiler)
        .arg(entry)
        .args(files)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(
        lines.len(),
        files.len(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    lines
}

#[test]
fn windows_compiles_every_text() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        println!(
            "skipped: {FOLDER} names no folder with a compiler; `make test-compilers` makes one"
        );
        return;
    };
    let compiler = Path::new(&folder).join("dxc_compile");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hlsl");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut by_entry: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for text in texts() {
        let path = folder.join(format!("{}.{:016x}.hlsl", text.name, text.hash()));
        let (hlsl, entry) = translated(&text);
        std::fs::write(&path, hlsl).unwrap();
        by_entry.entry(entry).or_default().push(path);
    }
    let count: usize = by_entry.values().map(Vec::len).sum();
    assert!(count > 150, "{count} texts");
    let work = Mutex::new(by_entry.into_iter());
    let lines = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().next();
                    let Some((entry, files)) = next else { break };
                    let found = compile(&compiler, &entry, &files);
                    lines.lock().unwrap().extend(found);
                }
            });
        }
    });
    let lines = lines.into_inner().unwrap();
    let seconds = |line: &String| {
        let milliseconds: f64 = line.split('\t').nth(2).unwrap().parse().unwrap();
        milliseconds / 1e3
    };
    let slowest = lines
        .iter()
        .max_by(|a, b| seconds(a).total_cmp(&seconds(b)))
        .unwrap();
    println!("{count} texts, the slowest {slowest}");
    let wrong: Vec<&String> = lines
        .iter()
        .filter(|line| line.split('\t').nth(1) != Some("ok") || seconds(line) > MOST_SECONDS)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
