//! The command line: its commands, options and arguments.

use super::constants::{Assignment, assignment};
use super::shader::Form;
use super::sweep::{Axis, axis};
use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ridgepoint::gpu::FAKES;
use ridgepoint::render::FORMATS;
use ridgepoint::shader::Checks;
use ridgepoint::{Dtype, Error};
use std::path::PathBuf;

/// Measure what a GPU reaches, and how close kernels in WGSL come to it.
#[derive(Debug, Parser)]
#[command(name = "ridgepoint", version, long_version = LONG_VERSION, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Command; `run` where none is given.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) adapter: AdapterArguments,
    /// Write nothing to stderr but errors and warnings
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// A command of the command line.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the adapters of this machine, and operations with their kernels and the features that these need
    List(ListArguments),
    /// Test the driver, timestamps, and every kernel against its f64 reference; exit status 1 where a test fails
    Check(CheckArguments),
    /// Measure a suite of workloads; results are printed and written to a file [default command]
    Run(RunArguments),
    /// Search for the fastest kernel and constants of each class of shapes on this adapter; `run --tuned` uses them
    Tune(TuneArguments),
    /// Measure the ceilings of the adapter: FLOP/s, GB/s of each memory level, latency, launches, transfers
    Roofline(RooflineArguments),
    /// Show results of earlier runs and rooflines: on the terminal, as a page, as tables, as pictures; no GPU is needed
    Report(ReportArguments),
    /// Compare results of runs and rooflines, each with the first: ratios, verdicts, and what differs; no GPU is needed
    Compare(CompareArguments),
    /// Keep results of many runs in one file, and show a row over time; no GPU is needed
    #[cfg(feature = "history")]
    History(super::history::HistoryArguments),
    /// Print the shader that is compiled for a shape, with constants set and loops unrolled; nothing is measured
    Shader(ShaderArguments),
    /// Say which kernel a shape gets and why, and what the driver's compiler makes of it; nothing is measured but, with
    /// `--measure`, the adapter's ceilings
    Explain(ExplainArguments),
    /// Time a kernel with every combination of constants, each verified first, the fastest last
    Sweep(SweepArguments),
    /// Run one workload for minutes without a rest: rate, clock, power and temperature over time, and what is sustained
    Soak(SoakArguments),
    /// Print completions for a shell
    Completions(CompletionsArguments),
    /// Print the manual page
    Man(ManArguments),
}

/// In place of an adapter: all of them.
const ALL: &str = "all";

/// Arguments that choose the adapter.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Adapter")]
pub(crate) struct AdapterArguments {
    /// Adapter: its index in `list`, or a part of its name; for `run`, `all` is one after the other [default: `WGPU_ADAPTER_NAME`, or the fastest kind]
    #[arg(long, global = true, value_name = "INDEX|NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) adapter: Option<String>,
    /// Backend on which adapters are looked for [default: `WGPU_BACKEND`, or all, OpenGL only where no other has an adapter]
    #[arg(long, global = true)]
    pub(crate) backend: Option<Backend>,
}

/// A backend of wgpu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// Linux, Windows, Android
    Vulkan,
    /// macOS, iOS
    Metal,
    /// Windows
    Dx12,
    /// OpenGL and OpenGL ES
    Gl,
}

impl AdapterArguments {
    /// Whether every adapter of this machine was asked for.
    pub(crate) fn are_all(&self) -> bool {
        self.adapter.as_deref() == Some(ALL)
    }

    /// Arguments of `self`, and those of `others` where `self` names nothing.
    pub(crate) fn or(self, others: &Self) -> Self {
        Self {
            adapter: self.adapter.or_else(|| others.adapter.clone()),
            backend: self.backend.or(others.backend),
        }
    }

    /// Refuses arguments that choose an adapter, for a command that asks none.
    ///
    /// # Errors
    /// [`Error::Argument`].
    pub(crate) fn refuse(&self) -> Result<(), Error> {
        let named = [
            ("--adapter", self.adapter.is_some()),
            ("--backend", self.backend.is_some()),
        ];
        match named.into_iter().find(|(_, is_given)| *is_given) {
            Some((argument, _)) => Err(Error::Argument {
                argument: argument.to_owned(),
                reason: "files are shown here and no adapter is asked; leave it out".to_owned(),
            }),
            None => Ok(()),
        }
    }
}

impl From<Backend> for wgpu::Backends {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Vulkan => Self::VULKAN,
            Backend::Metal => Self::METAL,
            Backend::Dx12 => Self::DX12,
            Backend::Gl => Self::GL,
        }
    }
}

/// `ridgepoint list`
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// JSON in place of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
}

/// `ridgepoint check`
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) data: DataArguments,
    /// Operand data in place of generated data: a file of f32 values, 4 bytes each, little-endian
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// One way of `run --ab`.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(crate) struct WayArguments {
    #[command(flatten)]
    pub(crate) adapter: AdapterArguments,
    #[arg(long, value_delimiter = ',')]
    pub(crate) kernel: Vec<String>,
    #[arg(long, value_enum)]
    pub(crate) checks: Option<OnOff>,
    #[arg(long)]
    pub(crate) tuned: bool,
}

/// `ridgepoint run`
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArguments {
    /// Suites of workloads, comma-separated; `ridgepoint list` names them [default: standard]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) suite: Vec<String>,
    /// Suite of one's own, in TOML; METHODOLOGY.md shows one
    #[arg(long, value_name = "FILE")]
    pub(crate) suite_file: Option<PathBuf>,
    /// Operations in place of all of the suite, comma-separated; `matmul:300x200x100` replaces the suite's shapes too
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) op: Vec<String>,
    /// Kernels in place of the suite's, comma-separated
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<String>,
    /// Element types, comma-separated: those of shapes of one's own [default: f32], and of the suite's in place of all
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) dtype: Vec<ElementType>,
    /// File of the results, `-` for standard output [default: ridgepoint-results/ADAPTER-UTCTIME.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) page: PageArguments,
    /// Kernels and constants that `ridgepoint tune` found for this adapter, where no kernel is named
    #[arg(long)]
    pub(crate) tuned: bool,
    /// Two ways to run, measured in turn in one process and compared: each is quoted options of `--adapter`, `--backend`,
    /// `--kernel`, `--checks`, `--tuned`, such as `--ab "--checks off" "--checks on"`
    #[arg(long, num_args = 2, value_names = ["A", "B"], allow_hyphen_values = true)]
    pub(crate) ab: Vec<String>,
    /// Remark for the results: power source, cooling, settings of the driver
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
    #[command(flatten)]
    pub(crate) sensors: SensorArguments,
}

/// `ridgepoint soak`
#[derive(Debug, Args)]
pub(crate) struct SoakArguments {
    /// Operation and shape, such as matmul:4096x4096x4096
    #[arg(value_name = "OPERATION:SHAPE")]
    pub(crate) operation: String,
    /// Time for which the workload runs, in minutes, up to 1440
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SOAK_MINUTES, value_parser = minutes)]
    pub(crate) minutes: f64,
    /// Element type
    #[arg(long, value_enum, default_value_t = ElementType::F32)]
    pub(crate) dtype: ElementType,
    /// Kernel in place of the one that the library chooses
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// File of the results, `-` for standard output [default: ridgepoint-results/ADAPTER-UTCTIME.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) page: PageArguments,
    /// Remark for the results: power source, cooling, settings of the driver
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) sensors: SensorArguments,
}

/// Arguments about the sensors of the device.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SensorArguments {
    /// Leave the device's sensors alone: no clocks, power and temperature in the results
    #[arg(long)]
    pub(crate) no_sensors: bool,
}

/// Arguments about the page of a measurement.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PageArguments {
    /// Page of the results with charts, for any browser, `-` for standard output [default: beside the file of the results,
    /// where standard output is a terminal and no `--json` is given; else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Open the page in the browser at the end
    #[arg(long)]
    pub(crate) open: bool,
}

/// `ridgepoint tune`
#[derive(Debug, Args)]
pub(crate) struct TuneArguments {
    /// Operations, comma-separated [default: all that have classes of shapes]; `matmul:300x200x100+tb` searches the
    /// class of that shape, on that shape
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) op: Vec<String>,
    /// Element types, comma-separated [default: those of the adapter]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) dtype: Vec<ElementType>,
    /// Time of the whole search, in minutes, up to 1440; the classes share it by what they can gain
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MINUTES, value_parser = minutes)]
    pub(crate) minutes: f64,
    /// Tunings kept for this adapter are printed; nothing is searched
    #[arg(long, group = "instead")]
    pub(crate) show: bool,
    /// File that tunings kept for this adapter are written to, `-` for standard output; nothing is searched
    #[arg(long, value_name = "FILE", group = "instead")]
    pub(crate) export: Option<PathBuf>,
    /// File of tunings to keep, `-` for standard input, of this adapter, driver, backend and version; nothing is searched
    #[arg(long, value_name = "FILE", group = "instead")]
    pub(crate) import: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
}

/// Arguments that choose the folder of tunings.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CacheArguments {
    /// Folder of the tunings that `tune` keeps [default: `RIDGEPOINT_CACHE`, or `ridgepoint` in the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
}

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ElementType {
    F32,
    F16,
}

impl From<ElementType> for Dtype {
    fn from(element: ElementType) -> Self {
        match element {
            ElementType::F32 => Self::F32,
            ElementType::F16 => Self::F16,
        }
    }
}

/// The names of fake devices.
fn fakes() -> PossibleValuesParser {
    PossibleValuesParser::new(FAKES.iter().map(|fake| fake.name))
}

/// Minutes that a search or a soak can take.
fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if minutes > 0.0 && minutes <= 1440.0 => Ok(minutes),
        _ => Err("a number above 0 and up to 1440 (a day) is needed".to_owned()),
    }
}

/// `ridgepoint roofline`
#[derive(Debug, Args)]
pub(crate) struct RooflineArguments {
    /// File of the results, in JSON, `-` for standard output [default: none]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) page: PageArguments,
    /// Ceilings that `run` uses alone, which takes seconds
    #[arg(long)]
    pub(crate) quick: bool,
    #[command(flatten)]
    pub(crate) sensors: SensorArguments,
    /// Seed of the generated data
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u32,
    /// Remark for the results: power source, cooling, settings of the driver
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

/// `ridgepoint report`
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Files of results that `run` or `roofline --json` wrote; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Published figures of the same operations and shapes too, each with its kind and its source
    #[arg(long)]
    pub(crate) published: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `ridgepoint compare`
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// File of results that the others are compared with; `-` is standard input
    #[arg(value_name = "BASE")]
    pub(crate) base: PathBuf,
    /// Files of results to compare; none are needed with `--published`
    #[arg(value_name = "FILE", required_unless_present = "published")]
    pub(crate) files: Vec<PathBuf>,
    /// Published figures of the same operations and shapes too, each with its kind and its source
    #[arg(long)]
    pub(crate) published: bool,
    /// Mean, median, least, greatest and spread of the times of each row too
    #[arg(long)]
    pub(crate) statistics: bool,
    /// Exit status 1 where a row is SLOWER and takes more than PERCENT longer, or has no right result any more
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_on_slower: Option<f64>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// A percentage by which a time may grow.
fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=1000.0).contains(&percent) => Ok(percent),
        _ => Err("a number from 0 to 1000 is needed".to_owned()),
    }
}

/// Arguments that choose the format and the place of what is shown.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Format [default: what the name of `--out FILE` ends in, or terminal]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(crate) format: Option<String>,
    /// Chart to draw in place of all, such as `roofline`; a wrong name lists them [formats: svg, png]
    #[arg(long, value_name = "NAME")]
    pub(crate) chart: Option<String>,
    /// File in place of standard output, which is `-`; a file that is there is replaced, a device or a pipe written to. A
    /// folder where the format makes several files, as pictures of several charts are, and HTML of several inputs
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// The names of formats, each with its use.
fn formats() -> PossibleValuesParser {
    let values = FORMATS
        .iter()
        .map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(values)
}

/// `ridgepoint shader`
#[derive(Debug, Args)]
pub(crate) struct ShaderArguments {
    /// Operation and shape, such as matmul:4096x4096x4096
    #[arg(value_name = "OPERATION:SHAPE")]
    pub(crate) operation: String,
    /// Element type
    #[arg(long, value_enum, default_value_t = ElementType::F32)]
    pub(crate) dtype: ElementType,
    /// Kernel in place of the one that the library chooses
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// Form of the text. Forms other than WGSL are translated by naga, as wgpu translates for drivers, but with other
    /// binding numbers
    #[arg(long, value_enum, default_value_t = Form::Wgsl)]
    pub(crate) form: Form,
    /// Constant with its value, such as `TILE_K=16`; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<Assignment>,
    /// Runtime checks in spirv, msl and hlsl, as browsers have them; WGSL stays the same
    #[arg(long)]
    pub(crate) checks: bool,
    /// WebGPU's default limits in place of an adapter's, with f16 where `--dtype f16` asks for it
    #[arg(long, conflicts_with = "fake")]
    pub(crate) no_adapter: bool,
    /// Fake device in place of an adapter
    #[arg(long, value_name = "DEVICE", value_parser = fakes())]
    pub(crate) fake: Option<String>,
    /// Folder into which each stage is written as a file; spirv needs it
    #[arg(short, long, value_name = "FOLDER", required_if_eq("form", "spirv"))]
    pub(crate) out: Option<PathBuf>,
}

/// `ridgepoint explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Operation and shape, such as matmul:4096x4096x4096; `all`, every shape of the suites and of `tune`, in f32 and f16
    #[arg(value_name = "OPERATION:SHAPE|all")]
    pub(crate) operation: String,
    /// Element type
    #[arg(long, value_enum, default_value_t = ElementType::F32)]
    pub(crate) dtype: ElementType,
    /// Kernel in place of the one that the library chooses
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// Preset of the kernel's constants
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub(crate) preset: usize,
    /// Constant with its value, such as `TILE_K=16`; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<Assignment>,
    /// Runtime checks, as browsers have them
    #[arg(long)]
    pub(crate) checks: bool,
    /// File of `run` or `roofline` whose ceilings are the roof; with `all`, each line of `--json` has its roof
    #[arg(long, value_name = "FILE", conflicts_with = "measure")]
    pub(crate) ceilings: Option<PathBuf>,
    /// Ceilings of the adapter, measured first, which takes seconds; with `all`, each line of `--json` has its roof
    #[arg(long, conflicts_with = "fake")]
    pub(crate) measure: bool,
    /// Fake device in place of an adapter; no compiler is asked
    #[arg(long, value_name = "DEVICE", value_parser = fakes(), conflicts_with = "compile")]
    pub(crate) fake: Option<String>,
    /// Fake device whose driver compiles, of the list that `RIDGEPOINT_COMPILERS` names (`scripts/compilers.sh all` prints
    /// one) [default: `adapter`]
    #[arg(long, value_name = "DEVICE|adapter")]
    pub(crate) compile: Option<String>,
    /// File for one line of JSON per shape, in place of the text on the terminal; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Folder for the driver's assembly, where the driver shows it
    #[arg(long, value_name = "FOLDER")]
    pub(crate) assembly: Option<PathBuf>,
}

/// `ridgepoint completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Shell: `ridgepoint completions bash >FILE`, where FILE is one that the shell reads
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// `ridgepoint man`
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Command whose page is printed [default: the page of the program]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

/// `ridgepoint sweep`
#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// Operation and shape, such as matmul:4096x4096x4096
    #[arg(value_name = "OPERATION:SHAPE")]
    pub(crate) operation: String,
    /// Kernel: its name; a WGSL file in place of its own; its name with a folder that holds some of its files (for a
    /// kernel of several); `chosen`, the library's choice; `candidates`, all that `tune` would try
    #[arg(value_name = "KERNEL|FILE.wgsl|KERNEL@FOLDER|chosen|candidates")]
    pub(crate) kernel: String,
    /// Constants with their values to try, such as `TILE_K=8,16,32`; `A+B=1+2,3+4` sets several together
    #[arg(value_name = "NAME=V1,V2", value_parser = axis)]
    pub(crate) constants: Vec<Axis>,
    /// Element type
    #[arg(long, value_enum, default_value_t = ElementType::F32)]
    pub(crate) dtype: ElementType,
    /// Kernel whose host code dispatches FILE.wgsl [default: the kernel of the file's name]
    #[arg(long = "as", value_name = "KERNEL")]
    pub(crate) place: Option<String>,
    /// Number of candidates, the likeliest first [default: all]
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) most: Option<usize>,
    /// Runtime checks in shaders, as browsers have them
    #[arg(long)]
    pub(crate) checks: bool,
    /// Sets of operands in turn, 1 GiB together and more than caches hold, so that each run reads from memory
    #[arg(long)]
    pub(crate) flushed: bool,
    /// Time of the longest dispatch in place of the whole, which a watchdog limits
    #[arg(long, conflicts_with = "flushed")]
    pub(crate) longest: bool,
    /// Have a driver compile each combination, and run none: registers, spills and instructions in place of times. The driver
    /// is that of the adapter or of a fake device of the list that `RIDGEPOINT_COMPILERS` names (`scripts/compilers.sh all`
    /// prints one)
    #[arg(long, value_name = "DEVICE|adapter", conflicts_with_all = ["flushed", "longest"])]
    pub(crate) compile: Option<String>,
}

/// Arguments that choose the data and the mode that kernels run with.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArguments {
    /// Seed of the generated data
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u32,
    /// Runtime checks in shaders, as browsers have them
    #[arg(long, value_enum, default_value_t = OnOff::Off)]
    pub(crate) checks: OnOff,
}

const DEFAULT_SEED: u32 = 1;
const DEFAULT_MINUTES: f64 = 5.0;
const DEFAULT_SOAK_MINUTES: f64 = 10.0;

/// A switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

impl From<OnOff> for Checks {
    fn from(switch: OnOff) -> Self {
        match switch {
            OnOff::On => Self::On,
            OnOff::Off => Self::Off,
        }
    }
}

impl Default for RunArguments {
    fn default() -> Self {
        Self {
            suite: Vec::new(),
            suite_file: None,
            op: Vec::new(),
            kernel: Vec::new(),
            dtype: Vec::new(),
            json: None,
            page: PageArguments::default(),
            tuned: false,
            ab: Vec::new(),
            note: None,
            data: DataArguments {
                seed: DEFAULT_SEED,
                checks: OnOff::Off,
            },
            cache: CacheArguments::default(),
            sensors: SensorArguments::default(),
        }
    }
}

/// Version of this crate, its commit, and versions of wgpu and naga, for a bug report.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("RIDGEPOINT_COMMIT"),
    "), wgpu ",
    env!("RIDGEPOINT_WGPU_VERSION"),
    ", naga ",
    env!("RIDGEPOINT_NAGA_VERSION"),
);

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn nothing_said_is_the_same_as_run() {
        let parsed = Arguments::parse_from(["ridgepoint", "run"]).command;
        let default = Command::Run(RunArguments::default());
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Some(default)));
    }
}
