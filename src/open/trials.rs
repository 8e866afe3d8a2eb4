//! Trials: kernels that want one are used only on devices where their results came out right.

use crate::data::{Dtype, generate};
use crate::error::{Error, Result};
use crate::gpu::profile::{compiles_long_texts_slowly, gains_from_small_halves};
use crate::gpu::{COOPERATIVE, Gpu};
use crate::kernel::Kernel;
use crate::ops::{FAMILIES, Family};
use crate::plan::PlanOptions;
use crate::report::{AdapterKind, CooperativeShape, Warning};
use crate::tolerance::{Expected, storing};

/// Seed of the operands' values.
const SEED: u32 = 0x7121;

impl Gpu {
    /// Runs the trials of every kernel that has some ([`Kernel::trials`]), against the f64 reference.
    ///
    /// Kernels on matrix units are tried with each shape of fragments that the adapter lists and kernels have a form for.
    /// Kernels use the shapes with which at least one of them came out right, and a kernel that came out wrong with such a
    /// shape is not used. [`Gpu::warnings`] names both. Other kernels are tried with f16 below 2^-14, which a device may
    /// flush to zero: where it does, the kernels do without.
    ///
    /// [`Gpu::open`] calls it. A program that wraps its own device calls it where it wants the fastest kernels.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn run_trials(&mut self) -> Result<()> {
        self.try_small_halves().await?;
        self.try_matrix_units().await
    }

    /// Runs the trials of kernels without matrix units, as if the device kept f16 below 2^-14, and notes whether it does.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    async fn try_small_halves(&mut self) -> Result<()> {
        if !gains_from_small_halves(self.capabilities.architecture) {
            return Ok(());
        }
        self.capabilities.keeps_small_halves = true;
        for dtype in [Dtype::F32, Dtype::F16] {
            for (family, kernel) in tried().filter(|(_, kernel)| !needs_matrix_units(kernel)) {
                if !self
                    .capabilities
                    .features
                    .contains(kernel.features_for(dtype))
                {
                    continue;
                }
                for shape in kernel.trials {
                    match self.try_kernel(family, kernel, shape, dtype).await {
                        Ok(()) => {}
                        Err(error @ Error::DeviceLost { .. }) => return Err(error),
                        Err(_) => {
                            self.capabilities.keeps_small_halves = false;
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs the trials of kernels on matrix units.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    async fn try_matrix_units(&mut self) -> Result<()> {
        if !self.capabilities.features.contains(COOPERATIVE)
            || self.capabilities.kind == AdapterKind::Noop
        {
            return Ok(());
        }
        let usable = self.summary().cooperative_matrix.clone().into_iter();
        let usable = usable.filter(CooperativeShape::is_usable);
        let mut trusted = Vec::new();
        for shape in usable {
            let Some(dtype) = shape.operands() else {
                continue;
            };
            self.capabilities.cooperative = vec![shape.clone()];
            let outcome = self.try_lanes(dtype).await?;
            if !outcome.is_any_right {
                self.warnings.push(Warning::MatrixUnitsDemoted {
                    shape: shape.to_string(),
                    reason: outcome.first_reason,
                });
                continue;
            }
            for (kernel, reason) in outcome.wrong {
                self.capabilities.demoted.push(kernel);
                self.warnings.push(Warning::KernelDemoted {
                    kernel: kernel.to_owned(),
                    reason,
                });
            }
            trusted.push(shape);
        }
        self.capabilities.cooperative = trusted;
        Ok(())
    }

    /// Takes `smallest` to `largest` as the sizes of subgroups, in place of what the adapter says. A program that knows the
    /// size its driver takes lets more kernels run by a narrower range; [`Gpu::run_trials`] has to follow.
    ///
    /// # Panics
    /// If `smallest` is 0 or more than `largest`.
    pub fn assume_subgroup_sizes(&mut self, smallest: u32, largest: u32) {
        assert!(
            (1..=largest).contains(&smallest),
            "subgroups of {smallest} to {largest} invocations"
        );
        self.capabilities.subgroup_sizes = (smallest, largest);
        self.capabilities.matrix_lanes = None;
        self.capabilities.cooperative.clear();
        self.capabilities.demoted.clear();
    }

    /// Runs the trials with each size of subgroups that is possible, until one is right for some kernel. The size stays
    /// for kernels that are planned later.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    async fn try_lanes(&mut self, dtype: Dtype) -> Result<Outcome> {
        if !self.capabilities.subgroups_vary() || self.capabilities.matrix_lanes.is_some() {
            return self.try_kernels(dtype).await;
        }
        let mut first = None;
        for lanes in self.capabilities.possible_lanes() {
            self.capabilities.matrix_lanes = Some(lanes);
            let outcome = self.try_kernels(dtype).await?;
            if outcome.is_any_right {
                return Ok(outcome);
            }
            first.get_or_insert(outcome);
        }
        self.capabilities.matrix_lanes = None;
        Ok(first.unwrap_or_default())
    }

    /// Runs the trials of every kernel on matrix units on operands of `dtype`.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    async fn try_kernels(&self, dtype: Dtype) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        // Another kernel may come out right with fragments or lanes that it does not use, and says nothing about them.
        for (family, kernel) in tried().filter(|(_, kernel)| needs_matrix_units(kernel)) {
            // A processor compiles these kernels for minutes and is never given one unasked: one that is right will do.
            let is_enough = outcome.is_any_right && compiles_long_texts_slowly(&self.capabilities);
            for shape in kernel.trials.iter().filter(|_| !is_enough) {
                match self.try_kernel(family, kernel, shape, dtype).await {
                    Ok(()) => outcome.is_any_right = true,
                    Err(error @ Error::DeviceLost { .. }) => return Err(error),
                    Err(error) => outcome.note(kernel.name, &error),
                }
            }
        }
        Ok(outcome)
    }

    /// Runs `kernel` once on the operation that `shape` says, and compares every element with the reference.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the kernel has no form for the shape here; [`Error::Gpu`] with the first wrong element;
    /// errors of planning and of the device.
    async fn try_kernel(
        &self,
        family: &'static Family,
        kernel: &'static Kernel,
        shape: &str,
        dtype: Dtype,
    ) -> Result<()> {
        let operation = (family.parse)(shape, dtype)?;
        let operands = operation.operands();
        let values: Vec<Vec<f32>> = operands
            .iter()
            .enumerate()
            .map(|(place, operand)| {
                let count = operand.elements as usize;
                if operand.role.is_read() {
                    generate(SEED, place, count, operand.dtype, operand.distribution)
                } else {
                    // An element that the kernel leaves out is found.
                    vec![f32::NAN; count]
                }
            })
            .collect();
        let before: Vec<_> = values.iter().map(|values| Some(&values[..])).collect();
        let options = PlanOptions {
            kernel: Some(kernel.name),
            ..PlanOptions::default()
        };
        let outputs = self.run_on(operation.as_ref(), &options, &before).await?;
        let written = operands.iter().filter(|operand| operand.role.is_written());
        // The reference numbers the elements of all outputs in a row.
        let mut base = 0;
        for (operand, got) in written.zip(&outputs) {
            let indices: Vec<u64> = (base..base + operand.elements).collect();
            base += operand.elements;
            let inputs = &values.as_slice();
            let expected = operation.expected(kernel.intermediates, inputs, &indices);
            for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
                let rounding = storing(expected.value, operand.dtype);
                let allowed = Expected::new(expected.value, expected.allowed + rounding);
                if allowed.excess(f64::from(*got)) > 1.0 {
                    return Err(Error::Gpu {
                        what: format!("{} {shape}", family.name),
                        message: format!(
                            "{}[{index}] is {got} and should be {}",
                            operand.name, expected.value
                        ),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Every kernel with trials, and its family.
fn tried() -> impl Iterator<Item = (&'static Family, &'static Kernel)> {
    let kernels = |family: &&'static Family| {
        let family = *family;
        family.kernels.iter().map(move |kernel| (family, *kernel))
    };
    let all = FAMILIES.iter().flat_map(kernels);
    all.filter(|(_, kernel)| !kernel.trials.is_empty())
}

fn needs_matrix_units(kernel: &Kernel) -> bool {
    kernel.features.contains(COOPERATIVE)
}

/// Outcome of the trials of one shape of fragments.
#[derive(Debug, Default)]
struct Outcome {
    is_any_right: bool,
    /// Kernels that came out wrong, or that the driver refused, with the reason.
    wrong: Vec<(&'static str, String)>,
    /// The first reason of all, of kernels without a form as well.
    first_reason: String,
}

impl Outcome {
    fn note(&mut self, kernel: &'static str, error: &Error) {
        if self.first_reason.is_empty() {
            self.first_reason = error.to_string();
        }
        // A kernel without a form for some fragments, or for little workgroup memory, says so when it is planned.
        let is_known = self.wrong.iter().any(|(known, _)| *known == kernel);
        if !matches!(error, Error::Unsupported { .. }) && !is_known {
            self.wrong.push((kernel, error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{needs_matrix_units, tried};

    /// A trial tells of matrix units or of f16 below 2^-14, and of nothing else.
    #[test]
    fn every_trial_shows_something() {
        let (on_matrix_units, others): (Vec<_>, Vec<_>) =
            tried().partition(|(_, kernel)| needs_matrix_units(kernel));
        assert!(!on_matrix_units.is_empty());
        assert!(!others.is_empty());
        for (_, kernel) in others {
            assert!(kernel.declares("SUBNORMALS"), "{}", kernel.name);
        }
    }
}
