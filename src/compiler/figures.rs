//! Statistics of several drivers under one name each.

use super::compiled::Compiled;
use crate::report::StageStatistics;

/// Names by which drivers call a figure: Intel's, AMD's, Apple's (Honeykrisp), Adreno's (Turnip), NVIDIA's (NVK, and its own
/// driver, which tells registers alone).
const REGISTERS: &[&str] = &[
    "VGPRs",
    "GPRs",
    "Registers used",
    "Number of GPRs",
    "Register Count",
    "GRF registers",
];
const SPILLS: &[&str] = &["Spills", "Spilled VGPRs", "STP Count", "Spills to memory"];
const FILLS: &[&str] = &["Fills", "LDP Count", "Fills from memory"];
const OCCUPANCY: &[&str] = &[
    "Subgroups per SIMD",
    "Threads",
    "Max Waves Per Core",
    "Max warps/SM",
];
const INSTRUCTIONS: &[&str] = &["Instructions", "Instruction Count", "Instruction count"];

impl Compiled {
    /// The figures as plain data, for the stage of a shader file.
    #[must_use]
    pub fn statistics(&self, file: &str) -> StageStatistics {
        StageStatistics {
            file: file.to_owned(),
            code: Some(format!("{:016x}", self.spirv_hash)),
            subgroup_size: Some(self.subgroup_size),
            registers: self.registers(),
            spills: self.spills(),
            fills: self.fills(),
            spills_in_loops: self.spills_in_loops(),
            occupancy: self.occupancy(),
            instructions: self.instructions(),
            instructions_of_multiply_add: self.instructions_of_multiply_add(),
            seconds: Some(self.seconds),
        }
    }

    /// The statistic that the driver calls `name`.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| *value)
    }

    fn first(&self, names: &[&str]) -> Option<u64> {
        let found = names.iter().find_map(|name| self.figure(name));
        found.map(|value| value as u64)
    }

    /// Registers of an invocation, in the driver's unit: 32 bits on AMD and NVIDIA, 16 on Apple, four times 32 on Adreno.
    /// Intel's threads have 128, and more on Xe3, which says how many.
    #[must_use]
    pub fn registers(&self) -> Option<u64> {
        self.first(REGISTERS).filter(|count| *count > 0)
    }

    /// Stores of registers to memory for lack of registers, in the text of the program.
    #[must_use]
    pub fn spills(&self) -> Option<u64> {
        self.first(SPILLS)
    }

    /// Loads of such registers.
    #[must_use]
    pub fn fills(&self) -> Option<u64> {
        self.first(FILLS)
    }

    /// Occupancy of a core, in the driver's unit: subgroups of a SIMD on AMD, invocations of a core on Apple, waves
    /// of a core on Adreno, subgroups of a core on NVIDIA.
    #[must_use]
    pub fn occupancy(&self) -> Option<u64> {
        self.first(OCCUPANCY)
    }

    /// Instructions of the program.
    #[must_use]
    pub fn instructions(&self) -> Option<u64> {
        self.first(INSTRUCTIONS)
    }

    /// Spills and fills within loops, where the driver shows its assembly, and else all of them. Those outside of loops are
    /// executed once.
    #[must_use]
    pub fn spills_in_loops(&self) -> Option<u64> {
        let all = self.spills()? + self.fills().unwrap_or(0);
        if all == 0 || self.assembly.is_none() {
            return Some(all);
        }
        Some(self.loops.map_or(0, |loops| loops.spills))
    }

    /// Instructions for each multiply-add in the innermost loops that multiply, where the driver shows its assembly.
    #[must_use]
    pub fn instructions_of_multiply_add(&self) -> Option<f64> {
        let loops = self.loops?;
        (loops.multiply_adds > 0).then(|| loops.instructions as f64 / loops.multiply_adds as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(figures: &[(&str, f64)], assembly: Option<&str>) -> Compiled {
        let figures = figures.iter();
        Compiled {
            subgroup_size: 32,
            seconds: 0.1,
            figures: figures.map(|(n, v)| ((*n).to_owned(), *v)).collect(),
            assembly: assembly.map(str::to_owned),
            loops: assembly.and_then(super::super::loops::loops),
            spirv_hash: 0,
        }
    }

    #[test]
    fn drivers_words_become_one() {
        let amd = compiled(
            &[("SGPRs", 80.0), ("VGPRs", 188.0), ("Spilled VGPRs", 3.0)],
            None,
        );
        assert_eq!(
            (amd.registers(), amd.spills(), amd.fills()),
            (Some(188), Some(3), None)
        );
        assert_eq!(amd.spills_in_loops(), Some(3));
        let adreno = compiled(
            &[("STP Count", 11.0), ("LDP Count", 12.0)],
            Some("l1:\nend\n"),
        );
        assert_eq!(adreno.spills_in_loops(), Some(0));
        assert_eq!(compiled(&[], None).spills_in_loops(), None);
    }
}
