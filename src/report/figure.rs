//! Figures that follow from a row alone: its shape in words, its rate, the ceiling over it.

use super::ceiling_id::CeilingId;
use super::run::{Bound, Ceiling, ROTATED, Report, Row};
use super::soak::Soak;
use crate::units::{Bandwidth, FlopRate, Unit};

/// How far a ceiling may be from the one that a row's percentage was computed from: ceilings are measured again at the
/// first row that passes its roof, and the higher ones stay in the file.
const SAME_CEILING: f64 = 0.05;

impl Row {
    /// Label of the shape; in a file of versions without labels the sizes by their names. `/rotated` stands behind the shape of
    /// a row whose operands come from memory: caches make another problem of it.
    #[must_use]
    pub fn shape_text(&self) -> String {
        let shape = if self.label.is_empty() {
            let sizes = self.shape.iter();
            let sizes = sizes.map(|(name, size)| format!("{name}={size}"));
            sizes.collect::<Vec<_>>().join(" ")
        } else {
            self.label.clone()
        };
        match self.operand_sets {
            Some(_) => shape + ROTATED,
            None => shape,
        }
    }

    /// Whether there is a time, of a result that was not found wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.time_s.is_some() && self.verified.as_ref().is_none_or(|verified| verified.ok)
    }

    /// Resource that limits the row; where the limit is not known, the larger of operations and bytes.
    #[must_use]
    pub fn resource(&self) -> Bound {
        self.bound.unwrap_or(if self.flops < self.min_bytes {
            Bound::Memory
        } else {
            Bound::Compute
        })
    }

    /// Rate in terms of `resource`, and its unit: bytes or operations per second.
    #[must_use]
    pub fn rate(&self, resource: Bound) -> (Option<f64>, Unit) {
        match resource {
            Bound::Memory => {
                let rate = self.bandwidth.map(Bandwidth::bytes_per_second);
                (rate, Unit::BytesPerSecond)
            }
            Bound::Compute => {
                let rate = self.flop_rate.map(FlopRate::flops_per_second);
                (rate, Unit::FlopsPerSecond)
            }
        }
    }

    /// Rate in terms of `resource` of an execution that takes `seconds`, and its unit.
    #[must_use]
    pub fn rate_over(&self, resource: Bound, seconds: f64) -> (Option<f64>, Unit) {
        match resource {
            Bound::Memory => {
                let rate = Bandwidth::new(self.min_bytes, seconds);
                (rate.map(Bandwidth::bytes_per_second), Unit::BytesPerSecond)
            }
            Bound::Compute => {
                let rate = FlopRate::new(self.flops, seconds);
                (rate.map(FlopRate::flops_per_second), Unit::FlopsPerSecond)
            }
        }
    }

    /// Work of `resource` per joule, and its unit: the rate for each watt. `None` where the energy is not known.
    #[must_use]
    pub fn per_joule(&self, resource: Bound) -> (Option<f64>, Unit) {
        let (work, unit) = match resource {
            Bound::Memory => (self.min_bytes, Unit::BytesPerJoule),
            Bound::Compute => (self.flops, Unit::FlopsPerJoule),
        };
        let sensors = self.sensors.as_ref().filter(|_| self.is_good());
        (
            sensors.and_then(|sensors| sensors.per_joule(work as f64)),
            unit,
        )
    }

    /// Ceiling of `ceilings` that `percent_of_roof` is a share of; `None` where the row has no percentage, or where no
    /// ceiling accounts for it.
    #[must_use]
    pub fn ceiling<'a>(&self, ceilings: &'a [Ceiling]) -> Option<&'a Ceiling> {
        let bound = self.bound?;
        let roof = self.rate(bound).0? / (self.percent_of_roof? / 100.0);
        let is_of_bound = |id: &CeilingId| match bound {
            Bound::Memory => id.as_str().starts_with("memory/"),
            Bound::Compute => id.arithmetic().is_some(),
        };
        let off = |ceiling: &Ceiling| (ceiling.value.unwrap_or(f64::NAN) / roof - 1.0).abs();
        let of_bound = ceilings.iter().filter(|ceiling| is_of_bound(&ceiling.id));
        let near = of_bound.filter(|ceiling| off(ceiling) <= SAME_CEILING);
        near.min_by(|a, b| off(a).total_cmp(&off(b)))
    }
}

impl Report {
    /// The soak and the row whose workload was soaked; `None` where there is no such row, and where no interval was measured.
    #[must_use]
    pub fn soaked(&self) -> Option<(&Soak, &Row)> {
        let soak = self.soak.as_ref().filter(|soak| !soak.points.is_empty())?;
        let row = self.rows.iter().find(|row| row.id == soak.id)?;
        Some((soak, row))
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{Report, Results};

    /// The reference result: each row's percentage is its rate over the ceiling that is found for it.
    #[test]
    fn every_percentage_leads_to_its_ceiling() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/results/nvidia-h200-vulkan.json"
        );
        let Results::Run(run) = Results::read(file, &std::fs::read(file).unwrap()).unwrap() else {
            panic!("no run");
        };
        let Report { rows, ceilings, .. } = *run;
        assert!(rows.len() > 10);
        for row in &rows {
            let ceiling = row
                .ceiling(&ceilings)
                .unwrap_or_else(|| panic!("{}", row.id));
            let rate = row.rate(row.resource()).0.unwrap();
            let percent = 100.0 * rate / ceiling.value.unwrap();
            assert!((percent / row.percent_of_roof.unwrap() - 1.0).abs() < 1e-9);
            assert!(row.ceiling(&[]).is_none());
        }
    }
}
