//! The library as a program uses it: on its own device and on somebody else's, with right and with wrong arguments.

mod common;

use pollster::block_on;
use ridgepoint::buffer::View;
use ridgepoint::data::{Distribution, Dtype, generate};

#[test]
fn generated_data_is_the_same_on_both_sides() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    block_on(async {
        for dtype in [Dtype::F32, Dtype::F16] {
            for distribution in [Distribution::Uniform, Distribution::Outliers] {
                let elements = 10_000;
                let buffer = gpu
                    .create_storage("data", elements * dtype.bytes())
                    .await
                    .unwrap();
                let view = View::part(&buffer, 0, elements, dtype);
                gpu.fill_random(view, 42, 3, distribution).await.unwrap();
                let got = gpu.download(view).await.unwrap();
                assert_eq!(
                    got,
                    generate(42, 3, elements as usize, dtype, distribution),
                    "{dtype:?} {distribution:?}"
                );
                gpu.poison(view).await.unwrap();
                assert!(gpu.download(view).await.unwrap().iter().all(|v| v.is_nan()));
            }
        }
    });
}
