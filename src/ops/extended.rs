//! Kernels of another crate in an operation's table.

use super::{Candidate, Family, Implementation, Operand, Operation, Trust};
use crate::data::{Dtype, Inputs};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::tolerance::Expected;
use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

/// Kernels of another crate for an operation, as a type: [`Extended`] is the operation with them.
///
/// # Examples
/// ```
/// use ridgepoint::ops::{self, Family, Implementation, Kernels, Softmax};
///
/// #[derive(Debug, Clone, Copy)]
/// struct Mine;
///
/// impl Kernels for Mine {
///     type Operation = Softmax;
///
///     fn base() -> &'static Family {
///         ops::family("softmax").expect("softmax is in the table")
///     }
///
///     // Lines such as those of the crate's own tables.
///     const TABLE: &'static [&'static Implementation<Softmax>] = &[];
/// }
/// ```
pub trait Kernels: Copy + Debug + Send + Sync + 'static {
    /// The operation.
    type Operation: Operation + Clone;

    /// The operation's own table of kernels.
    fn base() -> &'static Family;

    /// The kernels, in the order in which they are preferred, before those of the operation's own table.
    const TABLE: &'static [&'static Implementation<Self::Operation>];

    /// Whether the kernels may be compiled without runtime checks. `Trust::unchecked` is `unsafe`.
    #[must_use]
    fn trust() -> Trust {
        Trust::CHECKED
    }
}

/// An operation with kernels of another crate beside its own. Planning chooses among all of them, and its family has all of
/// them: they are verified by `check::kernel`, timed by a `suite::Runner` and tuned by a `tune::Tuner` as those of the house
/// are, and a tuning names them.
#[derive(Debug, Clone, Copy)]
pub struct Extended<K: Kernels> {
    operation: K::Operation,
    kernels: PhantomData<K>,
}

impl<K: Kernels> Extended<K> {
    /// `operation` with the kernels of `K`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a kernel with the name of another one, or an operation of another table than
    /// [`Kernels::base`].
    pub fn new(operation: K::Operation) -> Result<Self> {
        let own = operation.family();
        let refuse = |reason: String| {
            Err(Error::Argument {
                argument: format!("kernels for {}", own.name),
                reason,
            })
        };
        if !std::ptr::eq(own, K::base()) {
            return refuse(format!("their base is the table of {}", K::base().name));
        }
        let names: Vec<&str> = family_of::<K>()
            .kernels
            .iter()
            .map(|kernel| kernel.name)
            .collect();
        let mut places = names.iter().enumerate();
        if let Some((_, name)) = places.find(|(i, name)| names[..*i].contains(name)) {
            return refuse(format!(
                "two kernels are called {name}; give each a name of its own"
            ));
        }
        Ok(Self::of(operation))
    }

    /// The operation without the kernels of `K`.
    #[must_use]
    pub const fn operation(&self) -> &K::Operation {
        &self.operation
    }

    const fn of(operation: K::Operation) -> Self {
        Self {
            operation,
            kernels: PhantomData,
        }
    }

    /// The operation with the kernels of `K`, of one of the base table; `None` for one of another table.
    fn adopt(operation: Box<dyn Operation>) -> Option<Box<dyn Operation>> {
        let any: Box<dyn Any> = operation;
        let operation = any.downcast::<K::Operation>().ok()?;
        Some(Box::new(Self::of(*operation)))
    }
}

/// The family of an operation with the kernels of `K`: made once for each type.
fn family_of<K: Kernels>() -> &'static Family {
    static MADE: Mutex<BTreeMap<TypeId, &'static Family>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(TypeId::of::<K>()).or_insert_with(|| {
        let base = K::base();
        // The plainest kernel is the first of a family, and the most preferred the first of a table.
        let more = || K::TABLE.iter().rev();
        let own = base.kernels.iter().copied();
        let kernels: Vec<&'static Kernel> = own.chain(more().map(|line| &line.kernel)).collect();
        let own = base.own_samples.iter().copied();
        let samples: Vec<_> = own.chain(more().map(|line| line.samples)).collect();
        Box::leak(Box::new(Family {
            kernels: Vec::leak(kernels),
            own_samples: Vec::leak(samples),
            parse: parse::<K>,
            in_f32: in_f32::<K>,
            ..*base
        }))
    })
}

fn parse<K: Kernels>(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    let found = (K::base().parse)(text, dtype)?;
    Extended::<K>::adopt(found).ok_or_else(|| Error::Argument {
        argument: format!("kernels for {}", K::base().name),
        reason: "their operation is another one".to_owned(),
    })
}

fn in_f32<K: Kernels>(operation: &dyn Operation) -> Option<Box<dyn Operation>> {
    let any: &dyn Any = operation;
    let extended = any.downcast_ref::<Extended<K>>()?;
    Extended::<K>::adopt((K::base().in_f32)(&extended.operation)?)
}

impl<K: Kernels> Operation for Extended<K> {
    fn family(&self) -> &'static Family {
        family_of::<K>()
    }

    fn dtype(&self) -> Dtype {
        self.operation.dtype()
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        self.operation.shape()
    }

    fn label(&self) -> String {
        self.operation.label()
    }

    fn variant(&self) -> String {
        self.operation.variant()
    }

    fn flops(&self) -> u64 {
        self.operation.flops()
    }

    fn min_bytes(&self) -> u64 {
        self.operation.min_bytes()
    }

    fn operands(&self) -> Vec<Operand> {
        self.operation.operands()
    }

    fn validate(&self) -> Result<()> {
        self.operation.validate()
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        Self::adopt(self.operation.halved()?)
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        let more = K::TABLE.iter();
        let more = more.map(|line| line.trusted(&self.operation, K::trust()));
        more.chain(self.operation.candidates()).collect()
    }

    fn reference_cost(&self) -> u64 {
        self.operation.reference_cost()
    }

    fn expected(
        &self,
        intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        self.operation.expected(intermediates, inputs, indices)
    }
}
