//! The roofline model: two ceilings, and the place of a kernel under them.

use crate::report::{Bound, Ceiling};
use crate::units::{Bandwidth, FlopRate, Intensity};

/// An adapter's two ceilings for one element type.
///
/// # Examples
/// ```
/// use ridgepoint::roofline::Roofline;
/// use ridgepoint::units::{Bandwidth, FlopRate, Intensity};
/// let roofline = Roofline {
///     compute: FlopRate::from_flops_per_second(60e12),
///     memory: Bandwidth::from_bytes_per_second(4e12),
/// };
/// assert_eq!(roofline.ridge_point().flops_per_byte(), 15.0);
/// let copy_like = Intensity::from_flops_per_byte(0.5);
/// assert_eq!(roofline.attainable(copy_like).flops_per_second(), 2e12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// The most operations per second.
    pub compute: FlopRate,
    /// The most bytes per second, from and to memory.
    pub memory: Bandwidth,
}

/// Where a kernel stands under a [`Roofline`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Which of the two ceilings is the lower one for its intensity.
    pub bound: Bound,
    /// What it reaches of that ceiling, in percent.
    pub percent_of_roof: f64,
}

impl Roofline {
    /// From the measured ceilings `compute/f32` and `memory/copy`, if both have a value.
    #[must_use]
    pub fn from_ceilings(ceilings: &[Ceiling]) -> Option<Self> {
        let value = |id: &str| ceilings.iter().find(|c| c.id == id)?.value;
        Some(Self {
            compute: FlopRate::from_flops_per_second(value("compute/f32")?),
            memory: Bandwidth::from_bytes_per_second(value("memory/copy")?),
        })
    }

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

    /// Where work of `flops` operations and `bytes` bytes stands that takes `seconds`: the time that the ceilings allow
    /// over the time it takes. Holds for work without operations too, where an intensity of zero would allow nothing.
    #[must_use]
    pub fn place(&self, flops: u64, bytes: u64, seconds: f64) -> Option<Place> {
        let by_compute = flops as f64 / self.compute.flops_per_second();
        let by_memory = bytes as f64 / self.memory.bytes_per_second();
        let percent_of_roof = by_compute.max(by_memory) / seconds * 100.0;
        let bound = if by_memory >= by_compute {
            Bound::Memory
        } else {
            Bound::Compute
        };
        percent_of_roof.is_finite().then_some(Place {
            bound,
            percent_of_roof,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roofline() -> Roofline {
        Roofline {
            compute: FlopRate::from_flops_per_second(1000.0),
            memory: Bandwidth::from_bytes_per_second(100.0),
        }
    }

    #[test]
    fn the_ridge_point_divides_memory_from_compute() {
        let attainable = |i| {
            roofline()
                .attainable(Intensity::from_flops_per_byte(i))
                .flops_per_second()
        };
        assert_eq!(
            roofline().ridge_point(),
            Intensity::from_flops_per_byte(10.0)
        );
        assert_eq!(
            (attainable(1.0), attainable(10.0), attainable(100.0)),
            (100.0, 1000.0, 1000.0)
        );
    }

    #[test]
    fn places_by_hand() {
        // 2000 operations on 50 bytes take 2 s of arithmetic; done in 4 s, that is half of the roof.
        let place = roofline().place(2000, 50, 4.0).unwrap();
        assert_eq!((place.bound, place.percent_of_roof), (Bound::Compute, 50.0));
        // A copy has no operations: 100 bytes take 1 s.
        let place = roofline().place(0, 100, 1.25).unwrap();
        assert_eq!((place.bound, place.percent_of_roof), (Bound::Memory, 80.0));
        assert_eq!(roofline().place(1, 1, 0.0), None);
    }
}
