use super::*;
use crate::data::Dtype;
use crate::kernel::Constants;
use crate::ops::{Matmul, family};
use crate::report::{AdapterKind, AdapterSummary, Machine, StopReason};
use std::collections::BTreeMap;

pub(crate) fn adapter() -> AdapterSummary {
    AdapterSummary {
        name: "GPU".into(),
        vendor_id: 1,
        device_id: 2,
        pci_bus_id: None,
        kind: AdapterKind::Discrete,
        backend: "vulkan".into(),
        driver: "driver".into(),
        driver_info: "1.2".into(),
        subgroup_min: 32,
        subgroup_max: 32,
        features: Vec::new(),
        limits: BTreeMap::new(),
        cooperative_matrix: Vec::new(),
        timestamp_period_ns: None,
    }
}

pub(crate) fn tuned(class: &str, constants: &[(&str, Setting)]) -> Tuned {
    let contender = |time_s| TunedConfig {
        kernel: "matmul_blocked".into(),
        constants: constants
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
        time_s,
    };
    Tuned {
        operation: "matmul".into(),
        dtype: Dtype::F32,
        class: class.into(),
        checks: Checks::Off,
        shape: "1024x1024x1024".into(),
        flops: 1 << 31,
        min_bytes: 12 << 20,
        default: contender(1.1e-3),
        winner: Some(contender(1e-3)),
        gain: 0.1,
        spread: 0.02,
        tried: 7,
        passed_over: Vec::new(),
        warnings: Vec::new(),
        ended: StopReason::Complete,
        lasted_s: 3.0,
    }
}

#[test]
fn json_goes_both_ways() {
    let mut tuning = Tuning::new(Machine::of(&adapter()));
    let constants = [
        ("CLAMP", Setting::Bool(true)),
        ("TILE_M", Setting::Integer(64)),
        ("X", Setting::Float(0.5)),
    ];
    tuning.keep(tuned("square_small", &constants));
    let json = serde_json::to_value(&tuning).unwrap();
    assert_eq!(json["schema"], "ridgepoint.tuning/1");
    assert_eq!(json["found"][0]["winner"]["constants"]["TILE_M"], 64);
    assert_eq!(serde_json::from_value::<Tuning>(json).unwrap(), tuning);
}

#[test]
fn a_class_is_kept_once_and_found_by_shape_type_and_checks() {
    let mut tuning = Tuning::new(Machine::of(&adapter()));
    tuning.keep(tuned("square_small", &[]));
    let again = Tuned {
        gain: 0.2,
        ..tuned("square_small", &[])
    };
    tuning.keep(again.clone());
    assert_eq!(tuning.found, [again]);
    let shape = Matmul::new(900, 1000, 1000);
    assert!(tuning.of(&shape, Checks::Off).is_some());
    assert!(tuning.of(&shape, Checks::On).is_none());
    let large = Matmul::new(9000, 9000, 9000);
    assert!(tuning.of(&large, Checks::Off).is_none());
    let half = Matmul {
        dtype: Dtype::F16,
        ..shape
    };
    assert!(tuning.of(&half, Checks::Off).is_none());
}

#[test]
fn another_machine_is_told_by_its_first_difference() {
    let tuning = Tuning::new(Machine::of(&adapter()));
    tuning.require(&adapter()).unwrap();
    let newer = AdapterSummary {
        driver_info: "1.3".into(),
        ..adapter()
    };
    let text = tuning.require(&newer).unwrap_err().to_string();
    assert!(text.contains("of driver 1.2, this is 1.3"), "{text}");
    let mut old = tuning;
    old.machine.version = "0.0.1".into();
    let text = old.require(&adapter()).unwrap_err().to_string();
    assert!(text.contains("of ridgepoint 0.0.1"), "{text}");
}

#[test]
fn names_that_are_no_more_are_told() {
    let family = family("matmul").unwrap();
    let good = tuned("square_small", &[("TILE_M", Setting::Integer(64))]);
    let (kernel, constants) = good.best().resolve(family).unwrap();
    assert_eq!(kernel.name, "matmul_blocked");
    assert_eq!(constants, Constants::from([("TILE_M", 64u32)]));
    assert_eq!(good.best().describe(), "matmul_blocked TILE_M=64");
    let gone = tuned("square_small", &[("TILE_Q", Setting::Integer(64))]);
    let text = gone.best().resolve(family).unwrap_err().to_string();
    assert!(text.contains("matmul_blocked: TILE_Q"), "{text}");
    let gone = TunedConfig {
        kernel: "matmul_gone".into(),
        ..good.default
    };
    let text = gone.resolve(family).unwrap_err().to_string();
    assert!(text.contains("matmul_gone of matmul"), "{text}");
}
