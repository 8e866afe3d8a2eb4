use super::prices::prices;
use super::rows::{cells, columns};
use super::*;
use crate::data::Dtype;
use crate::render::{Cell, Line, Page, Reports, Written, terminal};
use crate::report::{Bound, Input, Results, Row, Status, Summary, Verified};
use crate::suite::Case;
use crate::units::{Bandwidth, FlopRate, Intensity};
use std::collections::BTreeMap;

/// A row as a matmul gives it, measured or not as `status` says.
pub(in crate::render) fn sample(status: Status) -> Row {
    let is_measured = matches!(status, Status::Ok | Status::Noisy);
    let verified = Verified {
        ok: true,
        max_error: Some(1e-7),
        allowed: 1e-6,
        compared: 10,
        worst: None,
    };
    let time = Summary::new(&[0.98e-3, 1e-3, 1.02e-3]).filter(|_| is_measured);
    Row {
        id: "matmul/f32/256x256x256/matmul_tiled".into(),
        operation: "matmul".into(),
        kernel: "matmul_tiled".into(),
        choice: "the best of its operation".into(),
        constants: BTreeMap::new(),
        dtype: Dtype::F32,
        label: "256x256x256".into(),
        shape: BTreeMap::new(),
        flops: 1 << 25,
        min_bytes: 3 << 18,
        bound_bytes: is_measured.then_some(3 << 18),
        scratch_bytes: None,
        repetition: None,
        operand_sets: None,
        workgroup_bytes: None,
        status,
        reason: (!is_measured).then(|| "the device lacks something".into()),
        verified: is_measured.then_some(verified),
        checks: Checks::Off,
        clock: None,
        flop_rate: time.as_ref().and_then(|t| FlopRate::new(1 << 25, t.median)),
        bandwidth: time
            .as_ref()
            .and_then(|t| Bandwidth::new(3 << 18, t.median)),
        intensity: Intensity::new(1 << 25, 3 << 18),
        time_s: time,
        wall_s: None,
        repeats: None,
        discarded: 0,
        sensors: None,
        bound: None,
        percent_of_roof: is_measured.then_some(42.0),
        compiled: Vec::new(),
        warnings: Vec::new(),
    }
}

fn case(family: &'static str) -> Case {
    let family = crate::ops::family(family).unwrap();
    let shape = match family.name {
        "matmul" => "256x256x256",
        "softmax" => "256x256",
        _ => "256",
    };
    Case::of((family.parse)(shape, Dtype::F32).unwrap().into())
}

fn stream(rows: &Rows, page: &Page) -> terminal::Stream {
    terminal::Stream::new(rows.columns().to_vec(), page)
}

#[test]
fn a_cell_for_every_column() {
    for status in [Status::Ok, Status::Failed] {
        for has_power in [false, true] {
            let cells = cells(&sample(status), has_power);
            assert_eq!(cells.len(), columns(has_power).len());
        }
    }
}

#[test]
fn what_was_not_measured_is_a_dash_with_its_reason_once() {
    let rows = Rows::planned(&[case("matmul")], false);
    let mut table = stream(&rows, &Page::default());
    let ok = table.line(&rows.line(&sample(Status::Ok)));
    assert!(ok.starts_with("kernel"), "{ok}");
    let measured = "1.00 ms   2.0 %  33.6 GFLOP/s   42.0 %  yes";
    assert!(ok.ends_with(measured), "{ok}");
    let failed = table.line(&rows.line(&sample(Status::Failed)));
    let (line, below) = failed.split_once('\n').unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3..8], ["-", "-", "-", "-", "-"]);
    assert!(failed.contains("FAILED"), "{failed}");
    assert_eq!(below.matches("the device lacks something").count(), 1);
}

/// The spread qualifies every number: no page is so narrow that it is dropped, and no page is exceeded by columns that
/// can move.
#[test]
fn the_spread_is_shown_on_every_page() {
    let widths = [60, 76, 80, 100, 120, 200];
    let widths = widths
        .into_iter()
        .flat_map(|width| [(width, false), (width, true)]);
    for (width, has_power) in widths {
        let rows = Rows::planned(&[case("softmax"), case("matmul")], has_power);
        let page = Page {
            width,
            ..Page::default()
        };
        let text = stream(&rows, &page).line(&rows.line(&sample(Status::Noisy)));
        assert!(
            text.contains("2.0 %") && text.contains("noisy"),
            "{width}:\n{text}"
        );
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width.max(76), "{width}:\n{text}");
    }
}

#[test]
fn rates_are_those_of_what_limits() {
    let mut row = sample(Status::Ok);
    row.bound = Some(Bound::Memory);
    assert_eq!(cells(&row, false)[5].shown(), "0.786 GB/s");
    row.bound = Some(Bound::Compute);
    assert_eq!(cells(&row, false)[5].shown(), "33.6 GFLOP/s");
}

#[test]
fn operations_with_several_rows_stand_apart() {
    let cases = ["copy", "add", "matmul", "matmul"].map(case);
    let rows = Rows::planned(&cases, false);
    let mut table = stream(&rows, &Page::default());
    let of = |operation: &str| Row {
        operation: operation.into(),
        ..sample(Status::Ok)
    };
    let mut apart = |operation: &str| table.line(&rows.line(&of(operation))).starts_with('\n');
    let found = cases.map(|case| apart(case.family().name));
    assert_eq!(found, [false, false, true, false]);
}

#[test]
fn a_row_without_a_label_shows_its_sizes() {
    let row = Row {
        label: String::new(),
        shape: [("rows".to_owned(), 4), ("cols".to_owned(), 8)].into(),
        ..sample(Status::Ok)
    };
    assert_eq!(row.shape_text(), "cols=8 rows=4");
}

#[test]
fn a_row_that_moves_twice_the_bytes_has_its_price() {
    let fused = sample(Status::Ok);
    let mut unfused = Row {
        kernel: "matmul_parts".into(),
        bound_bytes: Some(3 << 20),
        scratch_bytes: Some(2 << 20),
        ..fused.clone()
    };
    let price = |rows: &[Row]| -> Vec<Line> { prices(rows).lines };
    let lines = price(&[fused.clone(), unfused.clone()]);
    let cells: Vec<String> = lines[0].cells.iter().map(Cell::shown).collect();
    let shape = "256x256x256";
    let wanted = [
        "matmul_parts",
        shape,
        "3 MiB",
        "2 MiB",
        "matmul_tiled",
        "768 KiB",
        "1.0 x",
    ];
    assert_eq!(
        (lines.len(), cells),
        (1, wanted.map(str::to_owned).to_vec())
    );
    // Nothing is half of nothing.
    let empty = Row {
        bound_bytes: Some(0),
        scratch_bytes: None,
        ..fused.clone()
    };
    assert!(price(&[empty.clone(), empty]).is_empty());
    // Operands that are read several times are no intermediate results.
    let rereading = Row {
        scratch_bytes: Some(0),
        ..unfused.clone()
    };
    assert!(price(&[fused.clone(), rereading]).is_empty());
    // The fastest of those that bind half as much, whatever their order, and nothing that binds more.
    let slower = Row {
        kernel: "matmul_slow".into(),
        bound_bytes: Some(1 << 18),
        time_s: Summary::new(&[5e-3]),
        ..fused.clone()
    };
    let faster = Row {
        kernel: "matmul_large".into(),
        bound_bytes: Some(2 << 20),
        time_s: Summary::new(&[1e-6]),
        ..fused.clone()
    };
    let rows = [unfused.clone(), slower, faster, fused.clone()];
    let fused_ones = price(&rows).into_iter().map(|line| line.cells[4].shown());
    let wanted = ["matmul_tiled", "matmul_tiled", "matmul_slow"];
    assert_eq!(fused_ones.collect::<Vec<_>>(), wanted);
    unfused.label = "1x256x256".into();
    assert_eq!(price(&[fused, unfused]), []);
}

/// A file of a run is shown by every format where there is no GPU, and every format has every row.
#[test]
fn a_file_is_a_document_in_every_format() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/results/nvidia-h200-vulkan.json"
    );
    let name = "results/nvidia-h200-vulkan.json".to_owned();
    let results = Results::read(&name, &std::fs::read(file).unwrap()).unwrap();
    let inputs = [Input { name, results }];
    let report = &inputs[0].results;
    assert!(report.rows().len() > 10);
    for format in crate::render::FORMATS {
        let written = (format.write)(&Reports(&inputs), &Page::default());
        let bytes = match written {
            Written::One(bytes) => bytes,
            Written::Folder(pictures) => {
                assert!(format.is_picture && pictures.len() > 3, "{}", format.name);
                continue;
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        for row in report.rows() {
            assert!(
                text.contains(&row.kernel),
                "{}: {}",
                format.name,
                row.kernel
            );
        }
        assert!(text.contains(&report.adapter().name), "{}", format.name);
        assert_eq!(
            crate::render::format(format.name).unwrap().name,
            format.name
        );
    }
    let unknown = crate::render::format("termnal").unwrap_err().to_string();
    assert!(unknown.contains("terminal"), "{unknown}");
}
