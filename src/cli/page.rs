//! The page of this process: its terminal's width, and whether that shows colours.

use super::progress::{is_diverted, is_dumb, print};
use ridgepoint::render::{Colours, Document, Page, Section, terminal};

/// Narrowest page: tables on less cannot be read.
const NARROWEST: u16 = 60;

/// Page of stdout, or of stderr where lines go there. A file or a pipe gets [`Page::default`].
pub(crate) fn page() -> Page {
    let terminal = if is_diverted() {
        console::Term::stderr()
    } else {
        console::Term::stdout()
    };
    if !terminal.is_term() {
        return Page::default();
    }
    let width = terminal
        .size_checked()
        .map(|(_, width)| width.max(NARROWEST).into());
    // See <https://no-color.org>.
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Page {
        width: width.unwrap_or(Page::default().width),
        colours: if !unwanted && !is_dumb() {
            Colours::On
        } else {
            Colours::Off
        },
    }
}

/// Prints a document.
pub(crate) fn show(document: &Document) {
    print(terminal::document(document, &page()).trim_end());
}

/// Prints a section.
pub(crate) fn show_section(section: &Section) {
    print(&terminal::section(section, &page()));
}
