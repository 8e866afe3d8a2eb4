"""Results as a file of `ridgepoint.run/1`. Needs no PyTorch."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from datetime import datetime, timezone

from shapes import Problem


def quantile(ordered: list[float], part: float) -> float:
    """Linear between order statistics, definition 7 of Hyndman and Fan."""
    position = part * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    value = ordered[below] + (ordered[above] - ordered[below]) * (position - below)
    return min(value, ordered[above])


def summary(samples: list[float]) -> dict:
    ordered = sorted(samples)
    parts = {name: quantile(ordered, part) for name, part in (("q1", 0.25), ("median", 0.5), ("q3", 0.75))}
    return {"n": len(samples), "min": ordered[0], **parts, "max": ordered[-1], "samples": samples}


def relative_iqr(times: dict) -> float:
    return (times["q3"] - times["q1"]) / times["median"]


def warning(identifier: str, message: str) -> dict:
    return {"id": identifier, "message": message}


def quality(times: dict, sampling: dict) -> tuple[str, list[dict]]:
    """Status of a measurement by the spread of its times, with warnings."""
    warnings = []
    spread = relative_iqr(times)
    if times["n"] < 5 or spread > 0.05:
        text = f"the middle half of the times is spread over {100 * spread:.1f} % of their median"
        warnings.append(warning("noisy", f"{text}; close other programs, plug in the power supply, and run again"))
    if sampling["min_time_s"] < 0.5:
        text = f"short sampling: {sampling['min_time_s']} s of samples at least"
        warnings.append(warning("short_sampling", f"{text}; use --seconds 0.5 for numbers to publish"))
    return ("noisy" if warnings and warnings[0]["id"] == "noisy" else "ok"), warnings


def bare_row(operation: str, dtype: str, label: str, given: dict | None) -> dict:
    """A row of which nothing was measured. Sizes and costs are those of the row that was given."""
    given = given or {}
    return {
        "id": f"{operation}/{dtype}/{label}",
        "operation": operation,
        "kernel": "",
        "choice": "",
        "constants": {},
        "dtype": dtype,
        "label": label,
        "shape": given.get("shape", {}),
        "flops": given.get("flops", 0),
        "min_bytes": given.get("min_bytes", 0),
        "bound_bytes": None,
        "status": "unsupported",
        "reason": None,
        "verified": None,
        "checks": "off",
        "clock": None,
        "time_s": None,
        "wall_s": None,
        "repeats": None,
        "discarded": 0,
        "flop_rate": None,
        "bandwidth": None,
        "intensity": None,
        "bound": None,
        "percent_of_roof": None,
        "warnings": [],
    }


def row_of(problem: Problem, kernel: str, choice: str, given: dict | None) -> dict:
    row = bare_row(problem.operation, problem.dtype, problem.label, given)
    row.update(id=f"{problem.id}/{kernel}", kernel=kernel, choice=choice)
    if not given:
        row.update(shape=problem.sizes, flops=problem.flops(), min_bytes=problem.min_bytes())
    return row


def with_rates(row: dict) -> dict:
    seconds, flops, moved = row["time_s"]["median"], row["flops"], row["min_bytes"]
    row["flop_rate"] = flops / seconds if flops else None
    row["bandwidth"] = moved / seconds if moved else None
    row["intensity"] = flops / moved if flops and moved else None
    return row


def utc_now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def output_of(*command: str) -> str | None:
    """What a program prints; nothing where it is not there or fails."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def processor() -> str:
    if platform.system() == "Darwin":
        return output_of("sysctl", "-n", "machdep.cpu.brand_string") or "unknown"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return (names or [platform.processor() or "unknown"])[0]


def host() -> dict:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = None
    system = f"{platform.system()} {platform.release()}"
    try:
        found = platform.freedesktop_os_release()
        system = f"{platform.system()} ({found.get('NAME', '')} {found.get('VERSION_ID', '')})"
    except (AttributeError, OSError):
        pass
    return {"os": system, "cpu": processor(), "memory_bytes": memory, "utc": utc_now()}


def finite(value):
    """The value with null in place of numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return value


def write(path: str, report: dict) -> None:
    """Writes the file in one step: a reader finds the old one or the new one."""
    unfinished = f"{path}.unfinished"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(finite(report), file, indent=1, allow_nan=False)
        file.write("\n")
    os.replace(unfinished, path)
