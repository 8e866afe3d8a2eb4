#!/bin/sh
# Builds the page of web/ into web/dist, and an example of a page of somebody else's into web/dist/example.
#
# The WebAssembly target comes from rustup; where rustup has none, Debian's Rust for the web builds the standard library too.
# wasm-opt shrinks the program where it is installed. Exits 3 where nothing here can build for a browser.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
built=${CARGO_TARGET_DIR:-target}
dist=web/dist
# The most that the page's program may have, compressed as servers send it.
most_bytes=$((2 * 1024 * 1024))

# build ARGUMENTS...: cargo for the browser, by whichever toolchain there is.
build() {
    cargo build --locked --release --target "$target" "$@"
}

# The path of a file of Debian's package $1 whose path matches $2.
packaged() {
    dpkg -L "$1" 2>/dev/null | grep -E "$2" | head -n 1
}

if command -v rustup >/dev/null 2>&1 && rustup target add "$target" >&2; then
    :
elif command -v apt-get >/dev/null 2>&1 && as_root "$(apt_install 'rustc-web cargo-web rust-web-src lld')"; then
    cargo=$(packaged cargo-web '/bin/cargo[^/]*$')
    linker=$(packaged lld '/bin/wasm-ld[^/]*$')
    RUSTC=$(packaged rustc-web '/bin/rustc[^/]*$')
    export RUSTC RUSTC_BOOTSTRAP=1
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker"
    # What the host's toolchain compiled is of no use to this one.
    built=$built/debian
    build() {
        "$cargo" build --locked --target-dir "$built" --release --target "$target" -Zbuild-std=std,panic_abort "$@"
    }
else
    say "no Rust here builds for $target: install rustup's target, or Debian's rustc-web, cargo-web, rust-web-src and lld"
    exit 3
fi

build -p ridgepoint-web -p matmul_in_a_page
# For this machine, by its own toolchain and beside its own crates.
(unset RUSTC RUSTC_BOOTSTRAP && cargo build --locked --profile tool --quiet -p ridgepoint-web-bindgen)
bindgen=${CARGO_TARGET_DIR:-target}/tool/ridgepoint-web-bindgen

rm -rf "$dist"
mkdir -p "$dist/example"
"$bindgen" "$built/$target/release/ridgepoint_web.wasm" "$dist"
"$bindgen" "$built/$target/release/matmul_in_a_page.wasm" "$dist/example"
if command -v wasm-opt >/dev/null 2>&1; then
    for program in "$dist"/*.wasm "$dist"/example/*.wasm; do
        wasm-opt -O3 --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
            --enable-reference-types --enable-multivalue "$program" -o "$program"
    done
fi

cp web/page/index.html web/page/app.js web/page/worker.js "$dist"
cp examples/matmul_in_a_page/index.html "$dist/example"
cat assets/page/style.css web/page/app.css >"$dist/page.css"
cat assets/vendor/d3.min.js assets/vendor/plot.umd.min.js >"$dist/library.js"
cat assets/page/charts.js assets/page/tables.js assets/page/documents.js >"$dist/page.js"
cat assets/vendor/d3.LICENSE assets/vendor/plot.LICENSE >"$dist/licences.txt"

program=$dist/ridgepoint_web_bg.wasm
bytes=$(wc -c <"$program" | tr -d ' ')
sent=$(gzip -9 -c "$program" | wc -c | tr -d ' ')
say "$dist: the program has $bytes bytes, $sent of them compressed"
if [ "$sent" -gt "$most_bytes" ]; then
    say "that is more than $most_bytes"
    exit 1
fi
