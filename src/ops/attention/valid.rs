//! Attentions that can be: sizes, layouts and options that go together.

use super::mask::MAX_SEQ;
use super::options::KvCache;
use super::shape::{Attention, NAME};
use crate::error::{Error, Result};
use crate::ops::{Operation, require_u32};

impl Attention {
    /// Refuses sizes and options that no attention has, and operands that 32-bit indices do not reach.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::TooLarge`].
    pub(super) fn require_valid(&self) -> Result<()> {
        if self.head_dim == 0 || self.value_dim == 0 {
            return Err(Error::Shape {
                operation: NAME,
                reason: "head_dim or the columns of V are 0; use 1 or more".into(),
            });
        }
        for (name, size) in self.shape() {
            require_u32(&format!("the {name} of an attention"), Some(size))?;
        }
        self.validate_options()?;
        for seq in [self.seq_q, self.seq_kv] {
            if seq > MAX_SEQ {
                return Err(Error::TooLarge {
                    what: format!("a sequence of {}", self.label()),
                    needed: seq,
                    limit_name: "of an attention's sequences",
                    limit: MAX_SEQ,
                });
            }
        }
        require_u32(
            "batch * heads of an attention",
            self.batch.checked_mul(self.heads),
        )?;
        for (name, places) in ["q", "k", "v", "o"].into_iter().zip(self.strides()) {
            require_u32(&format!("`{name}` of {}", self.label()), places.elements())?;
            for stride in places.strides.into_iter().chain([places.offset]) {
                require_u32(&format!("a stride of `{name}`"), Some(stride))?;
            }
        }
        for extra in self.extras() {
            require_u32(
                &format!("`{}` of {}", extra.name, self.label()),
                Some(extra.elements),
            )?;
        }
        self.strides()[3].require_apart(NAME, "o")
    }

    fn validate_options(&self) -> Result<()> {
        let shape = |reason: String| {
            Err(Error::Shape {
                operation: NAME,
                reason,
            })
        };
        if self.kv_heads == 0 || !self.heads.is_multiple_of(self.kv_heads) {
            return shape(format!(
                "{} query heads are no multiple of {} key heads",
                self.heads, self.kv_heads
            ));
        }
        let scale = self.scale();
        if !scale.is_finite() {
            return shape(format!("the scale is {scale}, and has to be finite"));
        }
        if let Some(cap) = self.soft_cap.filter(|cap| !(cap.is_finite() && *cap > 0.0)) {
            return shape(format!(
                "the soft cap is {cap}, and has to be above 0 and finite"
            ));
        }
        if self.window == Some(0) {
            return shape(
                "the window is 0 keys; a query sees itself at least, so use 1 or more".into(),
            );
        }
        if let Some(bias) = self.bias {
            let sizes = [
                ("batch", bias.batch, self.batch),
                ("heads", bias.heads, self.heads),
                ("seq_q", bias.seq_q, self.seq_q),
            ];
            for (name, size, own) in sizes {
                if size != 1 && size != own {
                    return shape(format!(
                        "the bias has a {name} of {size}; it can be 1 or {own}"
                    ));
                }
            }
        }
        match self.cache {
            KvCache::Paged { pages, page_size } if pages == 0 || page_size == 0 => shape(format!(
                "a cache of {pages} pages of {page_size} keys; use 1 or more of each"
            )),
            KvCache::Paged { .. } | KvCache::Contiguous => Ok(()),
        }
    }
}
