//! Every element of C is computed once, of every part of K, and no dispatch costs more than it may.

use super::*;
use crate::data::Dtype;
use crate::gpu::Capabilities;
use crate::gpu::profile::{LOAD_FLOPS, flops_of_dispatch, flops_of_workgroup};
use crate::kernel::{Constants, Kernel, Slot};
use crate::ops::matmul::cost::{Arithmetic, Cost};
use crate::ops::matmul::sub_problems::split_k;
use crate::ops::scheduled::{config, scheduled};
use crate::ops::{Layout, Matmul, Operation, Order};
use crate::plan::{PlanOptions, chosen, constants_of};
use crate::report::AdapterKind;
use proptest::prelude::*;
use std::sync::Arc;

/// Adapters of each class, and the side of their matrix units.
const DEVICES: [(AdapterKind, u32); 5] = [
    (AdapterKind::Software, 0),
    (AdapterKind::Integrated, 0),
    (AdapterKind::Integrated, 8),
    (AdapterKind::Discrete, 0),
    (AdapterKind::Discrete, 16),
];

fn device((kind, side): (AdapterKind, u32)) -> Capabilities {
    Capabilities::fake(kind)
        .with_f16()
        .with_subgroups((32, 32))
        .with_matrix_units(side)
        .with_workgroup_memory()
        .with_invocations(1024)
}

/// Traits by which kernels differ here.
#[derive(Clone, Copy)]
struct Kind {
    vector: bool,
    split: bool,
}

/// The uniform of a dispatch of any kernel of the family, by the places of its words.
struct Uniform<'a>(&'a [u32]);

impl Uniform<'_> {
    fn word(&self, place: usize) -> u64 {
        self.0[place].into()
    }

    fn sizes(&self) -> [u64; 3] {
        [self.word(0), self.word(1), self.word(2)]
    }

    fn first(&self) -> u64 {
        self.word(self.0.len() - 1)
    }

    /// Where (plane, row, column) of C, or of the planes of parts, lies.
    fn place(&self, kind: Kind, stage: usize, [plane, row, column]: [u64; 3]) -> u64 {
        let [m, n, _] = self.sizes();
        let c_first = self.word(9);
        if stage == 0 && kind.vector {
            return c_first + plane * self.word(18) + row * self.word(14) + column * self.word(15);
        }
        if stage == 0 && kind.split {
            return c_first + plane * m * n + row * n + column;
        }
        c_first + plane * self.word(17) + row * self.word(14) + column
    }
}

/// Rows and columns of the tile number `tile`, as the files number them.
fn tile_of(file: &Prepared, uniform: &Uniform<'_>, tile: u64) -> [Range<u64>; 2] {
    let [m, n, _] = uniform.sizes();
    let [rows, columns] = ["TILE_M", "TILE_N"].map(|side| u64::from(file.constant(side)));
    let tiles_n = uniform.word(3);
    assert_eq!(tiles_n, n.div_ceil(columns));
    let (row, column) = if let Some(group) = file.constants.get("GROUP") {
        let (group, tiles_m) = (u64::from(*group), m.div_ceil(rows));
        let (before, within) = (tile / (group * tiles_m), tile % (group * tiles_m));
        let columns = group.min(tiles_n - before * group);
        (within / columns, before * group + within % columns)
    } else {
        (tile / tiles_n, tile % tiles_n)
    };
    [
        row * rows..m.min((row + 1) * rows),
        column * columns..n.min((column + 1) * columns),
    ]
}

/// How often each element of a buffer was written, and how much of K its sum covers.
type Written = Vec<(u32, u32)>;

/// Writes of all dispatches so far, and the cost that each may have.
struct Run<'a> {
    kind: Kind,
    files: &'a [Arc<Prepared>],
    device: &'a Capabilities,
    cost: Cost,
    /// The watchdog limit: FLOPs of a dispatch at most.
    budget: u64,
    /// Writes to the planes of parts of K; `result` has the writes to C.
    sums: Written,
    result: Written,
}

impl Run<'_> {
    /// A dispatch of products, to planes or to C from element `begin` on.
    fn multiply(&mut self, uniform: &Uniform<'_>, count: u64, begin: u64) {
        let [m, _, k] = uniform.sizes();
        let (parts, split_k) = (uniform.word(5), uniform.word(6));
        let tile_m = u64::from(self.files[0].constant("TILE_M"));
        let tiles = m.div_ceil(tile_m) * uniform.word(3);
        let (written, begin) = if self.kind.split {
            (&mut self.sums, 0)
        } else {
            (&mut self.result, begin)
        };
        let mut walked = 0;
        for id in uniform.first()..uniform.first() + count {
            let plane = id / tiles;
            if plane >= uniform.word(4) {
                // Workgroups beyond the last plane fill the grid, only where nothing is cut.
                assert_eq!(uniform.first(), 0);
                continue;
            }
            let depth = k.saturating_sub(plane % parts * split_k).min(split_k);
            walked += depth;
            let [rows, columns] = tile_of(&self.files[0], uniform, id % tiles);
            for row in rows {
                for column in columns.clone() {
                    let at = uniform.place(self.kind, 0, [plane, row, column]);
                    let cell = &mut written[(begin + at) as usize];
                    *cell = (cell.0 + 1, depth as u32);
                }
            }
            let alone = self.cost.of_depth(depth);
            let bearable = flops_of_workgroup(self.device, self.cost.units);
            assert!(!self.kind.split || alone <= bearable);
        }
        assert!(count == 1 || walked * self.cost.step <= self.budget);
    }

    /// A dispatch that sums parts of K: each workgroup sums the parts of consecutive elements.
    fn reduce(&mut self, uniform: &Uniform<'_>, count: u64, begin: u64) {
        let [m, n, _] = uniform.sizes();
        let parts = uniform.word(5);
        let each = u64::from(self.files[1].constant("REDUCE_WORKGROUP"));
        let all = uniform.word(4) / parts * m * n;
        for id in uniform.first() * each..all.min((uniform.first() + count) * each) {
            let (matrix, element) = (id / (m * n), id % (m * n));
            let mut walked = 0;
            for part in 0..parts {
                let at = (matrix * parts + part) * m * n + element;
                let (times, depth) = std::mem::take(&mut self.sums[at as usize]);
                assert_eq!(times, 1);
                walked += depth;
            }
            let at = uniform.place(self.kind, 1, [matrix, element / n, element % n]);
            let cell = &mut self.result[(begin + at) as usize];
            *cell = (cell.0 + 1, walked);
        }
        let cost = count * each * (parts + 1) * LOAD_FLOPS;
        assert!(count == 1 || cost <= self.budget);
    }
}

fn work_of(kernel: &Kernel) -> Arithmetic {
    match kernel.name {
        "matmul_naive" | "matmul_tiled" => Arithmetic::Unblocked,
        "matmul_blocked" => Arithmetic::Blocked,
        "matmul_vector" => Arithmetic::Vector,
        _ => Arithmetic::MatrixUnits,
    }
}

/// Whether a kernel has a form for a product: where bindings ask for parts of K, kernels that have none are refused.
fn has_form(candidate: &dyn crate::ops::Candidate, device: &Capabilities) -> bool {
    constants_of(candidate, &PlanOptions::default(), device).is_ok()
}

/// Checks the dispatches of a kernel against every element of C, and against a watchdog limit: `budget` in MFLOP, or the
/// limit of the device.
fn check(matmul: &Matmul, kernel: &'static Kernel, device: &Capabilities, budget: Option<u32>) {
    let mut options = PlanOptions::default();
    if let Some(most) = budget {
        options.constants = Constants::new().set("BUDGET", most);
    }
    let (files, schedule) = scheduled(matmul, kernel, &options, device);
    let work = work_of(kernel);
    let cost = Cost::from_prepared(work, &files[0], device.kind);
    let kind = Kind {
        vector: work == Arithmetic::Vector,
        split: split_k(&files[0]) > 1,
    };
    let planes = if kind.split { schedule.scratch[0] } else { 0 };
    let elements = matmul.operands().last().unwrap().elements;
    let mut run = Run {
        kind,
        files: &files,
        device,
        cost,
        budget: budget.map_or(flops_of_dispatch(device, cost.units), |most| {
            u64::from(most) * MFLOP
        }),
        sums: vec![(0, 0); planes as usize / 4],
        result: vec![(0, 0); elements as usize],
    };
    for step in &schedule.steps {
        let uniform = Uniform(bytemuck::cast_slice(&step.params));
        let count = step.workgroups.iter().map(|n| u64::from(*n)).product();
        let is_c = |w: &&BindingRange| w.slot == Slot::Operand(matmul.operands().len() - 1);
        let begin = step.windows.iter().rfind(is_c).map_or(0, |c| c.offset);
        let begin = begin / matmul.output.bytes();
        if step.stage == 1 {
            run.reduce(&uniform, count, begin);
        } else {
            run.multiply(&uniform, count, begin);
        }
    }
    let written = run.result.iter().filter(|(times, _)| *times > 0).count();
    assert_eq!(written as u64, matmul.batch * matmul.m * matmul.n);
    let [_, _, c] = matmul.strides().unwrap();
    for matrix in 0..matmul.batch {
        for row in 0..matmul.m {
            for column in 0..matmul.n {
                let cell = run.result[c.at(matrix, row, column) as usize];
                assert_eq!(cell, (1, matmul.k as u32));
            }
        }
    }
    let kept: u64 = schedule.scratch.iter().sum();
    assert!(kept <= device.limits.max_storage_buffer_binding_size + 16);
}

/// A product with few elements of C: the deeper, the longer it takes.
fn product() -> impl Strategy<Value = Matmul> {
    let side = || prop_oneof![1u64..24, 1u64..160];
    let depth = prop_oneof![1u64..3000, 1u64..300_000];
    let order = || prop::sample::select(vec![Order::RowMajor, Order::ColumnMajor]);
    let rest = (order(), order(), 0u64..4, any::<bool>());
    (side(), side(), depth, 1u64..3, rest).prop_map(|(m, n, k, batch, (a, b, gap, half))| Matmul {
        a: Layout {
            order: a,
            ..Layout::default()
        },
        b: Layout {
            order: b,
            ..Layout::default()
        },
        c: Layout {
            row_stride: Some(n + gap),
            offset: gap,
            ..Layout::default()
        },
        batch,
        dtype: if half { Dtype::F16 } else { Dtype::F32 },
        ..Matmul::new(m, n, k)
    })
}

/// Any device, with bindings that hold all operands or some rows of them.
fn any_device() -> impl Strategy<Value = Capabilities> {
    let bindings = prop::sample::select(vec![1 << 27, 1 << 18]);
    (prop::sample::select(DEVICES.to_vec()), bindings)
        .prop_map(|(of, bytes)| device(of).with_bindings(bytes))
}

#[test]
fn drawn_products_are_cut_into_all_of_c_within_the_budget() {
    proptest!(config(48), |(matmul in product(), device in any_device())| {
        for candidate in matmul.candidates() {
            if has_form(&*candidate, &device) {
                check(&matmul, candidate.kernel(), &device, None);
            }
        }
    });
}

/// Products by every kernel, with a small watchdog limit that is given (`BUDGET`).
#[test]
fn drawn_products_are_cut_as_asked() {
    proptest!(config(48), |(matmul in product(), device in any_device(), most in 1u32..200)| {
        let matmul = Matmul { k: matmul.k.min(9000), ..matmul };
        for candidate in matmul.candidates() {
            if has_form(&*candidate, &device) {
                check(&matmul, candidate.kernel(), &device, Some(most));
            }
        }
    });
}

/// A product without elements has no dispatches, however many parts of K are asked for; one without depth sums nothing.
#[test]
fn empty_products_are_planned_by_every_kernel() {
    let device = device((AdapterKind::Discrete, 16)).with_bindings(1 << 27);
    for [batch, m, n, k] in [[0, 8, 8, 8], [1, 0, 5, 3], [1, 5, 0, 3], [2, 5, 3, 0]] {
        let matmul = Matmul {
            batch,
            ..Matmul::new(m, n, k)
        };
        for candidate in matmul.candidates() {
            for parts in [1u32, 3] {
                let mut options = PlanOptions::default();
                if candidate.kernel().declares("SPLIT_K") {
                    options.constants = Constants::new().set("SPLIT_K", parts);
                }
                if constants_of(&*candidate, &options, &device).is_ok() {
                    let (_, schedule) = scheduled(&matmul, candidate.kernel(), &options, &device);
                    let is_empty = batch * m * n == 0;
                    assert_eq!(schedule.steps.is_empty(), is_empty, "{matmul:?}");
                }
            }
        }
    }
}

/// How many dispatches of products a shape gets, by the kernel that is chosen.
fn dispatches(matmul: &Matmul, device: &Capabilities) -> (&'static str, usize) {
    let options = PlanOptions::default();
    let kernel = chosen(matmul, &options, device).unwrap().0.kernel();
    let (_, schedule) = scheduled(matmul, kernel, &options, device);
    let steps = schedule.steps;
    (
        kernel.name,
        steps.iter().filter(|step| step.stage == 0).count(),
    )
}

/// Short products are one dispatch; only products that are long for an adapter are cut.
#[test]
fn products_are_whole_where_they_are_short() {
    let large = |kind, side| device((kind, side)).with_bindings(u64::from(u32::MAX));
    let fast = large(AdapterKind::Discrete, 16);
    let half = |side| Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(side, side, side)
    };
    let whole = |side| Matmul::new(side, side, side);
    assert_eq!(dispatches(&half(8192), &fast), ("matmul_aligned", 1));
    assert_eq!(dispatches(&whole(4096), &fast), ("matmul_blocked", 1));
    assert_eq!(dispatches(&whole(8192), &fast), ("matmul_blocked", 7));
    assert_eq!(dispatches(&Matmul::new(1, 16_384, 16_384), &fast).1, 1);
    let old = large(AdapterKind::Discrete, 0);
    assert_eq!(dispatches(&whole(2048), &old), ("matmul_blocked", 1));
    assert_eq!(dispatches(&whole(4096), &old), ("matmul_blocked", 6));
    let small = large(AdapterKind::Integrated, 0);
    assert_eq!(dispatches(&whole(1024), &small), ("matmul_blocked", 1));
    assert_eq!(dispatches(&whole(2048), &small), ("matmul_blocked", 4));
    let processor = large(AdapterKind::Software, 0);
    assert_eq!(dispatches(&whole(256), &processor), ("matmul_blocked", 1));
    assert_eq!(dispatches(&whole(1024), &processor), ("matmul_blocked", 16));
}

/// K is summed in parts where one workgroup would take too long for it, and only there.
#[test]
fn deep_products_have_parts() {
    let of = |of, [m, n, k]: [u64; 3]| {
        let device = device(of).with_bindings(u64::from(u32::MAX));
        let (matmul, options) = (Matmul::new(m, n, k), PlanOptions::default());
        let (candidate, _) = chosen(&matmul, &options, &device).unwrap();
        let constants = constants_of(&*candidate, &options, &device).unwrap();
        let parts = constants.integer("SPLIT_K").unwrap();
        (candidate.kernel().name, parts > 1)
    };
    let processor = (AdapterKind::Software, 0);
    assert_eq!(of(processor, [64, 64, 4096]), ("matmul_blocked", false));
    assert_eq!(of(processor, [64, 64, 9000]), ("matmul_blocked", true));
    assert_eq!(of(processor, [1, 64, 9000]), ("matmul_vector", false));
    assert_eq!(of(processor, [1, 64, 1 << 20]), ("matmul_vector", true));
    let fast = (AdapterKind::Discrete, 16);
    let deepest = Cost::largest(Arithmetic::Blocked, AdapterKind::Discrete).deepest(&device(fast));
    assert!((65_536..1 << 18).contains(&deepest));
    assert_eq!(of(fast, [4096, 4096, 1 << 18]), ("matmul_blocked", true));
}

/// A dispatch range is a multiple of the workgroups that fill the device, where the limit has room for that many; the last
/// range has the rest.
#[test]
fn runs_are_of_one_size() {
    let within = |workgroups, filling, budget| {
        let ranges = DispatchRanges {
            workgroups,
            flops: 10,
            fill_device: filling,
        };
        let limits = wgpu::Limits::default();
        let lengths = ranges.within(budget, &limits);
        lengths.map(|run| run.end - run.start).collect::<Vec<_>>()
    };
    assert_eq!(within(100, 7, 0), [100]);
    assert_eq!(within(100, 7, 1000), [100]);
    assert_eq!(within(100, 1, 999), [50, 50]);
    assert_eq!(within(100, 30, 999), [60, 40]);
    assert_eq!(within(100, 7, 300), [28, 28, 28, 16]);
    assert_eq!(within(5, 7, 19), [1; 5]);
    // Workgroups beyond 65,535 would fill a second line of the grid, some of it with the work of others.
    assert_eq!(within(100_000, 1, 900_000), [50_000, 50_000]);
}
