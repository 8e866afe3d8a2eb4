//! Criterion over loading: the blocks of a GGUF tensor to weights on a device, rearranged by the host and by the device.
//!
//! `cargo bench --bench weights` takes the fastest adapter; without one there is nothing to measure. The rate is that of the
//! blocks' bytes, upload and checks of scales included.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;
use ridgepoint::weights::{WeightMatrix, Weights};
use ridgepoint::{Gpu, GpuOptions};

/// Rows and depth of the weights: a layer of a model of eight billion weights.
const SHAPE: (u64, u64) = (4096, 14336);
/// Formats, with the bytes of a block and the byte at which its first half is.
const FORMATS: [(Weights, usize, usize); 3] = [
    (Weights::Q4_0, 18, 0),
    (Weights::Q4K, 144, 0),
    (Weights::Q6K, 210, 208),
];

fn loading(criterion: &mut Criterion) {
    let gpu = match block_on(Gpu::open(&GpuOptions::default())) {
        Ok(gpu) => gpu,
        Err(error) => {
            println!("no adapter to load weights to: {error}");
            return;
        }
    };
    let (n, k) = SHAPE;
    let mut group = criterion.benchmark_group(format!("weights_from_gguf/{n}x{k}"));
    group.sample_size(10);
    for (weights, size, half) in FORMATS {
        let blocks = (n * k / weights.block()) as usize;
        let mut bytes: Vec<u8> = (0..blocks * size).map(|i| (i * 31 % 251) as u8).collect();
        for block in bytes.chunks_mut(size) {
            // An f16 of 1/64, and a minimum of 0 where the format has one.
            block[half..half + 2].copy_from_slice(&[0x00, 0x24]);
            if weights == Weights::Q4K {
                block[2..4].fill(0);
            }
        }
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("{}/host", weights.name()), |bencher| {
            bencher.iter(|| {
                let matrix = WeightMatrix::from_gguf(weights, n, k, &bytes).expect("valid blocks");
                block_on(gpu.weights(&matrix)).expect("room for the weights")
            });
        });
        group.bench_function(format!("{}/device", weights.name()), |bencher| {
            bencher.iter(|| {
                block_on(gpu.weights_from_gguf(weights, n, k, &bytes))
                    .expect("room for the weights")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, loading);
criterion_main!(benches);
