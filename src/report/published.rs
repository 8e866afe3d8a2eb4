//! Figures that others published: data of this crate, for comparison only. Each says how it came about and who says so.

use super::ceiling_id::CeilingId;
use super::run::Row;
use crate::units::Unit;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;

/// One published figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Operation in the words of the data, such as `attention/f32/flash`; [`Published::subject`] is what it is here.
    pub operation: String,
    /// Adapter, as the source calls it.
    pub adapter: String,
    /// Value in `unit`.
    pub value: f64,
    /// `FLOP/s`, `B/s`, `s`, and units that nothing here has.
    pub unit: String,
    /// Conditions of the measurement, as far as the source tells them.
    pub conditions: String,
    /// Kind of figure.
    pub kind: PublishedKind,
    /// Source.
    pub source: String,
    /// Shape, in the words of the data; absent where the figure has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
}

/// How a published figure came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedKind {
    /// Measured, by somebody else on another machine.
    Measured,
    /// Said by the vendor.
    Vendor,
    /// Said by users, without a record of the measurement.
    Community,
    /// Computed, by a model of somebody else.
    Predicted,
}

impl PublishedKind {
    /// Word for the column `figure` of the flat table: `published_measured`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Measured => "published_measured",
            Self::Vendor => "published_vendor",
            Self::Community => "published_community",
            Self::Predicted => "published_predicted",
        }
    }
}

impl fmt::Display for PublishedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Measured => "measured elsewhere",
            Self::Vendor => "vendor's sheet",
            Self::Community => "community",
            Self::Predicted => "predicted",
        })
    }
}

/// Counterpart of a published figure in results of this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A problem, computed by kernels of one form.
    Problem {
        /// Operation.
        operation: &'static str,
        /// Element type of the rows that the figure stands beside: `f16` for a figure of bf16.
        dtype: &'static str,
        /// Shape with its options, as `--op` takes it.
        label: String,
        /// Kernels that compute in the way of the figure.
        kernels: Kernels,
    },
    /// A ceiling.
    Ceiling(CeilingId),
}

/// Kernels that a published figure may stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// All kernels but this one, the plain baseline of the operation.
    AllBut(&'static str),
    /// This kernel alone.
    Only(&'static str),
}

impl Kernels {
    /// Whether the kernel of this name is among them.
    #[must_use]
    pub fn contain(self, kernel: &str) -> bool {
        match self {
            Self::AllBut(name) => kernel != name,
            Self::Only(name) => kernel == name,
        }
    }
}

#[derive(Deserialize)]
struct File {
    rows: Vec<Published>,
}

static FIGURES: LazyLock<Vec<Published>> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("../../assets/published.json"))
        .expect("a test reads the figures of this crate");
    file.rows
});

/// Every published figure, in the order of the data.
#[must_use]
pub fn figures() -> &'static [Published] {
    &FIGURES
}

/// Published figures of one problem: an operation on a shape, by its label, of one element type.
///
/// # Examples
/// ```
/// use ridgepoint::report::published;
/// let figures: Vec<_> = published::of("matmul", "f32", "4096x4096x4096").collect();
/// assert!(figures.iter().any(|figure| figure.adapter == "NVIDIA RTX 4090"));
/// assert_eq!(published::of("matmul", "f32", "1x2x3").count(), 0);
/// ```
pub fn of(operation: &str, dtype: &str, label: &str) -> impl Iterator<Item = &'static Published> {
    let wanted = (operation, dtype, label);
    figures().iter().filter(move |figure| {
        matches!(
            figure.subject(),
            Some(Subject::Problem { operation, dtype, ref label, .. })
                if (operation, dtype, label.as_str()) == wanted
        )
    })
}

/// Published figures of one ceiling.
pub fn of_ceiling(id: &CeilingId) -> impl Iterator<Item = &'static Published> {
    figures()
        .iter()
        .filter(move |figure| matches!(figure.subject(), Some(Subject::Ceiling(of)) if of == *id))
}

impl Published {
    /// Counterpart of the figure; `None` for a figure of something that nothing here measures, and of an operation without its
    /// shape.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        if let Some(id) = self.ceiling() {
            return Some(Subject::Ceiling(id));
        }
        let (operation, dtype, kernels) = match self.operation.as_str() {
            "matmul/f32" => ("matmul", "f32", Kernels::AllBut("matmul_naive")),
            "matmul/f16" | "matmul/bf16" => ("matmul", "f16", Kernels::AllBut("matmul_naive")),
            "matmul/f32/naive" => ("matmul", "f32", Kernels::Only("matmul_naive")),
            "matmul/f32/tiled16" => ("matmul", "f32", Kernels::Only("matmul_tiled")),
            "stream/copy/f32" => ("copy", "f32", Kernels::AllBut("")),
            "stream/multiply/f32" => ("multiply", "f32", Kernels::AllBut("")),
            "stream/add/f32" => ("add", "f32", Kernels::AllBut("")),
            "stream/triad/f32" => ("triad", "f32", Kernels::AllBut("")),
            "softmax/f32/fused" => ("softmax", "f32", Kernels::AllBut("softmax_unfused")),
            "softmax/f32/unfused" => ("softmax", "f32", Kernels::Only("softmax_unfused")),
            "attention/f32/flash" => ("attention", "f32", Kernels::AllBut("attention_naive")),
            "attention/f32/naive" => ("attention", "f32", Kernels::Only("attention_naive")),
            "attention/bf16/fused" => ("attention", "f16", Kernels::AllBut("attention_naive")),
            _ => return None,
        };
        let shape = self.shape.as_deref()?;
        let label = if operation == "attention" {
            attention_label(shape)?
        } else {
            shape.to_owned()
        };
        Some(Subject::Problem {
            operation,
            dtype,
            label,
            kernels,
        })
    }

    fn ceiling(&self) -> Option<CeilingId> {
        Some(match self.operation.as_str() {
            "peak/f32" => CeilingId::ComputeF32,
            "peak/f16_matrix" => CeilingId::ComputeF16Matrix,
            // A sheet has one number for all directions.
            "peak/bandwidth" => CeilingId::MemoryCopy,
            "bandwidth/read" => CeilingId::MemoryRead,
            "bandwidth/workgroup_memory" => CeilingId::MemoryWorkgroup,
            _ => return None,
        })
    }

    /// Unit of the value.
    #[must_use]
    pub fn unit(&self) -> Unit {
        Unit::of(&self.unit)
    }

    /// Whether the figure is about this adapter, by the words of both names that tell adapters apart.
    #[must_use]
    pub fn is_of(&self, adapter: &str) -> bool {
        words(&self.adapter).eq(words(adapter))
    }

    /// Rate of a row in the unit of the figure, and the same of the figure: larger is faster, also where the figure is a time.
    /// `None` for a row without that rate.
    #[must_use]
    pub fn rates(&self, row: &Row) -> Option<(f64, f64)> {
        let seconds = row.time_s.as_ref()?.median;
        match self.unit() {
            Unit::FlopsPerSecond => Some((row.flop_rate?.flops_per_second(), self.value)),
            Unit::BytesPerSecond => Some((row.bandwidth?.bytes_per_second(), self.value)),
            Unit::Seconds => Some((1.0 / seconds, 1.0 / self.value)),
            _ => None,
        }
    }

    /// Operations per second of the figure on the problem of `row`.
    #[must_use]
    pub fn flop_rate(&self, row: &Row) -> Option<f64> {
        match self.unit() {
            Unit::FlopsPerSecond => Some(self.value),
            Unit::Seconds if row.flops > 0 => Some(row.flops as f64 / self.value),
            _ => None,
        }
    }

    /// Bytes per second of the figure on the problem of `row`, each operand once.
    #[must_use]
    pub fn bandwidth(&self, row: &Row) -> Option<f64> {
        match self.unit() {
            Unit::BytesPerSecond => Some(self.value),
            Unit::Seconds if row.min_bytes > 0 => Some(row.min_bytes as f64 / self.value),
            _ => None,
        }
    }
}

/// Label of an attention that the data calls `b2 h4 n512 d64`.
fn attention_label(text: &str) -> Option<String> {
    let mut words = text.split(' ');
    let mut size = |name: char| words.next()?.strip_prefix(name)?.parse::<u64>().ok();
    let (batch, heads, seq, head_dim) = (size('b')?, size('h')?, size('n')?, size('d')?);
    let is_all = words.next().is_none();
    is_all.then(|| format!("{batch}x{heads}x{seq}x{seq}x{head_dim}"))
}

/// Words of an adapter's name, in lower case, without those that some drivers leave out and without what stands in brackets.
fn words(name: &str) -> impl Iterator<Item = String> {
    const LEFT_OUT: &[&str] = &["geforce", "radeon", "graphics", "gpu", "tm", "r"];
    let name = name.to_lowercase().replace("(tm)", " ").replace("(r)", " ");
    let name = name.split('(').next().unwrap_or_default().to_owned();
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !LEFT_OUT.contains(word))
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_read_and_has_a_value_and_a_source() {
        assert_eq!(figures().len(), 98);
        for figure in figures() {
            let is_value = figure.value.is_finite() && figure.value > 0.0;
            assert!(is_value && !figure.source.is_empty(), "{figure:?}");
        }
        let here = figures().iter().filter(|f| f.subject().is_some()).count();
        assert_eq!(here, 50);
    }

    #[test]
    fn figures_are_found_by_what_they_are_here() {
        let attention: Vec<_> = of("attention", "f32", "2x4x512x512x64").collect();
        let kernels: Vec<_> = attention.iter().filter_map(|f| f.subject()).collect();
        let is_of = |kernel: &str| {
            let subjects = kernels.iter().map(|subject| match subject {
                Subject::Problem { kernels, .. } => kernels.contain(kernel),
                Subject::Ceiling(_) => false,
            });
            subjects.collect::<Vec<_>>()
        };
        assert_eq!(is_of("attention_flash"), [true, false]);
        assert_eq!(is_of("attention_naive"), [false, true]);
        // Of bf16, beside f16.
        assert_eq!(of("attention", "f16", "4x16x2048x2048x64").count(), 1);
        assert_eq!(of("softmax", "f32", "1024x2048").count(), 3);
        assert_eq!(of("add", "f32", "16777216").count(), 2);
        // bf16 without a shape is nowhere.
        assert!(figures().iter().any(|f| f.operation == "matmul/bf16"));
        assert_eq!(of("matmul", "f16", "").count(), 0);
        assert!(of_ceiling(&CeilingId::ComputeF32).count() > 10);
        assert_eq!(of_ceiling(&CeilingId::AtomicOne).count(), 0);
        assert_eq!(attention_label("b2 h4 n512 d64 x"), None);
        assert_eq!(attention_label("b2 h4 n512"), None);
    }

    #[test]
    fn adapters_are_known_by_the_words_that_matter() {
        let of = |adapter: &str| Published {
            adapter: adapter.to_owned(),
            ..figures()[0].clone()
        };
        for (published, name, same) in [
            ("NVIDIA RTX 4090", "NVIDIA GeForce RTX 4090", true),
            ("NVIDIA RTX 4060", "NVIDIA GeForce RTX 4060 Ti", false),
            (
                "AMD RX 7700 XT",
                "AMD Radeon RX 7700 XT (RADV NAVI32)",
                true,
            ),
            (
                "Intel Arc A380",
                "Intel(R) Arc(tm) A380 Graphics (DG2)",
                true,
            ),
            ("NVIDIA H200", "NVIDIA H200", true),
            ("NVIDIA H200", "NVIDIA H100", false),
        ] {
            assert_eq!(of(published).is_of(name), same, "{published}, {name}");
        }
    }

    #[test]
    fn times_are_rates_too() {
        let text = include_str!("../../tests/snapshots/reports/run.json");
        let report = crate::report::Report::from_json(text).unwrap();
        let row = report.rows.iter().find(|row| row.operation == "matmul");
        let row = row.unwrap();
        let seconds = row.time_s.as_ref().unwrap().median;
        let figure = Published {
            value: 2.0 * seconds,
            unit: "s".to_owned(),
            ..figures()[0].clone()
        };
        let (here, there) = figure.rates(row).unwrap();
        assert!((here / there - 2.0).abs() < 1e-12);
        let flops = figure.flop_rate(row).unwrap();
        assert!((flops * 2.0 * seconds / row.flops as f64 - 1.0).abs() < 1e-12);
        let tokens = Published {
            unit: "token/s".to_owned(),
            ..figure
        };
        assert_eq!((tokens.rates(row), tokens.bandwidth(row)), (None, None));
    }
}
