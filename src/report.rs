//! The nouns of results: what a run, a roofline and a tuning are made of. Plain data, with no GPU and no file behind it.

pub(crate) mod adapter;
mod ceiling_id;
mod clpeak;
mod figure;
pub mod flat;
mod hierarchy;
mod list;
pub mod published;
pub mod renames;
mod results;
mod roofline;
mod run;
mod sampling;
mod sensors;
mod soak;
mod statistics;
mod status;
mod summary;
mod tuning;
pub(crate) mod vendor;
mod warning;

pub use adapter::{AdapterKind, AdapterSummary, CooperativeShape};
pub use ceiling_id::CeilingId;
pub use hierarchy::{Hierarchy, LatencyPoint, Level, SweepPoint};
pub use list::{LIST_SCHEMA, List, ListedAdapter, ListedKernel, ListedOperation, ListedSuite};
pub use results::{Input, Results};
pub use roofline::{ROOFLINE_SCHEMA, RooflineReport, RooflineSettings, TransferPoint, Variant};
#[cfg(feature = "bench")]
pub(crate) use run::ROTATED;
pub use run::{Bound, Ceiling, GridPoint, Host, Report, Row, SCHEMA, Settings, Tool, Verified};
pub use sampling::Sampling;
pub use sensors::{DriftCause, Limit, MeanPower, PowerBy, PowerOf, Range, SensorSummary, limits};
pub use soak::{Plateau, Soak, SoakPoint};
pub use statistics::StageStatistics;
pub use status::{Checks, ClockKind, Status};
pub use summary::Summary;
pub use tuning::{Machine, Setting, StopReason, TUNING_SCHEMA, Tuned, TunedConfig, Tuning};
pub use warning::{DriftMoment, Warning};
