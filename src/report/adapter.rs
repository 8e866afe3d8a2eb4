//! Self-description of an adapter, as plain data.

use crate::data::Dtype;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kind of processor behind an adapter, fastest kind first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU handed into a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// No GPU: the CPU executes the shaders.
    Software,
    /// wgpu's no-op backend, which executes nothing.
    Noop,
}

impl std::fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "unknown kind",
            Self::Software => "software (CPU)",
            Self::Noop => "no-op (executes nothing)",
        })
    }
}

/// One matrix shape that an adapter multiplies cooperatively: `C[m, n] += A[m, k] * B[k, n]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CooperativeShape {
    /// Rows of A and C.
    pub m: u32,
    /// Columns of B and C.
    pub n: u32,
    /// Columns of A, rows of B.
    pub k: u32,
    /// Element type of A and B.
    pub input: String,
    /// Element type of C.
    pub accumulator: String,
}

/// Self-description of an adapter as plain data: the `adapter` object of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterSummary {
    /// Name, as the driver gives it.
    pub name: String,
    /// PCI vendor, or the backend's own.
    pub vendor_id: u32,
    /// PCI device, or the backend's own.
    pub device_id: u32,
    /// Place on the PCI bus, such as `0000:01:00.0`; absent where the driver does not say it. Sensors are found by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci_bus_id: Option<String>,
    /// Discrete, integrated, software...
    #[serde(rename = "type")]
    pub kind: AdapterKind,
    /// `vulkan`, `metal`, `dx12`, `gl`, `webgpu`, `noop`; of another program `cuda`, `rocm`, `mps`, `cpu`.
    pub backend: String,
    /// Driver's name; "unknown" where it gives none.
    pub driver: String,
    /// Driver's version text; "unknown" where it gives none.
    pub driver_info: String,
    /// Smallest subgroup, in invocations.
    pub subgroup_min: u32,
    /// Largest subgroup, in invocations.
    pub subgroup_max: u32,
    /// Features that decide which kernels run, by WebGPU's names.
    pub features: Vec<String>,
    /// Limits that decide which kernels run and how large operands may be, by wgpu's names.
    pub limits: BTreeMap<String, u64>,
    /// Cooperative matrix shapes.
    pub cooperative_matrix: Vec<CooperativeShape>,
    /// Nanoseconds per tick of a timestamp, once a device is open; null without timestamps.
    pub timestamp_period_ns: Option<f32>,
}

/// In place of a text that the driver does not give.
pub(crate) const UNKNOWN: &str = "unknown";

impl CooperativeShape {
    /// Whether kernels have a form for it: one that WGSL can name, with sums in f32.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_nameable() && self.accumulator == "f32"
    }

    /// Whether WGSL, as naga has it, can name the fragments: square ones of 16 or 8, f16 or f32. Others, such as Intel's
    /// 8x8x16 and all of integers, are listed by drivers and out of reach.
    #[must_use]
    pub fn is_nameable(&self) -> bool {
        let sides = [self.m, self.n, self.k];
        (sides == [16; 3] || sides == [8; 3]) && ["f16", "f32"].contains(&self.input.as_str())
    }

    /// Type of the operands' elements, where kernels have it.
    #[must_use]
    pub fn operands(&self) -> Option<Dtype> {
        [Dtype::F32, Dtype::F16]
            .into_iter()
            .find(|dtype| dtype.name() == self.input)
    }
}

impl std::fmt::Display for CooperativeShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            m,
            n,
            k,
            input,
            accumulator,
        } = self;
        write!(f, "{m}x{n}x{k} {input} -> {accumulator}")
    }
}

impl AdapterSummary {
    /// Name and version of the driver; "unknown" where it gives neither.
    #[must_use]
    pub fn driver_text(&self) -> String {
        // Drivers that have no name, or no version beyond it, are not given one.
        let parts = [&self.driver, &self.driver_info];
        let mut known: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
        known.retain(|part| *part != UNKNOWN);
        known.dedup();
        if known.is_empty() {
            UNKNOWN.to_owned()
        } else {
            known.join(" ")
        }
    }

    /// Why no kernel runs on the adapter; `None` where kernels can. WebGPU asks for compute shaders, which OpenGL has from 4.3 on
    /// and OpenGL ES from 3.1. An older OpenGL may list them as an extension, for which naga writes no shaders.
    #[must_use]
    pub fn unable(&self) -> Option<String> {
        let is_without = |name: &str| self.limits.get(name) == Some(&0);
        let is_gl = self.backend == "gl";
        let what = if is_without("max_compute_invocations_per_workgroup")
            || is_without("max_compute_workgroups_per_dimension")
            || is_gl && is_old(&self.driver_info)
        {
            "compute shaders"
        } else if is_without("max_storage_buffers_per_shader_stage") {
            "storage buffers"
        } else {
            return None;
        };
        let needed = if is_gl {
            ", which come with OpenGL 4.3 and OpenGL ES 3.1"
        } else {
            ""
        };
        let driver = self.driver_text();
        Some(format!("its driver, {driver}, has no {what}{needed}"))
    }

    /// Name, kind, backend and driver in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        let (name, kind, backend) = (&self.name, self.kind, &self.backend);
        let driver = self.driver_text();
        format!("{name}: {kind}, {backend}, driver {driver}")
    }

    /// Index, name, kind, backend and driver in one line, for lists and errors.
    #[must_use]
    pub fn line(&self, index: usize) -> String {
        let unable = self.unable().map(|why| format!("; cannot compute: {why}"));
        format!(
            "  {index}  {}{}",
            self.describe(),
            unable.unwrap_or_default()
        )
    }
}

/// Whether the version text of an OpenGL driver begins with a version that has no compute shaders: `3.3 (Core Profile) Mesa 22.3`,
/// `OpenGL ES 3.0 Mesa 22.3`. A text of another form says nothing.
fn is_old(version: &str) -> bool {
    const ES: &str = "OpenGL ES ";
    let (number, least) = match version.split_once(ES) {
        Some((_, number)) => (number, (3, 1)),
        None => (version, (4, 3)),
    };
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.');
    let mut parts = number[..end.unwrap_or(number.len())].split('.');
    let mut part = || parts.next()?.parse::<u32>().ok();
    part().zip(part()).is_some_and(|found| found < least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_opengl_are_read() {
        for (version, is) in [
            ("3.3 (Core Profile) Mesa 22.3.6", true),
            ("4.2.0 NVIDIA 390.157", true),
            ("4.3.0 NVIDIA 390.157", false),
            ("4.6 (Compatibility Profile) Mesa 24.0", false),
            ("10.0", false),
            ("OpenGL ES 3.0 Mesa 22.3.6", true),
            ("WebGL 2.0 (OpenGL ES 3.0 Chromium)", true),
            ("OpenGL ES 3.1 v1.r12p0", false),
            ("OpenGL ES 3.2 Mesa 22.3.6", false),
            ("unknown", false),
            ("4", false),
        ] {
            assert_eq!(is_old(version), is, "{version}");
        }
    }

    #[test]
    fn shapes_that_wgsl_cannot_name_are_out_of_reach() {
        let shape = |[m, n, k]: [u32; 3], input: &str, accumulator: &str| CooperativeShape {
            m,
            n,
            k,
            input: input.to_owned(),
            accumulator: accumulator.to_owned(),
        };
        for (shape, nameable, usable) in [
            (shape([16; 3], "f16", "f32"), true, true),
            (shape([8; 3], "f32", "f32"), true, true),
            (shape([16; 3], "f16", "f16"), true, false),
            (shape([8, 8, 16], "f16", "f32"), false, false),
            (shape([16, 16, 32], "i8", "i32"), false, false),
            (shape([16; 3], "i8", "i32"), false, false),
        ] {
            assert_eq!(
                (shape.is_nameable(), shape.is_usable()),
                (nameable, usable),
                "{shape}"
            );
        }
    }
}
