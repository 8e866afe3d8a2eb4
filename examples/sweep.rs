//! Times a kernel with every combination of constants: for whoever writes or tunes one.
//!
//! ```text
//! cargo run --release --example sweep -- matmul:4096x4096x4096 matmul_blocked TILE_K=8,16,32 ELEMS_M=4,8
//! cargo run --release --example sweep -- matmul:1024x1024x1024 mine.wgsl TILE_M=32,64
//! cargo run --release --example sweep -- matmul:1024x1024x1024 mine.wgsl TILE_M+TILE_N=64+32,32+64
//! ```
//!
//! A file in place of a kernel's name is compiled as a kernel of that operation; `chosen` is what the library would take.
//! `candidates` times what the tuner would try for the shape, each kernel with its presets, the first N of them with `most=N`.
//! `KERNEL@FOLDER` is the kernel with those of its files that lie in the folder in place of its own: for kernels of several.
//! With `longest` the longest dispatch is timed in place of the whole: what a watchdog sees.
//! Every combination is verified before it is timed; with `flushed` it runs in turn on more memory than caches hold.
//! Lines end in the time, the rate, and the spread, fastest last.

use pollster::block_on;
use ridgepoint::bench::{Clock, Coverage, GpuClock, Workspace, measure};
use ridgepoint::kernel::{Kernel, Stage};
use ridgepoint::ops::family;
use ridgepoint::plan::{Launch, choose};
use ridgepoint::report::Sampling;
use ridgepoint::shader::{Checks, Constant, Shader};
use ridgepoint::tune::{Candidate, candidates};
use ridgepoint::units::{Bandwidth, FlopRate, format_percent, format_seconds};
use ridgepoint::{Dtype, Error, Gpu, GpuOptions, Operation, Plan, PlanOptions, Result};
use std::path::Path;
use std::time::Duration;

/// More than twice any cache.
const FLUSHED_BYTES: u64 = 512 << 20;

fn main() {
    if let Err(error) = block_on(sweep(&std::env::args().skip(1).collect::<Vec<_>>())) {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

async fn sweep(arguments: &[String]) -> Result<()> {
    let [what, kernel, constants @ ..] = arguments else {
        eprintln!(
            "usage: sweep OPERATION:SHAPE[:f16] KERNEL|KERNEL@FOLDER|FILE.wgsl|chosen|candidates [CONSTANT=V1,V2,...]... [checks] [flushed] [longest]"
        );
        std::process::exit(2);
    };
    let parts: Vec<&str> = what.split(':').collect();
    let dtype = if parts.contains(&"f16") {
        Dtype::F16
    } else {
        Dtype::F32
    };
    let family = family(parts[0])?;
    let operation = (family.parse)(parts.get(1).unwrap_or(&""), dtype)?;
    let gpu = Gpu::open(&GpuOptions::from_env()?).await?;
    let all = kernel == "candidates";
    let kernel = if all || kernel == "chosen" {
        let options = PlanOptions::default();
        let choice = choose(operation.as_ref(), &options, gpu.capabilities())?;
        println!("# {}: {}", choice.kernel.name, choice.reason);
        choice.kernel
    } else if let Some((name, folder)) = kernel.split_once('@') {
        with_files(family.kernel(name)?, folder)?
    } else if Path::new(kernel).extension().is_some() {
        from_file(kernel, dtype)?
    } else {
        family.kernel(kernel)?
    };
    let flushed = constants.iter().any(|c| c == "flushed");
    let copies = if flushed {
        FLUSHED_BYTES / operation.min_bytes().max(1) + 1
    } else {
        1
    };
    let mut spaces = Vec::new();
    for _ in 0..copies.min(4096) {
        spaces.push(Workspace::new(&gpu, operation.as_ref(), 1).await?);
    }
    let checks = if constants.iter().any(|c| c == "checks") {
        Checks::On
    } else {
        Checks::Off
    };
    println!(
        "# {} {}, {}, {checks:?}",
        family.name,
        operation.label(),
        gpu.summary().name
    );
    let longest = constants.iter().any(|c| c == "longest");
    let tried = if all {
        let most = constants.iter().find_map(|c| c.strip_prefix("most="));
        let most = most.and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        candidates(operation.as_ref(), gpu.capabilities(), most)?
    } else {
        let with = |constants| Candidate { kernel, constants };
        combinations(constants).into_iter().map(with).collect()
    };
    let mut lines = Vec::new();
    for candidate in tried {
        let constants = candidate.constants.iter();
        let words = constants.map(|(name, value)| format!("{name}={value}"));
        let names = all.then(|| candidate.kernel.name.to_owned());
        let text = names.into_iter().chain(words).collect::<Vec<_>>().join(" ");
        let kernel = candidate.kernel;
        let options = PlanOptions {
            constants: candidate.constants,
            checks,
            ..Default::default()
        };
        let timed = if longest {
            longest_dispatch(&gpu, operation.as_ref(), kernel, &options, &spaces[0]).await
        } else {
            one(&gpu, operation.as_ref(), kernel, &options, &spaces).await
        };
        match timed {
            Ok((seconds, line)) => lines.push((seconds, format!("{text:60} {line}"))),
            Err(error) => println!(
                "{text:60} {}",
                error.to_string().lines().next().unwrap_or_default()
            ),
        }
    }
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, line) in &lines {
        println!("{line}");
    }
    Ok(())
}

async fn one(
    gpu: &Gpu,
    operation: &dyn Operation,
    kernel: &'static Kernel,
    options: &PlanOptions,
    spaces: &[Workspace],
) -> Result<(f64, String)> {
    let plan = Plan::with_kernel(gpu, operation, kernel, options).await?;
    let launches: Result<Vec<_>> = spaces.iter().map(|s| plan.bind(&s.views())).collect();
    let launch = Launch::joined(launches?);
    let verified = spaces[0].run_and_verify(gpu, operation, kernel, &launch, Coverage::Sampled);
    verified.await?.require(kernel.name)?;
    let sampling = Sampling {
        warm_up: Duration::from_millis(60),
        warm_up_max: Duration::from_millis(120),
        min_samples: 10,
        min_time: Duration::from_millis(60),
        max_time: Duration::from_millis(300),
        ..Default::default()
    };
    let measured = measure(&mut GpuClock::new(gpu, &launch).await?, &sampling, &|| {
        false
    })
    .await?;
    let Some(time) = &measured.time else {
        return Err(Error::Gpu {
            what: "no time".into(),
            message: measured.reason.unwrap_or_default(),
        });
    };
    let median = time.median / spaces.len() as f64;
    let rate = FlopRate::new(operation.flops(), median).map_or_else(String::new, |r| r.to_string());
    let bandwidth =
        Bandwidth::new(operation.min_bytes(), median).map_or_else(String::new, |r| r.to_string());
    let spread = format_percent(time.relative_iqr());
    let marks = measured.drift_marks();
    let mark = marks
        .first()
        .map_or_else(String::new, |mark| format!(" ! {mark}"));
    Ok((
        median,
        format!(
            "{} {rate} {bandwidth} +-{spread}{mark}",
            format_seconds(median)
        ),
    ))
}

/// The longest of a plan's dispatches, each the shortest of three, in order and alone; the results are not verified.
async fn longest_dispatch(
    gpu: &Gpu,
    operation: &dyn Operation,
    kernel: &'static Kernel,
    options: &PlanOptions,
    space: &Workspace,
) -> Result<(f64, String)> {
    let plan = Plan::with_kernel(gpu, operation, kernel, options).await?;
    let mut times = Vec::new();
    for launch in plan.bind(&space.views())?.apart() {
        let mut clock = GpuClock::new(gpu, &launch).await?;
        clock.wake(&Sampling::quick(), &|| false).await?;
        let mut shortest = f64::INFINITY;
        for _ in 0..3 {
            let tick = clock.sample(1).await?;
            shortest = shortest.min(tick.gpu_s.unwrap_or(tick.wall_s));
        }
        times.push(shortest);
    }
    let longest = times.iter().copied().fold(0.0, f64::max);
    let place = times.iter().position(|time| *time >= longest);
    let text = format!(
        "longest {} (dispatch {} of {}), all {}",
        format_seconds(longest),
        place.map_or(0, |place| place + 1),
        times.len(),
        format_seconds(times.iter().sum()),
    );
    Ok((longest, text))
}

/// A kernel from a file whose stem is its entry point. It lives as long as the program.
fn from_file(path: &str, dtype: Dtype) -> Result<&'static Kernel> {
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str());
    let name = stem.unwrap_or_default().to_owned().leak();
    let (shader, features) = shader(name, Path::new(path))?;
    Ok(Box::leak(Box::new(Kernel {
        name,
        about: "from a file",
        stages: Box::leak(Box::new([Stage::of(shader)])),
        features,
        dtypes: Box::leak(Box::new([dtype])),
        presets: &[],
    })))
}

/// `kernel` with the files that `folder` has of it.
fn with_files(kernel: &Kernel, folder: &str) -> Result<&'static Kernel> {
    let mut features = kernel.features;
    let mut stages = kernel.stages.to_vec();
    for stage in &mut stages {
        let path = Path::new(folder).join([stage.shader.name, ".wgsl"].concat());
        if path.exists() {
            let (own, needed) = shader(stage.shader.name, &path)?;
            stage.shader = own;
            features |= needed;
        }
    }
    Ok(Box::leak(Box::new(Kernel {
        stages: stages.leak(),
        features,
        ..*kernel
    })))
}

/// The shader of a file, and the features that its words ask for.
fn shader(name: &'static str, path: &Path) -> Result<(&'static Shader, wgpu::Features)> {
    let unreadable = |e: std::io::Error| Error::File {
        path: path.display().to_string(),
        reason: e.to_string(),
    };
    let wgsl = std::fs::read_to_string(path).map_err(unreadable)?.leak();
    let mut features = wgpu::Features::empty();
    features.set(wgpu::Features::SHADER_F16, wgsl.contains("enable f16;"));
    features.set(wgpu::Features::SUBGROUP, wgsl.contains("subgroup"));
    features.set(
        wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
        wgsl.contains("enable wgpu_cooperative_matrix;"),
    );
    Ok((Box::leak(Box::new(Shader { name, wgsl })), features))
}

/// Every combination of `NAME=V1,V2,...` arguments. In `NAME+OTHER=V+W,...` the values of a step go together.
fn combinations(arguments: &[String]) -> Vec<Vec<(&'static str, Constant)>> {
    let mut all = vec![Vec::new()];
    for argument in arguments {
        let Some((names, values)) = argument.split_once('=') else {
            continue;
        };
        let names: &'static str = names.to_owned().leak();
        let together = |values: &str| -> Vec<(&'static str, Constant)> {
            let values = values.split('+').map(constant);
            names.split('+').zip(values).collect()
        };
        all = all
            .iter()
            .flat_map(|known: &Vec<(&'static str, Constant)>| {
                values
                    .split(',')
                    .map(|values| [known.as_slice(), &together(values)].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    all
}

fn constant(text: &str) -> Constant {
    if let Ok(value) = text.parse() {
        return Constant::Integer(value);
    }
    match text {
        "true" => Constant::Bool(true),
        "false" => Constant::Bool(false),
        _ => text
            .parse()
            .map_or_else(|_| Constant::Type(text.to_owned().leak()), Constant::Float),
    }
}
