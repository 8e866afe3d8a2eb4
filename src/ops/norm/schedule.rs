//! The dispatches of each kernel of a norm.

use super::Norm;
use super::kernels::NORM_SPLIT;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Schedule, Slot, Step, Window, fold_workgroups};
use crate::ops::rows::{self, RowLayout, RowWindow};
use crate::ops::{Operation, softmax::Target};
use crate::shader::Prepared;

/// `Params` of every file.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    rows: u32,
    cols: u32,
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    share: f32,
    epsilon: f32,
    parts: u32,
}

pub(super) fn schedule(
    norm: &Norm,
    kernel: &'static Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let limits = &device.limits;
    if norm.rows * norm.cols == 0 {
        return Ok(Schedule::default());
    }
    let of = |name| stages[0].constants.get(name).copied().map(u64::from);
    if let Some(most) = of("MOST_COLS").filter(|most| *most < norm.cols) {
        return Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason: format!("with these constants it holds {most} columns"),
        });
    }
    let bytes = norm.dtype.bytes();
    let layouts = [norm.x, norm.y_layout()];
    let row_bytes = layouts.map(|layout| layout.stride(norm.cols) * bytes);
    let extra = norm.x.offset.max(norm.y_layout().offset) * bytes;
    let mut schedule = Schedule::default();
    for window in rows::windows(norm.rows, &row_bytes, extra, device)? {
        if kernel.name == NORM_SPLIT.name {
            split(norm, stages, window, limits, &mut schedule)?;
        } else {
            let groups = window.rows.div_ceil(of("ROWS").unwrap_or(1));
            let bound = Bound::of(norm, window);
            schedule.steps.push(Step {
                stage: 0,
                params: bytemuck::bytes_of(&params(norm, window, 1)).to_vec(),
                windows: vec![bound.x_beside_y(norm), bound.weight, bound.bias, bound.y],
                workgroups: fold_workgroups(groups, limits)?,
            });
        }
    }
    Ok(schedule)
}

fn split(
    norm: &Norm,
    stages: &[&Prepared],
    window: RowWindow,
    limits: &wgpu::Limits,
    schedule: &mut Schedule,
) -> Result<()> {
    let loads = norm.cols / norm.width().elements();
    let parts = loads.div_ceil(stages[0].constant("PART").into());
    let bound = Bound::of(norm, window);
    let bytes = window.rows * parts * 8;
    let moments = Window::whole(Slot::Scratch(0), bytes);
    let scaled = vec![
        bound.x_beside_y(norm),
        bound.weight,
        bound.bias,
        moments,
        bound.y,
    ];
    for (stage, windows) in [(0, vec![bound.x, moments]), (1, scaled)] {
        schedule.steps.push(Step {
            stage,
            params: bytemuck::bytes_of(&params(norm, window, parts)).to_vec(),
            windows,
            workgroups: fold_workgroups(window.rows * parts, limits)?,
        });
    }
    // Windows of rows follow each other, and may use the same memory.
    let known = schedule.scratch.first().copied().unwrap_or(0);
    schedule.scratch = vec![known.max(bytes)];
    Ok(())
}

fn params(norm: &Norm, window: RowWindow, parts: u64) -> Params {
    let width = norm.width().elements();
    let wide = |elements: u64| (elements / width) as u32;
    let (x, y) = (norm.x, norm.y_layout());
    let first = |layout| wide(rows::span(norm.dtype, layout, norm.cols, window).first);
    Params {
        rows: window.rows as u32,
        cols: wide(norm.cols),
        x_first: first(x),
        x_stride: wide(x.stride(norm.cols)),
        y_first: first(y),
        y_stride: wide(y.stride(norm.cols)),
        share: 1.0 / norm.cols as f32,
        epsilon: norm.epsilon,
        parts: parts as u32,
    }
}

const NOTHING: Window = Window {
    slot: Slot::Operand(0),
    offset: 0,
    bytes: 0,
};

/// What a window of rows binds.
struct Bound {
    x: Window,
    weight: Window,
    bias: Window,
    y: Window,
}

impl Bound {
    fn of(norm: &Norm, window: RowWindow) -> Self {
        let cut = |slot: usize, layout: RowLayout| {
            let span = rows::span(norm.dtype, layout, norm.cols, window);
            Window {
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
            Window::whole(Slot::Operand(place as usize), bytes)
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

    /// What a file that writes binds to read: WebGPU forbids one buffer both to read and to write.
    fn x_beside_y(&self, norm: &Norm) -> Window {
        match norm.target {
            Target::Separate => self.x,
            Target::InPlace => NOTHING,
        }
    }
}
