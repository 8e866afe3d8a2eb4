//! `ridgepoint shader`: the text that is compiled for a shape. Nothing is compiled and nothing is measured.

mod translate;

use super::args::ShaderArguments;
use super::progress::print;
use super::{OK, adapter, constants, operation};
use ridgepoint::gpu::{Capabilities, fake};
use ridgepoint::plan::{Preview, PreviewStage, preview};
use ridgepoint::shader::Checks;
use ridgepoint::{Dtype, Gpu, Operation, PlanOptions, Result, files};
pub(crate) use translate::Form;
use translate::translate;

/// Prints the text of each stage, or writes it to files; returns the exit status.
pub(crate) async fn shader(arguments: ShaderArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let dtype = Dtype::from(arguments.dtype);
    let operation = operation::parse(&arguments.operation, dtype)?;
    let family = operation.family();
    let named = arguments.kernel.as_deref();
    let kernel = named.map(|name| family.kernel(name)).transpose()?;
    let constants = constants::resolve(&arguments.set, family, kernel)?;
    let (device, name) = device(&arguments, dtype, wanted).await?;
    let options = PlanOptions {
        kernel: kernel.map(|kernel| kernel.name),
        constants,
        ..PlanOptions::default()
    };
    let preview = preview(operation.as_ref(), &options, &device)?;
    let checks = if arguments.checks {
        Checks::On
    } else {
        Checks::Off
    };
    if preview.stages.is_empty() {
        let kernel = preview.kernel.name;
        print(&format!(
            "// {kernel} dispatches nothing for {}",
            operation.label()
        ));
    }
    for (i, stage) in preview.stages.iter().enumerate() {
        let head = head(
            operation.as_ref(),
            &preview,
            i,
            &name,
            arguments.form,
            checks,
        );
        let text = translate(&stage.text, arguments.form, checks)?;
        match &arguments.out {
            None => print(&format!("{head}\n{}", String::from_utf8_lossy(&text))),
            Some(folder) => {
                let extension = arguments.form.extension();
                let path = folder.join(file_name(&preview, i, stage, extension));
                // A comment before the magic number would make a SPIR-V file unreadable.
                let bytes = match arguments.form {
                    Form::Spirv => text,
                    _ => [head.as_bytes(), b"\n", &text].concat(),
                };
                std::fs::create_dir_all(folder).map_err(|e| files::failed(folder, &e))?;
                std::fs::write(&path, bytes).map_err(|e| files::failed(&path, &e))?;
                print(&format!("{head}\n{}", path.display()));
            }
        }
    }
    Ok(OK)
}

/// The device that a kernel is chosen for, and its name.
async fn device(
    arguments: &ShaderArguments,
    dtype: Dtype,
    wanted: &adapter::Wanted,
) -> Result<(Capabilities, String)> {
    if let Some(name) = &arguments.fake {
        return Ok((fake(name)?, format!("the fake device {name}")));
    }
    if arguments.no_adapter {
        let mut device = fake("webgpu")?;
        let has_f16 = dtype == Dtype::F16;
        device.features.set(wgpu::Features::SHADER_F16, has_f16);
        return Ok((device, "WebGPU's default limits".to_owned()));
    }
    let gpu = Gpu::open(&wanted.options).await?;
    Ok((gpu.capabilities().clone(), gpu.summary().name.clone()))
}

/// The comment before a stage: kernel, stage, why the kernel was chosen, constants.
fn head(
    operation: &dyn Operation,
    preview: &Preview,
    index: usize,
    device: &str,
    form: Form,
    checks: Checks,
) -> String {
    let stage = &preview.stages[index];
    let (family, dtype) = (operation.family().name, operation.dtype().name());
    let dispatches = match stage.dispatches {
        1 => "1 dispatch".to_owned(),
        count => format!("{count} dispatches"),
    };
    let set = stage.text.set.iter();
    let set: Vec<String> = set.map(|(name, value)| format!("{name}={value}")).collect();
    let set = match set[..] {
        [] => "those of the file".to_owned(),
        _ => set.join(" "),
    };
    let checks = match (form, checks) {
        (Form::Wgsl, _) => String::new(),
        (_, Checks::On) => "\n// translated by naga, with runtime checks".to_owned(),
        (_, Checks::Off) => "\n// translated by naga, without runtime checks".to_owned(),
    };
    format!(
        "// {}, stage {} of {}, {}.wgsl, {dispatches}: {family} {dtype} {} on {device}\n\
         // chosen: {}\n\
         // constants: {set}{checks}",
        preview.kernel.name,
        index + 1,
        preview.stages.len(),
        stage.text.name,
        operation.label(),
        preview.reason.replace('\n', " "),
    )
}

/// `KERNEL.wgsl`, with the stage's number and file where there are several.
fn file_name(preview: &Preview, index: usize, stage: &PreviewStage, extension: &str) -> String {
    let kernel = preview.kernel.name;
    match preview.stages.len() {
        1 => format!("{kernel}.{extension}"),
        _ => format!("{kernel}.{}.{}.{extension}", index + 1, stage.text.name),
    }
}
