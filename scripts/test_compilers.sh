#!/bin/sh
# Has compilers of GPUs that are not here compile every kernel that the library chooses. The argument `all` takes every
# device that there is. Without the compilers it is skipped; under REQUIRE_GPU=1 that fails.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

list=$(mktemp)
trap 'rm -f "$list"' EXIT
if ! "$(dirname "$0")/compilers.sh" "$@" >"$list"; then
    say "skipped: no compilers of other GPUs"
    [ "${REQUIRE_GPU:-}" != 1 ]
    exit
fi
RIDGEPOINT_COMPILERS=$list cargo test --release --test cli compilers -- --nocapture
