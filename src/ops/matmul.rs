//! Matrix product: `C[M, N] = A[M, K] * B[K, N]`, row-major, f32.

use super::{Family, Operand, Operation, parse_sizes, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule, Slot, Stage, Step, Window, fold_workgroups};
use crate::shader::{Constant, Prepared, Shader};
use crate::tolerance::{self, Expected};

/// `C[m, n] = A[m, k] * B[k, n]`.
///
/// # Examples
/// ```
/// use ridgepoint::{Matmul, Operation};
/// let matmul = Matmul { m: 4096, n: 4096, k: 4096 };
/// assert_eq!(matmul.flops(), 2 * 4096 * 4096 * 4096);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matmul {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A, rows of B.
    pub k: u64,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,
}

impl Operation for Matmul {
    fn family(&self) -> &'static Family {
        &MATMUL
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("m", self.m), ("n", self.n), ("k", self.k)]
    }

    fn flops(&self) -> u64 {
        2 * self.m * self.n * self.k
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        let half = Self {
            m: self.m.div_ceil(2),
            n: self.n.div_ceil(2),
            k: self.k.div_ceil(2),
        };
        (half != *self).then(|| Box::new(half) as Box<dyn Operation>)
    }

    fn operands(&self) -> Vec<Operand> {
        vec![
            Operand::input("a", self.m * self.k, Dtype::F32, Distribution::Uniform),
            Operand::input("b", self.k * self.n, Dtype::F32, Distribution::Uniform),
            Operand::output("c", self.m * self.n, Dtype::F32),
        ]
    }

    fn validate(&self) -> Result<()> {
        for (name, rows, columns) in [
            ("a", self.m, self.k),
            ("b", self.k, self.n),
            ("c", self.m, self.n),
        ] {
            require_u32(
                &format!("`{name}`, {rows} x {columns}"),
                rows.checked_mul(columns),
            )?;
        }
        // An empty matrix may still have a side that does not fit an index.
        for (name, size) in self.shape() {
            require_u32(&format!("the {name} of a matmul"), Some(size))?;
        }
        Ok(())
    }

    fn constants(&self, kernel: &'static Kernel, _device: &Capabilities) -> Result<Constants> {
        let vector = self.n.is_multiple_of(4) && self.k.is_multiple_of(4);
        if vector && kernel.declares("VECTOR") {
            return Ok(vec![
                ("VECTOR", Constant::Bool(true)),
                ("Chunk", Constant::Type("vec4<f32>")),
            ]);
        }
        Ok(Constants::new())
    }

    fn schedule(
        &self,
        _kernel: &'static Kernel,
        stages: &[&Prepared],
        limits: &wgpu::Limits,
    ) -> Result<Schedule> {
        if self.m * self.n == 0 {
            return Ok(Schedule::default());
        }
        let tiles = |size: u64, tile: &str| size.div_ceil(u64::from(stages[0].constant(tile)));
        let (tiles_m, tiles_n) = (tiles(self.m, "TILE_M"), tiles(self.n, "TILE_N"));
        let params = Params {
            m: self.m as u32,
            n: self.n as u32,
            k: self.k as u32,
            tiles_n: tiles_n as u32,
        };
        let operands = self.operands();
        let windows = operands.iter().enumerate();
        let step = Step {
            stage: 0,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: windows
                .map(|(i, o)| Window::whole(Slot::Operand(i), o.elements * 4))
                .collect(),
            workgroups: fold_workgroups(tiles_m * tiles_n, limits)?,
        };
        Ok(Schedule {
            steps: vec![step],
            scratch: vec![],
        })
    }

    fn expected(
        &self,
        _kernel: &'static Kernel,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        let one = |&index: &u64| {
            let (row, column) = (index / self.n, index % self.n);
            let (mut sum, mut magnitudes) = (0.0, 0.0);
            for i in 0..self.k {
                let product = inputs.get(0, row * self.k + i) * inputs.get(1, i * self.n + column);
                sum += product;
                magnitudes += product.abs();
            }
            Expected::new(
                sum,
                tolerance::dot(self.k, Dtype::F32.unit_roundoff(), magnitudes),
            )
        };
        indices.iter().map(one).collect()
    }
}

static MATMUL_NAIVE: Kernel = Kernel {
    name: "matmul_naive",
    about: "one invocation for each element of C, straight from memory",
    stages: &[Stage::of(&Shader {
        name: "matmul_naive",
        wgsl: include_str!("../../shaders/matmul_naive.wgsl"),
    })],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: &[],
};

static MATMUL_TILED: Kernel = Kernel {
    name: "matmul_tiled",
    about: "16 x 16 tiles in workgroup memory",
    stages: &[Stage::of(&Shader {
        name: "matmul_tiled",
        wgsl: include_str!("../../shaders/matmul_tiled.wgsl"),
    })],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: &[],
};

static MATMUL_BLOCKED: Kernel = Kernel {
    name: "matmul_blocked",
    about: "register blocks of vec4 over tiles in workgroup memory",
    stages: &[Stage::of(&Shader {
        name: "matmul_blocked",
        wgsl: include_str!("../../shaders/matmul_blocked.wgsl"),
    })],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: &[],
};

fn parse(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    if dtype != Dtype::F32 {
        let reason = format!("there is no {} kernel yet", dtype.name());
        return Err(Error::Unsupported {
            what: "matmul".into(),
            reason,
        });
    }
    let [m, n, k] = parse_sizes(&MATMUL, text)?;
    Ok(Box::new(Matmul { m, n, k }))
}

fn samples(stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    let (tile_m, tile_n) = (
        u64::from(stages[0].constant("TILE_M")),
        u64::from(stages[0].constant("TILE_N")),
    );
    let mut shapes = vec![
        (1, 1, 1),
        (7, 127, 13),
        (127, 7, 64),
        (1, 129, 65),
        (129, 1, 65),
        (300, 4, 8),
        (4, 300, 8),
    ];
    shapes.extend([
        (5, 3, 0),
        (0, 3, 5),
        (3, 0, 5),
        (2, 2, 1025),
        (96, 160, 132),
    ]);
    for (m, n) in [
        (tile_m - 1, tile_n - 1),
        (tile_m, tile_n),
        (tile_m + 1, tile_n + 1),
    ] {
        shapes.extend([(m, n, 15), (m, n, 16), (m, n, 36)]);
    }
    shapes
        .into_iter()
        .map(|(m, n, k)| -> Box<dyn Operation> { Box::new(Matmul { m, n, k }) })
        .collect()
}

/// `C = A * B`
pub(super) static MATMUL: Family = Family {
    name: "matmul",
    about: "C[M, N] = A[M, K] * B[K, N], row-major",
    shape_form: "MxNxK, such as 4096x4096x4096",
    kernels: &[&MATMUL_NAIVE, &MATMUL_TILED, &MATMUL_BLOCKED],
    parse,
    samples,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [
            vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            vec![1.0, 0.0, 0.5, -1.0, 2.0, 3.0],
        ];
        let matmul = Matmul { m: 2, n: 2, k: 3 };
        let found = matmul.expected(&MATMUL_NAIVE, &inputs.as_slice(), &[0, 1, 2, 3]);
        assert_eq!(
            found.iter().map(|e| e.value).collect::<Vec<_>>(),
            [8.0, 7.0, 18.5, 13.0]
        );
        assert!(found.iter().all(|e| e.allowed > 0.0 && e.allowed < 1e-4));
    }

    #[test]
    fn a_matrix_that_no_index_reaches_is_refused() {
        assert!(
            Matmul {
                m: 1 << 20,
                n: 1,
                k: 1 << 20
            }
            .validate()
            .is_err()
        );
        assert!(
            Matmul {
                m: u64::MAX,
                n: 2,
                k: u64::MAX
            }
            .validate()
            .is_err()
        );
        assert!(
            Matmul {
                m: 0,
                n: 1 << 40,
                k: 0
            }
            .validate()
            .is_err()
        );
        assert!(
            Matmul {
                m: 4096,
                n: 4096,
                k: 4096
            }
            .validate()
            .is_ok()
        );
    }
}
