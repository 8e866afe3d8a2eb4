//! The library in a program that owns the device: recording, error scopes, buffers that do not fit, scratch memory,
//! threads.

use crate::common;
use pollster::block_on;
use ridgepoint::data::{Distribution, generate};
use ridgepoint::gpu::View;
use ridgepoint::kernel::Constants;
use ridgepoint::plan::{Launch, ScratchOwner};
use ridgepoint::{
    Dtype, Error, Gpu, Matmul, Norm, NormKind, Operation, Plan, PlanOptions, Softmax,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

tests! {
    a_buffer_that_a_dispatch_would_read_and_write_is_refused,
    foreign_and_destroyed_buffers_are_errors_of_bind,
    errors_of_the_caller_stay_the_callers,
    scratch_memory_can_be_the_callers,
    plans_say_what_they_are,
    eight_threads_record_at_once,
    nothing_is_lost_while_other_threads_poll,
    ten_thousand_plans_leave_no_memory_behind,
    views_beyond_their_buffer_are_errors,
}

/// What may go between threads does.
#[expect(dead_code, reason = "compiling it is the test")]
fn devices_and_plans_go_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    fn goes<T: Send>(_: T) {}
    is_shared::<Gpu>();
    is_shared::<Plan>();
    is_shared::<Launch>();
    let gpu = common::noop(wgpu::Features::empty(), Some(wgpu::Limits::default()));
    let softmax = Softmax::new(1, 1);
    goes(gpu.run(&softmax, &[]));
    goes(Plan::new(&gpu, &softmax, &PlanOptions::default()));
}

/// Two devices of one instance, on which no handler of the library is set.
fn own_devices() -> Option<[Gpu; 2]> {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
    let Ok(adapter) = adapter else {
        crate::skip("no adapter");
        return None;
    };
    let open = |_| {
        let opened = block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()));
        let (device, queue) = opened.unwrap();
        common::keep_until_the_end(&device);
        Gpu::from_wgpu(&adapter, device, queue)
    };
    Some([0, 1].map(open))
}

/// A device on which no handler of the library is set.
fn own_device() -> Option<Gpu> {
    own_devices().map(|[gpu, _]| gpu)
}

fn a_buffer_that_a_dispatch_would_read_and_write_is_refused() {
    // wgpu's own handler for errors panics, and nobody replaced it.
    let Some(gpu) = own_device() else { return };
    block_on(async {
        let arena = gpu.create_storage("arena", 1 << 16).await.unwrap();
        let at = |place: u64, elements| View::part(&arena, place * 4096, elements, Dtype::F32);
        let other = gpu.create_storage("other", 1 << 16).await.unwrap();
        let shapes: [(&dyn Operation, &[u64], &str); 3] = [
            (&Softmax::new(4, 16), &[64, 64], "`y` and `x`"),
            (&Matmul::new(4, 6, 5), &[20, 30, 24], "`c` and `a`"),
            (
                &Norm::new(NormKind::Rms, 4, 16),
                &[64, 16, 64],
                "`y` and `x`",
            ),
        ];
        for (operation, elements, told) in shapes {
            for kernel in operation.family().kernels {
                let options = PlanOptions {
                    kernel: Some(kernel.name),
                    ..PlanOptions::default()
                };
                let Some(plan) = common::plan(&gpu, operation, &options) else {
                    continue;
                };
                let mut views: Vec<View<'_>> =
                    (0..).zip(elements).map(|(i, n)| at(i, *n)).collect();
                let refused = plan.bind(&views).unwrap_err();
                assert!(
                    matches!(refused, Error::ReadWriteBuffer { .. }),
                    "{refused}"
                );
                assert!(refused.to_string().contains(told), "{refused}");
                // Inputs may share a buffer, and an output of its own is fine.
                let output = views.len() - 1;
                views[output].buffer = &other;
                plan.bind(&views).unwrap().run(&gpu).await.unwrap();
            }
        }
    });
}

fn foreign_and_destroyed_buffers_are_errors_of_bind() {
    let Some([gpu, other]) = own_devices() else {
        return;
    };
    block_on(async {
        let softmax = Softmax::new(4, 16);
        let plan = Plan::new(&gpu, &softmax, &PlanOptions::default())
            .await
            .unwrap();
        let [x, y] = ["x", "y"].map(|name| block_on(gpu.create_storage(name, 256)).unwrap());
        let foreign = other.create_storage("foreign", 256).await.unwrap();
        let whole = |buffer| View::whole(buffer, Dtype::F32);
        let refused = plan.bind(&[whole(&foreign), whole(&y)]).unwrap_err();
        assert!(
            matches!(&refused, Error::Gpu { what, .. } if what == "bind softmax 4x16"),
            "{refused}"
        );
        let bound = plan.bind(&[whole(&x), whole(&y)]).unwrap();
        x.destroy();
        let refused = plan.bind(&[whole(&x), whole(&y)]).unwrap_err();
        assert!(matches!(refused, Error::Gpu { .. }), "{refused}");
        let refused = bound.run(&gpu).await.unwrap_err();
        assert!(matches!(refused, Error::Gpu { .. }), "{refused}");
        assert_eq!(gpu.fault(), Ok(()));
    });
}

fn errors_of_the_caller_stay_the_callers() {
    let Some(gpu) = own_device() else { return };
    let uncaptured = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&uncaptured);
    gpu.device().on_uncaptured_error(Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let wrong = || {
        let descriptor = wgpu::BufferDescriptor {
            label: Some("of the caller"),
            size: 16,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE,
            mapped_at_creation: false,
        };
        drop(gpu.device().create_buffer(&descriptor));
    };
    block_on(async {
        let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
        wrong();
        // A call that goes well, and one that wgpu refuses, inside the caller's scope.
        let softmax = Softmax::new(1, 2);
        let found = gpu.run(&softmax, &[&[0.0, 0.0]]).await.unwrap();
        assert_eq!(found, [0.5, 0.5]);
        assert!(gpu.catch("a test", wrong).await.is_err());
        let caught = scope.pop().await.unwrap().to_string();
        assert!(caught.contains("of the caller"), "{caught}");
        // A caller's scope that saw nothing of the caller's stays empty.
        let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
        assert!(gpu.catch("a test", wrong).await.is_err());
        assert!(scope.pop().await.is_none());
        assert_eq!(uncaptured.load(Ordering::Relaxed), 0);
        // Outside of any scope the caller's handler has it, and no later call of the library tells.
        wrong();
        assert_eq!(uncaptured.load(Ordering::Relaxed), 1);
        assert_eq!(gpu.fault(), Ok(()));
    });
}

fn scratch_memory_can_be_the_callers() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let matmul = Matmul::new(8, 16, 1024);
        let options = PlanOptions {
            kernel: Some("matmul_blocked"),
            constants: Constants::new().set("SPLIT_K", 4u32),
            scratch: ScratchOwner::Caller,
            ..PlanOptions::default()
        };
        let plan = Plan::new(gpu, &matmul, &options).await.unwrap();
        assert_eq!(plan.scratch(), [4 * 8 * 16 * 4]);
        let values =
            [8 * 1024, 1024 * 16].map(|n| generate(1, n, n, Dtype::F32, Distribution::Uniform));
        let a = gpu.upload("a", &values[0], Dtype::F32).await.unwrap();
        let b = gpu.upload("b", &values[1], Dtype::F32).await.unwrap();
        let c = gpu.create_storage("c", 8 * 16 * 4).await.unwrap();
        let views = [&a, &b, &c].map(|buffer| View::whole(buffer, Dtype::F32));
        let refused = plan.bind(&views).unwrap_err().to_string();
        assert!(
            refused.contains("scratch buffer 0 of matmul_blocked has 0 bytes, 2048"),
            "{refused}"
        );
        let short = gpu.create_storage("short", 2044).await.unwrap();
        let refused = plan.bind_with_scratch(&views, &[&short]).unwrap_err();
        assert!(
            matches!(refused, Error::Scratch { found: 2044, .. }),
            "{refused}"
        );
        let scratch = gpu.create_storage("scratch", 2048).await.unwrap();
        let launch = plan.bind_with_scratch(&views, &[&scratch]).unwrap();
        launch.run(gpu).await.unwrap();
        let own = gpu.run(&matmul, &[&values[0], &values[1]]).await.unwrap();
        let found = gpu.download(views[2]).await.unwrap();
        let near = |(x, y): (&f32, &f32)| (x - y).abs() < 1e-3;
        assert!(found.iter().zip(&own).all(near));
    });
}

fn plans_say_what_they_are() {
    let Some(gpu) = common::gpu() else { return };
    let matmul = Matmul::new(64, 32, 16);
    let plan = common::plan(gpu, &matmul, &PlanOptions::default()).unwrap();
    assert_eq!(plan.flops(), 2 * 64 * 32 * 16);
    assert_eq!(plan.min_bytes(), (64 * 16 + 16 * 32 + 64 * 32) * 4);
    assert!(!plan.reason().is_empty() && plan.dispatches() > 0);
    assert_eq!(plan.scratch_bytes(), plan.scratch().iter().sum::<u64>());
}

fn eight_threads_record_at_once() {
    let Some(gpu) = own_device() else { return };
    let plan = block_on(Plan::new(
        &gpu,
        &Softmax::new(8, 96),
        &PlanOptions::default(),
    ))
    .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let (gpu, plan) = (&gpu, &plan);
            scope.spawn(move || {
                block_on(async {
                    let x = gpu
                        .upload("x", &vec![f32::from(thread); 768], Dtype::F32)
                        .await
                        .unwrap();
                    let y = gpu.create_storage("y", 768 * 4).await.unwrap();
                    let views = [&x, &y].map(|buffer| View::whole(buffer, Dtype::F32));
                    let launch = plan.bind(&views).unwrap();
                    // Planning and binding race with recording and waiting.
                    for size in 1..6 {
                        let matmul = Matmul::new(size, size, size + u64::from(thread));
                        Plan::new(gpu, &matmul, &PlanOptions::default())
                            .await
                            .unwrap();
                        launch.run(gpu).await.unwrap();
                        let found = gpu.download(views[1]).await.unwrap();
                        assert!(found.iter().all(|y| (y - 1.0 / 96.0).abs() < 1e-6));
                    }
                });
            });
        }
    });
    assert_eq!(gpu.fault(), Ok(()));
}

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}

/// In a process of its own: other tests of this binary open devices beside.
#[cfg(target_os = "linux")]
fn ten_thousand_plans_leave_no_memory_behind() {
    crate::loss::run_child("plans", "");
}

#[cfg(not(target_os = "linux"))]
fn ten_thousand_plans_leave_no_memory_behind() {
    crate::skip("the memory of a process is read from Linux's /proc here");
}

/// Makes, runs and drops plans, and holds that memory stays as it is.
pub(crate) fn make_ten_thousand_plans() {
    let gpu = common::noop(wgpu::Features::empty(), Some(wgpu::Limits::default()));
    let plan = |i: u64| {
        let [m, n, k] = [2 + i % 5, 3 + i % 7, 2048];
        let matmul = Matmul::new(m, n, k);
        let planned = block_on(Plan::new(&gpu, &matmul, &PlanOptions::default()));
        let plan = planned.unwrap();
        let buffers = [m * k, k * n, m * n];
        let buffers = buffers.map(|n| block_on(gpu.create_storage("x", n * 4)).unwrap());
        let views = buffers
            .each_ref()
            .map(|buffer| View::whole(buffer, Dtype::F32));
        block_on(plan.bind(&views).unwrap().run(&gpu)).unwrap();
    };
    (0..1000).for_each(plan);
    let before = resident();
    (0..10_000).for_each(plan);
    let grown = resident().saturating_sub(before);
    // A plan that stayed would have some kilobytes of its own.
    assert!(grown < 8 << 20, "{grown} bytes in 10,000 plans");
    println!("done: {grown} bytes more after 10,000 plans");
}

/// A thread that polls while another asks whether the device is lost may leave the question open; it is asked again.
fn nothing_is_lost_while_other_threads_poll() {
    let Some(gpu) = own_device() else { return };
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    assert_eq!(gpu.fault(), Ok(()));
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while asked.load(Ordering::Relaxed) < 80_000 {
                    gpu.device().poll(wgpu::PollType::Poll).unwrap();
                }
            });
        }
    });
}

fn views_beyond_their_buffer_are_errors() {
    let Some(gpu) = own_device() else { return };
    block_on(async {
        let buffer = gpu.create_storage("x", 64).await.unwrap();
        for (offset, elements) in [
            (0, 17),
            (64, 1),
            (1 << 40, 1),
            (0, u64::MAX),
            (u64::MAX - 3, 1),
        ] {
            let view = View::part(&buffer, offset, elements, Dtype::F32);
            let refused = gpu.download(view).await.unwrap_err();
            assert!(
                matches!(refused, Error::Length { .. }),
                "{offset} {elements}: {refused}"
            );
        }
        let odd = gpu.download(View::part(&buffer, 2, 4, Dtype::F32)).await;
        assert!(matches!(odd, Err(Error::Gpu { .. })), "{odd:?}");
    });
}
