//! The roofline model: ceilings by element type and memory level, ridge points, and the place of a kernel under them.
//!
//! Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model", CACM 52(4), 2009; one slanted
//! roof for each level of the hierarchy as in Ilic, Pratas, Sousa, "Cache-aware Roofline Model", IEEE CAL 13(1), 2014.

use super::roof::{Mix, Roof};
use crate::error::{Error, Result};
use crate::ops::{Operation, Role};
use crate::report::{Bound, Ceiling, CeilingId, Level, Results, RooflineReport};
use crate::units::{Bandwidth, FlopRate, Intensity};
use serde::{Deserialize, Serialize};

/// Where the figures of a [`Roofline`] come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Measurement.
    Measured,
    /// Somebody's data sheet, named. What hardware reaches lies below it.
    VendorSheet(String),
}

/// The bandwidth of one level for one mix of directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryCeiling {
    /// `cache 1`, `cache 2`, `memory`.
    pub level: String,
    /// Bytes that the level holds; `None` for memory, which holds everything.
    pub bytes: Option<u64>,
    /// Traffic that the ceiling is of; caches are measured by reading.
    pub mix: Mix,
    /// Bytes per second, both directions counted.
    pub bandwidth: Bandwidth,
}

/// The rate of one kind of arithmetic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComputeCeiling {
    /// `f32`, `f16`, `f16_matrix`, `i8_dot`: what follows `compute/` in a report.
    pub name: String,
    /// Operations per second.
    pub rate: FlopRate,
}

/// The rates that an adapter can reach, by arithmetic and by memory level. Pure: no GPU is needed.
///
/// # Examples
/// ```
/// use ridgepoint::roofline::{Mix, Roofline, Work};
/// let sheet = Roofline::from_sheet("a vendor's data sheet", &[("f32", 67e12)], 4.8e12);
/// let work = Work { dtype: "f32", flops: 2 * 4096u64.pow(3), bytes: 12 * 4096 * 4096, mix: Mix::Read };
/// let place = sheet.place(&work, 4e-3).unwrap();
/// assert!((place.percent_of_roof - 51.3).abs() < 0.1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// Where the figures come from.
    pub source: Source,
    /// Flat roofs.
    pub compute: Vec<ComputeCeiling>,
    /// Slanted roofs, nearest level first.
    pub memory: Vec<MemoryCeiling>,
}

/// The work of a kernel, and the element type that it works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'a> {
    /// Element type: `f32` or `f16`.
    pub dtype: &'a str,
    /// Operations.
    pub flops: u64,
    /// Bytes that have to move, each operand once. They are also what a cache would have to hold.
    pub bytes: u64,
    /// How much of them is read.
    pub mix: Mix,
}

impl Work<'static> {
    /// Work of an operation.
    #[must_use]
    pub fn of(operation: &dyn Operation) -> Self {
        let bytes = |role: Role| {
            let operands = operation.operands().into_iter();
            let of_role = operands.filter(|o| o.role == role);
            of_role.map(|o| o.elements * o.dtype.bytes()).sum()
        };
        Self {
            dtype: operation.dtype().name(),
            flops: operation.flops(),
            bytes: operation.min_bytes(),
            mix: Mix::of(bytes(Role::Input), bytes(Role::Output)),
        }
    }
}

/// Highest rate that the ceilings allow a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit<'a> {
    /// The fastest arithmetic of its element type.
    pub compute: &'a ComputeCeiling,
    /// The level that holds its bytes, for its mix of directions.
    pub memory: &'a MemoryCeiling,
    /// The ceiling of the two that is lower at the kernel's intensity.
    pub bound: Bound,
    /// The least time, in seconds.
    pub least_s: f64,
}

impl Limit<'_> {
    /// Both ceilings as one roof.
    #[must_use]
    pub fn roof(&self) -> Roof {
        Roof {
            compute: self.compute.rate,
            memory: self.memory.bandwidth,
        }
    }

    /// The id of the lower ceiling, as reports have it; the name of a cache, whose ceiling has none.
    #[must_use]
    pub fn id(&self) -> String {
        match self.bound {
            Bound::Compute => format!("compute/{}", self.compute.name),
            Bound::Memory if self.memory.bytes.is_none() => id_of(self.memory.mix).to_string(),
            Bound::Memory => self.memory.level.clone(),
        }
    }
}

/// On which side of the roof a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Under it, as every time should be.
    Under,
    /// Above it: the ceiling is too low, or a cache answered for memory. No merit of the kernel.
    Above,
}

/// Where a kernel stands under a [`Roofline`].
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The ceiling of the two that is lower at the kernel's intensity.
    pub bound: Bound,
    /// The level whose bandwidth it was held against.
    pub level: String,
    /// Share of its ceiling that the kernel reaches, in percent.
    pub percent_of_roof: f64,
    /// Whether that can be.
    pub standing: Standing,
}

/// Percent above which a time is above the roof. Noise alone can do that; the ceilings are then measured again.
const AT_THE_ROOF: f64 = 100.0;

/// The name of the level behind all caches.
const MEMORY: &str = "memory";

/// The ceiling of memory under a mix of reads and writes.
fn id_of(mix: Mix) -> CeilingId {
    match mix {
        Mix::Read => CeilingId::MemoryRead,
        Mix::Triad => CeilingId::MemoryTriad,
        Mix::Copy => CeilingId::MemoryCopy,
        Mix::Write => CeilingId::MemoryWrite,
    }
}

impl Roofline {
    /// From measured ceilings; `None` without one of arithmetic and one of memory.
    #[must_use]
    pub fn from_ceilings(ceilings: &[Ceiling]) -> Option<Self> {
        Self::new(ceilings, &[])
    }

    /// From all that a report holds, caches included; `None` without a ceiling of arithmetic and one of memory.
    #[must_use]
    pub fn from_report(report: &RooflineReport) -> Option<Self> {
        Self::new(&report.ceilings, &report.levels)
    }

    /// From the JSON of `ridgepoint roofline` or `ridgepoint run`.
    ///
    /// # Errors
    /// [`Error::File`] for text that is neither, or that has too few ceilings.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::from_results(&Results::read("a report", text.as_bytes())?)
    }

    /// From the results of a file.
    ///
    /// # Errors
    /// [`Error::File`] where it has too few ceilings.
    pub fn from_results(results: &Results) -> Result<Self> {
        Self::new(results.ceilings(), results.levels()).ok_or_else(|| Error::File {
            path: "a report".to_owned(),
            reason: "it has no ceiling of arithmetic, or none of memory; measure again".to_owned(),
        })
    }

    /// From figures of a data sheet that `source` names: operations per second by name, and bytes per second of memory.
    #[must_use]
    pub fn from_sheet(source: &str, compute: &[(&str, f64)], bandwidth: f64) -> Self {
        let ceiling = |(name, rate): &(&str, f64)| ComputeCeiling {
            name: (*name).to_owned(),
            rate: FlopRate::from_flops_per_second(*rate),
        };
        Self {
            source: Source::VendorSheet(source.to_owned()),
            compute: compute.iter().map(ceiling).collect(),
            memory: vec![MemoryCeiling {
                level: MEMORY.to_owned(),
                bytes: None,
                mix: Mix::Read,
                bandwidth: Bandwidth::from_bytes_per_second(bandwidth),
            }],
        }
    }

    fn new(ceilings: &[Ceiling], levels: &[Level]) -> Option<Self> {
        // A file may say anything: what is no rate is no ceiling.
        let rate = |value: Option<f64>| value.filter(|v| v.is_finite() && *v > 0.0);
        let value = |id: CeilingId| rate(ceilings.iter().find(|c| c.id == id)?.value);
        let compute = ceilings.iter().filter_map(|ceiling| {
            Some(ComputeCeiling {
                name: ceiling.id.arithmetic()?.to_owned(),
                rate: FlopRate::from_flops_per_second(rate(ceiling.value)?),
            })
        });
        let compute: Vec<_> = compute.collect();
        let caches = levels.iter().filter_map(|level| {
            Some(MemoryCeiling {
                level: level.name.clone(),
                bytes: Some(level.bytes.filter(|_| level.name.starts_with("cache"))?),
                mix: Mix::Read,
                bandwidth: Bandwidth::from_bytes_per_second(rate(level.bandwidth)?),
            })
        });
        let mixes = [Mix::Read, Mix::Triad, Mix::Copy, Mix::Write];
        let memory = mixes.into_iter().filter_map(|mix| {
            Some(MemoryCeiling {
                level: MEMORY.to_owned(),
                bytes: None,
                mix,
                bandwidth: Bandwidth::from_bytes_per_second(value(id_of(mix))?),
            })
        });
        let memory: Vec<_> = caches.chain(memory).collect();
        let is_enough = !compute.is_empty() && memory.iter().any(|m| m.bytes.is_none());
        is_enough.then_some(Self {
            source: Source::Measured,
            compute,
            memory,
        })
    }

    /// The rate of one kind of arithmetic by its name.
    #[must_use]
    pub fn compute(&self, name: &str) -> Option<FlopRate> {
        self.compute_ceiling(name).map(|c| c.rate)
    }

    fn compute_ceiling(&self, name: &str) -> Option<&ComputeCeiling> {
        self.compute.iter().find(|c| c.name == name)
    }

    /// The most that any arithmetic on elements of `dtype` reaches, matrix units included. Where nothing of that type was
    /// measured, the rate of f32.
    #[must_use]
    pub fn fastest(&self, dtype: &str) -> Option<FlopRate> {
        self.fastest_ceiling(dtype).map(|c| c.rate)
    }

    fn fastest_ceiling(&self, dtype: &str) -> Option<&ComputeCeiling> {
        let matrix = format!("{dtype}_matrix");
        let all = self.compute.iter();
        let of_type = all.filter(|c| c.name == dtype || c.name == matrix);
        let rate = |ceiling: &ComputeCeiling| ceiling.rate.flops_per_second();
        let fastest = of_type.max_by(|a, b| rate(a).total_cmp(&rate(b)));
        fastest.or_else(|| self.compute_ceiling("f32"))
    }

    /// The nearest level that holds `footprint` bytes, for traffic of this mix. A mix that was not measured is held
    /// against copying.
    #[must_use]
    pub fn level(&self, footprint: u64, mix: Mix) -> Option<&MemoryCeiling> {
        let holds = |m: &&MemoryCeiling| m.bytes.is_some_and(|bytes| footprint <= bytes);
        let cache = self.memory.iter().find(holds);
        let memory = |wanted: Mix| {
            let mut all = self.memory.iter();
            all.find(|m| m.bytes.is_none() && m.mix == wanted)
        };
        cache
            .or_else(|| memory(mix))
            .or_else(|| memory(Mix::Copy))
            .or_else(|| self.memory.last())
    }

    /// The roof of one kind of arithmetic over one level.
    #[must_use]
    pub fn roof(&self, compute: &str, level: &str) -> Option<Roof> {
        Some(Roof {
            compute: self.compute(compute)?,
            memory: self.memory.iter().find(|m| m.level == level)?.bandwidth,
        })
    }

    /// The limit of work of an intensity on elements of `dtype`, operands in memory; `None` where either ceiling is missing.
    #[must_use]
    pub fn bound(&self, dtype: &str, intensity: Intensity) -> Option<Bound> {
        let memory = self.memory.iter().find(|m| m.bytes.is_none())?;
        let roof = Roof {
            compute: self.fastest(dtype)?,
            memory: memory.bandwidth,
        };
        Some(roof.bound(intensity))
    }

    /// The limit of `work` by the ceilings of its own type, mix and footprint. Holds for work without operations too, where
    /// an intensity of zero would allow nothing.
    #[must_use]
    pub fn limit(&self, work: &Work<'_>) -> Option<Limit<'_>> {
        let memory = self.level(work.bytes, work.mix)?;
        let compute = self.fastest_ceiling(work.dtype)?;
        let roof = Roof {
            compute: compute.rate,
            memory: memory.bandwidth,
        };
        let (least_s, bound) = roof.least(work.flops, work.bytes);
        Some(Limit {
            compute,
            memory,
            bound,
            least_s,
        })
    }

    /// Where `work` stands that takes `seconds`: the time that its [`Roofline::limit`] allows over the time it takes.
    #[must_use]
    pub fn place(&self, work: &Work<'_>, seconds: f64) -> Option<Place> {
        let limit = self.limit(work)?;
        let percent_of_roof = limit.least_s / seconds * 100.0;
        let standing = if percent_of_roof > AT_THE_ROOF {
            Standing::Above
        } else {
            Standing::Under
        };
        percent_of_roof.is_finite().then(|| Place {
            bound: limit.bound,
            level: limit.memory.level.clone(),
            percent_of_roof,
            standing,
        })
    }
}
#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values by hand are exact")]
mod tests;
