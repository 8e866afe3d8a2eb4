//! One workload over minutes on a real device.

use super::case::Case;
use super::runner::Runner;
use crate::bench::{GpuClock, SoakOptions, soak};
use crate::error::{Error, Result};
use crate::report::{Row, Soak};

impl Runner<'_> {
    /// Measures `case` as a row, tells `begun` the row, and runs its workload without a rest for as long as `options` say. Each
    /// interval is told to `each` as it ends.
    ///
    /// # Errors
    /// [`Error::NothingToRun`] where the row has no time; [`Error::Interrupted`], [`Error::DeviceLost`] and errors of
    /// [`soak`].
    pub async fn soak(
        &mut self,
        case: &Case,
        options: &SoakOptions,
        begun: &mut dyn FnMut(&Row),
        each: &mut dyn FnMut(&Soak),
    ) -> Result<Soak> {
        let sampling = self.sampling().clone();
        let ready = self.ready(case).await?;
        let measured = self.time(&ready, &sampling).await?;
        let row = self.row(&ready, &measured);
        let row = self.published(row);
        begun(&row);
        if row.time_s.is_none() {
            let reason = row.reason.unwrap_or_default();
            return Err(Error::NothingToRun {
                reason: format!("{} has no time: {reason}", row.id),
            });
        }
        let mut found = Soak::new(row.id, options.lasting.as_secs_f64());
        let mut clock = GpuClock::rotating(self.gpu(), ready.launches()).await?;
        let stop = self.should_stop();
        soak(&mut clock, options, &sampling, stop, &mut found, each).await?;
        Ok(found)
    }
}
