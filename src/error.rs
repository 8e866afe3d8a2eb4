//! Everything that can go wrong, as one enum. A message says what, with values, then what to do about it.

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error, with the values involved and a remedy where there is one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter answered on any of the backends that were asked.
    #[error(
        "no adapter found on {backends}; install a Vulkan driver (on Linux `make setup` does it), update the GPU's driver, or ask for another backend with `--backend`"
    )]
    NoAdapter {
        /// The backends that were asked.
        backends: String,
    },
    /// No adapter has this index or name.
    #[error("no adapter matches {wanted:?}; present are:\n{available}")]
    AdapterNotFound {
        /// Index or name that was asked for.
        wanted: String,
        /// One line for each adapter.
        available: String,
    },
    /// Several adapters fit a name.
    #[error("{wanted:?} matches several adapters; name one by its index:\n{matching}")]
    AdapterAmbiguous {
        /// Name that was asked for.
        wanted: String,
        /// One line for each adapter that fits.
        matching: String,
    },
    /// An adapter was there, but would not open a device.
    #[error("{adapter} did not open: {reason}; try another backend, or update its driver")]
    DeviceRequest {
        /// The adapter's name.
        adapter: String,
        /// wgpu's reason.
        reason: String,
    },
    /// An environment variable has a value that means nothing.
    #[error("{variable}={value:?} means nothing; use one of {accepted}")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// Values that the variable may hold.
        accepted: &'static str,
    },
    /// An argument that cannot be combined with any of the others.
    #[error("{argument}: {reason}")]
    Argument {
        /// The argument.
        argument: String,
        /// Why it cannot be used, and what can.
        reason: String,
    },
    /// A name that is not in a table.
    #[error("unknown {kind} {name:?}; {suggestion}")]
    UnknownName {
        /// Kind of the name: suite, operation, kernel, constant.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// Near names, or all of them.
        suggestion: String,
    },
    /// Filters that leave no work.
    #[error("nothing to run: {reason}; `ridgepoint list` shows what there is")]
    NothingToRun {
        /// Which filters, and why.
        reason: String,
    },
    /// A shape written as text that does not parse.
    #[error("{text:?} is no shape of {operation}; write {expected}")]
    ShapeText {
        /// The operation.
        operation: &'static str,
        /// Text that was given.
        text: String,
        /// The form, with an example.
        expected: &'static str,
    },
    /// A shape that contradicts itself or that no kernel covers.
    #[error("{operation}: {reason}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// Fault of the shape, with values.
        reason: String,
    },
    /// A buffer or slice whose length does not match its shape.
    #[error("`{buffer}` has {found} elements, {shape} needs {needed}")]
    Length {
        /// Which operand.
        buffer: &'static str,
        /// The shape, in words.
        shape: String,
        /// Elements needed.
        needed: u64,
        /// Elements found.
        found: u64,
    },
    /// An operand's element type is not the planned one.
    #[error("`{buffer}` holds {found}, the plan was made for {needed}")]
    ElementType {
        /// Which operand.
        buffer: &'static str,
        /// The type planned for.
        needed: &'static str,
        /// The type given.
        found: &'static str,
    },
    /// The number of buffers is not the number of operands.
    #[error("{operation} takes {needed} buffers ({names}), {found} were given")]
    OperandCount {
        /// The operation.
        operation: &'static str,
        /// Number of buffers that the operation takes.
        needed: usize,
        /// Names of the operands.
        names: String,
        /// Number of buffers that were given.
        found: usize,
    },
    /// An offset that a binding cannot start at.
    #[error(
        "`{buffer}` starts at byte {offset}, this adapter binds storage at multiples of {alignment} bytes"
    )]
    Alignment {
        /// Which operand.
        buffer: &'static str,
        /// The offset in bytes.
        offset: u64,
        /// The multiple it has to be.
        alignment: u64,
    },
    /// An output that shares bytes with another operand.
    #[error(
        "`{output}` overlaps `{other}` in the same buffer; give the output a buffer of its own"
    )]
    Overlap {
        /// The output.
        output: &'static str,
        /// The operand it overlaps.
        other: &'static str,
    },
    /// A buffer that one dispatch would read and write, in parts that do not overlap: WebGPU allows a buffer one use.
    #[error(
        "`{written}` and `{read}` lie in one buffer, which WebGPU does not let one dispatch write and read, not even apart; \
         give `{written}` a buffer of its own"
    )]
    ReadWriteBuffer {
        /// The operand that is written.
        written: &'static str,
        /// The operand that is read.
        read: &'static str,
    },
    /// Scratch memory that is not what a plan needs.
    #[error(
        "scratch buffer {index} of {kernel} has {found} bytes, {needed} are needed; `Plan::scratch` says how many of each"
    )]
    Scratch {
        /// The kernel.
        kernel: &'static str,
        /// Place in [`Schedule::scratch`](crate::kernel::Schedule::scratch).
        index: usize,
        /// Bytes needed.
        needed: u64,
        /// Bytes given; 0 where no buffer was.
        found: u64,
    },
    /// A buffer whose usages do not allow what is asked of it.
    #[error("`{buffer}` was created without {needed}")]
    Usage {
        /// Which operand.
        buffer: &'static str,
        /// The missing usage.
        needed: &'static str,
    },
    /// A size that the adapter, or WebGPU, cannot hold.
    #[error("{what} needs {needed}, the limit {limit_name} is {limit}; use a smaller size")]
    TooLarge {
        /// Buffer or work that is too large.
        what: String,
        /// Size that is needed, in the unit of the limit.
        needed: u64,
        /// The limit's name in WebGPU.
        limit_name: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The adapter lacks what a kernel needs.
    #[error("{what} is not supported here: {reason}")]
    Unsupported {
        /// The kernel or operation.
        what: String,
        /// Missing feature or limit, in words.
        reason: String,
    },
    /// A shader file that does not load; the message holds naga's text with its caret.
    #[error("shaders/{file}.wgsl: {message}")]
    Shader {
        /// The file's stem.
        file: String,
        /// Fault of the file, in naga's words.
        message: String,
    },
    /// An input value that is not finite where only finite values are allowed.
    #[error("{what} has {value} at index {index}; finite values are needed here")]
    NonFinite {
        /// Which input.
        what: String,
        /// Index of the first such value.
        index: u64,
        /// The value.
        value: f64,
    },
    /// A file that could not be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// wgpu reported an error: validation, or inside the driver.
    #[error("{what}: {message}")]
    Gpu {
        /// Step during which wgpu reported the error.
        what: String,
        /// wgpu's message.
        message: String,
    },
    /// The adapter's memory is used up.
    #[error("out of memory: {what}; close other programs or use a smaller size")]
    OutOfMemory {
        /// Step that ran out of memory.
        what: String,
    },
    /// Work that did not come back in time.
    #[error("{what} did not finish within {}; make the work smaller", crate::units::format_seconds(*.seconds))]
    TimedOut {
        /// Work that did not come back.
        what: String,
        /// Time that was waited, in seconds.
        seconds: f64,
    },
    /// The device is gone; everything on it is lost.
    #[error("the device was lost: {reason}; restart the program, and look at the driver's log")]
    DeviceLost {
        /// The driver's reason.
        reason: String,
    },
    /// A device that was lost, and is not opened again.
    #[error(
        "the device was lost and is given up: {reason}; restart the program, and look at the driver's log"
    )]
    DeviceGivenUp {
        /// Why it is not opened again.
        reason: String,
    },
    /// The user asked to stop.
    #[error("interrupted; the results so far are kept")]
    Interrupted,
}

impl Error {
    /// Whether a run cannot go on after this: it was interrupted, or the device is gone. Any other error is the outcome of
    /// one row, ceiling or candidate.
    #[must_use]
    pub const fn ends_run(&self) -> bool {
        matches!(
            self,
            Self::Interrupted | Self::DeviceLost { .. } | Self::DeviceGivenUp { .. }
        )
    }

    /// Whether nothing more can be expected of the device: it is lost, or still busy with work that will not end.
    #[must_use]
    pub const fn costs_device(&self) -> bool {
        matches!(self, Self::DeviceLost { .. } | Self::TimedOut { .. })
    }
}

/// Names that look like `name`, as the end of an error message: `did you mean ...` or the list of all.
#[must_use]
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let wanted = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), *candidate))
        .filter(|(d, candidate)| {
            *d <= 1 + candidate.len() / 4 || (wanted.len() > 2 && candidate.contains(&wanted))
        })
        .collect();
    near.sort_unstable();
    if near.is_empty() {
        return format!("known are {}", known.join(", "));
    }
    let names: Vec<&str> = near
        .into_iter()
        .take(3)
        .map(|(_, candidate)| candidate)
        .collect();
    format!("did you mean {}?", names.join(" or "))
}

/// Levenshtein distance, with a swap of neighbours counted as one step.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitution = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_list_everything() {
        let known = ["matmul", "softmax", "attention"];
        assert_eq!(suggest("matmull", known), "did you mean matmul?");
        assert_eq!(suggest("sotfmax", known), "did you mean softmax?");
        assert_eq!(
            suggest("fft", known),
            "known are matmul, softmax, attention"
        );
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ab", "ba"), 1);
    }
}
