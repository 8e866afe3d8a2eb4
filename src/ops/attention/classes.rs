//! Classes of shapes, as the tuner tells them apart: by the columns of a head, and by how many queries there are to share
//! among workgroups. A mask hides half of the work of each tile or none, and does not make another class; most use one, so
//! the shapes that are measured have it.

use super::options::KvCache;
use super::shape::Attention;
use super::split_kv;
use crate::ops::{Class, Sizes};

/// Queries of all heads up to which there are few workgroups for a large GPU.
pub(in crate::ops) const FEW: u64 = 1 << 13;
/// Queries of all heads up to which there are some workgroups for a large GPU.
const SOME: u64 = 1 << 15;
/// Keys up to which keys and values of a few heads lie in a large cache.
const LONG: u64 = 1 << 14;

/// Classes of attention. A shape belongs to the first class that holds.
pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "decode_narrow",
        about: "few queries, many keys; heads of up to 64 columns",
        holds: |s| is_decode(s) && columns(s) <= 64,
        shape: "1x32x1x32768x64+kv8",
        software_shape: "1x8x1x512x64+kv2",
    },
    Class {
        name: "decode",
        about: "few queries, many keys; wider heads",
        holds: is_decode,
        shape: "1x32x1x32768x128+kv8",
        software_shape: "1x8x1x512x128+kv2",
    },
    Class {
        name: "long",
        about: "heads of up to 128 columns, more than 16,384 keys",
        holds: |s| columns(s) <= 128 && s.of("seq_kv") > LONG,
        shape: "1x8x32768x32768x128xcausal",
        software_shape: "1x1x512x512x128xcausal",
    },
    Class {
        name: "narrow_small",
        about: "heads of up to 64 columns, up to 8192 queries",
        holds: |s| columns(s) <= 64 && queries(s) <= FEW,
        shape: "2x4x1024x1024x64xcausal",
        software_shape: "1x2x64x64x64xcausal",
    },
    Class {
        name: "narrow_medium",
        about: "heads of up to 64 columns, up to 32,768 queries",
        holds: |s| columns(s) <= 64 && queries(s) <= SOME,
        shape: "2x4x4096x4096x64xcausal",
        software_shape: "1x2x96x96x64xcausal",
    },
    Class {
        name: "narrow_large",
        about: "heads of up to 64 columns, more queries",
        holds: |s| columns(s) <= 64,
        shape: "4x16x2048x2048x64xcausal",
        software_shape: "1x2x128x128x64xcausal",
    },
    Class {
        name: "wide_small",
        about: "heads of up to 128 columns, up to 8192 queries",
        holds: |s| columns(s) <= 128 && queries(s) <= FEW,
        shape: "1x8x1024x1024x128xcausal",
        software_shape: "1x2x64x64x128xcausal",
    },
    Class {
        name: "wide_medium",
        about: "heads of up to 128 columns, up to 32,768 queries",
        holds: |s| columns(s) <= 128 && queries(s) <= SOME,
        shape: "1x8x4096x4096x128xcausal",
        software_shape: "1x2x96x96x128xcausal",
    },
    Class {
        name: "wide_large",
        about: "heads of up to 128 columns, more queries",
        holds: |s| columns(s) <= 128,
        shape: "1x32x4096x4096x128xcausal",
        software_shape: "1x2x128x128x128xcausal",
    },
    Class {
        name: "widest",
        about: "wider heads",
        holds: |_| true,
        shape: "1x16x2048x2048x256xcausal",
        software_shape: "1x1x64x64x256xcausal",
    },
];

/// Columns of the wider of keys and values.
pub(in crate::ops) fn columns(sizes: &Sizes) -> u64 {
    sizes
        .of("head_dim")
        .max(sizes.known("value_dim").unwrap_or(0))
}

/// Queries of all heads.
pub(in crate::ops) fn queries(sizes: &Sizes) -> u64 {
    let heads = sizes.of("batch").saturating_mul(sizes.of("heads"));
    heads.saturating_mul(sizes.of("seq_q"))
}

/// Whether the kernels for few queries and many keys are made for a shape.
fn is_decode(sizes: &Sizes) -> bool {
    let heads = sizes.of("heads");
    let group = heads / sizes.known("kv_heads").unwrap_or(heads).max(1);
    split_kv::is_for(group.saturating_mul(sizes.of("seq_q")), sizes.of("seq_kv"))
}

/// End of a class's name for shapes that fewer kernels have a form for: pages, and rows that do not begin at multiples of
/// four elements.
pub(in crate::ops) fn variant(attention: &Attention) -> String {
    if attention.cache != KvCache::Contiguous {
        return "+page".to_owned();
    }
    let by_four = attention.strides().iter().all(|p| p.is_multiple_of(4));
    if by_four { "" } else { "+odd" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{HeadLayout, Mask, class_of};

    #[test]
    fn shapes_have_the_classes_that_their_names_say() {
        let class = |shape: &Attention| class_of(shape).unwrap();
        let new = Attention::new;
        assert_eq!(class(&new(2, 4, 512, 64)), "narrow_small");
        assert_eq!(class(&new(2, 4, 2048, 64)), "narrow_medium");
        assert_eq!(class(&new(4, 16, 2048, 40)), "narrow_large");
        assert_eq!(class(&new(1, 32, 65_536, 128)), "long");
        assert_eq!(class(&new(1, 32, 16_384, 128)), "wide_large");
        assert_eq!(class(&new(1, 8, 64, 72)), "wide_small");
        assert_eq!(class(&new(1, 8, 2048, 80)), "wide_medium");
        assert_eq!(class(&new(1, 8, 2048, 256)), "widest");
        let one = |heads, kv_heads| Attention {
            kv_heads,
            seq_kv: 4096,
            ..new(1, heads, 1, 64)
        };
        // 32 queries that read one key head are many.
        assert_eq!(class(&one(32, 32)), "decode_narrow");
        assert_eq!(class(&one(32, 8)), "decode_narrow");
        assert_eq!(class(&one(32, 1)), "narrow_small");
        assert_eq!(
            class(&Attention {
                head_dim: 128,
                ..one(8, 2)
            }),
            "decode"
        );
        assert_eq!(
            class(&Attention {
                value_dim: 96,
                ..one(8, 2)
            }),
            "decode"
        );
        // Sizes that cannot be are of some class, not a panic.
        assert!(class_of(&new(u64::MAX, u64::MAX, u64::MAX, u64::MAX)).is_some());
    }

    #[test]
    fn masks_share_a_class_and_pages_and_odd_rows_have_their_own() {
        let plain = Attention::new(1, 8, 2048, 64);
        let causal = Attention {
            mask: Mask::Causal,
            ..plain
        };
        assert_eq!(class_of(&plain), class_of(&causal));
        let paged = Attention {
            cache: KvCache::Paged {
                pages: 200,
                page_size: 16,
            },
            ..plain
        };
        assert_eq!(class_of(&paged).unwrap(), "narrow_medium+page");
        let odd = Attention {
            q: HeadLayout {
                row: Some(67),
                ..HeadLayout::default()
            },
            ..plain
        };
        assert_eq!(class_of(&odd).unwrap(), "narrow_medium+odd");
    }
}
