//! Candidates compiled away from the device: on one of their own on which nothing runs, where the driver says what it made of
//! them.

use super::candidates::Config;
use crate::compiler::Compiler;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::ops::{Operation, candidate};
use crate::plan::{PlanOptions, Preview};
use crate::report::AdapterSummary;
use crate::shader::Checks;

/// A driver's compiler, which is asked before a candidate reaches the device.
#[derive(Debug)]
pub(super) struct Judge {
    compiler: Compiler,
    checks: Checks,
}

impl Judge {
    /// The compiler of the driver of `adapter`; `None` through another backend than Vulkan, and where the driver tells no
    /// statistics.
    pub(super) fn of(adapter: &AdapterSummary, checks: Checks) -> Option<Self> {
        if adapter.backend != "vulkan" {
            return None;
        }
        let opened = Compiler::open(adapter);
        let compiler = opened
            .inspect_err(|error| log::debug!("candidates are not compiled beforehand: {error}"));
        let compiler = compiler.ok()?;
        Some(Self { compiler, checks })
    }

    /// Spills and fills within loops of `config`; `None` where the driver does not tell.
    ///
    /// # Errors
    /// The reason why it does not compile.
    pub(super) fn spills(
        &self,
        operation: &dyn Operation,
        config: &Config,
        device: &Capabilities,
    ) -> Result<Option<u64>> {
        let options = PlanOptions {
            constants: config.constants.clone(),
            checks: self.checks,
            ..PlanOptions::default()
        };
        let chosen = candidate(operation, config.kernel.name)?;
        let preview = Preview::with_candidate(operation, &*chosen, &options, device)?;
        let mut all = None;
        for stage in &preview.stages {
            let compiled = self.compiler.compile(&stage.text, self.checks)?;
            if let Some(spills) = compiled.spills_in_loops() {
                all = Some(all.unwrap_or(0) + spills);
            }
        }
        Ok(all)
    }
}

/// Why a candidate with `spills` within its loops is not tried beside a default with its own; `None` where it is. A default
/// that spills too, or of which nothing is known, says nothing against others.
pub(super) fn objection(spills: Option<u64>, default: Option<u64>) -> Option<String> {
    let spills = spills.filter(|spills| *spills > 0 && default == Some(0))?;
    Some(format!(
        "the compiler spills registers within its loops ({spills} stores and loads), of the default none"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_spills_beside_a_default_that_does_not_is_passed_over() {
        assert!(objection(Some(3), Some(0)).unwrap().contains("(3 stores"));
        for (spills, default) in [
            (Some(0), Some(0)),
            (Some(3), Some(1)),
            (Some(3), None),
            (None, Some(0)),
            (None, None),
        ] {
            assert_eq!(objection(spills, default), None);
        }
    }
}
