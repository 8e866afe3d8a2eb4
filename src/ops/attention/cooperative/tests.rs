//! Which tile a shape gets, and how long work is cut.

use super::tile::{ROWS_32, ROWS_64, ROWS_128, ROWS_128_BY_16, ROWS_256, Tile};
use super::*;
use crate::kernel::PlanOptions;
use crate::ops::Mask;
use crate::ops::Operation;
use crate::ops::choose;
use crate::shader::{Loops, Prepared};

const LONG: Attention = Attention {
    dtype: Dtype::F16,
    mask: Mask::Causal,
    ..Attention::new(1, 32, 65_536, 128)
};

fn device(kind: AdapterKind) -> Capabilities {
    Capabilities::imagined(kind)
        .with_f16()
        .with_subgroups((32, 32))
        .with_matrix_units(16)
        .with_workgroup_memory()
        .with_invocations(1024)
}

#[test]
fn f16_gets_matrix_units_where_there_are_any() {
    let chosen = |device: &Capabilities| choose(&LONG, &PlanOptions::default(), device);
    let choice = chosen(&device(AdapterKind::Discrete)).unwrap();
    assert_eq!(choice.kernel.name, ATTENTION_COOPERATIVE.name);
    let without = device(AdapterKind::Discrete).with_matrix_units(0);
    let constants = constants(&LONG, &ATTENTION_COOPERATIVE, &without);
    let message = constants.unwrap_err().to_string();
    assert!(message.contains("no trusted f16"), "{message}");
}

#[test]
fn tiles_follow_the_columns_and_the_number_of_queries() {
    let gpu = device(AdapterKind::Discrete);
    let chosen = |shape: Attention| {
        let found = constants(&shape, &ATTENTION_COOPERATIVE, &gpu).unwrap();
        let number = |name: &str| match found.iter().find(|(known, _)| *known == name) {
            Some((_, Constant::Integer(value))) => *value,
            other => panic!("{name}: {other:?}"),
        };
        Tile {
            subgroups: number("SUBGROUPS"),
            subgroup_q: number("SUBGROUP_Q"),
            kv: number("TILE_KV"),
        }
    };
    let of = |heads, seq, columns| Attention {
        dtype: Dtype::F16,
        ..Attention::new(1, heads, seq, columns)
    };
    assert_eq!(chosen(LONG), ROWS_256);
    assert_eq!(chosen(of(64, 2048, 64)), ROWS_128);
    assert_eq!(chosen(of(64, 2048, 256)), ROWS_128_BY_16);
    assert_eq!(chosen(of(16, 512, 64)), ROWS_64);
    assert_eq!(chosen(of(1, 1, 128)), ROWS_32);
}

#[test]
fn long_attention_is_cut_and_needs_no_memory_of_its_own() {
    let gpu = device(AdapterKind::Discrete);
    let constants = constants(&LONG, &ATTENTION_COOPERATIVE, &gpu).unwrap();
    let stages = ATTENTION_COOPERATIVE
        .prepare(&constants, Loops::AsWritten, gpu.features)
        .unwrap();
    let stages: Vec<&Prepared> = stages.iter().collect();
    let schedule = LONG.schedule(&ATTENTION_COOPERATIVE, &stages, &gpu);
    let schedule = schedule.unwrap();
    assert!(schedule.scratch.iter().sum::<u64>() < 1 << 10);
    let tiles: u32 = schedule.steps.iter().map(|s| s.workgroups[0]).sum();
    assert_eq!(tiles, 32 * 65_536 / 256);
    assert!((30..40).contains(&schedule.steps.len()));
}
