//! The charts of a subject, each with a name of its own and its origin.

use super::frame::left_out;
use crate::error::{Error, Result, suggest};
use crate::render::figure::Figure;
use crate::render::subject::Subject;
use crate::render::table::Document;
use crate::report::Input;
use crate::report::flat::Sheet;
use crate::text::file_safe;
use std::collections::{HashMap, HashSet};

/// Charts that are drawn of one subject: nobody shows more slides, and each takes a tenth of a second.
const MOST: usize = 64;

/// A chart to draw.
pub(super) struct Slide {
    /// Name of its file, without an extension.
    pub(super) stem: String,
    pub(super) figure: Figure,
    /// Origin, and what is left out.
    pub(super) foot: String,
}

/// The charts of `subject` that are drawn, in reading order.
pub(super) fn slides(subject: &dyn Subject) -> Vec<Slide> {
    let documents = subject.documents();
    let stems = stems(&documents);
    let all = stems.len();
    let left = (all > MOST).then(|| format!("{MOST} of {all} charts are drawn"));
    let figures = documents.into_iter().enumerate();
    let figures = figures
        .flat_map(|(i, document)| document.figures.into_iter().map(move |figure| (i, figure)));
    let slides = stems.into_iter().zip(figures).take(MOST);
    let slides = slides.map(|(stem, (document, figure))| {
        let mut parts = vec![subject.origin(document)];
        parts.extend(left_out(&figure));
        parts.extend(left.clone());
        let foot = parts.join("; ");
        Slide { stem, figure, foot }
    });
    slides.collect()
}

/// Names of all charts of `subject`, in reading order: titles as they can stand in the name of a file.
#[must_use]
pub fn charts(subject: &dyn Subject) -> Vec<String> {
    stems(&subject.documents())
}

/// A name for each figure, no two the same. Where there are several documents, the name of the document begins it.
fn stems(documents: &[Document]) -> Vec<String> {
    let mut taken = HashSet::new();
    // Numbers given so far, so that a name that comes a thousand times is not looked for a thousand times.
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut stems = Vec::new();
    for document in documents {
        let file = document
            .title
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default();
        let file = file.strip_suffix(".json").unwrap_or(file);
        for figure in &document.figures {
            let title = file_safe(&figure.title);
            let stem = match documents {
                [_] => title,
                _ => format!("{}-{title}", file_safe(file)),
            };
            let mut name = stem.clone();
            while !taken.insert(name.clone()) {
                let count = counts.entry(stem.clone()).or_insert(1);
                *count += 1;
                name = format!("{stem}-{count}");
            }
            stems.push(name);
        }
    }
    stems
}

/// A subject with one of its charts.
pub struct OneChart<'a> {
    subject: &'a dyn Subject,
    /// Place of the chart among all.
    place: usize,
}

impl<'a> OneChart<'a> {
    /// `subject` with its chart `name` alone, one of [`charts`].
    ///
    /// # Errors
    /// [`Error::UnknownName`] with near names.
    pub fn new(subject: &'a dyn Subject, name: &str) -> Result<Self> {
        let names = charts(subject);
        let place = names.iter().position(|known| known == name);
        let place = place.ok_or_else(|| Error::UnknownName {
            kind: "chart",
            name: name.to_owned(),
            suggestion: suggest(name, names.iter().map(String::as_str)),
        })?;
        Ok(Self { subject, place })
    }
}

impl Subject for OneChart<'_> {
    fn title(&self) -> String {
        self.subject.title()
    }

    fn inputs(&self) -> &[Input] {
        self.subject.inputs()
    }

    fn documents(&self) -> Vec<Document> {
        let mut documents = self.subject.documents();
        let mut place = 0;
        for document in &mut documents {
            document.figures.retain(|_| {
                place += 1;
                place - 1 == self.place
            });
        }
        documents
    }

    fn sheet(&self) -> Sheet<'_> {
        self.subject.sheet()
    }

    fn origin(&self, document: usize) -> String {
        self.subject.origin(document)
    }
}
