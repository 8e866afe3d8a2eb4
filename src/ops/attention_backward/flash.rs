//! `attention_backward_flash`: gradients in register blocks of vec4, without matrix units.

use super::shape::AttentionBackward;
use super::{dispatch, form};
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, backward_registers, tile_bytes};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Attention, Fit, Implementation};
use crate::shader::files;

pub(super) static FLASH: Implementation<AttentionBackward> = Implementation {
    kernel: Kernel::new(
        "attention_backward_flash",
        "scores computed anew for keys, then for queries; register blocks of vec4, no scores in memory",
        &[
            form::DELTA,
            Stage {
                shader: &files::ATTENTION_BACKWARD_FLASH,
                constants: form::OF_KEYS,
            },
            Stage {
                shader: &files::ATTENTION_BACKWARD_FLASH,
                constants: form::OF_QUERIES,
            },
            form::FINISH[0],
            form::FINISH[1],
        ],
    ),
    fit: |backward, _| form::lacking(&backward.forward, MAX_COLUMNS).map_or(Fit::Best, Fit::Unable),
    constants: |backward, device, given| Ok(constants(&backward.forward, device, given)),
    alternatives: |backward, device| tiles(&backward.forward, device),
    schedule: |backward, stages, device| dispatch::schedule(backward, stages, device, Units::Plain),
    samples: None,
};

/// Columns of the widest head: its gradients are kept in registers.
const MAX_COLUMNS: u64 = 256;

/// Constants of the shape, the best tile that fits the device, and where its loops are cut.
fn constants(attention: &Attention, device: &Capabilities, given: &Constants) -> Constants {
    let (form, kernel) = (form::form(attention), &FLASH.kernel);
    let tiles = tiles(attention, device);
    let found = form::with_tile(&form, &tiles, attention, kernel, device).merged(given);
    form::with_cuts(found, attention, kernel, device, Units::Plain)
}

/// Constants of `attention_backward_flash.wgsl` that belong together; the file says what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct GradientTile {
    rows: u32,
    block: u32,
    elems: u32,
    chunk_d: u32,
    chunk_rows: u32,
}

/// Sixteen invocations for each row, two rows an invocation.
const ROWS_32_BY_2: GradientTile = GradientTile {
    rows: 32,
    block: 64,
    elems: 2,
    chunk_d: 16,
    chunk_rows: 16,
};

/// Half the rows, one an invocation.
const ROWS_16_BY_1: GradientTile = GradientTile {
    rows: 16,
    elems: 1,
    ..ROWS_32_BY_2
};

/// [`ROWS_16_BY_1`] in 13 KiB.
const ROWS_16_SHORT: GradientTile = GradientTile {
    chunk_d: 8,
    chunk_rows: 8,
    ..ROWS_16_BY_1
};

/// Thirty-two invocations for each row: a quarter of the registers for gradients.
const ROWS_8: GradientTile = GradientTile {
    rows: 8,
    block: 128,
    ..ROWS_16_SHORT
};

/// Tiles with few registers, the most reuse first. The last one fits 16 KiB with heads of any width.
const TILES_SMALL: [GradientTile; 5] = [
    ROWS_32_BY_2,
    ROWS_16_BY_1,
    ROWS_16_SHORT,
    ROWS_8,
    GradientTile {
        chunk_rows: 4,
        ..ROWS_8
    },
];

impl GradientTile {
    /// Registers of 32 bits that an invocation of the stage for keys needs, which has two gradients: scores, their
    /// gradients and its parts of dK and dV; rows of both operands; a vec4 of each of its rows and four more; loads in
    /// flight; six for each row.
    fn registers(self, columns: u64) -> u64 {
        let elems = u64::from(self.elems);
        let columns = self.columns_of_invocation(columns);
        let lanes = u64::from(self.block / 4);
        let invocations = u64::from(self.rows / self.elems) * lanes;
        let loads = |elements: u64| (elements / 4).div_ceil(invocations);
        let of_products = loads(u64::from((self.rows + self.block) * self.chunk_d));
        let of_gradients = loads(u64::from(self.chunk_rows) * columns * lanes);
        let sums = 2 * elems * (4 + columns);
        sums + 2 * columns + 4 * (elems + 4) + 2 * of_products.max(of_gradients) + 6 * elems
    }

    /// Columns of a gradient that an invocation sums, of each of its rows.
    fn columns_of_invocation(self, columns: u64) -> u64 {
        columns.div_ceil(self.block.into()) * 4
    }

    /// Bytes of workgroup memory.
    fn bytes(self, columns: u64) -> u64 {
        let [rows, block, chunk_d, chunk_rows] =
            [self.rows, self.block, self.chunk_d, self.chunk_rows].map(u64::from);
        let weights = 2 * rows * ((block / 4) | 1);
        let products = (rows + block) * ((chunk_d / 4) | 1);
        let gradients = chunk_rows * self.columns_of_invocation(columns) * block / 16;
        16 * (weights + products.max(gradients))
    }

    fn constants(self) -> Constants {
        Constants::from([
            ("TILE", self.rows),
            ("BLOCK", self.block),
            ("ELEMS", self.elems),
            ("CHUNK_D", self.chunk_d),
            ("CHUNK_ROWS", self.chunk_rows),
        ])
    }
}

/// Tiles, the best first: 64 x 64 pairs in some 45 KiB, 32 x 32 in 16. Wider heads get fewer rows an invocation, since the
/// gradients of these are in registers. Tiles that need more registers or memory than there are for them are left out, and
/// small ones take their place.
fn tiles(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let columns = attention.head_dim.max(attention.value_dim);
    let (small, chunk_rows) = match columns {
        0..=64 => (4, 16),
        65..=128 => (2, 8),
        _ => (1, 4),
    };
    let of = |[rows, elems]: [u32; 2]| GradientTile {
        rows,
        block: rows,
        elems,
        chunk_d: 16,
        chunk_rows,
    };
    let large = [[64, 4], [32, small]].map(of);
    let (most, most_bytes) = (backward_registers(device), tile_bytes(device));
    let holds =
        |tile: &GradientTile| tile.registers(columns) <= most && tile.bytes(columns) <= most_bytes;
    let found: Vec<GradientTile> = if large.iter().all(holds) {
        large.to_vec()
    } else {
        TILES_SMALL.into_iter().filter(holds).collect()
    };
    // Where none holds: the least that there is.
    let least = || vec![TILES_SMALL[TILES_SMALL.len() - 1]];
    let found = if found.is_empty() { least() } else { found };
    let constants = found.into_iter().map(GradientTile::constants);
    form::usable(constants.collect(), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Architecture;
    use crate::gpu::of_each_architecture;

    #[test]
    fn bytes_are_those_of_the_file() {
        let tile = GradientTile {
            rows: 64,
            block: 64,
            elems: 4,
            ..ROWS_32_BY_2
        };
        assert_eq!((tile.bytes(64), ROWS_32_BY_2.bytes(64)), (45_056, 25_088));
        assert_eq!(
            (ROWS_16_BY_1.bytes(128), ROWS_8.bytes(256)),
            (16_896, 16_640)
        );
    }

    #[test]
    fn each_architecture_gets_the_tile_that_its_compiler_takes() {
        for device in of_each_architecture() {
            let first = |columns| {
                let tile = &tiles(&Attention::new(1, 16, 4096, columns), &device)[0];
                ["TILE", "BLOCK", "ELEMS"].map(|name| tile.integer(name).unwrap())
            };
            let expected = match device.architecture {
                Architecture::IntelGen9 | Architecture::IntelXe2 | Architecture::Unknown => {
                    [[32, 64, 2], [16, 64, 1]]
                }
                Architecture::Mali => continue,
                Architecture::IntelXe3
                | Architecture::Apple
                | Architecture::Adreno
                | Architecture::Gcn
                | Architecture::Cdna => [[32, 64, 2], [32, 64, 2]],
                _ => [[64, 64, 4], [64, 64, 4]],
            };
            assert_eq!(
                [first(64), first(128)],
                expected,
                "{:?}",
                device.architecture
            );
        }
    }
}
