//! `norm_subgroup`: a row in registers of one subgroup, without a barrier.

use super::shape::Norm;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{ROW_REGISTERS, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static SUBGROUP: Implementation<Norm> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "norm_subgroup",
            "each row in registers of a subgroup, read once, without a barrier",
            &[Stage::of(&files::NORM_SUBGROUP)],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(norm: &Norm, device: &Capabilities) -> Fit {
    match loads_of_lane(norm, device) {
        Err(reason) => Fit::Unable(reason),
        // 65536 x 64 to 16384 x 1024 on an H200: from 2 % faster than `norm_grouped` to 46 % slower.
        Ok(_) => {
            Fit::Able("norm_grouped was as fast or faster where both were measured".to_owned())
        }
    }
}

fn constants(norm: &Norm, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let loads = loads_of_lane(norm, device);
    let loads = loads.map_err(|reason| SUBGROUP.kernel.unsupported(reason))?;
    let (smallest, largest) = device.subgroup_sizes;
    let workgroup = if runs_invocations_in_turn(device) {
        u64::from(largest)
    } else {
        sizes::at_most(256, device)
    };
    Ok(sizes::form(norm)
        .set("WORKGROUP", workgroup)
        .set("ELEMS", loads)
        .set("LANES_MIN", smallest)
        .set("LANES_MAX", largest))
}

/// More or fewer rows to a workgroup, of whole subgroups.
fn alternatives(_: &Norm, device: &Capabilities) -> Vec<Constants> {
    let mut sizes = rows::workgroups(device);
    sizes.retain(|size| *size >= device.subgroup_sizes.1.into());
    combinations(&[("WORKGROUP", &sizes)])
}

/// Loads of a row that each lane of the smallest subgroup holds; the reason where subgroups are of unknown size or a row is
/// too long.
fn loads_of_lane(norm: &Norm, device: &Capabilities) -> Result<u64, String> {
    let (smallest, _) = device.subgroup_sizes;
    if smallest < 4 {
        return Err("the adapter does not state the size of its subgroups".to_owned());
    }
    let width = norm.width().elements();
    let loads = (norm.cols / width).div_ceil(smallest.into());
    if loads > ROW_REGISTERS / width {
        let most = ROW_REGISTERS * u64::from(smallest);
        return Err(format!("a row of {} columns, it holds {most}", norm.cols));
    }
    Ok(match loads {
        0..=4 => loads.max(1),
        _ => loads.next_multiple_of(4),
    })
}
