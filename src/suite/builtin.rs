//! The suites of the program, as data. A workload is a line here.

use super::bearable::Burden;
use super::definition::{Suite, View, Workload};
use crate::data::Dtype::{self, F16, F32};
use crate::error::{Error, Result, suggest};
use std::sync::LazyLock;

/// A suite as it is written down here.
struct Definition {
    name: &'static str,
    about: &'static str,
    is_quick: bool,
    has_hierarchy: bool,
    views: &'static [View],
    lines: &'static [Line],
}

/// A workload as it is written down here.
struct Line {
    operation: &'static str,
    dtype: Dtype,
    /// Shapes; a `{}` stands for each of `over`.
    shapes: &'static [&'static str],
    over: &'static [&'static str],
    kernels: &'static [&'static str],
    repetitions: u32,
    burden: Burden,
    rotated: bool,
}

const fn line(operation: &'static str, dtype: Dtype, shapes: &'static [&'static str]) -> Line {
    Line {
        operation,
        dtype,
        shapes,
        over: &[],
        kernels: &[],
        repetitions: 1,
        burden: Burden::Halved,
        rotated: false,
    }
}

impl Line {
    const fn by(self, kernels: &'static [&'static str]) -> Self {
        Self { kernels, ..self }
    }

    const fn over(self, over: &'static [&'static str]) -> Self {
        Self { over, ..self }
    }

    const fn times(self, repetitions: u32) -> Self {
        Self {
            repetitions,
            ..self
        }
    }

    /// The line, of which shapes are left out where they are too much.
    const fn whole(self) -> Self {
        Self {
            burden: Burden::LeftOut,
            ..self
        }
    }

    /// The line, with operands that no cache holds.
    const fn rotated(self) -> Self {
        Self {
            rotated: true,
            ..self
        }
    }

    /// The shapes, written out.
    fn labels(&self) -> Vec<String> {
        if self.over.is_empty() {
            return self.shapes.iter().map(ToString::to_string).collect();
        }
        let filled = |shape: &&str| -> Vec<String> {
            let each = self.over.iter();
            each.map(|size| shape.replace("{}", size)).collect()
        };
        self.shapes.iter().flat_map(filled).collect()
    }

    fn workload(&self) -> Result<Workload> {
        let labels = self.labels();
        let shapes = labels.iter().map(String::as_str);
        let workload = Workload::new(self.operation, self.dtype, shapes)?;
        Ok(Workload {
            repetitions: self.repetitions,
            burden: self.burden,
            rotated: self.rotated,
            ..workload.by(self.kernels.iter().copied())?
        })
    }
}

const STREAM: &[&str] = &["33554432"];
const MATMUL: &[&str] = &["1024x1024x1024", "2048x2048x2048", "4096x4096x4096"];
const MATMUL_TO_8192: &[&str] = &[
    "1024x1024x1024",
    "2048x2048x2048",
    "4096x4096x4096",
    "8192x8192x8192",
];
const SOFTMAX: &[&str] = &["1024x2048", "4096x4096", "65536x1024"];
const ATTENTION: &[&str] = &["2x4x{}x{}x64"];
const LENGTHS: &[&str] = &["512", "1024", "2048", "4096"];

/// Attention of a model of 7 billion parameters: 32 heads of 128 columns.
const SEVEN_BILLION: &[Line] = &[
    line("attention", F16, &["1x32x{}x{}x128xcausal"])
        .over(&[
            "128", "256", "512", "1024", "2048", "4096", "8192", "16384", "32768", "65536",
        ])
        .times(3)
        .whole(),
    line("attention", F16, &["2x32x{}x{}x128xcausal"])
        .over(&["128", "256", "512", "1024", "2048"])
        .times(3)
        .whole(),
];

/// Rows of a product: every number up to 17, then one below, at and above the sizes where tiles end, and numbers between.
const ROWS: &[&str] = &[
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17",
    "20", "24", "28", "31", "32", "33", "40", "48", "56", "63", "64", "65", "80", "96", "112",
    "127", "128", "129", "160", "192", "224", "255", "256", "257", "320", "384", "448", "512",
];

/// Products with the weights of layers, [4096, 4096], [14336, 4096] and [4096, 14336], and of a vocabulary, [128256, 4096].
const LAYERS: &[&str] = &[
    "{}x4096x4096+tb",
    "{}x14336x4096+tb",
    "{}x4096x14336+tb",
    "{}x128256x4096+tb",
];
/// Products with the same weights in the formats whose time is compared for every number of rows.
const QUANTISED: &[&str] = &[
    "{}x4096x4096+q4_0",
    "{}x14336x4096+q4_0",
    "{}x4096x14336+q4_0",
    "{}x128256x4096+q4_0",
    "{}x4096x4096+int4",
    "{}x14336x4096+int4",
    "{}x4096x14336+int4",
    "{}x128256x4096+int4",
    "{}x4096x4096+q8_0",
    "{}x14336x4096+q8_0",
    "{}x4096x14336+q8_0",
    "{}x128256x4096+q8_0",
];
/// Products with the same weights in further formats.
const QUANTISED_OTHERWISE: &[&str] = &[
    "{}x4096x4096+q4_1",
    "{}x14336x4096+q4_1",
    "{}x4096x14336+q4_1",
    "{}x128256x4096+q4_1",
    "{}x4096x4096+q4_k",
    "{}x14336x4096+q4_k",
    "{}x4096x14336+q4_k",
    "{}x128256x4096+q4_k",
    "{}x4096x4096+q6_k",
    "{}x14336x4096+q6_k",
    "{}x4096x14336+q6_k",
    "{}x128256x4096+q6_k",
    "{}x4096x4096+int8",
    "{}x14336x4096+int8",
    "{}x4096x14336+int8",
    "{}x128256x4096+int8",
];
/// Rows of a product with quantised weights, from one request to a prompt.
const REQUESTS: &[&str] = &["1", "2", "4", "8", "16", "32", "128", "512"];
/// Rows for which dequantised weights are multiplied by the kernel of few rows.
const FEW_REQUESTS: &[&str] = &["1", "2", "4", "8", "16"];
/// Rows for which dequantised weights are multiplied in tiles.
const MANY_REQUESTS: &[&str] = &["32", "128", "512"];

static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "quick",
        about: "one size of each operation: does it work here, in seconds",
        is_quick: true,
        has_hierarchy: false,
        views: &[],
        lines: &[
            line("copy", F32, STREAM),
            line("scale", F32, STREAM),
            line("multiply", F32, STREAM),
            line("add", F32, STREAM),
            line("triad", F32, STREAM),
            line("sum", F32, STREAM),
            line("max", F32, STREAM),
            line("dot", F32, STREAM),
            line("fma", F32, &["1048576x1024x4x2"]),
            line("matmul", F32, &["1024x1024x1024"]),
            line("softmax", F32, &["1024x2048"]),
            line("rms_norm", F32, &["1024x2048"]),
            line("layer_norm", F32, &["1024x2048"]),
            line("attention", F32, &["2x4x512x512x64"]),
        ],
    },
    Definition {
        name: "standard",
        about: "how close is this adapter to its roof",
        is_quick: false,
        has_hierarchy: false,
        views: &[],
        lines: &[
            line("copy", F32, STREAM),
            line("multiply", F32, STREAM),
            line("add", F32, STREAM),
            line("triad", F32, STREAM),
            line("fma", F32, &["1048576x4096x4x2"]),
            line("matmul", F32, MATMUL_TO_8192),
            line("matmul", F16, MATMUL),
            // The price of not fusing beside the kernel that the library chooses; the same for attention.
            line("softmax", F32, SOFTMAX).by(&["softmax_unfused"]),
            line("softmax", F32, SOFTMAX),
            line("attention", F32, ATTENTION)
                .over(LENGTHS)
                .by(&["attention_naive"]),
            line("attention", F32, ATTENTION).over(LENGTHS),
        ],
    },
    Definition {
        name: "stack-lab",
        about: "the exercises of a published notebook on the whole stack, beside its figures",
        is_quick: false,
        has_hierarchy: false,
        views: &[View::Published("AI compute stack notebook")],
        lines: &[
            line("add", F32, &["1048576", "98432", "16777216"]),
            line("multiply", F32, STREAM),
            line("matmul", F32, MATMUL).by(&["matmul_naive", "matmul_tiled"]),
            line("matmul", F32, MATMUL),
            line(
                "matmul",
                F16,
                &["64x64x64", "128x128x128", "256x256x256", "8192x8192x8192"],
            ),
            line("softmax", F32, &["4096x32", "1024x2048"]).by(&["softmax_unfused"]),
            line("softmax", F32, &["4096x32", "1024x2048"]),
            line("attention", F32, ATTENTION)
                .over(LENGTHS)
                .by(&["attention_naive"]),
            line("attention", F32, ATTENTION).over(LENGTHS),
            line("attention", F16, &["4x16x2048x2048x64"]),
        ],
    },
    Definition {
        name: "llama2-7b",
        about: "causal attention of Llama 2 7B by context, three times each, with the tile and what decided it",
        is_quick: false,
        has_hierarchy: false,
        views: &[View::Tiles],
        lines: SEVEN_BILLION,
    },
    Definition {
        name: "granite-7b",
        about: "the same of Granite 7B, whose attention has the same sizes: both share their rows",
        is_quick: false,
        has_hierarchy: false,
        views: &[View::Tiles],
        lines: SEVEN_BILLION,
    },
    Definition {
        name: "scaling",
        about: "how time grows with the sequence: linearly for a product, quadratically for attention",
        is_quick: false,
        has_hierarchy: false,
        views: &[View::Growth],
        lines: &[
            line("attention", F16, &["1x32x{}x{}x128xcausal"])
                .over(&["1024", "2048", "4096", "8192"])
                .whole(),
            line("matmul", F16, &["{}x4096x4096"])
                .over(&["1024", "2048", "4096", "8192"])
                .whole(),
        ],
    },
    Definition {
        name: "gemm-m",
        about: "what one more row costs: products of 1 to 512 rows with the weights of a layer",
        is_quick: false,
        has_hierarchy: false,
        views: &[View::Growth],
        lines: &[
            line("matmul", F16, &["{}x4096x4096+tb", "{}x14336x4096+tb"])
                .over(ROWS)
                .whole(),
        ],
    },
    Definition {
        name: "quantised",
        about: "what fewer bits buy, beside the bound: products with weights of 4 to 8 bits, fused and naive, beside f16",
        is_quick: false,
        has_hierarchy: false,
        views: &[View::Weights],
        lines: &[
            line("matmul", F16, LAYERS).over(REQUESTS).whole().rotated(),
            line("matmul", F16, QUANTISED)
                .over(REQUESTS)
                .whole()
                .rotated(),
            line("matmul", F16, QUANTISED)
                .over(FEW_REQUESTS)
                .by(&["matmul_dequantized_vector"])
                .whole()
                .rotated(),
            line("matmul", F16, QUANTISED)
                .over(MANY_REQUESTS)
                .by(&["matmul_dequantized_aligned", "matmul_dequantized_blocked"])
                .whole()
                .rotated(),
            line("matmul", F16, QUANTISED_OTHERWISE)
                .over(&["1", "16", "512"])
                .whole()
                .rotated(),
        ],
    },
    Definition {
        name: "hierarchy",
        about: "the memory hierarchy: workgroup memory, caches as they are found, memory",
        is_quick: false,
        has_hierarchy: true,
        views: &[],
        lines: &[],
    },
];

static SUITES: LazyLock<Vec<Suite>> = LazyLock::new(|| {
    let suite = |definition: &Definition| {
        let workloads = definition.lines.iter().map(Line::workload);
        let workloads: Result<Vec<Workload>> = workloads.collect();
        Suite {
            is_quick: definition.is_quick,
            has_hierarchy: definition.has_hierarchy,
            views: definition.views.to_vec(),
            ..Suite::new(
                definition.name,
                definition.about,
                workloads.expect("a test makes every suite"),
            )
        }
    };
    DEFINITIONS.iter().map(suite).collect()
});

/// Every suite that comes with the program.
#[must_use]
pub fn suites() -> &'static [Suite] {
    &SUITES
}

/// A suite by its name.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn suite(name: &str) -> Result<&'static Suite> {
    let unknown = || Error::UnknownName {
        kind: "suite",
        name: name.to_owned(),
        suggestion: suggest(name, suites().iter().map(|suite| suite.name.as_str())),
    };
    let mut all = suites().iter();
    all.find(|suite| suite.name == name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::AdapterKind;

    const KINDS: [AdapterKind; 3] = [
        AdapterKind::Discrete,
        AdapterKind::Integrated,
        AdapterKind::Software,
    ];

    /// The text of a shape is its label: what a report shows is what `--op` takes.
    #[test]
    fn every_shape_of_every_suite_is_one() {
        for line in DEFINITIONS.iter().flat_map(|definition| definition.lines) {
            let labels = line.workload().unwrap().operations;
            let labels: Vec<String> = labels.iter().map(|operation| operation.label()).collect();
            assert_eq!(labels, line.labels());
        }
    }

    #[test]
    fn every_case_of_every_suite_is_one() {
        for suite in suites() {
            for kind in KINDS {
                for case in suite.cases(kind).all {
                    case.operation.validate().unwrap();
                    if let Some(kernel) = case.kernel {
                        case.family().kernel(kernel).unwrap();
                    }
                }
            }
            assert_eq!(super::suite(&suite.name).unwrap().about, suite.about);
        }
    }

    #[test]
    fn software_gets_less_and_a_discrete_gpu_more() {
        let standard = suite("standard").unwrap();
        let count = |kind| standard.cases(kind).all.len();
        assert_eq!(
            count(AdapterKind::Discrete),
            count(AdapterKind::Integrated) + 1
        );
        let software = standard.cases(AdapterKind::Software);
        assert!(software.all.iter().all(|case| case.reduced_from.is_some()));
        assert_eq!(software.left_out[0].what, "matmul/f32/8192x8192x8192");
        let unknown = suite("standrad").unwrap_err().to_string();
        assert!(unknown.contains("standard"), "{unknown}");
    }

    #[test]
    fn suites_have_the_workloads_that_they_promise() {
        let ids = |name: &str| -> Vec<String> {
            let cases = suite(name).unwrap().cases(AdapterKind::Discrete).all;
            cases.iter().map(super::super::Case::id).collect()
        };
        assert_eq!(ids("llama2-7b"), ids("granite-7b"));
        assert_eq!(ids("llama2-7b").len(), 45);
        assert_eq!(
            ids("llama2-7b")[2],
            "attention/f16/1x32x128x128x128xcausal, repetition 3"
        );
        assert_eq!(ids("gemm-m").len(), 90);
        assert_eq!(ids("gemm-m")[45], "matmul/f16/1x14336x4096+tb");
        assert_eq!(ids("scaling")[7], "matmul/f16/8192x4096x4096");
        assert!(ids("hierarchy").is_empty());
        let quantised = ids("quantised");
        // f16, fused, naive of few rows, naive of many by two kernels, further formats.
        assert_eq!(quantised.len(), 32 + 96 + 60 + 72 + 48);
        assert_eq!(quantised[0], "matmul/f16/1x4096x4096+tb/rotated");
        assert_eq!(quantised[32], "matmul/f16/1x4096x4096+q4_0/rotated");
        let naive = "matmul/f16/16x128256x4096+q8_0/matmul_dequantized_vector/rotated";
        assert_eq!(quantised[187], naive);
        assert_eq!(quantised[307], "matmul/f16/512x128256x4096+int8/rotated");
        assert!(quantised.iter().all(|id| id.ends_with("/rotated")));
    }
}
