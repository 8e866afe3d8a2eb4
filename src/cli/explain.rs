//! `ridgepoint explain`: the kernel of a shape, why it was chosen, its roof, and what the driver's compiler makes of it.
//! Nothing runs but, where they are asked for, the ceilings.

mod record;
mod roof;
mod text;

use super::args::ExplainArguments;
use super::page::show;
use super::progress::say;
use super::sink;
use super::{OK, adapter, constants, driver, operation};
use record::{Record, StageRecord};
use ridgepoint::compiler::{Compiled, Compiler};
use ridgepoint::gpu::{Capabilities, fake, presumed};
use ridgepoint::plan::{Preview, preview};
use ridgepoint::shader::{Checks, Prepared};
use ridgepoint::tune::known_cases;
use ridgepoint::{Dtype, Error, Gpu, Operation, PlanOptions, Result, files};
use roof::Ceilings;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// In place of a shape: every shape that the suites and the tuner know.
const ALL: &str = "all";

/// Explains one shape or all; returns the exit status.
pub(crate) async fn explain(arguments: ExplainArguments, wanted: &adapter::Wanted) -> Result<u8> {
    if let Some(name) = &arguments.compile
        && let Some(status) = driver::started_on(name)?
    {
        return Ok(status);
    }
    if arguments.operation == ALL {
        // An error in the arguments needs no adapter.
        let is_of_one =
            arguments.kernel.is_some() || arguments.preset != 0 || !arguments.set.is_empty();
        if is_of_one {
            return Err(Error::Argument {
                argument: ALL.to_owned(),
                reason: "it explains the kernels that the library chooses; kernel, preset and constants are for one shape".to_owned(),
            });
        }
        return all(&arguments, &mut Subject::of(&arguments, wanted).await?);
    }
    let dtype = Dtype::from(arguments.dtype);
    let operation = operation::parse(&arguments.operation, dtype)?;
    let family = operation.family();
    let named = arguments.kernel.as_deref();
    let kernel = named.map(|name| family.kernel(name)).transpose()?;
    let options = PlanOptions {
        kernel: kernel.map(|kernel| kernel.name),
        preset: arguments.preset,
        constants: constants::resolve(&arguments.set, family, kernel)?,
        ..PlanOptions::default()
    };
    let mut subject = Subject::of(&arguments, wanted).await?;
    let preview = preview(operation.as_ref(), &options, &subject.device)?;
    let presets = preview.kernel.presets.len().max(1);
    if arguments.preset >= presets {
        return Err(Error::Argument {
            argument: format!("--preset {}", arguments.preset),
            reason: format!("{} has presets 0 to {}", preview.kernel.name, presets - 1),
        });
    }
    let record = subject.record(operation.as_ref(), &preview)?;
    if let Some(path) = &arguments.json {
        return write(path, &record.line());
    }
    let name = &subject.name;
    show(&text::document(operation.as_ref(), &preview, &record, name));
    Ok(OK)
}

/// Explains every shape that suites and tuner know.
fn all(arguments: &ExplainArguments, subject: &mut Subject) -> Result<u8> {
    let mut records = Vec::new();
    for (operation, kernel) in &known_cases(subject.device.kind) {
        let options = PlanOptions {
            kernel: *kernel,
            ..PlanOptions::default()
        };
        match preview(operation.as_ref(), &options, &subject.device) {
            Ok(preview) => records.push(subject.record(operation.as_ref(), &preview)?),
            // A shape that the device has no room or no type for has no kernel to explain.
            Err(Error::Unsupported { .. } | Error::TooLarge { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(path) = &arguments.json {
        let lines: Vec<String> = records.iter().map(Record::line).collect();
        return write(path, &lines.join("\n"));
    }
    show(&text::overview(&records, &subject.name));
    Ok(OK)
}

fn write(path: &Path, text: &str) -> Result<u8> {
    sink::write(path, format!("{text}\n").as_bytes())?;
    Ok(OK)
}

/// The device that kernels are chosen for, and its driver's compiler where there is one.
struct Subject {
    name: String,
    /// Version text of the driver.
    driver: String,
    device: Capabilities,
    compiler: Option<Compiler>,
    /// Ceilings that shapes are held against, where there are some.
    ceilings: Option<Ceilings>,
    checks: Checks,
    assembly: Option<PathBuf>,
    /// Answers of the compiler, by the hash of the text.
    compiled: HashMap<u64, std::result::Result<Compiled, String>>,
}

impl Subject {
    async fn of(arguments: &ExplainArguments, wanted: &adapter::Wanted) -> Result<Self> {
        // A file that is none is reported before a device is opened.
        let mut ceilings = match &arguments.ceilings {
            Some(path) => Some(Ceilings::read(path)?),
            None => None,
        };
        let (name, driver, device, compiler);
        if let Some(fake_name) = &arguments.fake {
            name = format!("the fake device {fake_name}");
            driver = String::new();
            device = fake(fake_name)?;
            compiler = None;
        } else {
            let (summary, presumed) = if arguments.measure {
                let gpu = Gpu::open(&wanted.options).await?;
                ceilings = Some(Ceilings::measure(&gpu).await?);
                (gpu.summary().clone(), gpu.capabilities().clone())
            } else {
                presumed(&wanted.options).await?
            };
            let opened = Compiler::open(&summary);
            compiler = opened.inspect_err(|error| say(&error.to_string())).ok();
            name = summary.name;
            driver = summary.driver_info;
            device = presumed;
        }
        Ok(Self {
            name,
            driver,
            device,
            compiler,
            ceilings,
            checks: if arguments.checks {
                Checks::On
            } else {
                Checks::Off
            },
            assembly: arguments.assembly.clone(),
            compiled: HashMap::new(),
        })
    }

    /// All that is known of a preview.
    fn record(&mut self, operation: &dyn Operation, preview: &Preview) -> Result<Record> {
        let mut stages = Vec::new();
        for stage in &preview.stages {
            let compiled = self.compile(&stage.text)?;
            stages.push(StageRecord::of(stage, compiled));
        }
        // Nothing is dispatched for a shape without elements to compute, which has no least time.
        let has_work = !preview.schedule.steps.is_empty();
        let ceilings = self.ceilings.as_ref().filter(|_| has_work);
        Ok(Record {
            adapter: self.name.clone(),
            driver: self.driver.clone(),
            operation: operation.family().name.to_owned(),
            dtype: operation.dtype().name().to_owned(),
            shape: operation.label(),
            kernel: preview.kernel.name.to_owned(),
            constants: preview.constants.to_string(),
            roof: ceilings.and_then(|ceilings| ceilings.over(operation)),
            stages,
        })
    }

    /// The compiler's answer for a text, which is compiled once. `None` without a compiler.
    fn compile(
        &mut self,
        text: &Prepared,
    ) -> Result<Option<&std::result::Result<Compiled, String>>> {
        let Some(compiler) = &self.compiler else {
            return Ok(None);
        };
        let hash = text.hash();
        if !self.compiled.contains_key(&hash) {
            let found = compiler.compile(text, self.checks);
            if let (Some(folder), Ok(Some(assembly))) =
                (&self.assembly, found.as_ref().map(|found| &found.assembly))
            {
                let path = folder.join(format!("{}.{hash:016x}.txt", text.name));
                std::fs::create_dir_all(folder).map_err(|e| files::failed(folder, &e))?;
                std::fs::write(&path, assembly).map_err(|e| files::failed(&path, &e))?;
            }
            let found = found.map_err(|error| error.to_string());
            self.compiled.insert(hash, found);
        }
        Ok(self.compiled.get(&hash))
    }
}
