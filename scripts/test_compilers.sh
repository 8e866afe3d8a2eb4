#!/bin/sh
# Has compilers of GPUs that are not here compile what the library gives them: Mesa's every kernel that is chosen on their
# devices, Microsoft's every text in HLSL, clang every text in MSL, Rust's the library and the binary for Windows and macOS.
# The argument `all` takes every device that there is. What cannot be had is skipped; under REQUIRE_GPU=1 that fails.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

here=$(dirname "$0")
missing=false
list=$(mktemp)
trap 'rm -f "$list"' EXIT
if "$here/compilers.sh" "$@" >"$list"; then
    RIDGEPOINT_COMPILERS=$list cargo test --release --test cli compilers -- --nocapture
else
    say "skipped: no compilers of other GPUs"
    missing=true
fi
if folder=$("$here/dxc.sh"); then
    RIDGEPOINT_DXC=$folder cargo test --release --test shaders dxc -- --nocapture
else
    say "skipped: no compiler of DirectX"
    missing=true
fi
if clang=$("$here/clang.sh"); then
    RIDGEPOINT_CLANG=$clang cargo test --release --test shaders metal:: -- --nocapture
else
    say "skipped: no clang for Metal's texts"
    missing=true
fi
"$here/check_targets.sh" windows macos
! "$missing" || [ "${REQUIRE_GPU:-}" != 1 ]
