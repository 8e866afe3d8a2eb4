//! Arguments of `ridgepoint history`.

use crate::cli::args::OutputArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `ridgepoint history`
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    #[command(subcommand)]
    pub(crate) command: HistoryCommand,
    /// File of the history [default: `RIDGEPOINT_HISTORY`, or `ridgepoint/history.sqlite` in the user's data folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
}

/// A command of `ridgepoint history`.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Add files of results, all or none; a run that is there already is not added again
    Add {
        /// Files of results that `run` or `roofline --json` wrote
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// List the runs, the oldest first
    List {
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Show a run, as `report` shows its file
    Show {
        /// Run: its number in `list`, or the begin of its id
        #[arg(value_name = "RUN")]
        run: String,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Show a row or a ceiling in every run of an adapter, the oldest first, which `--adapter NAME` names where there are
    /// several
    Trend {
        /// Row: its id, such as `matmul/f32/1024x1024x1024/matmul_tiled`, or a part of it that no other has
        #[arg(value_name = "ROW")]
        row: String,
        #[command(flatten)]
        output: OutputArguments,
    },
}
