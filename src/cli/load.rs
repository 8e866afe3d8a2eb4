//! Load of the processor by other processes.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The system counts in hundredths of a second: over less than this, shares would be noise.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// Counts processor time of the machine and of this process since the last count.
pub(crate) struct Load {
    system: Option<RefCell<System>>,
    own: Option<Pid>,
    counted: Cell<Instant>,
    last: Cell<Option<f64>>,
}

impl Load {
    pub(crate) fn new() -> Self {
        let load = Self {
            system: System::new().ok().map(RefCell::new),
            own: sysinfo::get_current_pid().ok(),
            counted: Cell::new(Instant::now()),
            last: Cell::new(None),
        };
        // The first count would be about all the time since the machine started.
        load.count();
        load
    }

    /// Share of all cores that other processes used, 0 to 1, as of the last count. A count is renewed once it is a second
    /// old. `None` where the system does not report its load.
    pub(crate) fn others(&self) -> Option<f64> {
        if self.counted.get().elapsed() >= LONG_ENOUGH {
            self.last.set(self.count());
        }
        self.last.get()
    }

    fn count(&self) -> Option<f64> {
        self.counted.set(Instant::now());
        let mut system = self.system.as_ref()?.borrow_mut();
        system.refresh_cpu_usage();
        let own = self.own?;
        let kind = ProcessRefreshKind::nothing().with_cpu();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, kind);
        let all = f64::from(system.global_cpu_usage()) / 100.0;
        // Share of one core: above 1 where the process uses several.
        let own = f64::from(system.process(own)?.cpu_usage()) / 100.0;
        let cores = system.cpus().len();
        (cores > 0).then(|| (all - own / cores as f64).max(0.0))
    }
}
