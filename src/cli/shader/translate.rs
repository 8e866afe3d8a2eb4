//! WGSL in the forms that backends of wgpu give to drivers, by naga's writers.

use clap::ValueEnum;
use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use ridgepoint::shader::{Checks, Prepared};
use ridgepoint::{Error, Result};
use std::fmt::Display;

/// A form of a shader's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// WGSL that the library gives to wgpu
    Wgsl,
    /// Vulkan; binary, and so needs -o
    Spirv,
    /// Metal
    Msl,
    /// Direct3D 12
    Hlsl,
}

impl Form {
    /// The end of a file's name.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Wgsl => "wgsl",
            Self::Spirv => "spv",
            Self::Msl => "metal",
            Self::Hlsl => "hlsl",
        }
    }
}

/// The bytes of `prepared` in a form. Policies of checks match wgpu's backends, as far as naga's options allow.
///
/// # Errors
/// [`Error::Unsupported`] for what naga cannot write; [`Error::Shader`] for a text that it refuses.
pub(super) fn translate(prepared: &Prepared, form: Form, checks: Checks) -> Result<Vec<u8>> {
    let wgsl = &prepared.wgsl;
    if form == Form::Wgsl {
        return Ok(wgsl.clone().into_bytes());
    }
    if form == Form::Hlsl && wgsl.contains("enable wgpu_cooperative_matrix;") {
        return Err(Error::Unsupported {
            what: format!("HLSL of shaders/{}.wgsl", prepared.name),
            reason: "naga writes cooperative matrices for spirv and msl alone".to_owned(),
        });
    }
    let failed = |error: &dyn Display| Error::Shader {
        file: prepared.name.to_owned(),
        message: error.to_string(),
    };
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|e| failed(&e))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    let info = validator.validate(&module).map_err(|e| failed(&e))?;
    let has_checks = checks == Checks::On;
    let policy = if has_checks {
        BoundsCheckPolicy::Restrict
    } else {
        BoundsCheckPolicy::Unchecked
    };
    let policies = BoundsCheckPolicies {
        index: policy,
        buffer: policy,
        image_load: policy,
        binding_array: policy,
    };
    match form {
        Form::Wgsl => Ok(wgsl.clone().into_bytes()),
        Form::Spirv => {
            let options = spv::Options {
                bounds_check_policies: policies,
                force_loop_bounding: has_checks,
                emit_int_div_checks: has_checks,
                zero_initialize_workgroup_memory: if has_checks {
                    spv::ZeroInitializeWorkgroupMemoryMode::Polyfill
                } else {
                    spv::ZeroInitializeWorkgroupMemoryMode::None
                },
                ..Default::default()
            };
            let words = spv::write_vec(&module, &info, &options, None).map_err(|e| failed(&e))?;
            Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
        }
        Form::Msl => {
            let options = msl::Options {
                lang_version: (2, 4),
                bounds_check_policies: policies,
                force_loop_bounding: has_checks,
                emit_int_div_checks: has_checks,
                zero_initialize_workgroup_memory: has_checks,
                ..Default::default()
            };
            let pipeline = msl::PipelineOptions::default();
            let written = msl::write_string(&module, &info, &options, &pipeline);
            let (text, _) = written.map_err(|e| failed(&e))?;
            Ok(text.into_bytes())
        }
        Form::Hlsl => {
            let options = hlsl::Options {
                // f16 needs 6.2.
                shader_model: hlsl::ShaderModel::V6_2,
                restrict_indexing: has_checks,
                force_loop_bounding: has_checks,
                zero_initialize_workgroup_memory: has_checks,
                ..Default::default()
            };
            let (mut text, pipeline) = (String::new(), hlsl::PipelineOptions::default());
            let written =
                hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None);
            written.map_err(|e| failed(&e))?;
            Ok(text.into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgepoint::shader::{Loops, files};

    /// Checks add text: indices are clamped, and workgroup memory is filled with zeros.
    #[test]
    fn checks_add_to_every_form_but_wgsl() {
        let prepared = files::MATMUL_TILED.prepare(&[], Loops::Unrolled, wgpu::Features::empty());
        let prepared = prepared.unwrap();
        let bytes = |form, checks| translate(&prepared, form, checks).unwrap();
        for form in [Form::Spirv, Form::Msl, Form::Hlsl] {
            let (on, off) = (bytes(form, Checks::On), bytes(form, Checks::Off));
            assert!(on.len() > off.len(), "{form:?}");
        }
        assert_eq!(bytes(Form::Wgsl, Checks::On), prepared.wgsl.as_bytes());
        assert_eq!(bytes(Form::Spirv, Checks::Off)[..4], [3, 2, 0x23, 7]);
    }
}
