//! Every shader file held against the conventions of the project and translated for every backend. Needs no GPU.

use crate::noop::noop;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use pollster::block_on;
use ridgepoint::gpu;
use ridgepoint::kernel::{Constants, Kernel};
use ridgepoint::ops::FAMILIES;
use ridgepoint::plan::preview;
use ridgepoint::roofline::PROBE_FILES;
use ridgepoint::shader::{Checks, Constant, Loops, Prepared, Shader, stamp};
use ridgepoint::tune::known_cases;
use ridgepoint::weights::Weights;
use ridgepoint::{Error, Plan, PlanOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wgpu::Features;

/// Every shader file: of kernels, of the library itself, and of probes.
fn shaders() -> Vec<&'static Shader> {
    let probes = PROBE_FILES.iter().map(|file| &file.shader);
    ridgepoint::ops::shaders()
        .into_iter()
        .chain(probes)
        .collect()
}

/// Features that all kernels, or the probe, which use a file declare; none for a file of the library's own.
fn features_of(shader: &Shader) -> Features {
    if let Some(probe) = PROBE_FILES.iter().find(|file| file.shader == *shader) {
        return probe.features;
    }
    let users = kernels().filter(|k| k.stages.iter().any(|s| s.shader == shader));
    users
        .map(|k| k.features)
        .reduce(Features::intersection)
        .unwrap_or_default()
}

fn kernels() -> impl Iterator<Item = &'static Kernel> {
    FAMILIES
        .iter()
        .flat_map(|family| family.kernels.iter().copied())
}

/// Texts of the kernels that the library chooses on `device` for each shape that suites and tuner know, by their hashes.
pub(super) fn chosen(device: &gpu::Capabilities) -> BTreeMap<u64, Arc<Prepared>> {
    let mut found = BTreeMap::new();
    for (operation, kernel) in known_cases(device.kind) {
        let options = PlanOptions {
            kernel,
            ..PlanOptions::default()
        };
        if let Ok(preview) = preview(operation.as_ref(), &options, device) {
            let stages = preview.stages.into_iter();
            found.extend(stages.map(|stage| (stage.text.hash(), stage.text)));
        }
    }
    found
}

/// Every file as each kernel, stage and preset compiles it.
pub(super) fn variants() -> Vec<(String, Arc<Prepared>)> {
    let mut found = Vec::new();
    for shader in shaders() {
        let prepared = shader
            .prepare(&[], Loops::Unrolled, features_of(shader))
            .unwrap();
        found.push((shader.name.to_owned(), prepared));
    }
    for kernel in kernels() {
        for preset in 0..kernel.presets.len().max(1) {
            let stages = kernel
                .prepare(&kernel.preset(preset), Loops::Unrolled, kernel.features)
                .unwrap();
            found.extend(
                stages
                    .into_iter()
                    .map(|p| (format!("{} preset {preset}: {}", kernel.name, p.name), p)),
            );
        }
    }
    found.extend(kernels_that_stop());
    found.extend(kernels_of_samples());
    found
}

/// The forms whose work is cut, which samples are too short for.
fn kernels_that_stop() -> Vec<(String, Arc<Prepared>)> {
    let mut found = Vec::new();
    for kernel in kernels() {
        let mut constants = kernel.preset(0);
        match ["KV_PER_DISPATCH", "BLOCKS_PER_DISPATCH", "BUDGET"]
            .into_iter()
            .find(|name| kernel.declares(name))
        {
            Some(name) => constants = constants.set(name, 128u32),
            None => continue,
        }
        if kernel.declares("Gradient") {
            constants = constants.set("Gradient", "f32");
        }
        let stages = kernel
            .prepare(&constants, Loops::Unrolled, kernel.features)
            .unwrap();
        found.extend(
            stages
                .into_iter()
                .map(|p| (format!("{} cut: {}", kernel.name, p.name), p)),
        );
    }
    found
}

/// The forms that shapes, element types and options give to kernels, each text once.
fn kernels_of_samples() -> Vec<(String, Arc<Prepared>)> {
    let device = ridgepoint::gpu::Capabilities {
        features: Features::SHADER_F16 | Features::SUBGROUP,
        kind: ridgepoint::report::AdapterKind::Integrated,
        subgroup_sizes: (8, 32),
        ..ridgepoint::gpu::fake("webgpu").unwrap()
    };
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for family in FAMILIES {
        for &kernel in family.kernels {
            let stages = kernel
                .prepare(&kernel.preset(0), Loops::AsWritten, Features::all())
                .unwrap();
            for operation in family.samples(kernel, &stages) {
                let candidate =
                    ridgepoint::ops::candidate(operation.as_ref(), kernel.name).unwrap();
                let Ok(constants) = candidate.constants(&device, &Constants::new()) else {
                    continue;
                };
                let features = kernel.features_for(operation.dtype());
                for prepared in kernel
                    .prepare(&constants, Loops::Unrolled, features)
                    .unwrap()
                {
                    if seen.insert(prepared.wgsl.clone()) {
                        let shape = format!("{} {}", operation.dtype().name(), operation.label());
                        found.push((
                            format!("{} {shape}: {}", kernel.name, prepared.name),
                            prepared,
                        ));
                    }
                }
            }
        }
    }
    found
}

pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");

/// Stems of the WGSL files of a folder.
pub(super) fn stems(folder: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".wgsl").map(str::to_owned))
        .collect()
}

#[test]
fn every_file_is_registered() {
    let registered: BTreeSet<String> = shaders().iter().map(|s| s.name.to_owned()).collect();
    assert_eq!(stems(FOLDER), registered);
}

/// Lines of WGSL code that all files may have together, each snippet counted once: neither blank nor comments. A commit that
/// raises the number says for which kernel.
const CODE_LINES: usize = 7640;

fn code_lines(text: &str) -> usize {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

/// The snippet in which `old` is another text than `new`, which has its snippets written anew.
fn differing<'a>(old: &'a str, new: &str) -> &'a str {
    let equal = old
        .lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new);
    let names = equal.filter_map(|(line, _)| line.trim().strip_prefix("// snippet "));
    names.last().unwrap_or_default()
}

/// The texts of `shaders/snippets/`, by name.
fn snippets() -> BTreeMap<String, String> {
    let home = format!("{FOLDER}/snippets");
    let read = |name: &String| std::fs::read_to_string(format!("{home}/{name}.wgsl")).unwrap();
    stems(&home)
        .into_iter()
        .map(|name| (name.clone(), read(&name)))
        .collect()
}

/// Each file holds its snippets as `shaders/snippets/` has them, and each snippet is used. `make snippets`, which is this
/// test with UPDATE=1, writes them into the files.
#[test]
fn snippets_are_those_of_their_files() {
    let update = std::env::var_os("UPDATE").is_some();
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(
        !(update && in_ci),
        "UPDATE is for a person who reads the diff, not for CI"
    );
    let snippets = snippets();
    let mut used = BTreeSet::new();
    let mut code: usize = snippets.values().map(|text| code_lines(text)).sum();
    for file in stems(FOLDER) {
        let path = format!("{FOLDER}/{file}.wgsl");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut shared = 0;
        let stamped = stamp(&file, &text, |name| {
            let Some((name, snippet)) = snippets.get_key_value(name) else {
                panic!("{file}: there is no shaders/snippets/{name}.wgsl");
            };
            used.insert(name.clone());
            shared += code_lines(snippet);
            Some((name.as_str(), snippet.as_str()))
        })
        .unwrap();
        code += code_lines(&stamped) - shared;
        if update && text != stamped {
            std::fs::write(&path, &stamped).unwrap();
        } else {
            let snippet = differing(&text, &stamped);
            assert!(
                text == stamped,
                "shaders/{file}.wgsl: the snippet {snippet} is not as in shaders/snippets/; change it there, \
                 then run `make snippets`"
            );
        }
    }
    let constants = kernels()
        .flat_map(|kernel| kernel.stages)
        .flat_map(|stage| stage.constants);
    for (name, constant) in constants {
        if let Constant::Snippet(snippet) = constant {
            assert_eq!(snippet.wgsl, snippets[snippet.name], "instead of {name}");
            used.insert(snippet.name.to_owned());
        }
    }
    // The host swaps these by the format of B.
    used.extend(Weights::QUANTIZED.map(|weights| format!("weights_{}", weights.name())));
    let known: BTreeSet<String> = snippets.keys().cloned().collect();
    assert_eq!(known, used, "a snippet that nothing uses");
    println!("{code} lines of WGSL code, each snippet counted once");
    assert!(code <= CODE_LINES, "{code} lines of WGSL code");
}

/// WGSL needs no declaration before use: a reader meets the kernel first, then its helpers, then those it shares.
#[test]
fn the_entry_point_comes_before_helpers_and_snippets() {
    for shader in shaders() {
        let (mut functions, mut inside, mut shared) = (Vec::new(), false, false);
        for line in shader.wgsl.lines() {
            inside = line.starts_with("// snippet ") || inside && line != "// end";
            if let Some(function) = line.strip_prefix("fn ") {
                shared |= inside;
                assert!(inside || !shared, "{}: {line} behind snippets", shader.name);
                functions.extend(function.split('(').next());
            }
        }
        assert_eq!(functions[0], shader.name, "the first function of the file");
    }
}

#[test]
fn one_entry_point_named_as_the_file() {
    for shader in shaders() {
        let module = naga::front::wgsl::parse_str(shader.wgsl).unwrap();
        let names: Vec<&str> = module
            .entry_points
            .iter()
            .map(|e| e.name.as_str())
            .collect();
        assert_eq!(names, [shader.name]);
    }
}

#[test]
fn headers_are_there_and_true() {
    for shader in shaders() {
        let header: Vec<&str> = shader
            .wgsl
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        assert!(
            header[0].starts_with(&format!("//! {}: ", shader.name)),
            "{}: {}",
            shader.name,
            header[0]
        );
        let text = header.join(" ");
        let Some((_, stated)) = text.split_once("Workgroup memory: ") else {
            panic!(
                "{}: the header does not state its workgroup memory",
                shader.name
            );
        };
        let mut words = stated.split_whitespace();
        let number: f64 = words.next().unwrap().parse().unwrap();
        let unit = match words.next().unwrap().trim_end_matches(['.', ',', ';']) {
            "KiB" => 1024.0,
            "B" => 1.0,
            other => panic!("{}: workgroup memory in {other}", shader.name),
        };
        let prepared = shader
            .prepare(&[], Loops::AsWritten, features_of(shader))
            .unwrap();
        let computed = f64::from(prepared.workgroup_bytes);
        assert!(
            (number * unit - computed).abs() <= 0.005 * computed,
            "{}: {computed} B",
            shader.name
        );
        assert!(
            text.contains("Works for any"),
            "{}: say which sizes it works for",
            shader.name
        );
    }
}

/// Loops with constant bounds are written out, or say that they stay: the mark of before would only mislead.
#[test]
fn no_loop_is_marked_to_be_written_out() {
    for shader in shaders() {
        assert!(!shader.wgsl.contains("// unroll"), "{}", shader.name);
    }
}

#[test]
fn exactly_the_declared_features_are_needed() {
    for shader in shaders() {
        let features = features_of(shader);
        shader.prepare(&[], Loops::AsWritten, features).unwrap();
        for one in features.iter() {
            let fewer = shader.prepare(&[], Loops::AsWritten, features - one);
            assert!(
                matches!(fewer, Err(Error::Shader { .. })),
                "{} does not need {one:?}",
                shader.name
            );
        }
    }
}

#[test]
fn bindings_begin_with_the_uniform_and_have_no_gap() {
    for shader in shaders() {
        let prepared = shader
            .prepare(&[], Loops::AsWritten, features_of(shader))
            .unwrap();
        let places: Vec<u32> = prepared.bindings.iter().map(|b| b.index).collect();
        assert_eq!(
            places,
            (0..places.len() as u32).collect::<Vec<_>>(),
            "{}",
            shader.name
        );
        assert_eq!(
            prepared.bindings[0].access,
            ridgepoint::shader::Access::Uniform,
            "{}",
            shader.name
        );
    }
}

fn validated(text: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text).unwrap();
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .unwrap();
    (module, info)
}

#[test]
fn every_variant_translates_to_spirv_msl_and_hlsl() {
    for (name, prepared) in variants() {
        let (module, info) = validated(&prepared.wgsl);
        let words = spv::write_vec(&module, &info, &spv::Options::default(), None);
        assert!(words.is_ok_and(|w| w.len() > 16), "{name}: SPIR-V");
        let options = msl::Options {
            lang_version: (2, 4),
            ..Default::default()
        };
        let text = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default());
        assert!(text.is_ok(), "{name}: MSL: {:?}", text.err());
        // naga has cooperative matrices for these two alone.
        if prepared.wgsl.contains("enable wgpu_cooperative_matrix;") {
            continue;
        }
        let options = hlsl::Options {
            shader_model: hlsl::ShaderModel::V6_2,
            ..Default::default()
        };
        let (mut text, pipeline) = (String::new(), hlsl::PipelineOptions::default());
        let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None);
        assert!(written.is_ok(), "{name}: HLSL: {:?}", written.err());
    }
}

#[test]
fn every_preset_plans_on_the_noop_backend() {
    let gpu = noop(Features::SHADER_F16 | Features::SUBGROUP, None);
    for family in FAMILIES {
        for &kernel in family.kernels {
            // The backend lists no matrix units.
            if kernel
                .features
                .contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
            {
                continue;
            }
            for preset in 0..kernel.presets.len().max(1) {
                let stages = kernel
                    .prepare(&kernel.preset(preset), Loops::AsWritten, Features::all())
                    .unwrap();
                let mut samples = family.samples(kernel, &stages);
                samples.sort_by_key(|operation| std::cmp::Reverse(operation.flops()));
                for checks in [Checks::On, Checks::Off] {
                    let options = PlanOptions {
                        kernel: Some(kernel.name),
                        preset,
                        checks,
                        ..Default::default()
                    };
                    // A shape that this kernel has no form for is another kernel's.
                    let plan = samples.iter().find_map(|operation| {
                        match block_on(Plan::new(&gpu, operation.as_ref(), &options)) {
                            Err(Error::Unsupported { .. }) => None,
                            other => Some(other.unwrap()),
                        }
                    });
                    let plan = plan.unwrap_or_else(|| panic!("{} plans nothing", kernel.name));
                    assert!(plan.dispatches() > 0, "{}", kernel.name);
                }
            }
        }
    }
}
