//! The columns of the flat table: a new one is a line of [`FIELDS`], and a line of METHODOLOGY.md.

use super::entries::Entry;
use super::value::Value;
use crate::report::{Input, Range, Results, SensorSummary, Summary, Warning, limits};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;

/// The schema of the lines.
pub const FLAT_SCHEMA: &str = "ridgepoint.flat/1";

/// One column of the flat table.
pub struct Field {
    /// Name, with the unit at its end: `_s` seconds, `_bytes` bytes, `_percent` parts of a hundred.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// Meaning.
    pub about: &'static str,
    /// Value of an entry of an input, whose id comes second.
    pub(super) value: for<'a> fn(&'a Input, &str, &Entry<'a>) -> Value<'a>,
}

/// Type of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An integer.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.kind)
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Flag => "flag",
        })
    }
}

type Get = for<'a> fn(&'a Input, &str, &Entry<'a>) -> Value<'a>;

const fn text(name: &'static str, about: &'static str, value: Get) -> Field {
    Field {
        name,
        kind: Kind::Text,
        about,
        value,
    }
}

const fn integer(name: &'static str, about: &'static str, value: Get) -> Field {
    Field {
        name,
        kind: Kind::Integer,
        about,
        value,
    }
}

const fn number(name: &'static str, about: &'static str, value: Get) -> Field {
    Field {
        name,
        kind: Kind::Number,
        about,
        value,
    }
}

const fn flag(name: &'static str, about: &'static str, value: Get) -> Field {
    Field {
        name,
        kind: Kind::Flag,
        about,
        value,
    }
}

/// Every column, in order.
#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    text("schema", "`ridgepoint.flat/1`", |_, _, _| FLAT_SCHEMA.into()),
    text("figure", "kind of figure: `measured`; with `--published` also `published_measured`, `published_vendor`, `published_community`, `published_predicted`", |_, _, _| "measured".into()),
    text("source", "who says so: the schema of the file that the figure stands in, or the source of a published figure", |i, _, _| i.results.source().into()),
    text("file", "name of that file, as it was given", |i, _, _| (&i.name).into()),
    text("run_id", "hash of the measurement: the same for copies of a file", |_, id, _| id.to_owned().into()),
    text("time_utc", "begin of the measurement, RFC 3339", |i, _, _| (&i.results.host().utc).into()),
    text("tool_version", "version of the program that measured", |i, _, _| (&i.results.tool().version).into()),
    text("tool_commit", "its commit", |i, _, _| (&i.results.tool().commit).into()),
    text("wgpu_version", "version of wgpu", |i, _, _| (&i.results.tool().wgpu).into()),
    text("naga_version", "version of naga", |i, _, _| (&i.results.tool().naga).into()),
    text("adapter", "name of the adapter", |i, _, _| (&i.results.adapter().name).into()),
    text("adapter_type", "`discrete`, `integrated`, `virtual`, `other`, `software`, `noop`", |i, _, _| word(i.results.adapter().kind).into()),
    integer("vendor_id", "of PCI, or the backend's own", |i, _, _| i.results.adapter().vendor_id.into()),
    integer("device_id", "of PCI, or the backend's own", |i, _, _| i.results.adapter().device_id.into()),
    text("backend", "`vulkan`, `metal`, `dx12`, `gl`; of another program `cuda`, `rocm`, `mps`, `cpu`", |i, _, _| (&i.results.adapter().backend).into()),
    text("driver", "name of the driver", |i, _, _| (&i.results.adapter().driver).into()),
    text("driver_info", "version text of the driver", |i, _, _| (&i.results.adapter().driver_info).into()),
    text("os", "operating system", |i, _, _| (&i.results.host().os).into()),
    text("cpu", "processor", |i, _, _| (&i.results.host().cpu).into()),
    integer("memory_bytes", "main memory", |i, _, _| i.results.host().memory_bytes.into()),
    text("suite", "suite of a run; `roofline` for a roofline", |i, _, _| suite(&i.results).into()),
    integer("seed", "seed of the data", |i, _, _| i.results.seed().into()),
    text("tuning", "tuning that a run used", |i, _, _| tuning(&i.results).into()),
    text("note", "remark of the user", |i, _, _| i.results.note().into()),
    text("run_warnings", "ids of warnings about the measurement as a whole, with `;` between", |i, _, _| warnings(i.results.warnings()).into()),
    text("measurement", "`row`, `ceiling`, `variant`, `launch`, `working_set`, `latency`, `transfer`, `soak`", |_, _, e| e.measurement.into()),
    text("id", "id of the row or ceiling, unique in a file but for repeats, `size_bytes` and `at_s`", |_, _, e| Value::text(e.id.clone())),
    text("operation", "operation", |_, _, e| e.row.map(|r| &r.operation).into()),
    text("kernel", "kernel, by its present name", |_, _, e| e.row.map(|r| &r.kernel).into()),
    text("dtype", "element type: `f32`, `f16`", |_, _, e| e.row.map(|r| r.dtype.name()).into()),
    text("label", "shape with its options, as `--op` takes it", |_, _, e| e.row.map(|r| &r.label).into()),
    text("shape", "sizes by name, as `m=1024 n=1024`", |_, _, e| e.row.map(|r| pairs(&r.shape)).into()),
    integer("batch", "size of the batch, where the shape has one", |_, _, e| e.row.and_then(|r| r.shape.get("batch").copied()).into()),
    integer("size_bytes", "bytes of a working set or of a copy", |_, _, e| e.size_bytes.into()),
    text("constants", "constants of the kernel, as `TILE_M=64 TILE_N=64`", |_, _, e| e.row.map(|r| pairs(&r.constants)).into()),
    text("choice", "why this kernel", |_, _, e| e.row.map(|r| &r.choice).into()),
    integer("flops", "operations of one execution, a fused multiply-add being two", |_, _, e| e.row.map(|r| r.flops).into()),
    integer("min_bytes", "bytes of one execution, each operand once", |_, _, e| e.row.map(|r| r.min_bytes).into()),
    integer("bound_bytes", "bytes that its dispatches bind, intermediate results among them", |_, _, e| e.row.and_then(|r| r.bound_bytes).into()),
    text("checks", "runtime checks in shaders: `on`, `off`", |_, _, e| e.checks.map(word).into()),
    text("clock", "`gpu_timestamp`, `wall`", |_, _, e| e.clock.map(word).into()),
    text("status", "`ok`, `noisy`, `unsupported`, `empty`, `failed`, `timed_out`; `refused` for a published figure that cannot be", |_, _, e| word(e.status).into()),
    text("reason", "why there is no value, or how a ceiling was reached", |_, _, e| e.reason.into()),
    integer("repeats", "executions in one sample", |_, _, e| e.row.and_then(|r| r.repeats).into()),
    integer("discarded", "samples before the first that counts", |_, _, e| e.discarded.into()),
    integer("n", "samples", |_, _, e| e.time.map(|t| t.n).into()),
    number("min_s", "shortest time of one execution", |_, _, e| e.time.map(|t| t.min).into()),
    number("q1_s", "first quartile", |_, _, e| e.time.map(|t| t.q1).into()),
    number("median_s", "median", |_, _, e| e.time.map(|t| t.median).into()),
    number("q3_s", "third quartile", |_, _, e| e.time.map(|t| t.q3).into()),
    number("max_s", "longest time", |_, _, e| e.time.map(|t| t.max).into()),
    number("mean_s", "mean of the samples", |_, _, e| e.time.and_then(Summary::mean).into()),
    number("spread", "(q3 - q1) / median; absent for one sample", |_, _, e| e.time.filter(|t| t.n > 1).map(Summary::relative_iqr).into()),
    number("wall_median_s", "median by the host's clock, submission and wait included", |_, _, e| e.wall.map(|t| t.median).into()),
    number("value", "the figure: a rate of the resource that limits, or a time, in `unit`", |_, _, e| e.value.into()),
    text("unit", "`FLOP/s`, `OP/s`, `B/s`, `s`", |_, _, e| e.unit.symbol().to_owned().into()),
    text("bound", "resource that limits: `memory`, `compute`", |_, _, e| e.row.and_then(|r| r.bound).map(word).into()),
    text("ceiling", "id of the ceiling that the row is held against", |_, _, e| e.ceiling.map(|c| c.id.as_str()).into()),
    number("ceiling_value", "its value, in `unit`", |_, _, e| e.ceiling.and_then(|c| c.value).into()),
    number("percent_of_roof", "share of the ceiling that the row reaches, in percent", |_, _, e| e.row.and_then(|r| r.percent_of_roof).into()),
    integer("registers", "registers of an invocation by the driver's compiler, the most of all stages, in its own unit", |_, _, e| e.row.and_then(|r| r.compiled.iter().filter_map(|s| s.registers).max()).into()),
    integer("spills_in_loops", "registers stored to memory and loaded back within loops, of all stages", |_, _, e| e.row.and_then(|r| r.compiled.iter().filter_map(|s| s.spills_in_loops).reduce(u64::saturating_add)).into()),
    flag("right", "whether the result agreed with its f64 reference", |_, _, e| e.verified.map(|v| v.ok).into()),
    number("error", "error that came nearest to what is allowed", |_, _, e| e.verified.and_then(|v| v.max_error).into()),
    number("error_allowed", "what is allowed there", |_, _, e| e.verified.map(|v| v.allowed).into()),
    integer("compared", "elements that were compared", |_, _, e| e.verified.map(|v| v.compared).into()),
    text("warnings", "ids of warnings, with `;` between", |_, _, e| warnings(e.warnings).into()),
    integer("scratch_bytes", "intermediate results in memory", |_, _, e| e.row.and_then(|r| r.scratch_bytes).into()),
    integer("repetition", "number of this repetition, from 1, of a row that is reported several times", |_, _, e| e.row.and_then(|r| r.repetition).into()),
    integer("workgroup_bytes", "workgroup memory of the stage that takes most", |_, _, e| e.row.and_then(|r| r.workgroup_bytes).into()),
    text("tool", "program that measured: `ridgepoint`, `PyTorch`", |i, _, _| (&i.results.tool().name).into()),
    integer("operand_sets", "sets of operands that were used in turn, so that no cache holds them", |_, _, e| e.row.and_then(|r| r.operand_sets).into()),
    text("sensors", "sensors that were read during the measurement, such as `nvml`; `unknown` where none answers", |i, _, _| (&i.results.host().sensors).into()),
    number("core_clock_min_hz", "least clock of the cores between samples", |_, _, e| range(e, |s| s.core_clock_hz).map(|r| r.least).into()),
    number("core_clock_max_hz", "greatest clock of the cores", |_, _, e| range(e, |s| s.core_clock_hz).map(|r| r.most).into()),
    number("memory_clock_min_hz", "least clock of the memory", |_, _, e| range(e, |s| s.memory_clock_hz).map(|r| r.least).into()),
    number("memory_clock_max_hz", "greatest clock of the memory", |_, _, e| range(e, |s| s.memory_clock_hz).map(|r| r.most).into()),
    number("temperature_max_c", "greatest temperature", |_, _, e| range(e, |s| s.temperature_c).map(|r| r.most).into()),
    number("power_w", "mean power", |_, _, e| e.sensors.and_then(|s| s.power).map(|p| p.watts).into()),
    text("power_of", "part of the machine that the power is of: `board`, `package`, `machine`", |_, _, e| e.sensors.and_then(|s| s.power).map(|p| word(p.of)).into()),
    text("power_by", "sensor that it comes from: `energy_counter`, `power_readings`", |_, _, e| e.sensors.and_then(|s| s.power).map(|p| word(p.by)).into()),
    number("energy_j", "energy of one execution", |_, _, e| e.sensors.and_then(|s| s.power).map(|p| p.joules).into()),
    number("flops_per_joule", "operations of one execution over `energy_j`", |_, _, e| e.flops_per_joule.into()),
    number("bytes_per_joule", "bytes of one execution over `energy_j`", |_, _, e| e.bytes_per_joule.into()),
    text("limits", "limits that the device gave while it was measured, with `, ` between", |_, _, e| e.sensors.map(|s| limits(&s.limits)).into()),
    number("at_s", "end of an interval of a soak, since its first submission", |_, _, e| e.at_s.into()),
];

/// Text of a value of an enum, as JSON has it.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => unreachable!("enums of results are words in JSON"),
    }
}

/// Range of a quantity of the sensors of an entry.
fn range(entry: &Entry<'_>, of: fn(&SensorSummary) -> Option<Range>) -> Option<Range> {
    entry.sensors.and_then(of)
}

fn suite(results: &Results) -> &str {
    match results {
        Results::Run(run) => &run.settings.suite,
        Results::Roofline(_) => "roofline",
    }
}

fn tuning(results: &Results) -> Option<&str> {
    match results {
        Results::Run(run) => run.settings.tuning.as_deref(),
        Results::Roofline(_) => None,
    }
}

fn warnings(warnings: &[Warning]) -> String {
    let mut seen = HashSet::new();
    let ids = warnings.iter().map(Warning::id);
    ids.filter(|id| seen.insert(*id))
        .collect::<Vec<_>>()
        .join(";")
}

/// Names with their values, a space between.
fn pairs(values: &BTreeMap<String, impl Display>) -> String {
    let pairs = values.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(" ")
}
