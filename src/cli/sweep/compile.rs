//! Combinations as a driver's compiler makes them: registers, spills and instructions in place of times. Nothing runs.

use super::subject::Trial;
use super::{WIDTH, shortened};
use crate::cli::progress::{Progress, print};
use crate::cli::{FAILED, OK, stop};
use ridgepoint::compiler::{Compiled, Compiler};
use ridgepoint::gpu::Capabilities;
use ridgepoint::plan::Preview;
use ridgepoint::shader::Checks;
use ridgepoint::{Error, Operation, PlanOptions, Result};

/// Figures of a trial that decide its place in the list, all stages together. Trials of equal figures stay in their order.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Cost {
    /// Spills and fills in loops; where the driver shows no loops, all of them.
    spills: u64,
    /// Instructions for each multiply-add of the loops that multiply; 0 where the driver does not tell.
    of_multiply_add: f64,
}

impl Cost {
    fn of(stages: &[Compiled]) -> Self {
        let ratios = stages
            .iter()
            .filter_map(Compiled::instructions_of_multiply_add);
        Self {
            spills: stages.iter().filter_map(Compiled::spills_in_loops).sum(),
            of_multiply_add: ratios.fold(0.0, f64::max),
        }
    }
}

/// Has `compiler` compile every trial, prints lines with the cheapest last, and returns the exit status: failed where a text
/// was refused by the driver or nothing was compiled.
pub(super) fn compile_all(
    operation: &dyn Operation,
    device: &Capabilities,
    compiler: &Compiler,
    checks: Checks,
    trials: &[Trial<'_>],
    name: impl Fn(&Trial<'_>) -> String,
) -> Result<u8> {
    let progress = Progress::new(trials.len(), "combinations");
    progress.start();
    let mut lines: Vec<(Cost, String)> = Vec::new();
    let (mut status, mut ended) = (OK, Ok(()));
    for trial in trials {
        let text = name(trial);
        progress.begin(&text);
        let stages = if stop::asked() {
            Err(Error::Interrupted)
        } else {
            compile(operation, device, compiler, checks, trial)
        };
        progress.end();
        match stages {
            Ok(stages) => {
                let figures: Vec<String> = stages.iter().map(figures).collect();
                let line = format!("{text:WIDTH$} {}", figures.join(" | "));
                lines.push((Cost::of(&stages), line));
            }
            Err(error) if error.ends_run() => {
                ended = Err(error);
                break;
            }
            Err(error) => {
                if !matches!(error, Error::Unsupported { .. } | Error::TooLarge { .. }) {
                    status = FAILED;
                }
                print(&format!("{text:WIDTH$} {}", shortened(&error)));
            }
        }
    }
    drop(progress);
    lines.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal));
    for (_, line) in &lines {
        print(line);
    }
    ended?;
    Ok(if lines.is_empty() { FAILED } else { status })
}

/// Every stage that `trial` dispatches, compiled.
fn compile(
    operation: &dyn Operation,
    device: &Capabilities,
    compiler: &Compiler,
    checks: Checks,
    trial: &Trial<'_>,
) -> Result<Vec<Compiled>> {
    let options = PlanOptions {
        constants: trial.constants.clone(),
        checks,
        ..PlanOptions::default()
    };
    let preview = Preview::with_candidate(operation, &*trial.candidate, &options, device)?;
    let stages = preview.stages.iter();
    stages
        .map(|stage| compiler.compile(&stage.text, checks))
        .collect()
}

/// Figures of one stage in words. Figures that the driver does not tell are left out.
fn figures(compiled: &Compiled) -> String {
    let count = |value: Option<u64>, words: &str| value.map(|value| format!("{value} {words}"));
    let spills = compiled.spills().map(|spills| {
        let fills = compiled.fills().unwrap_or(0);
        let in_loops = compiled.spills_in_loops().unwrap_or(0);
        match spills + fills {
            0 => "no spills".to_owned(),
            _ => format!("{spills}/{fills} spills/fills, {in_loops} in loops"),
        }
    });
    let ratio = compiled.instructions_of_multiply_add();
    let parts = [
        spills,
        ratio.map(|ratio| format!("{ratio:.2} per FMA")),
        count(compiled.registers(), "registers"),
        count(compiled.occupancy(), "held"),
        compiled
            .figure("Inverse Throughput")
            .map(|clocks| format!("inverse throughput {clocks}")),
        count(compiled.instructions(), "instructions"),
        Some(format!("subgroups of {}", compiled.subgroup_size)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgepoint::compiler::Loops;

    fn compiled(figures: &[(&str, f64)]) -> Compiled {
        Compiled {
            subgroup_size: 32,
            seconds: 0.1,
            figures: figures.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect(),
            assembly: None,
            loops: None,
            spirv_hash: 0,
        }
    }

    #[test]
    fn spills_come_before_instructions() {
        let with = |spills, instructions| {
            let of_loops = Loops {
                instructions,
                multiply_adds: 100,
                spills,
            };
            Compiled {
                assembly: Some(String::new()),
                loops: Some(of_loops),
                ..compiled(&[("Spills", spills as f64)])
            }
        };
        let cost = |stages: &[Compiled]| Cost::of(stages);
        assert!(cost(&[with(1, 110)]) > cost(&[with(0, 150)]));
        assert!(cost(&[with(0, 150), with(0, 120)]) > cost(&[with(0, 120)]));
        assert_eq!(cost(&[compiled(&[("Spills", 0.0)])]), cost(&[]));
    }

    #[test]
    fn untold_figures_are_left_out() {
        let text = figures(&compiled(&[("Spills", 0.0)]));
        assert_eq!(text, "no spills, subgroups of 32");
        let text = figures(&compiled(&[("Spilled VGPRs", 2.0), ("VGPRs", 96.0)]));
        assert_eq!(
            text,
            "2/0 spills/fills, 2 in loops, 96 registers, subgroups of 32"
        );
    }
}
