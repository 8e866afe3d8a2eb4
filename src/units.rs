//! Quantities with their units, and the only code that turns a measured number into text.
//!
//! Rates are decimal (G is 10^9), sizes are binary (Mi is 2^20), and an FMA counts as two FLOPs.
//! A quantity that could not be worked out is a `None`; there is no rate of zero work and none over zero time.
//!
//! ```
//! use ridgepoint::units::{Bandwidth, FlopRate, format_seconds};
//!
//! let copied = Bandwidth::new(268_435_456, 65.3e-6).unwrap();
//! assert_eq!(copied.to_string(), "4111 GB/s");
//! let peak = FlopRate::from_flops_per_second(64.2e12);
//! assert_eq!((peak / copied).to_string(), "15.6 FLOP/B");
//! assert_eq!(format_seconds(65.3e-6), "65.3 us");
//! ```

use std::fmt;
use std::ops::{Div, Mul};

use serde::{Deserialize, Serialize};

/// Bytes moved per second; written as GB/s, 10^9 bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bandwidth(f64);

impl Bandwidth {
    /// The rate of `bytes` moved in `seconds`, or `None` where no bytes moved or the time is not above zero.
    #[must_use]
    pub fn new(bytes: u64, seconds: f64) -> Option<Self> {
        quotient(bytes, seconds).map(Self)
    }

    /// A rate already known, in bytes per second.
    #[must_use]
    pub const fn from_bytes_per_second(bytes_per_second: f64) -> Self {
        Self(bytes_per_second)
    }

    /// The rate in bytes per second.
    #[must_use]
    pub const fn bytes_per_second(self) -> f64 {
        self.0
    }
}

/// Floating-point operations per second, an FMA counted as two; written as MFLOP/s, GFLOP/s or TFLOP/s.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlopRate(f64);

impl FlopRate {
    /// The rate of `flops` done in `seconds`, or `None` where there were none or the time is not above zero.
    #[must_use]
    pub fn new(flops: u64, seconds: f64) -> Option<Self> {
        quotient(flops, seconds).map(Self)
    }

    /// A rate already known, in FLOPs per second.
    #[must_use]
    pub const fn from_flops_per_second(flops_per_second: f64) -> Self {
        Self(flops_per_second)
    }

    /// The rate in FLOPs per second.
    #[must_use]
    pub const fn flops_per_second(self) -> f64 {
        self.0
    }
}

/// Arithmetic intensity: FLOPs done for each byte moved.
///
/// Source: Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Intensity(f64);

impl Intensity {
    /// The intensity of `flops` done on `bytes`, or `None` where either is zero.
    #[must_use]
    pub fn new(flops: u64, bytes: u64) -> Option<Self> {
        quotient(flops, bytes as f64).map(Self)
    }

    /// An intensity already known, in FLOPs per byte.
    #[must_use]
    pub const fn from_flops_per_byte(flops_per_byte: f64) -> Self {
        Self(flops_per_byte)
    }

    /// The intensity in FLOPs per byte.
    #[must_use]
    pub const fn flops_per_byte(self) -> f64 {
        self.0
    }
}

/// The FLOP rate that this bandwidth feeds at an intensity: the slanted part of the roofline.
impl Mul<Intensity> for Bandwidth {
    type Output = FlopRate;

    fn mul(self, intensity: Intensity) -> FlopRate {
        FlopRate(self.0 * intensity.0)
    }
}

/// The ridge point: the least intensity at which this bandwidth feeds this FLOP rate.
impl Div<Bandwidth> for FlopRate {
    type Output = Intensity;

    fn div(self, bandwidth: Bandwidth) -> Intensity {
        Intensity(self.0 / bandwidth.0)
    }
}

fn quotient(amount: u64, divisor: f64) -> Option<f64> {
    let rate = amount as f64 / divisor;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// Name of a multiple of a unit, and how many of the unit it holds; lists of them go from small to large.
type Scale = (&'static str, f64);

const RATES: &[Scale] = &[("MFLOP/s", 1e6), ("GFLOP/s", 1e9), ("TFLOP/s", 1e12)];
const OPERATIONS: &[Scale] = &[("GOP/s", 1e9), ("TOP/s", 1e12)];
const BANDWIDTHS: &[Scale] = &[("GB/s", 1e9)];
const INTENSITIES: &[Scale] = &[("FLOP/B", 1.0)];
const FLOPS_PER_JOULE: &[Scale] = &[("MFLOP/J", 1e6), ("GFLOP/J", 1e9), ("TFLOP/J", 1e12)];
const OPERATIONS_PER_JOULE: &[Scale] = &[("GOP/J", 1e9), ("TOP/J", 1e12)];
const BYTES_PER_JOULE: &[Scale] = &[("MB/J", 1e6), ("GB/J", 1e9)];
const CLOCKS: &[Scale] = &[("MHz", 1e6), ("GHz", 1e9)];
const POWERS: &[Scale] = &[("W", 1.0), ("kW", 1e3)];
const ENERGIES: &[Scale] = &[("uJ", 1e-6), ("mJ", 1e-3), ("J", 1.0), ("kJ", 1e3)];
const TEMPERATURES: &[Scale] = &[("°C", 1.0)];
const TIMES: &[Scale] = &[("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
const SIZES: &[Scale] = &[
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        align(f, &with_unit(self.0, BANDWIDTHS, 1000.0))
    }
}

impl fmt::Display for FlopRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        align(f, &with_unit(self.0, RATES, 1000.0))
    }
}

impl fmt::Display for Intensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        align(f, &with_unit(self.0, INTENSITIES, 1000.0))
    }
}

/// A time in seconds as text with three or four digits: `532 ns`, `1.23 us`, `45.6 ms`, `12.0 s`.
#[must_use]
pub fn format_seconds(seconds: f64) -> String {
    with_unit(seconds, TIMES, 1000.0)
}

/// Unit of a number in a report: an SI base unit, or a quotient of base units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Floating-point operations per second.
    FlopsPerSecond,
    /// Operations per second, of integers or atomics.
    OperationsPerSecond,
    /// Floating-point operations per byte.
    FlopsPerByte,
    /// Floating-point operations per joule: the rate for each watt.
    FlopsPerJoule,
    /// Operations per joule, of integers or atomics.
    OperationsPerJoule,
    /// Bytes per joule.
    BytesPerJoule,
    /// Hertz.
    Hertz,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
    /// Degrees Celsius.
    Celsius,
    /// A unit that this version does not know, by its symbol in a file of a later one.
    Other(String),
}

impl Unit {
    /// Unit of a symbol such as `FLOP/s`, as reports write it.
    #[must_use]
    pub fn of(symbol: &str) -> Self {
        match symbol {
            "s" => Self::Seconds,
            "B" => Self::Bytes,
            "B/s" => Self::BytesPerSecond,
            "FLOP/s" => Self::FlopsPerSecond,
            "OP/s" => Self::OperationsPerSecond,
            "FLOP/B" => Self::FlopsPerByte,
            "FLOP/J" => Self::FlopsPerJoule,
            "OP/J" => Self::OperationsPerJoule,
            "B/J" => Self::BytesPerJoule,
            "Hz" => Self::Hertz,
            "W" => Self::Watts,
            "J" => Self::Joules,
            "°C" => Self::Celsius,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Symbol of the unit, without a prefix.
    #[must_use]
    pub fn symbol(&self) -> &str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
            Self::FlopsPerSecond => "FLOP/s",
            Self::OperationsPerSecond => "OP/s",
            Self::FlopsPerByte => "FLOP/B",
            Self::FlopsPerJoule => "FLOP/J",
            Self::OperationsPerJoule => "OP/J",
            Self::BytesPerJoule => "B/J",
            Self::Hertz => "Hz",
            Self::Watts => "W",
            Self::Joules => "J",
            Self::Celsius => "°C",
            Self::Other(symbol) => symbol,
        }
    }

    /// Unit of a rate in this unit for each watt: of work per joule; `None` for a unit that is no rate of work.
    #[must_use]
    pub fn per_watt(&self) -> Option<Self> {
        match self {
            Self::BytesPerSecond => Some(Self::BytesPerJoule),
            Self::FlopsPerSecond => Some(Self::FlopsPerJoule),
            Self::OperationsPerSecond => Some(Self::OperationsPerJoule),
            _ => None,
        }
    }

    /// Text of `value` in this unit, with the prefix that suits it: `64.2 TFLOP/s`.
    #[must_use]
    pub fn format(&self, value: f64) -> String {
        match self {
            Self::Seconds => format_seconds(value),
            // Sizes are counts; `as` saturates, and a size is far below 2^64.
            Self::Bytes => format_bytes(value as u64),
            Self::BytesPerSecond => Bandwidth(value).to_string(),
            Self::FlopsPerSecond => FlopRate(value).to_string(),
            Self::OperationsPerSecond => with_unit(value, OPERATIONS, 1000.0),
            Self::FlopsPerByte => Intensity(value).to_string(),
            Self::FlopsPerJoule => with_unit(value, FLOPS_PER_JOULE, 1000.0),
            Self::OperationsPerJoule => with_unit(value, OPERATIONS_PER_JOULE, 1000.0),
            Self::BytesPerJoule => with_unit(value, BYTES_PER_JOULE, 1000.0),
            Self::Hertz => with_unit(value, CLOCKS, 1000.0),
            Self::Watts => with_unit(value, POWERS, 1000.0),
            Self::Joules => with_unit(value, ENERGIES, 1000.0),
            Self::Celsius => with_unit(value, TEMPERATURES, 1000.0),
            Self::Other(symbol) => format!("{} {symbol}", digits(value)),
        }
    }
}

/// A size in bytes as text: `12 B`, `16 KiB`, `1.50 MiB`. Whole multiples of a unit have no decimals.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    let (name, scale) = unit_of(bytes as f64, SIZES, 1024.0);
    let unit = scale as u64;
    if bytes.is_multiple_of(unit) {
        format!("{} {name}", bytes / unit)
    } else {
        format!("{} {name}", digits(bytes as f64 / scale))
    }
}

/// A share of one as a percentage with one decimal: `0.873` is `87.3 %`.
#[must_use]
pub fn format_percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.1} %", share * 100.0)
    } else {
        "unknown".to_owned()
    }
}

/// A factor with one decimal: `4.8 x`.
#[must_use]
pub fn format_factor(factor: f64) -> String {
    if factor.is_finite() {
        format!("{factor:.1} x")
    } else {
        "unknown".to_owned()
    }
}

/// A ratio with three or four digits: `0.967`, `1.25`, `1234`.
#[must_use]
pub fn format_ratio(ratio: f64) -> String {
    if ratio.is_finite() {
        digits(ratio)
    } else {
        "unknown".to_owned()
    }
}

/// Whether `word` is the name of a unit as this module writes it behind a number, `%` among them.
#[must_use]
pub fn is_unit(word: &str) -> bool {
    let lists = [
        RATES,
        OPERATIONS,
        BANDWIDTHS,
        INTENSITIES,
        FLOPS_PER_JOULE,
        OPERATIONS_PER_JOULE,
        BYTES_PER_JOULE,
        CLOCKS,
        POWERS,
        ENERGIES,
        TEMPERATURES,
        TIMES,
        SIZES,
    ];
    let mut units = lists.into_iter().flatten();
    word == "%" || units.any(|(name, _)| *name == word)
}

fn with_unit(value: f64, units: &[Scale], step: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let (name, scale) = unit_of(value, units, step);
    format!("{} {name}", digits(value / scale))
}

/// The largest unit of which `value` holds at least one, as rounded for print: 999.7 us are 1.00 ms.
fn unit_of(value: f64, units: &[Scale], step: f64) -> Scale {
    let fits = |unit: &&Scale| value.abs() / unit.1 < step - 0.5;
    *units.iter().find(fits).unwrap_or(&units[units.len() - 1])
}

/// Three significant digits, and all digits before the point. Too small for that: an exponent, since `0.00` would
/// claim that nothing was measured.
fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.2e}");
    // The exponent after rounding: 9.996 is 10.0, not 10.00.
    let exponent = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
        .expect("`e` notation has an exponent");
    if exponent < -3 {
        return scientific;
    }
    let decimals = (2 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// Honours width, right-aligned as numbers are. `Formatter::pad` would cut the text at a precision.
fn align(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.pad_integral(true, "", text)
}

/// A duration in `seconds`, as it is said beforehand: 10 s, 50 s, 2 min, 1 h.
///
/// ```
/// use ridgepoint::units::format_about;
///
/// assert_eq!(format_about(47.0), "50 s");
/// assert_eq!(format_about(100.0), "2 min");
/// ```
#[must_use]
pub fn format_about(seconds: f64) -> String {
    if seconds < 90.0 {
        return format!("{:.0} s", (seconds / 10.0).round().max(1.0) * 10.0);
    }
    if seconds < 5400.0 {
        return format!("{:.0} min", seconds / 60.0);
    }
    format!("{:.0} h", seconds / 3600.0)
}

/// A length of time in hours, minutes and seconds: `45 s`, `4 min 10 s`, `1 h 5 min`.
///
/// ```
/// use ridgepoint::units::format_minutes;
///
/// assert_eq!(format_minutes(250.2), "4 min 10 s");
/// assert_eq!(format_minutes(3900.0), "1 h 5 min");
/// ```
#[must_use]
pub fn format_minutes(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let parts = match seconds {
        0..60 => [(seconds, "s"), (0, "")],
        60..3600 => [(seconds / 60, "min"), (seconds % 60, "s")],
        _ => [(seconds / 3600, "h"), (seconds % 3600 / 60, "min")],
    };
    let [(first, unit), rest] = parts;
    match rest {
        (0, _) => format!("{first} {unit}"),
        (rest, smaller) => format!("{first} {unit} {rest} {smaller}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_decimal_with_three_or_four_digits() {
        let bandwidth = |gb: f64| Bandwidth::from_bytes_per_second(gb * 1e9).to_string();
        assert_eq!(bandwidth(4111.2), "4111 GB/s");
        assert_eq!(bandwidth(136.04), "136 GB/s");
        assert_eq!(bandwidth(41.26), "41.3 GB/s");
        assert_eq!(bandwidth(0.0512), "0.0512 GB/s");
        assert_eq!(bandwidth(0.000_012), "1.20e-5 GB/s");
        let rate = |gflops: f64| FlopRate::from_flops_per_second(gflops * 1e9).to_string();
        assert_eq!(rate(0.295), "295 MFLOP/s");
        assert_eq!(rate(0.9996), "1.00 GFLOP/s");
        assert_eq!(rate(999.4), "999 GFLOP/s");
        assert_eq!(rate(999.6), "1.00 TFLOP/s");
        assert_eq!(rate(64_210.0), "64.2 TFLOP/s");
        assert_eq!(rate(1_979_000.0), "1979 TFLOP/s");
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(format_seconds(532e-9), "532 ns");
        assert_eq!(format_seconds(1.234e-6), "1.23 us");
        assert_eq!(format_seconds(999.7e-6), "1.00 ms");
        assert_eq!(format_seconds(12.0), "12.0 s");
        assert_eq!(format_seconds(4321.0), "4321 s");
        assert_eq!(format_bytes(0), "0 B");
        assert_eq!(format_bytes(1023), "1023 B");
        assert_eq!(format_bytes(16_384), "16 KiB");
        assert_eq!(format_bytes(1_572_864), "1.50 MiB");
        assert_eq!(format_bytes(2_147_483_644), "2.00 GiB");
        assert_eq!(format_percent(0.8734), "87.3 %");
    }

    #[test]
    fn units_are_read_and_written_by_their_symbols() {
        for symbol in ["s", "B", "B/s", "FLOP/s", "OP/s", "FLOP/B", "K"] {
            assert_eq!(Unit::of(symbol).symbol(), symbol);
            let text = Unit::of(symbol).format(2.0);
            assert!(text.ends_with(symbol), "{text}");
        }
        for value in [Unit::Bytes.format(4e6), Unit::Seconds.format(3e-5)] {
            assert!(is_unit(value.split(' ').nth(1).unwrap()), "{value}");
        }
        assert!(is_unit("%") && !is_unit("samples"));
        assert_eq!(Unit::OperationsPerSecond.format(3e12), "3.00 TOP/s");
        assert_eq!(Unit::Bytes.format(16_384.0), "16 KiB");
        assert_eq!(Unit::FlopsPerByte.format(15.6), "15.6 FLOP/B");
    }

    #[test]
    fn what_was_not_measured_is_no_number() {
        assert_eq!(Bandwidth::new(0, 1.0), None);
        assert_eq!(Bandwidth::new(1, 0.0), None);
        assert_eq!(FlopRate::new(1, f64::NAN), None);
        assert_eq!(FlopRate::new(1, -1.0), None);
        assert_eq!(Intensity::new(1, 0), None);
        assert_eq!(format_seconds(f64::NAN), "unknown");
        assert_eq!(format_percent(f64::INFINITY), "unknown");
    }

    #[test]
    fn roofline_arithmetic() {
        let memory = Bandwidth::from_bytes_per_second(100e9);
        let intensity = Intensity::new(32, 4).unwrap();
        assert_eq!((memory * intensity).to_string(), "800 GFLOP/s");
        assert_eq!(FlopRate::from_flops_per_second(800e9) / memory, intensity);
    }

    #[test]
    fn width_aligns_right_and_json_is_a_plain_number() {
        let bandwidth = Bandwidth::from_bytes_per_second(2e9);
        assert_eq!(format!("{bandwidth:>12}"), "   2.00 GB/s");
        assert_eq!(format!("{bandwidth:<11}|"), "2.00 GB/s  |");
        assert_eq!(serde_json::to_string(&bandwidth).unwrap(), "2000000000.0");
        let read: Bandwidth = serde_json::from_str("2e9").unwrap();
        assert_eq!(read, bandwidth);
    }
}
