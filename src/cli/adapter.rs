//! Adapter that the flags and the environment ask for, flags first.

use super::args::AdapterArguments;
use ridgepoint::gpu::AdapterChoice;
use ridgepoint::{GpuOptions, Result};

/// An adapter to open, and why that one.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) options: GpuOptions,
    /// Reason for the adapter, as written after the adapter's name in the first line of a run.
    pub(crate) why: String,
}

impl AdapterArguments {
    /// Adapter that the flags and the environment ask for, flags first.
    ///
    /// # Errors
    /// [`ridgepoint::Error::Environment`] for a `WGPU_BACKEND` that means nothing and that no flag replaces.
    pub(crate) fn wanted(&self) -> Result<Wanted> {
        let variable = std::env::var("WGPU_ADAPTER_NAME")
            .ok()
            .filter(|name| !name.is_empty());
        let (adapter, why) = match (&self.adapter, variable) {
            (Some(text), _) => (parse(text), format!("chosen by --adapter {text}")),
            (None, Some(name)) => {
                let why = format!("chosen by WGPU_ADAPTER_NAME={name}");
                (AdapterChoice::Name(name), why)
            }
            (None, None) => (
                AdapterChoice::Fastest,
                "the fastest kind present".to_owned(),
            ),
        };
        let options = match self.backend {
            Some(backend) => GpuOptions {
                backends: backend.into(),
                adapter,
                ..GpuOptions::default()
            },
            None => GpuOptions {
                adapter,
                ..GpuOptions::from_env()?
            },
        };
        Ok(Wanted { options, why })
    }
}

fn parse(text: &str) -> AdapterChoice {
    text.parse().map_or_else(
        |_| AdapterChoice::Name(text.to_owned()),
        AdapterChoice::Index,
    )
}
