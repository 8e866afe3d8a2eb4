//! The ceilings that a run needs: f32 arithmetic, and copying from memory to memory.

use super::arithmetic::{Arithmetic, F32};
use super::memory::Pool;
use super::peak::Peak;
use crate::bench::Sampling;
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

/// Measures `compute/f32` and `memory/copy`, each the best of its grid: a short screening, then the winner in full.
///
/// # Errors
/// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; whatever else happens is the ceiling's status.
pub async fn measure_ceilings(
    gpu: &Gpu,
    effort: &Effort,
    should_stop: &dyn Fn() -> bool,
) -> Result<Vec<Ceiling>> {
    let arithmetic = compute(gpu, &F32, effort, Checks::Off, should_stop).await?;
    let pool = Pool::new(gpu, effort.copy_bytes, effort.seed).await;
    let copies = pool.map(|pool| pool.copies(gpu, Checks::Off));
    let copy = copy_peak()
        .best_of(gpu, copies, effort, should_stop)
        .await?;
    Ok(vec![arithmetic, copy])
}

/// The peak of one element type.
pub(super) async fn compute(
    gpu: &Gpu,
    arithmetic: &'static Arithmetic,
    effort: &Effort,
    checks: Checks,
    stop: &dyn Fn() -> bool,
) -> Result<Ceiling> {
    let peak = arithmetic.peak();
    let candidates = arithmetic.candidates(gpu, effort, checks).await;
    peak.best_of(gpu, candidates, effort, stop).await
}

pub(super) fn copy_peak() -> Peak<'static> {
    Peak {
        id: "memory/copy",
        unit: "B/s",
        counts: "bytes read and bytes written".to_owned(),
    }
}
