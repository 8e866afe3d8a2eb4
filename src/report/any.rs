//! A report of either kind that has ceilings, told apart by its schema.

use super::adapter::AdapterSummary;
use super::roofline::{Level, ROOFLINE_SCHEMA, RooflineReport};
use super::run::{Ceiling, Report, SCHEMA};
use crate::error::{Error, Result};
use serde::Deserialize;

/// A report of `ridgepoint run` or of `ridgepoint roofline`: both have the ceilings of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyReport {
    /// Schema [`SCHEMA`].
    Run(Box<Report>),
    /// Schema [`ROOFLINE_SCHEMA`].
    Roofline(Box<RooflineReport>),
}

/// The one field that every report of this crate has.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

impl AnyReport {
    /// Reads a report from JSON text.
    ///
    /// # Errors
    /// [`Error::File`] for text that is of neither schema.
    pub fn from_json(text: &str) -> Result<Self> {
        let failed = |reason: String| Error::File {
            path: "a report".to_owned(),
            reason,
        };
        let Head { schema } = serde_json::from_str(text).map_err(|e| failed(e.to_string()))?;
        match schema.as_str() {
            SCHEMA => Ok(Self::Run(Report::from_json(text)?.into())),
            ROOFLINE_SCHEMA => Ok(Self::Roofline(RooflineReport::from_json(text)?.into())),
            other => Err(failed(format!(
                "its schema is {other:?}; ceilings are in files of {SCHEMA:?} and {ROOFLINE_SCHEMA:?}"
            ))),
        }
    }

    /// The adapter that was measured.
    #[must_use]
    pub fn adapter(&self) -> &AdapterSummary {
        match self {
            Self::Run(report) => &report.adapter,
            Self::Roofline(report) => &report.adapter,
        }
    }

    /// Rates that the adapter can reach.
    #[must_use]
    pub fn ceilings(&self) -> &[Ceiling] {
        match self {
            Self::Run(report) => &report.ceilings,
            Self::Roofline(report) => &report.ceilings,
        }
    }

    /// Levels of the memory hierarchy; none in a report of a run.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        match self {
            Self::Run(_) => &[],
            Self::Roofline(report) => &report.levels,
        }
    }
}
