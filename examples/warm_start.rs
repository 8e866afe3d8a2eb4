//! Time that compiling the pipelines of a suite takes, in a first process and in a second one that finds them on disk.
//!
//! ```text
//! cargo run --release --example warm_start -- FOLDER [SUITE]    # cold: what the driver compiles is kept in FOLDER
//! cargo run --release --example warm_start -- FOLDER [SUITE]    # warm: the driver takes it from there
//! ```
//!
//! Drivers have caches of their own on disk, which make both runs warm: `__GL_SHADER_DISK_CACHE=0` (NVIDIA) and
//! `MESA_SHADER_CACHE_DISABLE=true` (Mesa) turn them off.

use pollster::block_on;
use ridgepoint::suite::suite;
use ridgepoint::{Error, Gpu, GpuOptions, Plan, PlanOptions};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("name a folder to keep pipelines in")?;
    let name = arguments.next().unwrap_or_else(|| "standard".to_owned());
    let mut gpu = block_on(Gpu::open(&GpuOptions::from_env()?))?;
    let found = gpu.load_pipelines(folder.as_ref())?;
    println!("{}: {found:?}", gpu.summary().name);

    let before = gpu.compile_times();
    let began = Instant::now();
    for case in suite(&name)?.cases(gpu.summary().kind).all {
        let options = PlanOptions {
            kernel: case.kernel,
            ..PlanOptions::default()
        };
        match block_on(Plan::new(&gpu, case.operation.as_ref(), &options)) {
            Ok(_) | Err(Error::Unsupported { .. } | Error::TooLarge { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let all_s = began.elapsed().as_secs_f64();
    let times = gpu.compile_times();
    let pipelines = times.pipelines - before.pipelines;
    println!("{pipelines} pipelines of suite {name} in {all_s:.3} s, of which");
    println!(
        "  {:8.3} s  preparing texts",
        times.prepare_s - before.prepare_s
    );
    println!(
        "  {:8.3} s  naga: reading and checking them",
        times.module_s - before.module_s
    );
    println!(
        "  {:8.3} s  naga and the driver: compiling them",
        times.pipeline_s - before.pipeline_s
    );
    match gpu.save_pipelines()? {
        Some(file) => println!("kept in {}", file.display()),
        None => println!("nothing to keep: the driver has no cache of pipelines"),
    }
    Ok(())
}
