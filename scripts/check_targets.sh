#!/bin/sh
# Checks the Rust side for systems that are not here: the page's program and with it the library for the browser, library and
# binary for Windows and macOS. A target is checked where something changed since it last passed, and skipped with words
# where it, or the crates that it needs, cannot be had. Arguments: the targets, `wasm`, `windows`, `macos`.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

cd "$(dirname "$0")/.."

# Everything that the compiler reads, in one number.
sources() {
    find src shaders web/src web/Cargo.toml Cargo.toml Cargo.lock build.rs -type f | LC_ALL=C sort | xargs cksum | cksum | tr ' ' -
}

# check NAME TARGET ARGUMENTS...
check() {
    command=check
    hold "$@"
}

# lint NAME TARGET ARGUMENTS...: where nothing else lints it.
lint() {
    command=clippy
    hold "$@" -- -D warnings
}

hold() {
    name=$1 target=$2
    shift 2
    if ! command -v rustup >/dev/null 2>&1 || ! rustup target add "$target" >/dev/null 2>&1 ||
        ! cargo fetch --locked --target "$target" >/dev/null 2>&1; then
        say "skipped: no $target to check for"
        return
    fi
    stamp=${CARGO_TARGET_DIR:-target}/$target/passed-$(sources)
    if [ -e "$stamp" ]; then
        say "$name: passed before, and nothing changed"
        return
    fi
    cargo "$command" --release --target "$target" "$@"
    rm -f "${CARGO_TARGET_DIR:-target}/$target"/passed-*
    touch "$stamp"
}

for name in "$@"; do
    case $name in
        wasm) lint wasm wasm32-unknown-unknown -p ridgepoint-web ;;
        windows)
            # Crates of Windows make import libraries with dlltool.
            if ! command -v x86_64-w64-mingw32-dlltool >/dev/null 2>&1; then
                command -v apt-get >/dev/null 2>&1 && as_root "$(apt_install binutils-mingw-w64-x86-64)" || {
                    say "skipped: no dlltool for Windows"
                    continue
                }
            fi
            check windows x86_64-pc-windows-gnu --no-default-features --features cli,sensors
            ;;
        macos) check macos aarch64-apple-darwin --no-default-features --features cli,sensors ;;
        *)
            say "no such target: $name"
            exit 2
            ;;
    esac
done
