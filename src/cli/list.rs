//! `ridgepoint list`: the adapters, and the operations and kernels with what they need.

use super::args::ListArguments;
use super::page::show;
use super::progress::print;
use super::{OK, adapter, tunings};
use ridgepoint::gpu::{AdapterChoice, adapters, find};
use ridgepoint::kernel::Kernel;
use ridgepoint::ops::{FAMILIES, Family};
use ridgepoint::report::{
    AdapterKind, AdapterSummary, LIST_SCHEMA, List, ListedAdapter, ListedKernel, ListedOperation,
    Tool,
};
use ridgepoint::shader::Loops;
use ridgepoint::suite::suites;
use ridgepoint::{Error, Result};

/// Prints everything there is, and returns the exit status.
pub(crate) async fn list(arguments: &ListArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let found = adapters(wanted.options.backends).await;
    // Operations can be shown without an adapter too.
    let chosen = match find(&found, &wanted.options) {
        Err(error @ Error::NoAdapter { .. }) => Err(error),
        other => Ok(other?),
    };
    let is_shown = |index: usize| match wanted.options.adapter {
        AdapterChoice::Fastest => true,
        _ => chosen.as_ref().is_ok_and(|chosen| *chosen == index),
    };
    let kind = chosen
        .as_ref()
        .ok()
        .and_then(|index| Some(found.get(*index)?.kind));
    // Without an adapter, the times are those of a discrete GPU, which gets all workloads.
    let kind = kind.unwrap_or(AdapterKind::Discrete);
    let adapters = found
        .into_iter()
        .enumerate()
        .filter(|(index, _)| is_shown(*index));
    let store = arguments.cache.store().ok();
    let tuning =
        |summary: &AdapterSummary| store.as_ref().and_then(|s| tunings::summary(s, summary));
    let list = List {
        schema: LIST_SCHEMA,
        tool: Tool::current(),
        adapters: adapters
            .map(|(index, summary)| ListedAdapter {
                index,
                unable: summary.unable(),
                tuning: tuning(&summary),
                summary,
            })
            .collect(),
        operations: FAMILIES
            .iter()
            .map(|family| operation(family))
            .collect::<Result<_>>()?,
        suites: suites().iter().map(|suite| suite.listed(kind)).collect(),
    };
    if arguments.json {
        print(&serde_json::to_string_pretty(&list).expect("names, texts and numbers are JSON"));
    } else {
        show(&ridgepoint::render::list(&list));
    }
    chosen.map(|_| OK)
}

fn operation(family: &'static Family) -> Result<ListedOperation> {
    Ok(ListedOperation {
        name: family.name,
        about: family.about,
        shape: family.shape_form,
        kernels: family
            .kernels
            .iter()
            .map(|kernel| needs(kernel))
            .collect::<Result<_>>()?,
    })
}

fn needs(kernel: &'static Kernel) -> Result<ListedKernel> {
    let stages = kernel.prepare(&kernel.preset(0), Loops::AsWritten, wgpu::Features::all())?;
    let features = kernel
        .features
        .iter_names()
        .map(|(name, _)| name.to_lowercase());
    let mut shaders: Vec<_> = stages.iter().map(|stage| stage.name).collect();
    shaders.dedup();
    Ok(ListedKernel {
        name: kernel.name,
        about: kernel.about,
        dtypes: kernel.dtypes.iter().map(|dtype| dtype.name()).collect(),
        features: features.collect(),
        workgroup_invocations: stages.iter().map(|s| s.invocations()).max().unwrap_or(0),
        workgroup_bytes: stages.iter().map(|s| s.workgroup_bytes).max().unwrap_or(0),
        shaders,
    })
}
