"""Runs the recipes of docs/reports.md in the current folder, which has all.csv and all.jsonl, and holds what they print
against values computed here from the files of results themselves.

Usage: check_recipes.py REPOSITORY RESULTS.json...
"""

import csv
import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path


def recipes(text):
    """Scripts by the name in their first line, `# recipe: NAME`."""
    return dict(re.findall(r"```sh\n# recipe: (\S+)\n(.*?)```", text, re.DOTALL))


def printed(name, script):
    ended = subprocess.run(["sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{name}: exit status {ended.returncode}: {ended.stderr}")
    return ended.stdout


def require(name, is_so, *what):
    if not is_so:
        sys.exit(f"{name}: " + " ".join(str(part) for part in what))


def is_near(a, b, tolerance=1e-9):
    return math.isclose(float(a), float(b), rel_tol=tolerance)


def is_right(row):
    return bool(row["verified"] and row["verified"]["ok"])


def spread(row):
    time = row["time_s"]
    return (time["q3"] - time["q1"]) / time["median"] if time and time["n"] > 1 else None


def read(name, renames):
    """The results of a file, with the names that kernels have now."""
    file = json.loads(Path(name).read_text(encoding="utf-8"))
    for row in file.get("rows", []):
        old = row["kernel"]
        row["kernel"] = renames.get(old, old)
        row["id"] = "/".join(row["kernel"] if part == old else part for part in row["id"].split("/"))
    return file


def check_duckdb(files, text):
    best = {}
    for file in files:
        adapter = file["adapter"]
        for row in filter(is_right, file.get("rows", [])):
            shape = (adapter["name"], adapter["driver_info"], row["operation"], row["dtype"], row["label"])
            best.setdefault(shape, []).append(row)
    lines = list(csv.DictReader(io.StringIO(text)))
    require("duckdb", len(lines) == len(best), len(lines), "lines in place of", len(best))
    for line in lines:
        names = ["adapter", "driver_info", "operation", "dtype", "label"]
        rows = best[tuple(line[name] for name in names)]
        fastest = min(rows, key=lambda row: row["time_s"]["median"])
        require("duckdb", line["kernel"] == fastest["kernel"], line)
        require("duckdb", is_near(line["median_s"], fastest["time_s"]["median"]), line)
        shares = [row["percent_of_roof"] for row in rows if row["percent_of_roof"] is not None]
        if shares:
            require("duckdb", is_near(line["percent_of_roof"], max(shares)), line)
    return len(lines)


def check_pandas(files, text):
    most = {}
    for file in files:
        for row in filter(is_right, file.get("rows", [])):
            if row["percent_of_roof"] is not None:
                cell = (row["operation"], row["dtype"], row["label"], row["kernel"], file["adapter"]["name"])
                most[cell] = max(most.get(cell, 0.0), row["percent_of_roof"])
    adapters = sorted({cell[-1] for cell in most})
    # Two lines of heads; names that repeat those above are left out, numbers stand at the end of a line.
    head, names, *lines = text.splitlines()
    require("pandas", names.split() == ["operation", "dtype", "label", "kernel"], names)
    places = [head.index(adapter) for adapter in adapters]
    require("pandas", places == sorted(places), head)
    found = {}
    for line in lines:
        words = line.split()
        kernel, numbers = words[-len(adapters) - 1], words[-len(adapters):]
        for adapter, number in zip(adapters, numbers):
            if number != "NaN":
                found.setdefault((kernel, adapter), []).append(float(number))
    require("pandas", len(lines) == len({cell[:-1] for cell in most}), len(lines), "lines")
    wanted = {}
    for (*_, kernel, adapter), share in most.items():
        wanted.setdefault((kernel, adapter), []).append(share)
    require("pandas", found.keys() == wanted.keys(), found.keys() ^ wanted.keys())
    for cell, shares in wanted.items():
        pairs = zip(sorted(shares), sorted(found[cell]))
        require("pandas", len(shares) == len(found[cell]), cell)
        require("pandas", all(abs(a - b) < 1e-5 for a, b in pairs), cell, shares, found[cell])
    return len(lines)


def check_jq(files, text):
    wanted = []
    for file in files:
        for row in file.get("rows", []):
            wrong = bool(row["verified"]) and not row["verified"]["ok"]
            if row["status"] != "ok" or wrong or row["warnings"]:
                wanted.append((file["adapter"]["name"], row["id"], row["status"], spread(row), len(row["warnings"])))
    lines = [line.split("\t") for line in text.splitlines()]
    require("jq", len(lines) == len(wanted), len(lines), "lines in place of", len(wanted))
    for line, (*names, width, warnings) in zip(lines, wanted):
        require("jq", line[:3] == names, line, names)
        require("jq", (line[3] == "") == (width is None), line)
        require("jq", width is None or abs(float(line[3]) - width) < 1e-9, line, width)
        require("jq", len([word for word in line[4].split(";") if word]) == warnings, line, warnings)
    return len(lines)


def check_python3(files, text):
    wanted = []
    for file in files:
        for ceiling in file["ceilings"]:
            if ceiling["value"] is not None:
                wanted.append((file["adapter"]["name"], ceiling["id"], ceiling["value"], ceiling["unit"]))
    lines = [line.split("\t") for line in text.splitlines()]
    require("python3", len(lines) == len(wanted), len(lines), "lines in place of", len(wanted))
    for (adapter, name, value), wish in zip(lines, wanted):
        number, unit = value.split(" ")
        require("python3", (adapter, name, unit) == (wish[0], wish[1], wish[3]), adapter, name, value)
        require("python3", is_near(number, wish[2], 1e-3), value, wish)
    return len(lines)


CHECKS = {"duckdb": check_duckdb, "pandas": check_pandas, "jq": check_jq, "python3": check_python3}


def main():
    repository = Path(sys.argv[1])
    found = recipes((repository / "docs/reports.md").read_text(encoding="utf-8"))
    require("recipes", found.keys() == CHECKS.keys(), "recipes are", *found.keys())
    table = (repository / "tests/snapshots/renames.txt").read_text(encoding="utf-8")
    renames = dict(re.findall(r"^kernel (\S+) (\S+)$", table, re.MULTILINE))
    files = [read(name, renames) for name in sys.argv[2:]]
    for name, check in CHECKS.items():
        lines = check(files, printed(name, found[name]))
        require(name, lines > 0, "it printed nothing")
        print(f"  {name}: {lines} lines as computed from the files", flush=True)


main()
