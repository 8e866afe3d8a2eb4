//! Two cases measured in turn, A, B, A, B, so that a device that drifts slows both alike.

use super::case::Case;
use super::runner::{Ready, Runner};
use crate::bench::{Measurement, joined, of_round};
use crate::error::{Error, Result};
use crate::report::Row;

/// Rounds of each side: a drift over the whole is nearly the same on both sides.
const ROUNDS: u32 = 4;

/// One of the two.
struct Side<'r, 'a> {
    runner: &'r mut Runner<'a>,
    case: &'r Case,
    /// The case, verified; the error where it cannot be timed.
    ready: Result<Ready>,
    rounds: Vec<Measurement>,
}

/// Verifies both cases, then times them in turn, each by its runner. Each row has the samples of all of its rounds.
///
/// # Errors
/// [`Error::Interrupted`] and [`Error::DeviceLost`]. Any other error becomes the row's status, and the other case is measured
/// all the same.
pub async fn interleaved<'a>(
    a: (&mut Runner<'a>, &Case),
    b: (&mut Runner<'a>, &Case),
) -> Result<[Row; 2]> {
    let mut sides = [Side::new(a.0, a.1).await?, Side::new(b.0, b.1).await?];
    for _ in 0..ROUNDS {
        for side in &mut sides {
            side.time().await?;
        }
    }
    Ok(sides.map(Side::into_row))
}

impl<'r, 'a> Side<'r, 'a> {
    async fn new(runner: &'r mut Runner<'a>, case: &'r Case) -> Result<Self> {
        let ready = runner.ready(case).await;
        if let Err(error) = &ready
            && error.ends_run()
        {
            return Err(error.clone());
        }
        Ok(Self {
            runner,
            case,
            ready,
            rounds: Vec::new(),
        })
    }

    /// Times one round, unless the case cannot be timed.
    async fn time(&mut self) -> Result<()> {
        let Ok(ready) = &self.ready else {
            return Ok(());
        };
        let sampling = of_round(self.runner.sampling(), ROUNDS);
        let measured: Result<Measurement, Error> = self.runner.time(ready, &sampling).await;
        self.rounds.push(measured?);
        Ok(())
    }

    fn into_row(self) -> Row {
        match self.ready {
            Ok(ready) => {
                let whole = joined(&self.rounds, self.runner.sampling());
                let row = self.runner.row(&ready, &whole);
                self.runner.published(row)
            }
            Err(error) => self.runner.without_value(self.case, &error),
        }
    }
}
