#!/bin/sh
# Runs fuzz targets of fuzz/ with cargo-fuzz, one after the other, and says of each how often it ran and what it covers.
#
# Arguments are names of targets, and a number of seconds for each, 60 unless said: `fuzz.sh shape_text 600`. Without a name all
# run; `without-gpu` stands for those that need no adapter. What a target learns is kept in fuzz/corpus; seeds are in git.
# cargo-fuzz is installed into the cache. Where it cannot be had, or the toolchain builds no targets, nothing is run and the
# script says so.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

cd "$(dirname "$0")/.."

version=0.13.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/cargo-fuzz-$version
without_gpu='read_files shader_text shape_text weights'

seconds=60
targets=
for word in "$@"; do
    case $word in
        without-gpu) targets="$targets $without_gpu" ;;
        operations | read_files | shader_text | shape_text | weights) targets="$targets $word" ;;
        *[!0-9]* | '')
            say "there is no target $word; there are operations $without_gpu"
            exit 2
            ;;
        *) seconds=$word ;;
    esac
done
targets=${targets:-operations $without_gpu}

if [ ! -x "$tools/bin/cargo-fuzz" ] &&
    ! cargo install --quiet --locked --root "$tools" --version "$version" cargo-fuzz >&2; then
    say "SKIPPED: cargo-fuzz $version cannot be had"
    exit 0
fi
PATH=$tools/bin:$PATH
# Coverage alone, which a stable toolchain has: sanitizers need a nightly one.
set -- --sanitizer none --codegen-units 16

for target in $targets; do
    if ! cargo fuzz build "$@" "$target"; then
        say "SKIPPED: this toolchain does not build the target $target ($(rustc --version))"
        exit 0
    fi
done
for target in $targets; do
    seeds=fuzz/seeds/$target
    [ "$target" != read_files ] || seeds="$seeds tests/snapshots/reports"
    # A processor compiles a kernel within its first dispatch, which on a busy machine takes more than a minute.
    longest=60
    [ "$target" != operations ] || longest=600
    mkdir -p "fuzz/corpus/$target"
    log=$(mktemp)
    status=0
    # shellcheck disable=SC2086
    cargo fuzz run "$@" "$target" "fuzz/corpus/$target" $seeds -- \
        "-max_total_time=$seconds" "-timeout=$longest" -rss_limit_mb=4096 -print_final_stats=1 >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        # A backtrace behind the message of a panic may be longer than any number of lines.
        if grep -q 'panicked at' "$log"; then
            sed -n '/panicked at/,$p' "$log" >&2
        else
            tail -n 60 "$log" >&2
        fi
        rm -f "$log"
        say "$target: found something; the input is in fuzz/artifacts/$target"
        exit 1
    fi
    # The last line of progress: edges and pairs of an edge with how often it ran.
    covered=$(sed -n 's/.*DONE *cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 edges, \2 features/p' "$log" | tail -n 1)
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rm -f "$log"
    say "$target: nothing found in $seconds s, ${runs:-0} executions, ${covered:-no coverage}"
done
