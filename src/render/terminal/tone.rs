//! Colours of cells.

use crate::check::Outcome;
use crate::compare::Verdict;
use crate::render::{Cell, Colours};
use crate::report::Status;

/// Colour of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    Plain,
    Good,
    Faint,
    Caution,
    Bad,
}

impl Tone {
    pub(super) fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Outcome(Outcome::Pass) | Cell::Verdict(Verdict::Faster) => Self::Good,
            Cell::Status(Status::Unsupported | Status::Empty) | Cell::Outcome(Outcome::Skipped) => {
                Self::Faint
            }
            Cell::Status(Status::Noisy) | Cell::Marks(_) | Cell::Verdict(Verdict::Ambiguous) => {
                Self::Caution
            }
            Cell::Status(Status::Failed | Status::TimedOut)
            | Cell::Outcome(Outcome::Fail)
            | Cell::Verdict(Verdict::Slower)
            | Cell::Verified(false) => Self::Bad,
            _ => Self::Plain,
        }
    }

    pub(super) fn paint(self, text: &str, colours: Colours) -> String {
        let code = match self {
            Self::Plain => 0,
            Self::Good => 32,
            Self::Faint => 90,
            Self::Caution => 33,
            Self::Bad => 31,
        };
        styled(text, code, colours)
    }
}

/// `text` in a style of ECMA-48; 0 is none.
pub(super) fn styled(text: &str, code: u8, colours: Colours) -> String {
    if colours == Colours::Off || code == 0 || text.is_empty() {
        return text.to_owned();
    }
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
