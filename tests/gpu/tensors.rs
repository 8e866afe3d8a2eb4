//! Tensors: upload, operations in one submission, download, and what does not fit.

use crate::common;
use half::f16;
use pollster::block_on;
use ridgepoint::weights::{WeightMatrix, Weights};
use ridgepoint::{Activation, Attention, Error, Gpu, Mask, Matmul, Tensor};

tests! {
    tensors_go_up_and_down,
    operations_of_a_batch_follow_each_other,
    a_batch_takes_any_operation,
    tensors_that_do_not_fit_are_errors,
    quantised_weights_multiply_as_their_values_do,
    weights_of_gguf_are_the_same_by_device_and_host,
    weights_of_gguf_pass_small_bindings_in_parts,
}

fn close(found: &[f32], wanted: &[f32]) {
    let near = found.len() == wanted.len()
        && found
            .iter()
            .zip(wanted)
            .all(|(f, w)| (f - w).abs() <= 2e-3 * w.abs().max(1.0));
    assert!(near, "{found:?} is not {wanted:?}");
}

fn tensors_go_up_and_down() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let words: Tensor<u32> = gpu.tensor([3], &[1, u32::MAX, 1 << 24]).await.unwrap();
        assert_eq!(
            gpu.download_tensor(&words).await.unwrap(),
            [1, u32::MAX, 1 << 24]
        );
        // More than goes through the queue's own memory, and an odd number of bytes.
        let many: Vec<f32> = (0..700_001u32).map(|i| i as f32).collect();
        let large = gpu.tensor([700_001], &many).await.unwrap();
        assert_eq!(gpu.download_tensor(&large).await.unwrap(), many);
        if gpu
            .capabilities()
            .features
            .contains(wgpu::Features::SHADER_F16)
        {
            let halves = [1.0, -2.5, 65504.0].map(f16::from_f32);
            let tensor = gpu.tensor([3], &halves).await.unwrap();
            assert_eq!(gpu.download_tensor(&tensor).await.unwrap(), halves);
        }
        let none: Tensor<f32> = gpu.tensor([0, 5], &[]).await.unwrap();
        assert!(gpu.download_tensor(&none).await.unwrap().is_empty());
        let zeros: Tensor<f32> = gpu.empty_tensor([2, 2]).await.unwrap();
        assert_eq!(gpu.download_tensor(&zeros).await.unwrap(), [0.0; 4]);
    });
}

/// `softmax(silu(norm(x) W^T + b) V + x)`, by hand in f64.
fn by_hand(x: &[f32], weight: &[f32], bias: &[f32], back: &[f32]) -> Vec<f32> {
    let (k, n) = (4, 3);
    let mut found = Vec::new();
    for row in x.chunks(k) {
        let square: f64 = row.iter().map(|v| f64::from(*v).powi(2)).sum();
        let scale = 1.0 / (square / k as f64 + 1e-5).sqrt();
        let hidden: Vec<f64> = (0..n)
            .map(|j| {
                let sum: f64 = (0..k)
                    .map(|i| f64::from(row[i]) * scale * f64::from(weight[j * k + i]))
                    .sum();
                let v = sum + f64::from(bias[j]);
                v / (1.0 + (-v).exp())
            })
            .collect();
        let out: Vec<f64> = (0..k)
            .map(|i| {
                f64::from(row[i])
                    + (0..n)
                        .map(|j| hidden[j] * f64::from(back[j * k + i]))
                        .sum::<f64>()
            })
            .collect();
        let sum: f64 = out.iter().map(|v| v.exp()).sum();
        found.extend(out.iter().map(|v| (v.exp() / sum) as f32));
    }
    found
}

fn operations_of_a_batch_follow_each_other() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let x: Vec<f32> = (0..8).map(|i| (i as f32 * 0.7).sin()).collect();
        let weight: Vec<f32> = (0..12).map(|i| (i as f32 * 1.3).cos()).collect();
        let bias = [0.1f32, -0.2, 0.3];
        let back: Vec<f32> = (0..12).map(|i| (i as f32 * 0.4).sin()).collect();
        let tensors = [
            (vec![2u64, 4], &x),
            (vec![3, 4], &weight),
            (vec![3, 4], &back),
        ];
        let mut up = Vec::new();
        for (shape, values) in tensors {
            up.push(gpu.tensor(shape, values).await.unwrap());
        }
        let of_bias = gpu.tensor([3], &bias).await.unwrap();
        let mut batch = gpu.batch();
        let normed = batch.rms_norm(&up[0], None).await.unwrap();
        let hidden = batch
            .linear(&normed, &up[1], Some(&of_bias), Activation::Silu)
            .await
            .unwrap();
        let out = batch.matmul(&hidden, &up[2]).await.unwrap();
        let sum = batch.add(&out, &up[0]).await.unwrap();
        let y = batch.softmax(&sum).await.unwrap();
        batch.submit().await.unwrap();
        let found = gpu.download_tensor(&y).await.unwrap();
        close(&found, &by_hand(&x, &weight, &bias, &back));
        // Shared rows: a matrix for all batches, and the same by single calls.
        let wide = up[0].reshaped([2, 1, 4]).unwrap();
        let single = gpu
            .matmul(&wide, &up[1].reshaped([4, 3]).unwrap())
            .await
            .unwrap();
        assert_eq!(single.shape(), [2, 1, 3]);
        let mut batch = gpu.batch();
        let product = batch.multiply(&up[1], &up[1]).await.unwrap();
        let ones = gpu.tensor([4], &[1.0f32; 4]).await.unwrap();
        let zeros: Tensor<f32> = gpu.empty_tensor([4]).await.unwrap();
        let layer = batch.layer_norm(&product, &ones, &zeros).await.unwrap();
        batch.submit().await.unwrap();
        let found = gpu.download_tensor(&layer).await.unwrap();
        for row in found.chunks(4) {
            assert!(row.iter().sum::<f32>().abs() < 1e-3, "{row:?}");
        }
    });
}

fn a_batch_takes_any_operation() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        // Two heads side by side in one buffer of Q, K and V; a causal mask: the first query sees the first key alone.
        let (heads, dim, seq) = (2u64, 4, 3);
        let row = 3 * heads * dim;
        let qkv: Vec<f32> = (0..seq * row).map(|i| (i as f32 * 0.3).sin()).collect();
        let packed = gpu.tensor([seq, row], &qkv).await.unwrap();
        let at = |place: u64| ridgepoint::HeadLayout {
            offset: place * heads * dim,
            row: Some(row),
            head: Some(dim),
            batch: None,
        };
        let attention = Attention {
            mask: Mask::Causal,
            q: at(0),
            k: at(1),
            v: at(2),
            o: ridgepoint::HeadLayout::interleaved(heads, dim),
            ..Attention::new(1, heads, seq, dim)
        };
        let mut batch = gpu.batch();
        let o: Tensor<f32> = batch
            .run(&attention, &[packed.view(); 3], [seq, heads * dim])
            .await
            .unwrap();
        batch.submit().await.unwrap();
        let found = gpu.download_tensor(&o).await.unwrap();
        let first = &qkv[(2 * heads * dim) as usize..row as usize];
        close(&found[..(heads * dim) as usize], first);
        let single = gpu.tensor([1, 1, 3, 4], &qkv[..12]).await.unwrap();
        let same = gpu
            .attention(&single, &single, &single, Mask::Causal)
            .await
            .unwrap();
        let found = gpu.download_tensor(&same).await.unwrap();
        close(&found[..4], &qkv[..4]);
    });
}

fn tensors_that_do_not_fit_are_errors() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let a = gpu.tensor([2, 3], &[0.0f32; 6]).await.unwrap();
        let wrong = gpu.matmul(&a, &a).await.unwrap_err();
        assert!(
            matches!(&wrong, Error::Shape { reason, .. } if reason.contains("[2, 3] x [2, 3]")),
            "{wrong}"
        );
        let short = gpu.tensor([4], &[0.0f32; 3]).await.unwrap_err();
        assert!(
            matches!(
                short,
                Error::Length {
                    needed: 4,
                    found: 3,
                    ..
                }
            ),
            "{short}"
        );
        assert!(gpu.tensor::<f32>([1 << 40, 1 << 40], &[]).await.is_err());
        assert!(matches!(
            gpu.empty_tensor::<f32>([1 << 40]).await,
            Err(Error::TooLarge { .. })
        ));
        assert!(a.reshaped([5]).is_err());
        let mut batch = gpu.batch();
        let b = gpu.tensor([5], &[0.0f32; 5]).await.unwrap();
        assert!(matches!(batch.add(&a, &b).await, Err(Error::Length { .. })));
        let weight = gpu.tensor([2], &[0.0f32; 2]).await.unwrap();
        assert!(matches!(
            batch.rms_norm(&a, Some(&weight)).await,
            Err(Error::Length { .. })
        ));
        let backward = ridgepoint::AttentionBackward {
            forward: Attention::new(1, 1, 2, 4),
        };
        let several = batch.run::<f32>(&backward, &[], [1]).await;
        assert!(
            matches!(several, Err(Error::Argument { .. })),
            "{several:?}"
        );
        let accumulated = Matmul {
            beta: 1.0,
            ..Matmul::new(2, 2, 3)
        };
        let several = batch.run::<f32>(&accumulated, &[], [2, 2]).await;
        assert!(
            matches!(several, Err(Error::Argument { .. })),
            "{several:?}"
        );
        let words = batch.run::<u32>(&Matmul::new(2, 2, 3), &[], [2, 2]).await;
        assert!(matches!(words, Err(Error::ElementType { .. })), "{words:?}");
        let missing = batch
            .run::<f32>(&Matmul::new(2, 2, 3), &[a.view()], [2, 2])
            .await;
        assert!(
            matches!(missing, Err(Error::OperandCount { .. })),
            "{missing:?}"
        );
        let few: Result<Tensor<f32>, Error> = batch
            .run(&Matmul::new(2, 2, 3), &[a.view(), a.view()], [2, 1])
            .await;
        assert!(matches!(few, Err(Error::Length { .. })), "{few:?}");
        let other: Option<Gpu> = common::open(|_| {});
        let foreign = other.unwrap().tensor([2, 3], &[0.0f32; 6]).await.unwrap();
        let mixed = gpu.download_tensor(&foreign).await;
        assert!(matches!(mixed, Err(Error::Argument { .. })), "{mixed:?}");
        let mixed = gpu.matmul(&foreign, &foreign).await;
        assert!(mixed.is_err(), "{mixed:?}");
    });
}

fn quantised_weights_multiply_as_their_values_do() {
    let Some(gpu) = common::gpu() else { return };
    let (n, k) = (5, 64);
    let values: Vec<i8> = (0..n * k).map(|i| (i * 37 % 251 - 125) as i8).collect();
    let scales: Vec<f32> = (1..=n).map(|row| row as f32 / 4096.0).collect();
    let matrix = WeightMatrix::from_int8(n as u64, k as u64, &values, &scales).unwrap();
    assert_eq!(matrix.weights(), Weights::Int8);
    let x: Vec<f32> = (0..3 * k).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
    let bias: Vec<f32> = (0..n).map(|i| i as f32).collect();
    block_on(async {
        let weight = gpu.weights(&matrix).await.unwrap();
        let floats = gpu
            .tensor([n as u64, k as u64], &matrix.to_f32())
            .await
            .unwrap();
        let x = gpu.tensor([3, k as u64], &x).await.unwrap();
        let bias = gpu.tensor([n as u64], &bias).await.unwrap();
        let mut batch = gpu.batch();
        let silu = Activation::Silu;
        let quantised = batch
            .linear_quantized(&x, &weight, Some(&bias), silu)
            .await
            .unwrap();
        let plain = batch.linear(&x, &floats, Some(&bias), silu).await.unwrap();
        let narrow: Tensor<f32> = gpu.empty_tensor([3, 32]).await.unwrap();
        let error = batch
            .linear_quantized(&narrow, &weight, None, silu)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
        batch.submit().await.unwrap();
        assert_eq!(quantised.shape(), [3, n as u64]);
        let [quantised, plain] =
            [quantised, plain].map(|t| block_on(gpu.download_tensor(&t)).unwrap());
        close(&quantised, &plain);
    });
}

/// Formats of GGUF with the bytes of a block, and the bytes at which its halves are.
const GGUF: [(Weights, usize, &[usize]); 5] = [
    (Weights::Q4_0, 18, &[0]),
    (Weights::Q4_1, 20, &[0, 2]),
    (Weights::Q8_0, 34, &[0]),
    (Weights::Q4K, 144, &[0, 2]),
    (Weights::Q6K, 210, &[208]),
];

/// Blocks whose every bit is drawn, with halves below 1.
fn blocks(size: usize, halves: &[usize], count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 9) as u8
    };
    let mut bytes: Vec<u8> = (0..size * count).map(|_| draw()).collect();
    for block in bytes.chunks_mut(size) {
        for at in halves {
            block[at + 1] = block[at + 1] % 0x20 + 0x18;
        }
    }
    bytes
}

fn weights_of_gguf_are_the_same_by_device_and_host() {
    let Some(gpu) = common::gpu() else { return };
    for (weights, size, halves) in GGUF {
        // One block, an odd number of them, and more than a workgroup's.
        for (n, per_row) in [(1, 1), (3, 5), (37, 9)] {
            let k = per_row * weights.block();
            let bytes = blocks(size, halves, (n * per_row) as usize);
            let matrix = WeightMatrix::from_gguf(weights, n, k, &bytes).unwrap();
            block_on(async {
                let by_device = gpu.weights_from_gguf(weights, n, k, &bytes).await.unwrap();
                assert_eq!(by_device.weights(), weights);
                assert_eq!(by_device.shape(), [n, k]);
                let found = gpu.download_weights(&by_device).await.unwrap();
                assert_eq!(found, matrix, "{weights:?} {n}x{k}");
                let by_host = gpu.weights(&matrix).await.unwrap();
                assert_eq!(gpu.download_weights(&by_host).await.unwrap(), matrix);
            });
        }
        // Both ways refuse the same.
        let mut bytes = blocks(size, halves, 4);
        let both = |n: u64, k: u64, bytes: &[u8]| {
            let by_device = block_on(gpu.weights_from_gguf(weights, n, k, bytes)).unwrap_err();
            let by_host = WeightMatrix::from_gguf(weights, n, k, bytes).unwrap_err();
            assert_eq!(by_device.to_string(), by_host.to_string());
            by_device
        };
        let k = 2 * weights.block();
        let truncated = both(2, k, &bytes[..4 * size - 1]);
        assert!(matches!(truncated, Error::Length { .. }), "{truncated}");
        let ragged = both(2, k + 1, &bytes);
        assert!(matches!(ragged, Error::Shape { .. }), "{ragged}");
        let at = 3 * size + halves[0];
        bytes[at..at + 2].copy_from_slice(&0x7e00_u16.to_le_bytes());
        let nan = both(2, k, &bytes);
        assert!(matches!(nan, Error::NonFinite { index: 3, .. }), "{nan}");
    }
    let foreign = block_on(gpu.weights_from_gguf(Weights::Int4, 1, 128, &[])).unwrap_err();
    assert!(matches!(foreign, Error::Unsupported { .. }), "{foreign}");
}

fn weights_of_gguf_pass_small_bindings_in_parts() {
    let limits = wgpu::Limits {
        max_storage_buffer_binding_size: 1 << 16,
        ..wgpu::Limits::default()
    };
    let Some(gpu) = common::open(|options| options.limits = Some(limits)) else {
        return;
    };
    for (weights, size, halves) in GGUF {
        // The last part is shorter, and ends within a word where blocks do.
        let (n, per_row) = (7, 2 * (1 << 16) / size as u64 / 7);
        let k = per_row * weights.block();
        let bytes = blocks(size, halves, (n * per_row) as usize);
        let matrix = WeightMatrix::from_gguf(weights, n, k, &bytes).unwrap();
        let found = block_on(async {
            let weights = gpu.weights_from_gguf(weights, n, k, &bytes).await?;
            gpu.download_weights(&weights).await
        });
        assert_eq!(found.unwrap(), matrix, "{weights:?}");
    }
}
