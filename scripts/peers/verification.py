"""Results held against plain f64 on the CPU, with the error that the arithmetic allows.

The bounds are those of ridgepoint's own kernels (METHODOLOGY.md, "Verification"). `u` is the unit roundoff of f32, in which
sums are computed.
"""

from __future__ import annotations

import math

import torch

from shapes import NORMS, REDUCTIONS, STREAMS, Problem

U = 2.0**-24
U_F16 = 2.0**-11
# Operands of a matrix unit in TF32 have ten bits behind the first.
U_TF32 = 2.0**-11
TINY = 2.0**-126
ALPHA = 1.5
EPSILON = 1e-5

# Elements of operands that the reference reads at most, as numbers of f64.
MOST_READ = 16 << 20


def gamma(count: float, unit: float = U) -> float:
    return count * unit / (1 - count * unit)


def exp_relative(x):
    """Relative error of `exp(x)`: 3 + 2 |x| units in the last place."""
    return (3 + 2 * abs(x)) * 2 * U


def storing(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Error of rounding a result to its type once; what is subnormal may become zero."""
    if dtype != torch.float16:
        return torch.zeros_like(value)
    size = value.abs()
    return torch.where(size < 1.01 * 2.0**-14, size, size * U_F16)


def spread(count: int, most: int) -> list[int]:
    """At most so many indices below `count`, from the first to the last, ascending."""
    most = min(count, most)
    if most <= 1:
        return [0][:count]
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def runs(count: int, number: int = 64, length: int = 64) -> torch.Tensor:
    """Indices of runs of neighbours, the first and the last elements among them."""
    starts = spread(max(count - length, 0) + 1, number)
    return torch.tensor(sorted({i for start in starts for i in range(start, min(start + length, count))}))


def cpu(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu").double()


class Verdict:
    """The compared element that came nearest to its allowed error, or passed it."""

    def __init__(self) -> None:
        self.compared, self.wrong, self.worst = 0, 0, None

    def compare(self, got: torch.Tensor, want: torch.Tensor, allowed: torch.Tensor) -> None:
        allowed = allowed + storing(want, got.dtype) + TINY
        got = cpu(got).reshape(-1)
        want, allowed = want.reshape(-1), allowed.reshape(-1)
        error = (got - want).abs()
        excess = torch.where(error.isfinite(), error / allowed, torch.inf)
        self.compared += excess.numel()
        self.wrong += int((excess > 1).sum())
        at = int(excess.argmax())
        if self.worst is None or float(excess[at]) > self.worst[0]:
            self.worst = tuple(float(v[at]) for v in (excess, error, allowed, got, want))

    def verified(self) -> dict:
        excess, error, allowed, got, want = self.worst
        found = {
            "ok": excess <= 1,
            "max_error": error if math.isfinite(error) else None,
            "allowed": allowed,
            "compared": self.compared,
        }
        if excess > 1:
            found["worst"] = (
                f"got {got!r}, want {want!r}, allowed {allowed:e}; {self.wrong} of {self.compared} compared differ"
            )
        return found


def verify(problem: Problem, operands: list[torch.Tensor], result: torch.Tensor, rounds_to_tf32: bool) -> dict:
    """Compares elements of a result with the reference; every element has to be finite."""
    if not bool(torch.isfinite(result).all()):
        return {"ok": False, "max_error": None, "allowed": 0.0, "compared": 0, "worst": "an element is not finite"}
    verdict = Verdict()
    if problem.operation in STREAMS:
        of_stream(problem, operands, result, verdict)
    elif problem.operation in REDUCTIONS:
        of_reduction(problem, operands, result, verdict)
    elif problem.operation == "matmul":
        of_matmul(problem, operands, result, verdict, rounds_to_tf32)
    elif problem.operation == "softmax":
        of_softmax(problem, operands, result, verdict)
    elif problem.operation in NORMS:
        of_norm(problem, operands, result, verdict)
    else:
        of_attention(problem, operands, result, verdict)
    return verdict.verified()


def of_stream(problem, operands, result, verdict):
    places = runs(result.numel()).to(result.device)
    a, *rest = (cpu(operand[places]) for operand in operands)
    b = rest[0] if rest else a
    none = torch.zeros_like(a)
    want, allowed = {
        "copy": lambda: (a, none),
        "scale": lambda: (ALPHA * a, U * (ALPHA * a).abs()),
        "multiply": lambda: (a * b, U * (a * b).abs()),
        "add": lambda: (a + b, U * (a + b).abs()),
        "triad": lambda: (a + ALPHA * b, 2 * U * (a.abs() + (ALPHA * b).abs())),
    }[problem.operation]()
    verdict.compare(result[places], want, allowed)


def of_reduction(problem, operands, result, verdict):
    terms = cpu(operands[0])
    if problem.operation == "dot":
        terms = terms * cpu(operands[1])
    if problem.operation == "max":
        return verdict.compare(result.reshape(1), terms.max().reshape(1), torch.zeros(1, dtype=torch.float64))
    # Partial sums of 65,536 running sums at least, and merges.
    relative = gamma(terms.numel() / 65536 + 130)
    verdict.compare(result.reshape(1), terms.sum().reshape(1), relative * terms.abs().sum().reshape(1))


def of_matmul(problem, operands, result, verdict, rounds_to_tf32):
    """Rows and runs of columns, from the first to the last, of the first, middle and last matrix."""
    s = problem.sizes
    a, b = operands
    relative = gamma(2 * s["k"] + 1) + (2.01 * U_TF32 if rounds_to_tf32 else 0)
    columns = runs(s["n"], number=3).to(result.device)
    most = max(2, min(16, MOST_READ // max(1, s["k"] * 4)))
    rows = torch.tensor(spread(s["m"], most)).to(result.device)
    for matrix in spread(s.get("batch", 1), 3):
        of = [t if t.dim() == 2 else t[matrix] for t in (a, b, result)]
        left, right = cpu(of[0][rows]), cpu(of[1][:, columns])
        allowed = relative * (left.abs() @ right.abs())
        verdict.compare(of[2][rows][:, columns], left @ right, allowed)


def of_softmax(problem, operands, result, verdict):
    cols = problem.sizes["cols"]
    for row in spread(problem.sizes["rows"], max(2, min(16, MOST_READ // cols))):
        x = cpu(operands[0][row])
        below = x - x.max()
        total = below.exp().sum()
        rescales = min(cols, cols / 32 + 64)

        def exp_error(x):
            return exp_relative(x) + abs(x) * U

        of_sum = gamma(cols) + rescales * exp_relative(0) + 2 * exp_error(float(below.min()))
        last = 2 * exp_relative(0) + 5 * U + 2 * U
        want = below.exp() / total
        verdict.compare(result[row], want, want * (exp_error(below) + of_sum + last))


def of_norm(problem, operands, result, verdict):
    cols = problem.sizes["cols"]
    vectors = [cpu(vector) for vector in operands[1:]]
    weight = vectors[0] if vectors else torch.ones(cols, dtype=torch.float64)
    bias = vectors[1] if len(vectors) > 1 else torch.zeros(cols, dtype=torch.float64)
    summing = gamma(cols + 2)
    for row in spread(problem.sizes["rows"], max(2, min(16, MOST_READ // cols))):
        x = cpu(operands[0][row])
        is_layer = problem.operation == "layer_norm"
        mean = x.mean() if is_layer else torch.zeros((), dtype=torch.float64)
        mean_error = summing * x.abs().mean() if is_layer else mean
        variance = ((x - mean) ** 2).mean()
        squares = 2 * mean_error * (x - mean).abs().mean() + mean_error**2 + 4 * U * variance
        error = squares + summing * (variance + squares)
        factor = (variance + EPSILON) ** -0.5
        factor_error = error / (variance + EPSILON) + 6 * U
        normal = (x - mean) * factor
        off = mean_error * factor + normal.abs() * (factor_error + 3 * U)
        want = normal * weight + bias
        allowed = off * weight.abs() * 1.01 + 2 * U * (normal * weight).abs() + U * want.abs()
        verdict.compare(result[row], want, allowed)


def of_attention(problem, operands, result, verdict):
    """Whole rows of O: of heads and queries from the first to the last."""
    s, (q, k, v) = problem.sizes, operands
    group = s["heads"] // problem.kv_heads()
    scale = float(problem.options.get("scale") or s["head_dim"] ** -0.5)
    most = max(2, min(16, MOST_READ // (2 * s["seq_kv"] * s["head_dim"])))
    # A kernel of matrix units rounds weights to f16 before it multiplies V.
    narrow = q.dtype == torch.float16
    for number in spread(s["batch"] * s["heads"] * s["seq_q"], most):
        query = number % s["seq_q"]
        head = number // s["seq_q"] % s["heads"]
        batch = number // (s["seq_q"] * s["heads"])
        keys = query + 1 if problem.has("causal") else s["seq_kv"]
        of_query = cpu(q[batch, head, query])
        of_keys, of_values = (cpu(t[batch, head // group, :keys]) for t in (k, v))
        scores = scale * (of_keys @ of_query)
        errors = gamma(2 * (s["head_dim"] + 2) + 1) * scale * (of_keys.abs() @ of_query.abs())
        deviation = errors.max()
        weights = (scores - scores.max()).exp()
        below = scores.max() - scores + errors + deviation
        relative = torch.expm1(errors + below * U) + exp_relative(below * math.log2(math.e))
        weight_errors = weights * relative + TINY
        if narrow:
            weight_errors = weight_errors + storing(weights, torch.float16)
        rescales = min(keys, keys / 16 + 64)
        summing = gamma(2 * keys + 1) + rescales * (exp_relative(0) + U)
        total = weights.sum()
        of_sum = weight_errors.sum() / total + summing
        want = (weights @ of_values) / total
        above = (weight_errors @ of_values.abs() * (1 + summing) + weights @ of_values.abs() * summing) / total
        division = 5 * U + 2 * U
        share = of_sum + division
        allowed = (above * (1 + division) + want.abs() * share) / (1 - share)
        verdict.compare(result[batch, head, query], want, allowed)
