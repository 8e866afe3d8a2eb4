//! Which kernel a softmax gets on a device, and with which constants. Pure: shape, type and capabilities decide.

use super::kernels::{GROUPED, ONLINE, SPLIT, SUBGROUP, UNFUSED, WORKGROUP};
use super::{Softmax, SoftmaxForm, SoftmaxMask, Target};
use crate::error::{Error, Result};
use crate::gpu::{AdapterKind, Capabilities};
use crate::kernel::{Constants, Kernel};
use crate::ops::rows::Width;
use crate::shader::Constant;

/// Registers of 32 bits that an invocation may hold of a row: beyond, compilers spill or too few invocations fit a core.
const HELD: u64 = 32;
/// The same on a CPU, where spilling goes to its first cache.
const HELD_SOFTWARE: u64 = 64;
/// Columns up to which a row is too short to occupy a subgroup of 32.
const SHORT: u64 = 64;
/// Rows from which on one workgroup each fills any adapter.
const MANY_ROWS: u64 = 256;
/// Columns from which on sharing a row pays for the second dispatch.
const LONG: u64 = 16 * 1024;

fn refuse(kernel: &Kernel, reason: String) -> Result<Constants> {
    Err(Error::Unsupported {
        what: format!("kernel {}", kernel.name),
        reason,
    })
}

/// Loads of a row, each of [`Softmax::width`] elements.
fn loads(softmax: &Softmax) -> u64 {
    softmax.cols / softmax.width().elements()
}

fn held(device: &Capabilities) -> u64 {
    match device.kind {
        AdapterKind::Software => HELD_SOFTWARE,
        _ => HELD,
    }
}

/// Loads that an invocation may hold.
fn most_elems(softmax: &Softmax, device: &Capabilities) -> u64 {
    held(device) / softmax.width().elements()
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

/// Constants of `kernel` for this shape.
pub(super) fn constants(
    softmax: &Softmax,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    if kernel.name == UNFUSED.name {
        return if softmax.is_plain() {
            Ok(Constants::new())
        } else {
            refuse(kernel, "it has the plain f32 form alone".into())
        };
    }
    let mut constants = form(softmax);
    let sizes = match kernel.name {
        name if name == SUBGROUP.name => subgroup(softmax, device),
        name if name == WORKGROUP.name => workgroup(softmax, device),
        name if name == GROUPED.name => grouped(softmax, device),
        name if name == SPLIT.name => Ok(split(softmax, device)),
        name if name == ONLINE.name => Ok(looped(softmax, device)),
        // A kernel from outside the table has its sizes in its file.
        _ => Ok(Constants::new()),
    };
    match sizes {
        Ok(sizes) => constants.extend(sizes),
        Err(reason) => return refuse(kernel, reason),
    }
    constants.retain(|(name, _)| kernel.declares(name));
    Ok(constants)
}

/// What the options make of a file.
fn form(softmax: &Softmax) -> Constants {
    let width = softmax.width();
    let mut constants = width.constants(softmax.dtype);
    constants.push(width.index());
    constants.extend([
        (
            "SCALED",
            Constant::Bool(softmax.scale.to_bits() != 1f32.to_bits()),
        ),
        ("MASK", Constant::Bool(softmax.mask != SoftmaxMask::None)),
        ("CAUSAL", Constant::Bool(softmax.causal.is_some())),
        (
            "IN_PLACE",
            Constant::Bool(softmax.target == Target::InPlace),
        ),
        (
            "LOG",
            Constant::Bool(softmax.form == SoftmaxForm::Logarithms),
        ),
    ]);
    constants
}

fn integers<const COUNT: usize>(sizes: [(&'static str, u64); COUNT]) -> Constants {
    sizes
        .map(|(name, size)| (name, Constant::Integer(size as u32)))
        .to_vec()
}

type Sizes = std::result::Result<Constants, String>;

fn too_long(softmax: &Softmax, most: u64) -> String {
    let most = most * softmax.width().elements();
    format!("a row of {} columns, it holds {most}", softmax.cols)
}

fn subgroup(softmax: &Softmax, device: &Capabilities) -> Sizes {
    let lanes = u64::from(device.subgroup_sizes.0);
    if lanes < 4 {
        return Err("the adapter does not state the size of its subgroups".into());
    }
    let (needed, most) = (loads(softmax).div_ceil(lanes), most_elems(softmax, device));
    if needed > most {
        return Err(too_long(softmax, most * lanes));
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
fn workgroup(softmax: &Softmax, device: &Capabilities) -> Sizes {
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
        return Err(too_long(softmax, most * workgroup));
    }
    Ok(integers([
        ("WORKGROUP", workgroup),
        ("ELEMS", rounded(needed)),
    ]))
}

fn grouped(softmax: &Softmax, device: &Capabilities) -> Sizes {
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
        return Err(too_long(softmax, most * group));
    }
    let workgroup = group.max(small.min(largest));
    Ok(integers([
        ("WORKGROUP", workgroup),
        ("GROUP", group),
        ("ELEMS", rounded(needed)),
    ]))
}

fn looped(softmax: &Softmax, device: &Capabilities) -> Constants {
    let workgroup = match device.kind {
        AdapterKind::Software => 16,
        _ if softmax.cols >= LONG => 512.min(invocations(device)),
        _ => 256.min(invocations(device)),
    };
    let elems = match softmax.width() {
        Width::Four => 4,
        Width::One => 8,
    };
    integers([("WORKGROUP", workgroup), ("ELEMS", elems)])
}

fn split(softmax: &Softmax, device: &Capabilities) -> Constants {
    let workgroup = match device.kind {
        AdapterKind::Software => 16,
        _ => 128.min(invocations(device)),
    };
    let elems = rounded(loads(softmax).div_ceil(workgroup)).min(most_elems(softmax, device));
    integers([("WORKGROUP", workgroup), ("ELEMS", elems)])
}

/// Workgroups that share a row of `softmax_split`, each of which holds `step` loads.
pub(super) fn parts(softmax: &Softmax, step: u64) -> u64 {
    loads(softmax).div_ceil(step).max(1)
}

/// Why `kernel` should leave this shape to others.
pub(super) fn unsuited(
    softmax: &Softmax,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Option<String> {
    let Softmax { rows, cols, .. } = *softmax;
    let few_long = rows < MANY_ROWS / 4 && cols >= LONG && device.kind != AdapterKind::Software;
    match kernel.name {
        name if name == UNFUSED.name => Some("fused kernels move a quarter of the bytes".into()),
        name if name == SPLIT.name && !few_long => {
            Some("there are rows enough for a workgroup each, or rows are short".into())
        }
        name if name == SUBGROUP.name && device.kind == AdapterKind::Software => None,
        name if name == SUBGROUP.name && cols <= SHORT && device.subgroup_sizes.0 > 16 => {
            Some(format!("{cols} columns leave most of a subgroup idle"))
        }
        name if name == SUBGROUP.name
            && 2 * loads(softmax)
                > u64::from(device.subgroup_sizes.0) * most_elems(softmax, device) =>
        {
            Some(format!("a workgroup has {cols} columns in flight sooner"))
        }
        name if name == WORKGROUP.name && cols <= SHORT => {
            Some(format!("{cols} columns leave most of a workgroup idle"))
        }
        name if name == GROUPED.name || name == WORKGROUP.name => {
            few_long.then(|| format!("{rows} rows do not fill an adapter"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::kernel::PlanOptions;
    use crate::ops::{Choice, choose};

    fn device(kind: AdapterKind, lanes: (u32, u32), invocations: u32) -> Capabilities {
        let mut features = wgpu::Features::SHADER_F16;
        features.set(wgpu::Features::SUBGROUP, lanes.0 > 0);
        Capabilities {
            cooperative: Vec::new(),
            features,
            limits: wgpu::Limits {
                max_compute_invocations_per_workgroup: invocations,
                max_compute_workgroup_size_x: invocations,
                ..wgpu::Limits::default()
            },
            kind,
            subgroup_sizes: lanes,
        }
    }

    fn chosen(softmax: Softmax, device: &Capabilities) -> Choice {
        choose(&softmax, &PlanOptions::default(), device).unwrap()
    }

    #[test]
    fn row_lengths_choose_kernels() {
        let large = device(AdapterKind::Discrete, (32, 32), 1024);
        let name = |rows, cols| chosen(Softmax::new(rows, cols), &large).kernel.name;
        assert_eq!(name(4096, 32), "softmax_grouped");
        assert_eq!(name(4096, 256), "softmax_subgroup");
        assert_eq!(name(65_536, 1024), "softmax_workgroup");
        assert_eq!(name(4096, 32_768), "softmax_workgroup");
        assert_eq!(name(4096, 65_536), "softmax_online");
        assert_eq!(name(8, 1 << 20), "softmax_split");
        assert_eq!(name(4096, 4095), "softmax_workgroup");
    }

    #[test]
    fn without_subgroups_and_with_default_limits_there_is_a_kernel() {
        let small = device(AdapterKind::Integrated, (0, 0), 256);
        for (rows, cols) in [
            (1, 1),
            (5, 33),
            (1000, 1024),
            (9, 5003),
            (2, 1 << 20),
            (9000, 70_000),
        ] {
            for dtype in [Dtype::F32, Dtype::F16] {
                let softmax = Softmax {
                    dtype,
                    ..Softmax::new(rows, cols)
                };
                let choice = chosen(softmax, &small);
                assert!(choice.kernel.features.is_empty(), "{}", choice.kernel.name);
                assert!(choice.reason.contains("subgroup"), "{}", choice.reason);
            }
        }
    }

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
                        assert!(held >= cols && u64::from(elems) <= HELD, "{lanes} {cols}");
                    }
                    Err(reason) => assert!(cols > u64::from(lanes) * HELD, "{reason}"),
                }
            }
        }
    }

    #[test]
    fn the_baseline_has_no_options() {
        let large = device(AdapterKind::Discrete, (32, 32), 1024);
        let log = Softmax {
            form: SoftmaxForm::Logarithms,
            ..Softmax::new(4, 4)
        };
        assert!(constants(&log, &UNFUSED, &large).is_err());
        assert!(constants(&Softmax::new(4, 4), &UNFUSED, &large).is_ok());
    }
}
