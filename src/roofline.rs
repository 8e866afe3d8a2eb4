//! What this adapter can reach, and where a kernel stands under it.
//!
//! [`Roofline`] is the model (Williams, Waterman and Patterson, "Roofline", 2009): pure data and mathematics, usable
//! with no GPU. [`measure_ceilings`] measures what it needs.

mod ceilings;
mod model;

pub use ceilings::{ArithmeticGrid, Effort, measure_ceilings};
pub use model::{Place, Roofline};
