//! Warnings that every result on a device has.

use crate::gpu::Gpu;
use crate::report::{AdapterKind, Warning};

/// Warnings about a device that hold for everything measured on it.
#[must_use]
pub fn device_warnings(gpu: &Gpu) -> Vec<Warning> {
    let adapter = gpu.summary();
    let kind = match adapter.kind {
        AdapterKind::Software => Some(Warning::SoftwareAdapter {
            adapter: adapter.name.clone(),
        }),
        AdapterKind::Noop => Some(Warning::NoopAdapter),
        _ => None,
    };
    let timer = gpu
        .timestamp_period_ns()
        .is_none()
        .then_some(Warning::NoTimestamps);
    let device = gpu.warnings().iter().cloned();
    kind.into_iter().chain(timer).chain(device).collect()
}
