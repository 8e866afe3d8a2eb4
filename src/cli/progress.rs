//! The progress bar, and everything else that is written while it is there.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The bar on the screen. Lines are written around it, from any thread: results, the log, the answer to Ctrl-C.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// Whether progress is left out: bars, and lines of [`tell`].
static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether standard output holds a file, so that lines for the reader go to stderr.
static DIVERTED: AtomicBool = AtomicBool::new(false);

/// Sends lines of [`print`] to stderr from now on: standard output holds a file.
pub(crate) fn divert() {
    DIVERTED.store(true, Ordering::Relaxed);
}

/// Whether lines of [`print`] go to stderr.
pub(crate) fn is_diverted() -> bool {
    DIVERTED.load(Ordering::Relaxed)
}

/// Leaves out progress from now on, or not.
pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Where bars are drawn. A terminal without escapes cannot move its cursor.
fn target() -> ProgressDrawTarget {
    if QUIET.load(Ordering::Relaxed) || is_dumb() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

/// Whether the terminal says that it understands no escapes.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// A bar on stderr, if stderr is a terminal. Dropping this value removes the bar.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar of `steps`, called `unit`.
    pub(crate) fn new(steps: usize, unit: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), target());
        if !bar.is_hidden() {
            bar.set_style(style(unit));
            // The time left counts down within a row.
            bar.enable_steady_tick(Duration::from_millis(250));
            *shown() = Some(bar.clone());
        }
        Self(bar)
    }

    /// A bar of work that takes `time`, whatever its steps.
    pub(crate) fn within(time: Duration) -> Self {
        let length = Some(time.as_secs().max(1));
        let bar = ProgressBar::with_draw_target(length, target());
        if !bar.is_hidden() {
            bar.set_style(style_within(time));
            bar.enable_steady_tick(Duration::from_millis(250));
            *shown() = Some(bar.clone());
        }
        Self(bar)
    }

    /// Names the step in work.
    pub(crate) fn begin(&self, step: &str) {
        self.0.set_message(step.to_owned());
    }

    /// Counts the time that has passed since the bar of [`Progress::within`] was made.
    pub(crate) fn advance(&self) {
        self.0.set_position(self.0.elapsed().as_secs());
    }

    /// Starts to reckon the time left, after work that is not one of the steps.
    pub(crate) fn start(&self) {
        self.0.reset_eta();
    }

    /// Counts a step as done.
    pub(crate) fn end(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *shown() = None;
        self.0.finish_and_clear();
    }
}

fn shown() -> std::sync::MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

fn style(unit: &'static str) -> ProgressStyle {
    let left = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let left = state.len().unwrap_or(0).saturating_sub(state.pos());
        let _ = write!(text, "{left} {unit} left");
        if state.pos() > 0 {
            let seconds = state.eta().as_secs();
            let _ = write!(text, ", about {}:{:02}", seconds / 60, seconds % 60);
        }
    };
    ProgressStyle::with_template("{bar:24} {left} | {wide_msg}")
        .expect("the template is a constant")
        .with_key("left", left)
        .progress_chars("=> ")
}

fn style_within(time: Duration) -> ProgressStyle {
    let left = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let seconds = time.saturating_sub(state.elapsed()).as_secs();
        let _ = write!(text, "{}:{:02} left", seconds / 60, seconds % 60);
    };
    ProgressStyle::with_template("{bar:24} {left} | {wide_msg}")
        .expect("the template is a constant")
        .with_key("left", left)
        .progress_chars("=> ")
}

fn around<T>(write: impl FnOnce() -> T) -> T {
    // Cloned, so that a line that is written meanwhile does not wait for this one.
    let bar = shown().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Writes lines to stdout, or as [`tell`] where that holds a file. A reader that has gone away, such as `head`, does not end a
/// run whose results go to a file.
pub(crate) fn print(text: &str) {
    if is_diverted() {
        tell(text);
    } else {
        write(format!("{text}\n").as_bytes());
    }
}

/// Writes bytes to stdout.
pub(crate) fn write(bytes: &[u8]) {
    let written = around(|| {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    });
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && !OUTPUT_LOST.swap(true, Ordering::Relaxed)
    {
        say(&format!("error: standard output: {error}"));
    }
}

/// Whether something could not be written to stdout although somebody wanted to read it.
pub(crate) fn output_lost() -> bool {
    OUTPUT_LOST.load(Ordering::Relaxed)
}

/// Writes lines about what goes on to stderr, unless they are left out.
pub(crate) fn tell(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        say(text);
    }
}

/// Writes lines to stderr: errors, and what somebody has to know.
pub(crate) fn say(text: &str) {
    around(|| {
        let _ = writeln!(io::stderr(), "{text}");
    });
}

/// Where the log goes: stderr, around the bar.
#[derive(Debug)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        around(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
