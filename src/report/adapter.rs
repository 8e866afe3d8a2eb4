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
        format!("  {index}  {}", self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
