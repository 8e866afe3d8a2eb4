//! The ceilings that a run needs: f32 arithmetic, matrix units where they are, and copying from memory to memory.

use super::arithmetic::{Arithmetic, F32};
use super::matrix::Operands;
use super::memory::Pool;
use super::peak::{Bench, Peak};
use crate::bench::{Others, Sampling};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::Ceiling;
use crate::shader::Checks;

/// How much of a grid of shapes is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArithmeticGrid {
    /// All chain forms; 1, 2, 4, 8 chains; widths 1, 2, 4; workgroups of 64, 128, 256.
    Full,
    /// The shapes that won somewhere, for a first look and for software adapters, where compiling takes long.
    Short,
}

/// How the ceilings are measured.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Shapes of the arithmetic probes.
    pub grid: ArithmeticGrid,
    /// Bytes of one operand of the copy; what is larger than half of all caches shows memory.
    pub copy_bytes: u64,
    /// Sampling of the winners.
    pub sampling: Sampling,
    /// Seed of the data.
    pub seed: u32,
}

/// Measures `compute/f32`, `compute/f16_matrix` and `memory/copy`, each the best of its grid: a short
/// screening, then the winner in full, beside `others`.
///
/// # Errors
/// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; whatever else happens is the ceiling's status.
pub async fn measure_ceilings(
    gpu: &Gpu,
    effort: &Effort,
    should_stop: &dyn Fn() -> bool,
    others: Others<'_>,
) -> Result<Vec<Ceiling>> {
    let mut bench = Bench::new(gpu, effort.clone(), should_stop, others);
    let bench = &mut bench;
    let arithmetic = compute(bench, &F32, Checks::Off).await?;
    let pool = Pool::new(gpu, effort.copy_bytes, effort.seed).await;
    let copies = pool.map(|pool| pool.copies(gpu, Checks::Off));
    let copy = copy_peak().best_of(bench, copies).await?;
    let mut found = vec![arithmetic, copy];
    // A run without them holds its kernels against plain arithmetic, and needs no line that says so.
    if super::matrix::MATRIX.supported(gpu).is_ok() {
        found.insert(1, matrix(bench, Dtype::F16, Operands::Live).await?);
    }
    Ok(found)
}

/// The peak of matrix units on elements of `dtype`.
pub(super) async fn matrix(
    bench: &mut Bench<'_>,
    dtype: Dtype,
    operands: Operands,
) -> Result<Ceiling> {
    let peak = Peak {
        id: match dtype {
            Dtype::F16 => "compute/f16_matrix",
            Dtype::F32 | Dtype::U32 => "compute/f32_matrix",
        },
        unit: "FLOP/s",
        counts: "a multiplication and an addition are 2, sums in f32".to_owned(),
    };
    let seed = bench.effort.seed;
    let candidates = super::matrix::candidates(bench.gpu, dtype, operands, seed).await;
    peak.best_of(bench, candidates).await
}

/// The peak of one element type.
pub(super) async fn compute(
    bench: &mut Bench<'_>,
    arithmetic: &'static Arithmetic,
    checks: Checks,
) -> Result<Ceiling> {
    let peak = arithmetic.peak();
    let candidates = arithmetic
        .candidates(bench.gpu, &bench.effort, checks)
        .await;
    peak.best_of(bench, candidates).await
}

pub(super) fn copy_peak() -> Peak<'static> {
    Peak {
        id: "memory/copy",
        unit: "B/s",
        counts: "bytes read and bytes written".to_owned(),
    }
}
