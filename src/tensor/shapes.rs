//! Operations from the shapes of tensors.

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::ops::{Attention, Layout, Matmul, Order};

fn refuse<T>(operation: &'static str, reason: String) -> Result<T> {
    Err(Error::Shape { operation, reason })
}

/// The product of `a`, `[.., m, k]`, and `b`, `[k, n]` or `[.., k, n]` with the axes of `a`; and the shape of the result.
pub(super) fn matmul(a: &[u64], b: &[u64], dtype: Dtype) -> Result<(Matmul, Vec<u64>)> {
    let ([outer @ .., m, depth], [of_b @ .., rows, n]) = (a, b) else {
        return refuse(
            "matmul",
            format!("{a:?} x {b:?}: both need two axes at least"),
        );
    };
    if depth != rows {
        return refuse(
            "matmul",
            format!(
                "{a:?} x {b:?}: the last axis of the first and the last but one of the second differ"
            ),
        );
    }
    let shape = [outer, &[*m, *n]].concat();
    let plain = Matmul {
        dtype,
        output: dtype,
        ..Matmul::new(*m, *n, *depth)
    };
    let batch: u64 = outer.iter().product();
    if of_b.is_empty() {
        // One matrix for all: the rows of all batches are rows of one product.
        let m = batch.saturating_mul(*m);
        return Ok((Matmul { m, ..plain }, shape));
    }
    if outer != of_b {
        return refuse(
            "matmul",
            format!("{a:?} x {b:?}: the axes before the last two differ"),
        );
    }
    Ok((Matmul { batch, ..plain }, shape))
}

/// The product of `x`, `[.., k]`, and the transpose of `weight`, `[n, k]` as model files have it; and the shape of the result.
pub(super) fn linear(x: &[u64], weight: &[u64], dtype: Dtype) -> Result<(Matmul, Vec<u64>)> {
    let ([outer @ .., k], [n, columns]) = (x, weight) else {
        return refuse(
            "matmul",
            format!("{x:?} x {weight:?}^T: a weight has two axes"),
        );
    };
    if k != columns {
        return refuse(
            "matmul",
            format!("{x:?} x {weight:?}^T: the last axes differ"),
        );
    }
    let product = Matmul {
        dtype,
        output: dtype,
        b: Layout {
            order: Order::ColumnMajor,
            ..Layout::default()
        },
        ..Matmul::new(outer.iter().product(), *n, *k)
    };
    Ok((product, [outer, &[*n]].concat()))
}

/// Rows and columns of `x`, `[.., cols]`.
pub(super) fn rows(operation: &'static str, x: &[u64]) -> Result<(u64, u64)> {
    match x {
        [outer @ .., cols] => Ok((outer.iter().product(), *cols)),
        [] => refuse(operation, "a tensor without axes has no rows".to_owned()),
    }
}

/// The attention of `q`, `[batch, heads, seq_q, head_dim]`, over `k` and `v`, `[batch, kv_heads, seq_kv, columns]`.
pub(super) fn attention(q: &[u64], k: &[u64], v: &[u64], dtype: Dtype) -> Result<Attention> {
    let (
        &[batch, heads, seq_q, head_dim],
        &[batch_k, kv_heads, seq_kv, columns_k],
        &[batch_v, heads_v, rows_v, value_dim],
    ) = (q, k, v)
    else {
        return refuse(
            "attention",
            format!("{q:?}, {k:?}, {v:?}: each needs four axes"),
        );
    };
    let same = [batch_k, batch_v] == [batch; 2]
        && heads_v == kv_heads
        && rows_v == seq_kv
        && columns_k == head_dim;
    if !same {
        return refuse(
            "attention",
            format!(
                "{q:?}, {k:?}, {v:?}: batches, columns of q and k, and heads and rows of k and v have to be equal"
            ),
        );
    }
    Ok(Attention {
        kv_heads,
        seq_q,
        seq_kv,
        value_dim,
        dtype,
        ..Attention::new(batch, heads, seq_q, head_dim)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operation;

    #[test]
    fn products_follow_the_axes() {
        let of = |a: &[u64], b: &[u64]| {
            let (matmul, shape) = matmul(a, b, Dtype::F32)?;
            Ok::<_, Error>((matmul.label(), shape))
        };
        assert_eq!(of(&[2, 3], &[3, 5]).unwrap(), ("2x5x3".into(), vec![2, 5]));
        assert_eq!(
            of(&[4, 2, 3], &[3, 5]).unwrap(),
            ("8x5x3".into(), vec![4, 2, 5])
        );
        assert_eq!(
            of(&[4, 2, 3], &[4, 3, 5]).unwrap(),
            ("4x2x5x3".into(), vec![4, 2, 5])
        );
        for (a, b) in [
            (&[2u64, 3][..], &[4u64, 5][..]),
            (&[3], &[3, 5]),
            (&[4, 2, 3], &[5, 3, 5]),
        ] {
            assert!(matches!(of(a, b), Err(Error::Shape { .. })), "{a:?} {b:?}");
        }
        let (layer, shape) = linear(&[4, 2, 3], &[5, 3], Dtype::F16).unwrap();
        let wanted = ("8x5x3+tb+f16", vec![4, 2, 5]);
        assert_eq!((layer.label().as_str(), shape), wanted);
        assert!(linear(&[4, 3], &[5, 4], Dtype::F16).is_err());
    }

    #[test]
    fn heads_and_columns_have_to_fit() {
        let q = [2, 8, 5, 64];
        let found = attention(&q, &[2, 4, 7, 64], &[2, 4, 7, 32], Dtype::F32).unwrap();
        assert_eq!((found.kv_heads, found.seq_kv, found.value_dim), (4, 7, 32));
        for (k, v) in [
            ([2, 4, 7, 64], [2, 4, 8, 32]),
            ([2, 4, 7, 63], [2, 4, 7, 32]),
        ] {
            assert!(attention(&q, &k, &v, Dtype::F32).is_err());
        }
        assert!(attention(&q[1..], &q, &q, Dtype::F32).is_err());
        assert!(rows("softmax", &[]).is_err());
    }
}
