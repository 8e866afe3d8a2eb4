use super::*;
use crate::render::{Cell, Colours, Priority};
use crate::report::Status;
use crate::units::Unit;

fn page(width: usize) -> Page {
    Page {
        width,
        ..Page::default()
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::left("kernel"),
        Column::right("median"),
        Column::right("spread").priority(Priority::High),
        Column::left("status").priority(Priority::Low),
    ]
}

fn line(kernel: &str, median: f64, status: Status) -> Line {
    Line::of([
        Cell::text(kernel),
        Cell::quantity(median, Unit::Seconds),
        Cell::Spread(0.013),
        Cell::Status(status),
    ])
}

fn sample() -> Table {
    Table {
        columns: columns(),
        lines: vec![
            line("a", 1.5e-3, Status::Ok),
            line("matmul_tiled", 10e-3, Status::Noisy),
        ],
    }
}

#[test]
fn names_stand_left_and_numbers_right_and_no_line_ends_in_a_space() {
    assert_eq!(
        table(&sample(), &page(80)),
        "kernel         median  spread  status\n\
         a             1.50 ms   1.3 %\n\
         matmul_tiled  10.0 ms   1.3 %  noisy"
    );
}

#[test]
fn columns_of_the_least_claim_move_below_first_and_no_fact_is_lost() {
    assert_eq!(
        table(&sample(), &page(30)),
        "kernel         median  spread\n\
         a             1.50 ms   1.3 %\n\
         matmul_tiled  10.0 ms   1.3 %\n    noisy"
    );
    assert_eq!(
        table(&sample(), &page(24)),
        "kernel         median\n\
         a             1.50 ms\n    spread 1.3 %\n\
         matmul_tiled  10.0 ms\n    spread 1.3 %; noisy"
    );
}

#[test]
fn columns_that_always_stand_stay_where_no_page_is_wide_enough() {
    let text = table(&sample(), &page(10));
    assert!(text.contains("matmul_tiled  10.0 ms\n"), "{text}");
}

#[test]
fn a_column_without_text_is_left_out_of_a_table_that_is_complete() {
    let mut calm = sample();
    calm.lines.truncate(1);
    assert!(!table(&calm, &page(80)).contains("status"));
    // A line to come may have one.
    let heads = Stream::new(columns(), &page(80)).line(&calm.lines[0]);
    assert!(
        heads.starts_with("kernel  median  spread  status\n"),
        "{heads}"
    );
}

#[test]
fn missing_cells_are_dashes_with_each_reason_once_below() {
    let missing = || Cell::Missing(Some("the device lacks f16".to_owned()));
    let table_of = Table {
        columns: columns(),
        lines: vec![Line::of([
            Cell::text("a"),
            missing(),
            missing(),
            Cell::Status(Status::Unsupported),
        ])],
    };
    assert_eq!(
        table(&table_of, &page(80)),
        "kernel  median  spread  status\n\
         a            -       -  unsupported\n    the device lacks f16"
    );
    // Without a place of its own a missing value leaves its reason.
    let narrow = table(&table_of, &page(16));
    assert!(
        narrow.ends_with("    unsupported;\n    the device\n    lacks f16"),
        "{narrow}"
    );
}

#[test]
fn sentences_are_wrapped_beside_a_line_or_stand_below_it() {
    let table_of = Table {
        columns: vec![
            Column::left("ceiling"),
            Column::prose("how").priority(Priority::Medium),
        ],
        lines: vec![Line::of([
            Cell::text("compute/f32"),
            Cell::text("chains of fused multiply-adds, best of twelve shapes"),
        ])],
    };
    assert_eq!(
        table(&table_of, &page(43)),
        "ceiling      how\n\
         compute/f32  chains of fused multiply-adds,\n             best of twelve shapes"
    );
    let below = table(&table_of, &page(36));
    assert!(
        below.starts_with("ceiling\ncompute/f32\n    chains of fused"),
        "{below}"
    );
}

#[test]
fn colours_are_where_they_are_asked_for_and_do_not_move_columns() {
    let coloured = Page {
        colours: Colours::On,
        ..page(80)
    };
    let plain = table(&sample(), &page(80));
    let text = table(&sample(), &coloured);
    assert!(!plain.contains('\u{1b}'));
    assert!(text.starts_with("\u{1b}[1mkernel\u{1b}[0m"), "{text:?}");
    assert!(text.ends_with("\u{1b}[33mnoisy\u{1b}[0m"), "{text:?}");
    let mut bare = text;
    for code in ["\u{1b}[1m", "\u{1b}[33m", "\u{1b}[0m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, plain);
}

#[test]
fn groups_stand_apart_in_a_stream_as_in_a_table() {
    let mut grouped = sample();
    grouped.lines[1].group = Some("matmul".to_owned());
    let whole = table(&grouped, &page(80));
    assert!(whole.contains("1.3 %\n\nmatmul_tiled"), "{whole}");
    let room = columns().into_iter().map(|c| c.room(["matmul_tiled"]));
    let room: Vec<Column> = room.collect();
    let mut stream = Stream::new(room, &page(100));
    let lines: Vec<String> = grouped.lines.iter().map(|l| stream.line(l)).collect();
    assert!(lines[0].lines().count() == 2 && lines[1].starts_with("\nmatmul_tiled"));
}

#[test]
fn sections_stand_under_their_titles() {
    let sections = [
        Section::paragraph("an adapter"),
        Section::table("kernels", sample()),
        Section {
            title: String::new(),
            content: Content::Warnings(vec!["noisy: close other programs".to_owned()]),
        },
    ];
    let text = document(&Document::of(sections), &page(80));
    assert!(
        text.starts_with("an adapter\n\nkernels\n  kernel  "),
        "{text}"
    );
    assert!(
        text.ends_with("noisy\n\n  ! noisy: close other programs\n"),
        "{text}"
    );
}

#[test]
fn paragraphs_hang() {
    let text = paragraph("  - ", &"word ".repeat(40), &page(100));
    assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= 100));
    assert!(text.starts_with("  - word") && text.lines().nth(1).unwrap().starts_with("    word"));
    assert_eq!(paragraph("- ", "", &page(100)), "- ");
}

#[test]
fn the_last_column_of_a_stream_has_the_rest_of_the_page() {
    let columns = vec![
        Column::left("gate"),
        Column::prose("detail").priority(Priority::Low),
    ];
    let mut stream = Stream::new(columns, &page(40));
    let text = stream.line(&Line::of([Cell::text("a"), Cell::text("word ".repeat(14))]));
    assert_eq!(
        text.lines().nth(2).unwrap(),
        format!("      {}", "word ".repeat(7).trim_end())
    );
}

#[test]
fn facts_that_neighbours_share_stand_above_them_on_a_narrow_page() {
    let of = |kernel: &str, shape: &str, group: Option<&str>| Line {
        group: group.map(str::to_owned),
        cells: vec![
            Cell::text(kernel),
            Cell::text("f32"),
            Cell::text(shape),
            Cell::Share(0.5),
            Cell::Bar(0.5),
            Cell::Verified(true),
        ],
    };
    let table_of = Table {
        columns: vec![
            Column::left("kernel"),
            Column::left("type").priority(Priority::Above),
            Column::left("shape").priority(Priority::Above),
            Column::right("of roof"),
            Column::left("").priority(Priority::Medium),
            Column::left("right").priority(Priority::Low),
        ],
        lines: vec![
            of("a", "64x64", None),
            of("b", "64x64", None),
            of("a", "8x8", None),
            of("a", "8x8", Some("softmax")),
        ],
    };
    let wide = table(&table_of, &page(80));
    assert!(
        wide.starts_with("kernel  type  shape  of roof            right\n"),
        "{wide}"
    );
    assert!(
        wide.lines()
            .nth(1)
            .unwrap()
            .ends_with("50.0 %  ####....  yes"),
        "{wide}"
    );
    // A bar repeats what the share says, and what is right needs no line of its own.
    assert_eq!(
        table(&table_of, &page(18)),
        "  kernel  of roof\n\
         f32 64x64\n  a        50.0 %\n  b        50.0 %\n\
         f32 8x8\n  a        50.0 %\n\n\
         f32 8x8\n  a        50.0 %"
    );
    let mut wrong = table_of;
    wrong.lines.truncate(1);
    wrong.lines[0].cells[5] = Cell::Verified(false);
    assert!(table(&wrong, &page(18)).ends_with("\n      right NO"));
}

#[test]
fn a_title_has_a_rule_as_long_as_itself() {
    let mut titled = Document::of([Section::paragraph("an adapter")]);
    titled.title = "a\u{1b}.json".to_owned();
    let text = document(&titled, &page(80));
    assert_eq!(text, "a\\u{1b}.json\n============\n\nan adapter\n");
}
