#!/bin/sh
# Runs the tests of matrix units on Mesa 26's llvmpipe. Without it they are skipped; under REQUIRE_GPU=1 that fails.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

if ! folder=$("$(dirname "$0")/mesa.sh"); then
    say "skipped: no driver with cooperative matrices"
    [ "${REQUIRE_GPU:-}" != 1 ]
    exit
fi
test=$(cargo test --release --no-run --test gpu --message-format=short 2>&1 |
    sed -n 's/.*(\(.*gpu-[0-9a-f]*\)).*/\1/p')
[ -x "$test" ] || {
    cargo test --release --no-run --test gpu
    exit 1
}
VK_DRIVER_FILES=$folder/ridgepoint_icd.json VK_ICD_FILENAMES=$folder/ridgepoint_icd.json WGPU_BACKEND=vulkan \
    REQUIRE_GPU=1 REQUIRE_COOPERATIVE=1 "$folder/usr/lib64/ld-linux-x86-64.so.2" \
    --library-path "$folder/usr/lib/x86_64-linux-gnu" "$test" cooperative:: --skip correctness::
