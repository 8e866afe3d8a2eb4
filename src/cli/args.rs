//! The command line: what can be asked for.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Measure what the adapter can reach: arithmetic, memory level by level, latency, launches, transfers
    Roofline(RooflineArguments),
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
    /// A remark for the results: power source, cooling, settings of the driver
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArguments,
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
            note: None,
            data: DataArguments {
                seed: DEFAULT_SEED,
                checks: OnOff::Off,
            },
        }
    }
}

/// What built this, for a bug report.
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
