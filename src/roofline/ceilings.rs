//! The ceilings that a run needs: f32 arithmetic, matrix units where they are, and memory as copies, triads and, where asked for,
//! reads use it.

use super::arithmetic::{Arithmetic, F32};
use super::matrix::Operands;
use super::memory::Pool;
use super::options::ProbeOptions;
use super::peak::{Bench, Peak};
use crate::bench::HostLoad;
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::{Bound, Ceiling, CeilingId};
use crate::shader::Checks;

/// Measures `compute/f32`, `compute/f16_matrix`, `memory/copy` and `memory/triad`, and `memory/read` where `effort` asks for it,
/// each the best of its grid: a short screening, then the winner in full, beside `others`.
///
/// # Errors
/// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; whatever else happens is the ceiling's status.
pub async fn measure_ceilings(
    gpu: &Gpu,
    effort: &ProbeOptions,
    should_stop: &dyn Fn() -> bool,
    others: HostLoad<'_>,
) -> Result<Vec<Ceiling>> {
    measure_some(gpu, effort, should_stop, others, None).await
}

/// Measures the ceilings of [`measure_ceilings`]. Where `only` is given, only the ceilings of that bound are measured.
pub(crate) async fn measure_some(
    gpu: &Gpu,
    effort: &ProbeOptions,
    should_stop: &dyn Fn() -> bool,
    others: HostLoad<'_>,
    only: Option<Bound>,
) -> Result<Vec<Ceiling>> {
    let mut bench = Bench::new(gpu, effort.clone(), should_stop, others);
    let bench = &mut bench;
    let mut found = Vec::new();
    if only != Some(Bound::Memory) {
        found.push(compute(bench, &F32, Checks::Off).await?);
        // A run without them holds its kernels against plain arithmetic, and needs no line that says so.
        if super::matrix::MATRIX.supported(gpu).is_ok() {
            found.push(matrix(bench, Dtype::F16, Operands::Live).await?);
        }
    }
    if only != Some(Bound::Compute) {
        match Pool::new(gpu, effort.copy_bytes, effort.seed).await {
            Ok(pool) => {
                if bench.effort.reads {
                    let reads = Ok(pool.reads(Checks::Off));
                    found.push(read_peak().best_of(bench, reads).await?);
                }
                let copies = Ok(pool.copies(gpu, Checks::Off));
                found.push(copy_peak().best_of(bench, copies).await?);
                let triads = pool.triads(gpu, Checks::Off).await;
                found.push(triad_peak().best_of(bench, triads).await?);
            }
            Err(error) => {
                let reads = bench.effort.reads.then(read_peak);
                for peak in reads.into_iter().chain([copy_peak(), triad_peak()]) {
                    found.push(peak.best_of(bench, Err(error.clone())).await?);
                }
            }
        }
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
            Dtype::F16 => CeilingId::ComputeF16Matrix,
            Dtype::F32 | Dtype::U32 | Dtype::Words => CeilingId::ComputeF32Matrix,
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

pub(super) fn read_peak() -> Peak<'static> {
    Peak {
        id: CeilingId::MemoryRead,
        unit: "B/s",
        counts: "bytes read".to_owned(),
    }
}

pub(super) fn copy_peak() -> Peak<'static> {
    Peak {
        id: CeilingId::MemoryCopy,
        unit: "B/s",
        counts: "bytes read and bytes written".to_owned(),
    }
}

pub(super) fn triad_peak() -> Peak<'static> {
    Peak {
        id: CeilingId::MemoryTriad,
        unit: "B/s",
        counts: "two reads, one write".to_owned(),
    }
}
