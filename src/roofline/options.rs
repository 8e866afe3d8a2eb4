//! How much of a roofline is measured, and with what effort.

use crate::report::{AdapterKind, Sampling};
use std::time::Duration;

/// How much of the roofline is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The ceilings that `run` uses.
    Quick,
    /// Workgroup memory, reads of memory, and the sweeps that show the caches between them.
    Hierarchy,
    /// Everything.
    Full,
}

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
pub struct ProbeOptions {
    /// Shapes of the arithmetic probes.
    pub grid: ArithmeticGrid,
    /// Bytes of one operand of the copy, and of two of the triad; what is larger than half of all caches shows memory.
    pub copy_bytes: u64,
    /// Sampling of the winners.
    pub sampling: Sampling,
    /// Seed of the data.
    pub seed: u32,
    /// Whether reads of memory are among the ceilings of a run. Operands that no cache holds are read faster than they are
    /// copied.
    pub reads: bool,
}

/// Bytes of each of the two buffers that memory is measured with: on a GPU with memory of its own, on others, which share
/// the host's memory, and on a software adapter.
const POOL_DISCRETE: u64 = 1 << 30;
const POOL: u64 = 256 << 20;
const POOL_SOFTWARE: u64 = 32 << 20;

impl ProbeOptions {
    /// Options that suit an adapter: a software adapter gets small buffers and little time, since its figures say nothing
    /// of a GPU.
    #[must_use]
    pub fn of(kind: AdapterKind, extent: Scope, seed: u32) -> Self {
        let software = kind == AdapterKind::Software;
        let sampling = match (software, extent) {
            (true, _) => Sampling {
                warm_up_max: Duration::from_millis(300),
                max_time: Duration::from_millis(800),
                ..Sampling::quick()
            },
            (false, Scope::Quick) => Sampling::quick(),
            (false, Scope::Full | Scope::Hierarchy) => Sampling {
                max_time: Duration::from_secs(4),
                ..Sampling::default()
            },
        };
        Self {
            grid: if software || extent == Scope::Quick {
                ArithmeticGrid::Short
            } else {
                ArithmeticGrid::Full
            },
            copy_bytes: match kind {
                AdapterKind::Software => POOL_SOFTWARE,
                AdapterKind::Discrete => POOL_DISCRETE,
                _ => POOL,
            },
            sampling,
            seed,
            reads: false,
        }
    }
}
