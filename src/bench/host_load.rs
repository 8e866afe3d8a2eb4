//! Who else uses the processor, where the processor is the adapter.

use super::measurement::Measurement;
use crate::gpu::Capabilities;
use crate::report::{AdapterKind, Status, Warning};
use crate::units::format_percent;

/// Above this share of the processor, others have slowed a software adapter down.
const BUSY: f64 = 0.1;

/// How a run learns what others take of the processor. The default: it does not.
///
/// A software adapter shares the processor with everything else on the machine. A steady load makes it steadily slower:
/// neither the spread of the times nor the drift monitor shows that.
#[derive(Clone, Copy, Default)]
pub struct HostLoad<'a> {
    share: Option<&'a dyn Fn() -> Option<f64>>,
}

impl<'a> HostLoad<'a> {
    /// `share` gives the share of all cores that other processes used since its last call, 0 to 1; `None` where the share
    /// cannot be known. `share` is called for software adapters alone.
    #[must_use]
    pub fn from_fn(share: &'a dyn Fn() -> Option<f64>) -> Self {
        Self { share: Some(share) }
    }

    /// Tracks host load for software adapters only, which other processes can slow down; does nothing for other adapters.
    #[must_use]
    pub fn on(self, device: &Capabilities) -> Self {
        if device.kind == AdapterKind::Software {
            self
        } else {
            Self::default()
        }
    }

    /// A row begins: what was before is not held against it.
    pub fn begin(self) {
        if let Some(share) = self.share {
            share();
        }
    }

    /// A row ended with `measured`, which becomes noisy and says so where others used more than a tenth of the processor.
    pub fn flag_if_busy(self, measured: &mut Measurement) {
        let Some(share) = self.share.and_then(|share| share()) else {
            return;
        };
        if share <= BUSY || measured.time.is_none() {
            return;
        }
        measured.warnings.push(Warning::BusyProcessor { share });
        if measured.status == Status::Ok {
            measured.status = Status::Noisy;
            let share = format_percent(share);
            measured.reason = Some(format!("others used {share} of the processor meanwhile"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{FakeClock, FakeWork};
    use super::*;
    use crate::report::Sampling;
    use pollster::block_on;

    fn flagged(share: &dyn Fn() -> Option<f64>) -> Measurement {
        let others = HostLoad::from_fn(share);
        let mut clock = FakeClock::new(FakeWork::default());
        others.begin();
        let sampling = Sampling::default();
        let measured = super::super::measure(&mut clock, &sampling, &|| false);
        let mut measured = block_on(measured).unwrap();
        others.flag_if_busy(&mut measured);
        measured
    }

    #[test]
    fn a_steady_row_on_a_busy_processor_is_noisy() {
        let measured = flagged(&|| Some(0.5));
        assert_eq!(measured.status, Status::Noisy);
        assert!(measured.reason.unwrap().contains("50.0 %"));
        assert_eq!(measured.warnings.last().unwrap().id(), "busy_processor");
    }

    #[test]
    fn who_does_little_or_cannot_be_seen_is_not_held_against_a_row() {
        for share in [Some(0.05), None] {
            let measured = flagged(&|| share);
            assert_eq!((measured.status, measured.warnings.len()), (Status::Ok, 0));
        }
    }
}
