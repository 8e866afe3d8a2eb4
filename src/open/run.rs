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
        let mut buffers = Vec::new();
        for (operand, values) in wanted.iter().zip(inputs) {
            let (buffer, needed, found) = (operand.name, operand.elements, values.len() as u64);
            if needed != found {
                let shape = format!("{name} {}", operation.label());
                return Err(Error::Length {
                    buffer,
                    shape,
                    needed,
                    found,
                });
            }
            buffers.push(self.upload(buffer, values, operand.dtype).await?);
        }
        let mut read = buffers.into_iter().peekable();
        let mut buffers = Vec::new();
        for operand in &operands {
            let bytes = operand.elements * operand.dtype.bytes();
            buffers.push(match read.next_if(|_| operand.role.is_read()) {
                Some(buffer) => buffer,
                None => self.create_storage(operand.name, bytes).await?,
            });
        }
        let views: Vec<View<'_>> = operands
            .iter()
            .zip(&buffers)
            .map(|(operand, buffer)| View::part(buffer, 0, operand.elements, operand.dtype))
            .collect();
        let plan = Plan::new(self, operation, &PlanOptions::default()).await?;
        let mut encoder = self
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        plan.record(&mut encoder, &views)?;
        self.submit(encoder, name).await?;
        let output = operands.iter().position(|o| o.role.is_written());
        match output {
            Some(place) => self.download(views[place]).await,
            None => Ok(Vec::new()),
        }
    }
}
