//! Split-K: whether a kernel takes K at once or in parts that are summed in a second dispatch, and in how many.

use super::cost::{Arithmetic, Cost};
use super::form;
use super::params::Split;
use super::partials::Partials;
use super::partition::{Partition, cuts_depth};
use super::shape::Matmul;
use super::sub_problems::SubProblem;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::has_few_cores;
use crate::kernel::Constants;
use std::ops::RangeInclusive;

/// A kernel with a `SPLIT_K`, as far as such kernels differ. The rest of the decision is the same for all of them.
pub(super) struct SplitK {
    /// Arithmetic of the kernel.
    pub(super) work: Arithmetic,
    /// Constants of the kernel's tiles and operands, where K is taken in parts (`true`) or at once.
    pub(super) own: fn(&Matmul, bool, &Capabilities) -> Result<Constants>,
    /// Whether parts of K take less time than K at once on a GPU.
    pub(super) is_profitable: fn(&Matmul, &Capabilities) -> bool,
    /// Parts of the K of a product that is computed at once, for the tiles of the constants, their number within a range.
    pub(super) split: fn(&Matmul, &Constants, &RangeInclusive<u64>, &Capabilities) -> Split,
    /// Flags of the product's edges for the tiles of the constants.
    pub(super) edges: fn(&Matmul, &Constants) -> Constants,
}

impl SplitK {
    /// Constants of the kernel for a product on a device; `given` ones win, a `SPLIT_K` among them.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] and [`crate::Error::TooLarge`] for operands that cannot be, and errors of [`SplitK::own`].
    pub(super) fn constants(
        &self,
        matmul: &Matmul,
        device: &Capabilities,
        given: &Constants,
    ) -> Result<Constants> {
        let is_split = match given.integer("SPLIT_K") {
            Some(parts) => parts > 1,
            None => self.is_default(matmul, device)?,
        };
        let chosen = form::common(matmul)
            .merged(&form::reduced(matmul, is_split))
            .merged(&form::of_partition(matmul, self.work, is_split, device)?)
            .merged(&(self.own)(matmul, is_split, device)?)
            .merged(given);
        let parts = match given.integer("SPLIT_K") {
            Some(parts) => parts,
            None if is_split => self.parts(matmul, &chosen, device)?,
            None => 1,
        };
        if is_split && parts <= 1 {
            // One part, of tiles that were given, is the product itself.
            return self.constants(matmul, device, &given.clone().set("SPLIT_K", 1u32));
        }
        Ok((self.edges)(matmul, &chosen)
            .set("SPLIT_K", parts)
            .merged(&form::budget(matmul, self.work, &chosen, device))
            .merged(&chosen))
    }

    /// The other way to take K: at once where the kernel takes it in parts, in parts where it takes K at once. `None` where
    /// there is no other way, and where the kernel has no form.
    pub(super) fn alternative(&self, matmul: &Matmul, device: &Capabilities) -> Option<Constants> {
        let parts = if self.is_default(matmul, device).ok()? {
            1
        } else {
            let own = (self.own)(matmul, true, device).ok()?;
            let parts = self.parts(matmul, &own, device).ok()?;
            (parts > 1).then_some(parts)?
        };
        Some(Constants::new().set("SPLIT_K", parts))
    }

    /// Whether the kernel takes K in parts where the caller leaves it open.
    fn is_default(&self, matmul: &Matmul, device: &Capabilities) -> Result<bool> {
        let whole = (self.own)(matmul, false, device)?;
        let cost = Cost::from_constants(self.work, &whole, device.kind);
        let is_profitable = (self.is_profitable)(matmul, device);
        Ok(is_wanted(matmul, is_profitable, &cost, device))
    }

    /// Parts of K of all of `matmul` for the tiles of `chosen`, summed over the ranges into which bindings cut K: the value
    /// of `SPLIT_K`.
    ///
    /// # Errors
    /// Errors of [`Partition::with_partials`].
    fn parts(&self, matmul: &Matmul, chosen: &Constants, device: &Capabilities) -> Result<u64> {
        let cost = Cost::from_constants(self.work, chosen, device.kind);
        let partition = Partition::with_partials(matmul, self.work, device)?;
        let depths = partition.depths(matmul);
        let partials = Partials::of(&partition, depths.len() as u64, device);
        let first = [
            0..partition.matrices,
            0..partition.rows,
            0..partition.columns,
        ];
        let mut parts = 0;
        for depth in depths {
            let SubProblem { product, .. } =
                SubProblem::of(matmul, &first, &depth, &device.limits)?;
            let number = partials.parts(product.k, cost.deepest(device));
            parts += (self.split)(&product, chosen, &number, device).parts;
        }
        Ok(parts)
    }
}

/// Whether parts of K are summed in a second dispatch: bindings cut K, or `is_profitable` on a GPU, or K is too deep for one
/// workgroup of `cost`.
pub(super) fn is_wanted(
    matmul: &Matmul,
    is_profitable: bool,
    cost: &Cost,
    device: &Capabilities,
) -> bool {
    cuts_depth(matmul, &device.limits)
        || !has_few_cores(device) && is_profitable
        || matmul.k > cost.deepest(device)
}

/// Parts of K that make the tiles of `constants` keep a device busy, each a multiple of `TILE_K` deep.
pub(super) fn busy(product: &Matmul, constants: &Constants, number: &RangeInclusive<u64>) -> Split {
    let size = |name| constants.integer(name).unwrap_or(1);
    let [m, n, k] = ["TILE_M", "TILE_N", "TILE_K"].map(size);
    let tiles = product.tiles([m as u32, n as u32]);
    Split::busy(product.k, tiles, k, number)
}
