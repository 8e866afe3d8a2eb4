//! The adapters of this machine: ranked and chosen.

use super::architecture::Architecture;
use super::capabilities::Capabilities;
use super::cores::cores;
use super::features::{COOPERATIVE, KERNEL_FEATURES};
use super::profile::gains_from_small_halves;
use crate::error::{Error, Result};
use crate::report::{AdapterKind, AdapterSummary, CooperativeShape};

/// Adapter to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AdapterChoice {
    /// The fastest kind present: discrete, integrated, virtual, unknown, software.
    #[default]
    Fastest,
    /// The adapter at this index of [`adapters`].
    Index(usize),
    /// The adapter with this name, or the only one whose name contains it; upper and lower case are alike.
    Name(String),
}

/// How to open an adapter.
#[derive(Debug, Clone)]
pub struct GpuOptions {
    /// Backends on which adapters are looked for.
    pub backends: wgpu::Backends,
    /// Adapter to open.
    pub adapter: AdapterChoice,
    /// Limits of the device; `None` for all that the adapter has.
    pub limits: Option<wgpu::Limits>,
    /// Features to enable where the adapter has them.
    pub features: wgpu::Features,
}

impl Default for GpuOptions {
    /// The fastest adapter of any native backend, with all of its limits and the features that kernels use.
    fn default() -> Self {
        Self {
            backends: wgpu::Backends::all(),
            adapter: AdapterChoice::Fastest,
            limits: None,
            features: KERNEL_FEATURES,
        }
    }
}

impl GpuOptions {
    /// The default, as `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` change it.
    ///
    /// # Errors
    /// [`Error::Environment`] for a `WGPU_BACKEND` that names no backend.
    pub fn from_env() -> Result<Self> {
        let mut options = Self::default();
        if let Ok(value) = std::env::var("WGPU_BACKEND")
            && !value.is_empty()
        {
            let backends = wgpu::Backends::from_comma_list(&value);
            if backends.is_empty() {
                let accepted = "vulkan, metal, dx12, gl, or a list of them with commas";
                return Err(Error::Environment {
                    variable: "WGPU_BACKEND",
                    value,
                    accepted,
                });
            }
            options.backends = backends;
        }
        if let Ok(name) = std::env::var("WGPU_ADAPTER_NAME")
            && !name.is_empty()
        {
            options.adapter = AdapterChoice::Name(name);
        }
        Ok(options)
    }
}

/// Subgroups smaller than this hold no fragments. Mesa 26's llvmpipe lists some for processors with vectors of 128 bits (4
/// invocations) as well, where its devices refuse them, and wgpu 30 panics when it asks for one.
const LEAST_LANES: u32 = 8;

/// Whether an adapter lists fragments that kernels have a form for. wgpu's other backends do not compile them.
fn has_usable_fragments(summary: &AdapterSummary) -> bool {
    let compiles = ["vulkan", "metal"].contains(&summary.backend.as_str());
    compiles
        && summary.subgroup_max >= LEAST_LANES
        && summary
            .cooperative_matrix
            .iter()
            .any(CooperativeShape::is_usable)
}

/// Features among `wanted` that a device of `adapter` gets: matrix units only where kernels have a form for its fragments.
pub(super) fn usable_features(
    wanted: wgpu::Features,
    adapter: &wgpu::Adapter,
    summary: &AdapterSummary,
) -> wgpu::Features {
    let present = wanted & adapter.features();
    if has_usable_fragments(summary) {
        present
    } else {
        present - COOPERATIVE
    }
}

/// Adapters with what they say of themselves. Where nobody names backends and another one has an adapter, OpenGL is not
/// started: it shows the same GPUs with fewer features, and its libraries complain on stderr where there is no desktop session.
async fn enumerate(backends: wgpu::Backends) -> Vec<(AdapterSummary, wgpu::Adapter)> {
    // An adapter keeps the instance that found it, and adapters of other backends need not end with OpenGL's instance.
    let mut found = listed(backends - wgpu::Backends::GL).await;
    if found.is_empty() || backends != wgpu::Backends::all() {
        found.extend(listed(backends & wgpu::Backends::GL).await);
    }
    // The order of drivers is kept within a kind, so that an index means the same from run to run.
    found.sort_by_key(|(summary, _)| rank(summary));
    found
}

async fn listed(backends: wgpu::Backends) -> Vec<(AdapterSummary, wgpu::Adapter)> {
    if backends.is_empty() {
        return Vec::new();
    }
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.backend_options = wgpu::BackendOptions::from_env_or_default();
    let instance = wgpu::Instance::new(descriptor);
    // A browser shows one adapter, and the faster of two where it is asked for it.
    #[cfg(target_arch = "wasm32")]
    let found = instance
        .request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        })
        .await
        .into_iter();
    #[cfg(not(target_arch = "wasm32"))]
    let found = instance.enumerate_adapters(backends).await.into_iter();
    found
        .map(|adapter| (AdapterSummary::of(&adapter), adapter))
        .collect()
}

/// Fastest kind first; OpenGL last within a kind, where it is a second face of an adapter that a better backend shows. Adapters
/// that cannot compute come behind all others.
fn rank(summary: &AdapterSummary) -> (bool, AdapterKind, bool) {
    let is_unable = summary.unable().is_some();
    (is_unable, summary.kind, summary.backend == "gl")
}

/// All adapters on `backends`, fastest kind first. An adapter's place is its index. [`wgpu::Backends::all`] asks OpenGL only
/// where no other backend has an adapter.
pub async fn adapters(backends: wgpu::Backends) -> Vec<AdapterSummary> {
    let found = enumerate(backends).await;
    found.into_iter().map(|(summary, _)| summary).collect()
}

pub(super) async fn select(options: &GpuOptions) -> Result<(AdapterSummary, wgpu::Adapter)> {
    let found = enumerate(options.backends).await;
    let (mut summaries, mut adapters): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let index = find(&summaries, options)?;
    able(&summaries[index])?;
    Ok((summaries.swap_remove(index), adapters.swap_remove(index)))
}

/// Refuses an adapter that cannot compute. A device of it would open, and fail at its first use with words about something else.
fn able(summary: &AdapterSummary) -> Result<()> {
    match summary.unable() {
        None => Ok(()),
        Some(reason) => Err(Error::DeviceRequest {
            adapter: summary.name.clone(),
            reason,
        }),
    }
}

/// The adapter that `options` name, and the capabilities that a device of it would have, its trials taken as right.
/// Opens no device: for tools that look at kernels and run none.
///
/// # Errors
/// Errors of [`find`]; [`Error::DeviceRequest`] for an adapter that cannot compute.
pub async fn presumed(options: &GpuOptions) -> Result<(AdapterSummary, Capabilities)> {
    let (summary, adapter) = select(options).await?;
    let features = usable_features(options.features, &adapter, &summary);
    let mut cooperative = summary.cooperative_matrix.clone();
    cooperative.retain(|shape| features.contains(COOPERATIVE) && shape.is_usable());
    let subgroup_sizes = (summary.subgroup_min, summary.subgroup_max);
    let architecture = Architecture::of(&summary);
    let capabilities = Capabilities {
        features,
        limits: options.limits.clone().unwrap_or_else(|| adapter.limits()),
        kind: summary.kind,
        architecture,
        cores: cores(&summary),
        subgroup_sizes,
        matrix_lanes: (subgroup_sizes.0 != subgroup_sizes.1).then_some(subgroup_sizes.1),
        cooperative,
        demoted: Vec::new(),
        keeps_small_halves: gains_from_small_halves(architecture),
    };
    Ok((summary, capabilities))
}

/// Index of the adapter in `found`, as [`adapters`] gives them, that `options` name.
///
/// # Errors
/// [`Error::NoAdapter`], [`Error::AdapterNotFound`], [`Error::AdapterAmbiguous`].
pub fn find(found: &[AdapterSummary], options: &GpuOptions) -> Result<usize> {
    choose(found, &options.adapter, &backend_names(options.backends))
}

fn backend_names(backends: wgpu::Backends) -> String {
    let names: Vec<String> = backends
        .iter_names()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.join(", ")
}

fn choose(found: &[AdapterSummary], choice: &AdapterChoice, backends: &str) -> Result<usize> {
    let lines = |wanted: &[usize]| {
        wanted
            .iter()
            .map(|&i| found[i].line(i))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all: Vec<usize> = (0..found.len()).collect();
    if found.is_empty() {
        return Err(Error::NoAdapter {
            backends: backends.to_owned(),
        });
    }
    let not_found = |wanted: String| Error::AdapterNotFound {
        wanted,
        available: lines(&all),
    };
    match choice {
        AdapterChoice::Fastest => Ok(0),
        AdapterChoice::Index(index) if *index < found.len() => Ok(*index),
        AdapterChoice::Index(index) => Err(not_found(index.to_string())),
        AdapterChoice::Name(name) => {
            let wanted = name.to_lowercase();
            let exact: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&i| found[i].name.to_lowercase() == wanted)
                .collect();
            let part: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&i| found[i].name.to_lowercase().contains(&wanted))
                .collect();
            let matching = if exact.is_empty() { part } else { exact };
            let Some(&best) = matching.first() else {
                return Err(not_found(name.clone()));
            };
            // An adapter that a second backend lists again is no second match: the better backend is taken.
            let face = |i: usize| {
                (
                    found[i].vendor_id,
                    found[i].kind,
                    found[i].backend != found[best].backend,
                )
            };
            let rivals: Vec<usize> = matching
                .iter()
                .copied()
                .filter(|&i| face(i) != (found[best].vendor_id, found[best].kind, true))
                .collect();
            if rivals.len() > 1 {
                return Err(Error::AdapterAmbiguous {
                    wanted: name.clone(),
                    matching: lines(&rivals),
                });
            }
            Ok(best)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn summary(name: &str, kind: AdapterKind, backend: &str, vendor_id: u32) -> AdapterSummary {
        AdapterSummary {
            name: name.into(),
            vendor_id,
            device_id: 1,
            pci_bus_id: None,
            kind,
            backend: backend.into(),
            driver: "d".into(),
            driver_info: "1".into(),
            subgroup_min: 32,
            subgroup_max: 32,
            features: vec![],
            limits: BTreeMap::new(),
            cooperative_matrix: vec![],
            timestamp_period_ns: None,
        }
    }

    fn name(text: &str) -> AdapterChoice {
        AdapterChoice::Name(text.into())
    }

    #[test]
    fn a_name_finds_one_adapter_or_lists_them() {
        let found = [
            summary("Radeon RX 7900 XT", AdapterKind::Discrete, "vulkan", 1),
            summary("Radeon 780M", AdapterKind::Integrated, "vulkan", 1),
            summary("Radeon 780M", AdapterKind::Integrated, "gl", 1),
            summary("llvmpipe (LLVM 15)", AdapterKind::Software, "vulkan", 2),
        ];
        assert_eq!(choose(&found, &AdapterChoice::Fastest, ""), Ok(0));
        assert_eq!(choose(&found, &name("780m"), ""), Ok(1));
        assert_eq!(choose(&found, &name("LLVMpipe"), ""), Ok(3));
        assert_eq!(choose(&found, &AdapterChoice::Index(2), ""), Ok(2));
        let error = choose(&found, &name("radeon"), "").unwrap_err();
        assert!(
            matches!(&error, Error::AdapterAmbiguous { matching, .. } if matching.contains("0  Radeon RX 7900 XT")),
            "{error}"
        );
        let error = choose(&found, &name("GeForce"), "").unwrap_err();
        assert!(
            matches!(&error, Error::AdapterNotFound { available, .. } if available.lines().count() == 4),
            "{error}"
        );
        assert!(matches!(
            choose(&found, &AdapterChoice::Index(9), ""),
            Err(Error::AdapterNotFound { .. })
        ));
    }

    #[test]
    fn an_adapter_without_compute_shaders_comes_last_and_is_refused_with_the_reason() {
        let without = |limit: &str, backend| AdapterSummary {
            limits: [(limit.to_owned(), 0)].into(),
            ..summary("Old GPU", AdapterKind::Discrete, backend, 4)
        };
        let able_one = summary("llvmpipe", AdapterKind::Software, "vulkan", 2);
        for (limit, backend, words) in [
            (
                "max_compute_invocations_per_workgroup",
                "gl",
                "d 1, has no compute shaders, which come with OpenGL 4.3",
            ),
            (
                "max_storage_buffers_per_shader_stage",
                "gl",
                "has no storage buffers, which come with OpenGL 4.3",
            ),
            (
                "max_compute_workgroups_per_dimension",
                "dx12",
                "has no compute shaders; try another backend",
            ),
        ] {
            let unable = without(limit, backend);
            assert!(rank(&able_one) < rank(&unable));
            let error = able(&unable).unwrap_err().to_string();
            assert!(
                error.starts_with("Old GPU did not open: its driver"),
                "{error}"
            );
            assert!(error.contains(words), "{error}");
            assert!(unable.line(3).contains("; cannot compute: "));
        }
        assert_eq!(able(&able_one), Ok(()));
        assert!(!able_one.line(0).contains("cannot"));
    }

    #[test]
    fn fragments_need_a_backend_that_compiles_them_and_subgroups_that_hold_them() {
        let listing = |backend, lanes| AdapterSummary {
            subgroup_min: lanes,
            subgroup_max: lanes,
            cooperative_matrix: vec![CooperativeShape {
                m: 8,
                n: 8,
                k: 8,
                input: "f16".into(),
                accumulator: "f32".into(),
            }],
            ..summary("llvmpipe", AdapterKind::Software, backend, 2)
        };
        assert!(has_usable_fragments(&listing("vulkan", 8)));
        assert!(!has_usable_fragments(&listing("vulkan", 4)));
        assert!(!has_usable_fragments(&listing("dx12", 8)));
    }

    #[test]
    fn two_equal_cards_are_ambiguous_and_none_has_a_remedy() {
        let twin = summary("NVIDIA H200", AdapterKind::Discrete, "vulkan", 3);
        assert!(matches!(
            choose(&[twin.clone(), twin], &name("h200"), ""),
            Err(Error::AdapterAmbiguous { .. })
        ));
        let error = choose(&[], &AdapterChoice::Fastest, "vulkan")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("vulkan") && error.contains("driver"),
            "{error}"
        );
    }
}
