"""PyTorch's calls for a problem, and the operands that they work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F

from shapes import NORMS, REDUCTIONS, STREAMS, Problem
from verification import ALPHA, EPSILON

DTYPES = {"f32": torch.float32, "f16": torch.float16}


@dataclass
class Call:
    """One way in which PyTorch computes a problem."""

    kernel: str
    about: str
    call: Callable[[], torch.Tensor]
    # Whether operands of f32 are rounded to TF32.
    rounds_to_tf32: bool = False


class Data:
    """Random operands from a seed: uniform in [-1, 1), with one in 64 values 16 times as large where a maximum matters."""

    def __init__(self, device: str, seed: int):
        self.device = device
        self.generator = torch.Generator(device=device)
        self.generator.manual_seed(seed)

    def uniform(self, *shape: int, dtype: str) -> torch.Tensor:
        values = torch.rand(*shape, device=self.device, generator=self.generator)
        return values.mul_(2).sub_(1).to(DTYPES[dtype])

    def outliers(self, *shape: int, dtype: str) -> torch.Tensor:
        values = self.uniform(*shape, dtype=dtype)
        chosen = torch.rand(*shape, device=self.device, generator=self.generator) < 1 / 64
        return torch.where(chosen, values * 16, values)


def operands(problem: Problem, data: Data) -> list[torch.Tensor]:
    s, dtype = problem.sizes, problem.dtype
    if problem.operation in STREAMS:
        return [data.uniform(s["elements"], dtype=dtype) for _ in range(STREAMS[problem.operation][0])]
    if problem.operation in REDUCTIONS:
        return [data.outliers(s["elements"], dtype=dtype) for _ in range(REDUCTIONS[problem.operation][0])]
    if problem.operation == "matmul":
        batch = (s["batch"],) if "batch" in s else ()
        return [
            matrix(data, batch, s["m"], s["k"], problem.has("ta"), dtype),
            matrix(data, () if problem.has("sb") else batch, s["k"], s["n"], problem.has("tb"), dtype),
        ]
    if problem.operation == "softmax":
        return [data.outliers(s["rows"], s["cols"], dtype=dtype)]
    if problem.operation in NORMS:
        vectors = [data.uniform(s["cols"], dtype=dtype) for _ in range(problem.vectors())]
        return [data.outliers(s["rows"], s["cols"], dtype=dtype), *vectors]
    queries = (s["batch"], s["heads"], s["seq_q"], s["head_dim"])
    keys = (s["batch"], problem.kv_heads(), s["seq_kv"], s["head_dim"])
    return [
        data.outliers(*queries, dtype=dtype),
        data.uniform(*keys, dtype=dtype),
        data.uniform(*keys, dtype=dtype),
    ]


def matrix(data: Data, batch: tuple, rows: int, columns: int, transposed: bool, dtype: str) -> torch.Tensor:
    if transposed:
        return data.uniform(*batch, columns, rows, dtype=dtype).transpose(-1, -2)
    return data.uniform(*batch, rows, columns, dtype=dtype)


def calls(problem: Problem, found: list[torch.Tensor], backends: list[str], tf32: bool) -> list[Call]:
    """The calls for a problem. One that this machine cannot execute raises when it is called."""
    if problem.operation in STREAMS:
        return [of_stream(problem, found)]
    if problem.operation in REDUCTIONS:
        return [of_reduction(problem, found)]
    if problem.operation == "matmul":
        return of_matmul(problem, found, tf32)
    if problem.operation == "softmax":
        return of_softmax(problem, found[0])
    if problem.operation in NORMS:
        return [of_norm(problem, found)]
    return [of_attention(problem, found, backend) for backend in backends]


def of_stream(problem: Problem, found: list[torch.Tensor]) -> Call:
    a, b = found[0], found[-1]
    c = torch.full_like(a, torch.nan)
    about, call = {
        "copy": ("Tensor.copy_", lambda: c.copy_(a)),
        "scale": ("torch.mul", lambda: torch.mul(a, ALPHA, out=c)),
        "multiply": ("torch.mul", lambda: torch.mul(a, b, out=c)),
        "add": ("torch.add", lambda: torch.add(a, b, out=c)),
        "triad": ("torch.add with alpha", lambda: torch.add(a, b, alpha=ALPHA, out=c)),
    }[problem.operation]
    return Call(f"torch_{problem.operation}", about, call)


def of_reduction(problem: Problem, found: list[torch.Tensor]) -> Call:
    a, b = found[0], found[-1]
    about, call = {
        "sum": ("torch.sum", lambda: torch.sum(a, dtype=torch.float32)),
        "max": ("torch.max", lambda: torch.max(a)),
        "dot": ("torch.dot", lambda: torch.dot(a, b)),
    }[problem.operation]
    return Call(f"torch_{problem.operation}", about, call)


def of_matmul(problem: Problem, found: list[torch.Tensor], tf32: bool) -> list[Call]:
    a, b = found
    if problem.dtype == "f32":
        exact = Call("torch_matmul", "torch.matmul without TF32", lambda: torch.matmul(a, b))
        rounded = Call("torch_matmul_tf32", "torch.matmul on TF32 matrix units", lambda: in_tf32(a, b), rounds_to_tf32=True)
        return [exact, rounded] if tf32 else [exact]
    narrow = Call("torch_matmul_f16_out", "torch.matmul, C in f16", lambda: torch.matmul(a, b))
    if problem.has("f16"):
        narrow.kernel = "torch_matmul"
        return [narrow]
    product = torch.mm if a.dim() == 2 else torch.bmm
    if a.dim() == 3 and b.dim() == 2:
        b = b.expand(a.shape[0], -1, -1)
    wide = Call("torch_matmul", "torch.mm with out_dtype, C in f32", lambda: product(a, b, out_dtype=torch.float32))
    return [wide, narrow]


def in_tf32(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    torch.set_float32_matmul_precision("high")
    try:
        return torch.matmul(a, b)
    finally:
        torch.set_float32_matmul_precision("highest")


def of_softmax(problem: Problem, x: torch.Tensor) -> list[Call]:
    def unfused() -> torch.Tensor:
        powers = torch.exp(x - x.amax(-1, keepdim=True))
        return powers / powers.sum(-1, keepdim=True)

    fused = Call("torch_softmax", "torch.softmax", lambda: torch.softmax(x, -1))
    if problem.dtype != "f32":
        return [fused]
    return [fused, Call("torch_softmax_unfused", "five operations, with a result in memory after each", unfused)]


def of_norm(problem: Problem, found: list[torch.Tensor]) -> Call:
    x, weight, bias = (found + [None, None])[:3]
    shape = (problem.sizes["cols"],)
    if problem.operation == "rms_norm":
        return Call("torch_rms_norm", "F.rms_norm", lambda: F.rms_norm(x, shape, weight, EPSILON))
    return Call("torch_layer_norm", "F.layer_norm", lambda: F.layer_norm(x, shape, weight, bias, EPSILON))


def of_attention(problem: Problem, found: list[torch.Tensor], backend: str) -> Call:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q, k, v = found
    names = {"flash": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION", "efficient": "EFFICIENT_ATTENTION", "math": "MATH"}
    chosen = getattr(SDPBackend, names[backend], None)
    options = {"is_causal": problem.has("causal")}
    if problem.has("scale"):
        options["scale"] = float(problem.options["scale"])
    if problem.kv_heads() != problem.sizes["heads"]:
        options["enable_gqa"] = True

    def call() -> torch.Tensor:
        if chosen is None:
            raise NotImplementedError(f"this version of PyTorch has no backend {backend}")
        with sdpa_kernel(chosen):
            return F.scaled_dot_product_attention(q, k, v, **options)

    return Call(f"torch_sdpa_{backend}", f"F.scaled_dot_product_attention, backend {backend}", call)
