//! A stage as a driver's compiler made it, as plain data.

use serde::{Deserialize, Serialize};

/// Figures of one stage, as a driver's compiler made it. A figure is `None` (null in JSON) where the driver does not tell it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StageStatistics {
    /// Stem of the shader file.
    pub file: String,
    /// Hash of the SPIR-V, as hexadecimal FNV-1a: equal for equal code.
    pub code: Option<String>,
    /// Invocations of a subgroup.
    pub subgroup_size: Option<u32>,
    /// Registers of an invocation, in the driver's unit: 32 bits on AMD and NVIDIA, 16 on Apple, four times 32 on Adreno.
    pub registers: Option<u64>,
    /// Stores of registers to memory for lack of registers, in the text of the program.
    pub spills: Option<u64>,
    /// Loads of such registers.
    pub fills: Option<u64>,
    /// Spills and fills within loops; all of them where the driver does not show its assembly.
    pub spills_in_loops: Option<u64>,
    /// Occupancy of a core, in the driver's unit: subgroups of a SIMD on AMD, invocations of a core on Apple, waves
    /// of a core on Adreno, subgroups of a core on NVIDIA.
    pub occupancy: Option<u64>,
    /// Instructions of the program.
    pub instructions: Option<u64>,
    /// Instructions for each multiply-add in the innermost loops that multiply.
    pub instructions_of_multiply_add: Option<f64>,
    /// Seconds that compiling took.
    pub seconds: Option<f64>,
}

impl StageStatistics {
    /// Whether a loop of the stage stores registers to memory or loads them back.
    #[must_use]
    pub fn has_spills_in_loops(&self) -> bool {
        self.spills_in_loops.is_some_and(|count| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    /// A file of a version before rows had these figures.
    const OLD: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/results/nvidia-h200-vulkan.json"
    );

    #[test]
    fn files_with_and_without_the_figures_are_read_and_written() {
        let text = std::fs::read_to_string(OLD).unwrap();
        assert!(!text.contains("\"compiled\""));
        let mut report = Report::from_json(&text).unwrap();
        assert!(report.rows.iter().all(|row| row.compiled.is_empty()));
        assert!(!report.to_json().contains("\"compiled\""));
        report.rows[0].compiled = vec![StageStatistics {
            file: "stream_copy".to_owned(),
            registers: Some(24),
            ..StageStatistics::default()
        }];
        let json = report.to_json();
        assert!(json.contains("\"registers\": 24"), "{json}");
        assert!(json.contains("\"spills\": null"), "{json}");
        let read = Report::from_json(&json).unwrap();
        assert_eq!(read.rows[0].compiled, report.rows[0].compiled);
    }

    #[test]
    fn figures_of_another_kind_are_refused() {
        for text in [
            r#"{"file": "x", "registers": -1}"#,
            r#"{"file": "x", "registers": "many"}"#,
            r#"{"registers": 3}"#,
        ] {
            assert!(
                serde_json::from_str::<StageStatistics>(text).is_err(),
                "{text}"
            );
        }
        let least: StageStatistics = serde_json::from_str(r#"{"file": "x"}"#).unwrap();
        assert!(!least.has_spills_in_loops() && least.registers.is_none());
    }
}
