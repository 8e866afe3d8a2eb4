//! `softmax_subgroup`: a row in registers of one subgroup.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{row_registers, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static SUBGROUP: Implementation<Softmax> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "softmax_subgroup",
            "each row in registers of a subgroup, read once",
            &[Stage::of(&files::SOFTMAX_SUBGROUP)],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    if let Err(reason) = sizes(softmax, device) {
        return Fit::Unable(reason);
    }
    let (cols, lanes) = (softmax.cols, u64::from(device.subgroup_sizes.0));
    if runs_invocations_in_turn(device) {
        Fit::Best
    } else if cols <= sizes::SHORT && lanes > 16 {
        Fit::Able(format!("{cols} columns leave most of a subgroup idle"))
    } else if 2 * sizes::loads(softmax) > lanes * sizes::most_elems(softmax, device) {
        Fit::Able(format!("a workgroup has {cols} columns in flight sooner"))
    } else {
        Fit::Best
    }
}

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let sizes = sizes(softmax, device).map_err(|reason| SUBGROUP.kernel.unsupported(reason))?;
    Ok(sizes::form(softmax, softmax.width()).merged(&sizes))
}

/// More or fewer rows to a workgroup, of whole subgroups.
fn alternatives(_: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let mut sizes = rows::workgroups(device);
    sizes.retain(|size| *size >= device.subgroup_sizes.1.into());
    combinations(&[("WORKGROUP", &sizes)])
}

/// Invocations of a workgroup, and loads that each holds of its row.
fn sizes(softmax: &Softmax, device: &Capabilities) -> Result<Constants, String> {
    let lanes = u64::from(device.subgroup_sizes.0);
    if lanes < 4 {
        return Err("the adapter does not state the size of its subgroups".into());
    }
    let (needed, most) = (
        sizes::loads(softmax).div_ceil(lanes),
        sizes::most_elems(softmax, device),
    );
    if needed > most {
        return Err(sizes::too_long(softmax, row_registers(device) * lanes));
    }
    let workgroup = if runs_invocations_in_turn(device) {
        lanes
    } else {
        256.min(device.widest_workgroup())
    };
    Ok(Constants::from([
        ("WORKGROUP", workgroup),
        ("ELEMS", sizes::rounded(needed)),
        ("LANES_MIN", lanes),
        ("LANES_MAX", device.subgroup_sizes.1.into()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::super::device;
    use super::*;
    use crate::gpu::profile::ROW_REGISTERS;
    use crate::report::AdapterKind;

    #[test]
    fn sizes_of_subgroups_bound_what_a_subgroup_holds() {
        for lanes in [4, 8, 16, 32, 64, 128] {
            let device = device(AdapterKind::Discrete, (lanes, 128), 256);
            for cols in [1, 3, 64, 100, 512, 1024, 4096] {
                let softmax = Softmax::new(1000, cols);
                match sizes(&softmax, &device) {
                    Ok(sizes) => {
                        let elems = sizes.integer("ELEMS").unwrap();
                        let held = elems * u64::from(lanes) * softmax.width().elements();
                        assert!(held >= cols && elems <= ROW_REGISTERS, "{lanes} {cols}");
                    }
                    Err(reason) => assert!(cols > u64::from(lanes) * ROW_REGISTERS, "{reason}"),
                }
            }
        }
    }
}
