//! Limits of operations by the figures of a vendor's data sheet, without that vendor's GPU.
//!
//! ```text
//! cargo run --release --example vendor_roofline
//! ```

use ridgepoint::roofline::{Roofline, Work};
use ridgepoint::{Attention, Dtype, Matmul, Operation, Softmax};

fn main() {
    // AMD Radeon RX 7900 XTX: 61.4 TFLOP/s in f32, 122.8 TFLOP/s in packed f16, 960 GB/s.
    let sheet = [("f32", 61.4e12), ("f16", 122.8e12)];
    let roofline = Roofline::from_sheet("RX 7900 XTX, data sheet", &sheet, 960e9);
    let half = Dtype::F16;
    let operations: [&dyn Operation; 4] = [
        &Matmul::new(4096, 4096, 4096),
        &Matmul {
            dtype: half,
            output: half,
            ..Matmul::new(1, 4096, 4096)
        },
        &Attention {
            dtype: half,
            ..Attention::new(1, 32, 4096, 128)
        },
        &Softmax::new(65_536, 1024),
    ];
    println!("operation  type  shape               FLOP/byte  at most        limited by");
    for operation in operations {
        let Some(limit) = roofline.limit(&Work::of(operation)) else {
            continue;
        };
        let intensity = operation.flops() as f64 / operation.min_bytes() as f64;
        println!(
            "{:9}  {:4}  {:18}  {intensity:9.1}  {:8.1} us    {}",
            operation.family().name,
            operation.dtype().name(),
            operation.label(),
            limit.least_s * 1e6,
            limit.id(),
        );
    }
}
