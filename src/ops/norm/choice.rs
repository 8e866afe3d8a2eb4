//! Which kernel a norm gets on a device, and with which sizes. Pure: shape, type and capabilities decide.

use super::Norm;
use super::kernels::{NORM_GROUPED, NORM_LOOPED, NORM_SPLIT, NORM_WORKGROUP};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::ROW_REGISTERS;
use crate::kernel::{Constants, Kernel};
use crate::report::AdapterKind;
use crate::shader::Constant;

/// Columns up to which a row is too short for a workgroup of its own.
const SHORT: u64 = 512;
/// Rows from which on a workgroup each fills any adapter.
const ENOUGH_ROWS: u64 = 64;
/// Columns from which on sharing a row pays for the second dispatch.
const LONG: u64 = 16 * 1024;

fn largest(device: &Capabilities) -> u64 {
    let limits = &device.limits;
    limits
        .max_compute_invocations_per_workgroup
        .min(limits.max_compute_workgroup_size_x)
        .min(1024)
        .into()
}

fn integers<const COUNT: usize>(sizes: [(&'static str, u64); COUNT]) -> Constants {
    sizes
        .map(|(name, size)| (name, Constant::Integer(size as u32)))
        .to_vec()
}

/// What a row in registers takes, or what a loop over it likes.
pub(super) fn sizes(
    norm: &Norm,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let largest = largest(device);
    let software = device.kind == AdapterKind::Software;
    let at_most = |workgroup: u64| if software { 16 } else { workgroup.min(largest) };
    match kernel.name {
        name if name == NORM_LOOPED.name => Ok(integers([("WORKGROUP", at_most(512))])),
        name if name == NORM_SPLIT.name => {
            Ok(integers([("WORKGROUP", at_most(256)), ("ELEMS", 4)]))
        }
        name if name == NORM_WORKGROUP.name => {
            let (group, elems) = held(norm, kernel, largest)?;
            let workgroup = group.max(at_most(64));
            Ok(integers([("WORKGROUP", workgroup), ("ELEMS", elems)]))
        }
        _ => {
            let (group, elems) = held(norm, kernel, largest)?;
            Ok(integers([
                ("WORKGROUP", group.max(at_most(64))),
                ("GROUP", group),
                ("ELEMS", elems),
            ]))
        }
    }
}

/// Invocations that hold a row, and loads of each: half of what they may hold where there are enough of them.
fn held(norm: &Norm, kernel: &Kernel, largest: u64) -> Result<(u64, u64)> {
    let width = norm.width().elements();
    let (most, loads) = (ROW_REGISTERS / width, norm.cols / width);
    let group = loads.div_ceil(most / 2).max(1).next_power_of_two();
    let group = group.min(1 << largest.ilog2());
    let needed = loads.div_ceil(group);
    if needed > most {
        let most = ROW_REGISTERS * group;
        return Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason: format!("a row of {} columns, it holds {most}", norm.cols),
        });
    }
    let elems = match needed {
        0..=4 => needed.max(1),
        _ => needed.next_multiple_of(4),
    };
    Ok((group, elems))
}

/// Why `kernel` should leave this shape to others.
pub(super) fn unsuited(
    norm: &Norm,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Option<String> {
    let software = device.kind == AdapterKind::Software;
    let few_long = norm.rows < ENOUGH_ROWS && norm.cols >= LONG && !software;
    match kernel.name {
        name if name == NORM_SPLIT.name => (!few_long)
            .then(|| "there are rows enough for a workgroup each, or rows are short".to_owned()),
        name if name == NORM_WORKGROUP.name && (software || norm.cols <= SHORT) => Some(format!(
            "{} columns leave most of a workgroup idle",
            norm.cols
        )),
        name if name == NORM_WORKGROUP.name || name == NORM_GROUPED.name => {
            few_long.then(|| format!("{} rows do not fill an adapter", norm.rows))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{NormKind, softmax::device};
    use crate::plan::{PlanOptions, choose};

    #[test]
    fn row_lengths_choose_kernels() {
        let large = device(AdapterKind::Discrete, (32, 32), 1024);
        let small = device(AdapterKind::Integrated, (0, 0), 256);
        let name = |rows, cols, device| {
            let norm = Norm::new(NormKind::Layer, rows, cols);
            let choice = choose(&norm, &PlanOptions::default(), device).unwrap();
            choice.kernel.name
        };
        assert_eq!(name(4096, 64, &large), "norm_grouped");
        assert_eq!(name(4096, 4096, &large), "norm_workgroup");
        assert_eq!(name(4096, 65_536, &large), "norm_looped");
        assert_eq!(name(8, 1 << 20, &large), "norm_split");
        assert_eq!(name(4096, 4096, &small), "norm_grouped");
        assert_eq!(name(8, 1 << 20, &small), "norm_split");
    }
}
