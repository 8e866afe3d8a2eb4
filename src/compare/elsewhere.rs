//! Published figures beside what the files measured of the same, with the reason where one cannot be.

use crate::report::published::{Kernels, Published, PublishedKind, Subject};
use crate::report::{Ceiling, CeilingId, Input, Results, Row};
use crate::units::{Unit, format_bytes, format_percent};

/// The largest cache of a GPU in bytes, AMD's MI300X: a working set that is larger comes from memory.
const LARGEST_CACHE: u64 = 256 << 20;

/// Rate over the vendor's peak that a card can reach: peaks are computed with the boost clock, and cards clock up to a tenth above it.
const OVER_BOOST: f64 = 1.1;

/// Published figures beside the results of several files.
#[derive(Debug, Clone, PartialEq)]
pub struct Elsewhere<'a> {
    /// Figures that correspond to a row or a ceiling, file by file, in the order of its ceilings and rows.
    pub lines: Vec<Beside<'a>>,
    /// Number of figures that nothing in the files corresponds to.
    pub others: usize,
}

/// One published figure beside what one file measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside<'a> {
    /// Index of the file.
    pub file: usize,
    /// Row of the file; `None` beside a ceiling.
    pub row: Option<&'a Row>,
    /// Ceiling of the file; `None` beside a row.
    pub ceiling: Option<&'a Ceiling>,
    /// The figure.
    pub published: &'a Published,
    /// Measured value in the unit of the figure.
    pub measured: f64,
    /// Measured rate over the published rate: 2 is twice as fast. `None` for a figure that is refused.
    pub factor: Option<f64>,
    /// Reason why the figure cannot be.
    pub refused: Option<String>,
    /// Remarks that a reader of the figure needs.
    pub remarks: Vec<String>,
}

impl<'a> Elsewhere<'a> {
    /// Figures among `figures` that have a counterpart in `inputs`: a row or a ceiling. Beside a row that several kernels have,
    /// the fastest of the kernels that compute in the figure's way counts.
    #[must_use]
    pub fn new(inputs: &'a [Input], figures: &'a [Published]) -> Self {
        let mut lines = Vec::new();
        for (file, input) in inputs.iter().enumerate() {
            let found = figures.iter().filter_map(|published| {
                let (place, line) = beside(file, &input.results, published)?;
                Some((place, judged(line, &input.results, figures)))
            });
            let mut found: Vec<_> = found.collect();
            found.sort_by_key(|(place, _)| *place);
            lines.extend(found.into_iter().map(|(_, line)| line));
        }
        let is_shown = |figure: &&Published| {
            let mut lines = lines.iter();
            lines.any(|line: &Beside<'_>| std::ptr::eq(line.published, *figure))
        };
        let shown = figures.iter().filter(is_shown).count();
        Self {
            others: figures.len() - shown,
            lines,
        }
    }
}

/// The figure beside the ceiling or the row that it corresponds to, and the place of that in the file.
fn beside<'a>(
    file: usize,
    results: &'a Results,
    published: &'a Published,
) -> Option<((usize, usize), Beside<'a>)> {
    let line = Beside {
        file,
        row: None,
        ceiling: None,
        published,
        measured: 0.0,
        factor: None,
        refused: None,
        remarks: Vec::new(),
    };
    match published.subject()? {
        Subject::Ceiling(id) => {
            let mut ceilings = results.ceilings().iter().enumerate();
            let (place, ceiling) = ceilings.find(|(_, ceiling)| ceiling.id == id)?;
            let measured = ceiling.value.filter(|_| ceiling.unit == published.unit)?;
            let line = Beside {
                ceiling: Some(ceiling),
                measured,
                factor: Some(measured / published.value),
                ..line
            };
            Some(((0, place), line))
        }
        Subject::Problem {
            operation,
            dtype,
            label,
            kernels,
        } => {
            let rows = results.rows().iter().enumerate();
            let of_problem = rows.filter(|(_, row)| {
                let is_it = row.operation == operation && row.dtype.name() == dtype;
                is_it && row.label == label
            });
            let (place, row) = best(of_problem, kernels)?;
            let (here, there) = published.rates(row)?;
            let measured = match published.unit() {
                Unit::Seconds => 1.0 / here,
                _ => here,
            };
            let line = Beside {
                row: Some(row),
                measured,
                factor: Some(here / there),
                ..line
            };
            Some(((1, place), line))
        }
    }
}

/// The fastest right row of `kernels`.
fn best<'a>(
    rows: impl Iterator<Item = (usize, &'a Row)>,
    kernels: Kernels,
) -> Option<(usize, &'a Row)> {
    let rows = rows.filter(|(_, row)| row.is_good() && kernels.contain(&row.kernel));
    let timed = rows.filter_map(|(place, row)| Some((place, row, row.time_s.as_ref()?.median)));
    let best = timed.min_by(|a, b| a.2.total_cmp(&b.2));
    best.map(|(place, row, _)| (place, row))
}

/// The line with what the vendor's peaks and the ceilings of the file say about the figure.
fn judged<'a>(mut line: Beside<'a>, results: &'a Results, figures: &[Published]) -> Beside<'a> {
    let published = line.published;
    if published.operation.contains("/bf16") {
        line.remarks.push("bf16 there, f16 here".to_owned());
    }
    let flop_rate = match line.row {
        Some(row) => published.flop_rate(row),
        None => Some(published.value).filter(|_| published.unit() == Unit::FlopsPerSecond),
    };
    let bandwidth = match line.row {
        Some(row) => published.bandwidth(row),
        None => Some(published.value).filter(|_| published.operation.starts_with("bandwidth/read")),
    };
    // A ceiling is measured beyond all caches.
    let working_set = line.row.map_or(u64::MAX, |row| row.min_bytes);
    if published.kind != PublishedKind::Vendor {
        let peaks = Peaks::of(published, figures);
        peaks.judge_arithmetic(&mut line, flop_rate);
        peaks.judge_memory(&mut line, bandwidth, working_set);
    }
    if line.row.is_some() && published.is_of(&results.adapter().name) {
        let is_arithmetic = |id: &CeilingId| id.arithmetic().is_some_and(|of| suits(of, published));
        let above = above(results, flop_rate, is_arithmetic);
        let of_memory = bandwidth.filter(|_| working_set > LARGEST_CACHE);
        let above = above.or_else(|| above_memory(results, of_memory));
        line.remarks.extend(above);
    }
    if line.refused.is_some() {
        line.factor = None;
    }
    line
}

/// Peaks that the vendor of a figure's adapter names.
struct Peaks {
    arithmetic: Option<f64>,
    bandwidth: Option<f64>,
}

impl Peaks {
    fn of(published: &Published, figures: &[Published]) -> Self {
        let arithmetic = if is_f32(published) {
            "peak/f32"
        } else {
            "peak/f16_matrix"
        };
        let peak = |operation: &str| {
            let mut figures = figures.iter().filter(|peak| {
                peak.kind == PublishedKind::Vendor && peak.adapter == published.adapter
            });
            figures
                .find(|peak| peak.operation == operation)
                .map(|peak| peak.value)
        };
        Self {
            arithmetic: peak(arithmetic),
            bandwidth: peak("peak/bandwidth"),
        }
    }

    fn judge_arithmetic(&self, line: &mut Beside<'_>, rate: Option<f64>) {
        let (Some(rate), Some(peak)) = (rate, self.arithmetic) else {
            return;
        };
        let of_peak = Unit::FlopsPerSecond.format(peak);
        if rate > OVER_BOOST * peak {
            line.refused = Some(format!(
                "{} is above the vendor's peak of {of_peak}",
                Unit::FlopsPerSecond.format(rate)
            ));
        } else if rate > peak {
            line.remarks.push(format!(
                "{} of the vendor's peak, as clocks above the vendor's allow",
                format_percent(rate / peak)
            ));
        }
    }

    fn judge_memory(&self, line: &mut Beside<'_>, bandwidth: Option<f64>, working_set: u64) {
        let (Some(bandwidth), Some(peak)) = (bandwidth, self.bandwidth) else {
            return;
        };
        if bandwidth <= peak {
            return;
        }
        let above = format!("above the vendor's {}", Unit::BytesPerSecond.format(peak));
        if working_set <= LARGEST_CACHE {
            line.remarks.push(format!(
                "{above}: operands of {} fit into a cache",
                format_bytes(working_set)
            ));
        } else {
            line.refused = Some(format!(
                "{} is {above} of memory",
                Unit::BytesPerSecond.format(bandwidth)
            ));
        }
    }
}

fn is_f32(published: &Published) -> bool {
    published.operation.contains("f32")
}

/// Whether arithmetic of this kind, `f16_matrix`, computes what the figure is about.
fn suits(arithmetic: &str, published: &Published) -> bool {
    let dtype = if is_f32(published) { "f32" } else { "f16" };
    arithmetic.split('_').next() == Some(dtype)
}

/// Remark about a rate above the highest of the file's ceilings that `counts`; `None` for a file without one.
fn above(
    results: &Results,
    rate: Option<f64>,
    counts: impl Fn(&CeilingId) -> bool,
) -> Option<String> {
    let rate = rate?;
    let ceilings = results.ceilings().iter();
    let values = ceilings.filter_map(|ceiling| Some((ceiling, ceiling.value?)));
    let highest = values
        .filter(|(ceiling, _)| counts(&ceiling.id))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let (ceiling, value) = highest?;
    let unit = Unit::of(&ceiling.unit);
    (rate > value).then(|| {
        format!(
            "above {} as measured here, {}",
            ceiling.id,
            unit.format(value)
        )
    })
}

fn above_memory(results: &Results, bandwidth: Option<f64>) -> Option<String> {
    above(results, bandwidth, |id| {
        [
            CeilingId::MemoryRead,
            CeilingId::MemoryWrite,
            CeilingId::MemoryCopy,
            CeilingId::MemoryTriad,
        ]
        .contains(id)
    })
}

#[cfg(test)]
mod tests;
