//! Bindings and uniforms of the dispatches of norms.

use super::shape::{Norm, NormKind};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{BindingRange, Dispatch, Schedule, Slot, fold_workgroups};
use crate::ops::Operation;
use crate::ops::rows::{self, RowLayout, RowWindow, Target};
use crate::shader::Prepared;

/// `Params` of every file.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    rows: u32,
    cols: u32,
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    share: f32,
    epsilon: f32,
    root: f32,
    parts: u32,
}

/// The windows of rows that one dispatch each can bind; none for an empty matrix.
///
/// # Errors
/// [`Error::TooLarge`] where not even one row can be bound.
pub(super) fn windows(norm: &Norm, device: &Capabilities) -> Result<Vec<RowWindow>> {
    if norm.rows * norm.cols == 0 {
        return Ok(Vec::new());
    }
    let bytes = norm.dtype.bytes();
    let layouts = [norm.x, norm.y_layout()];
    let row_bytes = layouts.map(|layout| layout.stride(norm.cols) * bytes);
    let extra = norm.x.offset.max(norm.y_layout().offset) * bytes;
    rows::windows(norm.rows, &row_bytes, extra, device)
}

/// A dispatch of the one file for each window of rows, `ROWS` rows to a workgroup.
///
/// # Errors
/// [`Error::Unsupported`] where the file holds fewer columns than a row has; errors of [`windows`].
pub(super) fn one_dispatch(
    norm: &Norm,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let of = |name| stages[0].constants.get(name).copied().map(u64::from);
    if let Some(most) = of("MOST_COLS").filter(|most| *most < norm.cols) {
        return Err(Error::Unsupported {
            what: format!("kernel {}", stages[0].name),
            reason: format!("with these constants it holds {most} columns"),
        });
    }
    let mut schedule = Schedule::default();
    for window in windows(norm, device)? {
        let groups = window.rows.div_ceil(of("ROWS").unwrap_or(1));
        let bound = Bindings::of(norm, window);
        schedule.steps.push(Dispatch {
            stage: 0,
            params: bytemuck::bytes_of(&params(norm, window, 1)).to_vec(),
            windows: vec![bound.x_beside_y(norm), bound.weight, bound.bias, bound.y],
            workgroups: fold_workgroups(groups, &device.limits)?,
        });
    }
    Ok(schedule)
}

pub(super) fn params(norm: &Norm, window: RowWindow, parts: u64) -> Params {
    let width = norm.width().elements();
    let wide = |elements: u64| (elements / width) as u32;
    let (x, y) = (norm.x, norm.y_layout());
    let first = |layout| wide(rows::span(norm.dtype, layout, norm.cols, window).first);
    let unit = match norm.kind {
        NormKind::Layer => PIVOT_UNIT,
        NormKind::Rms => 1.0,
    };
    Params {
        rows: window.rows as u32,
        cols: wide(norm.cols),
        x_first: first(x),
        x_stride: wide(x.stride(norm.cols)),
        y_first: first(y),
        y_stride: wide(y.stride(norm.cols)),
        share: 1.0 / norm.cols as f32,
        epsilon: norm.epsilon * unit * unit,
        root: norm.epsilon.sqrt() * unit,
        parts: parts as u32,
    }
}

/// `PIVOT_UNIT` of the files: the unit of a layer norm's differences.
const PIVOT_UNIT: f32 = 1.0 / 128.0;

const NOTHING: BindingRange = BindingRange {
    slot: Slot::Operand(0),
    offset: 0,
    bytes: 0,
};

/// Bindings of a window of rows.
pub(super) struct Bindings {
    pub(super) x: BindingRange,
    pub(super) weight: BindingRange,
    pub(super) bias: BindingRange,
    pub(super) y: BindingRange,
}

impl Bindings {
    pub(super) fn of(norm: &Norm, window: RowWindow) -> Self {
        let cut = |slot: usize, layout: RowLayout| {
            let span = rows::span(norm.dtype, layout, norm.cols, window);
            BindingRange {
                slot: Slot::Operand(slot),
                offset: span.offset,
                bytes: span.bytes,
            }
        };
        let vector = |place: u64| {
            if norm.vectors() < place {
                return NOTHING;
            }
            let bytes = norm.cols * norm.dtype.bytes();
            BindingRange::whole(Slot::Operand(place as usize), bytes)
        };
        let x = cut(0, norm.x);
        Self {
            x,
            weight: vector(1),
            bias: vector(2),
            y: match norm.target {
                Target::Separate => cut(norm.operands().len() - 1, norm.y),
                Target::InPlace => x,
            },
        }
    }

    /// Binding for reading in a file that also writes: no bytes in place, since WebGPU forbids binding one buffer both for
    /// reading and for writing.
    pub(super) fn x_beside_y(&self, norm: &Norm) -> BindingRange {
        match norm.target {
            Target::Separate => self.x,
            Target::InPlace => NOTHING,
        }
    }
}
