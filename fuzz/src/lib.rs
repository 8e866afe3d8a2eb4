//! Operations made of bytes.

use arbitrary::{Result, Unstructured};
use ridgepoint::Dtype;
use ridgepoint::weights::Weights;
use ridgepoint::ops::{
    Activation, Activations, Affine, Attention, AttentionBackward, Bias, BiasShape, Causal, FAMILIES,
    HeadLayout, KvCache, Layout, Lengths, LogSumExp, Mask, Matmul, Norm, NormKind, Operation,
    Order, RowLayout, Sinks, Softmax, SoftmaxForm, SoftmaxMask, Target,
};

/// Sizes around those where vectors, subgroups, tiles and workgroups end.
const EDGES: [u64; 16] = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65];

/// An operation of small sizes. It may be one that [`Operation::validate`] refuses.
pub fn operation(bytes: &mut Unstructured<'_>) -> Result<Box<dyn Operation>> {
    Ok(match bytes.int_in_range(0..=6)? {
        0 => Box::new(matmul(bytes)?),
        1 => Box::new(softmax(bytes)?),
        2 => Box::new(norm(bytes)?),
        3 => Box::new(attention(bytes)?),
        4 => Box::new(AttentionBackward {
            forward: attention(bytes)?,
        }),
        _ => of_text(bytes)?,
    })
}

/// An operation of any family by its text, as long as that is one.
fn of_text(bytes: &mut Unstructured<'_>) -> Result<Box<dyn Operation>> {
    let family = bytes.choose(FAMILIES)?;
    let dtype = dtype(bytes)?;
    let sizes = bytes.int_in_range(1..=5)?;
    let sizes: Vec<String> = (0..sizes)
        .map(|_| Ok(size(bytes, 600)?.to_string()))
        .collect::<Result<_>>()?;
    let word = *bytes.choose(&["", "", "+square", "+inplace", "+mask", "+bias", "+tb", "+q4_0", "+q6_k+a8"])?;
    (family.parse)(&(sizes.join("x") + word), dtype).map_err(|_| arbitrary::Error::IncorrectFormat)
}

fn size(bytes: &mut Unstructured<'_>, most: u64) -> Result<u64> {
    Ok(if bytes.ratio(3, 4)? {
        *bytes.choose(&EDGES)?
    } else {
        bytes.int_in_range(0..=most)?
    }
    .min(most))
}

fn dtype(bytes: &mut Unstructured<'_>) -> Result<Dtype> {
    Ok(if bytes.arbitrary()? {
        Dtype::F16
    } else {
        Dtype::F32
    })
}

fn factor(bytes: &mut Unstructured<'_>) -> Result<f32> {
    let factors = [1.0, 0.0, 0.5, -2.0, 0.125, 3.0, f32::NAN, f32::INFINITY];
    bytes.choose(&factors).copied()
}

/// `Some` for one input in four.
fn sometimes<T>(
    bytes: &mut Unstructured<'_>,
    value: impl FnOnce(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if bytes.ratio(1, 4)? {
        value(bytes).map(Some)
    } else {
        Ok(None)
    }
}

fn matmul(bytes: &mut Unstructured<'_>) -> Result<Matmul> {
    let [m, n, k] = [size(bytes, 130)?, size(bytes, 130)?, size(bytes, 130)?];
    let floats = Matmul {
        batch: size(bytes, 3)?,
        dtype: dtype(bytes)?,
        output: dtype(bytes)?,
        alpha: factor(bytes)?,
        beta: factor(bytes)?,
        a: layout(bytes, m.max(k), m * k)?,
        b: layout(bytes, k.max(n), k * n)?,
        c: layout(bytes, m.max(n), m * n)?,
        bias: *bytes.choose(&[Bias::None, Bias::Row])?,
        activation: *bytes.choose(&[
            Activation::None,
            Activation::Relu,
            Activation::Gelu,
            Activation::Silu,
        ])?,
        ..Matmul::new(m, n, k)
    };
    quantised(bytes, floats)
}

/// The product with quantised weights, sometimes of a depth that they have.
fn quantised(bytes: &mut Unstructured<'_>, floats: Matmul) -> Result<Matmul> {
    if bytes.ratio(2, 3)? {
        return Ok(floats);
    }
    let weights = *bytes.choose(&Weights::QUANTIZED)?;
    let blocks = bytes.int_in_range(0..=3)?;
    Ok(Matmul {
        weights,
        activations: *bytes.choose(&[Activations::Float, Activations::Int8])?,
        k: if bytes.ratio(7, 8)? {
            blocks * weights.block()
        } else {
            floats.k
        },
        a: Layout::default(),
        b: Layout {
            order: Order::ColumnMajor,
            batch_stride: sometimes(bytes, |_| Ok(0))?,
            ..Layout::default()
        },
        ..floats
    })
}

fn layout(bytes: &mut Unstructured<'_>, row: u64, matrix: u64) -> Result<Layout> {
    Ok(Layout {
        order: *bytes.choose(&[Order::RowMajor, Order::ColumnMajor])?,
        row_stride: sometimes(bytes, |bytes| Ok(row + size(bytes, 9)?))?,
        batch_stride: sometimes(bytes, |bytes| {
            let gap = size(bytes, 33)?;
            Ok(if gap == 0 { 0 } else { matrix + gap - 1 })
        })?,
        offset: sometimes(bytes, |bytes| size(bytes, 17))?.unwrap_or(0),
    })
}

fn softmax(bytes: &mut Unstructured<'_>) -> Result<Softmax> {
    let [rows, cols] = [size(bytes, 65)?, size(bytes, 4200)?];
    Ok(Softmax {
        dtype: dtype(bytes)?,
        x: rows_at(bytes, cols)?,
        y: rows_at(bytes, cols)?,
        scale: factor(bytes)?,
        mask: *bytes.choose(&[SoftmaxMask::None, SoftmaxMask::Full, SoftmaxMask::Broadcast])?,
        causal: sometimes(bytes, |bytes| {
            let [queries, seen] = [size(bytes, 65)?, size(bytes, 65)?];
            Ok(Causal { queries, seen })
        })?,
        form: *bytes.choose(&[SoftmaxForm::Probabilities, SoftmaxForm::Logarithms])?,
        target: *bytes.choose(&[Target::Separate, Target::InPlace])?,
        ..Softmax::new(rows, cols)
    })
}

fn norm(bytes: &mut Unstructured<'_>) -> Result<Norm> {
    let kind = *bytes.choose(&[NormKind::Rms, NormKind::Layer])?;
    let [rows, cols] = [size(bytes, 65)?, size(bytes, 4200)?];
    Ok(Norm {
        dtype: dtype(bytes)?,
        x: rows_at(bytes, cols)?,
        y: rows_at(bytes, cols)?,
        affine: *bytes.choose(&[Affine::None, Affine::Weight, Affine::WeightAndBias])?,
        target: *bytes.choose(&[Target::Separate, Target::InPlace])?,
        ..Norm::new(kind, rows, cols)
    })
}

fn rows_at(bytes: &mut Unstructured<'_>, cols: u64) -> Result<RowLayout> {
    Ok(RowLayout {
        offset: sometimes(bytes, |bytes| size(bytes, 17))?.unwrap_or(0),
        stride: sometimes(bytes, |bytes| Ok(cols + size(bytes, 9)?))?,
    })
}

fn attention(bytes: &mut Unstructured<'_>) -> Result<Attention> {
    let [batch, kv_heads, group] = [size(bytes, 2)?, size(bytes, 2)?, size(bytes, 3)?];
    let [seq_q, seq_kv] = [size(bytes, 70)?, size(bytes, 70)?];
    let head_dim = *bytes.choose(&[0, 1, 3, 8, 16, 20, 32, 64, 80, 128])?;
    let heads = kv_heads * group;
    let value_dim = sometimes(bytes, |bytes| size(bytes, 65))?.unwrap_or(head_dim);
    let interleaved = bytes.ratio(1, 4)?;
    let mut at = |heads, columns| -> Result<HeadLayout> {
        let offset = sometimes(bytes, |bytes| size(bytes, 9))?.unwrap_or(0);
        let own = HeadLayout::interleaved(heads, columns);
        Ok(HeadLayout {
            offset,
            row: sometimes(bytes, |bytes| Ok(columns + size(bytes, 5)?))?
                .or(own.row.filter(|_| interleaved)),
            head: own.head.filter(|_| interleaved),
            batch: None,
        })
    };
    let (q, o) = (at(heads, head_dim)?, at(heads, value_dim)?);
    let (k, v) = (at(kv_heads, head_dim)?, at(kv_heads, value_dim)?);
    Ok(Attention {
        kv_heads,
        seq_kv,
        value_dim,
        dtype: dtype(bytes)?,
        q,
        k,
        v,
        o,
        scale: sometimes(bytes, factor)?,
        mask: *bytes.choose(&[Mask::None, Mask::Causal])?,
        window: sometimes(bytes, |bytes| size(bytes, 70))?,
        bias: sometimes(bytes, |bytes| {
            Ok(BiasShape {
                batch: size(bytes, 2)?,
                heads: size(bytes, 6)?,
                seq_q: if bytes.arbitrary()? { seq_q } else { 1 },
            })
        })?,
        soft_cap: sometimes(bytes, factor)?,
        sinks: *bytes.choose(&[Sinks::None, Sinks::PerHead])?,
        lengths: *bytes.choose(&[Lengths::Same, Lengths::PerSequence])?,
        cache: match sometimes(bytes, |bytes| Ok([size(bytes, 70)?, size(bytes, 33)?]))? {
            None => KvCache::Contiguous,
            Some([pages, page_size]) => KvCache::Paged { pages, page_size },
        },
        log_sum_exp: *bytes.choose(&[LogSumExp::Unwanted, LogSumExp::Wanted])?,
        ..Attention::new(batch, heads, seq_q, head_dim)
    })
}
