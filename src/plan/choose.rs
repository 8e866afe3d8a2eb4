//! Choice of an operation's kernel on a device, and of its constants.

use super::options::PlanOptions;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::ops::{Candidate, Fit, Operation, candidate};

/// A kernel that was chosen, and why.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Why it and not another, in words.
    pub reason: String,
}

/// Chooses a kernel for `operation` on a device: the one that `options` name, or the first of its table that runs and fits
/// best; where none does, the first that is able. Pure.
///
/// # Errors
/// [`Error::UnknownName`] for a kernel that is not; [`Error::Unsupported`] where it, or every kernel, does not run here.
pub fn choose(
    operation: &dyn Operation,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Choice> {
    let (candidate, reason) = chosen(operation, options, device)?;
    let kernel = candidate.kernel();
    Ok(Choice { kernel, reason })
}

/// The kernel of [`choose`], bound to the operation, and why it was chosen.
///
/// # Errors
/// Errors of [`choose`].
pub(crate) fn chosen<'a>(
    operation: &'a dyn Operation,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<(Box<dyn Candidate + 'a>, String)> {
    device.require_compute()?;
    require_type(operation, device)?;
    if let Some(name) = options.kernel {
        return Ok((
            candidate(operation, name)?,
            "named by the caller".to_owned(),
        ));
    }
    let mut passed_over = Vec::new();
    let mut able = Vec::new();
    for candidate in operation.candidates() {
        let name = candidate.kernel().name;
        let why = match candidate.fit(device) {
            Fit::Best => match require_running(operation, &*candidate, options, device)? {
                None => return Ok((candidate, reason(&passed_over))),
                Some(why) => why,
            },
            Fit::Able(why) => {
                able.push(candidate);
                why
            }
            Fit::Unable(why) => why,
        };
        passed_over.push(format!("{name}: {why}"));
    }
    for candidate in able {
        let name = candidate.kernel().name;
        match require_running(operation, &*candidate, options, device)? {
            None => return Ok((candidate, reason(&passed_over))),
            Some(why) => passed_over.push(format!("{name}: {why}")),
        }
    }
    let what = format!(
        "{} {} {}",
        operation.family().name,
        operation.dtype().name(),
        operation.label()
    );
    Err(Error::Unsupported {
        what,
        reason: passed_over.join("; "),
    })
}

/// Why a candidate does not run on a device, if it does not.
///
/// # Errors
/// Any but [`Error::Unsupported`].
fn require_running(
    operation: &dyn Operation,
    candidate: &dyn Candidate,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Option<String>> {
    let constants = constants_of(candidate, options, device);
    let kernel = candidate.kernel();
    match constants.and_then(|c| kernel.supported(operation.dtype(), &c, device)) {
        Ok(()) => Ok(None),
        Err(Error::Unsupported { reason, .. }) => Ok(Some(reason)),
        Err(error) => Err(error),
    }
}

/// Why a kernel was chosen after others were passed over.
fn reason(passed_over: &[String]) -> String {
    if passed_over.is_empty() {
        "the best of its operation".to_owned()
    } else {
        format!("the best left; not {}", passed_over.join("; not "))
    }
}

/// Refuses elements of a type that a device lacks, and names what would compute them as f32.
fn require_type(operation: &dyn Operation, device: &Capabilities) -> Result<()> {
    let has_f16 = device.features.contains(wgpu::Features::SHADER_F16);
    if operation.dtype() != Dtype::F16 || has_f16 {
        return Ok(());
    }
    let family = operation.family();
    let in_f32 = (family.in_f32)(operation)
        .and_then(|wide| choose(wide.as_ref(), &PlanOptions::default(), device).ok());
    let instead = in_f32.map_or(String::new(), |choice| {
        format!("; as f32 it would be {}", choice.kernel.name)
    });
    Err(Error::Unsupported {
        what: format!("{} f16 {}", family.name, operation.label()),
        reason: format!("the device lacks shader_f16, which f16 elements need{instead}"),
    })
}

/// The constants of `candidate` on a device: the shape's, a preset's, and the caller's, later ones winning.
///
/// # Errors
/// [`Error::Unsupported`] where the kernel has no form for the shape.
pub(crate) fn constants_of(
    candidate: &dyn Candidate,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Constants> {
    let preset = candidate.kernel().preset(options.preset);
    candidate.constants(device, &preset.merged(&options.constants))
}
