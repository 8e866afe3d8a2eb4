//! Products with quantised weights beside those with float weights, and beside what the bytes of both allow.

use crate::compare::Ratio;
use crate::render::{Cell, Column, Line, Priority, Section, Table};
use crate::report::published::{Published, figures};
use crate::report::{AdapterKind, CeilingId, Report, Row};
use crate::units::Unit;
use crate::weights::Weights;

/// Beginning of the names of kernels that write weights as floats before they multiply.
const NAIVE: &str = "matmul_dequantized_";

/// Sections about `rows`: a sentence, the table of products, and figures of whole models that others published. Nothing
/// without a product of quantised weights.
pub(super) fn sections(report: &Report, rows: &[&Row]) -> Vec<Section> {
    let table = table(report, rows);
    if table.lines.is_empty() {
        return Vec::new();
    }
    vec![
        Section::paragraph(ABOUT),
        Section::table("weights of fewer bits, beside f16", table),
        Section::table(
            "published: tokens per second of whole models, by weights of 16 and of 4 bits",
            published(figures()),
        ),
    ]
}

/// Meaning of the bounds.
const ABOUT: &str = "bound: how much faster a product could be if only bytes decided, as memory decides where few rows use \
    a weight; an f16 weight has 2 bytes, a weight of q4_0 0.5625, and a naive kernel moves 4.5625 bytes for the latter: it reads the \
    weight, writes it as f16 and reads it again, unless a cache holds it in between";

/// Product of one shape with weights of one format: its rows by the way in which they compute.
struct Product<'a> {
    /// A row of the product.
    any: &'a Row,
    weights: Weights,
    /// Sizes of the product.
    m: u64,
    n: u64,
    k: u64,
    /// Seconds with weights of the product's own type.
    float: Option<f64>,
    /// Row of the fastest kernel that reads quants where it multiplies.
    fused: Option<&'a Row>,
    /// Seconds of the fastest kernel that writes floats first.
    naive: Option<f64>,
}

impl<'a> Product<'a> {
    /// The product of `row` among `rows`; `None` where its weights are floats.
    fn of(row: &'a Row, rows: &[&'a Row]) -> Option<Self> {
        let mut words = row.label.split('+').skip(1);
        let weights = words.find_map(Weights::named)?;
        let size = |name: &str| row.shape.get(name).copied();
        let (m, n, k) = (size("m")?, size("n")?, size("k")?);
        let float = row.label.replace(&format!("+{}", weights.name()), "+tb");
        let fastest = |label: &str, is_wanted: fn(&Row) -> bool| {
            let of_label = rows.iter().copied().filter(|other| other.label == label);
            let same = of_label.filter(|other| is_alike(row, other) && is_wanted(other));
            let timed = same.filter_map(|row| Some((row, seconds(row)?)));
            timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row)
        };
        Some(Self {
            any: row,
            weights,
            m,
            n,
            k,
            float: fastest(&float, |_| true).and_then(seconds),
            fused: fastest(&row.label, |row| !row.kernel.starts_with(NAIVE)),
            naive: fastest(&row.label, |row| row.kernel.starts_with(NAIVE)).and_then(seconds),
        })
    }

    /// Whether both products have one matrix of weights.
    fn has_matrix_of(&self, other: &Self) -> bool {
        is_alike(self.any, other.any)
            && (self.n, self.k, self.weights) == (other.n, other.k, other.weights)
    }

    fn fused_s(&self) -> Option<f64> {
        self.fused.and_then(seconds)
    }

    /// Bytes of all weights as floats.
    fn float_bytes(&self) -> u64 {
        self.n * self.k * self.any.dtype.bytes()
    }

    /// Least bytes of the product with floats for weights.
    fn bytes_of_floats(&self) -> f64 {
        let words = self.weights.quant_words(self.k) + self.weights.scale_words(self.k);
        let others = self.any.min_bytes.saturating_sub(self.n * words * 4);
        (others + self.float_bytes()) as f64
    }

    /// Factor by which quants that are read where they are multiplied could be faster than floats.
    fn fused_bound(&self) -> f64 {
        self.bytes_of_floats() / self.any.min_bytes as f64
    }

    /// Factor by which weights that are written as floats and read again could be faster than floats: it is below 1.
    fn naive_bound(&self) -> f64 {
        self.bytes_of_floats() / (self.any.min_bytes + 2 * self.float_bytes()) as f64
    }
}

/// Whether two rows are of one operation and type, and either both or neither have rotated operands.
fn is_alike(a: &Row, b: &Row) -> bool {
    let of = |row: &Row| (row.dtype, row.operand_sets.is_some());
    a.operation == b.operation && of(a) == of(b)
}

/// Median of a right result.
fn seconds(row: &Row) -> Option<f64> {
    let time = row.time_s.as_ref().filter(|_| row.is_good());
    time.map(|time| time.median)
}

/// Products with quantised weights among `rows`, each once: those of a matrix and format together, by their number of rows.
fn products<'a>(rows: &[&'a Row]) -> Vec<Product<'a>> {
    let mut found: Vec<Product<'a>> = Vec::new();
    for row in rows {
        let is_known =
            |known: &Product<'_>| known.any.label == row.label && is_alike(known.any, row);
        if !found.iter().any(is_known) {
            found.extend(Product::of(row, rows));
        }
    }
    let place = |product: &Product<'_>| {
        let matrix = found
            .iter()
            .position(|p| (p.n, p.k) == (product.n, product.k));
        let format = found.iter().position(|p| p.has_matrix_of(product));
        (matrix, format, product.m)
    };
    let mut places: Vec<_> = found.iter().map(place).collect();
    let mut sorted: Vec<_> = places.drain(..).zip(found).collect();
    sorted.sort_by_key(|(place, _)| *place);
    sorted.into_iter().map(|(_, product)| product).collect()
}

/// Table of the products with quantised weights among `rows`.
fn table(report: &Report, rows: &[&Row]) -> Table {
    let products = products(rows);
    let reads = reads(report);
    let mut columns = vec![
        Column::left("operation").priority(Priority::Above),
        Column::left("shape"),
        Column::left("format"),
        Column::right("f16").unit(Unit::Seconds),
        Column::right("fused").unit(Unit::Seconds),
        Column::right("naive").unit(Unit::Seconds),
        Column::right("fused x").about("time of f16 over time of the fused kernel"),
        Column::right("bound").about("the same if only bytes counted"),
        Column::right("naive x")
            .priority(Priority::Medium)
            .about("time of f16 over time of the naive kernel"),
        Column::right("naive bound").priority(Priority::Medium),
        Column::right("M = 1")
            .priority(Priority::High)
            .about("time of the fused kernel over its time for one row"),
    ];
    if reads.is_some() {
        let column = Column::right("of reads").priority(Priority::High);
        columns.push(column.about("share of the ceiling of reads, for one row"));
    }
    let line = |product: &Product<'_>| {
        let mut cells = cells(product, &products);
        cells.extend(reads.map(|reads| of_reads(product, reads)));
        Line {
            group: Some(format!(
                "{}x{} {}",
                product.n,
                product.k,
                product.weights.name()
            )),
            cells,
        }
    };
    Table {
        lines: products.iter().map(line).collect(),
        columns,
    }
}

/// Cells of a product, without its share of the ceiling of reads.
fn cells(product: &Product<'_>, all: &[Product<'_>]) -> Vec<Cell> {
    let time = |time| Cell::quantity_or(time, Unit::Seconds, Cell::Missing(None));
    let over = |time: Option<f64>| factor(product.float.zip(time).map(|(f16, own)| f16 / own));
    let (fused, format) = (product.fused_s(), format!("+{}", product.weights.name()));
    let mut ones = all.iter().filter(|one| one.m == 1);
    let one = ones.find(|one| one.has_matrix_of(product));
    let one = one.and_then(Product::fused_s);
    vec![
        Cell::text(&product.any.operation),
        Cell::text(product.any.shape_text().replace(&format, "")),
        Cell::text(product.weights.name()),
        time(product.float),
        time(fused),
        time(product.naive),
        over(fused),
        factor(Some(product.fused_bound())),
        over(product.naive),
        factor(Some(product.naive_bound())),
        factor(fused.zip(one).map(|(own, one)| own / one)),
    ]
}

/// Factor with three digits.
fn factor(value: Option<f64>) -> Cell {
    let ratio = |value| Cell::Ratio(Ratio { value, range: None });
    value.map_or(Cell::Missing(None), ratio)
}

/// Ceiling of reads of a GPU, in bytes per second.
fn reads(report: &Report) -> Option<f64> {
    let is_gpu = !matches!(
        report.adapter.kind,
        AdapterKind::Software | AdapterKind::Noop
    );
    let mut ceilings = report.ceilings.iter().filter(|_| is_gpu);
    ceilings.find(|c| c.id == CeilingId::MemoryRead)?.value
}

/// Share of `reads` that the fused kernel reaches for one row; other numbers of rows have none.
fn of_reads(product: &Product<'_>, reads: f64) -> Cell {
    if product.m != 1 {
        return Cell::Empty;
    }
    let bandwidth = product.fused.and_then(|row| row.bandwidth);
    let share = bandwidth.map(|bandwidth| bandwidth.bytes_per_second() / reads);
    share.map_or(Cell::Missing(None), Cell::Share)
}

/// Table of whole models among `figures`, each with weights of 16 bits beside fused and naive kernels of 4 bits under the same
/// conditions.
fn published(figures: &[Published]) -> Table {
    let line = |fused: &Published| {
        let model = fused.operation.strip_suffix("/awq-fused")?;
        let of = |name: &str| {
            let mut same = figures.iter().filter(|other| {
                (
                    &other.adapter,
                    &other.conditions,
                    &other.source,
                    &other.shape,
                ) == (
                    &fused.adapter,
                    &fused.conditions,
                    &fused.source,
                    &fused.shape,
                )
            });
            let figure = same.find(|other| other.operation == format!("{model}/{name}"));
            figure.map(|figure| figure.value)
        };
        let (float, naive) = (of("bf16"), of("awq-naive"));
        let rate = |value| Cell::quantity_or(value, fused.unit(), Cell::Missing(None));
        let over = |value: Option<f64>| factor(value.zip(float).map(|(own, bf16)| own / bf16));
        Some(Line::of([
            Cell::text(model),
            rate(float),
            rate(Some(fused.value)),
            rate(naive),
            over(Some(fused.value)),
            over(naive),
            Cell::text(fused.kind.to_string()),
            Cell::text(&fused.adapter),
            Cell::text(format!("{}; {}", fused.conditions, fused.source)),
        ]))
    };
    Table {
        columns: vec![
            Column::left("model"),
            Column::right("bf16"),
            Column::right("AWQ, fused"),
            Column::right("AWQ, naive"),
            Column::right("fused x"),
            Column::right("naive x"),
            Column::left("kind").priority(Priority::Medium),
            Column::left("adapter").priority(Priority::Medium),
            Column::left("conditions and source").priority(Priority::Below),
        ],
        lines: figures.iter().filter_map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::render::run::tests::sample;
    use crate::report::{Input, Results, Status, Summary};
    use crate::units::Bandwidth;

    /// A rotated row of f16 whose A and C are `m` times 4096 elements of 2 and of 4 bytes.
    fn row(m: u64, word: &str, kernel: &str, seconds: Option<f64>) -> Row {
        let weights = match Weights::named(word) {
            Some(format) => 4096 * 4 * (format.quant_words(4096) + format.scale_words(4096)),
            None => 4096 * 4096 * 2,
        };
        let min_bytes = weights + m * 4096 * 6;
        let sizes = [("m", m), ("n", 4096), ("k", 4096)];
        Row {
            kernel: kernel.to_owned(),
            dtype: Dtype::F16,
            label: format!("{m}x4096x4096+{word}"),
            shape: sizes.map(|(name, size)| (name.to_owned(), size)).into(),
            min_bytes,
            operand_sets: Some(9),
            time_s: seconds.and_then(|seconds| Summary::new(&[seconds; 3])),
            bandwidth: seconds.and_then(|seconds| Bandwidth::new(min_bytes, seconds)),
            ..sample(Status::Ok)
        }
    }

    fn report() -> Report {
        match Input::made_up("run.json").results {
            Results::Run(report) => *report,
            Results::Roofline(_) => unreachable!("the made-up run is a run"),
        }
    }

    fn shown(rows: &[Row]) -> Vec<Vec<String>> {
        let table = table(&report(), &rows.iter().collect::<Vec<_>>());
        let lines = table.lines.iter();
        let cells = lines.map(|line| line.cells[1..11].iter().map(Cell::shown).collect());
        cells.collect()
    }

    #[test]
    fn formats_stand_beside_f16_and_beside_their_bounds() {
        let hot = Row {
            operand_sets: None,
            ..row(1, "tb", "matmul_vector", Some(1e-6))
        };
        let rows = [
            hot,
            row(1, "tb", "matmul_vector", Some(8e-6)),
            row(32, "tb", "matmul_aligned", Some(10e-6)),
            row(1, "q4_0", "matmul_quantized_vector", Some(4e-6)),
            row(32, "q4_0", "matmul_aligned", Some(6e-6)),
            row(1, "q4_0", "matmul_dequantized_vector", Some(32e-6)),
            row(32, "q4_0", "matmul_dequantized_blocked", Some(90e-6)),
            row(32, "q4_0", "matmul_dequantized_aligned", Some(40e-6)),
        ];
        let lines = shown(&rows);
        assert_eq!(lines.len(), 2);
        let one = [
            "1x4096x4096/rotated",
            "q4_0",
            "8.00 us",
            "4.00 us",
            "32.0 us",
            "2.00",
            "3.55",
            "0.250",
            "0.439",
            "1.00",
        ];
        assert_eq!(lines[0], one);
        assert_eq!(lines[1][2..5], ["10.0 us", "6.00 us", "40.0 us"]);
        assert_eq!(lines[1][9], "1.50");
    }

    #[test]
    fn rows_that_are_missing_are_cells_that_are() {
        let rows = [
            row(16, "int4", "matmul_quantized_vector", Some(4e-6)),
            row(1, "q6_k", "matmul_dequantized_vector", None),
            row(1, "int4", "matmul_quantized_vector", None),
        ];
        let lines = shown(&rows);
        let labels = lines.iter().map(|line| format!("{} {}", line[0], line[1]));
        let sorted = [
            "1x4096x4096/rotated int4",
            "16x4096x4096/rotated int4",
            "1x4096x4096/rotated q6_k",
        ];
        assert_eq!(labels.collect::<Vec<_>>(), sorted);
        assert_eq!(lines[0][2..6], ["-", "-", "-", "-"]);
        assert_eq!(lines[1][2..6], ["-", "4.00 us", "-", "-"]);
        // Bounds follow from the shape alone.
        assert!(lines.iter().all(|line| line[6] != "-" && line[8] != "-"));
        assert!(lines.iter().all(|line| line[9] == "-"));
        let floats = [row(1, "tb", "matmul_vector", Some(8e-6))];
        assert!(sections(&report(), &floats.iter().collect::<Vec<_>>()).is_empty());
    }

    #[test]
    fn one_row_on_a_gpu_has_its_share_of_reads() {
        let mut report = report();
        let rows = [
            row(1, "q4_0", "matmul_quantized_vector", Some(4e-6)),
            row(2, "q4_0", "matmul_quantized_vector", Some(4e-6)),
        ];
        let rows: Vec<&Row> = rows.iter().collect();
        report.ceilings[0].id = CeilingId::MemoryRead;
        report.ceilings[0].value = Some(4e12);
        report.adapter.kind = AdapterKind::Discrete;
        let last = |report: &Report| -> Vec<String> {
            let lines = table(report, &rows).lines.into_iter();
            lines
                .map(|line| line.cells[line.cells.len() - 1].shown())
                .collect()
        };
        // 9.46 MB in 4 us are 2365 GB/s.
        assert_eq!(last(&report), ["59.1 %", ""]);
        report.adapter.kind = AdapterKind::Software;
        assert_eq!(last(&report), ["1.00", "1.00"]);
    }

    #[test]
    fn published_models_have_all_three_figures() {
        let lines = published(figures()).lines;
        let shown = |line: &Line| line.cells.iter().map(Cell::shown).collect::<Vec<_>>();
        let models: Vec<String> = lines.iter().map(|line| shown(line)[0].clone()).collect();
        assert_eq!(models, ["decode/mistral-7b", "decode/llama-3.1-8b"]);
        assert_eq!(shown(&lines[0])[4..6], ["2.27", "0.217"]);
    }
}
