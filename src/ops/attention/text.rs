//! An attention as text: its sizes, then a word for each option.

use super::options::{BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks};
use super::shape::{Attention, NAME};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::ops::Operation;
use crate::ops::words::refuse_contradictions;

/// The form of the text, for who gets it wrong.
pub(in crate::ops) const FORM: &str = "BATCHxHEADSxSEQ_QxSEQ_KVxHEAD_DIM, such as 2x4x512x512x64, xcausal after it for that mask, \
    then what differs: +kv2 (key heads) +v32 (columns of V) +scale=0.1 +window=256 +bias or +bias=1x4x1 (batch, heads, \
    queries) +cap=30 +sinks +lengths +lse +page=16 (keys of a page) +bshd (heads within rows)";

/// The text of `attention`. Strides have no text, except the strides of `+bshd`.
pub(in crate::ops) fn label(attention: &Attention) -> String {
    let sizes = [
        attention.batch,
        attention.heads,
        attention.seq_q,
        attention.seq_kv,
        attention.head_dim,
    ];
    let mut text = sizes.map(|size| size.to_string()).join("x");
    if attention.mask == Mask::Causal {
        text += "xcausal";
    }
    let full = BiasShape {
        batch: attention.batch,
        heads: attention.heads,
        seq_q: attention.seq_q,
    };
    let words = [
        (attention.kv_heads != attention.heads).then(|| format!("kv{}", attention.kv_heads)),
        (attention.value_dim != attention.head_dim).then(|| format!("v{}", attention.value_dim)),
        attention.scale.map(|scale| format!("scale={scale}")),
        attention.window.map(|window| format!("window={window}")),
        attention.bias.map(|bias| {
            if bias == full {
                "bias".to_owned()
            } else {
                format!("bias={}x{}x{}", bias.batch, bias.heads, bias.seq_q)
            }
        }),
        attention.soft_cap.map(|cap| format!("cap={cap}")),
        (attention.sinks == Sinks::PerHead).then(|| "sinks".to_owned()),
        (attention.lengths == Lengths::PerSequence).then(|| "lengths".to_owned()),
        (attention.log_sum_exp == LogSumExp::Wanted).then(|| "lse".to_owned()),
        match attention.cache {
            KvCache::Contiguous => None,
            KvCache::Paged { page_size, .. } => Some(format!("page={page_size}")),
        },
        (attention.q.row.is_some()).then(|| "bshd".to_owned()),
    ];
    for word in words.into_iter().flatten() {
        text += "+";
        text += &word;
    }
    text
}

/// An attention from the text that [`label`] writes.
///
/// # Errors
/// [`Error::ShapeText`] with the form that is wanted.
pub(super) fn parse(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    Ok(Box::new(read(NAME, text, dtype)?))
}

/// An attention from its text, as a shape of the family that is called `operation`.
///
/// # Errors
/// [`Error::ShapeText`] with the form that is wanted; [`Error::Shape`] for words that contradict each other.
pub(in crate::ops) fn read(operation: &'static str, text: &str, dtype: Dtype) -> Result<Attention> {
    let wrong = || Error::ShapeText {
        operation,
        text: text.to_owned(),
        expected: FORM,
    };
    let mut words = text.trim().split('+').map(str::trim);
    refuse_contradictions(operation, words.clone().skip(1), |word| {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        // Key heads and columns of V: a letter or two before a number.
        name.trim_end_matches(|c: char| c.is_ascii_digit())
    })?;
    let sizes = words.next().unwrap_or_default();
    let (sizes, mask) = match sizes.strip_suffix("xcausal") {
        None => (sizes, Mask::None),
        Some(sizes) => (sizes, Mask::Causal),
    };
    let [batch, heads, seq_q, seq_kv, head_dim] = numbers(sizes).ok_or_else(wrong)?;
    let mut attention = Attention {
        seq_kv,
        dtype,
        mask,
        ..Attention::new(batch, heads, seq_q, head_dim)
    };
    // The layout of `bshd` depends on the sizes, wherever the words for these stand.
    let (last, first): (Vec<&str>, Vec<&str>) = words.partition(|word| *word == "bshd");
    for word in first.into_iter().chain(last) {
        option(&mut attention, word).ok_or_else(wrong)?;
    }
    Ok(attention)
}

/// Sets the option of one word; `None` for a word that is no option.
fn option(attention: &mut Attention, word: &str) -> Option<()> {
    let (name, value) = word
        .split_once('=')
        .map_or((word, None), |(name, value)| (name, Some(value)));
    match (name, value) {
        ("scale", Some(value)) => attention.scale = Some(value.parse().ok()?),
        ("cap", Some(value)) => attention.soft_cap = Some(value.parse().ok()?),
        ("window", Some(value)) => attention.window = Some(value.parse().ok()?),
        ("bias", None) => {
            attention.bias = Some(BiasShape {
                batch: attention.batch,
                heads: attention.heads,
                seq_q: attention.seq_q,
            });
        }
        ("bias", Some(value)) => {
            let [batch, heads, seq_q] = numbers(value)?;
            attention.bias = Some(BiasShape {
                batch,
                heads,
                seq_q,
            });
        }
        ("sinks", None) => attention.sinks = Sinks::PerHead,
        ("lengths", None) => attention.lengths = Lengths::PerSequence,
        ("lse", None) => attention.log_sum_exp = LogSumExp::Wanted,
        ("page", Some(value)) => {
            let page_size: u64 = value.parse().ok().filter(|size| *size > 0)?;
            // Pages: all that the batch can use, and one more.
            let pages = attention
                .batch
                .checked_mul(attention.seq_kv.div_ceil(page_size))?
                .checked_add(1)?;
            attention.cache = KvCache::Paged { pages, page_size };
        }
        ("bshd", None) => {
            let [heads, kv_heads] = [attention.heads, attention.kv_heads];
            attention.q = HeadLayout::interleaved(heads, attention.head_dim);
            attention.k = HeadLayout::interleaved(kv_heads, attention.head_dim);
            attention.v = HeadLayout::interleaved(kv_heads, attention.value_dim);
            attention.o = HeadLayout::interleaved(heads, attention.value_dim);
        }
        (word, None) => {
            if let Some(heads) = word.strip_prefix("kv") {
                attention.kv_heads = heads.parse().ok()?;
            } else {
                attention.value_dim = word.strip_prefix('v')?.parse().ok()?;
            }
        }
        _ => return None,
    }
    Some(())
}

fn numbers<const COUNT: usize>(text: &str) -> Option<[u64; COUNT]> {
    let sizes: Vec<u64> = text
        .split('x')
        .map(|part| part.trim().parse())
        .collect::<std::result::Result<_, _>>()
        .ok()?;
    sizes.try_into().ok()
}
