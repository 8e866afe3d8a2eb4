//! The operations: what is computed, what it costs, what the right answer is. How it is computed is a kernel's affair.
//!
//! A value such as [`Matmul`] is one operation of one shape. A [`Family`] is the operation for every shape, with its
//! kernels; [`FAMILIES`] is the table that tests, benches, the command line and the reports walk over.

mod attention;
mod class;
mod fma;
mod matmul;
mod norm;
mod reduce;
mod rows;
#[cfg(test)]
mod scheduled;
mod softmax;
mod stream;
mod vectors;

pub use attention::{
    Attention, AttentionBackward, BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks,
};
pub use class::{Class, Sizes, class_of};
pub use fma::Fma;
pub use matmul::{Activation, Bias, Layout, Matmul, Order};
pub use norm::{Affine, Norm, NormKind};
pub use reduce::{Reduction, ReductionKind};
pub use rows::RowLayout;
pub use softmax::{Causal, Softmax, SoftmaxForm, SoftmaxMask, Target};
pub use stream::{Stream, StreamKind};

use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result, suggest};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::{Prepared, Shader};
use crate::tolerance::Expected;

/// Whether a kernel reads an operand or writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read.
    Input,
    /// Written, every element.
    Output,
    /// Written, after being read or with elements left as they are.
    Update,
}

impl Role {
    /// Whether its values before matter.
    #[must_use]
    pub fn is_read(self) -> bool {
        self != Self::Output
    }

    /// Whether a kernel changes it.
    #[must_use]
    pub fn is_written(self) -> bool {
        self != Self::Input
    }
}

/// One buffer of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Its name in the formula.
    pub name: &'static str,
    /// How many elements.
    pub elements: u64,
    /// Their type.
    pub dtype: Dtype,
    /// Read or written.
    pub role: Role,
    /// How test data for it is spread.
    pub distribution: Distribution,
}

impl Operand {
    /// An operand that is read.
    #[must_use]
    pub fn input(
        name: &'static str,
        elements: u64,
        dtype: Dtype,
        distribution: Distribution,
    ) -> Self {
        Self {
            name,
            elements,
            dtype,
            role: Role::Input,
            distribution,
        }
    }

    /// The same, written over.
    #[must_use]
    pub fn in_place(self) -> Self {
        Self {
            role: Role::Update,
            ..self
        }
    }

    /// An operand that is written.
    #[must_use]
    pub fn output(name: &'static str, elements: u64, dtype: Dtype) -> Self {
        Self {
            name,
            elements,
            dtype,
            role: Role::Output,
            distribution: Distribution::Uniform,
        }
    }
}

/// One operation of one shape and element type.
pub trait Operation: std::fmt::Debug + Send + Sync {
    /// The operation that this is a shape of.
    fn family(&self) -> &'static Family;

    /// Element type of the inputs.
    fn dtype(&self) -> Dtype;

    /// The shape as (name, size) pairs, in the order of [`Operation::label`].
    fn shape(&self) -> Vec<(&'static str, u64)>;

    /// The shape as text, as [`Family::parse`] reads it.
    fn label(&self) -> String {
        let sizes: Vec<String> = self
            .shape()
            .iter()
            .map(|(_, size)| size.to_string())
            .collect();
        sizes.join("x")
    }

    /// What beyond its sizes decides which kernel is best, as the end of its class's name; see [`class_of`].
    fn variant(&self) -> String {
        String::new()
    }

    /// Floating-point operations; a fused multiply-add counts as 2, `exp` is not counted.
    fn flops(&self) -> u64;

    /// Bytes that have to move: each input read once, each output written once.
    fn min_bytes(&self) -> u64 {
        let moves = |role: Role| u64::from(role.is_read()) + u64::from(role.is_written());
        self.operands()
            .iter()
            .map(|o| moves(o.role) * o.elements * o.dtype.bytes())
            .sum()
    }

    /// The buffers, inputs in the formula's order, then outputs.
    fn operands(&self) -> Vec<Operand>;

    /// Whether the shape can be at all.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::TooLarge`].
    fn validate(&self) -> Result<()>;

    /// The same operation on about half the size, for an adapter on which one dispatch would take too long; `None` at
    /// the smallest.
    fn halved(&self) -> Option<Box<dyn Operation>>;

    /// Kernels for this shape, the best on `device` first; the family's, the last first, unless the shape decides.
    fn candidates(&self, _device: &Capabilities) -> Vec<&'static Kernel> {
        self.family().kernels.iter().rev().copied().collect()
    }

    /// Constants that a kernel needs for this shape, and those that suit it on `device`. A preset replaces the latter.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the kernel has no form for the shape.
    fn constants(&self, _kernel: &'static Kernel, _device: &Capabilities) -> Result<Constants> {
        Ok(Constants::new())
    }

    /// Why a kernel that can compute this shape on `device` should leave it to others, if it should. Pure.
    fn unsuited(&self, _kernel: &'static Kernel, _device: &Capabilities) -> Option<String> {
        None
    }

    /// Constants that follow on `device` from those that shape, preset and caller have chosen; the caller's own stay.
    fn derived(
        &self,
        _kernel: &'static Kernel,
        _chosen: &Constants,
        _device: &Capabilities,
    ) -> Constants {
        Constants::new()
    }

    /// Other constants worth trying for this shape on `device`, the likeliest first: what a search tries. The kernel's
    /// presets, unless the shape or the device decide which there are. Some may not run here, or be what is chosen. Pure.
    fn alternatives(&self, kernel: &'static Kernel, _device: &Capabilities) -> Vec<Constants> {
        (1..kernel.presets.len())
            .map(|i| kernel.preset(i))
            .collect()
    }

    /// The dispatches of `kernel` for this shape on `device`; `stages` are its files, prepared.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the device's limits do not allow it.
    fn schedule(
        &self,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule>;

    /// Reads of operands that the reference of one output element costs, where its neighbours are asked for as well.
    fn reference_cost(&self) -> u64 {
        let outputs = self
            .operands()
            .iter()
            .filter(|o| o.role.is_written())
            .map(|o| o.elements)
            .sum::<u64>();
        self.flops() / outputs.max(1) + 1
    }

    /// The right values of some elements of the outputs, and how far off `kernel` may be: plain loops in f64.
    ///
    /// `indices` ascend, and count through all outputs, one behind the other in the order of [`Operation::operands`].
    fn expected(
        &self,
        kernel: &'static Kernel,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected>;
}

/// An operation for every shape: a line of the table.
#[derive(Debug)]
pub struct Family {
    /// What the command line and the reports call it.
    pub name: &'static str,
    /// What it computes.
    pub about: &'static str,
    /// Its shape as text, with an example.
    pub shape_form: &'static str,
    /// Ways to compute it, the plainest first; [`Operation::candidates`] says which one a shape gets.
    pub kernels: &'static [&'static Kernel],
    /// Classes of shapes that a search for the best kernel tells apart; none where there is nothing to search.
    pub classes: &'static [Class],
    /// Reads a shape such as `4096x4096x4096`.
    pub parse: fn(&str, Dtype) -> Result<Box<dyn Operation>>,
    /// Shapes on which a kernel with these files is tested: single elements, around its tiles, primes, empty, large.
    pub samples: fn(&[Prepared]) -> Vec<Box<dyn Operation>>,
}

impl Family {
    /// A kernel of this operation by its name.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with near names.
    pub fn kernel(&self, name: &str) -> Result<&'static Kernel> {
        let unknown = || Error::UnknownName {
            kind: "kernel",
            name: format!("{name} of {}", self.name),
            suggestion: suggest(name, self.kernels.iter().map(|k| k.name)),
        };
        self.kernels
            .iter()
            .find(|k| k.name == name)
            .copied()
            .ok_or_else(unknown)
    }
}

/// Every operation.
pub static FAMILIES: &[&Family] = &[
    &stream::COPY,
    &stream::SCALE,
    &stream::MULTIPLY,
    &stream::ADD,
    &stream::TRIAD,
    &reduce::SUM,
    &reduce::MAX,
    &reduce::DOT,
    &fma::FMA,
    &matmul::MATMUL,
    &softmax::SOFTMAX,
    &norm::RMS_NORM,
    &norm::LAYER_NORM,
    &attention::ATTENTION,
    &attention::ATTENTION_BACKWARD,
];

/// An operation by its name.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn family(name: &str) -> Result<&'static Family> {
    let unknown = || Error::UnknownName {
        kind: "operation",
        name: name.to_owned(),
        suggestion: suggest(name, FAMILIES.iter().map(|f| f.name)),
    };
    FAMILIES
        .iter()
        .find(|f| f.name == name)
        .copied()
        .ok_or_else(unknown)
}

/// Every file under `shaders/`, once: those of all kernels, and the one that fills buffers.
#[must_use]
pub fn shaders() -> Vec<&'static Shader> {
    let kernels = FAMILIES.iter().flat_map(|family| family.kernels);
    let mut files: Vec<_> = kernels
        .flat_map(|kernel| kernel.stages)
        .map(|stage| stage.shader)
        .collect();
    files.push(&crate::gpu::FILL);
    files.sort_by_key(|shader| shader.name);
    files.dedup_by_key(|shader| shader.name);
    files
}

/// Reads `count` sizes separated by `x`.
pub(crate) fn parse_sizes<const COUNT: usize>(
    family: &'static Family,
    text: &str,
) -> Result<[u64; COUNT]> {
    let wrong = || Error::ShapeText {
        operation: family.name,
        text: text.to_owned(),
        expected: family.shape_form,
    };
    let sizes: Vec<u64> = text
        .split('x')
        .map(|part| part.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    sizes.try_into().map_err(|_| wrong())
}

/// Refuses a shape whose `elements` do not fit the 32-bit indices of WGSL.
pub(crate) fn require_u32(what: &str, elements: Option<u64>) -> Result<u64> {
    let limit = u64::from(u32::MAX);
    match elements {
        Some(count) if count <= limit => Ok(count),
        other => Err(Error::TooLarge {
            what: format!("{what}, in elements,"),
            needed: other.unwrap_or(u64::MAX),
            limit_name: "of 32-bit indices",
            limit,
        }),
    }
}
