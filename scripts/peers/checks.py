"""The verification held against results that are right and results that are not. Needs PyTorch, on any device."""

from __future__ import annotations

import torch

import calls
import shapes
from verification import verify

PROBLEMS = [
    ("copy", "f16", "1000"), ("scale", "f32", "1000"), ("multiply", "f32", "1001"), ("add", "f16", "1000"),
    ("triad", "f32", "5000"), ("sum", "f32", "70000"), ("max", "f16", "1000"), ("dot", "f32", "1000"),
    ("matmul", "f32", "33x65x17"), ("matmul", "f32", "3x8x9x10+ta+sb"), ("matmul", "f16", "20x130x40+tb+f16"),
    ("softmax", "f32", "7x300"), ("softmax", "f16", "7x300"), ("rms_norm", "f32", "5x100"),
    ("layer_norm", "f32", "5x100+bias"), ("layer_norm", "f32", "5x100+plain"),
    ("attention", "f32", "2x3x20x30x16"), ("attention", "f32", "1x4x20x20x16xcausal+kv2"),
]


def check(device: str) -> int:
    """Returns the number of results that were judged, each right and with one element wrong."""
    judged = 0
    for operation, dtype, label in PROBLEMS:
        problem = shapes.parse(operation, dtype, label)
        operands = calls.operands(problem, calls.Data(device, 1))
        for call in calls.calls(problem, operands, ["math"], tf32=False):
            try:
                result = call.call()
            except (RuntimeError, NotImplementedError, TypeError):
                # A call that this device does not have.
                continue
            right = verify(problem, operands, result, rounds_to_tf32=False)
            assert right["ok"], f"{problem.id}/{call.kernel}: {right}"
            wrong = result.clone()
            wrong.view(-1)[-1] += max(0.02, 0.02 * float(result.abs().max()))
            found = verify(problem, operands, wrong, rounds_to_tf32=False)
            assert not found["ok"], f"{problem.id}/{call.kernel}: a wrong element passed: {found}"
            wrong.view(-1)[0] = torch.nan
            assert not verify(problem, operands, wrong, rounds_to_tf32=False)["ok"]
            judged += 3
    return judged
