//! Results as one flat table, a line for each measurement: schema `ridgepoint.flat/1`.
//!
//! Every source of results has the same columns, and every line stands alone, so that thousands of runs go into one table.
//! Units are SI base units. A value that was not measured is absent, never zero.

mod entries;
mod fields;
mod sheet;
mod value;

pub use fields::{FIELDS, FLAT_SCHEMA, Field, Kind};
pub use sheet::{Sheet, sheet};
pub use value::Value;
