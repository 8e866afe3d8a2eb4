//! Clock and limits of Intel's GPUs, in the files of their Linux drivers: `i915`, and `xe` for newer ones.

use super::sysfs::{entries, number, text};
use crate::report::Limit;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Clock of the first GT of `device`, in Hz.
pub(super) fn clock(device: &Path) -> Option<f64> {
    let of_xe = device.join("tile0/gt0/freq0/act_freq");
    number(&of_xe, 1e6).or_else(|| number(&gt_of_i915(device)?.join("rps_act_freq_mhz"), 1e6))
}

/// Limits that hold; `None` where the driver does not tell them.
pub(super) fn limits(device: &Path) -> Option<BTreeSet<Limit>> {
    let of_xe = device.join("tile0/gt0/freq0/throttle");
    let (folder, start) = if of_xe.is_dir() {
        (of_xe, "reason_")
    } else {
        (gt_of_i915(device)?, "throttle_reason_")
    };
    let files = entries(&folder, start);
    if files.is_empty() {
        return None;
    }
    let holds = |path: &&PathBuf| text(path).is_ok_and(|text| text == "1");
    let limits = files.iter().filter(holds).filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_prefix(start)?;
        limit(name)
    });
    Some(limits.collect())
}

/// Folder of the first GT of `i915`, which is under the card, and not under its device.
fn gt_of_i915(device: &Path) -> Option<PathBuf> {
    let gt = device.parent()?.join("gt/gt0");
    gt.is_dir().then_some(gt)
}

/// Limit by the name of a reason; `None` for the file that sums them up.
fn limit(name: &str) -> Option<Limit> {
    Some(match name {
        "status" => return None,
        "pl1" | "pl2" | "pl4" => Limit::PowerLimit,
        "thermal" | "prochot" | "ratl" | "vr_thermalert" | "soc_thermal" | "soc_avg_thermal"
        | "mem_thermal" | "vr_thermal" => Limit::Temperature,
        "vr_tdc" | "iccmax" | "fast_vmode" => Limit::Current,
        _ => Limit::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sysfs::FakeFiles;
    use super::*;

    #[test]
    fn both_drivers_tell_clock_and_limits() {
        let files = FakeFiles::new(
            "intel",
            &[
                ("card0/gt/gt0/rps_act_freq_mhz", "1450"),
                ("card0/gt/gt0/throttle_reason_status", "1"),
                ("card0/gt/gt0/throttle_reason_pl1", "1"),
                ("card0/gt/gt0/throttle_reason_thermal", "0"),
                ("card0/device/uevent", "DRIVER=i915"),
                ("card1/device/tile0/gt0/freq0/act_freq", "2400"),
                ("card1/device/tile0/gt0/freq0/throttle/status", "1"),
                ("card1/device/tile0/gt0/freq0/throttle/reason_prochot", "1"),
                ("card2/device/uevent", "DRIVER=i915"),
            ],
        );
        let device = |card: &str| files.root().join(card).join("device");
        assert_eq!(clock(&device("card0")), Some(1.45e9));
        assert_eq!(
            limits(&device("card0")),
            Some(BTreeSet::from([Limit::PowerLimit]))
        );
        assert_eq!(clock(&device("card1")), Some(2.4e9));
        assert_eq!(
            limits(&device("card1")),
            Some(BTreeSet::from([Limit::Temperature]))
        );
        assert_eq!(
            (clock(&device("card2")), limits(&device("card2"))),
            (None, None)
        );
    }
}
