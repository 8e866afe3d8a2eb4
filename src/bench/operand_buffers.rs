//! An operation's operands on a device, filled, and its results held against the reference.

use super::verdict::{Comparison, Part, Verdict};
use crate::data::{Generated, Inputs, mix};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Readback, View};
use crate::kernel::Kernel;
use crate::ops::{Operand, Operation, Role};
use crate::plan::Launch;
use crate::report::Verified;

/// How many elements of a result are held against the f64 reference. All are checked to be written and finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Every element.
    Full,
    /// The first, the last, and runs of neighbours in between, as many as a fraction of a second allows.
    Sampled,
}

/// Buffers for every operand of one operation.
#[derive(Debug)]
pub struct OperandBuffers {
    operands: Vec<Operand>,
    /// Buffer of each operand, and the byte where the operand begins.
    places: Vec<(wgpu::Buffer, u64)>,
    initial: Initial,
}

/// Contents of operands before a kernel runs.
#[derive(Debug)]
enum Initial {
    Generated { seed: u32 },
    Values(Vec<Vec<f32>>),
}

/// Reads of operands that the reference of a sampled row may cost: about a tenth of a second on a slow core.
const REFERENCE_READS: u64 = 1 << 23;
/// Neighbours in one run of a sample: operations over rows share work between them.
const RUN: u64 = 64;
/// Bytes of a result that are on the host at once.
const CHUNK: u64 = 32 << 20;

impl OperandBuffers {
    /// Allocates every operand and fills the inputs with generated data.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`] and what the device reports.
    pub async fn new(gpu: &Gpu, operation: &dyn Operation, seed: u32) -> Result<Self> {
        let space = Self::allocate(gpu, operation, Initial::Generated { seed }).await?;
        space.filled(gpu).await
    }

    /// Allocates `sets` sets of operands and fills the inputs of each with the same generated data.
    ///
    /// Outputs of neighbouring sets lie in one buffer, each in bytes of its own. A buffer that is written again makes wgpu order
    /// the dispatches, so that those of two sets overlap no more than two repeats on one set do.
    ///
    /// # Errors
    /// Errors of [`OperandBuffers::new`]; [`Error::Interrupted`] if `should_stop` says so.
    pub async fn sets(
        gpu: &Gpu,
        operation: &dyn Operation,
        seed: u32,
        sets: u32,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Self>> {
        let limits = &gpu.capabilities().limits;
        let alignment = u64::from(limits.min_storage_buffer_offset_alignment);
        let step = |operand: &Operand| bytes(operand).next_multiple_of(alignment).max(alignment);
        let operands = operation.operands();
        let written = operands.iter().filter(|operand| operand.role.is_written());
        let longest = written.map(step).max().unwrap_or(alignment);
        let in_buffer = (limits.max_buffer_size / longest).clamp(1, sets.max(1).into());
        let mut spaces: Vec<Self> = Vec::new();
        for set in 0..u64::from(sets) {
            if should_stop() {
                return Err(Error::Interrupted);
            }
            let place = set % in_buffer;
            let count = in_buffer.min(u64::from(sets) - (set - place));
            let mut places = Vec::new();
            for (i, operand) in operands.iter().enumerate() {
                let shared = spaces.last().filter(|_| place > 0);
                places.push(match (operand.role.is_written(), shared) {
                    (true, Some(before)) => (before.places[i].0.clone(), place * step(operand)),
                    (true, None) => {
                        let all = (count - 1) * step(operand) + bytes(operand);
                        (gpu.create_storage(operand.name, all).await?, 0)
                    }
                    (false, _) => (gpu.create_storage(operand.name, bytes(operand)).await?, 0),
                });
            }
            let space = Self {
                operands: operands.clone(),
                places,
                initial: Initial::Generated { seed },
            };
            spaces.push(space.filled(gpu).await?);
        }
        Ok(spaces)
    }

    /// The operands, those filled that are read.
    async fn filled(self, gpu: &Gpu) -> Result<Self> {
        for i in 0..self.operands.len() {
            if self.operands[i].role.is_read() {
                self.fill(gpu, i).await?;
            }
        }
        Ok(self)
    }

    /// Allocates every operand and uploads `values`, one slice for each operand that is read, in order.
    ///
    /// # Errors
    /// Errors of [`OperandBuffers::new`].
    pub async fn with_values(
        gpu: &Gpu,
        operation: &dyn Operation,
        values: &[Vec<f32>],
    ) -> Result<Self> {
        let mut space = Self::allocate(gpu, operation, Initial::Values(values.to_vec())).await?;
        for (i, values) in values.iter().enumerate() {
            let operand = &space.operands[i];
            let buffer = gpu.upload(operand.name, values, operand.dtype).await?;
            space.places[i] = (buffer, 0);
        }
        Ok(space)
    }

    /// Gives an operand the values that it began with.
    async fn fill(&self, gpu: &Gpu, i: usize) -> Result<()> {
        let operand = &self.operands[i];
        match &self.initial {
            Initial::Generated { seed } => {
                gpu.fill_random(self.view(i), *seed, i, operand.distribution)
                    .await
            }
            Initial::Values(values) => {
                let bytes = operand.dtype.encode(&values[i]);
                let (buffer, offset) = &self.places[i];
                gpu.write(buffer, *offset, &bytes).await
            }
        }
    }

    async fn allocate(gpu: &Gpu, operation: &dyn Operation, initial: Initial) -> Result<Self> {
        let operands = operation.operands();
        let mut places = Vec::new();
        for operand in &operands {
            let buffer = gpu.create_storage(operand.name, bytes(operand)).await?;
            places.push((buffer, 0));
        }
        Ok(Self {
            operands,
            places,
            initial,
        })
    }

    fn view(&self, i: usize) -> View<'_> {
        let operand = &self.operands[i];
        let (buffer, offset) = &self.places[i];
        View::part(buffer, *offset, operand.elements, operand.dtype)
    }

    /// Every operand, as [`crate::Plan::bind`] takes them.
    #[must_use]
    pub fn views(&self) -> Vec<View<'_>> {
        (0..self.operands.len()).map(|i| self.view(i)).collect()
    }

    /// The operands' types and spreads, for a reference over generated data.
    #[must_use]
    pub fn generated(&self, seed: u32) -> Generated {
        Generated {
            seed,
            operands: self
                .operands
                .iter()
                .map(|o| (o.dtype, o.distribution))
                .collect(),
        }
    }

    /// Fills the outputs with NaN, and gives those that are read as well the values they began with.
    ///
    /// # Errors
    /// Errors that the device reports.
    pub async fn poison(&self, gpu: &Gpu) -> Result<()> {
        for (i, operand) in self.operands.iter().enumerate() {
            match operand.role {
                Role::Input => {}
                Role::Output => gpu.poison(self.view(i)).await?,
                Role::Update => self.fill(gpu, i).await?,
            }
        }
        Ok(())
    }

    /// Runs `launch`, of `kernel` on these operands, over poisoned outputs and holds what it leaves against the reference.
    ///
    /// # Errors
    /// Errors that the device reports. A wrong result is no error: [`Verified::ok`] is then false.
    pub async fn run_and_verify(
        &self,
        gpu: &Gpu,
        operation: &dyn Operation,
        kernel: &'static Kernel,
        launch: &Launch,
        coverage: Coverage,
    ) -> Result<Verified> {
        self.poison(gpu).await?;
        launch.run(gpu).await?;
        let against =
            async |inputs: &dyn Inputs| self.verify(gpu, operation, kernel, inputs, coverage).await;
        match &self.initial {
            Initial::Generated { seed } => against(&self.generated(*seed)).await,
            Initial::Values(values) => against(&values.as_slice()).await,
        }
    }

    /// Holds the output against the reference.
    ///
    /// # Errors
    /// Errors that the device reports. A wrong result is no error: [`Verified::ok`] is then false.
    pub async fn verify(
        &self,
        gpu: &Gpu,
        operation: &dyn Operation,
        kernel: &'static Kernel,
        inputs: &dyn Inputs,
        coverage: Coverage,
    ) -> Result<Verified> {
        let mut verdict = Verdict::default();
        let case = Comparison {
            operation,
            kernel,
            inputs,
        };
        let written = self.operands.iter().filter(|o| o.role.is_written());
        let largest = written.map(|o| o.elements * o.dtype.bytes()).max();
        let readback = Readback::new(gpu, largest.unwrap_or(0).min(CHUNK)).await?;
        // The reference counts through all outputs.
        let mut base = 0;
        for (i, output) in self
            .operands
            .iter()
            .enumerate()
            .filter(|(_, o)| o.role.is_written())
        {
            let indices = indices(operation, output.elements, coverage);
            let mut next = 0;
            let chunk = CHUNK / output.dtype.bytes();
            for first in (0..output.elements).step_by(chunk as usize) {
                let elements = chunk.min(output.elements - first);
                let offset = first * output.dtype.bytes();
                let bytes = elements * output.dtype.bytes();
                let count = indices[next..].partition_point(|&index| index < first + elements);
                let compared = &indices[next..next + count];
                let judge = |copied: &[u8]| {
                    let part = Part {
                        name: output.name,
                        base,
                        first,
                        dtype: output.dtype,
                        bytes: &copied[..bytes as usize],
                    };
                    verdict.finite(&case, &part);
                    verdict.compare(&case, &part, compared);
                };
                let padded = bytes.next_multiple_of(4);
                let (buffer, begin) = &self.places[i];
                readback
                    .read(gpu, buffer, begin + offset, padded, judge)
                    .await?;
                next += count;
            }
            base += output.elements;
        }
        Ok(verdict.verified())
    }
}

/// Bytes of an operand.
fn bytes(operand: &Operand) -> u64 {
    operand.elements.saturating_mul(operand.dtype.bytes())
}

/// Indices of the output to compare, ascending.
fn indices(operation: &dyn Operation, elements: u64, coverage: Coverage) -> Vec<u64> {
    let runs = REFERENCE_READS / (operation.reference_cost().max(1) * RUN);
    if coverage == Coverage::Full || elements <= RUN * runs.clamp(4, 256) {
        return (0..elements).collect();
    }
    let runs = runs.clamp(4, 256);
    let last = elements - RUN;
    let place = |run: u64| match run {
        0 => 0,
        1 => last,
        // Two words of hash reach every element of a buffer beyond 2^32 bytes.
        _ => ((u64::from(mix(run as u32)) << 32) | u64::from(mix(!run as u32))) % last,
    };
    let mut found: Vec<u64> = (0..runs)
        .flat_map(|run| place(run)..place(run) + RUN)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Matmul;

    #[test]
    fn samples_ascend_and_hold_both_ends() {
        let matmul = Matmul::new(4096, 4096, 4096);
        let found = indices(&matmul, 4096 * 4096, Coverage::Sampled);
        assert!(found.is_sorted() && found[0] == 0 && found.last() == Some(&(4096 * 4096 - 1)));
        assert!((256..=4096).contains(&found.len()), "{}", found.len());
        assert_eq!(indices(&matmul, 100, Coverage::Sampled).len(), 100);
        assert_eq!(indices(&matmul, 5000, Coverage::Full).len(), 5000);
    }
}
