#!/usr/bin/env python3
"""Measures with PyTorch what ridgepoint measured, and writes a file that `ridgepoint compare` reads beside ridgepoint's.

    ridgepoint run --json ours.json
    python3 scripts/peers/torch_reference.py --rows ours.json --out torch.json
    ridgepoint compare ours.json torch.json

What PyTorch calls is on NVIDIA's GPUs cuBLAS, cuDNN and FlashAttention, on AMD's the libraries of ROCm, on Apple's those of
Metal. Each result is held against f64 on the CPU before it is timed. Without --rows, the problems of the standard suite are
measured. docs/reports.md says more.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys

import results
import shapes

BACKENDS = ("flash", "cudnn", "efficient", "math")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="FILE", help="measure the problems of this file of `ridgepoint run`")
    parser.add_argument("--out", metavar="FILE", help="file to write; stdout otherwise")
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"), help="cuda is ROCm too; the first that is there otherwise")
    parser.add_argument("--tf32", action="store_true", help="products of f32 on TF32 matrix units too, as rows of their own")
    parser.add_argument("--backend", metavar="LIST", help=f"backends of attention, of {','.join(BACKENDS)}; all that are available otherwise")
    parser.add_argument("--seconds", type=float, default=0.5, help="least time of the samples of a row (0.5)")
    parser.add_argument("--only", metavar="LIST", help="operations to measure, such as matmul,attention")
    parser.add_argument("--seed", type=int, default=1, help="seed of the data (1)")
    parser.add_argument("--note", help="remark about the machine")
    parser.add_argument("--self-test", action="store_true", help="check the parser of shapes, by the rows of --rows too, and with PyTorch the verification")
    given = parser.parse_args()
    given.backends = given.backend.split(",") if given.backend else list(BACKENDS)
    unknown = set(given.backends) - set(BACKENDS)
    if unknown:
        parser.error(f"--backend: unknown {', '.join(sorted(unknown))}; there are {', '.join(BACKENDS)}")
    if not given.seconds > 0:
        parser.error("--seconds has to be above zero")
    return given


def main() -> int:
    given = arguments()
    if given.self_test:
        print(f"shapes: {shapes.self_test(given.rows)} checks passed")
        try:
            import checks
        except ImportError:
            print("verification: not checked, since PyTorch is not here")
            return 0
        print(f"verification: {checks.check(given.device or 'cpu')} results judged")
        return 0
    try:
        import torch  # noqa: F401
    except ImportError as error:
        print(f"torch_reference.py needs PyTorch: {error}", file=sys.stderr)
        return 3
    from session import Session

    if given.rows:
        rows, suite = shapes.rows_of_file(given.rows)
    else:
        rows, suite = None, "standard"
    session = Session(given, suite)
    if rows is None:
        chosen = shapes.CPU_ROWS if session.device == "cpu" else shapes.GPU_ROWS
        rows = [{"operation": operation, "dtype": dtype, "label": label} for operation, dtype, label in chosen]
    if given.only:
        rows = [row for row in rows if row["operation"] in given.only.split(",")]

    def save() -> None:
        if given.out:
            results.write(given.out, session.report)

    try:
        session.measure_copy()
        for number, row in enumerate(rows):
            session.report["warnings"] = [session.incomplete(number, len(rows))]
            session.measure(row)
            gc.collect()
            save()
        session.report["warnings"] = []
        save()
    except KeyboardInterrupt:
        save()
        print("interrupted; the rows so far are in the file", file=sys.stderr)
        return 130
    if not given.out:
        json.dump(results.finite(session.report), sys.stdout, indent=1, allow_nan=False)
        print()
    failed = [row["id"] for row in session.report["rows"] if row["status"] in ("failed", "timed_out")]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
