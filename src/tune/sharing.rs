//! The time of a whole search, shared out over its classes by expected gain. Independent of any device and of any clock.
//!
//! Each class gets a short look first. Classes are then searched in the order of what a look promises, each with the least
//! time that makes a search of it meaningful and a part of the rest in proportion to its promise. Time that a class leaves
//! unspent flows on to those after it, since each share is computed from what is left.

use crate::error::Result;
use std::time::Duration;

/// Findings of a look at the default of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Claim {
    /// Expected gain: a weight, of which 0 means that nothing can be gained.
    pub(super) gain: f64,
    /// The least time that makes a search meaningful.
    pub(super) least: Duration,
}

/// Classes that wait for their share.
#[derive(Debug)]
pub(super) struct Queue(Vec<(usize, Claim)>);

/// Weight of a class from which nothing is expected: its search ends near the roof, and may be wrong about the roof.
const LEAST_WEIGHT: f64 = 0.01;

impl Queue {
    /// The classes by their indices, the largest gain first.
    pub(super) fn new(claims: impl IntoIterator<Item = (usize, Claim)>) -> Self {
        let mut waiting: Vec<_> = claims.into_iter().collect();
        waiting.sort_by(|(_, a), (_, b)| b.gain.total_cmp(&a.gain));
        Self(waiting)
    }

    /// The class to search next, and its share of the time that is `left`; `None` where no class's least time is left.
    pub(super) fn next(&mut self, left: Duration) -> Option<(usize, Duration)> {
        let mut spare = left;
        let (mut first, mut weights) = (None, 0.0);
        for (place, (_, claim)) in self.0.iter().enumerate() {
            // A class that asks for more than there is stays behind those that ask for less.
            if let Some(rest) = spare.checked_sub(claim.least) {
                spare = rest;
                first = first.or(Some(place));
                weights += weight(claim);
            }
        }
        let (index, claim) = self.0.remove(first?);
        let part = spare.mul_f64((weight(&claim) / weights).min(1.0));
        Some((index, claim.least + part))
    }

    /// The classes that still wait.
    pub(super) fn rest(self) -> Vec<usize> {
        self.0.into_iter().map(|(index, _)| index).collect()
    }
}

fn weight(claim: &Claim) -> f64 {
    claim.gain.max(LEAST_WEIGHT)
}

/// Classes that can be looked at and searched, by their indices, on a clock.
pub(super) trait Classes {
    /// The time since the beginning of the whole search, which never goes back.
    fn now(&self) -> Duration;

    /// A look at the default of a class; `None` where it failed, which is reported by then.
    ///
    /// # Errors
    /// Errors that end the whole search.
    async fn look(&mut self, class: usize) -> Result<Option<Claim>>;

    /// Searches a class for at most `time`, up to a step that has begun, and reports what it found.
    ///
    /// # Errors
    /// Errors that end the whole search.
    async fn search(&mut self, class: usize, time: Duration) -> Result<()>;
}

/// The share of the whole time at which looks end, if there are classes to look at still: what is promised has to be searched.
const LOOKS: f64 = 0.5;

/// Looks at `count` classes in their order and searches those that there is time for until `total`; the classes that were not
/// searched, in their order.
///
/// # Errors
/// Errors that end the whole search.
pub(super) async fn share_out(
    classes: &mut impl Classes,
    count: usize,
    total: Duration,
) -> Result<Vec<usize>> {
    let mut claims = Vec::new();
    let mut unsearched = Vec::new();
    let mut longest = Duration::ZERO;
    for class in 0..count {
        let began = classes.now();
        // The first is looked at in any case: without a look there is no search.
        if class > 0 && began + longest > total.mul_f64(LOOKS) {
            unsearched.extend(class..count);
            break;
        }
        if let Some(claim) = classes.look(class).await? {
            claims.push((class, claim));
        }
        longest = longest.max(classes.now().saturating_sub(began));
    }
    let mut queue = Queue::new(claims);
    while let Some((class, time)) = queue.next(total.saturating_sub(classes.now())) {
        classes.search(class, time).await?;
    }
    unsearched.extend(queue.rest());
    unsearched.sort_unstable();
    Ok(unsearched)
}

#[cfg(test)]
mod tests;
