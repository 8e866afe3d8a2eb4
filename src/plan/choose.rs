//! Which kernel an operation gets on a device, and with which constants.

use super::options::PlanOptions;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::ops::Operation;

/// A kernel that was chosen, and why.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Why it and not another, in words.
    pub reason: String,
}

/// Chooses a kernel for `operation` on a device: the one that `options` name, or the last of the family that runs and
/// is suited; where none is suited, the last that runs. Pure.
///
/// # Errors
/// [`Error::UnknownName`] for a kernel that is not; [`Error::Unsupported`] where it, or every kernel, does not run here.
pub fn choose(
    operation: &dyn Operation,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Choice> {
    let family = operation.family();
    require_type(operation, device)?;
    if let Some(name) = options.kernel {
        let kernel = family.kernel(name)?;
        let reason = "named by the caller".to_owned();
        return Ok(Choice { kernel, reason });
    }
    let mut reasons = Vec::new();
    let mut able = None;
    for kernel in operation.candidates(device) {
        let constants = constants_of(operation, kernel, options, device);
        match constants.and_then(|c| kernel.supported(operation.dtype(), &c, device)) {
            Ok(()) => match operation.unsuited(kernel, device) {
                None => return Ok(Choice::of(kernel, &reasons)),
                Some(reason) => {
                    able = able.or(Some(kernel));
                    reasons.push(format!("{}: {reason}", kernel.name));
                }
            },
            Err(Error::Unsupported { reason, .. }) => {
                reasons.push(format!("{}: {reason}", kernel.name));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(kernel) = able {
        return Ok(Choice::of(kernel, &reasons));
    }
    let what = format!(
        "{} {} {}",
        family.name,
        operation.dtype().name(),
        operation.label()
    );
    Err(Error::Unsupported {
        what,
        reason: reasons.join("; "),
    })
}

/// Refuses elements of a type that a device lacks, and names what would compute them as f32.
fn require_type(operation: &dyn Operation, device: &Capabilities) -> Result<()> {
    let has_f16 = device.features.contains(wgpu::Features::SHADER_F16);
    if operation.dtype() != Dtype::F16 || has_f16 {
        return Ok(());
    }
    let family = operation.family();
    let label = operation.label();
    let in_f32 = (family.parse)(&label.replace("+f16", ""), Dtype::F32)
        .and_then(|wide| choose(wide.as_ref(), &PlanOptions::default(), device));
    let instead = in_f32.map_or(String::new(), |choice| {
        format!("; as f32 it would be {}", choice.kernel.name)
    });
    Err(Error::Unsupported {
        what: format!("{} f16 {label}", family.name),
        reason: format!("the device lacks shader_f16, which f16 elements need{instead}"),
    })
}

impl Choice {
    /// `kernel`, after others were passed over.
    fn of(kernel: &'static Kernel, passed_over: &[String]) -> Self {
        let reason = if passed_over.is_empty() {
            "the best of its operation".to_owned()
        } else {
            format!("the best left; not {}", passed_over.join("; not "))
        };
        Self { kernel, reason }
    }
}

/// The constants of `kernel` for `operation` on a device: those of the shape, of a preset, and of the caller, later ones
/// winning.
///
/// # Errors
/// [`Error::Unsupported`] where the kernel has no form for the shape.
pub(crate) fn constants_of(
    operation: &dyn Operation,
    kernel: &'static Kernel,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Constants> {
    let chosen = merge([
        operation.constants(kernel, device)?,
        kernel.preset(options.preset),
        options.constants.clone(),
    ]);
    let derived = operation.derived(kernel, &chosen, device);
    Ok(merge([derived, chosen, Constants::new()]))
}

/// Later values replace earlier ones of the same name.
fn merge(sets: [Constants; 3]) -> Constants {
    let mut merged = Constants::new();
    for (name, value) in sets.into_iter().flatten() {
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => merged.push((name, value)),
        }
    }
    merged
}
