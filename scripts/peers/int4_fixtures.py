"""Layers of AWQ and GPTQ, four bits in groups of 128, with the values that AutoAWQ and AutoGPTQ give them.

Writes tests/fixtures/int4/awq.bin and gptq.bin: random words of `qweight`, then of `qzeros`, then `scales` as f16, then the value of
each element `[k, n]` as f32, little-endian. Needs torch, and the unpacked sources of autoawq 0.2.9 and auto_gptq 0.7.1, of which one
file each is used: installed packages want a GPU. The same seed gives the same files:
`python3 scripts/peers/int4_fixtures.py AUTOAWQ_FOLDER AUTO_GPTQ_FOLDER`.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "int4"
# Two groups of rows, and two words of columns.
K, N, GROUP, BITS = 256, 16, 128, 4
SEED = 21


def module(path: Path) -> types.ModuleType:
    """The module of one file of a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def words(random: np.random.Generator, rows: int, columns: int) -> torch.Tensor:
    """Random words `[rows, columns]`, as int32."""
    drawn = random.integers(0, 1 << 32, (rows, columns), dtype=np.uint32)
    return torch.from_numpy(drawn.view(np.int32))


def write(name: str, qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, values: torch.Tensor) -> None:
    assert values.shape == (K, N) and values.dtype == torch.float32
    parts = [qweight, qzeros, scales.half(), values]
    path = FOLDER / f"{name}.bin"
    path.write_bytes(b"".join(part.numpy().tobytes() for part in parts))
    print(f"{path}: {qweight.numel()} words, {values.numel()} values")


def main() -> None:
    awq, gptq = (Path(folder) for folder in sys.argv[1:])
    random = np.random.default_rng(SEED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    drawn = random.uniform(-2, 2, (2, K // GROUP, N)).astype(np.float16)
    # In f32 both packages are exact: an integer of five bits times an f16.
    awq_scales, gptq_scales = (torch.from_numpy(scales).float() for scales in drawn)

    qweight, qzeros = words(random, K, N // 8), words(random, K // GROUP, N // 8)
    packing = module(awq / "awq" / "utils" / "packing_utils.py")
    values = packing.dequantize_gemm(qweight, qzeros, awq_scales, BITS, GROUP)
    write("awq", qweight, qzeros, awq_scales, values)

    qweight, qzeros = words(random, K // 8, N), words(random, K // GROUP, N // 8)
    # Packing alone uses transformers, and nothing is packed here.
    sys.modules.setdefault("transformers", types.ModuleType("transformers"))
    linear = module(gptq / "auto_gptq" / "nn_modules" / "qlinear" / "qlinear_cuda.py")
    layer = linear.QuantLinear(BITS, GROUP, K, N, bias=False, weight_dtype=torch.float32)
    layer.qweight, layer.qzeros, layer.scales = qweight, qzeros, gptq_scales
    # A row of the identity gives a row of weights, exactly.
    write("gptq", qweight, qzeros, gptq_scales, layer(torch.eye(K)))


if __name__ == "__main__":
    main()
