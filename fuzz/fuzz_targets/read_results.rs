//! Bytes as a file of results: an error, or a report and a comparison in every format, and the same results again from what they
//! are written as.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ridgepoint::compare::Comparison;
use ridgepoint::render::{Comparing, FORMATS, Page, Reports, Subject, WithPublished};
use ridgepoint::report::{Input, Results};

fuzz_target!(|bytes: &[u8]| {
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
});
