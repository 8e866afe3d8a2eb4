//! Slices in, vectors out: upload, run, download. For a program's first contact; one that keeps its data on the GPU
//! plans once and records into its own encoder.

use crate::error::{Error, Result};
use crate::gpu::{Gpu, View};
use crate::ops::Operation;
use crate::plan::{Plan, PlanOptions};

impl Gpu {
    /// Runs `operation` once with the kernel that is best here: `inputs` in the order of [`Operation::operands`],
    /// row-major; gives the elements of the output.
    ///
    /// # Errors
    /// [`Error::OperandCount`] and [`Error::Length`] for inputs that do not fit the shape; errors of [`Plan::new`];
    /// errors that the device reports.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example() -> ridgepoint::Result<()> {
    /// use ridgepoint::{Gpu, GpuOptions, Softmax};
    /// let gpu = Gpu::open(&GpuOptions::default()).await?;
    /// let y = gpu.run(&Softmax::new(1, 3), &[&[1.0, 2.0, 3.0]]).await?;
    /// assert!((y.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run(&self, operation: &dyn Operation, inputs: &[&[f32]]) -> Result<Vec<f32>> {
        operation.validate()?;
        let operands = operation.operands();
        let wanted: Vec<_> = operands.iter().filter(|o| o.role.is_read()).collect();
        let name = operation.family().name;
        if wanted.len() != inputs.len() {
            let names: Vec<&str> = wanted.iter().map(|o| o.name).collect();
            let (needed, names, found) = (wanted.len(), names.join(", "), inputs.len());
            return Err(Error::OperandCount {
                operation: name,
                needed,
                names,
                found,
            });
        }
        for (operand, values) in wanted.iter().zip(inputs) {
            let (needed, found) = (operand.elements, values.len() as u64);
            if needed != found {
                return Err(Error::Length {
                    buffer: operand.name,
                    shape: format!("{name} {}", operation.label()),
                    needed,
                    found,
                });
            }
        }
        let mut inputs = inputs.iter().copied();
        let values: Vec<Option<&[f32]>> = operands
            .iter()
            .map(|operand| operand.role.is_read().then(|| inputs.next()).flatten())
            .collect();
        let options = PlanOptions::default();
        let outputs = self.run_on(operation, &options, &values).await?;
        Ok(outputs.into_iter().next().unwrap_or_default())
    }

    /// Runs `operation` once as `options` say. `values` are what each operand holds before, `None` for any; the result is
    /// one vector for each operand that is written.
    ///
    /// # Errors
    /// Errors of [`Plan::new`]; errors that the device reports.
    pub(super) async fn run_on(
        &self,
        operation: &dyn Operation,
        options: &PlanOptions,
        values: &[Option<&[f32]>],
    ) -> Result<Vec<Vec<f32>>> {
        let operands = operation.operands();
        let mut buffers = Vec::new();
        for (operand, values) in operands.iter().zip(values) {
            buffers.push(if let Some(values) = values {
                self.upload(operand.name, values, operand.dtype).await?
            } else {
                let bytes = operand.elements * operand.dtype.bytes();
                self.allocate_storage(operand.name, bytes).await?
            });
        }
        let views: Vec<View<'_>> = operands
            .iter()
            .zip(&buffers)
            .map(|(operand, buffer)| View::part(buffer, 0, operand.elements, operand.dtype))
            .collect();
        let plan = Plan::new(self, operation, options).await?;
        plan.bind(&views)?.run(self).await?;
        let mut outputs = Vec::new();
        for (operand, view) in operands.iter().zip(&views) {
            if operand.role.is_written() {
                outputs.push(self.download(*view).await?);
            }
        }
        Ok(outputs)
    }
}
