//! Products with few rows or few columns: what `matmul_vector` is told, and how its workgroups are dealt out.

use super::Matmul;
use super::choice::{is_split, types};
use super::layout::Places;
use super::runs::{Cost, Runs};
use super::schedule::{Planes, Split, reduce, windows};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::BUSY;
use crate::kernel::{Constants, Kernel, Schedule, Slot, Window, integer};
use crate::report::AdapterKind;
use crate::shader::{Constant, Prepared};

pub(super) fn is_vector(kernel: &Kernel) -> bool {
    kernel.declares("LANES_K")
}

/// Rows or columns up to which memory decides.
const FEW: u64 = 16;

/// Whether a product is so narrow that reading its larger operand once is all that counts.
pub(super) fn is_few(matmul: &Matmul) -> bool {
    matmul.m.min(matmul.n) <= FEW
}

/// Sizes and operands as the kernel sees them: the product itself, or its transpose where C has fewer columns than rows.
#[derive(Debug, Clone, Copy)]
struct Roles {
    mirrored: bool,
    m: u64,
    n: u64,
    k: u64,
    batch: u64,
    /// The operand with `m` rows; its columns run along K.
    small: Places,
    /// The operand with `n` columns; its rows run along K.
    large: Places,
    c: Places,
}

impl Roles {
    fn of(matmul: &Matmul) -> Result<Self> {
        Self::given(matmul, matmul.n < matmul.m)
    }

    fn given(matmul: &Matmul, mirrored: bool) -> Result<Self> {
        let [left, right, result] = matmul.places()?;
        let swapped = |places: Places| Places {
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
    fn wide(&self, places: &Places, length: u64, lines: u64, stride: u64, width: u64) -> bool {
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
            // Both walk K in the same order, or neither is wide.
            let step = self.large.column_step;
            let both = small && self.wide(&self.large, self.k, self.n, step, width);
            return (both, both);
        }
        let large = self.large.column_step == 1
            && self.wide(&self.large, self.n, self.k, self.large.row_step, width);
        (small, large)
    }
}

/// What an invocation and a workgroup take of a product.
#[derive(Debug, Clone, Copy)]
struct Shares {
    /// Rows of C.
    rows: u64,
    /// Columns of C of an invocation.
    columns: u64,
    /// Invocations along N and along K.
    lanes: [u64; 2],
}

/// Shares that suit a shape, all within 256 invocations. Measured on one discrete GPU: more rows want more columns an
/// invocation, so that what is fetched of the smaller operand serves more of the larger one.
fn shares(roles: &Roles, dtype: Dtype, kind: AdapterKind) -> Shares {
    let width = 16 / dtype.bytes();
    if kind == AdapterKind::Software {
        // A CPU compiles long texts slowly, finds what it read before in its caches, and waits long at barriers: sums of
        // few invocations are merged soon.
        return Shares {
            rows: roles.m.clamp(1, 4).next_power_of_two(),
            columns: if roles.along_k() { 4 } else { width },
            lanes: [4, 4],
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
    Shares {
        rows,
        columns,
        lanes,
    }
}

/// Whether there are too few columns to keep a device busy, and a K deep enough to share.
pub(super) fn wants_split(matmul: &Matmul, device: &Capabilities) -> bool {
    let Ok(roles) = Roles::of(matmul) else {
        return false;
    };
    let shares = shares(&roles, matmul.dtype, device.kind);
    let tiles = roles.m.div_ceil(shares.rows) * roles.n.div_ceil(shares.columns * shares.lanes[0]);
    // Where memory runs along K a workgroup reads long runs anyway.
    let enough = if roles.along_k() { BUSY } else { 4 * BUSY };
    matmul.k >= 2048 && matmul.batch * tiles < enough
}

/// The constants that operands decide.
pub(super) fn constants(
    matmul: &Matmul,
    kernel: &Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let roles = Roles::of(matmul)?;
    let width = 16 / matmul.dtype.bytes();
    let (wide_small, wide_large) = roles.wides(width);
    let shares = shares(&roles, matmul.dtype, device.kind);
    let result = if is_split(kernel) {
        Dtype::F32
    } else {
        matmul.output
    };
    let size = |value: u64| Constant::Integer(value as u32);
    Ok(vec![
        ("Elem", types(matmul.dtype)[0]),
        ("ElemC", types(result)[0]),
        ("HALF", Constant::Bool(matmul.dtype == Dtype::F16)),
        ("WIDTH", size(width)),
        ("WIDE_A", Constant::Bool(wide_small)),
        ("WIDE_B", Constant::Bool(wide_large)),
        ("ALONG_K", Constant::Bool(roles.along_k())),
        ("MIRRORED", Constant::Bool(roles.mirrored)),
        ("TILE_M", size(shares.rows)),
        ("ELEMS_N", size(shares.columns)),
        ("LANES_N", size(shares.lanes[0])),
        ("LANES_K", size(shares.lanes[1])),
    ])
}

/// What follows from the number of invocations.
pub(super) fn derived(matmul: &Matmul, chosen: &Constants) -> Constants {
    let sized = |name| integer(chosen, name).unwrap_or(0);
    let step = sized("LANES_K") * sized("WIDTH");
    let ragged = step == 0 || !matmul.k.is_multiple_of(step);
    vec![("RAGGED_K", Constant::Bool(ragged))]
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

pub(super) fn schedule(
    matmul: &Matmul,
    kernel: &Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
    planes: Planes,
) -> Result<Schedule> {
    let constant = |name: &str| u64::from(stages[0].constant(name));
    // A part of a product keeps the roles of the whole.
    let roles = Roles::given(matmul, constant("MIRRORED") == 1)?;
    let tiles_n = roles.n.div_ceil(constant("TILE_N"));
    let tiles = roles.batch * roles.m.div_ceil(constant("TILE_M")) * tiles_n;
    let cost = Cost::prepared(kernel, stages[0], device.kind);
    let split = if is_split(kernel) {
        let number = planes.parts(roles.k, cost.deepest(device));
        Split::of(roles.k, tiles, constant("STEP_K"), &number)
    } else {
        Split::NONE
    };
    let [a, b, bias, result] = windows(matmul);
    let (small, large) = if roles.mirrored { (b, a) } else { (a, b) };
    let nothing = Window::whole(Slot::Operand(0), 0);
    let bound = |wide: &str, window: Window| match constant(wide) {
        1 => [nothing, window],
        _ => [window, nothing],
    };
    let mut params = params(matmul, &roles, tiles_n, split);
    let mut schedule = Schedule::default();
    let mut sums = result;
    if is_split(kernel) {
        // The planes of the parts have no gaps, and lie as C does.
        let elements = roles.batch * roles.m * roles.n;
        schedule.scratch.push(elements * split.parts * 4);
        sums = Window::whole(Slot::Scratch(0), schedule.scratch[0]);
        params.c_plane = params.m * params.n;
        params.c_first = planes.taken as u32 * params.c_plane;
        (params.c_row, params.c_column) = if roles.mirrored {
            (1, params.m)
        } else {
            (params.n, 1)
        };
    }
    let [a, a_wide] = bound("WIDE_A", small);
    let [b, b_wide] = bound("WIDE_B", large);
    let windows = [a, a_wide, b, b_wide, bias, sums];
    let runs = Runs {
        workgroups: tiles * split.parts,
        flops: cost.of_depth(roles.k.min(split.depth)),
        filling: 1,
    };
    let stage = (0, stages[0]);
    schedule.steps = runs.steps(stage, &windows, &device.limits, |first| {
        bytemuck::bytes_of(&Params { first, ..params }).to_vec()
    })?;
    if is_split(kernel) {
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
