"""Blocks of every GGUF format that ridgepoint reads, with the values that the package `gguf` gives them.

Writes tests/fixtures/gguf/FORMAT.bin: random blocks of two rows, then the value of each element as f32, little-endian.
Needs `pip install gguf numpy`. The same seed gives the same files: `python3 scripts/peers/gguf_fixtures.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "gguf"
ROWS = 2
SEED = 20


@dataclass
class Format:
    name: str
    type: GGMLQuantizationType
    # Elements of a row: an odd number of blocks where scales are padded to whole words.
    depth: int
    # Bytes of a block at which a scale or minimum of f16 begins.
    halves: tuple[int, ...]


FORMATS = [
    Format("q4_0", GGMLQuantizationType.Q4_0, 96, (0,)),
    Format("q4_1", GGMLQuantizationType.Q4_1, 96, (0, 2)),
    Format("q8_0", GGMLQuantizationType.Q8_0, 96, (0,)),
    Format("q4_k", GGMLQuantizationType.Q4_K, 256, (0, 2)),
    Format("q6_k", GGMLQuantizationType.Q6_K, 256, (208,)),
]


def random_blocks(form: Format, random: np.random.Generator) -> np.ndarray:
    """Blocks `[rows, bytes]` of random bits, with finite scales of either sign."""
    elements, size = GGML_QUANT_SIZES[form.type]
    blocks = random.integers(0, 256, (ROWS * form.depth // elements, size), dtype=np.uint8)
    for at in form.halves:
        scales = random.uniform(-2, 2, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def main() -> None:
    random = np.random.default_rng(SEED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for form in FORMATS:
        blocks = random_blocks(form, random)
        values = dequantize(blocks, form.type)
        assert values.shape == (ROWS, form.depth) and values.dtype == np.float32
        path = FOLDER / f"{form.name}.bin"
        path.write_bytes(blocks.tobytes() + values.astype("<f4").tobytes())
        print(f"{path}: {blocks.size} bytes of blocks, {values.size} values")


if __name__ == "__main__":
    main()
