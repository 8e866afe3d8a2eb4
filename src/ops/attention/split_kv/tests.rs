//! Which shapes the kernels are for, and how the work is cut.

use super::super::decode::DECODE;
use super::super::decode_subgroup::DECODE_SUBGROUP;
use super::super::options::Mask;
use super::super::split_kv_dispatch::SCRATCH;
use super::*;
use crate::data::generate;
use crate::kernel::Schedule;
use crate::ops::Operation;
use crate::ops::scheduled;
use crate::plan::{Choice, PlanOptions, choose};

const CACHE: KvCache = KvCache::Paged {
    pages: 5000,
    page_size: 16,
};

fn device(kind: AdapterKind, lanes: u32) -> Capabilities {
    Capabilities::fake(kind)
        .with_f16()
        .with_subgroups((lanes, lanes))
}

fn shape(heads: u64, seq_q: u64, seq_kv: u64) -> Attention {
    Attention {
        kv_heads: 8,
        seq_kv,
        ..Attention::new(1, heads, seq_q, 64)
    }
}

fn chosen(attention: &Attention, device: &Capabilities) -> Choice {
    choose(attention, &PlanOptions::default(), device).unwrap()
}

#[test]
fn few_rows_of_many_keys_and_pages_are_theirs() {
    let gpu = device(AdapterKind::Discrete, 32);
    let name = |attention: &Attention| chosen(attention, &gpu).kernel.name;
    assert_eq!(name(&shape(32, 1, 4096)), DECODE_SUBGROUP.kernel.name);
    assert_eq!(name(&shape(8, 16, 128)), DECODE_SUBGROUP.kernel.name);
    let paged = Attention {
        cache: CACHE,
        ..shape(32, 300, 70_000)
    };
    assert_eq!(name(&paged), DECODE_SUBGROUP.kernel.name);
    // A key of 16 lanes does not fit a subgroup of 8.
    let small = device(AdapterKind::Integrated, 8);
    let choice = chosen(&shape(32, 1, 4096), &small);
    assert_eq!(choice.kernel.name, DECODE.kernel.name);
    assert!(choice.reason.contains("16 lanes to a key"), "{choice:?}");
}

#[test]
fn many_rows_or_few_keys_are_left_to_others() {
    let gpu = device(AdapterKind::Discrete, 32);
    for (attention, reason) in [
        (shape(8, 17, 4096), "17 rows to a key head"),
        (shape(8, 1, 127), "127 keys"),
    ] {
        let choice = chosen(&attention, &gpu);
        assert!(!choice.kernel.name.contains("decode"), "{choice:?}");
        assert!(choice.reason.contains(reason), "{choice:?}");
    }
}

fn scheduled(attention: &Attention, device: &Capabilities) -> Schedule {
    let options = PlanOptions::default();
    scheduled::scheduled(attention, &DECODE.kernel, &options, device).1
}

#[test]
fn keys_are_split_until_the_device_is_full() {
    let gpu = device(AdapterKind::Discrete, 32);
    let workgroups = |attention: &Attention| {
        let schedule = scheduled(attention, &gpu);
        assert_eq!(schedule.steps.len(), 2);
        schedule.steps[0].workgroups.iter().product::<u32>()
    };
    let many = workgroups(&shape(32, 1, 32_768));
    assert!((256..2048).contains(&many), "{many}");
    // Splits have keys enough to be worth a workgroup, also within a window.
    assert_eq!(workgroups(&shape(32, 1, 512)), 8 * 4);
    let window = Attention {
        window: Some(128),
        mask: Mask::Causal,
        ..shape(32, 1, 32_768)
    };
    assert!(workgroups(&window) <= 8 * 2);
}

#[test]
fn long_work_is_cut_and_its_parts_are_bounded() {
    let gpu = device(AdapterKind::Discrete, 32);
    let paged = Attention {
        cache: CACHE,
        ..shape(32, 20_000, 70_000)
    };
    let schedule = scheduled(&paged, &gpu);
    assert!(schedule.steps.len() > 2);
    assert!(schedule.scratch.iter().sum::<u64>() <= SCRATCH + 16);
    let slow = scheduled(&paged, &device(AdapterKind::Software, 8));
    assert!(slow.steps.len() > schedule.steps.len());
}

/// A cache that is large enough has no page twice in its table, one that is not draws each page alone.
#[test]
fn generated_tables_have_pages_once() {
    let table = |pages| {
        let attention = Attention {
            cache: KvCache::Paged {
                pages,
                page_size: 16,
            },
            ..shape(32, 1, 4096)
        };
        let operands = attention.operands();
        let place = operands.iter().position(|o| o.name == "table").unwrap();
        let table = operands[place];
        let entries = table.elements as usize;
        let mut found = generate(3, place, entries, table.dtype, table.distribution);
        found.sort_by(f32::total_cmp);
        found.dedup();
        (entries, found.len())
    };
    assert_eq!(table(256), (256, 256));
    assert_eq!(table(1000), (256, 256));
    assert!(table(200).1 <= 200);
}

#[test]
fn a_workgroup_is_as_large_as_its_memory() {
    let workgroup = |bytes: u32, dtype: Dtype| {
        let mut gpu = device(AdapterKind::Discrete, 32);
        gpu.limits.max_compute_workgroup_storage_size = bytes;
        let attention = Attention {
            head_dim: 128,
            value_dim: 128,
            dtype,
            ..shape(32, 1, 4096)
        };
        let candidate = DECODE_SUBGROUP.bound(&attention);
        let constants = candidate.constants(&gpu, &Constants::new()).unwrap();
        ["WORKGROUP", "WORKGROUPS"].map(|name| constants.integer(name).unwrap())
    };
    let (large, small) = ([256, 256], [128, 512]);
    assert_eq!(workgroup(48 << 10, Dtype::F16), large);
    assert_eq!(workgroup(16 << 10, Dtype::F16), small);
    assert_eq!(workgroup(16 << 10, Dtype::F32), large);
}
