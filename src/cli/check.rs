//! `ridgepoint check`: gates in order, each passed, failed or skipped.

use super::args::CheckArguments;
use super::input;
use super::page::page;
use super::progress::{Progress, print};
use super::{FAILED, OK, adapter, stop};
use ridgepoint::check::{self, Gate, Outcome};
use ridgepoint::gpu::{adapters, find};
use ridgepoint::kernel::Kernel;
use ridgepoint::ops::{FAMILIES, Family};
use ridgepoint::render::{gate, gate_columns, terminal};
use ridgepoint::sensors::Found;
use ridgepoint::{Dtype, Error, Gpu, Result, data};
use std::path::Path;

const DRIVER: &str = "a driver is there";
const OPENS: &str = "the adapter opens";
const KERNELS: &str = "every kernel is right";

/// Asks every gate, and returns the exit status.
pub(crate) async fn check(arguments: CheckArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let input = arguments.input.as_deref().map(read).transpose()?;
    stop::listen();
    let mut gates = Gates::new();
    if let Some(gpu) = open(wanted, &mut gates).await? {
        let progress = Progress::new(gates.kernels.len(), "gates");
        gates.add(&check::timestamps(&gpu).await?);
        for gate in check::sensors(&Found::of(gpu.summary())) {
            gates.add(&gate);
        }
        let checks = arguments.data.checks.into();
        for (family, kernel) in gates.kernels.clone() {
            if stop::asked() {
                return Err(Error::Interrupted);
            }
            progress.begin(kernel.name);
            let seed = arguments.data.seed;
            let gate = check::kernel(&gpu, family, kernel, checks, seed, input.as_deref()).await?;
            progress.end();
            gates.add(&gate);
        }
    }
    print(&format!("\n{}", gates.summary()));
    Ok(if gates.failed > 0 { FAILED } else { OK })
}

/// The first two gates, and the adapter that they open. Without it, the gates behind them are skipped.
async fn open(wanted: &adapter::Wanted, gates: &mut Gates) -> Result<Option<Gpu>> {
    let found = adapters(wanted.options.backends).await;
    let index = match find(&found, &wanted.options) {
        Ok(index) => index,
        Err(error @ Error::NoAdapter { .. }) => {
            gates.add(&failed(DRIVER, &error));
            gates.skip(
                &[OPENS, check::TIMESTAMPS, check::SENSORS, KERNELS],
                "there is no adapter",
            );
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let count = match found.len() {
        1 => "1 adapter".to_owned(),
        count => format!("{count} adapters"),
    };
    gates.add(&Gate::pass(
        DRIVER,
        format!("{count}; `ridgepoint list` shows them"),
    ));
    let line = format!("{} ({})", found[index].describe(), wanted.why);
    match Gpu::open(&wanted.options).await {
        Ok(gpu) => {
            gates.add(&Gate::pass(OPENS, line));
            Ok(Some(gpu))
        }
        Err(error) => {
            gates.add(&failed(OPENS, &error));
            gates.skip(
                &[check::TIMESTAMPS, check::SENSORS, KERNELS],
                "the adapter did not open",
            );
            Ok(None)
        }
    }
}

/// A gate that fails with an error, whose text ends in what to do.
fn failed(name: &str, error: &Error) -> Gate {
    let text = error.to_string();
    match text.split_once("; ") {
        Some((what, remedy)) => Gate::fail(name, what, remedy),
        None => Gate::fail(name, text, "update the driver"),
    }
}

/// Bytes of the largest file of operand data: more than any operand has.
const MOST_BYTES: usize = 1 << 36;

/// The f32 values in a file.
fn read(path: &Path) -> Result<Vec<f32>> {
    let failed = |reason: String| Error::File {
        path: path.display().to_string(),
        reason,
    };
    let bytes = input::bytes(path, MOST_BYTES)?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(4) {
        let length = bytes.len();
        return Err(failed(format!(
            "it has {length} bytes; little-endian f32 values, 4 bytes each, are needed here"
        )));
    }
    let values = Dtype::F32.decode(&bytes);
    data::require_finite(&path.display().to_string(), &values)?;
    Ok(values)
}

/// The gates so far, printed as they come.
struct Gates {
    kernels: Vec<(&'static Family, &'static Kernel)>,
    table: terminal::Stream,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Gates {
    fn new() -> Self {
        let kernels: Vec<_> = FAMILIES
            .iter()
            .flat_map(|family| family.kernels.iter().map(|kernel| (*family, *kernel)))
            .collect();
        let names: Vec<String> = kernels.iter().map(|(_, k)| check::name_of(k)).collect();
        let columns = gate_columns(names.iter().map(String::as_str));
        Self {
            kernels,
            table: terminal::Stream::new(columns, &page()),
            passed: 0,
            failed: 0,
            skipped: 0,
        }
    }

    fn add(&mut self, asked: &Gate) {
        let count = match asked.outcome {
            Outcome::Pass => &mut self.passed,
            Outcome::Fail => &mut self.failed,
            Outcome::Skipped => &mut self.skipped,
        };
        *count += 1;
        print(&self.table.line(&gate(asked)));
    }

    fn skip(&mut self, names: &[&str], why: &str) {
        for name in names {
            self.add(&Gate::skipped(*name, why));
        }
    }

    fn summary(&self) -> String {
        let Self {
            passed,
            failed,
            skipped,
            ..
        } = self;
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }
}
