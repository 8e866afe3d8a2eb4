//! What a search tries: kernels of the table with their presets, none of them twice.

use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Contender, Kernel, PlanOptions};
use crate::ops::{Operation, choose, constants_of};
use crate::shader::Constant;

/// One way to compute an operation.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Constants that replace those of shape and device: one of the kernel's presets.
    pub constants: Constants,
}

impl Candidate {
    /// The kernel's name and the constants.
    #[must_use]
    pub fn describe(&self) -> String {
        Contender::new(self.kernel, &self.constants, 0.0).describe()
    }
}

/// At most `most` ways to compute `operation` on `device`: what the library chooses, the other presets of that kernel,
/// the other kernels, the best first, and their presets. Pure.
///
/// # Errors
/// [`crate::Error::Unsupported`] where no kernel runs here.
pub fn candidates(
    operation: &dyn Operation,
    device: &Capabilities,
    most: usize,
) -> Result<Vec<Candidate>> {
    let chosen = choose(operation, &PlanOptions::default(), device)?.kernel;
    let mut kernels = vec![chosen];
    let table = operation.family().kernels.iter().rev().copied();
    let mut unsuited = Vec::new();
    for kernel in operation.candidates(device).into_iter().chain(table) {
        let known = |k: &&Kernel| k.name == kernel.name;
        if kernels.iter().chain(&unsuited).any(known) {
            continue;
        }
        match operation.unsuited(kernel, device) {
            None => kernels.push(kernel),
            Some(_) => unsuited.push(kernel),
        }
    }
    kernels.extend(unsuited);
    let others = || kernels[1..].iter().copied();
    let presets = |kernel: &'static Kernel| (1..kernel.presets.len()).map(move |i| (kernel, i));
    let order = std::iter::once((chosen, 0))
        .chain(presets(chosen))
        .chain(others().map(|kernel| (kernel, 0)))
        .chain(others().flat_map(presets));
    let mut found: Vec<(Candidate, Constants)> = Vec::new();
    for (kernel, preset) in order {
        if found.len() == most.max(1) {
            break;
        }
        let constants = if preset == 0 {
            Constants::new()
        } else {
            kernel.preset(preset)
        };
        let Some(resolved) = resolved(operation, kernel, &constants, device) else {
            continue;
        };
        let is_same = |(other, set): &(Candidate, Constants)| {
            other.kernel.name == kernel.name && *set == resolved
        };
        if !found.iter().any(is_same) {
            found.push((Candidate { kernel, constants }, resolved));
        }
    }
    Ok(found.into_iter().map(|(candidate, _)| candidate).collect())
}

/// All constants of a candidate, by name; `None` where it does not run.
fn resolved(
    operation: &dyn Operation,
    kernel: &'static Kernel,
    constants: &[(&'static str, Constant)],
    device: &Capabilities,
) -> Option<Constants> {
    let options = PlanOptions {
        constants: constants.to_vec(),
        ..PlanOptions::default()
    };
    let mut all = constants_of(operation, kernel, &options, device).ok()?;
    kernel.supported(operation.dtype(), &all, device).ok()?;
    all.sort_by_key(|(name, _)| *name);
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::AdapterKind;
    use crate::ops::{Matmul, Softmax};

    fn device() -> Capabilities {
        Capabilities {
            features: wgpu::Features::empty(),
            limits: wgpu::Limits::default(),
            kind: AdapterKind::Discrete,
            subgroup_sizes: (32, 32),
            cooperative: Vec::new(),
        }
    }

    #[test]
    fn the_default_comes_first_and_nothing_twice() {
        let matmul = Matmul::new(1024, 1024, 1024);
        let found = candidates(&matmul, &device(), 12).unwrap();
        let chosen = choose(&matmul, &PlanOptions::default(), &device()).unwrap();
        assert_eq!(found[0].kernel.name, chosen.kernel.name);
        assert!(found[0].constants.is_empty());
        assert!((4..=12).contains(&found.len()), "{}", found.len());
        let mut names: Vec<String> = found.iter().map(Candidate::describe).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), found.len());
        assert!(names.iter().any(|name| name == "matmul_naive"), "{names:?}");
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
        let cooperative = |c: &Candidate| c.kernel.name.contains("cooperative");
        assert!(!found.iter().any(cooperative));
    }
}
