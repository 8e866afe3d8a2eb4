//! The command line: its commands, options and arguments.

use super::constants::{Assignment, assignment};
use super::shader::Form;
use super::sweep::{Axis, axis};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ridgepoint::Dtype;
use ridgepoint::gpu::FAKES;
use ridgepoint::shader::Checks;
use std::path::PathBuf;

/// Measure what a GPU reaches, and how close kernels in WGSL come to it.
#[derive(Debug, Parser)]
#[command(name = "ridgepoint", version, long_version = LONG_VERSION, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do; `run` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) adapter: AdapterArguments,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the adapters of this machine, and the operations and kernels with what they need
    List(ListArguments),
    /// Test driver, timestamps and every kernel against its reference; exit status 1 if one fails
    Check(CheckArguments),
    /// Measure a suite of workloads; results are printed and written to a file [default command]
    Run(RunArguments),
    /// Search for the fastest kernels and constants of this adapter, and keep them; `run --tuned` uses them
    Tune(TuneArguments),
    /// Measure what the adapter can reach: arithmetic, memory level by level, latency, launches, transfers
    Roofline(RooflineArguments),
    /// Show the text that is compiled for a shape, with constants set and loops written out; nothing is measured
    Shader(ShaderArguments),
    /// Time a kernel with every combination of constants, each verified first, the fastest last
    Sweep(SweepArguments),
}

/// On what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Adapter")]
pub(crate) struct AdapterArguments {
    /// Adapter, by its index in `list` or by a part of its name [default: `WGPU_ADAPTER_NAME`, or the fastest kind]
    #[arg(long, global = true, value_name = "INDEX|NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) adapter: Option<String>,
    /// Look for adapters on this backend alone [default: `WGPU_BACKEND`, or all]
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
    /// Print JSON
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
    /// Operand data in place of generated data: a file of little-endian f32 values
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// `ridgepoint run`
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Suite of workloads: quick, standard
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SUITE)]
    pub(crate) suite: String,
    /// Only these operations; `matmul:300x200x100` gives a shape in place of the suite's
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) op: Vec<String>,
    /// These kernels in place of the suite's
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) kernel: Vec<String>,
    /// Where the results are written [default: ridgepoint-results/ADAPTER-UTCTIME.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Use what `ridgepoint tune` kept for this adapter where no kernel is named
    #[arg(long)]
    pub(crate) tuned: bool,
    /// A remark for the results: power source, cooling, settings of the driver
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
}

/// `ridgepoint tune`
#[derive(Debug, Args)]
pub(crate) struct TuneArguments {
    /// Only these operations [default: all that have classes of shapes]; `matmul:300x200x100+tb` searches the class of
    /// that shape, on that shape
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) op: Vec<String>,
    /// Element types [default: those of the adapter]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) dtype: Vec<ElementType>,
    /// The most seconds that a class may take
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SECONDS, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Show what is kept for this adapter, and search nothing
    #[arg(long, group = "instead")]
    pub(crate) show: bool,
    /// Write what is kept for this adapter to a file, and search nothing
    #[arg(long, value_name = "FILE", group = "instead")]
    pub(crate) export: Option<PathBuf>,
    /// Keep what is in a file, which has to be of this adapter, driver, backend and version, and search nothing
    #[arg(long, value_name = "FILE", group = "instead")]
    pub(crate) import: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
}

/// Where tunings are kept.
#[derive(Debug, Default, Args)]
pub(crate) struct CacheArguments {
    /// Folder of what `tune` found [default: `RIDGEPOINT_CACHE`, or `ridgepoint` in the user's cache folder]
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

/// A number of seconds that a search can end in.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number from 0 to 3600 is needed".to_owned()),
    }
}

/// `ridgepoint roofline`
#[derive(Debug, Args)]
pub(crate) struct RooflineArguments {
    /// Write the results to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Only the ceilings that `run` uses, in seconds
    #[arg(long)]
    pub(crate) quick: bool,
    /// Seed of the generated data
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u32,
    /// A remark for the results: power source, cooling, settings of the driver
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
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
    /// This kernel in place of the one that the library chooses
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// Form of the text. Drivers see what wgpu makes of WGSL, which the other forms show as far as naga's options go:
    /// bindings have other numbers there
    #[arg(long, value_enum, default_value_t = Form::Wgsl)]
    pub(crate) form: Form,
    /// Set a constant, such as `TILE_K=16`; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<Assignment>,
    /// Runtime checks in spirv, msl and hlsl, as browsers have them; WGSL is the same with and without
    #[arg(long)]
    pub(crate) checks: bool,
    /// Choose for WebGPU's default limits (with f16 where it is asked for), and open no adapter
    #[arg(long, conflicts_with = "fake")]
    pub(crate) no_adapter: bool,
    /// Choose for a fake device, and open no adapter
    #[arg(long, value_name = "DEVICE", value_parser = fakes())]
    pub(crate) fake: Option<String>,
    /// Write a file for each stage into this folder, which spirv needs
    #[arg(short, long, value_name = "FOLDER", required_if_eq("form", "spirv"))]
    pub(crate) out: Option<PathBuf>,
}

/// `ridgepoint sweep`
#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// Operation and shape, such as matmul:4096x4096x4096
    #[arg(value_name = "OPERATION:SHAPE")]
    pub(crate) operation: String,
    /// A kernel by its name; a file in place of a kernel's own; a kernel with those of its files that lie in a folder
    /// (for kernels of several); `chosen`, what the library takes; `candidates`, what `tune` would try
    #[arg(value_name = "KERNEL|FILE.wgsl|KERNEL@FOLDER|chosen|candidates")]
    pub(crate) kernel: String,
    /// Constants with the values to try, such as `TILE_K=8,16,32`; `A+B=1+2,3+4` sets several together
    #[arg(value_name = "NAME=V1,V2", value_parser = axis)]
    pub(crate) constants: Vec<Axis>,
    /// Element type
    #[arg(long, value_enum, default_value_t = ElementType::F32)]
    pub(crate) dtype: ElementType,
    /// The kernel whose host code dispatches FILE.wgsl [default: the one that is called as the file]
    #[arg(long = "as", value_name = "KERNEL")]
    pub(crate) place: Option<String>,
    /// Only the first N candidates
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) most: Option<usize>,
    /// Runtime checks in shaders, as browsers have them
    #[arg(long)]
    pub(crate) checks: bool,
    /// Run in turn on 512 MiB of operands, more than caches hold
    #[arg(long)]
    pub(crate) flushed: bool,
    /// Time the longest dispatch in place of the whole: what a watchdog sees
    #[arg(long, conflicts_with = "flushed")]
    pub(crate) longest: bool,
}

/// With what data and in which mode kernels run.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// Seed of the generated data
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u32,
    /// Runtime checks in shaders, as browsers have them
    #[arg(long, value_enum, default_value_t = OnOff::Off)]
    pub(crate) checks: OnOff,
}

const DEFAULT_SUITE: &str = "standard";
const DEFAULT_SEED: u32 = 1;
const DEFAULT_SECONDS: f64 = 10.0;

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
            suite: DEFAULT_SUITE.to_owned(),
            op: Vec::new(),
            kernel: Vec::new(),
            json: None,
            tuned: false,
            note: None,
            data: DataArguments {
                seed: DEFAULT_SEED,
                checks: OnOff::Off,
            },
            cache: CacheArguments::default(),
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
