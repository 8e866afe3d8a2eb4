//! Whether a device is lost, asked of wgpu itself.

use super::mutex::lock;
use super::polling::now;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Asks wgpu whether a device is lost, without a submission and without the one callback of a device, which belongs to
/// whoever opened it: a lost device refuses to map a buffer, and says so at once.
#[derive(Debug, Default)]
pub(super) struct LossProbe {
    /// The buffer, made by the first question.
    buffer: Mutex<Option<wgpu::Buffer>>,
}

impl LossProbe {
    /// Whether `device` is lost.
    pub(super) fn is_lost(&self, device: &wgpu::Device) -> bool {
        let mut kept = lock(&self.buffer);
        // A thread that polls just when a mapping is taken back leaves the buffer mapped, and such a buffer refuses as well:
        // a new one tells.
        for _ in 0..2 {
            if kept.is_none() {
                *kept = probe_buffer(device);
            }
            // Without memory for a few bytes nothing is known, and the error of the call itself is told.
            let is_refused = kept.as_ref().is_some_and(|buffer| refuses(device, buffer));
            if !is_refused {
                return false;
            }
            *kept = None;
        }
        true
    }
}

/// Whether `buffer` refuses to be mapped. It is not mapped afterwards, unless a thread polls just then.
fn refuses(device: &wgpu::Device, buffer: &wgpu::Buffer) -> bool {
    let is_refused = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&is_refused);
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        answer.store(result.is_err(), Ordering::Relaxed);
    });
    let found = is_refused.load(Ordering::Relaxed);
    // A mapping that nothing refused is taken back, which calls back with an error that is not looked at any more.
    buffer.unmap();
    drop(scope.pop());
    found
}

/// A buffer for [`LossProbe`]; `None` where no memory is left for it.
fn probe_buffer(device: &wgpu::Device) -> Option<wgpu::Buffer> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("loss probe"),
        size: 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    // Natively the answer is there at once.
    match now(scope.pop()) {
        Some(None) => Some(buffer),
        Some(Some(_)) | None => None,
    }
}
