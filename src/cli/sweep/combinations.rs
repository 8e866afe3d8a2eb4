//! `NAME=V1,V2` arguments, and every combination of their values. Pure text work.

use crate::cli::constants::{Assignment, is_name, value_of};
use ridgepoint::shader::Constant;
use ridgepoint::{Error, Result};

/// One argument: constants that take their values together, step by step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    names: Vec<String>,
    /// A value for each name.
    steps: Vec<Vec<Constant>>,
}

/// Reads `NAME=V1,V2`, or `NAME+OTHER=V+W,V+W` where the values of a step go together.
pub(crate) fn axis(text: &str) -> Result<Axis, String> {
    let (names, list) = text
        .split_once('=')
        .ok_or("NAME=V1,V2 is needed, such as TILE_K=8,16,32")?;
    let names: Vec<String> = names.split('+').map(str::to_owned).collect();
    if let Some(wrong) = names.iter().find(|name| !is_name(name)) {
        return Err(format!("{wrong:?} is no name of a constant"));
    }
    if list.is_empty() {
        return Err(format!("{} has no values", names.join("+")));
    }
    let step = |text: &str| -> Result<Vec<Constant>, String> {
        let values: Vec<Constant> = text.split('+').map(value_of).collect::<Result<_, _>>()?;
        if values.len() == names.len() {
            return Ok(values);
        }
        Err(format!(
            "{text:?} has {} values for {} names",
            values.len(),
            names.len()
        ))
    };
    let steps = list.split(',').map(step).collect::<Result<_, _>>()?;
    Ok(Axis { names, steps })
}

/// Every combination of the steps of `axes`, the last axis fastest; one without constants where there is no axis.
///
/// # Errors
/// [`Error::Argument`] for a name that stands twice.
pub(super) fn combinations(axes: &[Axis]) -> Result<Vec<Vec<Assignment>>> {
    let names: Vec<&String> = axes.iter().flat_map(|axis| &axis.names).collect();
    if let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        return Err(Error::Argument {
            argument: names[i].clone(),
            reason: "the constant is given twice; write all of its values in one list".to_owned(),
        });
    }
    let mut all = vec![Vec::new()];
    for axis in axes {
        let assigned = |step: &Vec<Constant>| -> Vec<Assignment> {
            let pairs = axis.names.iter().zip(step);
            let one = |(name, value): (&String, &Constant)| Assignment {
                name: name.clone(),
                value: *value,
            };
            pairs.map(one).collect()
        };
        all = all
            .iter()
            .flat_map(|known: &Vec<Assignment>| {
                let steps = axis.steps.iter();
                steps.map(|step| [known.as_slice(), &assigned(step)].concat())
            })
            .collect();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[&str]) -> Vec<String> {
        let axes: Vec<Axis> = arguments.iter().map(|text| axis(text).unwrap()).collect();
        let word = |one: &Assignment| format!("{}={}", one.name, one.value);
        let line = |all: &Vec<Assignment>| all.iter().map(word).collect::<Vec<_>>().join(" ");
        combinations(&axes).unwrap().iter().map(line).collect()
    }

    #[test]
    fn every_value_meets_every_other() {
        assert_eq!(words(&[]), [""]);
        assert_eq!(
            words(&["M=1,2", "K=8,16"]),
            ["M=1 K=8", "M=1 K=16", "M=2 K=8", "M=2 K=16"]
        );
        assert_eq!(words(&["A=true,0.5,f16"]), ["A=true", "A=0.5", "A=f16"]);
    }

    #[test]
    fn values_of_a_step_go_together() {
        assert_eq!(
            words(&["M+N=64+32,32+64", "K=8"]),
            ["M=64 N=32 K=8", "M=32 N=64 K=8"]
        );
    }

    #[test]
    fn lists_that_cannot_be_read_say_why() {
        let refused = |text| axis(text).unwrap_err();
        assert!(refused("TILE_K").contains("NAME=V1,V2"));
        assert!(refused("TILE_K=").contains("TILE_K has no values"));
        assert!(refused("TILE_K=8,").contains("\"\" is no value"));
        assert!(refused("M+N=1+2,3").contains("\"3\" has 1 values for 2 names"));
        assert!(refused("M+=1+2").contains("is no name"));
        let twice = [axis("M=1").unwrap(), axis("K+M=1+2").unwrap()];
        assert!(
            matches!(combinations(&twice), Err(Error::Argument { argument, .. }) if argument == "M")
        );
    }
}
