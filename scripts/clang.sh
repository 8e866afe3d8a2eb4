#!/bin/sh
# Prints a clang that can read MSL with the header tests/shaders/metal/metal_stdlib in place of Metal's library. Installs the
# distribution's package first where there is none and root can be had. Exits 3, with nothing on stdout, where it cannot be had.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

header=$(cd "$(dirname "$0")/.." && pwd)/tests/shaders/metal

# Can $1 read the header? Version 14 and later can.
reads_header() {
    command -v "$1" >/dev/null 2>&1 && echo '#include <metal_stdlib>' | "$1" -fsyntax-only -x clcpp \
        -cl-std=clc++ --target=spir64 -cl-no-stdinc -nostdinc -Xclang -cl-ext=+cl_khr_fp16 -w -I "$header" - 2>/dev/null
}

# Prints the first that can.
look() {
    for clang in clang clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
        if reads_header "$clang"; then
            command -v "$clang"
            return
        fi
    done
    false
}

look && exit 0
if command -v apt-get >/dev/null 2>&1 && as_root "$(apt_install clang)" && look; then
    exit 0
fi
say "missing: clang 14 or later"
exit 3
