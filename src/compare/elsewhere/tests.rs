use super::*;
use crate::report::published::figures;

fn figure(operation: &str, shape: Option<&str>, value: f64, unit: &str) -> Published {
    Published {
        operation: operation.to_owned(),
        adapter: "Made Up 9000".to_owned(),
        value,
        unit: unit.to_owned(),
        conditions: "by hand".to_owned(),
        kind: PublishedKind::Measured,
        source: "a test".to_owned(),
        shape: shape.map(str::to_owned),
    }
}

fn sheet(operation: &str, value: f64, unit: &str) -> Published {
    Published {
        kind: PublishedKind::Vendor,
        ..figure(operation, None, value, unit)
    }
}

fn row<'a>(input: &'a Input, kernel: &str) -> &'a Row {
    let mut rows = input.results.rows().iter();
    rows.find(|row| row.kernel == kernel).unwrap()
}

#[test]
fn a_figure_stands_beside_the_fastest_row_that_computes_in_its_way() {
    let inputs = [Input::made_up("run.json")];
    let figures = [
        figure("matmul/f32", Some("1024x1024x1024"), 1e12, "FLOP/s"),
        figure("softmax/f32/unfused", Some("4096x4096"), 1e11, "B/s"),
        figure("matmul/f32/naive", Some("1024x1024x1024"), 1e12, "FLOP/s"),
        figure("matmul/f32", Some("1x1x1"), 1e12, "FLOP/s"),
        figure("decode/llama", None, 24.0, "token/s"),
        figure("peak/f32", None, 1e12, "FLOP/s"),
    ];
    let found = Elsewhere::new(&inputs, &figures);
    let kernels: Vec<_> = found
        .lines
        .iter()
        .map(|line| line.row.map(|row| row.kernel.as_str()))
        .collect();
    // Ceilings first, then rows in the order of the file.
    assert_eq!(
        kernels,
        [None, Some("softmax_unfused"), Some("matmul_blocked")]
    );
    assert_eq!(found.others, 3);
    for line in &found.lines {
        let factor = line.factor.unwrap();
        assert!((factor / (line.measured / line.published.value) - 1.0).abs() < 1e-12);
        assert_eq!((&line.refused, line.remarks.len()), (&None, 0));
    }
}

#[test]
fn a_time_is_compared_as_a_rate() {
    let inputs = [Input::made_up("run.json")];
    let seconds = row(&inputs[0], "matmul_blocked")
        .time_s
        .as_ref()
        .unwrap()
        .median;
    let shape = Some("1024x1024x1024");
    let figures = [figure("matmul/f32", shape, 3.0 * seconds, "s")];
    let found = Elsewhere::new(&inputs, &figures);
    let line = &found.lines[0];
    assert!((line.factor.unwrap() - 3.0).abs() < 1e-9, "{line:?}");
    assert!((line.measured / seconds - 1.0).abs() < 1e-9);
}

#[test]
fn figures_above_the_vendors_peak_are_refused_and_have_no_factor() {
    let inputs = [Input::made_up("run.json")];
    let shape = Some("1024x1024x1024");
    let with_peak = |value: f64| {
        [
            figure("matmul/f32", shape, value, "FLOP/s"),
            sheet("peak/f32", 10e12, "FLOP/s"),
            // Of another adapter.
            Published {
                adapter: "Another".to_owned(),
                ..sheet("peak/f32", 1e9, "FLOP/s")
            },
        ]
    };
    let judged = |value: f64| {
        let figures = with_peak(value);
        let found = Elsewhere::new(&inputs, &figures);
        let mut lines = found.lines.iter();
        let line = lines.find(|line| line.row.is_some()).unwrap();
        let remarks = line.remarks.join("; ");
        (line.refused.clone(), line.factor.is_some(), remarks)
    };
    let (refused, has_factor, _) = judged(12e12);
    assert_eq!(
        refused.as_deref(),
        Some("12.0 TFLOP/s is above the vendor's peak of 10.0 TFLOP/s")
    );
    assert!(!has_factor);
    let (refused, has_factor, remarks) = judged(10.5e12);
    assert!(refused.is_none() && has_factor);
    assert!(remarks.contains("105"), "{remarks}");
    assert_eq!(judged(9e12).0, None);
}

#[test]
fn bandwidth_above_memory_is_refused_unless_a_cache_may_hold_the_operands() {
    let inputs = [Input::made_up("run.json")];
    let figures = [
        // 268 MB in two vectors, and 128 MiB.
        figure("stream/copy/f32", Some("33554432"), 2e12, "B/s"),
        figure("softmax/f32/fused", Some("4096x4096"), 2e12, "B/s"),
        sheet("peak/bandwidth", 1e12, "B/s"),
    ];
    let large = row(&inputs[0], "stream_copy").min_bytes;
    assert_eq!(large, LARGEST_CACHE);
    let found = Elsewhere::new(&inputs, &figures);
    let cached = found.lines.iter().filter(|line| line.row.is_some());
    for line in cached {
        assert!(line.refused.is_none(), "{line:?}");
        assert!(line.remarks[0].contains("fit into a cache"), "{line:?}");
    }
    // One byte more, and no cache holds them.
    let mut input = Input::made_up("run.json");
    if let Results::Run(run) = &mut input.results {
        run.rows[0].min_bytes += 4;
    }
    let inputs = [input];
    let found = Elsewhere::new(&inputs, &figures);
    let copy = found
        .lines
        .iter()
        .find(|line| line.row.is_some_and(|row| row.kernel == "stream_copy"));
    let refused = copy.unwrap().refused.clone().unwrap();
    assert_eq!(
        refused,
        "2000 GB/s is above the vendor's 1000 GB/s of memory"
    );
}

#[test]
fn a_figure_of_the_same_adapter_above_its_measured_ceiling_is_marked() {
    let inputs = [Input::made_up("run.json")];
    let shape = Some("1024x1024x1024");
    let adapter = inputs[0].results.adapter().name.clone();
    let highest = inputs[0].results.ceilings().iter();
    let ceiling = highest
        .filter(|ceiling| ceiling.id == CeilingId::ComputeF32)
        .find_map(|ceiling| ceiling.value)
        .unwrap();
    let remarks = |adapter: &str, value: f64| {
        let figures = [Published {
            adapter: adapter.to_owned(),
            ..figure("matmul/f32", shape, value, "FLOP/s")
        }];
        Elsewhere::new(&inputs, &figures).lines[0].remarks.clone()
    };
    let above = remarks(&adapter, 1.01 * ceiling);
    assert!(
        above[0].starts_with("above compute/f32 as measured here, "),
        "{above:?}"
    );
    assert!(remarks(&adapter, 0.99 * ceiling).is_empty());
    assert!(remarks("Another", 1.01 * ceiling).is_empty());
}

#[test]
fn the_figures_of_this_crate_are_possible_or_say_why_not() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/results/nvidia-h200-vulkan.json"
    );
    let results = Results::read(file, &std::fs::read(file).unwrap()).unwrap();
    let inputs = [Input {
        name: file.to_owned(),
        results,
    }];
    let found = Elsewhere::new(&inputs, figures());
    assert!(found.lines.len() > 20, "{}", found.lines.len());
    assert_eq!(
        found.lines.iter().filter(|l| l.refused.is_some()).count(),
        0
    );
    let cached = found.lines.iter().filter(|line| {
        let mut remarks = line.remarks.iter();
        remarks.any(|remark| remark.contains("operands of 16 MiB fit into a cache"))
    });
    let cached: Vec<_> = cached.map(|line| line.published.value).collect();
    assert_eq!(cached.len(), 1, "{cached:?}");
}
