#!/bin/sh
# Prints a folder with Microsoft's HLSL compiler DXC (libdxcompiler.so, with the headers dxcapi.h and WinAdapter.h) and
# `dxc_compile`, made from dxc_compile.cpp, which reads HLSL as wgpu has it compiled on Windows. It makes the folder
# first if it is not there: 35 MB in the cache. Exits 3, with nothing on stdout, where it cannot be had.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

here=$(cd "$(dirname "$0")" && pwd)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/dxc-1

# Installs Debian's package $2 unless command $1 succeeds.
need() {
    sh -c "$1" >/dev/null 2>&1 && return
    command -v apt-get >/dev/null 2>&1 && as_root "$(apt_install "$2")" && return
    say "missing: $2"
    exit 3
}

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    say "DXC is taken as a library for Linux on x86-64, and this is another machine"
    exit 3
fi

# What ends half-way is no folder to use: the library comes last.
if [ ! -f "$folder/libdxcompiler.so" ]; then
    # Microsoft's own archives are on GitHub only; the Python package `compushady` carries the same library, and a
    # package index can be reached from more machines. pip asks the archive for its metadata, which runs its setup.py:
    # hence the hash. Nothing is built or installed.
    need "python3 -m pip --version" python3-pip
    download=$folder/download
    rm -rf "$download"
    mkdir -p "$download"
    echo 'compushady==0.17.5 --hash=sha256:5052caf9e955d8e7a48e22f536e82b44b72e83af46e824a9e99157c7809de691' \
        >"$download/requirements.txt"
    if ! python3 -m pip download --quiet --no-deps --no-binary compushady --require-hashes -d "$download" \
        -r "$download/requirements.txt" >&2 || ! tar -xzf "$download/compushady-0.17.5.tar.gz" -C "$download" \
        --no-same-owner --strip-components=3 compushady-0.17.5/compushady/backends; then
        say "could not download compushady 0.17.5 from the package index of pip"
        exit 3
    fi
    mv "$download/dxcapi.h" "$download/WinAdapter.h" "$folder/"
    mv "$download/libdxcompiler_x86_64.so.3.7" "$folder/libdxcompiler.so"
    rm -rf "$download"
fi

# The copy of the source tells whether the program is of this one; it is written last.
if ! cmp -s "$here/dxc_compile.cpp" "$folder/dxc_compile.cpp"; then
    need "command -v c++" g++
    # shellcheck disable=SC2016  # $ORIGIN is for the dynamic linker: the library beside the program
    c++ -std=c++17 -O1 -I"$folder" -o "$folder/dxc_compile" "$here/dxc_compile.cpp" -ldl '-Wl,-rpath,$ORIGIN' >&2 || {
        say "could not build dxc_compile"
        exit 3
    }
    cp "$here/dxc_compile.cpp" "$folder/"
fi
printf '%s\n' "$folder"
