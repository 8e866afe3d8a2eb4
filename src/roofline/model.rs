//! The roofline model: ceilings by element type and memory level, ridge points, and the place of a kernel under them.
//!
//! Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model", CACM 52(4), 2009; one slanted
//! roof for each level of the hierarchy as in Ilic, Pratas, Sousa, "Cache-aware Roofline Model", IEEE CAL 13(1), 2014.

use super::data::{Level, RooflineReport};
use crate::error::{Error, Result};
use crate::report::{Bound, Ceiling, Report};
use crate::units::{Bandwidth, FlopRate, Intensity};
use serde::{Deserialize, Serialize};

/// One flat roof and one slanted.
///
/// # Examples
/// ```
/// use ridgepoint::roofline::Roof;
/// use ridgepoint::units::{Bandwidth, FlopRate, Intensity};
/// let roof = Roof {
///     compute: FlopRate::from_flops_per_second(60e12),
///     memory: Bandwidth::from_bytes_per_second(4e12),
/// };
/// assert_eq!(roof.ridge_point().flops_per_byte(), 15.0);
/// let copy_like = Intensity::from_flops_per_byte(0.5);
/// assert_eq!(roof.attainable(copy_like).flops_per_second(), 2e12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roof {
    /// The most operations per second.
    pub compute: FlopRate,
    /// The most bytes per second.
    pub memory: Bandwidth,
}

/// How much of the traffic is read and how much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// Nothing or next to nothing is written.
    Read,
    /// Twice as much is read as written.
    Triad,
    /// As much is read as written.
    Copy,
    /// Nothing or next to nothing is read.
    Write,
}

/// Where the figures of a [`Roofline`] come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// They were measured.
    Measured,
    /// Somebody's data sheet, named. What hardware reaches lies below it.
    VendorSheet(String),
}

/// The bandwidth of one level for one mix of directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryCeiling {
    /// `cache 1`, `cache 2`, `memory`.
    pub level: String,
    /// What the level holds; `None` for memory, which holds everything.
    pub bytes: Option<u64>,
    /// Of which traffic; caches are measured by reading.
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

/// What an adapter can reach, by arithmetic and by memory level. Pure: no GPU is needed.
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

/// What a kernel has to do, and on what.
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
    /// Which of the two ceilings is the lower one for its intensity.
    pub bound: Bound,
    /// The level whose bandwidth it was held against.
    pub level: String,
    /// What it reaches of its ceiling, in percent.
    pub percent_of_roof: f64,
    /// Whether that can be.
    pub standing: Standing,
}

/// Above this many percent a time is above the roof, not merely at it: two measurements of one thing differ that much.
const AT_THE_ROOF: f64 = 100.0;

impl Roof {
    /// The intensity at which both ceilings meet.
    #[must_use]
    pub fn ridge_point(&self) -> Intensity {
        self.compute / self.memory
    }

    /// The most that a kernel of this intensity can reach.
    #[must_use]
    pub fn attainable(&self, intensity: Intensity) -> FlopRate {
        let by_memory = self.memory * intensity;
        if by_memory.flops_per_second() < self.compute.flops_per_second() {
            by_memory
        } else {
            self.compute
        }
    }

    /// Which of the two limits a kernel of this intensity.
    #[must_use]
    pub fn bound(&self, intensity: Intensity) -> Bound {
        if intensity.flops_per_byte() <= self.ridge_point().flops_per_byte() {
            Bound::Memory
        } else {
            Bound::Compute
        }
    }

    /// The least time in seconds for so many operations and bytes, and what it is made of.
    fn least(&self, flops: u64, bytes: u64) -> (f64, Bound) {
        let by_compute = flops as f64 / self.compute.flops_per_second();
        let by_memory = bytes as f64 / self.memory.bytes_per_second();
        if by_memory >= by_compute {
            (by_memory, Bound::Memory)
        } else {
            (by_compute, Bound::Compute)
        }
    }
}

impl Mix {
    /// The nearest mix to so many bytes in each direction.
    #[must_use]
    pub fn of(read: u64, written: u64) -> Self {
        match read as f64 / (read + written).max(1) as f64 {
            share if share > 5.0 / 6.0 => Self::Read,
            share if share > 7.0 / 12.0 => Self::Triad,
            share if share > 0.25 => Self::Copy,
            _ => Self::Write,
        }
    }

    /// What follows `memory/` in the id of its ceiling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triad => "triad",
            Self::Copy => "copy",
            Self::Write => "write",
        }
    }
}

/// The name of the level behind all caches.
const MEMORY: &str = "memory";

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
        let failed = |reason: String| Error::File {
            path: "a roofline".to_owned(),
            reason,
        };
        let found = match serde_json::from_str::<Report>(text) {
            Ok(report) if report.schema == crate::report::SCHEMA => {
                Self::from_ceilings(&report.ceilings)
            }
            _ => Self::from_report(&RooflineReport::from_json(text)?),
        };
        found.ok_or_else(|| {
            failed("it has no ceiling of arithmetic, or none of memory; measure again".to_owned())
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
        let value = |id: String| ceilings.iter().find(|c| c.id == id)?.value;
        let compute = ceilings.iter().filter_map(|ceiling| {
            Some(ComputeCeiling {
                name: ceiling.id.strip_prefix("compute/")?.to_owned(),
                rate: FlopRate::from_flops_per_second(ceiling.value?),
            })
        });
        let compute: Vec<_> = compute.collect();
        let caches = levels.iter().filter_map(|level| {
            Some(MemoryCeiling {
                level: level.name.clone(),
                bytes: Some(level.bytes.filter(|_| level.name.starts_with("cache"))?),
                mix: Mix::Read,
                bandwidth: Bandwidth::from_bytes_per_second(level.bandwidth?),
            })
        });
        let mixes = [Mix::Read, Mix::Triad, Mix::Copy, Mix::Write];
        let memory = mixes.into_iter().filter_map(|mix| {
            Some(MemoryCeiling {
                level: MEMORY.to_owned(),
                bytes: None,
                mix,
                bandwidth: Bandwidth::from_bytes_per_second(value(format!(
                    "memory/{}",
                    mix.name()
                ))?),
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
        self.compute.iter().find(|c| c.name == name).map(|c| c.rate)
    }

    /// The most that any arithmetic on elements of `dtype` reaches, matrix units included. Where nothing of that type was
    /// measured, that of f32.
    #[must_use]
    pub fn fastest(&self, dtype: &str) -> Option<FlopRate> {
        let matrix = format!("{dtype}_matrix");
        let of_type = self
            .compute
            .iter()
            .filter(|c| c.name == dtype || c.name == matrix)
            .map(|c| c.rate);
        let fastest = of_type.max_by(|a, b| a.flops_per_second().total_cmp(&b.flops_per_second()));
        fastest.or_else(|| self.compute("f32"))
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

    /// The roof over `work`, and the level that it is made of.
    #[must_use]
    pub fn over(&self, work: &Work<'_>) -> Option<(Roof, &MemoryCeiling)> {
        let level = self.level(work.bytes, work.mix)?;
        let roof = Roof {
            compute: self.fastest(work.dtype)?,
            memory: level.bandwidth,
        };
        Some((roof, level))
    }

    /// Where `work` stands that takes `seconds`: the time that the ceilings of its own type, mix and footprint allow over
    /// the time it takes. Holds for work without operations too, where an intensity of zero would allow nothing.
    #[must_use]
    pub fn place(&self, work: &Work<'_>, seconds: f64) -> Option<Place> {
        let (roof, level) = self.over(work)?;
        let (least, bound) = roof.least(work.flops, work.bytes);
        let percent_of_roof = least / seconds * 100.0;
        let standing = if percent_of_roof > AT_THE_ROOF {
            Standing::Above
        } else {
            Standing::Under
        };
        percent_of_roof.is_finite().then(|| Place {
            bound,
            level: level.level.clone(),
            percent_of_roof,
            standing,
        })
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values by hand are exact")]
mod tests {
    use super::*;

    fn roof() -> Roof {
        Roof {
            compute: FlopRate::from_flops_per_second(1000.0),
            memory: Bandwidth::from_bytes_per_second(100.0),
        }
    }

    fn ceilings() -> Vec<Ceiling> {
        [
            ("compute/f32", 1000.0),
            ("compute/f16", 2000.0),
            ("compute/f16_matrix", 8000.0),
            ("memory/read", 120.0),
            ("memory/copy", 100.0),
        ]
        .map(|(id, value)| Ceiling::known(id, "1/s", value))
        .into()
    }

    fn work(flops: u64, bytes: u64) -> Work<'static> {
        Work {
            dtype: "f32",
            flops,
            bytes,
            mix: Mix::Copy,
        }
    }

    #[test]
    fn the_ridge_point_divides_memory_from_compute() {
        let at = |i| {
            let intensity = Intensity::from_flops_per_byte(i);
            let rate = roof().attainable(intensity).flops_per_second();
            (rate, roof().bound(intensity))
        };
        assert_eq!(roof().ridge_point(), Intensity::from_flops_per_byte(10.0));
        assert_eq!(at(1.0), (100.0, Bound::Memory));
        assert_eq!(at(10.0), (1000.0, Bound::Memory));
        assert_eq!(at(100.0), (1000.0, Bound::Compute));
    }

    #[test]
    fn places_by_hand() {
        let roofline = Roofline::from_ceilings(&ceilings()).unwrap();
        // 2000 operations on 50 bytes take 2 s of arithmetic; done in 4 s, that is half of the roof.
        let place = roofline.place(&work(2000, 50), 4.0).unwrap();
        assert_eq!((place.bound, place.percent_of_roof), (Bound::Compute, 50.0));
        assert_eq!(
            (place.level.as_str(), place.standing),
            (MEMORY, Standing::Under)
        );
        // A copy has no operations: 100 bytes take 1 s.
        let place = roofline.place(&work(0, 100), 1.25).unwrap();
        assert_eq!((place.bound, place.percent_of_roof), (Bound::Memory, 80.0));
        let place = roofline.place(&work(0, 100), 0.5).unwrap();
        assert_eq!(
            (place.percent_of_roof, place.standing),
            (200.0, Standing::Above)
        );
        assert_eq!(roofline.place(&work(1, 1), 0.0), None);
    }

    #[test]
    fn a_kernel_is_held_against_its_own_type_mix_and_footprint() {
        let cache = Level {
            name: "cache 1".to_owned(),
            bytes: Some(64),
            bandwidth: Some(500.0),
            latency_s: None,
        };
        let roofline = Roofline::new(&ceilings(), &[cache]).unwrap();
        assert_eq!(roofline.fastest("f16").unwrap().flops_per_second(), 8000.0);
        assert_eq!(roofline.fastest("bf16").unwrap().flops_per_second(), 1000.0);
        let rate = |bytes, mix| {
            roofline
                .level(bytes, mix)
                .unwrap()
                .bandwidth
                .bytes_per_second()
        };
        assert_eq!(rate(64, Mix::Copy), 500.0);
        assert_eq!(rate(65, Mix::Copy), 100.0);
        assert_eq!(rate(65, Mix::Read), 120.0);
        assert_eq!(rate(65, Mix::Write), 100.0);
        let ridge = roofline.roof("f32", "cache 1").unwrap().ridge_point();
        assert_eq!(ridge.flops_per_byte(), 2.0);
        assert_eq!(roofline.roof("f64", "memory"), None);
    }

    #[test]
    fn mixes_are_the_nearest() {
        let mixes = [(1, 0), (2, 1), (1, 1), (0, 1), (9, 1), (0, 0)];
        let want = [
            Mix::Read,
            Mix::Triad,
            Mix::Copy,
            Mix::Write,
            Mix::Read,
            Mix::Write,
        ];
        assert_eq!(mixes.map(|(read, written)| Mix::of(read, written)), want);
    }

    #[test]
    fn too_few_ceilings_are_no_roofline() {
        assert_eq!(Roofline::from_ceilings(&[]), None);
        assert_eq!(Roofline::from_ceilings(&ceilings()[..3]), None);
        assert!(Roofline::from_json("{}").is_err());
    }
}
