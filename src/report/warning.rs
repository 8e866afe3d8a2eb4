//! Warnings that a reader of results must know, each with its remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sensors::DriftCause;
use super::status::ClockKind;
use crate::units::{FlopRate, format_percent, format_seconds};

/// A warning: a fact that makes a result mean less than it seems to. Its text says what happened, then what to do.
///
/// JSON has `{"id": "...", "message": "..."}`. A warning read from JSON is a [`Warning::Recorded`] with the same text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Record", from = "Record")]
#[non_exhaustive]
pub enum Warning {
    /// The adapter computes on the CPU.
    SoftwareAdapter {
        /// Name of the adapter.
        adapter: String,
    },
    /// The adapter does nothing: the no-op backend.
    NoopAdapter,
    /// The adapter has no timestamps.
    NoTimestamps,
    /// Timestamps advance in large steps.
    CoarseTimestamps {
        /// The step, in seconds.
        step_s: f64,
        /// The clock that was read: timestamps all the same, or the wall clock.
        clock: ClockKind,
    },
    /// Timestamps cannot be right, and the wall clock was read.
    ImplausibleTimestamps {
        /// Fault of the timestamps, in words.
        reason: String,
    },
    /// The GPU worked for little of the time that the host waited.
    HostTime {
        /// The GPU's share of the wall time, 0 to 1.
        share: f64,
    },
    /// The settings ask for less warm-up or fewer samples than a published number needs.
    ShortSampling {
        /// The warm-up, in seconds.
        warm_up_s: f64,
        /// The least number of samples.
        samples: usize,
        /// The least time that the samples add up to, in seconds.
        seconds: f64,
    },
    /// There are fewer samples, or they add up to less time, than was asked for.
    FewSamples {
        /// Number of samples.
        samples: usize,
        /// Sum of the samples, in seconds.
        seconds: f64,
    },
    /// The times are widely spread.
    Noisy {
        /// The relative interquartile range.
        relative_iqr: f64,
    },
    /// The times still moved when the warm-up had to end.
    NotSettled {
        /// Length of the warm-up, in seconds.
        seconds: f64,
    },
    /// The first run took much longer than those that followed.
    ColdFirstSample {
        /// The first run, in seconds of wall time.
        first_s: f64,
        /// A later one, in seconds of wall time.
        later_s: f64,
    },
    /// One run of the work is longer than a submission should be.
    LongDispatch {
        /// One run, in seconds.
        seconds: f64,
        /// The longest that a submission should be, in seconds.
        cap_s: f64,
    },
    /// The work is smaller than the one asked for.
    ReducedSize {
        /// Size that was asked for.
        wanted: String,
        /// Size that was run.
        used: String,
        /// Reason why the wanted size was not run.
        reason: String,
    },
    /// The fixed work of the drift monitor ran at another rate than it should have.
    ClockDrift {
        /// Moment at which the rate differed.
        moment: DriftMoment,
        /// The rate that was expected.
        from: FlopRate,
        /// The rate that was found.
        to: FlopRate,
        /// Cause by the device's sensors, where they show one.
        cause: Option<DriftCause>,
    },
    /// Other processes used the processor that the adapter computes on.
    BusyProcessor {
        /// Share of all cores that other processes used, 0 to 1.
        share: f64,
    },
    /// The work is faster than the measured ceiling allows.
    AboveRoof {
        /// Percent of the ceiling.
        percent: f64,
    },
    /// Loops of the kernel store registers to memory and load them back, as the driver compiles it.
    RegisterSpills {
        /// Stems of the shader files whose loops do so.
        stages: Vec<String>,
    },
    /// The run ended before all of its rows were measured, or has not ended yet.
    Incomplete {
        /// Rows that are there.
        rows: usize,
        /// Rows that there should be.
        planned: usize,
    },
    /// Shapes of a suite were not run, since they are too much for the adapter.
    LeftOut {
        /// Operation, element type and shapes.
        what: String,
        /// Reason.
        reason: String,
    },
    /// The results of the work were not compared with a reference.
    NotVerified {
        /// Why not.
        reason: String,
    },
    /// A shape of matrix units gives wrong products, or cannot be tried, and is not used.
    MatrixUnitsDemoted {
        /// The shape: `16x16x16 f16 -> f32`.
        shape: String,
        /// Fault of the matrix units, in words.
        reason: String,
    },
    /// A kernel for matrix units gives wrong products, and is not used.
    KernelDemoted {
        /// Name of the kernel.
        kernel: String,
        /// Fault of the kernel, in words.
        reason: String,
    },
    /// A warning read from a file.
    Recorded {
        /// The name of the kind of warning, as [`Warning::id`] gives it.
        id: String,
        /// Text of the warning.
        message: String,
    },
}

/// When the fixed work of the drift monitor ran at another rate than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftMoment {
    /// Before a measurement: the device did not come back to the rate that it is known to reach.
    Before,
    /// Before the first measurements of a process: the rate still rose when waiting had to end.
    Rising,
    /// Before a measurement: the device no longer reaches its earlier rate, and the lower rate counts from then on.
    Lowered,
    /// Before a measurement: the device is faster than at any measurement before.
    Faster,
    /// Between the beginning and the end of a measurement.
    During,
}

impl DriftMoment {
    /// Text of what happened: the rate that was expected, and the rate that was found.
    fn what(self, from: FlopRate, to: FlopRate) -> String {
        match self {
            Self::Before => {
                format!("fixed work ran at {to} before the measurement, at {from} earlier")
            }
            Self::Rising => {
                format!("fixed work still became faster before the measurement: {from}, {to}")
            }
            Self::Lowered => format!(
                "fixed work no longer ran at {from} before the measurement: {to} counts as the device's rate since"
            ),
            Self::Faster => format!(
                "fixed work ran at {to} before the measurement, at {from} before all earlier ones"
            ),
            Self::During => {
                format!("fixed work ran at {from} before the measurement and at {to} after it")
            }
        }
    }
}

impl Warning {
    /// The name of the kind of warning, the same in every version and for every value: `no_timestamps`.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::SoftwareAdapter { .. } => "software_adapter",
            Self::NoopAdapter => "noop_adapter",
            Self::NoTimestamps => "no_timestamps",
            Self::CoarseTimestamps { .. } => "coarse_timestamps",
            Self::ImplausibleTimestamps { .. } => "implausible_timestamps",
            Self::HostTime { .. } => "host_time",
            Self::ShortSampling { .. } => "short_sampling",
            Self::FewSamples { .. } => "few_samples",
            Self::Noisy { .. } => "noisy",
            Self::NotSettled { .. } => "not_settled",
            Self::ColdFirstSample { .. } => "cold_first_sample",
            Self::LongDispatch { .. } => "long_dispatch",
            Self::ReducedSize { .. } => "reduced_size",
            Self::ClockDrift { .. } => "clock_drift",
            Self::BusyProcessor { .. } => "busy_processor",
            Self::AboveRoof { .. } => "above_roof",
            Self::RegisterSpills { .. } => "register_spills",
            Self::Incomplete { .. } => "incomplete",
            Self::LeftOut { .. } => "left_out",
            Self::NotVerified { .. } => "not_verified",
            Self::MatrixUnitsDemoted { .. } => "matrix_units_demoted",
            Self::KernelDemoted { .. } => "kernel_demoted",
            Self::Recorded { id, .. } => id,
        }
    }

    /// The warning with `cause`, where it is about the rate of a device.
    #[must_use]
    pub fn because(mut self, found: Option<DriftCause>) -> Self {
        if let Self::ClockDrift { cause, .. } = &mut self {
            *cause = found;
        }
        self
    }

    /// Whether the warning tells a row from its neighbours: warnings about adapter and settings hold for all rows.
    #[must_use]
    pub fn is_of_row(&self) -> bool {
        // The id decides: a warning from a file has nothing else.
        let of_all = [
            "software_adapter",
            "noop_adapter",
            "no_timestamps",
            "coarse_timestamps",
            "short_sampling",
        ];
        !of_all.contains(&self.id())
    }

    /// Text of what happened, with values: `the adapter has no timestamps, ...`.
    #[must_use]
    pub fn what(&self) -> String {
        const BY_WALL: &str = "times are by the wall clock less an empty submission";
        match self {
            Self::SoftwareAdapter { adapter } => {
                format!(
                    "{adapter} computes on the CPU: results are right, rates say nothing of a GPU"
                )
            }
            Self::NoopAdapter => {
                "the adapter computes nothing: neither results nor rates mean anything".to_owned()
            }
            Self::NoTimestamps => format!("the adapter has no timestamps: {BY_WALL}"),
            Self::CoarseTimestamps { step_s, clock } => {
                let consequence = match clock {
                    ClockKind::GpuTimestamp => "a single time may be off by 2 %",
                    ClockKind::Wall => BY_WALL,
                };
                let step = format_seconds(*step_s);
                format!("timestamps advance in steps of {step}: {consequence}")
            }
            Self::ImplausibleTimestamps { reason } => {
                format!("timestamps cannot be right, {reason}: {BY_WALL}")
            }
            Self::HostTime { share } => {
                let share = format_percent(*share);
                format!(
                    "the GPU worked for {share} of the wall time, the rest went to the host and the driver"
                )
            }
            Self::ShortSampling {
                warm_up_s,
                samples,
                seconds,
            } => format!(
                "short sampling: {} of warm-up, {samples} samples and {} at least",
                format_seconds(*warm_up_s),
                format_seconds(*seconds)
            ),
            Self::FewSamples { samples, seconds } => {
                format!(
                    "only {samples} samples, {} together",
                    format_seconds(*seconds)
                )
            }
            Self::Noisy { relative_iqr } => {
                let spread = format_percent(*relative_iqr);
                format!("the middle half of the times is spread over {spread} of their median")
            }
            Self::NotSettled { seconds } => {
                let seconds = format_seconds(*seconds);
                format!("the times still moved after {seconds} of warm-up")
            }
            Self::ColdFirstSample { first_s, later_s } => format!(
                "the first run took {}, later ones {}: it is not part of the result",
                format_seconds(*first_s),
                format_seconds(*later_s)
            ),
            Self::LongDispatch { seconds, cap_s } => format!(
                "one run takes {}, longer than the {} that keep a submission safe from watchdogs",
                format_seconds(*seconds),
                format_seconds(*cap_s)
            ),
            Self::ReducedSize {
                wanted,
                used,
                reason,
            } => format!("{used} instead of {wanted}, since {reason}"),
            Self::ClockDrift {
                moment,
                from,
                to,
                cause,
            } => {
                let cause = cause.as_ref();
                let cause = cause.map_or(String::new(), |cause| format!(" ({cause})"));
                moment.what(*from, *to) + &cause
            }
            Self::BusyProcessor { share } => format!(
                "others used {} of the processor that the adapter computes on",
                format_percent(*share)
            ),
            Self::AboveRoof { percent } => format!(
                "the time is {} of what the measured ceiling allows",
                format_percent(percent / 100.0)
            ),
            Self::RegisterSpills { stages } => format!(
                "loops of {} spill registers to memory, as the driver compiles them",
                stages.join(", ")
            ),
            Self::Incomplete { rows, planned } => {
                format!("only {rows} of {planned} rows were measured")
            }
            Self::LeftOut { what, reason } => format!("left out: {what}: {reason}"),
            Self::NotVerified { reason } => format!("results were not verified: {reason}"),
            Self::MatrixUnitsDemoted { shape, reason } => {
                format!("matrix units of {shape} are not used: {reason}")
            }
            Self::KernelDemoted { kernel, reason } => format!("{kernel} is not used: {reason}"),
            Self::Recorded { message, .. } => message.clone(),
        }
    }

    /// Remedy in words; `None` for [`Warning::Recorded`], whose text contains the remedy.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::SoftwareAdapter { .. } => "choose another adapter or install a GPU driver",
            Self::NoopAdapter => "choose another adapter",
            Self::NoTimestamps | Self::ImplausibleTimestamps { .. } => {
                "update the driver or try another backend"
            }
            Self::CoarseTimestamps { .. } => "trust the median, or use a native backend",
            Self::HostTime { .. } => "use larger work to keep the GPU busy",
            Self::ShortSampling { .. } => "use the standard suite for numbers to publish",
            Self::FewSamples { .. } => "allow more time or make the work smaller",
            Self::Noisy { .. } => "close other programs, plug in the power supply, and run again",
            Self::NotSettled { .. } => "close other programs, let the device cool, and run again",
            Self::ColdFirstSample { .. } => {
                "a program that runs this only once should do so ahead of time"
            }
            Self::LongDispatch { .. } => "make the work smaller",
            Self::ReducedSize { .. } => "do not compare it with rows of the full size",
            Self::ClockDrift { .. } => "let the device cool or fix its clock rate, and run again",
            Self::BusyProcessor { .. } => "end what else runs, and run again",
            Self::AboveRoof { .. } => {
                "operands that fit into a cache are faster than memory; otherwise measure again, the ceiling is too low"
            }
            Self::RegisterSpills { .. } => {
                "`ridgepoint tune` looks for constants that are faster, `ridgepoint explain` shows all figures"
            }
            Self::Incomplete { .. } => "run it again to its end for the others",
            Self::LeftOut { .. } => "`--op OPERATION:SHAPE` runs one all the same",
            Self::NotVerified { .. } => "run `ridgepoint check` before trusting the time",
            Self::MatrixUnitsDemoted { .. } | Self::KernelDemoted { .. } => {
                "products are computed without them; a newer driver or wgpu may help"
            }
            Self::Recorded { .. } => return None,
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        self.remedy()
            .map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

/// A warning as it stands in JSON.
#[derive(Serialize, Deserialize)]
struct Record {
    id: String,
    message: String,
}

impl From<Warning> for Record {
    fn from(warning: Warning) -> Self {
        Self {
            id: warning.id().to_owned(),
            message: warning.to_string(),
        }
    }
}

impl From<Record> for Warning {
    fn from(Record { id, message }: Record) -> Self {
        Self::Recorded { id, message }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sensors::Limit;
    use super::*;

    #[test]
    fn json_keeps_kind_and_text() {
        let warning = Warning::FewSamples {
            samples: 3,
            seconds: 0.75,
        };
        let json = serde_json::to_value(&warning).unwrap();
        assert_eq!(json["id"], "few_samples");
        assert_eq!(
            json["message"],
            "only 3 samples, 750 ms together; allow more time or make the work smaller"
        );
        let read: Warning = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(read.id(), "few_samples");
        assert_eq!(read.to_string(), warning.to_string());
        assert_eq!(serde_json::to_value(&read).unwrap(), json);
    }

    #[test]
    fn text_says_what_and_what_to_do() {
        let drift = Warning::ClockDrift {
            moment: DriftMoment::During,
            from: FlopRate::from_flops_per_second(62e12),
            to: FlopRate::from_flops_per_second(59.4e12),
            cause: None,
        };
        assert_eq!(
            drift.to_string(),
            "fixed work ran at 62.0 TFLOP/s before the measurement and at 59.4 TFLOP/s after it; let the device cool or \
             fix its clock rate, and run again"
        );
        let cause = DriftCause {
            limits: [Limit::PowerLimit].into(),
            core_clock_hz: Some((1.98e9, 1.755e9)),
        };
        let text = drift.because(Some(cause)).to_string();
        assert!(
            text.contains("59.4 TFLOP/s after it (power limit: 1980 -> 1755 MHz); let"),
            "{text}"
        );
    }
}
