//! Text as the shape of an operation: an error, or a shape whose label is read as the same shape.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ridgepoint::Dtype;
use ridgepoint::ops::{FAMILIES, class_of};

fuzz_target!(|input: (u8, bool, &str)| {
    let (family, is_half, text) = input;
    let family = FAMILIES[usize::from(family) % FAMILIES.len()];
    let dtype = if is_half { Dtype::F16 } else { Dtype::F32 };
    let Ok(operation) = (family.parse)(text, dtype) else {
        return;
    };
    let label = operation.label();
    let again = (family.parse)(&label, dtype).expect("a label is a shape");
    assert_eq!(again.label(), label);
    assert_eq!(again.shape(), operation.shape());
    if operation.validate().is_ok() {
        assert!(again.validate().is_ok());
        assert_eq!(again.operands(), operation.operands());
        assert_eq!(class_of(again.as_ref()), class_of(operation.as_ref()));
        operation.reference_cost();
        let mut smaller = operation.halved();
        while let Some(half) = smaller {
            half.validate().expect("half of a shape is one");
            smaller = half.halved();
        }
        assert_eq!(again.flops(), operation.flops());
        assert_eq!(again.min_bytes(), operation.min_bytes());
    }
});
