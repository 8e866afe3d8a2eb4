//! Reports as people and programs read them. Pure: no terminal is asked, no file is opened, no clock is read.
//!
//! A report becomes a [`Document`] for people: sections of paragraphs, [`Table`]s of typed [`Cell`]s, and charts. For programs
//! it becomes a [`Sheet`](crate::report::flat::Sheet). A [`Format`] is a function of one of the two alone, so that every
//! format shows the same facts. To add a format, write one file beside [`terminal`] and one line in [`FORMATS`].
//!
//! ```
//! use ridgepoint::render::{Cell, Column, Line, Page, Table, terminal};
//! use ridgepoint::units::Unit;
//!
//! let table = Table {
//!     columns: vec![Column::left("kernel"), Column::right("median")],
//!     lines: vec![Line::of([
//!         Cell::text("matmul_tiled"),
//!         Cell::quantity(65.3e-6, Unit::Seconds),
//!     ])],
//! };
//! let page = Page::default();
//! assert_eq!(terminal::table(&table, &page), "kernel         median\nmatmul_tiled  65.3 us");
//! ```

mod ceilings;
mod chart;
mod check;
mod compare;
mod csv;
mod curve;
mod elsewhere;
mod facts;
mod figure;
mod figures;
mod format;
mod hierarchy;
mod html;
mod jsonl;
mod list;
mod markdown;
mod overview;
mod page;
#[cfg(feature = "pictures")]
mod picture;
mod published;
#[cfg(test)]
mod reports;
mod roofline;
mod run;
mod subject;
mod table;
pub mod terminal;
mod trend;
mod tuning;
mod warnings;

pub use ceilings::ceilings;
pub use chart::{Chart, Mark};
pub use check::{gate, gate_columns};
pub use compare::Comparing;
pub use curve::Curve;
pub use figure::{Axis, Bar, Bars, Drawing, Edge, Figure, Plane, Point, Scale};
pub use format::{FORMATS, Format, Written, format};
pub use html::{document_data, page_data, table_data};
pub use list::list;
pub use page::{Colours, Page};
#[cfg(feature = "pictures")]
pub use picture::{OneChart, charts};
pub use published::WithPublished;
pub use roofline::roofline;
pub use run::{CEILINGS, Rows, end, header, run};
pub use subject::{Reports, Subject};
pub use table::{
    Align, Beside, Cell, Column, Content, Document, Line, Priority, Section, Table, legend,
};
pub use trend::{Moment, Trend};
pub use tuning::{tuned, tuned_columns, tuned_summary, tuning};
