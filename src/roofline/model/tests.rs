//! The model by hand.

use super::*;
use crate::units::Intensity;

fn roof() -> Roof {
    Roof {
        compute: FlopRate::from_flops_per_second(1000.0),
        memory: Bandwidth::from_bytes_per_second(100.0),
    }
}

fn ceilings() -> Vec<Ceiling> {
    [
        ("compute/f32", 1000.0),
        ("compute/f16", 2000.0),
        ("compute/f16_matrix", 8000.0),
        ("memory/read", 120.0),
        ("memory/copy", 100.0),
    ]
    .map(|(id, value)| Ceiling::known(id, "1/s", value))
    .into()
}

fn work(flops: u64, bytes: u64) -> Work<'static> {
    Work {
        dtype: "f32",
        flops,
        bytes,
        mix: Mix::Copy,
    }
}

#[test]
fn the_ridge_point_divides_memory_from_compute() {
    let at = |i| {
        let intensity = Intensity::from_flops_per_byte(i);
        let rate = roof().attainable(intensity).flops_per_second();
        (rate, roof().bound(intensity))
    };
    assert_eq!(roof().ridge_point(), Intensity::from_flops_per_byte(10.0));
    assert_eq!(at(1.0), (100.0, Bound::Memory));
    assert_eq!(at(10.0), (1000.0, Bound::Memory));
    assert_eq!(at(100.0), (1000.0, Bound::Compute));
}

#[test]
fn places_by_hand() {
    let roofline = Roofline::from_ceilings(&ceilings()).unwrap();
    // 2000 operations on 50 bytes take 2 s of arithmetic; done in 4 s, that is half of the roof.
    let place = roofline.place(&work(2000, 50), 4.0).unwrap();
    assert_eq!((place.bound, place.percent_of_roof), (Bound::Compute, 50.0));
    assert_eq!(
        (place.level.as_str(), place.standing),
        (MEMORY, Standing::Under)
    );
    // A copy has no operations: 100 bytes take 1 s.
    let place = roofline.place(&work(0, 100), 1.25).unwrap();
    assert_eq!((place.bound, place.percent_of_roof), (Bound::Memory, 80.0));
    let place = roofline.place(&work(0, 100), 0.5).unwrap();
    assert_eq!(
        (place.percent_of_roof, place.standing),
        (200.0, Standing::Above)
    );
    assert_eq!(roofline.place(&work(1, 1), 0.0), None);
}

#[test]
fn a_kernel_is_held_against_its_own_type_mix_and_footprint() {
    let cache = Level {
        name: "cache 1".to_owned(),
        bytes: Some(64),
        bandwidth: Some(500.0),
        latency_s: None,
        lane_bytes: None,
    };
    let roofline = Roofline::new(&ceilings(), &[cache]).unwrap();
    assert_eq!(roofline.fastest("f16").unwrap().flops_per_second(), 8000.0);
    assert_eq!(roofline.fastest("bf16").unwrap().flops_per_second(), 1000.0);
    let rate = |bytes, mix| {
        roofline
            .level(bytes, mix)
            .unwrap()
            .bandwidth
            .bytes_per_second()
    };
    assert_eq!(rate(64, Mix::Copy), 500.0);
    assert_eq!(rate(65, Mix::Copy), 100.0);
    assert_eq!(rate(65, Mix::Read), 120.0);
    assert_eq!(rate(65, Mix::Write), 100.0);
    let ridge = roofline.roof("f32", "cache 1").unwrap().ridge_point();
    assert_eq!(ridge.flops_per_byte(), 2.0);
    assert_eq!(roofline.roof("f64", "memory"), None);
}

#[test]
fn a_limit_names_the_ceiling_and_the_least_time() {
    let cache = Level {
        name: "cache 1".to_owned(),
        bytes: Some(64),
        bandwidth: Some(500.0),
        latency_s: None,
        lane_bytes: None,
    };
    let roofline = Roofline::new(&ceilings(), &[cache]).unwrap();
    let of = |dtype, flops, bytes| {
        let work = Work {
            dtype,
            ..work(flops, bytes)
        };
        let limit = roofline.limit(&work).unwrap();
        (limit.bound, limit.id(), limit.least_s)
    };
    let (memory, compute) = (Bound::Memory, Bound::Compute);
    assert_eq!(of("f32", 0, 200), (memory, "memory/copy".into(), 2.0));
    assert_eq!(of("f32", 0, 50), (memory, "cache 1".into(), 0.1));
    assert_eq!(of("f32", 4000, 100), (compute, "compute/f32".into(), 4.0));
    let f16 = of("f16", 16000, 100);
    assert_eq!(f16, (compute, "compute/f16_matrix".into(), 2.0));
    let limit = roofline.limit(&work(4000, 100)).unwrap();
    let roof = limit.roof();
    assert_eq!(roof.ridge_point().flops_per_byte(), 10.0);
}

#[test]
fn what_is_no_rate_is_no_ceiling() {
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut found = ceilings();
        for ceiling in &mut found {
            ceiling.value = Some(value);
        }
        assert_eq!(Roofline::from_ceilings(&found), None, "{value}");
    }
}

#[test]
fn mixes_are_the_nearest() {
    let mixes = [(1, 0), (2, 1), (1, 1), (0, 1), (9, 1), (0, 0)];
    let want = [
        Mix::Read,
        Mix::Triad,
        Mix::Copy,
        Mix::Write,
        Mix::Read,
        Mix::Write,
    ];
    assert_eq!(mixes.map(|(read, written)| Mix::of(read, written)), want);
}

#[test]
fn too_few_ceilings_are_no_roofline() {
    assert_eq!(Roofline::from_ceilings(&[]), None);
    assert_eq!(Roofline::from_ceilings(&ceilings()[..3]), None);
    assert!(Roofline::from_json("{}").is_err());
}
