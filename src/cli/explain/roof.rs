//! The roof over an explained shape, by ceilings that were measured.

use crate::cli::input;
use crate::cli::load::Load;
use crate::cli::progress::tell;
use crate::cli::stop;
use ridgepoint::bench::HostLoad;
use ridgepoint::report::{Bound, Results};
use ridgepoint::roofline::{ProbeOptions, Roofline, Scope, Work, measure_ceilings};
use ridgepoint::text::visible;
use ridgepoint::units::Unit;
use ridgepoint::{Error, Gpu, Operation, Result, files};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Seed of the data that ceilings are measured with; any would do.
const SEED: u32 = 1;

/// Ceilings of an adapter.
pub(super) struct Ceilings {
    roofline: Roofline,
    /// Adapter and source, in words.
    of: String,
}

/// The roof over a shape, as an object of JSON. SI units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RoofRecord {
    /// Adapter whose ceilings these are, and where they come from.
    pub(super) ceilings: String,
    /// Resource that limits the shape.
    pub(super) bound: Bound,
    /// The lower ceiling: `compute/f32`, `memory/copy`, `cache 1`.
    pub(super) ceiling: String,
    /// Its value, in `unit`.
    pub(super) value: f64,
    /// `FLOP/s` or `B/s`.
    pub(super) unit: String,
    /// Intensity at which memory and arithmetic allow the same, in FLOP per byte.
    pub(super) ridge_point: f64,
    /// The most that the shape reaches, in FLOP/s; null for one without FLOPs.
    pub(super) attainable: Option<f64>,
    /// The least time of the shape, in seconds.
    pub(super) least_s: f64,
}

impl Ceilings {
    /// The ceilings in a file of `run` or `roofline`.
    ///
    /// # Errors
    /// [`Error::File`] for any other file, and for one with too few ceilings.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = input::bytes(path, Results::MOST_BYTES)?;
        let name = input::name(path);
        let results = Results::read(&name, &bytes)?;
        let roofline = Roofline::from_results(&results).map_err(|error| match error {
            Error::File { reason, .. } => files::failed(path, &reason),
            other => other,
        })?;
        Ok(Self {
            roofline,
            of: visible(&format!("{}, {name}", results.adapter().name)).into_owned(),
        })
    }

    /// The ceilings of `gpu`, measured now as `roofline --quick` does.
    ///
    /// # Errors
    /// [`Error::Interrupted`], [`Error::DeviceLost`]; [`Error::Unsupported`] where one of the two cannot be measured.
    pub(super) async fn measure(gpu: &Gpu) -> Result<Self> {
        tell(&format!("measuring ceilings of {}", gpu.summary().name));
        stop::listen();
        let options = ProbeOptions::of(gpu.capabilities().kind, Scope::Quick, SEED);
        let load = Load::new();
        let others = || load.others();
        let others = HostLoad::from_fn(&others).on(gpu.capabilities());
        let found = measure_ceilings(gpu, &options, &stop::asked, others).await?;
        let reasons = || {
            let failed = found.iter().filter(|ceiling| ceiling.value.is_none());
            let words = failed.filter_map(|c| Some(format!("{}: {}", c.id, c.reason.as_ref()?)));
            words.collect::<Vec<_>>().join("; ")
        };
        let roofline = Roofline::from_ceilings(&found).ok_or_else(|| Error::Unsupported {
            what: "a roof".to_owned(),
            reason: reasons(),
        })?;
        Ok(Self {
            roofline,
            of: format!("{}, measured now", gpu.summary().name),
        })
    }

    /// The roof over `operation`.
    pub(super) fn over(&self, operation: &dyn Operation) -> Option<RoofRecord> {
        let work = Work::of(operation);
        let limit = self.roofline.limit(&work)?;
        let roof = limit.roof();
        let (value, unit) = match limit.bound {
            Bound::Compute => (roof.compute.flops_per_second(), Unit::FlopsPerSecond),
            Bound::Memory => (roof.memory.bytes_per_second(), Unit::BytesPerSecond),
        };
        let has_rate = work.flops > 0 && limit.least_s > 0.0;
        Some(RoofRecord {
            ceilings: self.of.clone(),
            bound: limit.bound,
            ceiling: limit.id(),
            value,
            unit: unit.symbol().to_owned(),
            ridge_point: roof.ridge_point().flops_per_byte(),
            attainable: has_rate.then(|| work.flops as f64 / limit.least_s),
            least_s: limit.least_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgepoint::Dtype;
    use ridgepoint::ops::family;
    use ridgepoint::report::Ceiling;

    fn ceilings() -> Ceilings {
        let found = [
            Ceiling::known("compute/f32", "FLOP/s", 1e12),
            Ceiling::known("compute/f16_matrix", "FLOP/s", 8e12),
            Ceiling::known("memory/copy", "B/s", 100e9),
            Ceiling::known("memory/triad", "B/s", 120e9),
        ];
        Ceilings {
            roofline: Roofline::from_ceilings(&found).unwrap(),
            of: "a fake, by hand".to_owned(),
        }
    }

    fn roof(name: &str, shape: &str, dtype: Dtype) -> RoofRecord {
        let operation = (family(name).unwrap().parse)(shape, dtype).unwrap();
        ceilings().over(operation.as_ref()).unwrap()
    }

    #[test]
    fn arithmetic_limits_a_cube_by_the_units_of_its_type() {
        let cube = roof("matmul", "1000x1000x1000", Dtype::F32);
        assert_eq!(cube.bound, Bound::Compute);
        assert_eq!((cube.ceiling.as_str(), cube.value), ("compute/f32", 1e12));
        assert_eq!((cube.attainable, cube.least_s), (Some(1e12), 2e-3));
        // Inputs are twice as large as the result: a triad.
        assert!((cube.ridge_point - 1e12 / 120e9).abs() < 1e-9);
        let half = roof("matmul", "1000x1000x1000", Dtype::F16);
        assert_eq!(half.ceiling, "compute/f16_matrix");
    }

    #[test]
    fn memory_limits_work_with_few_or_no_operations() {
        let thin = roof("matmul", "1x1000x1000", Dtype::F32);
        assert_eq!(thin.bound, Bound::Memory);
        assert_eq!(thin.ceiling, "memory/copy");
        let least = 4.0 * (1000.0 + 1000.0 + 1e6) / 100e9;
        assert!((thin.least_s - least).abs() < 1e-12);
        assert!((thin.attainable.unwrap() - 2e6 / least).abs() < 1.0);
        let copy = roof("copy", "1000000", Dtype::F32);
        assert_eq!((copy.attainable, copy.unit.as_str()), (None, "B/s"));
        assert!((copy.least_s - 80e-6).abs() < 1e-12);
    }
}
