#!/bin/sh
# Tests the page of web/ in Chromium, with its software driver: scripts/check_web.mjs. SCREENSHOTS=FOLDER keeps pictures, PARTS
# names parts to test. Where a tool cannot be had, nothing is tested, in words; with CI=true that is a failure.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# skip REASON
skip() {
    say "SKIPPED: $1"
    [ "${CI:-}" != true ] || exit 1
    exit 0
}

"$here/web.sh" || skip "the page cannot be built"
have chromium chromium || skip "Chromium cannot be had (Ubuntu has it as a snap only, which does not serve)"
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    skip "node and npm are not here"
fi
script=$(axe) || skip "axe-core cannot be had"

# The same driver without the browser, so that the page's file has something to be compared with.
if manifest=$("$here/swiftshader.sh"); then
    build_as_tests "$root"
    VK_DRIVER_FILES=$manifest VK_ICD_FILENAMES=$manifest WGPU_BACKEND=vulkan \
        "$target/release/ridgepoint" run --suite quick --checks on --quiet --json "$work/native.json" >/dev/null
fi
(cd "$root" && RIDGEPOINT_BROWSER_TEXTS=$work/texts.json cargo test --release --quiet --test shaders -- browser)
mkdir -p "${SCREENSHOTS:-$work}"
screenshots=$(cd "${SCREENSHOTS:-$work}" && pwd)
node "$here/check_web.mjs" "$(command -v chromium)" "$script" "$root/web/dist" "$work" "$screenshots"
# What the page gave away is a file like any other.
for file in "$work"/*-browser-*.json; do
    "$target/release/ridgepoint" report "$file" >/dev/null
    if [ -e "$work/native.json" ]; then
        "$target/release/ridgepoint" compare "$work/native.json" "$file"
    fi
done
