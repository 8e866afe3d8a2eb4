//! Devices that are lost, and memory that is not to be had: errors of later calls, never a hang or a panic.

use crate::common;
use pollster::block_on;
use ridgepoint::gpu::View;
use ridgepoint::{Dtype, Error, Gpu, GpuOptions, Plan, PlanOptions, Softmax};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

tests! {
    a_lost_device_is_told_by_every_later_call,
    devices_are_destroyed_in_the_middle_of_work,
    too_little_memory_is_an_error_and_the_device_stays,
}

/// A device that the library opened, and one that it was given.
fn both() -> Option<[(&'static str, Gpu); 2]> {
    let own = common::open(|_| {})?;
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
    let adapter = adapter.unwrap();
    let opened = block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()));
    let (device, queue) = opened.unwrap();
    common::keep_until_the_end(&device);
    let given = Gpu::from_wgpu(&adapter, device, queue);
    Some([("opened by the library", own), ("given", given)])
}

fn a_lost_device_is_told_by_every_later_call() {
    let Some(devices) = both() else { return };
    for (name, gpu) in devices {
        let softmax = Softmax::new(1, 2);
        let options = PlanOptions::default();
        let plan = block_on(Plan::new(&gpu, &softmax, &options)).unwrap();
        let x = block_on(gpu.upload("x", &[1.0, 2.0], Dtype::F32)).unwrap();
        let y = block_on(gpu.create_storage("y", 8)).unwrap();
        let views = [&x, &y].map(|buffer| View::part(buffer, 0, 2, Dtype::F32));
        let launch = plan.bind(&views).unwrap();
        block_on(launch.run(&gpu)).unwrap();
        gpu.device().destroy();
        // Each call is the first one after the loss on some device; the order differs for the two.
        let calls: [(&str, &dyn Fn() -> Option<Error>); 8] = [
            ("run a launch", &|| block_on(launch.run(&gpu)).err()),
            ("bind", &|| plan.bind(&views).err()),
            ("create", &|| block_on(gpu.create_storage("z", 8)).err()),
            ("upload", &|| {
                block_on(gpu.upload("z", &[1.0], Dtype::F32)).err()
            }),
            ("download", &|| block_on(gpu.download(views[1])).err()),
            ("plan", &|| {
                block_on(Plan::new(&gpu, &softmax, &options)).err()
            }),
            ("run", &|| block_on(gpu.run(&softmax, &[&[1.0, 2.0]])).err()),
            ("fault", &|| gpu.fault().err()),
        ];
        let first = usize::from(name == "given");
        for i in 0..2 * calls.len() {
            let (what, call) = calls[(first + i) % calls.len()];
            let error = call();
            let is_loss = matches!(error, Some(Error::DeviceLost { .. }));
            assert!(is_loss, "{name}: {what}: {error:?}");
        }
    }
}

/// Devices that are destroyed: 40 for each step.
const DESTROYED: u64 = 320;
/// Steps of the work on a device, in each of which some devices are lost: planning, an upload, a buffer, binding, then a run and a
/// download, both twice.
const STEPS: u64 = 8;

/// Devices, each destroyed while another thread plans on it, submits to it and waits.
fn devices_are_destroyed_in_the_middle_of_work() {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
    let Ok(adapter) = adapter else {
        crate::skip("no adapter");
        return;
    };
    let softmax = Softmax::new(64, 64);
    let values = vec![1.0; 4096];
    let began = Instant::now();
    let mut finished = 0;
    for i in 0..DESTROYED {
        let opened = block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()));
        let (device, queue) = opened.unwrap();
        let gpu = Gpu::from_wgpu(&adapter, device, queue);
        let step = AtomicU64::new(0);
        let next = || {
            step.fetch_add(1, Ordering::Relaxed);
        };
        let error = std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                block_on(async {
                    let plan = Plan::new(&gpu, &softmax, &PlanOptions::default()).await?;
                    next();
                    let x = gpu.upload("x", &values, Dtype::F32).await?;
                    next();
                    let y = gpu.create_storage("y", 4096 * 4).await?;
                    let views = [&x, &y].map(|buffer| View::whole(buffer, Dtype::F32));
                    next();
                    let launch = plan.bind(&views)?;
                    loop {
                        next();
                        launch.run(&gpu).await?;
                        next();
                        let found = gpu.download(views[1]).await?;
                        assert!(found.iter().all(|y| (y - 1.0 / 64.0).abs() < 1e-6));
                        finished += 1;
                    }
                })
            });
            let wanted = i % STEPS;
            while step.load(Ordering::Relaxed) < wanted && !work.is_finished() {
                std::thread::sleep(Duration::from_micros(10));
            }
            // Compiling takes milliseconds, and the other steps less than one.
            let longest = if wanted == 0 { 8000 } else { 400 };
            std::thread::sleep(Duration::from_micros(i * 37 % longest));
            gpu.device().destroy();
            let ended: Result<(), Error> = work.join().unwrap();
            ended.unwrap_err()
        });
        assert!(
            matches!(error, Error::DeviceLost { .. }),
            "device {i}: {error}"
        );
    }
    eprintln!(
        "{finished} executions on {DESTROYED} devices in {:?}",
        began.elapsed()
    );
}

/// The variable that makes this binary the child of a test.
const CHILD: &str = "RIDGEPOINT_TEST_MEMORY";

/// What the child does, and nothing else in its process.
pub(crate) fn child() {
    match std::env::var(CHILD).as_deref() {
        Ok("scarce") => with_scarce_memory(),
        Ok("plans") => crate::host::make_ten_thousand_plans(),
        _ => return,
    }
    // The driver's threads may be in the way of an orderly end.
    std::process::exit(0);
}

/// Runs this binary as the child that does `what`, by a shell that says `before` first.
pub(crate) fn run_child(what: &str, before: &str) {
    let output = Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\"")])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, what)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("done: "), "{text}");
}

/// Asks for buffers where a gibibyte cannot be had many times.
fn with_scarce_memory() {
    let options = GpuOptions::from_env().unwrap();
    let gpu = block_on(Gpu::open(&options)).unwrap();
    let limit = gpu.capabilities().limits.max_buffer_size;
    let bytes = limit.min(1 << 30);
    let mut kept = Vec::new();
    let refused = loop {
        match block_on(gpu.create_storage("large", bytes)) {
            Ok(buffer) => kept.push(buffer),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::OutOfMemory { .. }), "{refused}");
    let told = refused.to_string();
    assert!(
        told.contains("`large` of ") && told.contains(&bytes.to_string()),
        "{told}"
    );
    drop(kept);
    // The device is usable after.
    let found = block_on(gpu.run(&Softmax::new(1, 2), &[&[0.0, 0.0]])).unwrap();
    assert_eq!(found, [0.5, 0.5]);
    println!("done: {told}");
}

#[cfg(target_os = "linux")]
fn too_little_memory_is_an_error_and_the_device_stays() {
    let Some(gpu) = common::gpu() else { return };
    if gpu.capabilities().kind != ridgepoint::report::AdapterKind::Software {
        crate::skip("memory of a GPU is not the process's, and cannot be made scarce");
        return;
    }
    run_child("scarce", "ulimit -v 3500000;");
}

#[cfg(not(target_os = "linux"))]
fn too_little_memory_is_an_error_and_the_device_stays() {
    crate::skip("the memory of a process is limited by `ulimit` of Linux here");
}
