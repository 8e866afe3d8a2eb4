//! Subject of a format: documents for people, and a flat table for programs, of the same results.

use super::facts::origin;
use super::overview::overview;
use super::roofline::roofline;
use super::run::run;
use super::table::Document;
use crate::report::flat::{Sheet, sheet};
use crate::report::{Input, Results};

/// Results that a format can write.
pub trait Subject {
    /// Name of the whole.
    fn title(&self) -> String;

    /// The files that it was made of.
    fn inputs(&self) -> &[Input];

    /// The inputs side by side, where each is one for itself: a format of several files makes a page of each.
    fn overview(&self) -> Option<Document> {
        None
    }

    /// Documents for people, in reading order.
    fn documents(&self) -> Vec<Document>;

    /// Table for programs: unrounded, in SI units.
    fn sheet(&self) -> Sheet<'_>;

    /// Adapter, time and program behind the document at a place, for a chart that stands alone.
    fn origin(&self, _document: usize) -> String {
        origin(self.inputs())
    }
}

/// Files of results, each by itself.
#[derive(Debug, Clone, Copy)]
pub struct Reports<'a>(pub &'a [Input]);

impl Subject for Reports<'_> {
    fn title(&self) -> String {
        match self.0 {
            [one] => one.results.adapter().name.clone(),
            several => format!("Results of {} files", several.len()),
        }
    }

    fn inputs(&self) -> &[Input] {
        self.0
    }

    fn overview(&self) -> Option<Document> {
        (self.0.len() > 1).then(|| Document {
            title: self.title(),
            ..overview(self.0)
        })
    }

    fn documents(&self) -> Vec<Document> {
        let documents = self.0.iter().map(|input| {
            let mut document = match &input.results {
                Results::Run(report) => run(report),
                Results::Roofline(report) => roofline(report),
            };
            if self.0.len() > 1 {
                document.title.clone_from(&input.name);
            }
            document
        });
        self.overview().into_iter().chain(documents).collect()
    }

    fn sheet(&self) -> Sheet<'_> {
        sheet(self.0)
    }

    fn origin(&self, document: usize) -> String {
        // An overview of several files stands in front of the documents of each.
        let before = usize::from(self.overview().is_some());
        match document.checked_sub(before) {
            Some(file) => origin(&self.0[file..=file]),
            None => origin(self.0),
        }
    }
}
