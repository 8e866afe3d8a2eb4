//! Metal's texts, read by clang with a header of our own in place of Metal's library (`metal/metal_stdlib`): Apple's compiler
//! runs on Apple's machines alone. `make test-compilers` names the clang.
//!
//! What clang accepts, Apple's compiler may still refuse; what clang refuses is a fault of the text, of naga, or of the header.

mod faults;

use super::files::{chosen, variants};
use naga::back::msl;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use ridgepoint::roofline::PROBE_FILES;
use ridgepoint::shader::{Access, Prepared};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The program that `scripts/clang.sh` prints: without it the tests are skipped.
const CLANG: &str = "RIDGEPOINT_CLANG";
const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shaders/metal");
/// MSL of macOS 12. naga writes the same for 4.0, the newest that wgpu knows.
const VERSION: (u8, u8) = (2, 4);
/// Texts that one clang reads: few enough that all cores have some, enough that the header costs nothing.
const BATCH: usize = 24;

/// The dialect: C++ for `OpenCL`, which has address spaces, f16 and vectors, with literals of one precision. Vectors are not bits
/// of each other.
const DIALECT: &[&str] = &[
    "-fsyntax-only",
    "-x",
    "clcpp",
    "-cl-std=clc++",
    "--target=spir64",
    "-cl-no-stdinc",
    "-nostdinc",
    "-Xclang",
    "-cl-ext=+cl_khr_fp16",
    "-cl-single-precision-constant",
    "-fno-lax-vector-conversions",
    "-ferror-limit=0",
    "-fno-caret-diagnostics",
    "-Wno-everything",
    "-Werror=unknown-attributes",
    "-Werror=ignored-attributes",
    "-Werror=return-type",
    "-Werror=constant-conversion",
    "-Werror=literal-conversion",
    "-Werror=literal-range",
    "-Werror=shift-count-overflow",
    "-Werror=sometimes-uninitialized",
];

fn clang() -> Option<PathBuf> {
    let found = std::env::var_os(CLANG).map(PathBuf::from);
    if found.is_none() {
        println!("skipped: {CLANG} names no clang; `make test-compilers` finds one");
    }
    found
}

/// An empty folder of this test's.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Has clang read a file; gives its complaints, a line each.
fn read(clang: &Path, file: &Path) -> Vec<String> {
    let mut command = Command::new(clang);
    command.args(DIALECT).args(["-I", HEADER]).arg(file);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let complaints = text.lines().filter(|line| line.contains("error:"));
    let complaints: Vec<String> = complaints.map(str::to_owned).collect();
    assert!(
        output.status.success() || !complaints.is_empty(),
        "clang does not run: {text}"
    );
    complaints
}

/// Every text that an Apple device gets: files, presets and probes, and what is chosen for each shape that suites and tuner know
/// on the fake one. Each text once. Kernels with fragments are those that are chosen: others load 8 x 8 elements from memory of
/// vectors, which Metal does not, and are for other devices.
fn texts() -> Vec<Arc<Prepared>> {
    let mut found: BTreeMap<u64, Arc<Prepared>> = BTreeMap::new();
    let is_probe = |text: &Prepared| PROBE_FILES.iter().any(|file| file.shader.name == text.name);
    let has_fragments = |text: &Prepared| text.wgsl.contains("enable wgpu_cooperative_matrix;");
    for (_, text) in variants() {
        if is_probe(&text) || !has_fragments(&text) {
            found.insert(text.hash(), text);
        }
    }
    let device = ridgepoint::gpu::fake("apple").unwrap();
    found.extend(chosen(&device));
    found.into_values().collect()
}

/// Bindings of a text as wgpu's Metal backend places them: buffers in the order of group 0, the sizes of buffers behind them.
fn resources(text: &Prepared) -> msl::EntryPointResources {
    let place = |(slot, binding): (usize, &ridgepoint::shader::Binding)| {
        let target = msl::BindTarget {
            buffer: Some(slot as msl::Slot),
            mutable: binding.access == Access::ReadWrite,
            ..Default::default()
        };
        let binding = naga::ResourceBinding {
            group: 0,
            binding: binding.index,
        };
        (binding, target)
    };
    msl::EntryPointResources {
        resources: text.bindings.iter().enumerate().map(place).collect(),
        immediates_buffer: None,
        sizes_buffer: Some(text.bindings.len() as msl::Slot),
    }
}

/// MSL of a text without and with runtime checks, with the options that wgpu's Metal backend sets.
fn translated(text: &Prepared) -> [String; 2] {
    let module = naga::front::wgsl::parse_str(&text.wgsl).unwrap();
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    let info = validator.validate(&module).unwrap();
    let pipeline = msl::PipelineOptions {
        entry_point: Some((naga::ShaderStage::Compute, text.name.to_owned())),
        vertex_pulling_transform: true,
        ..Default::default()
    };
    [false, true].map(|has_checks| {
        let policy = if has_checks {
            BoundsCheckPolicy::Restrict
        } else {
            BoundsCheckPolicy::Unchecked
        };
        let options = msl::Options {
            lang_version: VERSION,
            per_entry_point_map: [(text.name.to_owned(), resources(text))].into(),
            spirv_cross_compatibility: false,
            fake_missing_bindings: false,
            bounds_check_policies: BoundsCheckPolicies {
                index: policy,
                buffer: policy,
                image_load: policy,
                binding_array: BoundsCheckPolicy::Unchecked,
            },
            zero_initialize_workgroup_memory: has_checks,
            force_loop_bounding: has_checks,
            emit_int_div_checks: has_checks,
            ..Default::default()
        };
        let written = msl::write_string(&module, &info, &options, &pipeline);
        let (msl, _) = written.unwrap_or_else(|e| panic!("{}: {e}", text.name));
        msl
    })
}

/// A file that includes `files`, each in a namespace of its own. A name for a vector is a macro too where its file is read:
/// C++ builds a vector from its elements in no other way that looks like a call.
fn batch(path: &Path, files: &[(PathBuf, String)]) {
    let mut text = "#include <metal_stdlib>\n#include <simd/simd.h>\n".to_owned();
    for (i, (file, msl)) in files.iter().enumerate() {
        let names: Vec<(&str, &str)> = msl.lines().filter_map(name_of_a_vector).collect();
        for (vector, name) in &names {
            let _ = writeln!(
                text,
                "#define {name}(...) metal::make_{vector}(__VA_ARGS__)"
            );
        }
        let file = file.display();
        let _ = writeln!(text, "namespace text_{i} {{\n#include \"{file}\"\n}}");
        for (_, name) in &names {
            let _ = writeln!(text, "#undef {name}");
        }
    }
    std::fs::write(path, text).unwrap();
}

/// `float4` and `Wide` of `typedef metal::float4 Wide;`.
fn name_of_a_vector(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("typedef metal::")?.strip_suffix(';')?;
    let (vector, name) = rest.split_once(' ')?;
    let is_vector = vector.ends_with(['2', '3', '4']) && !name.contains('[');
    is_vector.then_some((vector, name))
}

#[test]
fn clang_accepts_every_text_of_an_apple_device() {
    let Some(clang) = clang() else { return };
    let start = Instant::now();
    let folder = folder("msl");
    let texts = texts();
    let work: Vec<(usize, &[Arc<Prepared>])> = texts.chunks(BATCH).enumerate().collect();
    let work = Mutex::new(work.into_iter());
    let (complaints, count) = (Mutex::new(Vec::new()), Mutex::new(0));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().next();
                    let Some((index, texts)) = next else { break };
                    let mut files = Vec::new();
                    for text in texts {
                        for (i, msl) in translated(text).into_iter().enumerate() {
                            let name = format!("{}.{:016x}.{i}.metal", text.name, text.hash());
                            let path = folder.join(name);
                            std::fs::write(&path, &msl).unwrap();
                            files.push((path, msl));
                        }
                    }
                    let path = folder.join(format!("batch_{index}.cpp"));
                    batch(&path, &files);
                    *count.lock().unwrap() += files.len();
                    complaints.lock().unwrap().extend(read(&clang, &path));
                }
            });
        }
    });
    let (complaints, count) = (
        complaints.into_inner().unwrap(),
        count.into_inner().unwrap(),
    );
    println!("{count} texts in {:.1} s", start.elapsed().as_secs_f64());
    assert!(count > 300, "{count} texts");
    let first: Vec<&String> = complaints.iter().take(20).collect();
    assert!(
        complaints.is_empty(),
        "{} complaints: {first:#?}",
        complaints.len()
    );
}
