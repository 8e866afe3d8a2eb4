#!/bin/sh
# What a release is held against beyond the tests: the public API against the last tag by cargo-semver-checks, and licences, doubled
# crates and sources of dependencies by cargo-deny (deny.toml). Both are installed into the cache. What cannot be had is said and
# left out. No part of CI: the tools take many minutes to build.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

cd "$(dirname "$0")/.."

# Prints the folder of the tool $1 of version $2, which is installed first if it is not there.
tool() {
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/$1-$2
    if [ ! -x "$folder/bin/$1" ]; then
        say "building $1 $2, once" >&2
        cargo install --quiet --locked --root "$folder" --version "$2" "$1" >&2 || return 1
    fi
    printf '%s\n' "$folder/bin"
}

failed=
if ! tag=$(git describe --tags --abbrev=0 2>/dev/null); then
    say "SKIPPED: semver-checks: there is no tag yet to compare with; tests/snapshots/api.txt holds the public API"
elif ! bin=$(tool cargo-semver-checks 0.51.0); then
    say "SKIPPED: semver-checks: cargo-semver-checks cannot be had"
elif ! PATH=$bin:$PATH cargo semver-checks --baseline-rev "$tag"; then
    failed="$failed semver-checks"
fi

if ! bin=$(tool cargo-deny 0.20.2); then
    say "SKIPPED: licences, bans and sources: cargo-deny cannot be had"
elif ! PATH=$bin:$PATH cargo deny --all-features check licenses bans sources; then
    failed="$failed deny"
fi

if [ -n "$failed" ]; then
    say "failed:$failed"
    exit 1
fi
