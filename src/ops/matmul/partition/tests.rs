use super::*;
use crate::ops::Layout;

fn limits(binding: u64) -> wgpu::Limits {
    wgpu::Limits {
        max_storage_buffer_binding_size: binding,
        min_storage_buffer_offset_alignment: 256,
        ..wgpu::Limits::default()
    }
}

fn transposed() -> Layout {
    Layout {
        order: Order::ColumnMajor,
        ..Layout::default()
    }
}

#[test]
fn what_fits_is_not_cut() {
    let matmul = Matmul::new(64, 64, 64);
    let cut = Partition::of(&matmul, &limits(64 * 64 * 4)).unwrap();
    assert!(cut.is_whole(&matmul));
}

#[test]
fn each_operand_is_cut_along_its_rows() {
    let of = |matmul: &Matmul| Partition::of(matmul, &limits(1 << 16)).unwrap();
    // A of 512 x 64 is 128 KiB, B of 64 x 8 and C of 512 x 8 are less.
    let tall = of(&Matmul::new(512, 8, 64));
    assert_eq!((tall.rows, tall.columns, tall.depth), (192, 8, 64));
    assert_eq!(tall.constants(&Matmul::new(512, 8, 64)).len(), 2);
    let deep = of(&Matmul::new(8, 64, 512));
    assert_eq!((deep.rows, deep.columns, deep.depth), (8, 64, 192));
    let wide = of(&Matmul {
        b: transposed(),
        ..Matmul::new(8, 512, 64)
    });
    assert_eq!((wide.rows, wide.columns, wide.depth), (8, 192, 64));
    let deep = of(&Matmul {
        a: transposed(),
        ..Matmul::new(64, 8, 512)
    });
    assert_eq!((deep.rows, deep.columns, deep.depth), (64, 8, 192));
}

#[test]
fn batches_are_cut_before_matrices() {
    let matmul = Matmul {
        batch: 10,
        ..Matmul::new(64, 64, 64)
    };
    let cut = Partition::of(&matmul, &limits(1 << 16)).unwrap();
    assert_eq!((cut.matrices, cut.rows, cut.depth), (3, 64, 64));
    let pieces: Vec<_> = sub_ranges(10, cut.matrices).collect();
    assert_eq!(pieces, [0..3, 3..6, 6..9, 9..10]);
}

#[test]
fn rows_that_no_binding_holds_are_refused_with_the_limit() {
    let text = |matmul: Matmul| {
        let error = Partition::of(&matmul, &limits(1 << 16)).unwrap_err();
        error.to_string()
    };
    let wide = text(Matmul::new(2, 1 << 15, 1));
    assert!(
        wide.contains("max_storage_buffer_binding_size is 65536"),
        "{wide}"
    );
    assert!(wide.contains("matmul 2x32768x1"), "{wide}");
}

#[test]
fn sums_of_parts_are_cut_as_well() {
    let cut = Partition::whole(&Matmul::new(256, 64, 64)).for_sums(4, 1 << 16);
    assert_eq!((cut.rows, cut.matrices), (64, 1));
    let batch = Matmul {
        batch: 8,
        ..Matmul::new(64, 64, 64)
    };
    assert_eq!(Partition::whole(&batch).for_sums(1, 1 << 16).matrices, 4);
}
