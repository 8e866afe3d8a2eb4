//! Files of clpeak, a benchmark of peaks: ceilings by another method, read as a roofline.
//!
//! Two formats are read. Version 3 (`"schema": "clpeak/run"`) has tests within devices, values in SI units or with a scale to
//! them. Version 2 has a list of entries, with units such as `gflops`.

use super::adapter::{AdapterKind, AdapterSummary, UNKNOWN};
use super::ceiling_id::CeilingId;
use super::roofline::{ROOFLINE_SCHEMA, RooflineReport, RooflineSettings};
use super::run::{Ceiling, Host, Tool};
use super::sampling::Sampling;
use super::status::{Checks, Status};
use super::warning::Warning;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Schema of its files.
pub(super) const SCHEMA: &str = "clpeak/run";

/// Name of the program, and the beginning of what its ceilings say about their method.
pub(super) const NAME: &str = "clpeak";

/// A file of either format.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    format_version: u32,
    clpeak_version: String,
    #[serde(default)]
    generated_at: Option<String>,
    #[serde(default)]
    duration_s: Option<f64>,
    /// Version 3.
    #[serde(default)]
    host: Option<Machine>,
    #[serde(default)]
    invocation: Invocation,
    /// Version 2: the system. Version 3 has it in `host`.
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    devices: Vec<Device>,
    /// Version 2.
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Machine {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    os_version: Option<String>,
    #[serde(default)]
    cpu: Option<String>,
    #[serde(default)]
    memory_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Invocation {
    #[serde(default)]
    target_time_us: Option<u32>,
}

/// A device of version 3. Version 2 has names of devices alone, under another key.
#[derive(Debug, Deserialize)]
struct Device {
    backend: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    driver: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    id: String,
    #[serde(default)]
    quantity: String,
    #[serde(default)]
    scale: Option<f64>,
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
struct Metric {
    id: String,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    quantity: Option<String>,
    #[serde(default)]
    scale: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    backend: String,
    device: String,
    #[serde(default)]
    driver: String,
    test: String,
    metric: String,
    unit: String,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    reason: Option<String>,
}

/// One reading of a device, in SI units.
#[derive(Debug)]
struct Reading {
    test: String,
    metric: String,
    value: Option<f64>,
    reason: Option<String>,
    unit: &'static str,
}

/// Readings of one device by one backend.
#[derive(Debug)]
struct Readings {
    backend: String,
    name: String,
    driver: String,
    is_cpu: bool,
    all: Vec<Reading>,
}

/// Backends in the order in which they are preferred: the nearest to how this crate reaches a GPU.
const BACKENDS: &[&str] = &["Vulkan", "Metal", "OpenCL", "CUDA", "ROCm"];

/// The ceilings of a file as a roofline of one device by one backend, and a warning about the others.
///
/// # Errors
/// Text for a version that is not read, and for a file without a device.
pub(super) fn roofline(file: File) -> Result<RooflineReport, String> {
    let version = file.format_version;
    let mut devices = match version {
        2 => of_entries(file.entries),
        3 => of_devices(file.devices),
        _ => {
            return Err(format!(
                "it is a file of clpeak in format {version}; 2 and 3 are read"
            ));
        }
    };
    let rank = |device: &Readings| {
        let place = BACKENDS.iter().position(|name| *name == device.backend);
        (device.is_cpu, place.unwrap_or(BACKENDS.len()))
    };
    devices.sort_by_key(rank);
    let mut devices = devices.into_iter();
    let Some(device) = devices.next() else {
        return Err("it is a file of clpeak without a device".to_owned());
    };
    let others = devices.map(|other| format!("{} ({})", other.name, other.backend));
    let others: Vec<String> = others.collect();
    let warnings = (!others.is_empty()).then(|| Warning::Recorded {
        id: "left_out".to_owned(),
        message: format!(
            "of clpeak's devices and backends one is shown; not shown: {}",
            others.join(", ")
        ),
    });
    Ok(RooflineReport {
        schema: ROOFLINE_SCHEMA.to_owned(),
        tool: Tool {
            name: NAME.to_owned(),
            version: file.clpeak_version,
            commit: UNKNOWN.to_owned(),
            wgpu: String::new(),
            naga: String::new(),
        },
        host: host(file.host, file.os, file.generated_at),
        ceilings: ceilings(&device),
        adapter: adapter(device),
        settings: settings(version, file.duration_s, &file.invocation),
        variants: Vec::new(),
        sweep: Vec::new(),
        latency: Vec::new(),
        levels: Vec::new(),
        system: Vec::new(),
        transfers: Vec::new(),
        warnings: warnings.into_iter().collect(),
    })
}

fn of_devices(devices: Vec<Device>) -> Vec<Readings> {
    let of_device = |device: Device| {
        let tests = device.tests.into_iter();
        let readings = tests.flat_map(|test| {
            let (id, quantity, scale) = (test.id, test.quantity, test.scale);
            let of_test = test.metrics.into_iter().filter_map(move |metric| {
                let quantity = metric.quantity.as_deref().unwrap_or(&quantity);
                let scale = metric.scale.or(scale).unwrap_or(1.0);
                Some(Reading {
                    test: id.clone(),
                    metric: metric.id,
                    value: metric.value.map(|value| value * scale),
                    reason: metric.reason,
                    unit: unit_of_quantity(quantity)?,
                })
            });
            of_test.collect::<Vec<_>>()
        });
        Readings {
            all: readings.collect(),
            backend: device.backend,
            name: device.name,
            driver: device.driver,
            is_cpu: device.kind == "cpu",
        }
    };
    devices.into_iter().map(of_device).collect()
}

fn of_entries(entries: Vec<Entry>) -> Vec<Readings> {
    let mut devices: Vec<Readings> = Vec::new();
    for entry in entries {
        let known = devices
            .iter()
            .position(|device| (&device.backend, &device.name) == (&entry.backend, &entry.device));
        let place = known.unwrap_or(devices.len());
        if known.is_none() {
            devices.push(Readings {
                is_cpu: entry.backend == "CPU",
                backend: entry.backend,
                name: entry.device,
                driver: entry.driver,
                all: Vec::new(),
            });
        }
        if let Some((unit, scale)) = unit_of_token(&entry.unit) {
            devices[place].all.push(Reading {
                test: entry.test,
                metric: entry.metric,
                value: entry.value.map(|value| value * scale),
                reason: entry.reason,
                unit,
            });
        }
    }
    devices
}

fn unit_of_quantity(quantity: &str) -> Option<&'static str> {
    match quantity {
        "flops" => Some("FLOP/s"),
        "ops" => Some("OP/s"),
        "bytes_per_second" => Some("B/s"),
        _ => None,
    }
}

fn unit_of_token(token: &str) -> Option<(&'static str, f64)> {
    Some(match token {
        "gflops" => ("FLOP/s", 1e9),
        "tflops" => ("FLOP/s", 1e12),
        "gops" => ("OP/s", 1e9),
        "tops" => ("OP/s", 1e12),
        "gbps" => ("B/s", 1e9),
        _ => return None,
    })
}

/// The ceiling that a test of clpeak measures, and what it counts.
fn ceiling_of(reading: &Reading) -> Option<(CeilingId, &'static str)> {
    const FMA: &str = "a multiply-add is 2";
    // Version 2 has a test for each type of matrix units, version 3 a metric.
    let matrix = ["coopmat", "wmma", "simdgroup_matrix", "mfma"]
        .into_iter()
        .find_map(|engine| {
            let rest = reading.test.strip_prefix(engine)?;
            match rest.strip_prefix('_') {
                Some(dtype) => Some(dtype),
                None => rest.is_empty().then_some(reading.metric.as_str()),
            }
        });
    Some(match (reading.test.as_str(), matrix) {
        ("single_precision_compute", _) => (CeilingId::ComputeF32, FMA),
        ("half_precision_compute", _) => (CeilingId::ComputeF16, FMA),
        ("integer_compute", _) => (CeilingId::ComputeI32, FMA),
        ("integer_compute_int8_dp", _) => (
            CeilingId::ComputeI8Dot,
            "a dot product of four, and its sum, is 8",
        ),
        ("global_memory_bandwidth", _) => (CeilingId::MemoryRead, "bytes read"),
        ("local_memory_bandwidth", _) => (CeilingId::MemoryWorkgroup, "bytes moved"),
        (_, Some("fp16")) => (CeilingId::ComputeF16Matrix, FMA),
        (_, Some("fp32")) => (CeilingId::ComputeF32Matrix, FMA),
        _ => return None,
    })
}

/// Ceilings of a device: of each the best of what clpeak calls vector widths.
fn ceilings(device: &Readings) -> Vec<Ceiling> {
    let mut found: Vec<Ceiling> = Vec::new();
    for reading in &device.all {
        let Some((id, counts)) = ceiling_of(reading) else {
            continue;
        };
        let value = reading
            .value
            .filter(|value| value.is_finite() && *value > 0.0);
        let (backend, test, metric) = (&device.backend, &reading.test, &reading.metric);
        let shape = format!("{NAME}'s {test} by {backend}, best vector width: {metric}");
        let ceiling = Ceiling {
            value,
            status: if value.is_some() {
                Status::Ok
            } else {
                Status::Unsupported
            },
            reason: match value {
                Some(_) => Some(shape.clone()),
                None => reading.reason.clone(),
            },
            shape: value.is_some().then_some(shape),
            counts: format!("{counts}, as {NAME} counts"),
            checks: Checks::Off,
            ..Ceiling::known(id, reading.unit, 0.0)
        };
        match found.iter_mut().find(|known| known.id == ceiling.id) {
            None => found.push(ceiling),
            Some(known) if ceiling.value > known.value => *known = ceiling,
            Some(_) => {}
        }
    }
    found
}

fn adapter(device: Readings) -> AdapterSummary {
    let known = |text: String| {
        if text.is_empty() {
            UNKNOWN.to_owned()
        } else {
            text
        }
    };
    AdapterSummary {
        name: known(device.name),
        vendor_id: 0,
        device_id: 0,
        pci_bus_id: None,
        kind: if device.is_cpu {
            AdapterKind::Software
        } else {
            AdapterKind::Other
        },
        backend: device.backend.to_lowercase(),
        driver: UNKNOWN.to_owned(),
        driver_info: known(device.driver),
        subgroup_min: 0,
        subgroup_max: 0,
        features: Vec::new(),
        limits: BTreeMap::new(),
        cooperative_matrix: Vec::new(),
        timestamp_period_ns: None,
    }
}

fn host(machine: Option<Machine>, os: Option<String>, utc: Option<String>) -> Host {
    let (system, cpu, memory_bytes) = match machine {
        None => (os, None, None),
        Some(machine) => {
            let parts = [machine.os, machine.os_version];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let system = (!parts.is_empty()).then(|| parts.join(" "));
            (system, machine.cpu, machine.memory_bytes)
        }
    };
    let known = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    Host {
        os: known(system),
        cpu: known(cpu),
        memory_bytes,
        utc: known(utc),
        sensors: known(None),
    }
}

/// Settings as far as the file tells them: clpeak writes one value for each reading, and no samples.
fn settings(version: u32, lasted: Option<f64>, invocation: &Invocation) -> RooflineSettings {
    let target = invocation.target_time_us.unwrap_or(0);
    RooflineSettings {
        quick: false,
        seed: 0,
        sampling: Sampling {
            warm_up: Duration::ZERO,
            min_samples: 1,
            min_time: Duration::from_micros(target.into()),
            ..Sampling::default()
        },
        pool_bytes: 0,
        shader_hashes: BTreeMap::new(),
        note: Some(format!(
            "ceilings by {NAME}'s own method, from its file of format {version}"
        )),
        lasted_s: lasted.filter(|s| s.is_finite() && *s >= 0.0).unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests;
