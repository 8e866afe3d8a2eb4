"""Shapes of problems as text, as `ridgepoint --op` takes them, and what each of them costs. Needs no PyTorch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

BYTES = {"f32": 4, "f16": 2}

# Inputs and operations for each element.
STREAMS = {"copy": (1, 0), "scale": (1, 1), "multiply": (2, 1), "add": (2, 1), "triad": (2, 2)}
REDUCTIONS = {"sum": (1, 1), "max": (1, 1), "dot": (2, 2)}
NORMS = ("rms_norm", "layer_norm")


class Unsupported(Exception):
    """A problem, or an option of it, for which PyTorch has no counterpart here. The message is the reason."""


@dataclass(frozen=True)
class Problem:
    """An operation of one shape and one element type."""

    operation: str
    dtype: str
    label: str
    sizes: dict[str, int]
    options: dict[str, str] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        return option in self.options

    @property
    def id(self) -> str:
        return f"{self.operation}/{self.dtype}/{self.label}"

    def vectors(self) -> int:
        """Vectors behind a norm: a weight, and a bias."""
        return 0 if self.has("plain") else 2 if self.has("bias") else 1

    def flops(self) -> int:
        """Operations; a fused multiply-add is two, `exp` is none."""
        s = self.sizes
        if self.operation in STREAMS:
            return s["elements"] * STREAMS[self.operation][1]
        if self.operation in REDUCTIONS:
            return s["elements"] * REDUCTIONS[self.operation][1]
        if self.operation == "matmul":
            return 2 * s.get("batch", 1) * s["m"] * s["n"] * s["k"]
        if self.operation == "softmax":
            return 4 * s["rows"] * s["cols"]
        if self.operation in NORMS:
            mean = 2 if self.operation == "layer_norm" else 0
            return (3 + mean + self.vectors()) * s["rows"] * s["cols"]
        pairs = s["seq_q"] * s["seq_kv"]
        all_pairs = 4 * s["batch"] * s["heads"] * s["head_dim"] * pairs
        return all_pairs // 2 if self.has("causal") else all_pairs

    def min_bytes(self) -> int:
        """Bytes that have to move: every operand once."""
        s, size = self.sizes, BYTES[self.dtype]
        if self.operation in STREAMS:
            return s["elements"] * size * (STREAMS[self.operation][0] + 1)
        if self.operation in REDUCTIONS:
            return s["elements"] * size * REDUCTIONS[self.operation][0] + 4
        if self.operation == "matmul":
            batch = s.get("batch", 1)
            b = 1 if self.has("sb") else batch
            inputs = batch * s["m"] * s["k"] + b * s["k"] * s["n"]
            return inputs * size + batch * s["m"] * s["n"] * (2 if self.has("f16") else 4)
        if self.operation == "softmax":
            return 2 * s["rows"] * s["cols"] * size
        if self.operation in NORMS:
            return (2 * s["rows"] * s["cols"] + self.vectors() * s["cols"]) * size
        queries = 2 * s["heads"] * s["seq_q"]
        keys = 2 * self.kv_heads() * s["seq_kv"]
        return s["batch"] * s["head_dim"] * (queries + keys) * size

    def kv_heads(self) -> int:
        return int(self.options.get("kv", self.sizes["heads"]))


def parse(operation: str, dtype: str, label: str) -> Problem:
    """The problem that `label` names. Raises `Unsupported` for what PyTorch does not compute, `ValueError` for no label."""
    names = names_of(operation)
    if dtype not in BYTES:
        raise Unsupported(f"element type {dtype} is not measured here")
    head, *words = label.split("+")
    options = {}
    if operation == "attention" and head.endswith("xcausal"):
        head = head.removesuffix("xcausal")
        options["causal"] = ""
    numbers = [int(part) for part in head.split("x")]
    if operation == "matmul" and len(numbers) == 4:
        names = ("batch", *names)
    if len(numbers) != len(names):
        raise ValueError(f"{label!r} is no shape of {operation}")
    for word in words:
        name, value = option_of(operation, word)
        options[name] = value
    problem = Problem(operation, dtype, label, dict(zip(names, numbers)), options)
    refuse(problem)
    return problem


def names_of(operation: str) -> tuple[str, ...]:
    if operation in STREAMS or operation in REDUCTIONS:
        return ("elements",)
    if operation == "matmul":
        return ("m", "n", "k")
    if operation == "softmax" or operation in NORMS:
        return ("rows", "cols")
    if operation == "attention":
        return ("batch", "heads", "seq_q", "seq_kv", "head_dim")
    raise Unsupported(f"{operation} has no counterpart in PyTorch that is measured here")


OPTIONS = {
    "matmul": ("ta", "tb", "sb", "f16"),
    "rms_norm": ("plain",),
    "layer_norm": ("plain", "bias"),
    "attention": ("kv", "scale"),
}


def option_of(operation: str, word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if operation == "attention" and name.startswith("kv") and name[2:].isdigit():
        name, value = "kv", name[2:]
    if name not in OPTIONS.get(operation, ()):
        raise Unsupported(f"option +{word} of {operation} has no counterpart in PyTorch that is measured here")
    return name, value


def refuse(problem: Problem) -> None:
    """Refuses problems that PyTorch computes in another way than is meant."""
    s = problem.sizes
    if problem.operation == "attention" and problem.has("causal") and s["seq_q"] != s["seq_kv"]:
        # PyTorch aligns the beginnings of both sequences, ridgepoint their ends.
        raise Unsupported("PyTorch's causal mask is another one where queries and keys differ in number")
    if problem.operation == "attention" and s["heads"] % problem.kv_heads():
        raise ValueError(f"{problem.label!r}: heads are no multiple of key heads")
    if problem.operation == "dot" and problem.dtype != "f32":
        raise Unsupported("torch.dot of f16 gives a sum in f16")


GPU_ROWS = [(name, "f32", "33554432") for name in ("copy", "multiply", "add", "triad")]
GPU_ROWS += [("matmul", "f32", f"{n}x{n}x{n}") for n in (1024, 2048, 4096, 8192)]
GPU_ROWS += [("matmul", "f16", f"{n}x{n}x{n}") for n in (1024, 2048, 4096)]
GPU_ROWS += [("softmax", "f32", shape) for shape in ("1024x2048", "4096x4096", "65536x1024")]
GPU_ROWS += [("attention", "f32", f"2x4x{n}x{n}x64") for n in (512, 1024, 2048, 4096)]

CPU_ROWS = [(name, "f32", "4194304") for name in ("copy", "multiply", "add", "triad")]
CPU_ROWS += [("matmul", "f32", f"{n}x{n}x{n}") for n in (128, 256, 512)]
CPU_ROWS += [("matmul", "f16", f"{n}x{n}x{n}") for n in (128, 256, 512)]
CPU_ROWS += [("softmax", "f32", shape) for shape in ("256x2048", "256x4096", "2048x1024")]
CPU_ROWS += [("attention", "f32", f"1x4x{n}x{n}x64") for n in (32, 64, 128, 256)]


def rows_of_file(path: str) -> tuple[list[dict], str]:
    """Rows of a file of results, the first of each problem, and the name of its suite."""
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    if report.get("schema") != "ridgepoint.run/1":
        raise ValueError(f"{path}: no file of ridgepoint.run/1")
    found = {}
    for row in report["rows"]:
        found.setdefault((row["operation"], row["dtype"], row.get("label", "")), row)
    return list(found.values()), report["settings"]["suite"]


def self_test(path: str | None) -> int:
    """Checks the parser by hand-computed costs, and by the rows of a file of results. Returns the number of checks."""
    by_hand = [
        ("copy", "f32", "1000", 0, 8000),
        ("triad", "f16", "1000", 2000, 6000),
        ("dot", "f32", "1000", 2000, 8004),
        ("matmul", "f32", "2x3x5", 60, 4 * (10 + 15 + 6)),
        ("matmul", "f16", "2x3x5", 60, 2 * 25 + 4 * 6),
        ("matmul", "f16", "7x2x3x5+ta+tb+sb+f16", 420, 2 * (70 + 15 + 42)),
        ("softmax", "f32", "3x4", 48, 96),
        ("rms_norm", "f32", "4x1000", 16_000, 4 * 9000),
        ("layer_norm", "f32", "4x1000+bias", 28_000, 4 * 10_000),
        ("attention", "f32", "2x4x512x512x64", 4 * 2 * 4 * 512 * 512 * 64, 4 * 4 * 2 * 4 * 512 * 64),
        ("attention", "f16", "2x4x512x512x64xcausal", 2 * 2 * 4 * 512 * 512 * 64, 2 * 4 * 2 * 4 * 512 * 64),
        ("attention", "f16", "1x32x1x4096x128+kv8", 4 * 32 * 4096 * 128, 2 * 128 * (2 * 32 + 2 * 8 * 4096)),
    ]
    for operation, dtype, label, flops, min_bytes in by_hand:
        problem = parse(operation, dtype, label)
        found = (problem.flops(), problem.min_bytes())
        assert found == (flops, min_bytes), f"{problem.id}: {found}, expected {(flops, min_bytes)}"
    refused = [
        ("fma", "1x2x3x4"), ("matmul", "1x2x3+bias"), ("softmax", "1x2+log"), ("rms_norm", "1x2+bias"),
        ("attention", "1x1x2x3x4xcausal"), ("attention", "1x1x2x2x4+window=3"), ("attention_backward", "1x1x2x2x4"),
    ]
    for operation, label in refused:
        try:
            raise AssertionError(f"{parse(operation, 'f32', label)} was not refused")
        except Unsupported:
            pass
    for operation, label in (("matmul", "1x2"), ("copy", "many"), ("attention", "1x3x2x2x4+kv2")):
        try:
            raise AssertionError(f"{parse(operation, 'f32', label)} was not refused")
        except ValueError:
            pass
    count = len(by_hand) + len(refused) + 3
    for row in rows_of_file(path)[0] if path else []:
        try:
            problem = parse(row["operation"], row["dtype"], row["label"])
        except Unsupported:
            continue
        found = (problem.flops(), problem.min_bytes(), problem.sizes)
        expected = (row["flops"], row["min_bytes"], row["shape"])
        assert found == expected, f"{problem.id}: {found}, the file has {expected}"
        count += 1
    return count
