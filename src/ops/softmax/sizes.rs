//! Sizes of the kernels of a softmax: how many invocations share a row, and how much of it each holds.

use super::Softmax;
use super::choice::LONG;
use crate::gpu::Capabilities;
use crate::gpu::profile::row_registers;
use crate::kernel::Constants;
use crate::ops::rows::Width;
use crate::report::AdapterKind;
use crate::shader::Constant;

/// Loads of a row, each of [`Softmax::width`] elements.
pub(super) fn loads(softmax: &Softmax) -> u64 {
    softmax.cols / softmax.width().elements()
}

/// Loads that an invocation may hold.
pub(super) fn most_elems(softmax: &Softmax, device: &Capabilities) -> u64 {
    row_registers(device) / softmax.width().elements()
}

/// Sizes that a row's registers are rounded up to, so that near shapes share a pipeline.
fn rounded(elems: u64) -> u64 {
    match elems {
        0..=4 => elems.max(1),
        5..=8 => elems.next_multiple_of(2),
        _ => elems.next_multiple_of(4),
    }
}

fn invocations(device: &Capabilities) -> u64 {
    let limits = &device.limits;
    limits
        .max_compute_invocations_per_workgroup
        .min(limits.max_compute_workgroup_size_x)
        .into()
}

fn integers<const COUNT: usize>(sizes: [(&'static str, u64); COUNT]) -> Constants {
    sizes
        .map(|(name, size)| (name, Constant::Integer(size as u32)))
        .to_vec()
}

pub(super) type Sizes = std::result::Result<Constants, String>;

/// `most` in elements.
fn too_long(softmax: &Softmax, most: u64) -> String {
    format!("a row of {} columns, it holds {most}", softmax.cols)
}

pub(super) fn subgroup(softmax: &Softmax, device: &Capabilities) -> Sizes {
    let lanes = u64::from(device.subgroup_sizes.0);
    if lanes < 4 {
        return Err("the adapter does not state the size of its subgroups".into());
    }
    let (needed, most) = (loads(softmax).div_ceil(lanes), most_elems(softmax, device));
    if needed > most {
        return Err(too_long(softmax, row_registers(device) * lanes));
    }
    let workgroup = match device.kind {
        AdapterKind::Software => lanes,
        _ => 256.min(invocations(device)),
    };
    Ok(integers([
        ("WORKGROUP", workgroup),
        ("ELEMS", rounded(needed)),
        ("LANES_MIN", lanes),
        ("LANES_MAX", device.subgroup_sizes.1.into()),
    ]))
}

/// The smallest workgroup whose invocations hold half of what they may, or the largest where that is not enough.
pub(super) fn workgroup(softmax: &Softmax, device: &Capabilities) -> Sizes {
    let (loads, most) = (loads(softmax), most_elems(softmax, device));
    let largest = invocations(device).min(1024);
    let smallest = match device.kind {
        AdapterKind::Software => 4,
        _ => 64,
    };
    let fits = |workgroup: &u64| loads.div_ceil(*workgroup) <= most / 2;
    let sizes = (0..11)
        .map(|i| 1u64 << i)
        .filter(|w| (smallest..=largest).contains(w));
    let workgroup = sizes.clone().find(fits).or(sizes.max()).unwrap_or(largest);
    let needed = loads.div_ceil(workgroup);
    if needed > most {
        return Err(too_long(softmax, row_registers(device) * workgroup));
    }
    Ok(integers([
        ("WORKGROUP", workgroup),
        ("ELEMS", rounded(needed)),
    ]))
}

/// Rows that a workgroup of `softmax_walked` takes.
pub(super) const WALKED_ROWS: u64 = 4;

/// The largest workgroup, so that a row takes as few registers of each invocation as can be.
pub(super) fn walked(softmax: &Softmax, device: &Capabilities) -> Sizes {
    let width = Width::sixteen_bytes(softmax.dtype, softmax.cols, &[]).map_or(1, Width::elements);
    let (loads, most) = (softmax.cols / width, row_registers(device) / width);
    let workgroup = match device.kind {
        AdapterKind::Software => 16,
        _ => 1024.min(invocations(device)),
    };
    let needed = loads.div_ceil(workgroup);
    if needed > most {
        return Err(too_long(softmax, row_registers(device) * workgroup));
    }
    Ok(integers([
        ("WORKGROUP", workgroup),
        ("ELEMS", rounded(needed)),
        ("ROWS", WALKED_ROWS),
    ]))
}

/// Loads of a part of a row, shared by a workgroup of the first dispatch of `softmax_split_subgroup`.
const PART_LOADS: u64 = 2048;

/// f16 has twice the arithmetic for its bytes, which overlaps with loads where a workgroup comes back for more.
pub(super) fn split_subgroup(width: Width, device: &Capabilities) -> Constants {
    let (workgroup, elems, scale_workgroup, turns) = match (device.kind, width) {
        (AdapterKind::Software, Width::Eight) => (16, 4, 16, 2),
        (AdapterKind::Software, _) => (16, 4, 16, 1),
        (_, Width::Eight) => (256, 2, 256, 2),
        _ => (512, 4, 64, 1),
    };
    let workgroup = invocations(device).min(workgroup);
    let steps = match device.kind {
        AdapterKind::Software => 2,
        _ => (PART_LOADS / (workgroup * elems)).max(1),
    };
    integers([
        ("WORKGROUP", workgroup),
        ("ELEMS", elems),
        ("STEPS", steps),
        ("SCALE_WORKGROUP", invocations(device).min(scale_workgroup)),
        ("SCALE_ELEMS", 4),
        ("TURNS", turns),
    ])
}

pub(super) fn grouped(softmax: &Softmax, device: &Capabilities) -> Sizes {
    let (loads, most) = (loads(softmax), most_elems(softmax, device));
    let largest = invocations(device).min(1024);
    let (target, small) = match device.kind {
        AdapterKind::Software => (most, 16),
        _ => ((most / 4).max(1), 64),
    };
    let mut group = loads.div_ceil(target).max(1).next_power_of_two();
    if group > largest {
        group = 1 << largest.ilog2();
    }
    let needed = loads.div_ceil(group);
    if needed > most {
        return Err(too_long(softmax, row_registers(device) * group));
    }
    let workgroup = group.max(small.min(largest));
    Ok(integers([
        ("WORKGROUP", workgroup),
        ("GROUP", group),
        ("ELEMS", rounded(needed)),
    ]))
}

pub(super) fn looped(softmax: &Softmax, device: &Capabilities) -> Constants {
    let workgroup = match device.kind {
        AdapterKind::Software => 16,
        _ if softmax.cols >= LONG => 512.min(invocations(device)),
        _ => 256.min(invocations(device)),
    };
    let elems = match softmax.width() {
        Width::One => 8,
        Width::Four | Width::Eight => 4,
    };
    integers([("WORKGROUP", workgroup), ("ELEMS", elems)])
}

pub(super) fn split(softmax: &Softmax, device: &Capabilities) -> Constants {
    let workgroup = match device.kind {
        AdapterKind::Software => 16,
        _ => 128.min(invocations(device)),
    };
    let elems = rounded(loads(softmax).div_ceil(workgroup)).min(most_elems(softmax, device));
    integers([("WORKGROUP", workgroup), ("ELEMS", elems)])
}

#[cfg(test)]
mod tests {
    use super::super::choice::tests::device;
    use super::*;
    use crate::gpu::profile::ROW_REGISTERS;

    #[test]
    fn sizes_of_subgroups_bound_what_a_subgroup_holds() {
        for lanes in [4, 8, 16, 32, 64, 128] {
            let device = device(AdapterKind::Discrete, (lanes, 128), 256);
            for cols in [1, 3, 64, 100, 512, 1024, 4096] {
                let softmax = Softmax::new(1000, cols);
                match subgroup(&softmax, &device) {
                    Ok(sizes) => {
                        let elems = sizes.iter().find(|(name, _)| *name == "ELEMS").unwrap().1;
                        let Constant::Integer(elems) = elems else {
                            panic!("{elems}")
                        };
                        let held = u64::from(elems * lanes) * softmax.width().elements();
                        assert!(
                            held >= cols && u64::from(elems) <= ROW_REGISTERS,
                            "{lanes} {cols}"
                        );
                    }
                    Err(reason) => assert!(cols > u64::from(lanes) * ROW_REGISTERS, "{reason}"),
                }
            }
        }
    }
}
