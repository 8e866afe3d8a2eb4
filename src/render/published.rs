//! Published figures beside results: a section for people, and lines of the flat table with their own kind and source.

use super::elsewhere::{id, said, sections};
use super::subject::Subject;
use super::table::Document;
use crate::compare::{Beside, Elsewhere};
use crate::report::Input;
use crate::report::flat::{Sheet, Value};
use crate::report::published::figures;
use crate::units::Unit;
use std::collections::HashSet;

/// Results, with the published figures that correspond to them.
#[derive(Clone, Copy)]
pub struct WithPublished<'a>(pub &'a dyn Subject);

impl std::fmt::Debug for WithPublished<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WithPublished")
            .field(&self.0.title())
            .finish()
    }
}

impl Subject for WithPublished<'_> {
    fn title(&self) -> String {
        self.0.title()
    }

    fn inputs(&self) -> &[Input] {
        self.0.inputs()
    }

    fn documents(&self) -> Vec<Document> {
        let mut documents = self.0.documents();
        let inputs = self.0.inputs();
        let own = sections(&Elsewhere::new(inputs, figures()), inputs.len());
        match &mut documents[..] {
            [one] => one.sections.extend(own),
            _ => documents.push(Document {
                title: "Published figures".to_owned(),
                ..Document::of(own)
            }),
        }
        documents
    }

    fn sheet(&self) -> Sheet<'_> {
        let mut sheet = self.0.sheet();
        let elsewhere = Elsewhere::new(self.0.inputs(), figures());
        // A comparison has a line for each file, every other table one for each figure.
        let is_comparison = sheet.columns.contains(&"base_file");
        let mut seen = HashSet::new();
        let lines = elsewhere
            .lines
            .iter()
            .filter(|line| is_comparison || seen.insert(std::ptr::from_ref(line.published)));
        let lines: Vec<_> = lines
            .map(|line| {
                let columns = sheet.columns.iter();
                let value = |column: &&str| {
                    if is_comparison {
                        compared(column, line, self.0.inputs())
                    } else {
                        flat(column, line)
                    }
                };
                columns.map(value).collect()
            })
            .collect();
        sheet.lines.extend(lines);
        sheet
    }
}

/// Value of a column of `ridgepoint.flat/1`: the published figure itself, with nothing of the row beside it but what both are about.
fn flat(column: &str, line: &Beside<'_>) -> Value<'static> {
    let published = line.published;
    let own = |text: &str| Value::from(text.to_owned());
    let row = line.row;
    match column {
        "schema" => own(crate::report::flat::FLAT_SCHEMA),
        "figure" => own(published.kind.word()),
        "source" => own(&published.source),
        "adapter" => own(&published.adapter),
        "measurement" => own(if row.is_some() { "row" } else { "ceiling" }),
        "id" => match row {
            Some(row) => own(&format!("{}/{}/{}", row.operation, dtype(line), row.label)),
            None => own(id(line)),
        },
        "operation" => Value::from(row.map(|row| row.operation.clone())),
        "dtype" => Value::from(row.map(|_| dtype(line).to_owned())),
        "label" => Value::from(row.map(|row| row.label.clone())),
        "flops" => Value::from(row.map(|row| row.flops)),
        "min_bytes" => Value::from(row.map(|row| row.min_bytes)),
        "status" => own(status(line)),
        "reason" => own(&said(line)),
        "median_s" => Value::from(seconds(line)),
        "value" => published.value.into(),
        "unit" => own(published.unit().symbol()),
        _ => Value::Absent,
    }
}

/// Value of a column of `ridgepoint.compare/1`: the file is the base, the published figure the other side.
fn compared(column: &str, line: &Beside<'_>, inputs: &[Input]) -> Value<'static> {
    let published = line.published;
    let own = |text: &str| Value::from(text.to_owned());
    let (row, input) = (line.row, &inputs[line.file]);
    let is_time = published.unit() == Unit::Seconds;
    match column {
        "schema" => own(super::compare::COMPARE_SCHEMA),
        "base_file" => own(&input.name),
        "base_run_id" => input.results.id().into(),
        "base_adapter" => own(&input.results.adapter().name),
        "adapter" => own(&published.adapter),
        "measurement" => own(published.kind.word()),
        "id" => own(id(line)),
        "operation" => Value::from(row.map(|row| row.operation.clone())),
        "dtype" => Value::from(row.map(|_| dtype(line).to_owned())),
        "label" => Value::from(row.map(|row| row.label.clone())),
        "base_kernel" => Value::from(row.map(|row| row.kernel.clone())),
        "status" => own(status(line)),
        "base_median_s" => Value::from(is_time.then_some(line.measured)),
        "median_s" => Value::from(seconds(line)),
        "base_value" => line.measured.into(),
        "value" => published.value.into(),
        "unit" => own(published.unit().symbol()),
        "ratio" => Value::from(line.factor.map(|factor| 1.0 / factor)),
        "why" => own(&said(line)),
        _ => Value::Absent,
    }
}

/// Element type of the figure itself.
fn dtype<'a>(line: &Beside<'a>) -> &'a str {
    let is_bf16 = line.published.operation.contains("/bf16");
    match line.row {
        Some(_) if is_bf16 => "bf16",
        Some(row) => row.dtype.name(),
        None => "",
    }
}

fn seconds(line: &Beside<'_>) -> Option<f64> {
    let is_time = line.published.unit() == Unit::Seconds;
    is_time.then_some(line.published.value)
}

fn status(line: &Beside<'_>) -> &'static str {
    if line.refused.is_some() {
        "refused"
    } else {
        "ok"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Comparison;
    use crate::render::elsewhere::{columns, shown};
    use crate::render::reports::goldens;
    use crate::render::{Cell, Comparing, FORMATS, Page, Reports, Written};
    use crate::report::Results;
    use crate::report::published::{Published, PublishedKind};

    fn written(format: &str, subject: &dyn Subject) -> String {
        let format = FORMATS.iter().find(|f| f.name == format).unwrap();
        match (format.write)(subject, &Page::default()) {
            Written::One(bytes) => String::from_utf8(bytes).unwrap(),
            Written::Folder(_) => panic!("one text"),
        }
    }

    #[test]
    fn published_figures_are_those_of_the_golden_files() {
        let inputs = [Input::made_up("run.json")];
        goldens("published", &WithPublished(&Reports(&inputs)));
    }

    #[test]
    fn lines_of_programs_say_what_kind_of_figure_they_are() {
        let inputs = [Input::made_up("run.json"), Input::made_up("other.json")];
        let measured = Reports(&inputs).sheet().lines.len();
        let reports = Reports(&inputs);
        let with = WithPublished(&reports);
        let sheet = with.sheet();
        let place = |name: &str| sheet.columns.iter().position(|c| *c == name).unwrap();
        let (figure, source) = (place("figure"), place("source"));
        for (i, line) in sheet.lines.iter().enumerate() {
            assert_eq!(line.len(), sheet.columns.len());
            let Value::Text(kind) = &line[figure] else {
                panic!("{line:?}")
            };
            assert_eq!(kind.starts_with("published_"), i >= measured, "{line:?}");
            assert_ne!(line[source], Value::Absent);
        }
        // Each once, although both files have the rows.
        let two = Elsewhere::new(&inputs, figures());
        let all = two.lines.len();
        assert!(sheet.lines.len() - measured < all);
        let comparing = Comparing {
            comparison: Comparison::new(&inputs),
            statistics: false,
        };
        let compared = WithPublished(&comparing).sheet().lines.len();
        assert_eq!(compared - comparing.sheet().lines.len(), all);
    }

    #[test]
    fn one_file_is_enough() {
        let inputs = [Input::made_up("run.json")];
        let comparing = Comparing {
            comparison: Comparison::new(&inputs),
            statistics: true,
        };
        for format in FORMATS.iter().filter(|format| !format.is_picture) {
            let text = written(format.name, &WithPublished(&comparing));
            assert!(text.contains("cuBLAS, mean of 20"), "{}", format.name);
        }
        let text = written("terminal", &WithPublished(&comparing));
        assert!(!text.contains("more than one of the files"), "{text}");
    }

    #[test]
    fn a_refused_figure_has_its_reason_in_place_of_a_ratio() {
        let inputs = [Input::made_up("run.json")];
        let Results::Run(run) = &inputs[0].results else {
            panic!("a run")
        };
        let published = Published {
            operation: "matmul/f32".to_owned(),
            adapter: "X".to_owned(),
            value: 1.0,
            unit: "FLOP/s".to_owned(),
            conditions: String::new(),
            kind: PublishedKind::Community,
            source: "somebody".to_owned(),
            shape: None,
        };
        let line = Beside {
            file: 0,
            row: Some(&run.rows[1]),
            ceiling: None,
            published: &published,
            measured: 2.0,
            factor: None,
            refused: Some("it cannot be".to_owned()),
            remarks: Vec::new(),
        };
        let cells: Vec<_> = shown(&line, 1).cells.iter().map(Cell::shown).collect();
        assert_eq!(cells[6..9], ["refused", "community", "X"]);
        assert_eq!(cells[9], "refused: it cannot be; somebody");
        assert_eq!(cells.len(), columns(1).len());
        assert_eq!(shown(&line, 2).cells.len(), columns(2).len());
        assert_eq!(compared("ratio", &line, &inputs), Value::Absent);
        assert_eq!(flat("status", &line), Value::from("refused"));
    }
}
