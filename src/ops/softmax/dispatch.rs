//! Bindings and uniforms of the dispatches of the fused kernels.

use super::shape::{Softmax, SoftmaxMask};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{BindingRange, Dispatch, Schedule, Slot, fold_workgroups};
use crate::ops::Operation;
use crate::ops::rows::{self, RowLayout, RowWindow, Span, Target, Width};
use crate::shader::Prepared;

/// `Params` of every fused file; sizes and places in loads.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    rows: u32,
    cols: u32,
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    mask_stride: u32,
    first_row: u32,
    queries: u32,
    seen: u32,
    parts: u32,
    scale: f32,
    neg_inf: f32,
    mask_first: u32,
    nan: f32,
    padding: u32,
    /// The uniform of the scalar form ends after the first.
    components: [u32; 4],
}

impl Params {
    /// The bytes of the uniform of a file that loads `width` at a time.
    fn bytes(&self, width: Width) -> Vec<u8> {
        let used = match width {
            Width::One => 1,
            Width::Four | Width::Eight => self.components.len(),
        };
        let end = std::mem::offset_of!(Self, components) + used * size_of::<u32>();
        bytemuck::bytes_of(self)[..end].to_vec()
    }
}

/// The windows of rows that one dispatch each can bind; none for an empty matrix.
///
/// # Errors
/// [`Error::TooLarge`] where not even one row can be bound.
fn windows(softmax: &Softmax, device: &Capabilities) -> Result<Vec<RowWindow>> {
    if softmax.rows * softmax.cols == 0 {
        return Ok(Vec::new());
    }
    let bytes = softmax.dtype.bytes();
    let layouts = [softmax.x, softmax.y_layout()];
    let mut row_bytes = layouts.map(|l| l.stride(softmax.cols) * bytes).to_vec();
    if softmax.mask == SoftmaxMask::Full {
        row_bytes.push(softmax.cols * bytes);
    }
    let extra = softmax.x.offset.max(softmax.y_layout().offset) * bytes;
    rows::windows(softmax.rows, &row_bytes, extra, device)
}

/// Bytes of each operand that one window of rows binds.
struct Spans {
    x: Span,
    mask: Span,
    y: Span,
}

impl Spans {
    fn of(softmax: &Softmax, window: RowWindow) -> Self {
        let cut = |layout| rows::span(softmax.dtype, layout, softmax.cols, window);
        let first_row = RowWindow { first: 0, rows: 1 };
        let contiguous = RowLayout::default();
        Self {
            x: cut(softmax.x),
            mask: match softmax.mask {
                SoftmaxMask::None => Span {
                    offset: 0,
                    bytes: 0,
                    first: 0,
                },
                SoftmaxMask::Full => cut(contiguous),
                SoftmaxMask::Broadcast => {
                    rows::span(softmax.dtype, contiguous, softmax.cols, first_row)
                }
            },
            y: cut(softmax.y_layout()),
        }
    }
}

/// [`Spans`] as bindings.
struct Bindings {
    x: BindingRange,
    mask: BindingRange,
    y: BindingRange,
}

impl Bindings {
    fn of(softmax: &Softmax, spans: &Spans) -> Self {
        let last = softmax.operands().len() - 1;
        let window = |slot, span: &Span| BindingRange {
            slot: Slot::Operand(slot),
            offset: span.offset,
            bytes: span.bytes,
        };
        Self {
            x: window(0, &spans.x),
            mask: window(last.min(1), &spans.mask),
            y: match softmax.target {
                Target::InPlace => window(0, &spans.y),
                Target::Separate => window(last, &spans.y),
            },
        }
    }

    /// Binding of `x` in a file that also writes `y`: no bytes in place, since WebGPU forbids binding one buffer both for
    /// reading and for writing.
    fn x_beside_y(&self, softmax: &Softmax) -> BindingRange {
        match softmax.target {
            Target::Separate => self.x,
            Target::InPlace => BindingRange::whole(self.x.slot, 0),
        }
    }
}

fn params(softmax: &Softmax, width: Width, window: RowWindow, spans: &Spans, parts: u64) -> Params {
    let wide = |elements: u64| (elements / width.elements()) as u32;
    let mask_stride = if softmax.mask == SoftmaxMask::Full {
        softmax.cols
    } else {
        0
    };
    Params {
        rows: window.rows as u32,
        cols: wide(softmax.cols),
        x_first: wide(spans.x.first),
        x_stride: wide(softmax.x.stride(softmax.cols)),
        y_first: wide(spans.y.first),
        y_stride: wide(softmax.y_layout().stride(softmax.cols)),
        mask_stride: wide(mask_stride),
        first_row: softmax.causal.map_or(0, |c| window.first % c.queries) as u32,
        queries: softmax.causal.map_or(1, |c| c.queries as u32),
        seen: softmax.causal.map_or(0, |c| c.seen as u32),
        parts: parts as u32,
        scale: softmax.scale,
        neg_inf: f32::NEG_INFINITY,
        mask_first: wide(spans.mask.first),
        nan: f32::NAN,
        padding: 0,
        components: [0, 1, 2, 3],
    }
}

/// A dispatch of the one file for each window of rows, `ROWS` rows to a workgroup.
///
/// # Errors
/// [`Error::Unsupported`] where the file holds fewer columns than a row has; [`Error::TooLarge`] where not even one row can
/// be bound.
pub(super) fn one_dispatch(
    softmax: &Softmax,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    one_dispatch_by(softmax.width(), softmax, stages, device)
}

/// [`one_dispatch`] of a file that loads 16 bytes at a time.
///
/// # Errors
/// Errors of [`one_dispatch`], and [`Error::Unsupported`] where rows do not begin and end at multiples of 16 bytes.
pub(super) fn one_dispatch_of_16_bytes(
    softmax: &Softmax,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let width = softmax.width_of_16_bytes();
    let width = width.map_err(|reason| unsupported(stages[0], reason))?;
    one_dispatch_by(width, softmax, stages, device)
}

fn one_dispatch_by(
    width: Width,
    softmax: &Softmax,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let of = |name| stages[0].constants.get(name).copied().map(u64::from);
    if let Some(most) = of("MOST_COLS").filter(|most| *most < softmax.cols) {
        let reason = format!("with these constants it holds {most} columns");
        return Err(unsupported(stages[0], reason));
    }
    let mut schedule = Schedule::default();
    for window in windows(softmax, device)? {
        let spans = Spans::of(softmax, window);
        let bound = Bindings::of(softmax, &spans);
        let groups = window.rows.div_ceil(of("ROWS").unwrap_or(1));
        schedule.steps.push(Dispatch {
            stage: 0,
            params: params(softmax, width, window, &spans, 1).bytes(width),
            windows: vec![bound.x_beside_y(softmax), bound.mask, bound.y],
            workgroups: fold_workgroups(groups, &device.limits)?,
        });
    }
    Ok(schedule)
}

fn unsupported(stage: &Prepared, reason: String) -> Error {
    Error::Unsupported {
        what: format!("kernel {}", stage.name),
        reason,
    }
}

/// Sums of parts of each row, then the rows scaled by them, for each window of rows.
///
/// # Errors
/// [`Error::TooLarge`] where not even one row can be bound.
pub(super) fn two_dispatches(
    softmax: &Softmax,
    width: Width,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let mut schedule = Schedule::default();
    for window in windows(softmax, device)? {
        add_window(
            softmax,
            width,
            stages,
            window,
            &device.limits,
            &mut schedule,
        )?;
    }
    Ok(schedule)
}

fn add_window(
    softmax: &Softmax,
    width: Width,
    stages: &[&Prepared],
    window: RowWindow,
    limits: &wgpu::Limits,
    schedule: &mut Schedule,
) -> Result<()> {
    let loads = softmax.cols / width.elements();
    let parts = loads.div_ceil(stages[0].constant("PART").into());
    let runs = loads.div_ceil(stages[1].constant("RUN").into());
    let spans = Spans::of(softmax, window);
    let bound = Bindings::of(softmax, &spans);
    let pairs = window.rows * parts * 8;
    let between = BindingRange::whole(Slot::Scratch(0), pairs);
    let params = params(softmax, width, window, &spans, parts).bytes(width);
    let beside = bound.x_beside_y(softmax);
    for (stage, shared_by, windows) in [
        (0, parts, vec![bound.x, bound.mask, between]),
        (1, runs, vec![beside, bound.mask, between, bound.y]),
    ] {
        schedule.steps.push(Dispatch {
            stage,
            params: params.clone(),
            windows,
            workgroups: fold_workgroups(window.rows * shared_by, limits)?,
        });
    }
    // Windows of rows follow each other, and may use the same memory.
    let known = schedule.scratch.first().copied().unwrap_or(0);
    schedule.scratch = vec![known.max(pairs)];
    Ok(())
}
