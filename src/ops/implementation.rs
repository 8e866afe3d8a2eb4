//! A kernel with its behaviour: a line of an operation's table, and that line bound to a shape.

use super::{Candidate, Fit, Samples, Trust};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::Prepared;

/// All that the host knows of one kernel: static data, and functions of a shape and a device. A line of the operation's
/// table, in which the first kernel that fits best and runs is taken, and the first able one where none fits best.
///
/// A kernel of another crate joins an operation's table by [`Extended`](super::Extended); `examples/external_kernel.rs` has
/// one. A kernel that is being written can be planned without a table: [`crate::Plan::with_candidate`] with
/// [`Implementation::bound`].
#[derive(Debug)]
pub struct Implementation<O: 'static> {
    /// Name, files, features and element types.
    pub kernel: Kernel,
    /// Whether the kernel should compute a shape on a device.
    pub fit: fn(&O, &Capabilities) -> Fit,
    /// Constants for a shape on a device, given those that preset and caller have set. Given values win: they are there to
    /// compute others from them, such as edge flags from tile sizes. Names that no file of the kernel declares are dropped.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] where the kernel has no form for the shape.
    pub constants: fn(&O, &Capabilities, &Constants) -> Result<Constants>,
    /// Other constants worth trying for a shape on a device, the likeliest first. Some may not run, or be those chosen.
    pub alternatives: fn(&O, &Capabilities) -> Vec<Constants>,
    /// The dispatches for a shape on a device, from the kernel's files as they were prepared.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] and [`crate::Error::Unsupported`] where the device's limits do not allow it.
    pub schedule: fn(&O, &[&Prepared], &Capabilities) -> Result<Schedule>,
    /// Shapes on which the kernel is tested in place of [`Family::common_samples`](super::Family::common_samples); `None`
    /// for the common ones.
    pub samples: Option<Samples>,
}

/// [`Implementation::alternatives`] of a kernel whose constants follow from shape and device.
#[must_use]
pub fn no_alternatives<O>(_: &O, _: &Capabilities) -> Vec<Constants> {
    Vec::new()
}

struct BoundCandidate<'a, O: 'static> {
    implementation: &'static Implementation<O>,
    operation: &'a O,
    trust: Trust,
}

impl<O: Sync> Candidate for BoundCandidate<'_, O> {
    fn kernel(&self) -> &'static Kernel {
        &self.implementation.kernel
    }

    fn trust(&self) -> Trust {
        self.trust
    }

    fn fit(&self, device: &Capabilities) -> Fit {
        (self.implementation.fit)(self.operation, device)
    }

    fn constants(&self, device: &Capabilities, given: &Constants) -> Result<Constants> {
        if let Fit::Unable(reason) = self.fit(device) {
            return Err(self.kernel().unsupported(reason));
        }
        let found = (self.implementation.constants)(self.operation, device, given)?;
        Ok(found.for_kernel(self.kernel()).merged(given))
    }

    fn alternatives(&self, device: &Capabilities) -> Vec<Constants> {
        (self.implementation.alternatives)(self.operation, device)
    }

    fn schedule(&self, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
        (self.implementation.schedule)(self.operation, stages, device)
    }
}

impl<O: Sync> Implementation<O> {
    /// The kernel bound to `operation`. A kernel of another crate is compiled with runtime checks.
    pub fn bound<'a>(&'static self, operation: &'a O) -> Box<dyn Candidate + 'a> {
        self.trusted(operation, Trust::CHECKED)
    }

    /// The kernel bound to `operation`, and compiled as `trust` says.
    pub fn trusted<'a>(&'static self, operation: &'a O, trust: Trust) -> Box<dyn Candidate + 'a> {
        Box::new(BoundCandidate {
            implementation: self,
            operation,
            trust,
        })
    }
}

/// Every kernel of `table` for `operation`, in the table's order.
pub(crate) fn bind<'a, O: Sync>(
    operation: &'a O,
    table: &[&'static Implementation<O>],
) -> Vec<Box<dyn Candidate + 'a>> {
    let trusted = |line: &&'static Implementation<O>| line.trusted(operation, Trust::OWN);
    table.iter().map(trusted).collect()
}

/// The kernels of `table`, the plainest, which is the last, first.
pub(crate) const fn kernels_of<O, const COUNT: usize>(
    table: &'static [&'static Implementation<O>],
) -> [&'static Kernel; COUNT] {
    assert!(table.len() == COUNT);
    let mut found = [&table[0].kernel; COUNT];
    let mut i = 0;
    while i < COUNT {
        found[COUNT - 1 - i] = &table[i].kernel;
        i += 1;
    }
    found
}

/// [`Implementation::samples`] of every kernel of `table`, in the order of [`kernels_of`].
pub(crate) const fn own_samples_of<O, const COUNT: usize>(
    table: &'static [&'static Implementation<O>],
) -> [Option<Samples>; COUNT] {
    assert!(table.len() == COUNT);
    let mut found = [None; COUNT];
    let mut i = 0;
    while i < COUNT {
        found[COUNT - 1 - i] = table[i].samples;
        i += 1;
    }
    found
}
