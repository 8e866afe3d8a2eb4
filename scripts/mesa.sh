#!/bin/sh
# Prints a folder with a minimal Debian 13 that holds Mesa 26's llvmpipe, the software driver with cooperative matrices,
# and makes it first if it is not there: some 700 MB in the cache. A program starts on it through the folder's own
# dynamic linker, no root needed once it exists. Exits 3, with nothing on stdout, where it cannot be had.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

PATH=$PATH:/usr/sbin:/sbin
folder=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/mesa-26
libraries=$folder/usr/lib/x86_64-linux-gnu

# What ends half-way is no folder to use: the manifest is written last.
if [ ! -f "$folder/ridgepoint_icd.json" ]; then
    if [ "$(uname -m)" != x86_64 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "Mesa 26 is taken from Debian, for x86-64, and this is another machine"
        exit 3
    fi
    command -v debootstrap >/dev/null 2>&1 || as_root "$(apt_install debootstrap)" || exit 3
    mkdir -p "$folder"
    as_root "rm -rf '$folder' && debootstrap --variant=minbase trixie '$folder' \
&& sed 's/trixie main/trixie-backports main/' '$folder/etc/apt/sources.list' \
>'$folder/etc/apt/sources.list.d/backports.list' \
&& chroot '$folder' apt-get -q update && chroot '$folder' apt-get -q install -y --no-install-recommends \
-t trixie-backports mesa-vulkan-drivers libvulkan1 && chmod 755 '$folder' && touch '$folder/ridgepoint_icd.json' \
&& chown $(id -u) '$folder/ridgepoint_icd.json'" || {
        say "could not unpack Mesa 26"
        exit 3
    }
    printf '{"ICD":{"api_version":"1.4.0","library_path":"%s"},"file_format_version":"1.0.1"}\n' \
        "$libraries/libvulkan_lvp.so" >"$folder/ridgepoint_icd.json"
fi
printf '%s\n' "$folder"
