#!/bin/sh
# Checks the library with its measuring half for the browser's target; skipped with words where the target or the crates
# that it needs cannot be had.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

target=wasm32-unknown-unknown
if ! command -v rustup >/dev/null 2>&1 || ! rustup target add "$target" >/dev/null 2>&1 ||
    ! cargo fetch --locked --target "$target" >/dev/null 2>&1; then
    say "skipped: no $target to check for"
    exit
fi
exec cargo check --release --lib --target "$target" --no-default-features --features bench
