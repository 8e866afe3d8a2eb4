//! Where a matrix lies in its buffer.

use crate::error::{Error, Result};
use crate::ops::require_u32;

/// Where a matrix, or a batch of them, lies in its operand. Counted in elements; the default has no gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// Whether the matrix lies as the formula has it.
    pub order: Order,
    /// Elements from one row in memory to the next; `None` for the length of a row.
    pub row_stride: Option<u64>,
    /// Elements from one matrix to the next; `None` for the size of a matrix, 0 for one matrix shared over the batch.
    pub batch_stride: Option<u64>,
    /// Elements before the first.
    pub offset: u64,
}

/// Whether a matrix lies in memory as the formula has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Row by row.
    #[default]
    RowMajor,
    /// Column by column: the transpose lies row by row.
    ColumnMajor,
}

/// A layout worked out for a shape: element (matrix, row, column) lies at
/// `first + matrix * batch + row * row_step + column * column_step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strides {
    pub(super) first: u64,
    pub(super) row_step: u64,
    pub(super) column_step: u64,
    pub(super) batch: u64,
    /// Elements that the operand has to have.
    pub(super) elements: u64,
    /// Columns in memory: what lies next to each other.
    pub(super) contiguous: u64,
}

impl Layout {
    /// Works the layout out for `batch` matrices of `shape` (rows, columns of the formula).
    pub(super) fn strides(
        &self,
        name: &'static str,
        shape: [u64; 2],
        batch: u64,
    ) -> Result<Strides> {
        let [rows, columns] = match self.order {
            Order::RowMajor => shape,
            Order::ColumnMajor => [shape[1], shape[0]],
        };
        let refuse = |reason: String| {
            Err(Error::Shape {
                operation: "matmul",
                reason,
            })
        };
        let stride = self.row_stride.unwrap_or(columns);
        if stride < columns {
            return refuse(format!(
                "the row stride of `{name}` is {stride}, its rows have {columns} elements"
            ));
        }
        let what = format!("`{name}`, {batch} x {rows} x {columns}");
        let span = match rows.checked_sub(1) {
            Some(before) if columns > 0 => before
                .checked_mul(stride)
                .and_then(|elements| elements.checked_add(columns)),
            _ => Some(0),
        };
        let span = require_u32(&what, span)?;
        let matrix = require_u32(&what, rows.checked_mul(stride))?;
        let step = self.batch_stride.unwrap_or(matrix);
        if name == "c" && batch > 1 && step < span {
            return refuse(format!(
                "the batch stride of `c` is {step}, its matrices span {span} elements and would overlap"
            ));
        }
        let elements = if batch == 0 || span == 0 {
            Some(0)
        } else {
            (batch - 1)
                .checked_mul(step)
                .and_then(|e| e.checked_add(span)?.checked_add(self.offset))
        };
        let (row_step, column_step) = match self.order {
            Order::RowMajor => (stride, 1),
            Order::ColumnMajor => (1, stride),
        };
        Ok(Strides {
            first: self.offset,
            row_step,
            column_step,
            batch: step,
            elements: require_u32(&what, elements)?,
            contiguous: columns,
        })
    }
}

impl Strides {
    /// Index of element (matrix, row, column).
    pub(super) fn at(&self, matrix: u64, row: u64, column: u64) -> u64 {
        self.first + matrix * self.batch + row * self.row_step + column * self.column_step
    }

    /// Elements from one row in memory to the next.
    pub(super) fn stride(&self) -> u64 {
        self.row_step.max(self.column_step)
    }

    /// Elements from the first to the last of `rows` rows in memory.
    pub(super) fn span(&self, rows: u64) -> u64 {
        rows.checked_sub(1)
            .map_or(0, |before| before * self.stride() + self.contiguous)
    }

    /// Whether rows in memory can be moved four elements at a time.
    pub(super) fn by_four(&self, batch: u64) -> bool {
        let matrices = batch <= 1 || self.batch.is_multiple_of(4);
        matrices
            && [self.first, self.stride(), self.contiguous]
                .iter()
                .all(|v| v.is_multiple_of(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_order_strides_and_offset() {
        let layout = Layout {
            order: Order::ColumnMajor,
            row_stride: Some(10),
            batch_stride: Some(100),
            offset: 5,
        };
        let places = layout.strides("a", [7, 3], 2).unwrap();
        assert_eq!(places.at(1, 6, 2), 5 + 100 + 20 + 6);
        assert_eq!(places.elements, places.at(1, 6, 2) + 1);
        assert!(!places.by_four(2));
        assert!(
            Layout::default()
                .strides("a", [8, 4], 3)
                .unwrap()
                .by_four(3)
        );
    }

    #[test]
    fn layouts_that_cannot_be_are_refused() {
        let narrow = Layout {
            row_stride: Some(3),
            ..Layout::default()
        };
        let text = narrow.strides("a", [2, 4], 1).unwrap_err().to_string();
        assert!(text.contains("row stride of `a` is 3"), "{text}");
        let shared = Layout {
            batch_stride: Some(0),
            ..Layout::default()
        };
        assert!(shared.strides("c", [2, 4], 2).is_err());
        assert!(shared.strides("b", [2, 4], 2).is_ok());
        assert!(
            Layout::default()
                .strides("a", [1 << 20, 1 << 20], 1)
                .is_err()
        );
        assert!(Layout::default().strides("a", [0, u64::MAX], 1).is_ok());
    }
}
