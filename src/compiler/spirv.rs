//! A prepared text as SPIR-V, with the options that wgpu's Vulkan backend sets.

use crate::error::{Error, Result};
use crate::shader::{Checks, Prepared};
use crate::text::fnv_1a;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::fmt::Display;

/// The words of a module with `prepared` as its one entry point, in a version of SPIR-V.
///
/// # Errors
/// [`Error::Shader`] for a text that naga refuses.
pub(super) fn words(prepared: &Prepared, checks: Checks, version: (u8, u8)) -> Result<Vec<u32>> {
    let failed = |error: &dyn Display| Error::Shader {
        file: prepared.name.to_owned(),
        message: error.to_string(),
    };
    let module = naga::front::wgsl::parse_str(&prepared.wgsl).map_err(|e| failed(&e))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    let info = validator.validate(&module).map_err(|e| failed(&e))?;
    let has_checks = checks == Checks::On;
    let policy = if has_checks {
        BoundsCheckPolicy::Restrict
    } else {
        BoundsCheckPolicy::Unchecked
    };
    let options = spv::Options {
        lang_version: version,
        flags: spv::WriterFlags::empty(),
        bounds_check_policies: BoundsCheckPolicies {
            index: policy,
            buffer: policy,
            image_load: policy,
            binding_array: policy,
        },
        force_loop_bounding: has_checks,
        emit_int_div_checks: has_checks,
        zero_initialize_workgroup_memory: if has_checks {
            spv::ZeroInitializeWorkgroupMemoryMode::Native
        } else {
            spv::ZeroInitializeWorkgroupMemoryMode::None
        },
        use_storage_input_output_16: true,
        ..Default::default()
    };
    spv::write_vec(&module, &info, &options, None).map_err(|e| failed(&e))
}

/// FNV-1a of the words: equal for equal code.
pub(super) fn hash(words: &[u32]) -> u64 {
    fnv_1a(words.iter().flat_map(|word| word.to_le_bytes()))
}
