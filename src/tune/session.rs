//! The whole search on a device: ceilings, looks, then class after class, within one budget.

use super::job::Job;
use super::search::Budget;
use super::sharing::{Claim, Classes, share_out};
use super::tuner::Tuner;
use crate::error::{Error, Result};
use crate::ops::Operation;
use crate::report::Tuned;
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;

/// An event of a search.
#[derive(Debug)]
pub enum Event {
    /// A step begins, in words.
    Begins(String),
    /// There are no ceilings, for this reason: gains are assumed, and no search ends near the roof.
    WithoutCeilings(String),
    /// A class was searched.
    Found(Box<Tuned>),
    /// A class has no result.
    Failed {
        /// [`Job::name`].
        class: String,
        /// Why.
        error: Error,
    },
    /// Classes, by [`Job::name`], for which no time was left. Their defaults stay.
    Unsearched(Vec<String>),
}

/// Hears of every [`Event`] as it happens. An error ends the search.
pub type Listener<'a> = dyn FnMut(Event) -> Result<()> + 'a;

/// A class that waits, with the shape that suits the device's speed once there was a look at it.
struct Entry {
    name: String,
    class: String,
    operation: Arc<dyn Operation>,
}

struct Session<'s, 'a> {
    tuner: &'s mut Tuner<'a>,
    entries: Vec<Entry>,
    listener: &'s mut Listener<'s>,
}

/// Looks that a search of a class has to have time for: the default, a few candidates, and rounds of a comparison.
const STEPS: u32 = 5;
/// The least time of a search, however short a look was: screenings of 0.2 s, and rounds of a comparison for a second.
const LEAST: Duration = Duration::from_secs(2);

impl Tuner<'_> {
    /// Searches `jobs` within the time of its options, and reports to `listener`. The ceilings are measured first. Each class gets a
    /// look, and then time in proportion to what a look promises, the most promising first. A class that fails costs itself
    /// alone; a device that is lost is opened again.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::DeviceGivenUp`] for a device that three candidates of one class lost, or that does not
    /// open again; errors of `listener`.
    pub async fn search(&mut self, jobs: Vec<Job>, listener: &mut Listener<'_>) -> Result<()> {
        listener(Event::Begins("ceilings".to_owned()))?;
        if let Some(reason) = self.measure_ceilings().await? {
            listener(Event::WithoutCeilings(reason))?;
        }
        let entry = |job: Job| Entry {
            name: job.name(),
            class: job.class,
            operation: job.operation.into(),
        };
        let entries: Vec<Entry> = jobs.into_iter().map(entry).collect();
        let (count, total) = (entries.len(), self.total());
        let mut session = Session {
            tuner: self,
            entries,
            listener: &mut *listener,
        };
        let unsearched = share_out(&mut session, count, total).await?;
        if unsearched.is_empty() {
            return Ok(());
        }
        let names = unsearched
            .iter()
            .map(|place| session.entries[*place].name.clone());
        let names = names.collect();
        (session.listener)(Event::Unsearched(names))
    }
}

impl Session<'_, '_> {
    /// Reports that a class failed, on a device that is usable again.
    async fn failed(&mut self, class: usize, error: Error) -> Result<()> {
        let error = self.tuner.survive(error).await?;
        let class = self.entries[class].name.clone();
        (self.listener)(Event::Failed { class, error })
    }
}

impl Classes for Session<'_, '_> {
    fn now(&self) -> Duration {
        self.tuner.elapsed()
    }

    async fn look(&mut self, class: usize) -> Result<Option<Claim>> {
        let entry = &mut self.entries[class];
        (self.listener)(Event::Begins(format!("a look at {}", entry.name)))?;
        let began = Instant::now();
        match self.tuner.look(&mut entry.operation).await {
            Ok(gain) => Ok(Some(Claim {
                gain,
                least: LEAST.max(STEPS * began.elapsed()),
            })),
            Err(error) => self.failed(class, error).await.map(|()| None),
        }
    }

    async fn search(&mut self, class: usize, time: Duration) -> Result<()> {
        let entry = &self.entries[class];
        (self.listener)(Event::Begins(entry.name.clone()))?;
        log::debug!("{}: {time:?}", entry.name);
        let operation = Arc::clone(&entry.operation);
        let budget = Budget::within(time);
        let name = entry.class.clone();
        match self
            .tuner
            .search_class(name, operation.as_ref(), &budget)
            .await
        {
            Ok(found) => (self.listener)(Event::Found(Box::new(found))),
            Err(error) => self.failed(class, error).await,
        }
    }
}
