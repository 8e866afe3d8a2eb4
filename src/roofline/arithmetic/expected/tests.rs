//! Steps by hand, and that chains neither settle nor run away.

use super::super::forms::{A_F16, DOT, F16, F32, Form, INTEGER, MIXED, ODD};
use super::super::*;
use super::*;

fn shape(form: &'static Form) -> Shape {
    Shape {
        form,
        chains: 1,
        width: 1,
        workgroup: 64,
        unroll: 16,
    }
}

#[test]
fn steps_by_hand() {
    assert_eq!(dot4(0x0102_0304, 0x0101_0101), 10);
    assert_eq!(dot4(0xff00_0000, 0x0200_0000), (-2i32).cast_unsigned());
    let dot = shape(&DOT.forms[0]);
    let b = 5 ^ MIXED;
    assert_eq!(dot.integer(5, 0, 1), 5u32.wrapping_add(dot4(5, b)));
    let integer = shape(&INTEGER.forms[0]);
    assert_eq!(integer.integer(2, 1, 1), 3 * ODD + 3);
    let (x, _) = shape(&F16.forms[0]).real(0.5, 1, 2, 0.0);
    let a = f64::from(A_F16);
    assert!((x - ((0.625 * a + 0.125) * a - 0.125)).abs() < 1e-15);
}

#[test]
fn chains_stay_finite_keep_moving_and_keep_their_error_small() {
    for form in F32.forms.iter().chain(F16.forms) {
        let u = form.words.dtype().unwrap().unit_roundoff();
        let shape = shape(form);
        let ((a, da), (b, _)) = (shape.real(0.7, 0, 4096, u), shape.real(0.7, 0, 4097, u));
        assert!(a.is_finite() && a.abs() < 16.0 && (a - b).abs() > 1e-2);
        assert!(
            da < 0.1 * a.abs().max(1.0),
            "{}: {a} +- {da}",
            form.file.shader.name
        );
    }
}

#[test]
fn the_full_grid_is_the_declared_one_and_bodies_stay_small() {
    let shapes = F32.shapes(ArithmeticGrid::Full, BODY);
    assert_eq!(shapes.len(), 2 * 4 * 3 * 3);
    assert!(shapes.iter().all(|s| s.unroll * s.chains * s.width <= BODY));
    assert_eq!(DOT.shapes(ArithmeticGrid::Full, BODY).len(), 4 * 3);
}
