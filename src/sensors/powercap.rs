//! Energy of the processor's packages, as Linux counts it. A GPU inside the processor is part of its package.

use super::sysfs::{entries, number, text};
use super::{Energy, Reading, Source};
use crate::report::PowerOf;
use std::path::{Path, PathBuf};

/// Name of the source.
pub(super) const NAME: &str = "powercap";

/// Time in seconds after which the counters have new values.
const STEP_S: f64 = 1e-3;

/// All packages of the machine.
#[derive(Debug)]
pub(super) struct Packages {
    counters: Vec<Counter>,
}

/// Energy counter of one package, which begins again from zero at a limit.
#[derive(Debug)]
struct Counter {
    file: PathBuf,
    limit_j: Option<f64>,
    last_j: f64,
    /// Energy of the turns that ended, in joules.
    before_j: f64,
}

impl Packages {
    /// Packages under `root`.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let zones = entries(&root.join("class/powercap"), "intel-rapl:");
        let is_package = |zone: &&PathBuf| {
            let name = text(&zone.join("name"));
            name.is_ok_and(|name| name.starts_with("package"))
        };
        let zones: Vec<&PathBuf> = zones.iter().filter(is_package).collect();
        if zones.is_empty() {
            return Err("it needs /sys/class/powercap, which has no package here".to_owned());
        }
        let counter = |zone: &&PathBuf| {
            let file = zone.join("energy_uj");
            text(&file)?;
            Ok(Counter {
                limit_j: number(&zone.join("max_energy_range_uj"), 1e-6),
                last_j: 0.0,
                before_j: 0.0,
                file,
            })
        };
        let counters: Result<Vec<Counter>, String> = zones.iter().map(counter).collect();
        Ok(Self {
            counters: counters?,
        })
    }
}

impl Counter {
    /// Energy in joules, without the jumps at the limit.
    fn read(&mut self) -> Option<f64> {
        let now_j = number(&self.file, 1e-6)?;
        if now_j < self.last_j {
            self.before_j += self.limit_j?;
        }
        self.last_j = now_j;
        Some(self.before_j + now_j)
    }
}

impl Source for Packages {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self) -> Reading {
        let joules: Option<f64> = self.counters.iter_mut().map(Counter::read).sum();
        Reading {
            energy: joules.map(|joules| Energy {
                joules,
                of: PowerOf::Package,
                step_s: STEP_S,
            }),
            ..Reading::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sysfs::FakeFiles;
    use super::*;

    #[test]
    fn packages_are_summed_and_a_counter_that_begins_again_goes_on() {
        let files = FakeFiles::new("powercap", &[]);
        for (zone, name) in [("0", "package-0"), ("1", "package-1"), ("0:0", "core")] {
            let zone = format!("class/powercap/intel-rapl:{zone}");
            files.set(&format!("{zone}/name"), name.as_bytes());
            files.set(&format!("{zone}/max_energy_range_uj"), b"1000000000");
            files.set(&format!("{zone}/energy_uj"), b"990000000");
        }
        let mut packages = Packages::open(files.root()).unwrap();
        let mut joules = || packages.read().energy.unwrap().joules;
        assert!((joules() - 1980.0).abs() < 1e-9);
        files.set("class/powercap/intel-rapl:0/energy_uj", b"10000000");
        assert!((joules() - 2000.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_missing_is_said() {
        let files = FakeFiles::new(
            "powercap-none",
            &[("class/powercap/intel-rapl:0/name", "psys")],
        );
        let error = Packages::open(files.root()).unwrap_err();
        assert!(error.contains("no package"), "{error}");
        let zone = "class/powercap/intel-rapl:0";
        files.set(&format!("{zone}/name"), b"package-0");
        let error = Packages::open(files.root()).unwrap_err();
        assert!(error.contains("energy_uj"), "{error}");
    }
}
