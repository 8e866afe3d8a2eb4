//! Search for the sensors of an adapter.

use super::{Sensors, Source};
use crate::report::AdapterSummary;

/// Outcome of asking one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Name of the source.
    pub source: &'static str,
    /// Names of the quantities that it gives, or what it would need to answer.
    pub answer: Result<Vec<String>, String>,
}

/// Sensors of an adapter, and the answers of all sources that were asked.
#[derive(Debug)]
pub struct Found {
    /// Sources that answer.
    pub sensors: Sensors,
    /// Answers, in the order in which sources were asked.
    pub asked: Vec<Asked>,
}

/// A source that can be read, or what it would need.
type Opened = Result<Box<dyn Source>, String>;

impl Found {
    /// Asks the sources that suit `adapter`. Nothing is asked of an adapter that computes nothing, and nothing at all in a build
    /// without the feature `sensors`.
    #[must_use]
    pub fn of(adapter: &AdapterSummary) -> Self {
        Self::among(sources(adapter))
    }

    /// Keeps those of `sources` that give a value.
    fn among(sources: Vec<(&'static str, Opened)>) -> Self {
        let (mut kept, mut asked) = (Vec::new(), Vec::new());
        for (name, opened) in sources {
            let answer = opened.and_then(|mut source| {
                let quantities = source.read().quantities();
                if quantities.is_empty() {
                    return Err("it is there, and gives no value".to_owned());
                }
                kept.push(source);
                Ok(quantities)
            });
            asked.push(Asked {
                source: name,
                answer,
            });
        }
        Self {
            sensors: Sensors::new(kept),
            asked,
        }
    }
}

#[cfg(not(feature = "sensors"))]
fn sources(_: &AdapterSummary) -> Vec<(&'static str, Opened)> {
    Vec::new()
}

/// Sources that suit `adapter`, the nearest to it first.
#[cfg(feature = "sensors")]
fn sources(adapter: &AdapterSummary) -> Vec<(&'static str, Opened)> {
    use crate::report::AdapterKind;
    use crate::report::vendor::NVIDIA;

    fn boxed<S: Source + 'static>(opened: Result<S, String>) -> Opened {
        opened.map(|source| Box::new(source) as Box<dyn Source>)
    }
    let is_gpu = !matches!(adapter.kind, AdapterKind::Software | AdapterKind::Noop);
    let mut found = Vec::new();
    if adapter.kind == AdapterKind::Noop {
        return found;
    }
    if is_gpu && adapter.vendor_id == NVIDIA {
        found.push((super::nvml::NAME, boxed(super::nvml::Nvml::open(adapter))));
    }
    let root = super::sysfs::root();
    if root.is_dir() {
        // Mesa's drivers of NVIDIA's GPUs come without NVIDIA's library.
        let has_answered = found.iter().any(|(_, opened): &(_, Opened)| opened.is_ok());
        if is_gpu && !has_answered {
            let card = super::card::Card::open(&root, adapter);
            found.push((super::card::NAME, boxed(card)));
        }
        // The package of a processor says nothing of a board beside it.
        if matches!(
            adapter.kind,
            AdapterKind::Software | AdapterKind::Integrated
        ) {
            let packages = super::powercap::Packages::open(&root);
            found.push((super::powercap::NAME, boxed(packages)));
        }
        let battery = super::supply::Battery::open(&root);
        found.push((super::supply::NAME, boxed(battery)));
    }
    #[cfg(any(windows, target_os = "macos"))]
    found.push((super::supply::NAME, boxed(super::battery::Battery::open())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensors::Reading;

    struct Fake(Reading);

    impl Source for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }

        fn read(&mut self) -> Reading {
            self.0.clone()
        }
    }

    #[test]
    fn a_source_without_a_value_is_left_out_with_the_reason() {
        let clock = Reading {
            core_clock_hz: Some(1e9),
            ..Reading::default()
        };
        let fake = |reading: Reading| -> Opened { Ok(Box::new(Fake(reading))) };
        let found = Found::among(vec![
            ("absent", Err("it needs a driver".to_owned())),
            ("mute", fake(Reading::default())),
            ("fake", fake(clock)),
        ]);
        assert_eq!(found.sensors.names(), "fake");
        let answers: Vec<bool> = found
            .asked
            .iter()
            .map(|asked| asked.answer.is_ok())
            .collect();
        assert_eq!(answers, [false, false, true]);
        assert_eq!(found.asked[2].answer, Ok(vec!["core clock".to_owned()]));
    }
}
