//! Conditions for a dispatch, checked before it: operands, buffers and schedules against shapes and limits.

use crate::error::{Error, Result};
use crate::gpu::View;
use crate::kernel::{Dispatch, Kernel, Schedule, Slot};
use crate::ops::Operand;
use crate::shader::{Access, Binding, Prepared};

/// The operands of one shape, which buffers are bound to.
pub(super) struct ExpectedViews<'a> {
    /// Name of the operation.
    pub(super) operation: &'static str,
    /// The shape, as text.
    pub(super) shape: &'a str,
    pub(super) operands: &'a [Operand],
    /// Bytes that offsets are multiples of.
    pub(super) alignment: u64,
}

impl ExpectedViews<'_> {
    /// Whether `views` can be bound: as many as there are operands, each fit for its own, no output within another.
    pub(super) fn check(&self, views: &[View<'_>]) -> Result<()> {
        if views.len() != self.operands.len() {
            let names: Vec<&str> = self.operands.iter().map(|o| o.name).collect();
            return Err(Error::OperandCount {
                operation: self.operation,
                needed: self.operands.len(),
                names: names.join(", "),
                found: views.len(),
            });
        }
        for (operand, view) in self.operands.iter().zip(views) {
            self.check_view(operand, view)?;
        }
        let touched = |i: usize| View {
            elements: self.operands[i].elements,
            ..views[i]
        };
        for (i, output) in self
            .operands
            .iter()
            .enumerate()
            .filter(|(_, o)| o.role.is_written())
        {
            if let Some(j) = (0..views.len()).find(|&j| j != i && touched(i).overlaps(&touched(j)))
            {
                return Err(Error::Overlap {
                    output: output.name,
                    other: self.operands[j].name,
                });
            }
        }
        Ok(())
    }

    fn check_view(&self, operand: &Operand, view: &View<'_>) -> Result<()> {
        let buffer = operand.name;
        if view.dtype != operand.dtype {
            let (needed, found) = (operand.dtype.name(), view.dtype.name());
            return Err(Error::ElementType {
                buffer,
                needed,
                found,
            });
        }
        let found = view.present();
        if found < operand.elements {
            let shape = format!("{} {}", self.operation, self.shape);
            return Err(Error::Length {
                buffer,
                shape,
                needed: operand.elements,
                found,
            });
        }
        if operand.elements > 0 && !view.offset.is_multiple_of(self.alignment) {
            return Err(Error::Alignment {
                buffer,
                offset: view.offset,
                alignment: self.alignment,
            });
        }
        if !view.buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return Err(Error::Usage {
                buffer,
                needed: "BufferUsages::STORAGE",
            });
        }
        Ok(())
    }
}

/// Refuses buffers of which a dispatch would read one part and write another: WebGPU tracks a buffer as a whole, and says so
/// only when the recorded commands are finished. `bindings` are those of the file that the dispatch runs.
///
/// # Errors
/// [`Error::ReadWriteBuffer`].
pub(super) fn check_one_use(
    step: &Dispatch,
    bindings: &[Binding],
    operands: &[Operand],
    views: &[View<'_>],
) -> Result<()> {
    let bound = || {
        let storage = bindings.iter().filter(|b| b.access != Access::Uniform);
        step.windows
            .iter()
            .zip(storage)
            .filter_map(|(window, binding)| match window.slot {
                Slot::Operand(i) if window.bytes > 0 => Some((i, binding.access)),
                _ => None,
            })
    };
    for (written, _) in bound().filter(|(_, access)| *access == Access::ReadWrite) {
        let is_shared = |&(other, access): &(usize, Access)| {
            access == Access::Read && views[other].buffer == views[written].buffer
        };
        if let Some((read, _)) = bound().find(is_shared) {
            return Err(Error::ReadWriteBuffer {
                written: operands[written].name,
                read: operands[read].name,
            });
        }
    }
    Ok(())
}

/// Refuses scratch memory that is not what a plan needs.
///
/// # Errors
/// [`Error::Scratch`], [`Error::Usage`].
pub(super) fn check_scratch(
    kernel: &'static str,
    needed: &[u64],
    given: &[&wgpu::Buffer],
) -> Result<()> {
    for (index, &needed) in needed.iter().enumerate() {
        let found = given.get(index).map_or(0, |buffer| buffer.size());
        if found < needed || given.get(index).is_none() {
            return Err(Error::Scratch {
                kernel,
                index,
                needed,
                found,
            });
        }
        if !given[index].usage().contains(wgpu::BufferUsages::STORAGE) {
            return Err(Error::Usage {
                buffer: "scratch",
                needed: "BufferUsages::STORAGE",
            });
        }
    }
    Ok(())
}

/// Refuses operands that no buffer of a device with `limits` can hold.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn check_sizes(operands: &[Operand], limits: &wgpu::Limits) -> Result<()> {
    for operand in operands {
        let needed = operand.elements.saturating_mul(operand.dtype.bytes());
        let limit = limits.max_buffer_size;
        if needed > limit {
            let what = format!("`{}`, in bytes,", operand.name);
            return Err(Error::TooLarge {
                what,
                needed,
                limit_name: "max_buffer_size",
                limit,
            });
        }
    }
    Ok(())
}

/// Refuses uniforms of another size than the files of their stages have.
///
/// # Errors
/// [`Error::Shader`].
pub(crate) fn check_uniforms(
    kernel: &Kernel,
    stages: &[&Prepared],
    schedule: &Schedule,
) -> Result<()> {
    let mut steps = schedule.steps.iter();
    steps.try_for_each(|step| stages[step.stage].check_params(kernel.name, &step.params))
}

/// Refuses dispatches beyond `limits`.
///
/// # Errors
/// [`Error::TooLarge`].
pub(super) fn check_schedule(
    kernel: &Kernel,
    schedule: &Schedule,
    limits: &wgpu::Limits,
) -> Result<()> {
    let bytes = schedule
        .steps
        .iter()
        .flat_map(|step| &step.windows)
        .map(|w| w.bytes)
        .max();
    let workgroups = schedule.steps.iter().flat_map(|step| step.workgroups).max();
    let needs = [
        (
            "binding",
            "bytes",
            bytes,
            limits.max_storage_buffer_binding_size,
            "max_storage_buffer_binding_size",
        ),
        (
            "dispatch",
            "workgroups",
            workgroups.map(u64::from),
            limits.max_compute_workgroups_per_dimension.into(),
            "max_compute_workgroups_per_dimension",
        ),
    ];
    for (part, unit, needed, limit, limit_name) in needs {
        let needed = needed.unwrap_or(0);
        if needed > limit {
            let what = format!("a {part} of {}, in {unit},", kernel.name);
            return Err(Error::TooLarge {
                what,
                needed,
                limit_name,
                limit,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Capabilities;
    use crate::ops::{Operation, Stream, StreamKind, candidate};
    use crate::report::AdapterKind;
    use crate::shader::Loops;

    #[test]
    fn a_uniform_of_another_size_is_refused() {
        let device = Capabilities::fake(AdapterKind::Discrete);
        let stream = Stream::new(StreamKind::Add, 64);
        let kernel = stream.family().kernels[0];
        let files = kernel
            .prepare(&[], Loops::AsWritten, device.features)
            .unwrap();
        let stages: Vec<&Prepared> = files.iter().map(|stage| &**stage).collect();
        let candidate = candidate(&stream, kernel.name).unwrap();
        let mut schedule = candidate.schedule(&stages, &device).unwrap();
        let check = |schedule: &Schedule| check_uniforms(kernel, &stages, schedule);
        check(&schedule).unwrap();
        for bytes in [12, 20] {
            schedule.steps[0].params.resize(bytes, 0);
            let error = check(&schedule).unwrap_err().to_string();
            let told = [kernel.name, stages[0].name, "16 bytes", &bytes.to_string()];
            assert!(told.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
