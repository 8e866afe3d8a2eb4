//! `attention_decode`: keys split over workgroups, without subgroups.

use super::shape::Attention;
use super::split_kv::{self, Size};
use super::split_kv_dispatch;
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Stage};
use crate::ops::{Fit, Implementation};
use crate::report::AdapterKind;
use crate::shader::files;

pub(super) static DECODE: Implementation<Attention> = Implementation {
    kernel: Kernel::new(
        "attention_decode",
        "rows of a key head together, keys split over workgroups, parts merged; pages of a cache",
        &[Stage::of(&files::ATTENTION_DECODE), split_kv::MERGE],
    ),
    fit: |attention, _| match split_kv::unaligned(attention) {
        Some(reason) => Fit::Unable(reason),
        None => split_kv::fit(attention),
    },
    constants: |attention, device, _| {
        let sizes = sizes(device);
        let kernel = &DECODE.kernel;
        Ok(split_kv::constants(attention, kernel, sizes, 1, device))
    },
    alternatives: |attention, device| split_kv::alternatives(attention, 1, device),
    schedule: |attention, stages, device| {
        Ok(split_kv_dispatch::schedule(attention, stages, device))
    },
    samples: Some(split_kv::samples),
};

/// Sizes of a workgroup, the best first.
fn sizes(device: &Capabilities) -> &'static [Size] {
    match device.kind {
        AdapterKind::Software => &[(32, 4)],
        AdapterKind::Discrete => &[(128, 512)],
        _ => &[(128, 64)],
    }
}
