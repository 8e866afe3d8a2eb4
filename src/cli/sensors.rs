//! Sensors of the device that a command measures on.

use super::args::SensorArguments;
use super::progress::tell;
use ridgepoint::Gpu;
use ridgepoint::report::Sampling;
use ridgepoint::sensors::Found;

/// Has measurements on `gpu` read the sensors that answer, unless the arguments say otherwise, and returns whether rows that are
/// sampled by `sampling` will have power. Where none answers, nothing is said: `ridgepoint check` tells what they would need.
pub(crate) fn attach(gpu: &Gpu, arguments: &SensorArguments, sampling: &Sampling) -> bool {
    if arguments.no_sensors {
        return false;
    }
    let found = Found::of(gpu.summary());
    for asked in &found.asked {
        log::debug!("sensors: {}: {:?}", asked.source, asked.answer);
    }
    if found.asked.iter().any(|asked| asked.answer.is_ok()) {
        tell(&format!("sensors: {}", found.sensors.names()));
    }
    let is_short = sampling.warning().is_some();
    let has_power = found
        .sensors
        .read()
        .tells_power_within(sampling.min_time.as_secs_f64());
    found.sensors.attach(gpu);
    has_power && !is_short
}
