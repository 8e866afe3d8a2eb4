//! Tests of reports in every format: golden files, hostile files, large files.

use super::{Comparing, Document, FORMATS, Format, Page, Reports, Subject, WithPublished, Written};
use crate::compare::Comparison;
use crate::report::{Input, Report, Results, Row};
use crate::text::acts;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/reports")
}

fn page(width: usize) -> Page {
    Page {
        width,
        ..Page::default()
    }
}

/// Holds that `text` is the golden file `name`; `UPDATE=1` writes the file, but not on a machine that decides.
pub(super) fn golden(name: &str, text: &str) {
    let path = folder().join(name);
    let is_set = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    if is_set("UPDATE", "1") {
        assert!(
            !is_set("CI", "true"),
            "golden files are not written where CI=true"
        );
        std::fs::write(&path, text).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        wanted == text,
        "{name} differs; read the difference, then UPDATE=1 cargo test --release --lib golden_files\n{text}"
    );
}

pub(super) fn write(format: &str, subject: &dyn Subject, width: usize) -> String {
    let format = super::format(format).unwrap();
    match (format.write)(subject, &page(width)) {
        Written::One(bytes) => String::from_utf8(bytes).unwrap(),
        // All files of a folder, each behind its name.
        Written::Folder(files) => {
            let files = files.into_iter();
            let texts = files.map(|(name, bytes)| name + "\n" + &String::from_utf8(bytes).unwrap());
            texts.collect()
        }
    }
}

/// The formats that show all facts as text.
fn texts() -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(|format| !format.is_picture)
}

/// Data of the pages in `text`, as the JSON in each; none for a text that is no page.
fn all_shown(text: &str) -> impl Iterator<Item = String> {
    let pages = text.split("<script type=\"application/json\" id=\"data\">");
    pages.skip(1).map(|page| {
        let data = page.split("</script>").next().unwrap_or(page);
        format!("{}\n", data.trim())
    })
}

/// Data of the first page in `text`; `None` for a text that is no page.
fn shown(text: &str) -> Option<String> {
    all_shown(text).next()
}

/// Golden files of a subject: the terminal at two widths, and every other format of text. Pictures have golden files of
/// their own.
pub(super) fn goldens(stem: &str, subject: &dyn Subject) {
    for format in texts() {
        let widths: &[usize] = if format.name == "terminal" {
            &[80, 120]
        } else {
            &[100]
        };
        for width in widths {
            let text = write(format.name, subject, *width);
            // Of a page, what it shows; the page around it is the same for all.
            let text = shown(&text).unwrap_or(text);
            let name = match widths {
                [_] if format.name == "html" => format!("{stem}.page.json"),
                [_] => format!("{stem}.{}", format.extension),
                _ => format!("{stem}-{width}.{}", format.extension),
            };
            golden(&name, &text);
        }
    }
}

#[test]
fn reports_are_those_of_the_golden_files() {
    goldens("run", &Reports(&[Input::made_up("run.json")]));
    goldens("roofline", &Reports(&[Input::made_up("roofline.json")]));
}

/// Several files begin with an overview of all.
#[test]
fn overviews_are_those_of_the_golden_files() {
    let inputs = ["run.json", "other.json", "roofline.json"].map(Input::made_up);
    let reports = Reports(&inputs);
    let overview = reports.overview().unwrap();
    for width in [80, 120] {
        let name = format!("overview-{width}.txt");
        let text = super::terminal::document(&overview, &page(width));
        golden(&name, &text);
        assert!(write("terminal", &reports, width).starts_with(&text));
    }
    let text = super::markdown::document(&overview);
    golden("overview.md", &text);
    assert!(write("markdown", &reports, 100).starts_with(&text));
    let index = shown(&write("html", &reports, 100)).unwrap();
    golden("overview.page.json", &index);
}

#[test]
fn a_terminal_of_80_columns_is_wide_enough() {
    let two = ["run.json", "other.json"].map(Input::made_up);
    let comparing = Comparing {
        comparison: Comparison::new(&two),
        statistics: true,
    };
    let [run, other] = &two;
    let roofline = Input::made_up("roofline.json");
    let one = [run, other, &roofline].map(|input| {
        let inputs = std::slice::from_ref(input);
        write("terminal", &Reports(inputs), 80)
    });
    for text in one.into_iter().chain([write("terminal", &comparing, 80)]) {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn several_files_follow_each_other_in_documents_and_share_a_table() {
    let inputs = ["run.json", "roofline.json"].map(Input::made_up);
    let all = Reports(&inputs);
    for format in ["terminal", "markdown"] {
        let text = write(format, &all, 80);
        // Each is in the overview first.
        let documents = &text[text.find("all else").unwrap()..];
        let places = ["run.json", "roofline.json"].map(|name| documents.find(name).unwrap());
        assert!(places[0] < places[1]);
    }
    let csv = write("csv", &all, 80);
    assert_eq!(csv.matches("schema,figure,").count(), 1);
    assert!(csv.contains(",run.json,") && csv.contains(",roofline.json,"));
}

/// The made-up run, with changes.
fn changed(change: impl FnOnce(&mut Report)) -> [Input; 1] {
    let mut input = Input::made_up("run.json");
    if let Results::Run(run) = &mut input.results {
        change(run);
    }
    [input]
}

/// An operation that this version does not know is in every format, without a line about it there.
#[test]
fn a_new_operation_is_in_every_format() {
    let inputs = changed(|run| {
        let is_timed = |row: &&Row| row.operation == "matmul" && row.is_good();
        let timed = run.rows.iter().find(is_timed).unwrap();
        let fft = Row {
            id: "fft/f32/1024x16/fft_radix4".into(),
            operation: "fft".into(),
            kernel: "fft_radix4".into(),
            label: "1024x16".into(),
            ..timed.clone()
        };
        run.rows.push(fft);
    });
    for format in texts() {
        let text = write(format.name, &Reports(&inputs), 80);
        for word in ["fft_radix4", "1024x16"] {
            assert!(text.contains(word), "{}: {text}", format.name);
        }
    }
    // A picture has no place for the names of rows: their series are in its legend.
    #[cfg(feature = "pictures")]
    assert!(write("svg", &Reports(&inputs), 80).contains("fft f32"));
}

/// Characters that act on a terminal come out written out, whatever text of a file has them.
#[test]
fn hostile_texts_act_in_no_format() {
    let hostile = "\u{1b}[2J\u{9b}31m\u{7}\r\n|`<script>\u{202e}\u{0}";
    for name in ["run.json", "roofline.json"] {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        poison(&mut value, hostile);
        let text = value.to_string();
        let results = Results::read(name, text.as_bytes()).unwrap();
        let inputs = [Input {
            name: hostile.to_owned(),
            results,
        }];
        for format in FORMATS.iter().filter(|format| format.is_text) {
            let two = [inputs[0].clone(), inputs[0].clone()];
            let text = write(format.name, &Reports(&two), 80);
            is_harmless(format.name, &text);
            assert!(
                text.contains("u{1b}") || text.contains("u001b"),
                "{}",
                format.name
            );
        }
    }
}

/// Puts `hostile` behind every text of a file whose words are not those of an enum.
fn poison(value: &mut serde_json::Value, hostile: &str) {
    const WORDS: &[&str] = &[
        "schema",
        "dtype",
        "status",
        "checks",
        "clock",
        "bound",
        "type",
        "resident_status",
        "cold_status",
    ];
    match value {
        serde_json::Value::String(text) => text.push_str(hostile),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|v| poison(v, hostile)),
        serde_json::Value::Object(fields) => {
            let open = fields
                .iter_mut()
                .filter(|(name, _)| !WORDS.contains(&name.as_str()));
            open.for_each(|(_, v)| poison(v, hostile));
        }
        _ => {}
    }
}

#[track_caller]
fn is_harmless(format: &str, text: &str) {
    let allowed: &[char] = if format == "csv" {
        &['\n', '\r', '\t']
    } else {
        &['\n']
    };
    let acting = text.chars().find(|c| acts(*c) && !allowed.contains(c));
    assert_eq!(acting, None, "{format}");
    match format {
        "markdown" => {
            assert!(!text.contains("<script"), "{text}");
            let tables = text.lines().filter(|line| line.starts_with('|'));
            for line in tables {
                assert!(line.ends_with(" |"), "{line}");
            }
        }
        "html" => {
            assert!(shown(text).is_some(), "a page shows something");
            for data in all_shown(text) {
                assert!(!data.contains('<'), "{data}");
                serde_json::from_str::<serde_json::Value>(&data).unwrap();
            }
        }
        "svg" => is_xml(text),
        "jsonl" => {
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
        _ => {}
    }
}

/// Holds that a picture has the elements that plotters writes and no others, and no text that XML does not allow.
#[track_caller]
fn is_xml(text: &str) {
    const ELEMENTS: &[&str] = &[
        "svg", "rect", "text", "line", "polyline", "polygon", "circle",
    ];
    const ENTITIES: &[&str] = &["lt;", "gt;", "amp;", "quot;", "apos;"];
    assert!(!text.contains(['\u{fffe}', '\u{ffff}']), "{text}");
    for part in text.split('<').skip(1) {
        let name = part.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_lowercase());
        assert!(ELEMENTS.contains(&&name[..end.unwrap_or(0)]), "<{part}");
        assert_eq!(part.matches('>').count(), 1, "<{part}");
        assert_eq!(
            part.split('>').next().unwrap().matches('"').count() % 2,
            0,
            "<{part}"
        );
    }
    for part in text.split('&').skip(1) {
        assert!(
            ENTITIES.iter().any(|entity| part.starts_with(entity)),
            "&{part}"
        );
    }
}

/// Pseudo-random numbers: xorshift64, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

fn try_all(bytes: &[u8]) -> bool {
    let Ok(results) = Results::read("mutated", bytes) else {
        return false;
    };
    let inputs = [Input {
        name: "mutated".to_owned(),
        results,
    }];
    // Bitmaps are drawn by the code of SVG, and take a hundred times as long.
    for format in FORMATS.iter().filter(|format| format.is_text) {
        let reports = Reports(&inputs);
        let published = WithPublished(&reports);
        is_harmless(format.name, &write(format.name, &published, 60));
    }
    true
}

/// Bytes changed, cut out and doubled: an error or a report, never a panic.
#[test]
fn files_with_changed_bytes_are_read_or_refused() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let reference = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/results/nvidia-h200-vulkan.json"
    );
    let files = [
        folder().join("run.json"),
        folder().join("roofline.json"),
        folder().join("clpeak.json"),
        folder().join("torch.json"),
        reference.into(),
    ];
    let files = files.map(|path| std::fs::read(path).unwrap());
    let mut read = 0;
    for i in 0..1500 {
        let mut bytes = files[if i % 10 == 0 { 4 } else { i % 4 }].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            let to = (at + random.below(40)).min(bytes.len());
            match random.below(5) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] = b"0123456789eE+-.\"\\[]{},:ntf "[random.below(27)],
                2 => drop(bytes.drain(at..to)),
                3 => {
                    let part = bytes[at..to].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => bytes.truncate(at),
            }
            if bytes.is_empty() {
                break;
            }
        }
        read += usize::from(try_all(&bytes));
    }
    assert!((50..1450).contains(&read), "{read} of 1500 were read");
}

/// Some value within `value` that holds no others.
fn leaf<'a>(value: &'a mut serde_json::Value, random: &mut Random) -> &'a mut serde_json::Value {
    let count = match value {
        serde_json::Value::Array(all) => all.len(),
        serde_json::Value::Object(all) => all.len(),
        _ => 0,
    };
    if count == 0 {
        return value;
    }
    let i = random.below(count);
    let inner = match value {
        serde_json::Value::Array(all) => all.get_mut(i),
        serde_json::Value::Object(all) => all.values_mut().nth(i),
        _ => None,
    };
    leaf(inner.expect("its place is below the count"), random)
}

/// Values of a file replaced by those that a writer would never give, one to three at a time.
#[test]
fn files_with_values_that_cannot_be_are_read_or_refused() {
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    let values = [
        "null",
        "true",
        "-1",
        "0",
        "-0.0",
        "5e-324",
        "1e-300",
        "1.7976931348623157e308",
        "-1e308",
        "18446744073709551615",
        "1e17",
        "\"\"",
        "\"\\u001b[2J\\u0000\"",
        "\"memory/copy\"",
        "[]",
        "{}",
        "\"f16\"",
        "[null]",
        "\"</script>|`\"",
    ];
    let values = values.map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
    let mut read = 0;
    for i in 0..3000 {
        let name = ["run.json", "roofline.json", "clpeak.json"][i % 3];
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let mut file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        for _ in 0..=random.below(3) {
            let value = values[random.below(values.len())].clone();
            *leaf(&mut file, &mut random) = value;
        }
        read += usize::from(try_all(file.to_string().as_bytes()));
    }
    assert!((100..2900).contains(&read), "{read} of 3000 were read");
}

/// A run of `count` rows with 30 samples each, as JSON.
pub(super) fn large(count: usize) -> String {
    let inputs = changed(|run| {
        let rows: Vec<Row> = run
            .rows
            .iter()
            .filter(|row| row.time_s.is_some())
            .cloned()
            .collect();
        run.rows = (0..count)
            .map(|i| {
                let mut row = rows[i % rows.len()].clone();
                row.label = format!("{i}");
                let time = row.time_s.as_mut().unwrap();
                time.samples = vec![time.median; 30];
                row
            })
            .collect();
    });
    match &inputs[0].results {
        Results::Run(run) => run.to_json(),
        Results::Roofline(_) => unreachable!("the made-up run is a run"),
    }
}

/// Ten thousand rows take a fraction of a second; the bound is for busy machines.
#[test]
fn ten_thousand_rows_take_no_time() {
    let text = large(10_000);
    let began = Instant::now();
    let results = Results::read("large", text.as_bytes()).unwrap();
    let inputs = [Input {
        name: "large".to_owned(),
        results,
    }];
    for format in FORMATS {
        let written = (format.write)(&Reports(&inputs), &page(80));
        if !format.is_picture {
            let Written::One(text) = written else {
                panic!("{} made a folder", format.name);
            };
            assert!(text.split(|byte| *byte == b'\n').count() > 10_000);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{} bytes in {seconds:.2} s", text.len());
    assert!(seconds < 20.0, "{seconds} s");
}

#[test]
fn a_document_without_rows_is_one_too() {
    let inputs = changed(|run| {
        run.rows.clear();
        run.ceilings.clear();
        run.warnings.clear();
    });
    let documents: Vec<Document> = Reports(&inputs).documents();
    assert_eq!(documents[0].sections.len(), 1);
    assert_eq!(write("jsonl", &Reports(&inputs), 80), "");
}
