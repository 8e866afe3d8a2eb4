//! Which kernel a softmax gets on a device, and with which constants. Pure: shape, type and capabilities decide.

use super::kernels::{
    GROUPED, ONLINE, SPLIT, SPLIT_SUBGROUP, SUBGROUP, UNFUSED, WALKED, WORKGROUP,
};
use super::{Softmax, SoftmaxForm, SoftmaxMask, Target, sizes};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::ops::rows::Width;
use crate::report::AdapterKind;
use crate::shader::Constant;

/// Columns up to which a row is too short to occupy a subgroup of 32.
const SHORT: u64 = 64;
/// Rows from which on one workgroup each fills any adapter.
const MANY_ROWS: u64 = 256;
/// Columns up to which rows of f16 overlap on a core without being walked.
const WALKED_FROM: u64 = 24 * 1024;
/// Columns from which on sharing a row pays for the second dispatch.
pub(super) const LONG: u64 = 16 * 1024;

fn refuse(kernel: &Kernel, reason: String) -> Result<Constants> {
    Err(Error::Unsupported {
        what: format!("kernel {}", kernel.name),
        reason,
    })
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
    let width = softmax.width_of(kernel)?;
    let mut constants = form(softmax, width);
    let sizes = match kernel.name {
        name if name == SUBGROUP.name => sizes::subgroup(softmax, device),
        name if name == WORKGROUP.name => sizes::workgroup(softmax, device),
        name if name == WALKED.name => sizes::walked(softmax, device),
        name if name == SPLIT_SUBGROUP.name => Ok(sizes::split_subgroup(width, device)),
        name if name == GROUPED.name => sizes::grouped(softmax, device),
        name if name == SPLIT.name => Ok(sizes::split(softmax, device)),
        name if name == ONLINE.name => Ok(sizes::looped(softmax, device)),
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
fn form(softmax: &Softmax, width: Width) -> Constants {
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
        name if [SPLIT.name, SPLIT_SUBGROUP.name].contains(&name) && !few_long => {
            Some("there are rows enough for a workgroup each, or rows are short".into())
        }
        name if name == SUBGROUP.name && device.kind == AdapterKind::Software => None,
        name if name == SUBGROUP.name && cols <= SHORT && device.subgroup_sizes.0 > 16 => {
            Some(format!("{cols} columns leave most of a subgroup idle"))
        }
        name if name == SUBGROUP.name
            && 2 * sizes::loads(softmax)
                > u64::from(device.subgroup_sizes.0) * sizes::most_elems(softmax, device) =>
        {
            Some(format!("a workgroup has {cols} columns in flight sooner"))
        }
        name if name == WALKED.name && (softmax.dtype == Dtype::F32 || cols <= WALKED_FROM) => {
            Some("more than one row fits a core, or loads last longer than the arithmetic".into())
        }
        name if name == WALKED.name && rows < MANY_ROWS * sizes::WALKED_ROWS => {
            Some(format!("{rows} rows are too few to walk"))
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
pub(super) mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::plan::{Choice, PlanOptions, choose};

    pub(in crate::ops) fn device(
        kind: AdapterKind,
        lanes: (u32, u32),
        invocations: u32,
    ) -> Capabilities {
        Capabilities::imagined(kind)
            .with_f16()
            .with_subgroups(lanes)
            .with_invocations(invocations)
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
        assert_eq!(name(8, 1 << 20), "softmax_split_subgroup");
        assert_eq!(name(8, (1 << 20) + 1), "softmax_split");
        assert_eq!(name(4096, 4095), "softmax_workgroup");
        let half = |rows, cols| Softmax {
            dtype: Dtype::F16,
            ..Softmax::new(rows, cols)
        };
        let name = |softmax| chosen(softmax, &large).kernel.name;
        assert_eq!(name(half(4096, 32_768)), "softmax_walked");
        assert_eq!(name(half(4096, 32_764)), "softmax_workgroup");
        assert_eq!(name(half(256, 32_768)), "softmax_workgroup");
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
