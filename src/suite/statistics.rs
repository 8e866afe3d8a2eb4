//! The figures of a driver's compiler for the rows of a run, each text asked about once.

use crate::report::StageStatistics;
use crate::shader::{Checks, Prepared};
use std::collections::HashMap;

/// A compiler that says what becomes of a text; `None` where it does not tell.
pub type Ask<'a> = &'a dyn Fn(&Prepared, Checks) -> Option<StageStatistics>;

/// Statistics of each text that the driver has compiled so far; empty for drivers that give none.
#[derive(Default)]
pub(super) struct Statistics<'a> {
    compiler: Option<Ask<'a>>,
    /// Answers by text and mode.
    known: HashMap<(u64, Checks), Option<StageStatistics>>,
}

impl<'a> Statistics<'a> {
    pub(super) fn asking(compiler: Ask<'a>) -> Self {
        Self {
            compiler: Some(compiler),
            ..Self::default()
        }
    }

    /// The figures of the stages of a plan, in their order, without those that the compiler does not tell.
    pub(super) fn of<'t>(
        &mut self,
        stages: impl Iterator<Item = &'t Prepared>,
        checks: Checks,
    ) -> Vec<StageStatistics> {
        let Some(compiler) = self.compiler else {
            return Vec::new();
        };
        stages
            .filter_map(|text| {
                let key = (text.hash(), checks);
                let answer = || compiler(text, checks);
                self.known.entry(key).or_insert_with(answer).clone()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Capabilities;
    use crate::ops::Softmax;
    use crate::plan::{PlanOptions, PreviewStage, preview};
    use crate::report::AdapterKind;
    use std::cell::RefCell;

    fn stages() -> Vec<PreviewStage> {
        let options = PlanOptions {
            kernel: Some("softmax_unfused"),
            ..PlanOptions::default()
        };
        let device = Capabilities::fake(AdapterKind::Discrete);
        let preview = preview(&Softmax::new(64, 64), &options, &device);
        preview.unwrap().stages
    }

    #[test]
    fn a_text_is_asked_about_once_in_each_mode() {
        let asked = RefCell::new(Vec::new());
        let ask = |text: &Prepared, checks: Checks| {
            asked.borrow_mut().push((text.name, checks));
            let file = text.name.to_owned();
            // The driver tells nothing of the first text: that is an answer too.
            (asked.borrow().len() != 1).then(|| StageStatistics {
                file,
                ..StageStatistics::default()
            })
        };
        let stages = stages();
        assert!(stages.len() > 1);
        let texts = || stages.iter().map(|stage| &*stage.text);
        let mut statistics = Statistics::asking(&ask);
        let found = statistics.of(texts(), Checks::Off);
        let files: Vec<&str> = found.iter().map(|stage| stage.file.as_str()).collect();
        let names: Vec<&str> = texts().map(|text| text.name).collect();
        assert_eq!(files, names[1..]);
        assert_eq!(statistics.of(texts(), Checks::Off), found);
        assert_eq!(asked.borrow().len(), stages.len());
        assert_eq!(statistics.of(texts(), Checks::On).len(), stages.len());
        assert_eq!(asked.borrow().len(), 2 * stages.len());
    }

    #[test]
    fn nobody_asked_tells_nothing() {
        let stages = stages();
        let texts = stages.iter().map(|stage| &*stage.text);
        assert!(Statistics::default().of(texts, Checks::Off).is_empty());
    }
}
