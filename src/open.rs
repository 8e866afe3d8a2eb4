//! Opening a device, with what has to be tried before it is used, and running one operation on it.

mod run;
mod trials;

use crate::error::Result;
use crate::gpu::{Gpu, GpuOptions};

impl Gpu {
    /// Opens the adapter that `options` name. Kernels that rely on what a device may do otherwise run on small shapes
    /// first ([`Gpu::run_trials`]).
    ///
    /// # Errors
    /// [`Error::NoAdapter`](crate::Error::NoAdapter), [`Error::AdapterNotFound`](crate::Error::AdapterNotFound),
    /// [`Error::AdapterAmbiguous`](crate::Error::AdapterAmbiguous), [`Error::DeviceRequest`](crate::Error::DeviceRequest);
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) during the trials.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example() -> ridgepoint::Result<()> {
    /// use ridgepoint::{Gpu, GpuOptions};
    /// let gpu = Gpu::open(&GpuOptions::default()).await?;
    /// println!("{}", gpu.summary().name);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(options: &GpuOptions) -> Result<Self> {
        let mut gpu = Self::open_untried(options).await?;
        gpu.run_trials().await?;
        Ok(gpu)
    }
}
