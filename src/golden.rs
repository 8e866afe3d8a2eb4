//! Golden choices: which kernel, with which constants and dispatches, every shape of the suites and of the tuner's classes
//! gets on eight fake devices. `tests/snapshots/plans.txt` holds them, and its diff is the review of a heuristic.
//!
//! `UPDATE=1 cargo test --lib golden` rewrites the file. A commit that changes a choice names the figure that justifies it.

use crate::error::Error;
use crate::gpu::{Capabilities, FAKES};
use crate::kernel::{Constants, Kernel};
use crate::ops::Operation;
use crate::plan::{Draft, PlanOptions, chosen};
use crate::tune::known_cases;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/plans.txt");

const HEAD: &str = "\
# What the library chooses, without a GPU: operation, type and shape, then a line for each distinct choice:
#   devices -> kernel, the constants that differ from its files', dispatches, bytes of scratch memory
# Rewritten by UPDATE=1 cargo test --lib golden. A commit that changes a choice names the figure that justifies it.
";

/// The choice or the error for an operation on a device: the right side of a line. Operands and bindings may be larger than
/// the device allows: the file is of choices, and a choice is made before.
fn outcome(
    operation: &dyn Operation,
    named: Option<&'static str>,
    device: &Capabilities,
) -> String {
    let options = PlanOptions {
        kernel: named,
        ..PlanOptions::default()
    };
    let planned = chosen(operation, &options, device)
        .and_then(|(candidate, _)| Draft::unchecked(operation, &*candidate, &options, device));
    match planned {
        Err(Error::Unsupported { reason, .. }) => format!("unsupported: {reason}"),
        Err(error) => format!("error: {error}"),
        Ok(draft) => {
            let constants = differing(draft.kernel, &draft.constants);
            let (kernel, dispatches) = (draft.kernel.name, draft.schedule.steps.len());
            let scratch = draft.schedule.scratch_bytes();
            format!("{kernel}{constants} dispatches={dispatches} scratch={scratch}")
        }
    }
}

/// The constants whose value is another one than in a file of the kernel that declares them, by name.
fn differing(kernel: &Kernel, constants: &Constants) -> String {
    let own = |value: &str, wanted: &str| value.trim_end_matches(['u', 'i', 'f']) != wanted;
    let differs = |(name, value): &(&str, crate::shader::Constant)| {
        let mut files = kernel.stages.iter().map(|stage| stage.shader.literal(name));
        files.any(|literal| {
            literal.is_some_and(|literal| {
                own(literal, &value.to_string()) && literal != value.to_string()
            })
        })
    };
    let found: BTreeMap<_, _> = constants
        .iter()
        .filter(|constant| differs(constant))
        .map(|(name, value)| (*name, value.to_string()))
        .collect();
    found.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = write!(text, " {name}={value}");
        text
    })
}

fn plans() -> String {
    // Devices by what they get, by operation.
    let mut found: BTreeMap<String, BTreeMap<String, BTreeSet<usize>>> = BTreeMap::new();
    for (place, fake) in FAKES.iter().enumerate() {
        let device = &(fake.capabilities)();
        for (operation, named) in known_cases(device.kind) {
            let operation = operation.as_ref();
            let name = operation.family().name;
            let mut head = format!("{name} {} {}", operation.dtype().name(), operation.label());
            if let Some(kernel) = named {
                let _ = write!(head, " {kernel}");
            }
            let outcome = outcome(operation, named, device);
            let of_operation = found.entry(head).or_default();
            of_operation.entry(outcome).or_default().insert(place);
        }
    }
    let mut text = HEAD.to_owned();
    for (operation, outcomes) in found {
        let _ = write!(text, "\n{operation}\n");
        let mut lines: Vec<_> = outcomes.into_iter().collect();
        lines.sort_by_key(|(_, places)| places.first().copied());
        for (outcome, places) in lines {
            let names: Vec<&str> = places.iter().map(|place| FAKES[*place].name).collect();
            let _ = writeln!(text, "  {} -> {outcome}", names.join(" "));
        }
    }
    text
}

#[test]
fn choices_are_those_of_the_golden_file() {
    let plans = plans();
    if std::env::var_os("UPDATE").is_some() {
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(
            !in_ci,
            "UPDATE is for a person who reads the diff, not for CI"
        );
        std::fs::write(FILE, &plans).unwrap();
    }
    let golden = std::fs::read_to_string(FILE).unwrap();
    let changed = golden
        .lines()
        .zip(plans.lines())
        .find(|(old, new)| old != new);
    assert!(
        golden == plans,
        "the choices are others: {changed:?}; {} lines, {} before. Read the diff of UPDATE=1 cargo test --lib golden",
        plans.lines().count(),
        golden.lines().count()
    );
}
