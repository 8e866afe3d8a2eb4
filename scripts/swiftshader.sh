#!/bin/sh
# Prints the path of the Vulkan driver manifest of SwiftShader, a second software driver: subgroups of 4 where Mesa's
# llvmpipe has 8. VK_DRIVER_FILES set to that path selects it. Debian ships it inside the browser Chromium, which is
# installed if missing. Exits 3, with nothing on stdout, where it cannot be had.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

PATH=$PATH:/usr/sbin:/sbin

find_manifest() {
    # Which of the two packages holds the file depends on the version.
    dpkg -L chromium chromium-common 2>/dev/null | grep -i 'swiftshader[^/]*\.json$' | while read -r manifest; do
        if manifest_is_usable "$manifest"; then
            printf '%s\n' "$manifest"
            break
        fi
    done
}

if ! command -v dpkg >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    say "SwiftShader is taken from Debian's package chromium, and this machine has no apt-get"
    exit 3
fi

manifest=$(find_manifest)
if [ -z "$manifest" ]; then
    say "missing: SwiftShader, a software Vulkan driver, to be had with Debian's package chromium"
    as_root "$(apt_install chromium)" || {
        say "could not install chromium (Ubuntu has it as a snap only, which does not serve)"
        exit 3
    }
    manifest=$(find_manifest)
fi
if [ -z "$manifest" ]; then
    say "the package chromium is installed, but holds no usable SwiftShader manifest (dpkg -L chromium chromium-common)"
    exit 3
fi
printf '%s\n' "$manifest"
