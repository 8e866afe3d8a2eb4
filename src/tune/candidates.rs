//! Candidates of a search: kernels of the table with their alternatives, none of them twice.

use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::ops::{self, Fit, Operation};
use crate::plan::{PlanOptions, chosen, constants_of};
use crate::report::TunedConfig;

/// One way to compute an operation.
#[derive(Debug, Clone)]
pub struct Config {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Constants that replace the constants chosen by shape and device.
    pub constants: Constants,
}

impl Config {
    /// The kernel's name and the constants.
    #[must_use]
    pub fn describe(&self) -> String {
        TunedConfig::new(self.kernel, &self.constants, 0.0).describe()
    }
}

/// At most `most` ways to compute `operation` on `device`, in order: the library's choice and its
/// [`ops::Candidate::alternatives`], then other kernels that fit best and their alternatives, then kernels that are able.
///
/// # Errors
/// [`crate::Error::Unsupported`] where no kernel runs here.
pub fn candidates(
    operation: &dyn Operation,
    device: &Capabilities,
    most: usize,
) -> Result<Vec<Config>> {
    let (first, _) = chosen(operation, &PlanOptions::default(), device)?;
    let all = operation.candidates();
    let others = |wanted: fn(&Fit) -> bool| {
        let others = all
            .iter()
            .filter(|other| other.kernel().name != first.kernel().name);
        others.filter(move |other| wanted(&other.fit(device)))
    };
    let best = others(|fit| *fit == Fit::Best).collect();
    let able = others(|fit| matches!(fit, Fit::Able(_))).collect();
    let groups = [vec![&first], best, able];
    let order = groups.iter().flat_map(|group| {
        let plain = group.iter().map(|candidate| (*candidate, Constants::new()));
        let alternatives = group.iter().flat_map(|candidate| {
            let alternatives = candidate.alternatives(device).into_iter();
            alternatives.map(move |constants| (*candidate, constants))
        });
        plain.chain(alternatives)
    });
    let mut found: Vec<(Config, Constants)> = Vec::new();
    for (candidate, constants) in order {
        if found.len() == most.max(1) {
            break;
        }
        let Some(resolved) = resolved(operation, &**candidate, &constants, device) else {
            continue;
        };
        let kernel = candidate.kernel();
        let is_same = |(other, set): &(Config, Constants)| {
            other.kernel.name == kernel.name && *set == resolved
        };
        if !found.iter().any(is_same) {
            found.push((Config { kernel, constants }, resolved));
        }
    }
    Ok(found.into_iter().map(|(candidate, _)| candidate).collect())
}

/// All constants of a candidate, by name; `None` where it does not run.
fn resolved(
    operation: &dyn Operation,
    candidate: &dyn ops::Candidate,
    constants: &Constants,
    device: &Capabilities,
) -> Option<Constants> {
    let options = PlanOptions {
        constants: constants.clone(),
        ..PlanOptions::default()
    };
    let all = constants_of(candidate, &options, device).ok()?;
    let kernel = candidate.kernel();
    let stages = kernel.prepare_for(operation.dtype(), &all, device).ok()?;
    // Tiles may not fit the shape, which only a schedule shows.
    let stages: Vec<_> = stages.iter().map(|stage| &**stage).collect();
    candidate.schedule(&stages, device).ok()?;
    Some(all.sorted())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::error::Error;
    use crate::ops::{Matmul, Softmax};
    use crate::plan::choose;
    use crate::report::AdapterKind;
    use crate::tune::{Job, tunable};

    fn device() -> Capabilities {
        Capabilities::fake(AdapterKind::Discrete).with_subgroups((32, 32))
    }

    #[test]
    fn the_default_comes_first_and_nothing_twice() {
        let matmul = Matmul::new(1024, 1024, 1024);
        let found = candidates(&matmul, &device(), 12).unwrap();
        let chosen = choose(&matmul, &PlanOptions::default(), &device()).unwrap();
        assert_eq!(found[0].kernel.name, chosen.kernel.name);
        assert!(found[0].constants.is_empty());
        assert!((4..=12).contains(&found.len()), "{}", found.len());
        let mut names: Vec<String> = found.iter().map(Config::describe).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), found.len());
        assert!(names.iter().any(|name| name == "matmul_naive"), "{names:?}");
    }

    /// Constants that are too large for a device are skipped; a text that is no WGSL would be a gap in the search.
    #[test]
    fn alternatives_are_right_wgsl() {
        let fake = Capabilities::fake;
        let devices = [
            fake(AdapterKind::Discrete)
                .with_features(wgpu::Features::all())
                .with_subgroups((32, 32))
                .with_matrix_units(16)
                .with_workgroup_memory()
                .with_invocations(1024),
            fake(AdapterKind::Integrated)
                .with_f16()
                .with_subgroups((8, 32)),
        ];
        for (family, device) in
            tunable().flat_map(|family| devices.iter().map(move |d| (family, d)))
        {
            for dtype in [Dtype::F32, Dtype::F16] {
                for job in Job::all(family, dtype, device.kind).unwrap() {
                    let operation = job.operation.as_ref();
                    for candidate in operation.candidates() {
                        let kernel = candidate.kernel();
                        for constants in candidate.alternatives(device) {
                            let options = PlanOptions {
                                constants,
                                ..PlanOptions::default()
                            };
                            let all = constants_of(&*candidate, &options, device);
                            let ended = all.and_then(|all| kernel.supported(dtype, &all, device));
                            let refused = |e: &Error| matches!(e, Error::Unsupported { .. });
                            assert!(
                                ended.as_ref().err().is_none_or(refused),
                                "{}: {ended:?}",
                                job.class
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn there_are_never_more_than_allowed_and_at_least_the_default() {
        let softmax = Softmax::new(512, 1024);
        for most in 0..4 {
            let found = candidates(&softmax, &device(), most).unwrap();
            assert!((1..=most.max(1)).contains(&found.len()));
        }
    }

    #[test]
    fn what_a_device_lacks_is_no_candidate() {
        let found = candidates(&Matmul::new(1024, 1024, 1024), &device(), 100).unwrap();
        let cooperative = |c: &Config| c.kernel.name.contains("cooperative");
        assert!(!found.iter().any(cooperative));
    }
}
