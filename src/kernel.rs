//! A kernel is one way to compute an operation: static data.

mod constants;
mod fragments;

pub use constants::Constants;
pub use fragments::Fragments;

use crate::data::Dtype;
use crate::error::{Error, Result, suggest};
use crate::gpu::{Capabilities, check_limits};
use crate::shader::{Constant, Loops, Prepared, Shader};
use std::sync::Arc;

/// One dispatch of a kernel: a file, and constants that are its own.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// The file.
    pub shader: &'static Shader,
    /// Constants that make this stage of a file which serves several.
    pub constants: &'static [(&'static str, Constant)],
}

/// One way to compute an operation. Static data: a line of a table.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// The name in the command line, the reports and the benches; the file's stem where the kernel has one file.
    pub name: &'static str,
    /// How it works, in a few words.
    pub about: &'static str,
    /// The files it dispatches, in the order in which its operation uses them.
    pub stages: &'static [Stage],
    /// Features it cannot do without.
    pub features: wgpu::Features,
    /// Element types it works on.
    pub dtypes: &'static [Dtype],
    /// Type to which it rounds intermediate results that it multiplies again, such as the weights of an attention.
    pub intermediates: Dtype,
    /// Sets of constants worth trying, the default first. Empty: the files as they are.
    pub presets: &'static [&'static [(&'static str, Constant)]],
    /// Shapes, in the operation's text form, that have to come out right on a device before the kernel is used there, or
    /// before the form of it that counts on f16 below 2^-14 is. Empty: the kernel is trusted as it is.
    pub trials: &'static [&'static str],
}

impl Kernel {
    /// A kernel of f32 and f16 that needs no feature, rounds nothing to less than f32 in between, has no presets and needs no trial.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str, stages: &'static [Stage]) -> Self {
        Self {
            name,
            about,
            stages,
            features: wgpu::Features::empty(),
            dtypes: &[Dtype::F32, Dtype::F16],
            intermediates: Dtype::F32,
            presets: &[],
            trials: &[],
        }
    }

    /// Refuses to run this kernel, and says why.
    pub(crate) fn unsupported(&self, reason: impl Into<String>) -> Error {
        Error::Unsupported {
            what: format!("kernel {}", self.name),
            reason: reason.into(),
        }
    }

    /// The constants of preset `index`; of the files as they are where there are no presets.
    #[must_use]
    pub fn preset(&self, index: usize) -> Constants {
        let preset = self.presets.get(index);
        preset.map_or_else(Constants::new, |preset| Constants::from(*preset))
    }

    /// The constants of every preset but the first.
    #[must_use]
    pub fn further_presets(&self) -> Vec<Constants> {
        (1..self.presets.len()).map(|i| self.preset(i)).collect()
    }

    /// Whether one of its files has a constant or alias of this name.
    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        self.stages
            .iter()
            .any(|stage| stage.shader.settable().contains(&name))
    }

    /// Prepares every stage with `constants`, each of which some stage has to declare.
    ///
    /// # Errors
    /// Errors of [`Shader::prepare`], and [`Error::UnknownName`] for a constant that no stage declares.
    pub fn prepare(
        &self,
        constants: &[(&str, Constant)],
        loops: Loops,
        features: wgpu::Features,
    ) -> Result<Vec<Arc<Prepared>>> {
        let declared: Vec<&str> = self
            .stages
            .iter()
            .flat_map(|stage| stage.shader.settable())
            .collect();
        if let Some((name, _)) = constants.iter().find(|(name, _)| !declared.contains(name)) {
            let suggestion = suggest(name, declared);
            return Err(Error::UnknownName {
                kind: "constant",
                name: format!("{}: {name}", self.name),
                suggestion,
            });
        }
        self.stages
            .iter()
            .map(|stage| stage.shader.prepare(&stage.all(constants), loops, features))
            .collect()
    }

    /// Features that it needs for elements of `dtype`.
    #[must_use]
    pub fn features_for(&self, dtype: Dtype) -> wgpu::Features {
        match dtype {
            Dtype::F32 | Dtype::U32 | Dtype::Words => self.features,
            Dtype::F16 => self.features | wgpu::Features::SHADER_F16,
        }
    }

    /// Whether a device can run this kernel with `constants` on elements of `dtype`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with what is missing.
    pub fn supported(
        &self,
        dtype: Dtype,
        constants: &[(&str, Constant)],
        device: &Capabilities,
    ) -> Result<()> {
        self.prepare_for(dtype, constants, device).map(drop)
    }

    /// The stages with their loops as written, where [`Self::supported`] finds nothing missing.
    pub(crate) fn prepare_for(
        &self,
        dtype: Dtype,
        constants: &[(&str, Constant)],
        device: &Capabilities,
    ) -> Result<Vec<Arc<Prepared>>> {
        let refuse = |reason: String| Err(self.unsupported(reason));
        if device.demoted.contains(&self.name) {
            return refuse("it did not come out right on this device".to_owned());
        }
        if !self.dtypes.contains(&dtype) {
            return refuse(format!("it has no {} form", dtype.name()));
        }
        let narrow = |(_, value): &(&str, Constant)| matches!(value, Constant::Type(name) if name.contains("f16"));
        let mut needed = self.features_for(dtype);
        needed.set(
            wgpu::Features::SHADER_F16,
            needed.contains(wgpu::Features::SHADER_F16) || constants.iter().any(narrow),
        );
        let missing = needed - device.features;
        if !missing.is_empty() {
            let names: Vec<String> = missing
                .iter_names()
                .map(|(name, _)| name.to_lowercase())
                .collect();
            return refuse(format!("the device lacks {}", names.join(", ")));
        }
        let stages = self.prepare(constants, Loops::AsWritten, device.features)?;
        for prepared in &stages {
            if let Err(error) = check_limits(prepared, &device.limits) {
                return refuse(error.to_string());
            }
        }
        Ok(stages)
    }
}

impl Stage {
    /// A file as it is.
    #[must_use]
    pub const fn of(shader: &'static Shader) -> Self {
        Self {
            shader,
            constants: &[],
        }
    }

    /// Values from `constants` that the stage's file declares, and the stage's own values, which win.
    pub(crate) fn all<'a>(&self, constants: &[(&'a str, Constant)]) -> Vec<(&'a str, Constant)> {
        let declared = self.shader.settable();
        let shared = constants
            .iter()
            .copied()
            .filter(|(name, _)| declared.contains(name));
        shared.chain(self.constants.iter().copied()).collect()
    }
}

/// Buffer that a dispatch binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// An operand of the operation, by its place.
    Operand(usize),
    /// Memory of the plan, by its place in [`Schedule::scratch`].
    Scratch(usize),
}

/// A run of bytes that a dispatch binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingRange {
    /// Buffer.
    pub slot: Slot,
    /// First byte, from the beginning of the operand.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl BindingRange {
    /// All `bytes` of a slot.
    #[must_use]
    pub fn whole(slot: Slot, bytes: u64) -> Self {
        Self {
            slot,
            offset: 0,
            bytes,
        }
    }
}

/// One dispatch: which stage, with what uniform, on what buffers, over how many workgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Index of [`Kernel::stages`].
    pub stage: usize,
    /// Bytes of binding 0.
    pub params: Vec<u8>,
    /// Bindings 1, 2, ...
    pub windows: Vec<BindingRange>,
    /// Workgroups in x, y, z.
    pub workgroups: [u32; 3],
}

/// Everything that has to be dispatched for one shape, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The dispatches. None for a shape without elements.
    pub steps: Vec<Dispatch>,
    /// Bytes of each scratch buffer.
    pub scratch: Vec<u64>,
}

impl Schedule {
    /// Bytes of all scratch buffers.
    #[must_use]
    pub fn scratch_bytes(&self) -> u64 {
        self.scratch.iter().sum()
    }
}

/// Workgroups for `total` items, one a workgroup, in x and y: the kernel folds `y * num_workgroups.x + x` back.
///
/// # Errors
/// [`Error::TooLarge`] beyond what two dimensions hold.
pub fn fold_workgroups(total: u64, limits: &wgpu::Limits) -> Result<[u32; 3]> {
    let limit = u64::from(limits.max_compute_workgroups_per_dimension);
    let y = total.div_ceil(limit).max(1);
    if y > limit {
        let what = "a dispatch, in workgroups".to_owned();
        return Err(Error::TooLarge {
            what,
            needed: total,
            limit_name: "max_compute_workgroups_per_dimension squared",
            limit: limit * limit,
        });
    }
    Ok([total.div_ceil(y) as u32, y as u32, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workgroups_are_folded_into_two_dimensions() {
        let limits = wgpu::Limits::default();
        assert_eq!(fold_workgroups(1, &limits).unwrap(), [1, 1, 1]);
        assert_eq!(fold_workgroups(65_535, &limits).unwrap(), [65_535, 1, 1]);
        let [x, y, _] = fold_workgroups(65_536, &limits).unwrap();
        assert_eq!((x, y), (32_768, 2));
        assert!(fold_workgroups(u64::from(u32::MAX) * 8, &limits).is_err());
    }
}
