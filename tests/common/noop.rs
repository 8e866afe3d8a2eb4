//! A device without a GPU, for tests and benches of the host's work.

use pollster::block_on;
use ridgepoint::Gpu;

/// A device of wgpu's no-op backend with `features`, and with `limits` or all that the backend has. It holds layouts and
/// bindings against the limits, and runs nothing.
pub(crate) fn noop(features: wgpu::Features, limits: Option<wgpu::Limits>) -> Gpu {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::NOOP;
    descriptor.backend_options.noop.enable = true;
    let instance = wgpu::Instance::new(descriptor);
    let adapter = block_on(instance.enumerate_adapters(wgpu::Backends::NOOP)).remove(0);
    let descriptor = wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: limits.unwrap_or_else(|| adapter.limits()),
        ..Default::default()
    };
    let opened = block_on(adapter.request_device(&descriptor));
    let (device, queue) = opened.expect("the no-op backend has every feature of WebGPU");
    Gpu::from_wgpu(&adapter, device, queue)
}
