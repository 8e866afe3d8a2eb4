//! Bytes as a file of results or of tunings: an error, or the same again from what it is written as. Results are also reported
//! and compared in every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ridgepoint::Tuning;
use ridgepoint::compare::Comparison;
use ridgepoint::render::{Comparing, FORMATS, Page, Reports, Subject, WithPublished};
use ridgepoint::report::{Input, Results};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read_tuning(text);
    }
    read_results(bytes);
});

fn read_tuning(text: &str) {
    let path = Path::new("fuzz");
    let Ok(tuning) = Tuning::parse(path, text) else {
        return;
    };
    let again = Tuning::parse(path, &tuning.to_json()).expect("what is written is read");
    assert_eq!(again.to_json(), tuning.to_json());
    let _ = ridgepoint::render::tuning(&tuning, &[], "a GPU");
}

fn read_results(bytes: &[u8]) {
    let Ok(results) = Results::read("fuzz", bytes) else {
        return;
    };
    let written = match &results {
        Results::Run(run) => run.to_json(),
        Results::Roofline(roofline) => roofline.to_json(),
    };
    // Texts grow where characters are escaped, and then may be too long to be read.
    if let Ok(again) = Results::read("again", written.as_bytes()) {
        assert_eq!(again.id(), results.id());
    }
    let input = Input {
        name: "fuzz".to_owned(),
        results,
    };
    let inputs = [input.clone(), input];
    let comparing = Comparing {
        comparison: Comparison::new(&inputs),
        statistics: true,
    };
    let reports = Reports(&inputs);
    let subjects: [&dyn Subject; 3] = [&reports, &comparing, &WithPublished(&comparing)];
    for format in FORMATS {
        for subject in subjects {
            (format.write)(subject, &Page::default());
        }
    }
}
