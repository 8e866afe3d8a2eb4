//! Self-checks of matrix units: they are used only where a product of matrices that do not commute came out right.

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::{COOPERATIVE, Gpu, View};
use crate::ops::Matmul;
use crate::plan::{Plan, PlanOptions};
use crate::report::{AdapterKind, CooperativeShape, Warning};

/// The kernel for any product, which every other one on matrix units shares its fragments with.
const ANY: &str = "matmul_cooperative";
/// The kernel for products of whole tiles.
const WHOLE: &str = "matmul_aligned";

impl Gpu {
    /// Multiplies once with each shape of matrix units that the adapter lists and kernels have a form for. From then on
    /// kernels use those that came out right; for the others, which came out wrong or which the device has no room or
    /// feature for, there is a warning in [`Gpu::warnings`]. `matmul_aligned`, which is written another way, is
    /// tried by itself.
    ///
    /// [`Gpu::open`] calls it. A program that wraps its own device calls it where it wants matrix units.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn trust_cooperative(&mut self) -> Result<()> {
        if !self.capabilities.features.contains(COOPERATIVE)
            || self.capabilities.kind == AdapterKind::Noop
        {
            return Ok(());
        }
        let usable = self.summary().cooperative_matrix.clone().into_iter();
        let usable = usable.filter(CooperativeShape::is_usable);
        if let Err(reason) = self.capabilities.lanes() {
            let demoted = usable.map(|shape| Warning::MatrixUnitsDemoted {
                shape: shape.to_string(),
                reason: reason.clone(),
            });
            self.warnings.extend(demoted);
            return Ok(());
        }
        let mut trusted = Vec::new();
        for shape in usable {
            self.capabilities.cooperative = vec![shape.clone()];
            // Ragged at each edge.
            match self.multiply(&shape, ANY, 48).await {
                Ok(()) => {
                    self.trust_whole(&shape).await?;
                    trusted.push(shape);
                }
                Err(error @ Error::DeviceLost { .. }) => return Err(error),
                Err(error) => self.warnings.push(Warning::MatrixUnitsDemoted {
                    shape: shape.to_string(),
                    reason: error.to_string(),
                }),
            }
        }
        self.capabilities.cooperative = trusted;
        Ok(())
    }

    /// Demotes the kernel for whole tiles where it comes out wrong with `shape`, alone among the capabilities by now.
    async fn trust_whole(&mut self, shape: &CooperativeShape) -> Result<()> {
        match self.multiply(shape, WHOLE, 64).await {
            Err(error @ Error::DeviceLost { .. }) => return Err(error),
            // The kernel has no form for some shapes of matrix units, and none for little workgroup memory.
            Ok(()) | Err(Error::Unsupported { .. }) => {}
            Err(error) => {
                self.capabilities.demoted.push(WHOLE);
                self.warnings.push(Warning::KernelDemoted {
                    kernel: WHOLE.to_owned(),
                    reason: error.to_string(),
                });
            }
        }
        Ok(())
    }

    /// A product of small integers, which comes out exact, of every order of operands: A * B, transposed or not.
    async fn multiply(
        &self,
        shape: &CooperativeShape,
        kernel: &'static str,
        side: u64,
    ) -> Result<()> {
        let dtype = if shape.input == "f16" {
            Dtype::F16
        } else {
            Dtype::F32
        };
        let matmul = Matmul {
            dtype,
            ..Matmul::new(side, side, side)
        };
        let options = PlanOptions {
            kernel: Some(kernel),
            ..PlanOptions::default()
        };
        let plan = Plan::new(self, &matmul, &options).await?;
        // Neither symmetric nor commuting: B * A and the transposes are other matrices.
        let a = |row: u64, column: u64| ((row * 3 + column * 5) % 7) as f32 - 3.0;
        let b = |row: u64, column: u64| ((row * 2 + column) % 5) as f32 - (column % 3) as f32;
        let cells = || (0..side * side).map(|i| (i / side, i % side));
        let a_values: Vec<f32> = cells().map(|(row, column)| a(row, column)).collect();
        let b_values: Vec<f32> = cells().map(|(row, column)| b(row, column)).collect();
        let of_a = self.upload("a", &a_values, dtype).await?;
        let of_b = self.upload("b", &b_values, dtype).await?;
        let of_c = self.create_storage("c", side * side * 4).await?;
        let c = View::part(&of_c, 0, side * side, Dtype::F32);
        self.poison(c).await?;
        let views = [View::whole(&of_a, dtype), View::whole(&of_b, dtype), c];
        plan.bind(&views)?.run(self).await?;
        let got = self.download(c).await?;
        let want = |(row, column)| (0..side).map(|k| a(row, k) * b(k, column)).sum::<f32>();
        let wrong = cells()
            .zip(&got)
            .find(|(place, got)| want(*place).to_bits() != (**got + 0.0).to_bits());
        match wrong {
            None => Ok(()),
            Some((place, got)) => Err(Error::Gpu {
                what: "a product of integers".to_owned(),
                message: format!(
                    "row {}, column {} is {got} and should be {}",
                    place.0,
                    place.1,
                    want(place)
                ),
            }),
        }
    }
}
