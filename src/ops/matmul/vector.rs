//! `matmul_vector`: the larger operand read once by many, for few rows or few columns; K at once or in parts.

use super::cost::{Arithmetic, Cost};
use super::dispatch::DispatchRanges;
use super::form::types;
use super::layout::Strides;
use super::params::{Split, windows};
use super::partials::{self, Partials, reduce};
use super::quantized::floats_alone;
use super::shape::Matmul;
use super::split_k::SplitK;
use super::sub_problems::{Multiply, split_k};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    BUSY, compiles_long_texts_slowly, runs_invocations_in_turn, vector_registers, vector_sums,
};
use crate::kernel::{BindingRange, Constants, Kernel, Schedule, Slot, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Prepared, files};
use std::ops::RangeInclusive;

const WORK: Arithmetic = Arithmetic::Vector;

pub(super) static VECTOR: Implementation<Matmul> = Implementation {
    kernel: Kernel::new(
        "matmul_vector",
        "the larger operand read once by many: for few rows or few columns; parts of K where these are few",
        &[Stage::of(&files::MATMUL_VECTOR), partials::REDUCE],
    ),
    fit: |matmul, device| floats_alone(matmul, || fit(matmul, device)),
    constants: |matmul, device, given| SPLIT.constants(matmul, device, given),
    alternatives: |matmul, device| SPLIT.alternative(matmul, device).into_iter().collect(),
    schedule,
    samples: None,
};

/// Rows or columns up to which memory decides.
const FEW: u64 = 16;
/// The least K that is worth parts.
const DEEP: u64 = 2048;

/// Sizes and operands as the kernel sees them: the product itself, or its transpose where C has fewer columns than rows.
#[derive(Debug, Clone, Copy)]
struct Roles {
    mirrored: bool,
    m: u64,
    n: u64,
    k: u64,
    batch: u64,
    /// The operand with `m` rows; its columns run along K.
    small: Strides,
    /// The operand with `n` columns; its rows run along K.
    large: Strides,
    c: Strides,
}

impl Roles {
    fn of(matmul: &Matmul) -> Result<Self> {
        Self::given(matmul, matmul.n < matmul.m)
    }

    fn given(matmul: &Matmul, mirrored: bool) -> Result<Self> {
        let [left, right, result] = matmul.strides()?;
        let swapped = |places: Strides| Strides {
            row_step: places.column_step,
            column_step: places.row_step,
            ..places
        };
        let as_is = Self {
            mirrored,
            m: matmul.m,
            n: matmul.n,
            k: matmul.k,
            batch: matmul.batch,
            small: left,
            large: right,
            c: result,
        };
        if !mirrored {
            return Ok(as_is);
        }
        Ok(Self {
            m: matmul.n,
            n: matmul.m,
            small: swapped(right),
            large: swapped(left),
            c: swapped(result),
            ..as_is
        })
    }

    /// Whether lines of `length` elements next to each other, `lines` of them `stride` apart, can be fetched `width`
    /// elements at a time.
    fn wide(&self, places: &Strides, length: u64, lines: u64, stride: u64, width: u64) -> bool {
        let fits = |applies: bool, size: u64| !applies || size.is_multiple_of(width);
        fits(true, places.first)
            && fits(true, length)
            && fits(lines > 1, stride)
            && fits(self.batch > 1, places.batch)
    }

    /// Whether the larger operand lies along K.
    fn along_k(&self) -> bool {
        self.large.row_step == 1
    }

    /// Whether (the smaller, the larger) operand can be fetched 16 bytes at a time.
    fn wides(&self, width: u64) -> (bool, bool) {
        let small = self.small.column_step == 1
            && self.wide(&self.small, self.k, self.m, self.small.row_step, width);
        if self.along_k() {
            // Both operands are read along K in the same order, or neither is wide.
            let step = self.large.column_step;
            let both = small && self.wide(&self.large, self.k, self.n, step, width);
            return (both, both);
        }
        let large = self.large.column_step == 1
            && self.wide(&self.large, self.n, self.k, self.large.row_step, width);
        (small, large)
    }
}

/// Parts of a product that an invocation and a workgroup compute.
#[derive(Debug, Clone, Copy)]
struct Shares {
    /// Rows of C.
    rows: u64,
    /// Columns of C of an invocation.
    columns: u64,
    /// Invocations along N and along K.
    lanes: [u64; 2],
    /// Whether the larger operand is fetched 16 bytes at a time.
    is_wide: bool,
}

impl Shares {
    /// Registers of an invocation: sums, a block of the larger operand, a chunk of the smaller one, and addresses, of which
    /// columns next to each other need one.
    fn registers(&self, width: u64, along_k: bool) -> u64 {
        let columns = if self.is_wide && !along_k {
            1
        } else {
            self.columns
        };
        (self.rows + width) * self.columns + width + self.rows + columns
    }

    fn fits(&self, width: u64, along_k: bool, device: &Capabilities) -> bool {
        self.rows * self.columns <= vector_sums(device)
            && self.registers(width, along_k) <= vector_registers(device)
    }

    /// The shares cut down to what an invocation of `device` holds without a spill: fewer columns first, then fewer rows,
    /// each of which reads the larger operand once more. Columns fewer than a chunk are fetched one by one.
    fn held(self, width: u64, along_k: bool, device: &Capabilities) -> Self {
        let halves = std::iter::successors(Some(self.rows), |rows| Some(rows / 2));
        let of_rows = |rows| {
            let own = Self { rows, ..self };
            let narrow = [4, 2].map(|columns| Self {
                columns,
                lanes: if along_k { self.lanes } else { [32, 8] },
                is_wide: self.is_wide && along_k,
                ..own
            });
            let smaller = narrow.into_iter().filter(move |narrow| {
                narrow.columns < own.columns && (rows * narrow.columns).is_multiple_of(ROUND)
            });
            std::iter::once(own).chain(smaller)
        };
        let mut all = halves.take_while(|rows| *rows > 0).flat_map(of_rows);
        all.find(|shares| shares.fits(width, along_k, device))
            .unwrap_or(self)
    }
}

/// Sums that an invocation merges at once: `ROUND` of the file.
const ROUND: u64 = 4;

/// Shares that suit a shape, all within 256 invocations. Measured on one discrete GPU: more rows want more columns an
/// invocation, so that what is fetched of the smaller operand serves more of the larger one.
fn shares(roles: &Roles, dtype: Dtype, device: &Capabilities) -> Shares {
    let width = 16 / dtype.bytes();
    if runs_invocations_in_turn(device) || compiles_long_texts_slowly(device) {
        // Sums of few invocations are merged soon.
        return Shares {
            rows: roles.m.clamp(1, 4).next_power_of_two(),
            columns: if roles.along_k() { 4 } else { width },
            lanes: [4, 4],
            is_wide: roles.wides(width).1,
        };
    }
    let rows = roles.m.clamp(1, FEW).next_power_of_two();
    let half = dtype == Dtype::F16;
    let (columns, lanes) = if roles.along_k() {
        match rows {
            1 | 2 => (4, [2, 128]),
            4 if half => (4, [2, 128]),
            4 => (8, [4, 32]),
            _ => (8, [8, 16]),
        }
    } else if roles.wides(width).1 {
        match rows {
            1 | 2 => (width, [32, 8]),
            4 => (width, [if half { 16 } else { 32 }, 8]),
            8 => (8, [32, 8]),
            _ => (width, [16, 16]),
        }
    } else {
        (4, [32, 8])
    };
    let tuned = Shares {
        // A fourth row that does not exist costs as much as one that does.
        rows: if roles.m == 3 { 3 } else { rows },
        columns,
        lanes,
        is_wide: roles.wides(width).1,
    };
    tuned.held(width, roles.along_k(), device)
}

/// Workgroups of a matrix.
fn tiles(roles: &Roles, shares: &Shares) -> u64 {
    roles.m.div_ceil(shares.rows) * roles.n.div_ceil(shares.columns * shares.lanes[0])
}

/// Whether there are too few columns to keep a device busy, and a K deep enough to share.
fn parts_are_profitable(matmul: &Matmul, device: &Capabilities) -> bool {
    let Ok(roles) = Roles::of(matmul) else {
        return false;
    };
    let tiles = tiles(&roles, &shares(&roles, matmul.dtype, device));
    // Where memory runs along K a workgroup reads long runs anyway.
    let enough = if roles.along_k() { BUSY } else { 4 * BUSY };
    matmul.k >= DEEP && matmul.batch * tiles < enough
}

fn fit(matmul: &Matmul, device: &Capabilities) -> Fit {
    /// Rows from which on other kernels keep up with memory as well, where they fill a device better.
    const SEVERAL: u64 = 5;
    let narrow = matmul.m.min(matmul.n);
    if narrow > FEW {
        return Fit::Able(format!(
            "{narrow} rows or columns, it is made for {FEW} at most"
        ));
    }
    let Ok(roles) = Roles::of(matmul) else {
        return Fit::Best;
    };
    if narrow < SEVERAL || runs_invocations_in_turn(device) {
        return Fit::Best;
    }
    if roles.along_k() && !roles.wides(16 / matmul.dtype.bytes()).1 {
        return Fit::Able(format!(
            "{narrow} rows or columns, each with loads of single elements along K"
        ));
    }
    let tiles = matmul.batch * tiles(&roles, &shares(&roles, matmul.dtype, device));
    Fit::unless((matmul.k < DEEP && 2 * tiles < BUSY).then(|| {
        format!("{tiles} workgroups do not keep the device busy, and K is too shallow for parts")
    }))
}

const SPLIT: SplitK = SplitK {
    work: WORK,
    own: operands,
    is_profitable: parts_are_profitable,
    split: |product, chosen, number, _| split(product, chosen, number),
    edges,
};

/// Parts of K that make the workgroups of `chosen` keep a device busy.
fn split(product: &Matmul, chosen: &Constants, number: &RangeInclusive<u64>) -> Split {
    let size = |name| chosen.integer(name).unwrap_or(1);
    let (m, n) = if chosen.is_set("MIRRORED") {
        (product.n, product.m)
    } else {
        (product.m, product.n)
    };
    let columns = size("ELEMS_N") * size("LANES_N");
    let tiles = product.batch * m.div_ceil(size("TILE_M")) * n.div_ceil(columns);
    Split::busy(product.k, tiles, size("LANES_K") * size("WIDTH"), number)
}

/// The edge along K, which is ragged where no step is named. The file guards rows and columns whatever their number.
fn edges(matmul: &Matmul, chosen: &Constants) -> Constants {
    let size = |name| chosen.integer(name).unwrap_or(0);
    let step = size("LANES_K") * size("WIDTH");
    Constants::new().set("RAGGED_K", step == 0 || !matmul.k.is_multiple_of(step))
}

/// Constants that the operands decide.
fn operands(matmul: &Matmul, is_split: bool, device: &Capabilities) -> Result<Constants> {
    let roles = Roles::of(matmul)?;
    let width = 16 / matmul.dtype.bytes();
    let (wide_small, _) = roles.wides(width);
    let shares = shares(&roles, matmul.dtype, device);
    let result = if is_split { Dtype::F32 } else { matmul.output };
    Ok(Constants::new()
        .set("Elem", types(matmul.dtype)[0])
        .set("ElemC", types(result)[0])
        .set("HALF", matmul.dtype == Dtype::F16)
        .set("WIDTH", width)
        .set("WIDE_A", wide_small)
        .set("WIDE_B", shares.is_wide)
        .set("ALONG_K", roles.along_k())
        .set("MIRRORED", roles.mirrored)
        .set("TILE_M", shares.rows)
        .set("ELEMS_N", shares.columns)
        .set("LANES_N", shares.lanes[0])
        .set("LANES_K", shares.lanes[1]))
}

/// Binding 0 of the kernel.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,
    planes: u32,
    splits: u32,
    split_k: u32,
    a_first: u32,
    b_first: u32,
    c_first: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
    c_row: u32,
    c_column: u32,
    a_batch: u32,
    b_batch: u32,
    c_plane: u32,
    alpha: f32,
    beta: f32,
    /// Workgroups in the dispatches before.
    first: u32,
}

fn schedule(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let multiply = Multiply {
        matmul,
        work: WORK,
        stages,
        device,
        takes_edges: true,
        at_once: |product: &Matmul, partials| at_once(product, stages, device, partials),
    };
    multiply.schedule()
}

/// The dispatches of a product whose operands are bound whole.
fn at_once(
    matmul: &Matmul,
    stages: &[&Prepared],
    device: &Capabilities,
    partials: Partials,
) -> Result<Schedule> {
    if matmul.batch * matmul.m * matmul.n == 0 {
        return Ok(Schedule::default());
    }
    let constant = |name: &str| u64::from(stages[0].constant(name));
    // A part of a product keeps the roles of the whole.
    let roles = Roles::given(matmul, constant("MIRRORED") == 1)?;
    let tiles_n = roles.n.div_ceil(constant("TILE_N"));
    let tiles = roles.batch * roles.m.div_ceil(constant("TILE_M")) * tiles_n;
    let cost = Cost::from_prepared(WORK, stages[0], device.kind);
    let parts = split_k(stages[0]);
    let split = if parts > 1 {
        partials.split(roles.k, parts, constant("STEP_K"), cost.deepest(device))
    } else {
        Split::NONE
    };
    let [a, b, bias, result] = windows(matmul);
    let (small, large) = if roles.mirrored { (b, a) } else { (a, b) };
    let nothing = BindingRange::whole(Slot::Operand(0), 0);
    let bound = |wide: &str, window: BindingRange| match constant(wide) {
        1 => [nothing, window],
        _ => [window, nothing],
    };
    let mut params = params(matmul, &roles, tiles_n, split);
    let mut schedule = Schedule::default();
    let mut sums = result;
    if parts > 1 {
        // The planes of the parts have no gaps, and lie as C does.
        let elements = roles.batch * roles.m * roles.n;
        schedule.scratch.push(elements * split.parts * 4);
        sums = BindingRange::whole(Slot::Scratch(0), schedule.scratch[0]);
        params.c_plane = params.m * params.n;
        params.c_first = partials.taken as u32 * params.c_plane;
        (params.c_row, params.c_column) = if roles.mirrored {
            (1, params.m)
        } else {
            (params.n, 1)
        };
    }
    let [a, a_wide] = bound("WIDE_A", small);
    let [b, b_wide] = bound("WIDE_B", large);
    let windows = [a, a_wide, b, b_wide, bias, sums];
    let ranges = DispatchRanges {
        workgroups: tiles * split.parts,
        flops: cost.of_depth(roles.k.min(split.depth)),
        fill_device: 1,
    };
    let stage = (0, stages[0]);
    schedule.steps = ranges.steps(stage, &windows, &device.limits, |first| {
        bytemuck::bytes_of(&Params { first, ..params }).to_vec()
    })?;
    if parts > 1 {
        let sum = reduce(matmul, stages[1], sums, split, &device.limits)?;
        schedule.steps.extend(sum);
    }
    Ok(schedule)
}

fn params(matmul: &Matmul, roles: &Roles, tiles_n: u64, split: Split) -> Params {
    Params {
        m: roles.m as u32,
        n: roles.n as u32,
        k: roles.k as u32,
        tiles_n: tiles_n as u32,
        planes: (roles.batch * split.parts) as u32,
        splits: split.parts as u32,
        split_k: split.depth as u32,
        a_first: roles.small.first as u32,
        b_first: roles.large.first as u32,
        c_first: roles.c.first as u32,
        a_row: roles.small.row_step as u32,
        a_k: roles.small.column_step as u32,
        b_k: roles.large.row_step as u32,
        b_column: roles.large.column_step as u32,
        c_row: roles.c.row_step as u32,
        c_column: roles.c.column_step as u32,
        a_batch: roles.small.batch as u32,
        b_batch: roles.large.batch as u32,
        c_plane: roles.c.batch as u32,
        alpha: matmul.alpha,
        beta: matmul.beta,
        first: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Architecture;
    use crate::ops::{Layout, Order};
    use crate::report::AdapterKind;

    fn device(architecture: Architecture) -> Capabilities {
        Capabilities::fake(AdapterKind::Discrete)
            .with_architecture(architecture)
            .with_f16()
    }

    fn shares_of(m: u64, n: u64, dtype: Dtype, architecture: Architecture) -> (u64, u64, bool) {
        let matmul = Matmul {
            dtype,
            ..Matmul::new(m, n, 8192)
        };
        let roles = Roles::of(&matmul).unwrap();
        let found = shares(&roles, dtype, &device(architecture));
        (found.rows, found.columns, found.is_wide)
    }

    /// By what compilers make of them: docs/performance-log/matmul.md.
    #[test]
    fn shares_are_those_that_a_compiler_holds() {
        use Architecture::*;
        let (few_rows, few_columns) = ((16, 8192), (8192, 16));
        for ((m, n), dtype, architecture, expected) in [
            (few_rows, Dtype::F32, Nvidia, (16, 4, true)),
            (few_columns, Dtype::F32, Nvidia, (16, 8, false)),
            (few_rows, Dtype::F16, Nvidia, (16, 8, true)),
            (few_rows, Dtype::F32, IntelXe2, (16, 4, true)),
            (few_columns, Dtype::F32, IntelXe2, (16, 4, false)),
            (few_rows, Dtype::F16, IntelXe2, (16, 2, false)),
            (few_columns, Dtype::F16, IntelXe2, (16, 2, false)),
            (few_columns, Dtype::F32, Adreno, (16, 2, false)),
            (few_columns, Dtype::F32, Apple, (16, 4, false)),
            (few_rows, Dtype::F16, Gcn, (16, 4, false)),
            ((1, 8192), Dtype::F16, IntelXe2, (1, 8, true)),
            (few_rows, Dtype::F32, Mali, (8, 2, false)),
        ] {
            let found = shares_of(m, n, dtype, architecture);
            assert_eq!(found, expected, "{architecture:?} {m} x {n} {dtype:?}");
        }
    }

    #[test]
    fn shares_fit_every_architecture() {
        use Architecture::*;
        let column_major = Layout {
            order: Order::ColumnMajor,
            ..Layout::default()
        };
        for architecture in [
            IntelGen9, IntelXe2, IntelXe3, Gcn, Cdna, Rdna2, Rdna3, Apple, Adreno, Mali, Nvidia,
            Unknown,
        ] {
            let device = device(architecture);
            for dtype in [Dtype::F32, Dtype::F16] {
                for b in [Layout::default(), column_major] {
                    for few in 1..=16 {
                        for n in [4095, 4096] {
                            let matmul = Matmul {
                                dtype,
                                b,
                                ..Matmul::new(few, n, 4096)
                            };
                            let roles = Roles::of(&matmul).unwrap();
                            let found = shares(&roles, dtype, &device);
                            let width = 16 / dtype.bytes();
                            assert!(
                                found.fits(width, roles.along_k(), &device),
                                "{architecture:?} {dtype:?} {few} x {n}: {found:?}"
                            );
                            assert!((found.rows * found.columns).is_multiple_of(ROUND));
                        }
                    }
                }
            }
        }
    }
}
