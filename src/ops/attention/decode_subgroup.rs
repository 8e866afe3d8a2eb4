//! `attention_decode_subgroup`: keys split over workgroups, with the lanes of a key in one subgroup.

use super::shape::Attention;
use super::split_kv::{self, Size};
use super::split_kv_dispatch;
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Stage};
use crate::ops::{Fit, Implementation};
use crate::report::AdapterKind;
use crate::shader::files;

pub(super) static DECODE_SUBGROUP: Implementation<Attention> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "attention_decode_subgroup",
            "the same, with a key's lanes in one subgroup and no barrier in the loop",
            &[
                Stage::of(&files::ATTENTION_DECODE_SUBGROUP),
                split_kv::MERGE,
            ],
        )
    },
    fit: |attention, device| {
        let lacking = split_kv::unaligned(attention).or_else(|| apart(attention, device));
        lacking.map_or_else(|| split_kv::fit(attention), Fit::Unable)
    },
    constants: |attention, device, _| {
        let (kernel, least) = (&DECODE_SUBGROUP.kernel, least(device));
        let sizes = sizes(device);
        Ok(split_kv::constants(attention, kernel, sizes, least, device))
    },
    alternatives: |attention, device| split_kv::alternatives(attention, least(device), device),
    schedule: |attention, stages, device| {
        Ok(split_kv_dispatch::schedule(attention, stages, device))
    },
    samples: Some(split_kv::samples),
};

/// Invocations of the smallest workgroup: a whole subgroup, however large it is.
fn least(device: &Capabilities) -> u64 {
    device.subgroup_sizes.1.into()
}

/// Sizes of a workgroup, the best first.
fn sizes(device: &Capabilities) -> &'static [Size] {
    match device.kind {
        AdapterKind::Software => &[(32, 4)],
        AdapterKind::Discrete => &[(256, 256), (128, 512)],
        _ => &[(128, 64)],
    }
}

/// Why the lanes of a key are not lanes of one subgroup, if they are not.
fn apart(attention: &Attention, device: &Capabilities) -> Option<String> {
    let lanes = split_kv::lanes(attention);
    let smallest = u64::from(device.subgroup_sizes.0);
    if attention.value_dim != attention.head_dim {
        return Some("K and V have to be of a width".to_owned());
    }
    (!lanes.is_power_of_two() || lanes > smallest).then(|| {
        format!(
            "{lanes} lanes to a key, it takes powers of two up to the smallest subgroup, {smallest}"
        )
    })
}
