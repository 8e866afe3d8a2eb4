//! Shared by operations over rows: where rows lie, how wide their loads can be, and windows that fit one binding.

mod classes;
mod tried;

pub(super) use classes::CLASSES;
pub(super) use tried::{elems, workgroups};

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::watchdog_bytes;
use crate::kernel::Constants;

/// Where the rows of an operand lie in its view, in elements. The default: one behind the other, from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowLayout {
    /// First element of the first row.
    pub offset: u64,
    /// Elements from the beginning of a row to the beginning of the next, at least the number of columns; `None` for exactly
    /// the number of columns.
    pub stride: Option<u64>,
}

impl RowLayout {
    /// Elements from the beginning of a row to the beginning of the next.
    #[must_use]
    pub fn stride(&self, cols: u64) -> u64 {
        self.stride.unwrap_or(cols)
    }

    /// Elements that a view needs for `rows` rows of `cols` columns; `None` past 64 bits.
    #[must_use]
    pub fn elements(&self, rows: u64, cols: u64) -> Option<u64> {
        if rows == 0 || cols == 0 {
            return Some(0);
        }
        (rows - 1)
            .checked_mul(self.stride(cols))?
            .checked_add(cols)?
            .checked_add(self.offset)
    }

    /// Index of an element.
    pub(super) fn index(&self, cols: u64, row: u64, col: u64) -> u64 {
        self.offset + row * self.stride(cols) + col
    }

    /// Row and column of an element; `None` between rows.
    pub(super) fn place(&self, cols: u64, index: u64) -> Option<(u64, u64)> {
        let from = index.checked_sub(self.offset)?;
        let (row, col) = (from / self.stride(cols), from % self.stride(cols));
        (col < cols).then_some((row, col))
    }

    pub(super) fn validate(&self, operation: &'static str, cols: u64) -> Result<()> {
        match self.stride {
            Some(stride) if stride < cols => {
                let reason = format!("rows of {cols} columns overlap at a stride of {stride}");
                Err(Error::Shape { operation, reason })
            }
            _ => Ok(()),
        }
    }
}

/// Where a result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// To `y`, memory of its own.
    #[default]
    Separate,
    /// Over `x`.
    InPlace,
}

/// Elements that an invocation loads at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// Rows begin and end anywhere.
    One,
    /// Rows begin and end at multiples of four elements.
    Four,
    /// Rows of f16 begin and end at multiples of 16 bytes, and are loaded as four words of two each.
    Eight,
}

impl Width {
    /// The widest that `cols` and all of `layouts` allow.
    pub(super) fn of(cols: u64, layouts: &[RowLayout]) -> Self {
        let mut sizes = layouts.iter().flat_map(|l| [l.offset, l.stride(cols)]);
        if cols.is_multiple_of(4) && sizes.all(|size| size.is_multiple_of(4)) {
            Self::Four
        } else {
            Self::One
        }
    }

    /// Width of loads of 16 bytes; `None` where rows do not begin and end at multiples of 16 bytes.
    pub(super) fn sixteen_bytes(dtype: Dtype, cols: u64, layouts: &[RowLayout]) -> Option<Self> {
        let width = match dtype {
            Dtype::F16 => Self::Eight,
            _ => Self::Four,
        };
        let mut sizes = layouts.iter().flat_map(|l| [l.offset, l.stride(cols)]);
        let whole = |size: u64| size.is_multiple_of(width.elements());
        (whole(cols) && sizes.all(whole)).then_some(width)
    }

    pub(super) fn elements(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The aliases of a file that loads a `Vector` of `Elem` and computes in `Wide`.
    pub(super) fn constants(self, dtype: Dtype) -> Constants {
        let (vector, wide) = match self {
            Self::One => ("Elem", "f32"),
            Self::Four if dtype == Dtype::F32 => ("vec4<f32>", "vec4<f32>"),
            Self::Four => ("vec4<Elem>", "vec4<f32>"),
            Self::Eight => ("vec4<u32>", "vec4<f32>"),
        };
        Constants::new()
            .set("Elem", dtype)
            .set("Vector", vector)
            .set("Wide", wide)
            .set("WIDTH", self.elements())
    }

    /// End of a class's name for rows that are moved an element at a time: constants that suit them suit no others.
    pub(super) fn variant(self) -> String {
        if self == Self::One { "+odd" } else { "" }.to_owned()
    }

    /// The type of one index for each element of a `Wide`.
    pub(super) fn index_type(self) -> &'static str {
        match self {
            Self::One => "u32",
            Self::Four | Self::Eight => "vec4<u32>",
        }
    }
}

/// A run of rows that one dispatch can bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowWindow {
    pub(super) first: u64,
    pub(super) rows: u64,
}

/// Where windows may begin, in bytes: the coarsest alignment that WebGPU has.
const ALIGNMENT: u64 = 256;

/// Cuts `rows` into runs whose operands of `row_bytes` a row and `extra_bytes` once fit a binding, and of which a dispatch
/// takes no more than [`watchdog_bytes`], or a row.
///
/// # Errors
/// [`Error::TooLarge`] where not even one row fits.
pub(super) fn windows(
    rows: u64,
    row_bytes: &[u64],
    extra_bytes: u64,
    device: &Capabilities,
) -> Result<Vec<RowWindow>> {
    let limit = device.limits.max_storage_buffer_binding_size;
    let largest = row_bytes.iter().copied().max().unwrap_or(0).max(1);
    let mut each = limit.saturating_sub(extra_bytes) / largest;
    if each < rows {
        // A window begins up to an alignment before its first row.
        each = limit.saturating_sub(extra_bytes + ALIGNMENT) / largest;
    }
    if each == 0 && rows > 0 {
        return Err(Error::TooLarge {
            what: "a row, in bytes,".into(),
            needed: largest + extra_bytes,
            limit_name: "max_storage_buffer_binding_size",
            limit,
        });
    }
    let bearable = (watchdog_bytes(device.kind) / largest).max(1);
    let each = each.min(bearable);
    let cut = |first| RowWindow {
        first,
        rows: each.min(rows - first),
    };
    Ok((0..rows).step_by(each.max(1) as usize).map(cut).collect())
}

/// Bytes of an operand that a window of rows binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte, aligned.
    pub(super) offset: u64,
    /// How many bytes.
    pub(super) bytes: u64,
    /// The first row's first element, counted from there.
    pub(super) first: u64,
}

/// The span of `window` in an operand of `dtype`.
pub(super) fn span(dtype: Dtype, layout: RowLayout, cols: u64, window: RowWindow) -> Span {
    let begin = window.first * layout.stride(cols) * dtype.bytes();
    let offset = begin / ALIGNMENT * ALIGNMENT;
    let before = (begin - offset) / dtype.bytes();
    let elements = before + layout.elements(window.rows, cols).unwrap_or(0);
    Span {
        offset,
        bytes: elements * dtype.bytes(),
        first: before + layout.offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::AdapterKind;

    #[test]
    fn places_and_indices_are_inverse() {
        let layout = RowLayout {
            offset: 3,
            stride: Some(7),
        };
        assert_eq!(layout.elements(4, 5), Some(3 + 3 * 7 + 5));
        assert_eq!(layout.place(5, layout.index(5, 2, 4)), Some((2, 4)));
        assert_eq!((layout.place(5, 2), layout.place(5, 3 + 5)), (None, None));
        assert_eq!(layout.elements(0, 5), Some(0));
        assert_eq!(
            layout.elements(1 << 40, 1 << 40),
            Some(3 + ((1 << 40) - 1) * 7 + (1 << 40))
        );
        assert!(layout.validate("softmax", 8).is_err());
    }

    #[test]
    fn only_rows_at_multiples_of_four_are_loaded_by_four() {
        let of = |cols, offset, stride| Width::of(cols, &[RowLayout { offset, stride }]);
        assert_eq!(of(8, 0, None), Width::Four);
        assert_eq!(of(8, 4, Some(12)), Width::Four);
        assert_eq!(of(8, 1, None), Width::One);
        assert_eq!(of(8, 0, Some(9)), Width::One);
        assert_eq!(of(7, 0, Some(8)), Width::One);
    }

    #[test]
    fn loads_of_sixteen_bytes_want_whole_rows() {
        let of = |dtype, cols, offset| {
            let stride = None;
            Width::sixteen_bytes(dtype, cols, &[RowLayout { offset, stride }])
        };
        assert_eq!(of(Dtype::F32, 12, 4), Some(Width::Four));
        assert_eq!(of(Dtype::F16, 16, 8), Some(Width::Eight));
        assert_eq!(of(Dtype::F16, 12, 0), None);
        assert_eq!(of(Dtype::F16, 16, 4), None);
    }

    #[test]
    fn windows_cover_all_rows_and_fit() {
        let device = Capabilities::fake(AdapterKind::Discrete).with_bindings(10_000);
        for (rows, cols) in [(0, 3), (1, 3), (7, 249), (2000, 3), (100, 64), (3, 2_430)] {
            let cut = windows(rows, &[4 * cols], 16, &device).unwrap();
            assert_eq!(cut.iter().map(|w| w.rows).sum::<u64>(), rows);
            let layout = RowLayout {
                offset: 4,
                stride: None,
            };
            let mut next = 0;
            for window in cut {
                assert_eq!(window.first, next);
                let span = span(Dtype::F32, layout, cols, window);
                assert!(span.offset.is_multiple_of(256) && span.bytes <= 10_000);
                let first = span.offset / 4 + span.first;
                assert_eq!(first, layout.index(cols, window.first, 0));
                next += window.rows;
            }
        }
        assert!(windows(1, &[20_000], 0, &device).is_err());
    }

    #[test]
    fn a_slow_adapter_gets_less_at_once() {
        let sizes = |kind, rows, row| {
            let device = Capabilities::fake(kind).with_bindings(1 << 31);
            let cut = windows(rows, &[row, 1], 0, &device).unwrap();
            assert_eq!(cut.iter().map(|w| w.rows).sum::<u64>(), rows);
            cut.iter().map(|w| w.rows * row).max()
        };
        let row = 1 << 14;
        assert_eq!(sizes(AdapterKind::Discrete, 1 << 16, row), Some(1 << 30));
        for kind in [AdapterKind::Software, AdapterKind::Integrated] {
            assert_eq!(sizes(kind, 1 << 16, row), Some(watchdog_bytes(kind)));
        }
        // A row is the least.
        assert_eq!(sizes(AdapterKind::Software, 3, 1 << 27), Some(1 << 27));
    }
}
