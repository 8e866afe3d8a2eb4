//! Tests that need an adapter: every kernel against its f64 reference, and the library on devices.
//!
//! Tests of one binary share devices, and trials of `correctness` come from the table of operations. Each other module lists
//! its tests with `tests!`; a test that is not listed is dead code and does not compile.

#![deny(dead_code)]

/// Defines `trials()` of a module: the functions that are its tests.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::trial(concat!(module_path!(), "::", stringify!($test)), $test)),+]
        }
    };
}

mod attention;
mod attention_backward;
mod attention_cut;
mod attention_options;
mod common;
mod cooperative;
mod correctness;
mod decode;
mod devices;
mod ends_of_range;
mod external;
mod host;
mod library;
mod loss;
mod matmul;
mod roofline;
mod rows;
mod special_values;
mod tensors;
mod tuning;

use libtest_mimic::{Arguments, Completion, Trial};
use std::cell::RefCell;
use std::process::ExitCode;

thread_local! {
    /// Why the test that runs on this thread is skipped.
    static SKIPPED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Reports the test that runs on this thread as ignored, with the reason, once it has returned.
fn skip(reason: &str) {
    SKIPPED.set(Some(reason.to_owned()));
}

/// A test of the function at `path`, which begins with the name of this crate.
fn trial(path: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    let (_, name) = path.split_once("::").unwrap();
    Trial::ignorable_test(name, || {
        // A test that failed before on this thread may have left its own.
        SKIPPED.take();
        test();
        let skipped = SKIPPED.take();
        Ok(skipped.map_or(Completion::Completed, Completion::ignored_with))
    })
}

fn main() -> ExitCode {
    loss::child();
    let modules = [
        correctness::trials(),
        special_values::trials(),
        attention::trials(),
        attention_backward::trials(),
        attention_cut::trials(),
        attention_options::trials(),
        cooperative::trials(),
        cooperative::aligned::trials(),
        decode::trials(),
        devices::trials(),
        external::trials(),
        host::trials(),
        ends_of_range::attention::trials(),
        ends_of_range::matmul::trials(),
        ends_of_range::norm::trials(),
        library::trials(),
        loss::trials(),
        matmul::trials(),
        roofline::trials(),
        rows::trials(),
        rows::properties::trials(),
        tensors::trials(),
        tuning::trials(),
    ];
    let trials = modules.into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
