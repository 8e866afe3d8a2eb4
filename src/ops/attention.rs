//! Scaled dot-product attention: `O = softmax(Q K^T / sqrt(head_dim) + mask) V`, f32.

mod kernels;
mod reference;

use super::softmax::plain_params;
use super::{Family, Operand, Operation, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule, Slot, Step, Window, fold_workgroups};
use crate::shader::{Constant, Prepared};
use crate::tolerance::Expected;
use kernels::{ATTENTION_FLASH, ATTENTION_NAIVE};
use reference::Row;

/// Which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mask {
    /// All of them.
    #[default]
    None,
    /// Those not after it, the ends of both sequences aligned: query `i` sees key `j` if `j <= i + seq_kv - seq_q`.
    Causal,
}

/// Attention of every head of a batch: `O = softmax(Q K^T / sqrt(head_dim) + mask) V`.
///
/// Q and O are `[batch, heads, seq_q, head_dim]`, K and V `[batch, heads, seq_kv, head_dim]`, contiguous. A query that
/// sees no key gives a row of zeros.
///
/// # Examples
/// ```
/// use ridgepoint::{Attention, Mask, Operation};
/// let mask = Mask::Causal;
/// let attention = Attention { batch: 2, heads: 4, seq_q: 512, seq_kv: 512, head_dim: 64, mask };
/// assert_eq!(attention.label(), "2x4x512x512x64xcausal");
/// assert_eq!(attention.flops(), 4 * 2 * 4 * 512 * 512 * 64 / 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Sequences computed side by side.
    pub batch: u64,
    /// Heads of each.
    pub heads: u64,
    /// Queries: rows of Q and O.
    pub seq_q: u64,
    /// Keys: rows of K and V.
    pub seq_kv: u64,
    /// Columns of Q, K, V and O.
    pub head_dim: u64,
    /// Which keys a query sees.
    pub mask: Mask,
}

/// The uniform of `attention_scores.wgsl`, `attention_output.wgsl` and `attention_flash.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    seq_q: u32,
    seq_kv: u32,
    head_dim: u32,
    heads: u32,
    first_visible: i32,
    visible_step: i32,
    scale: f32,
}

/// The longest sequence: shaders add a position, a difference of lengths and a tile in an `i32`.
const MAX_SEQ: u64 = 1 << 30;

impl Attention {
    /// Heads of the whole batch.
    fn all_heads(&self) -> u64 {
        self.batch * self.heads
    }

    fn outputs(&self) -> u64 {
        self.all_heads() * self.seq_q * self.head_dim
    }

    /// Keys that `query` sees: the first so many.
    fn visible_keys(&self, query: u64) -> u64 {
        match self.mask {
            Mask::None => self.seq_kv,
            Mask::Causal => (self.seq_kv + query + 1).saturating_sub(self.seq_q),
        }
    }

    fn scale(&self) -> f64 {
        1.0 / (self.head_dim as f64).sqrt()
    }

    /// `unit` is what scores are measured in: 1, or log2(e) for a kernel that takes powers of two.
    fn params(&self, unit: f64) -> Params {
        let (first_visible, visible_step) = match self.mask {
            Mask::None => (self.seq_kv as i32, 0),
            Mask::Causal => (self.seq_kv as i32 - self.seq_q as i32 + 1, 1),
        };
        Params {
            seq_q: self.seq_q as u32,
            seq_kv: self.seq_kv as u32,
            head_dim: self.head_dim as u32,
            heads: self.all_heads() as u32,
            first_visible,
            visible_step,
            scale: (self.scale() * unit) as f32,
        }
    }

    /// Bytes of a score for each query and key of each head, as a kernel that keeps them needs.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with the bytes, where a binding or an index does not reach them.
    fn score_bytes(&self, limits: &wgpu::Limits) -> Result<u64> {
        let needed = self.all_heads() * self.seq_q * self.seq_kv * 4;
        let limits = [
            (
                "max_storage_buffer_binding_size",
                limits.max_storage_buffer_binding_size,
            ),
            ("max_buffer_size", limits.max_buffer_size),
            ("of 32-bit indices, in bytes,", u64::from(u32::MAX) * 4),
        ];
        match limits.into_iter().find(|(_, limit)| needed > *limit) {
            None => Ok(needed),
            Some((limit_name, limit)) => Err(Error::TooLarge {
                what: format!("the matrix of scores of {}, in bytes,", self.label()),
                needed,
                limit_name,
                limit,
            }),
        }
    }

    /// Scores, softmax over their rows, output: three dispatches.
    fn schedule_naive(&self, stages: &[&Prepared], limits: &wgpu::Limits) -> Result<Schedule> {
        let bytes = self.score_bytes(limits)?;
        let params = bytemuck::bytes_of(&self.params(1.0)).to_vec();
        let [q, k, v, o] = self.windows();
        let scores = Window::whole(Slot::Scratch(0), bytes);
        let weights = Window::whole(Slot::Scratch(1), bytes);
        let tiles = |stage: usize, size: u64, tile: &str| {
            size.div_ceil(u64::from(stages[stage].constant(tile)))
        };
        let workgroups = [
            self.all_heads() * tiles(0, self.seq_q, "TILE_Q") * tiles(0, self.seq_kv, "TILE_KV"),
            self.all_heads() * self.seq_q,
            self.all_heads() * tiles(2, self.seq_q, "TILE_Q") * tiles(2, self.head_dim, "TILE_D"),
        ];
        let step = |stage: usize, params: Vec<u8>, windows: Vec<Window>| -> Result<Step> {
            Ok(Step {
                stage,
                params,
                windows,
                workgroups: fold_workgroups(workgroups[stage], limits)?,
            })
        };
        let output = step(2, params.clone(), vec![weights, v, o])?;
        let steps = if self.seq_kv == 0 {
            vec![output]
        } else {
            let of_rows = plain_params(self.all_heads() * self.seq_q, self.seq_kv);
            let no_mask = Window::whole(Slot::Scratch(0), 0);
            vec![
                step(0, params, vec![q, k, scores])?,
                step(1, of_rows, vec![scores, no_mask, weights])?,
                output,
            ]
        };
        Ok(Schedule {
            steps,
            scratch: vec![bytes, bytes],
        })
    }

    fn windows(&self) -> [Window; 4] {
        let (queries, keys) = (
            self.outputs() * 4,
            self.all_heads() * self.seq_kv * self.head_dim * 4,
        );
        let window = |(operand, bytes)| Window::whole(Slot::Operand(operand), bytes);
        [(0, queries), (1, keys), (2, keys), (3, queries)].map(window)
    }
}

impl Operation for Attention {
    fn family(&self) -> &'static Family {
        &ATTENTION
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("batch", self.batch),
            ("heads", self.heads),
            ("seq_q", self.seq_q),
            ("seq_kv", self.seq_kv),
            ("head_dim", self.head_dim),
        ]
    }

    fn label(&self) -> String {
        let sizes: Vec<String> = self.shape().iter().map(|(_, s)| s.to_string()).collect();
        let mask = match self.mask {
            Mask::None => "",
            Mask::Causal => "xcausal",
        };
        sizes.join("x") + mask
    }

    /// Two products of 2 FLOPs a term; half of them under a causal mask, by convention whatever the lengths.
    fn flops(&self) -> u64 {
        let all = 4 * self.all_heads() * self.seq_q * self.seq_kv * self.head_dim;
        match self.mask {
            Mask::None => all,
            Mask::Causal => all / 2,
        }
    }

    /// Fewer heads first: a head alone is what it was.
    fn halved(&self) -> Option<Box<dyn Operation>> {
        let half = if self.batch > 1 {
            Self {
                batch: self.batch / 2,
                ..*self
            }
        } else if self.heads > 1 {
            Self {
                heads: self.heads / 2,
                ..*self
            }
        } else {
            Self {
                seq_q: self.seq_q.div_ceil(2),
                seq_kv: self.seq_kv.div_ceil(2),
                ..*self
            }
        };
        (half != *self).then(|| Box::new(half) as Box<dyn Operation>)
    }

    fn operands(&self) -> Vec<Operand> {
        let (queries, keys) = (
            self.outputs(),
            self.all_heads() * self.seq_kv * self.head_dim,
        );
        vec![
            // With outliers, so that scores differ enough for the maximum to matter.
            Operand::input("q", queries, Dtype::F32, Distribution::Outliers),
            Operand::input("k", keys, Dtype::F32, Distribution::Uniform),
            Operand::input("v", keys, Dtype::F32, Distribution::Uniform),
            Operand::output("o", queries, Dtype::F32),
        ]
    }

    fn validate(&self) -> Result<()> {
        if self.head_dim == 0 {
            return Err(Error::Shape {
                operation: ATTENTION.name,
                reason: "head_dim is 0, and scores are divided by its root; use 1 or more".into(),
            });
        }
        for (name, size) in self.shape() {
            require_u32(&format!("the {name} of an attention"), Some(size))?;
        }
        let heads = self.batch.checked_mul(self.heads);
        for (names, seq) in [("`q` and `o`", self.seq_q), ("`k` and `v`", self.seq_kv)] {
            let elements = [seq, self.head_dim]
                .iter()
                .try_fold(heads.unwrap_or(u64::MAX), |product, size| {
                    product.checked_mul(*size)
                });
            require_u32(&format!("{names} of {}", self.label()), elements)?;
            if seq > MAX_SEQ {
                return Err(Error::TooLarge {
                    what: format!("a sequence of {}", self.label()),
                    needed: seq,
                    limit_name: "of an attention's sequences",
                    limit: MAX_SEQ,
                });
            }
        }
        require_u32("batch * heads of an attention", heads)?;
        Ok(())
    }

    fn constants(&self, kernel: &'static Kernel, device: &Capabilities) -> Result<Constants> {
        if !kernel.declares("HEAD_DIM") {
            return Ok(Constants::new());
        }
        if !self.head_dim.is_multiple_of(4) {
            return Err(Error::Unsupported {
                what: format!("kernel {}", kernel.name),
                reason: format!("head_dim is {}, and it takes multiples of 4", self.head_dim),
            });
        }
        let mut constants = vec![("HEAD_DIM", Constant::Integer(self.head_dim as u32))];
        if kernel.name == ATTENTION_FLASH.name {
            constants.extend(kernels::flash_tile(self, constants[0], device));
        }
        Ok(constants)
    }

    fn schedule(
        &self,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        limits: &wgpu::Limits,
    ) -> Result<Schedule> {
        if self.outputs() == 0 {
            return Ok(Schedule::default());
        }
        if kernel.stages.len() == 3 {
            return self.schedule_naive(stages, limits);
        }
        let tiles = self.seq_q.div_ceil(u64::from(stages[0].constant("TILE_Q")));
        let step = Step {
            stage: 0,
            params: bytemuck::bytes_of(&self.params(std::f64::consts::LOG2_E)).to_vec(),
            windows: self.windows().to_vec(),
            workgroups: fold_workgroups(self.all_heads() * tiles, limits)?,
        };
        Ok(Schedule {
            steps: vec![step],
            scratch: vec![],
        })
    }

    /// All of K once for a row, of which a run of neighbours is 64 or the whole; a column of V for each element.
    fn reference_cost(&self) -> u64 {
        1 + self.seq_kv * self.head_dim / self.head_dim.clamp(1, 64) + self.seq_kv
    }

    fn expected(
        &self,
        _kernel: &'static Kernel,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        let mut known: Option<(u64, Row)> = None;
        let mut one = |&index: &u64| {
            let (number, d) = (index / self.head_dim, index % self.head_dim);
            if known.as_ref().is_none_or(|(last, _)| *last != number) {
                known = Some((number, Row::of(self, inputs, number)));
            }
            let (_, row) = known.as_ref().expect("set just above");
            row.element(self, inputs, d)
        };
        indices.iter().map(&mut one).collect()
    }
}

fn parse(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    if dtype != Dtype::F32 {
        let reason = format!("there is no {} kernel yet", dtype.name());
        return Err(Error::Unsupported {
            what: ATTENTION.name.into(),
            reason,
        });
    }
    let (sizes, mask) = match text.trim().strip_suffix("xcausal") {
        None => (text, Mask::None),
        Some(sizes) => (sizes, Mask::Causal),
    };
    let [batch, heads, seq_q, seq_kv, head_dim] =
        super::parse_sizes(&ATTENTION, sizes).map_err(|error| match error {
            Error::ShapeText {
                operation,
                expected,
                ..
            } => Error::ShapeText {
                operation,
                expected,
                text: text.to_owned(),
            },
            other => other,
        })?;
    Ok(Box::new(Attention {
        batch,
        heads,
        seq_q,
        seq_kv,
        head_dim,
        mask,
    }))
}

fn samples(stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    let constant = |name: &str| {
        let found = stages.iter().find_map(|s| s.constants.get(name));
        u64::from(*found.expect("every kernel of attention has these tiles"))
    };
    let (tile_q, tile_kv) = (constant("TILE_Q"), constant("TILE_KV"));
    let mut shapes = vec![
        ([1, 1, 1, 1, 64], Mask::None),
        ([1, 1, 1, 1, 64], Mask::Causal),
        ([2, 3, 7, 13, 64], Mask::None),
        ([1, 2, 13, 127, 64], Mask::Causal),
        // The first queries see no key.
        ([1, 2, 127, 13, 64], Mask::Causal),
        ([2, 1, 1, 129, 32], Mask::None),
        ([1, 2, 37, 41, 32], Mask::Causal),
        ([1, 1, 67, 61, 80], Mask::Causal),
        ([1, 1, 5, 67, 80], Mask::None),
        ([1, 2, 33, 31, 128], Mask::Causal),
        ([1, 1, 17, 70, 128], Mask::None),
        ([1, 1, 3, 5, 4], Mask::Causal),
        ([1, 1, 5, 0, 64], Mask::None),
        ([1, 1, 0, 5, 64], Mask::Causal),
        ([0, 2, 5, 5, 64], Mask::None),
    ];
    shapes.extend([
        ([1, 1, tile_q - 1, tile_kv - 1, 64], Mask::None),
        ([1, 1, tile_q, tile_kv, 64], Mask::Causal),
        ([1, 1, tile_q + 1, tile_kv + 1, 64], Mask::None),
        ([1, 1, tile_q + 1, 2 * tile_kv, 64], Mask::Causal),
        ([1, 1, 2 * tile_q, tile_kv + 1, 64], Mask::Causal),
    ]);
    let one = |(sizes, mask): ([u64; 5], Mask)| -> Box<dyn Operation> {
        let [batch, heads, seq_q, seq_kv, head_dim] = sizes;
        Box::new(Attention {
            batch,
            heads,
            seq_q,
            seq_kv,
            head_dim,
            mask,
        })
    };
    shapes.into_iter().map(one).collect()
}

/// `O = softmax(Q K^T / sqrt(head_dim) + mask) V`
pub(super) static ATTENTION: Family = Family {
    name: "attention",
    about: "O = softmax(Q K^T / sqrt(head_dim) + mask) V for every head",
    shape_form: "BATCHxHEADSxSEQ_QxSEQ_KVxHEAD_DIM, such as 2x4x512x512x64, and xcausal after it for that mask",
    kernels: &[&ATTENTION_NAIVE, &ATTENTION_FLASH],
    parse,
    samples,
};

#[cfg(test)]
mod tests;
