use super::*;
use crate::compare::{Line, Verdict};
use crate::report::{Row, Summary};

fn inputs() -> [Input; 2] {
    ["run.json", "other.json"].map(Input::made_up)
}

/// The rows of an input, to change.
fn rows(input: &mut Input) -> &mut Vec<Row> {
    match &mut input.results {
        Results::Run(run) => &mut run.rows,
        Results::Roofline(_) => panic!("a roofline has no rows"),
    }
}

fn line<'a>(comparison: &'a Comparison<'_>, id: &str) -> &'a Line<'a> {
    let ids: Vec<String> = comparison.lines.iter().map(Line::id).collect();
    let found = comparison.lines.iter().find(|line| line.id() == id);
    found.unwrap_or_else(|| panic!("{id} is none of {ids:?}"))
}

fn close(value: f64, wanted: f64) -> bool {
    (value / wanted - 1.0).abs() < 1e-9
}

#[test]
fn rows_are_compared_by_kernel_and_by_the_best_of_each() {
    let inputs = inputs();
    let comparison = Comparison::new(&inputs);
    let ids: Vec<String> = comparison.lines.iter().map(Line::id).collect();
    assert_eq!(
        ids,
        [
            "copy/f32/33554432/stream_copy",
            "matmul/f32/1024x1024x1024/matmul_tiled",
            "matmul/f32/1024x1024x1024/matmul_blocked",
            "matmul/f16/1024x1024x1024/matmul_aligned",
            "softmax/f32/4096x4096/softmax_workgroup",
            "softmax/f32/4096x4096/softmax_online",
            "softmax/f32/4096x4096/best",
            "attention/f32/2x4x512x512x64xcausal/best",
            "attention/f16/1x32x4096x4096x128/best",
        ]
    );
    let verdict = |id: &str| line(&comparison, id).sides[1].verdict;
    assert_eq!(verdict(&ids[0]), Some(Verdict::Same));
    assert_eq!(verdict(&ids[1]), Some(Verdict::Faster));
    assert_eq!(verdict(&ids[2]), Some(Verdict::Slower));
    assert_eq!(verdict(&ids[3]), Some(Verdict::Ambiguous));
    assert_eq!(verdict(&ids[4]), None);
    let tiled = line(&comparison, &ids[1]).sides[1].ratio.unwrap();
    assert!(close(tiled.value, 120.0 / 100.0), "{tiled:?}");
    let (low, high) = tiled.range.unwrap();
    assert!(low < tiled.value && tiled.value < high);
    assert!(line(&comparison, &ids[1]).sides[0].ratio.is_none());
    assert_eq!(verdict("attention/f16/1x32x4096x4096x128/best"), None);
}

#[test]
fn a_line_says_why_its_sides_differ() {
    let inputs = inputs();
    let comparison = Comparison::new(&inputs);
    let why = |id: &str| line(&comparison, id).why.join("; ");
    assert_eq!(why("copy/f32/33554432/stream_copy"), "");
    let driver = "driver MADEUP 1.2.3 (A), MADEUP 1.3.0 (B)";
    assert_eq!(why("matmul/f32/1024x1024x1024/matmul_tiled"), driver);
    let state = "core clock 1.87 GHz (A), 1.45 GHz (B); limits power limit (A), temperature (B)";
    assert_eq!(
        why("matmul/f32/1024x1024x1024/matmul_blocked"),
        format!("clock timestamps of the GPU (A), wall (B); {state}; {driver}")
    );
    let aligned = why("matmul/f16/1024x1024x1024/matmul_aligned");
    assert!(aligned.contains("clock drift (A); noisy (A)"), "{aligned}");
    let best = why("attention/f32/2x4x512x512x64xcausal/best");
    assert!(
        best.starts_with(
            "kernel attention_flash (A), attention_flash_subgroup (B); runtime checks off (A), on (B); clock wall (A), "
        ),
        "{best}"
    );
    let failed = why("softmax/f32/4096x4096/softmax_workgroup");
    assert_eq!(failed, "B: the device was lost");
}

#[test]
fn sums_count_rows_and_means_take_common_problems_alone() {
    let inputs = inputs();
    let comparison = Comparison::new(&inputs);
    let [a, b] = &comparison.totals[..] else {
        panic!("two files");
    };
    assert_eq!((a.rows, a.right, a.unsupported, a.failed), (12, 9, 1, 2));
    assert_eq!((b.rows, b.right, b.unsupported, b.failed), (10, 9, 0, 1));
    assert_eq!(a.success(), Some(0.75));
    assert_eq!((a.mean_ratio, a.verdicts), (None, [0; 4]));
    // copy, matmul in f32 and f16, softmax, attention in f32; attention in f16 has no result in A.
    assert_eq!(comparison.common, 5);
    let product = (70.0 / 70.2) * (60.0 / 66.0) * (14.0 / 14.5) * (40.0 / 38.0) * (30.0 / 20.0);
    assert!(close(b.mean_ratio.unwrap(), f64::powf(product, 0.2)));
}

#[test]
fn what_makes_files_less_comparable_is_told() {
    let mut inputs = inputs();
    if let Results::Run(run) = &mut inputs[1].results {
        run.tool.version = "0.2.0".into();
        run.settings.checks = crate::report::Checks::On;
    }
    let comparison = Comparison::new(&inputs);
    let told = comparison.warnings.join("\n");
    for words in [
        "suites differ: standard (A), quick (B); ",
        "runtime checks differ: off (A), on (B); ",
        "versions of ridgepoint differ: 0.1.0 of 0123456789ab (A), 0.2.0 of 0123456789ab (B); ",
        "rows of B that repeat a kernel on a shape: 1; ",
        "in A alone: rms_norm/f32/64x65536/rotated, add/f32/1048576",
        "in B alone: sum/f32/1048576",
        "A: the adapter has no timestamps",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let same = [Input::made_up("run.json"), Input::made_up("run.json")];
    let told = Comparison::new(&same).warnings.join("\n");
    assert!(
        !told.contains("differ") && !told.contains("alone"),
        "{told}"
    );
    let mixed = [Input::made_up("run.json"), Input::made_up("roofline.json")];
    let comparison = Comparison::new(&mixed);
    assert!(
        comparison.warnings[0]
            .starts_with("schemas differ: ridgepoint.run/1 (A), ridgepoint.roofline/1 (B)")
    );
    assert!(comparison.lines.is_empty() && comparison.ceilings.len() == 5);
}

#[test]
fn a_file_is_the_same_as_itself() {
    let inputs = [Input::made_up("run.json"), Input::made_up("run.json")];
    let comparison = Comparison::new(&inputs);
    assert_eq!(comparison.slower(0.0), []);
    for line in &comparison.lines {
        let side = &line.sides[1];
        if let Some(ratio) = side.ratio {
            assert!(close(ratio.value, 1.0));
            // A noisy row is not even the same as itself: a difference could hide in its spread.
            let is_open =
                side.times.unwrap().n == 1 || line.shape == "1024x1024x1024" && line.dtype == "f16";
            let wanted = if is_open {
                Verdict::Ambiguous
            } else {
                Verdict::Same
            };
            assert_eq!(side.verdict, Some(wanted), "{}", line.id());
        }
    }
    assert_eq!(comparison.totals[1].mean_ratio, Some(1.0));
}

#[test]
fn slower_lines_are_those_beyond_the_limit_and_those_that_fail_now() {
    let inputs = inputs();
    let comparison = Comparison::new(&inputs);
    let slower = |percent| {
        let found = comparison.slower(percent).into_iter();
        found
            .map(|slower| (slower.id, slower.percent.map(f64::round)))
            .collect::<Vec<_>>()
    };
    let failed = ("softmax/f32/4096x4096/softmax_workgroup".to_owned(), None);
    let blocked = (
        "matmul/f32/1024x1024x1024/matmul_blocked".to_owned(),
        Some(10.0),
    );
    assert_eq!(slower(5.0), [blocked.clone(), failed.clone()]);
    assert_eq!(slower(11.0), [failed]);
    // The other way round, other rows are the slower ones.
    let turned = [inputs[1].clone(), inputs[0].clone()];
    let ids: Vec<String> = Comparison::new(&turned)
        .slower(5.0)
        .into_iter()
        .map(|s| s.id)
        .collect();
    assert!(
        ids.contains(&"matmul/f32/1024x1024x1024/matmul_tiled".to_owned()),
        "{ids:?}"
    );
    assert!(!ids.contains(&blocked.0));
}

#[test]
fn of_repeated_rows_the_first_right_one_counts() {
    let mut inputs = [Input::made_up("run.json"), Input::made_up("run.json")];
    let of_b = rows(&mut inputs[1]);
    let mut again = of_b[0].clone();
    again.time_s = Summary::new(&[1e-3; 5]);
    of_b[0].verified.as_mut().unwrap().ok = false;
    of_b.push(again.clone());
    again.time_s = Summary::new(&[1e-6; 5]);
    of_b.push(again);
    let comparison = Comparison::new(&inputs);
    let copy = line(&comparison, "copy/f32/33554432/stream_copy");
    assert!(close(copy.sides[1].times.unwrap().quoted, 1e-3));
    assert!(
        comparison
            .warnings
            .iter()
            .any(|w| w.starts_with("rows of B that repeat a kernel on a shape: 2;"))
    );
}

#[test]
fn files_of_versions_without_labels_are_compared_by_their_sizes() {
    let mut inputs = [Input::made_up("run.json"), Input::made_up("run.json")];
    for input in &mut inputs {
        for row in rows(input) {
            row.label.clear();
        }
    }
    let comparison = Comparison::new(&inputs);
    let copy = line(&comparison, "copy/f32/elements=33554432/stream_copy");
    assert_eq!(copy.sides[1].verdict, Some(Verdict::Same));
}
