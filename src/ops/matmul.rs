//! Matrix product: `C = activation(alpha * op(A) * op(B) + beta * C + bias)`, batched, row-major, f32 or f16.

mod aligned;
mod blocked;
mod classes;
mod cooperative;
mod cost;
mod dequantized;
mod dispatch;
mod form;
mod fragment_model;
mod fragment_tile;
mod layout;
mod matrix_units;
mod naive;
mod params;
mod partials;
mod partition;
mod quantized;
mod quantized_dot;
mod quantized_vector;
mod reference;
mod samples;
mod schedule;
mod shape;
mod split_k;
mod sub_problems;
mod text;
mod tile_estimate;
mod tile_model;
mod tiled;
mod tiles;
mod vector;

pub(super) use blocked::BLOCKED;
pub use layout::{Layout, Order};
pub use shape::{Activation, Activations, Bias, Matmul};
pub(super) use tiles::{Tiles, tiles};

use super::{
    Candidate, Family, Implementation, Operand, Operation, Role, bind, changed, kernels_of,
    own_samples_of,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::tolerance::Expected;

/// The kernels, in the order in which they are preferred.
const KERNELS: &[&Implementation<Matmul>] = &[
    &aligned::ALIGNED,
    &cooperative::COOPERATIVE,
    &vector::VECTOR,
    &quantized_dot::QUANTIZED_DOT,
    &quantized_vector::QUANTIZED_VECTOR,
    &dequantized::DEQUANTIZED_ALIGNED,
    &dequantized::DEQUANTIZED_VECTOR,
    &dequantized::DEQUANTIZED_BLOCKED,
    &blocked::BLOCKED,
    &tiled::TILED,
    &naive::NAIVE,
];

impl Operation for Matmul {
    fn family(&self) -> &'static Family {
        &MATMUL
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        let mut sizes = vec![("m", self.m), ("n", self.n), ("k", self.k)];
        if self.batch != 1 {
            sizes.insert(0, ("batch", self.batch));
        }
        sizes
    }

    fn label(&self) -> String {
        text::label(self)
    }

    fn variant(&self) -> String {
        classes::variant(self)
    }

    fn flops(&self) -> u64 {
        2 * self.batch * self.m * self.n * self.k
    }

    fn min_bytes(&self) -> u64 {
        let matrices = |layout: &Layout| match layout.batch_stride {
            Some(0) => self.batch.min(1),
            _ => self.batch,
        };
        let weights = if self.weights.is_quantized() {
            let words = self.weights.quant_words(self.k) + self.weights.scale_words(self.k);
            self.n * words * 4
        } else {
            self.n * self.k * self.dtype.bytes()
        };
        let passes = if self.beta == 0.0 { 1 } else { 2 };
        let bias = if self.bias == Bias::Row {
            self.n * 4
        } else {
            0
        };
        matrices(&self.a) * self.m * self.k * self.dtype.bytes()
            + matrices(&self.b) * weights
            + passes * self.batch * self.m * self.n * self.output.bytes()
            + bias
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        let half = Self {
            m: self.m.div_ceil(2),
            n: self.n.div_ceil(2),
            k: self.k.div_ceil(2).next_multiple_of(self.weights.block()),
            batch: self.batch.div_ceil(2),
            ..*self
        };
        (half != *self).then(|| Box::new(half) as Box<dyn Operation>)
    }

    /// Valid after [`Operation::validate`]; an operand whose layout cannot be has no elements.
    fn operands(&self) -> Vec<Operand> {
        let [a, b, c] = self
            .strides()
            .map_or([0; 3], |places| places.map(|p| p.elements));
        let uniform = Distribution::Uniform;
        let mut operands = vec![Operand::input("a", a, self.dtype, uniform)];
        if self.weights.is_quantized() {
            operands.extend(self.operands_of_weights());
        } else {
            operands.push(Operand::input("b", b, self.dtype, uniform));
        }
        if self.bias == Bias::Row {
            operands.push(Operand::input("bias", self.n, Dtype::F32, uniform));
        }
        let mut output = Operand::output("c", c, self.output);
        if self.keeps_c() {
            output.role = Role::Update;
        }
        operands.push(output);
        operands
    }

    fn validate(&self) -> Result<()> {
        self.strides()?;
        // An empty matrix may still have a side that does not fit an index.
        for (name, size) in self.shape() {
            super::require_u32(&format!("the {name} of a matmul"), Some(size))?;
        }
        if self.c.order == Order::ColumnMajor {
            let reason = "C is written as it is; transpose the product by swapping A and B: \
                          transposed(C) = transposed(B) * transposed(A)";
            return Err(Error::Shape {
                operation: "matmul",
                reason: reason.to_owned(),
            });
        }
        self.require_weights()?;
        if !self.alpha.is_finite() || !self.beta.is_finite() {
            let reason = format!(
                "alpha {} and beta {} have to be finite",
                self.alpha, self.beta
            );
            return Err(Error::Shape {
                operation: "matmul",
                reason,
            });
        }
        if self.dtype == Dtype::F32 && self.output == Dtype::F16 {
            return Err(Error::Unsupported {
                what: "matmul of f32 to f16".into(),
                reason: "f32 inputs give an f32 result; round it afterwards".into(),
            });
        }
        Ok(())
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        bind(self, KERNELS)
    }

    fn expected(
        &self,
        intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        reference::expected(self, intermediates, inputs, indices)
    }
}

/// `C = activation(alpha * op(A) * op(B) + beta * C + bias)`
pub(super) static MATMUL: Family = Family {
    name: "matmul",
    about: "C[M, N] = A[M, K] * B[K, N], row-major, with transposes, batches and an epilogue",
    shape_form: text::FORM,
    classes: classes::CLASSES,
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    parse: |text, dtype| text::parse(&MATMUL, text, dtype),
    in_f32: |operation| {
        changed(operation, |matmul: &mut Matmul| {
            matmul.dtype = Dtype::F32;
            matmul.output = Dtype::F32;
        })
    },
    common_samples: samples::samples,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Capabilities;
    use crate::plan::{PlanOptions, chosen, constants_of};
    use crate::report::AdapterKind;
    use crate::weights::Weights;

    fn device(kind: AdapterKind, matrix_units: bool) -> Capabilities {
        Capabilities::fake(kind)
            .with_f16()
            .with_subgroups((32, 32))
            .with_matrix_units(if matrix_units { 16 } else { 0 })
            .with_workgroup_memory()
            .with_bindings(1 << 31)
    }

    /// The kernel that is chosen, and whether it sums parts of K.
    fn first(matmul: &Matmul, device: &Capabilities) -> (&'static str, bool) {
        let options = PlanOptions::default();
        let (candidate, _) = chosen(matmul, &options, device).unwrap();
        let constants = constants_of(&*candidate, &options, device).unwrap();
        let is_split = constants.integer("SPLIT_K").is_some_and(|parts| parts > 1);
        (candidate.kernel().name, is_split)
    }

    #[test]
    fn few_rows_or_columns_go_to_the_vector_kernel() {
        let plain = device(AdapterKind::Discrete, false);
        let units = device(AdapterKind::Discrete, true);
        let software = device(AdapterKind::Software, false);
        let half = |m, n, k| Matmul {
            dtype: Dtype::F16,
            ..Matmul::new(m, n, k)
        };
        let cases = [
            (Matmul::new(1, 16384, 16384), &plain, "matmul_vector", true),
            // Of a few columns next to each other, loads along K are of single elements.
            (
                Matmul::new(16384, 16, 16384),
                &plain,
                "matmul_blocked",
                false,
            ),
            (Matmul::new(32768, 1, 1024), &plain, "matmul_vector", false),
            (Matmul::new(16, 8192, 300), &plain, "matmul_vector", false),
            // 5 workgroups of it would leave a device idle.
            (Matmul::new(16, 300, 100), &plain, "matmul_blocked", false),
            (
                Matmul::new(1, 16384, 16384),
                &software,
                "matmul_vector",
                false,
            ),
            (half(4, 16384, 16384), &units, "matmul_vector", true),
            (half(5, 16384, 16384), &units, "matmul_aligned", false),
            (half(4096, 4096, 4096), &units, "matmul_aligned", false),
            (half(4095, 4096, 4096), &units, "matmul_aligned", false),
            (half(128, 4096, 4096), &units, "matmul_aligned", true),
            (half(4096, 4095, 4096), &units, "matmul_cooperative", false),
            (half(512, 512, 4096), &units, "matmul_aligned", false),
            (Matmul::new(17, 16384, 512), &units, "matmul_blocked", false),
            (
                Matmul::new(256, 256, 131_072),
                &plain,
                "matmul_blocked",
                true,
            ),
        ];
        for (matmul, device, name, split) in cases {
            assert_eq!(first(&matmul, device), (name, split), "{matmul:?}");
        }
    }

    #[test]
    fn quants_too_many_for_a_buffer_of_floats_are_multiplied_as_they_are() {
        let device = Capabilities::fake(AdapterKind::Discrete);
        let of = |n| Matmul {
            weights: Weights::Q4_0,
            b: Layout {
                order: Order::ColumnMajor,
                ..Layout::default()
            },
            ..Matmul::new(512, n, 4096)
        };
        // 67 MB and 2.1 GB as f32, where a buffer has 256 MiB.
        assert_eq!(first(&of(4096), &device).0, "matmul_dequantized_blocked");
        assert_eq!(first(&of(128_256), &device).0, "matmul_blocked");
    }
}
