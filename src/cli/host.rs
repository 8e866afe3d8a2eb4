//! Facts about the machine, for the report.

use jiff::Timestamp;
use ridgepoint::Gpu;
use ridgepoint::report::Host;
use ridgepoint::sensors::Sensors;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The machine as it describes itself, and the sensors of `gpu` that are read; a run that begins at `began`.
pub(crate) fn host(began: Timestamp, gpu: &Gpu) -> Host {
    let refresh = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(refresh).ok();
    let cpu = system.as_ref().and_then(|system| system.cpus().first());
    let memory_bytes = system.as_ref().map(System::total_memory);
    let os = [
        System::long_os_version().ok(),
        System::kernel_long_version().ok(),
    ];
    Host {
        os: or_unknown(os.into_iter().flatten().collect::<Vec<_>>().join(", ")),
        cpu: or_unknown(cpu.map_or_else(String::new, |cpu| cpu.brand().trim().to_owned())),
        memory_bytes: memory_bytes.filter(|bytes| *bytes > 0),
        utc: began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        sensors: Sensors::names_on(gpu),
    }
}

fn or_unknown(text: String) -> String {
    if text.is_empty() {
        "unknown".to_owned()
    } else {
        text
    }
}
