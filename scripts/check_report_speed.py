"""Time and memory of large reports: 10,000 rows in every format, a comparison of them, and a gallery of 1,000 files.

Usage: check_report_speed.py PROGRAM FOLDER RESULTS, where RESULTS is a file of a run from which the large ones are made.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

MEMORY_KIB = 500 * 1024
# Seconds on a quiet machine, and how many times as slow a machine may be that tests beside other programs.
REPORT_S, GALLERY_S = 2.0, 5.0
ALLOWANCE = 2.0
# The formats whose time is bounded; a picture of 10,000 rows is nobody's wish.
FORMATS = ["terminal", "markdown", "csv", "jsonl", "html"]


def large(model, rows):
    """The run with `rows` rows, each of a shape of its own."""
    many = [dict(model["rows"][i % len(model["rows"])], label=str(i)) for i in range(rows)]
    return dict(model, rows=many)


def adapters(model, folder, count):
    """Files of `count` adapters with names, vendors and times of their own."""
    folder.mkdir()
    vendors = [0x10DE, 0x1002, 0x8086, 0x106B, 0]
    for i in range(count):
        adapter = dict(model["adapter"], name=f"GPU {i}", vendor_id=vendors[i % len(vendors)])
        host = dict(model["host"], utc=f"2026-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z")
        text = json.dumps(dict(model, adapter=adapter, host=host), indent=2)
        (folder / f"{i}.json").write_text(text, encoding="utf-8")
    return sorted(str(path) for path in folder.iterdir())


def measure(command, seconds, folder):
    """Runs `command` and holds it against its bounds, three times at most. The time is that of the clock or of the processors,
    whichever is less: other programs make the former longer, threads the latter."""
    least, peak = None, None
    for _ in range(3):
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        took = min(time.monotonic() - began, usage.ru_utime + usage.ru_stime)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)[:200]}: exit status {child.returncode}")
        # Bytes in place of KiB on macOS.
        peak = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
        least = took if least is None else min(least, took)
        if least < seconds:
            break
    what = " ".join(command[1:])
    what = what if len(what) < 60 else f"{what[:28]} ... {what[-28:]}"
    print(f"  {least:5.2f} s, {peak / 1024:4.0f} MiB: {what}", flush=True)
    if least >= seconds:
        sys.exit(f"{what}: {least:.2f} s, {seconds} s are the most")
    if peak >= MEMORY_KIB:
        sys.exit(f"{what}: {peak // 1024} MiB, {MEMORY_KIB // 1024} MiB are the most")


def main():
    program, folder, results = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    model = json.loads(Path(results).read_text(encoding="utf-8"))
    (folder / "large.json").write_text(json.dumps(large(model, 10_000)), encoding="utf-8")
    for name in FORMATS:
        measure([program, "report", "large.json", "--format", name, "-o", "large.out"], ALLOWANCE * REPORT_S, folder)
    for name in ["terminal", "html"]:
        command = [program, "compare", "large.json", "large.json", "--format", name, "-o", "large.out"]
        measure(command, ALLOWANCE * REPORT_S, folder)
    many = adapters(model, folder / "many", 1000)
    measure([program, "report", *many, "--format", "html", "-o", "gallery-of-many"], ALLOWANCE * GALLERY_S, folder)
    pages = [path for path in (folder / "gallery-of-many").iterdir() if path.suffix == ".html"]
    if len(pages) != 1001:
        sys.exit(f"{len(pages)} pages in place of 1001")


main()
