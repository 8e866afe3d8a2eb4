#!/bin/sh
# Tests of reports that need more than cargo: the recipes of docs/reports.md with DuckDB, pandas and jq, time and memory of
# large reports, and the pages in Chromium. What is missing is installed: jq and Chromium by apt-get, the rest into the cache.
#
# Arguments are the parts to test, of `speed`, `recipes` and `pages`; without one all are. SCREENSHOTS=FOLDER keeps a picture
# of each page. Where a tool cannot be had, its part is skipped, in words; with CI=true that is a failure.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# The number changes with the versions below.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/reports-1
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
program=$target/release/ridgepoint
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# From the root, since the parts go elsewhere.
screenshots=
if [ -n "${SCREENSHOTS:-}" ]; then
    mkdir -p "$SCREENSHOTS"
    screenshots=$(cd "$SCREENSHOTS" && pwd)
fi

skipped=
# skip PART REASON
skip() {
    say "SKIPPED: $1: $2"
    skipped="$skipped $1"
}

# Prints the folder of Python's packages and of DuckDB's command, which is made first if it is not there.
python_tools() {
    if [ ! -f "$cache/python/complete" ]; then
        rm -rf "$cache/python"
        mkdir -p "$cache"
        { python3 -m venv "$cache/python" ||
            { as_root "$(apt_install python3-venv)" && python3 -m venv "$cache/python"; }; } >&2 &&
            "$cache/python/bin/pip" install -q --disable-pip-version-check duckdb-cli==1.5.6 pandas==2.3.3 >&2 &&
            touch "$cache/python/complete" || return 1
    fi
    printf '%s\n' "$cache/python/bin"
}

build_as_tests "$root"

# Files of every kind: measured ones, and those that were made up for tests, with rows that are wrong or missing.
mkdir "$work/results"
cp "$root"/results/*.json "$work/results/"
for name in run other roofline; do
    cp "$root/tests/snapshots/reports/$name.json" "$work/results/made-up-$name.json"
done

test_speed() {
    python3 "$here/check_report_speed.py" "$program" "$work" "$root/results/nvidia-h200-vulkan.json"
}

test_recipes() {
    if ! tools=$(python_tools); then
        skip recipes "DuckDB and pandas cannot be had"
    elif ! have jq jq; then
        skip recipes "jq cannot be had"
    else
        cd "$work"
        "$program" report results/*.json -o all.csv
        "$program" report results/*.json -o all.jsonl
        PATH=$tools:$PATH python3 "$here/check_recipes.py" "$root" results/*.json
    fi
}

test_pages() {
    if ! have chromium chromium; then
        skip pages "Chromium cannot be had (Ubuntu has it as a snap only, which does not serve)"
    elif ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        skip pages "node and npm are not here"
    elif ! script=$(axe); then
        skip pages "axe-core cannot be had"
    else
        cd "$work"
        "$program" report results/nvidia-h200-vulkan.json -o run.html
        "$program" report results/made-up-roofline.json -o roofline.html
        "$program" compare results/made-up-run.json results/made-up-other.json results/nvidia-h200-vulkan.json -o compare.html
        "$program" report results/*.json --format html -o gallery
        node "$here/check_pages.mjs" "$(command -v chromium)" "$script" "$work" "$screenshots"
    fi
}

for part in ${*:-speed recipes pages}; do
    case $part in
        speed | recipes | pages) ;;
        *)
            say "there is no part $part; there are speed, recipes and pages"
            exit 2
            ;;
    esac
    say "$part"
    "test_$part"
done

if [ -n "$skipped" ]; then
    say "not tested:$skipped"
    [ "${CI:-}" != true ] || exit 1
fi
