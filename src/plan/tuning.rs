//! Looking up in a tuning what a plan should use.

use crate::error::{Error, Result, suggest};
use crate::kernel::{Constants, Kernel};
use crate::ops::{Family, Operation, class_of};
use crate::report::{Setting, Tuned, TunedConfig, Tuning, renames};
use crate::shader::{Checks, Constant};

impl Tuning {
    /// The entry that was found for the class of `operation`.
    #[must_use]
    pub fn of(&self, operation: &dyn Operation, checks: Checks) -> Option<&Tuned> {
        let class = class_of(operation)?;
        let is_it = |tuned: &&Tuned| {
            tuned.operation == operation.family().name
                && tuned.dtype == operation.dtype()
                && tuned.class == class
                && tuned.checks == checks
        };
        self.found.iter().find(is_it)
    }
}

impl TunedConfig {
    /// `kernel` with `constants`; types and snippets are left out, since shape and device alone decide those.
    #[must_use]
    pub fn new(kernel: &Kernel, constants: &Constants, time_s: f64) -> Self {
        let setting = |(name, value): &(&str, Constant)| {
            let setting = match value {
                Constant::Integer(value) => Setting::Integer(*value),
                Constant::Float(value) => Setting::Float(*value),
                Constant::Bool(value) => Setting::Bool(*value),
                Constant::Type(_) | Constant::Snippet(_) => return None,
            };
            Some(((*name).to_owned(), setting))
        };
        Self {
            kernel: kernel.name.to_owned(),
            constants: constants.iter().filter_map(setting).collect(),
            time_s,
        }
    }

    /// The kernel and the constants that these names stand for.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a kernel that `family` has not, or a constant that the kernel has not.
    pub fn resolve(&self, family: &Family) -> Result<(&'static Kernel, Constants)> {
        let kernel = family.kernel(&self.kernel)?;
        let declared = || kernel.stages.iter().flat_map(|s| s.shader.settable());
        let constant = |(name, setting): (&String, &Setting)| {
            let name = renames::constant(kernel.name, name);
            let known = declared().find(|known| *known == name);
            let known = known.ok_or_else(|| Error::UnknownName {
                kind: "constant",
                name: format!("{}: {name}", kernel.name),
                suggestion: suggest(name, declared()),
            })?;
            let value = match *setting {
                Setting::Bool(value) => Constant::Bool(value),
                Setting::Integer(value) => Constant::Integer(value),
                Setting::Float(value) => Constant::Float(value),
            };
            Ok((known, value))
        };
        let constants = self.constants.iter().map(constant);
        Ok((kernel, constants.collect::<Result<_>>()?))
    }
}

#[cfg(test)]
pub(crate) mod tests;
