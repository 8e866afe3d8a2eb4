#!/bin/sh
# Makes the devices on which the compilers of real GPUs run without the GPUs, once, and prints them: a line each, of
#   name, interpreter, library path, library to preload ("-" for none), driver manifest, NAME=VALUE for the environment
# with a tab between these and spaces between the last. A program starts on one of them, no root needed, as
#   env VK_DRIVER_FILES=MANIFEST VK_ICD_FILENAMES=MANIFEST MESA_SHADER_CACHE_DISABLE=true NAME=VALUE... \
#       INTERPRETER --library-path LIBRARY_PATH --preload PRELOAD PROGRAM ARGUMENTS...
# Nothing is executed on them: pipelines are compiled, and VK_KHR_pipeline_executable_properties tells what became of
# them. Arm's tells only the size; BIFROST_MESA_DEBUG=shaderdb prints the rest to stderr. A GPU of the same kind that
# the machine does have is listed beside the fake one.
#
# The argument `all` adds more generations, and Arm's GPUs, whose driver takes seven minutes to build.
# Exits 3, with nothing on stdout, where they cannot be had.
#
# The drivers are those of Mesa 26 that scripts/mesa.sh takes from Debian, but two:
# - Mesa 26 has no way to AMD's MI200 and RDNA 4: the fake device has neither, and RADV_FORCE_FAMILY is gone.
#   Mesa 25, from Debian 13 itself, has RADV_FORCE_FAMILY (where only a compiler is asked for: no queue works).
# - Debian builds no driver of Arm's GPUs for x86-64.
# The fake devices are Mesa's "drm-shim" libraries, which no package delivers. compilers_build.sh builds them in a copy
# of Mesa 26's folder, so that compilers and their packages never come near the folder that the drivers run from.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
case $#:${1:-} in
    0:) all=false ;;
    1:all) all=true ;;
    *)
        say "usage: $0 [all]"
        exit 2
        ;;
esac

# mesa.sh gives the reason, and exits 3, where there is no Debian for x86-64.
mesa=$("$here/mesa.sh") || exit
# The number changes with the recipe, so that nobody goes on with what an older one made.
folder=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/compilers-1
libraries=$mesa/usr/lib/x86_64-linux-gnu

# Makes the parts $1 (of `shims` and `panvk`). What ends half-way is not used: each part's stamp is written last. The
# copy is some 1.5 GB while it exists. The machine's name servers may have changed since Mesa 26 was unpacked.
make_parts() {
    mkdir -p "$folder"
    build=$folder/build
    made=true
    as_root "rm -rf '$build' && cp -a '$mesa' '$build' && cp -L /etc/resolv.conf '$build/etc/resolv.conf' \
&& cp '$here/compilers_build.sh' '$build/' && chroot '$build' sh /compilers_build.sh $1 \
&& chown -R $(id -u) '$build/made'" || made=false
    for part in $1; do
        if "$made"; then
            rm -rf "${folder:?}/$part"
            mv "$build/made/$part" "$folder/"
            touch "$folder/$part/complete"
        fi
    done
    as_root "rm -rf '$build'" || true
    "$made" || {
        say "could not build the fake devices"
        exit 3
    }
}

parts=
[ -f "$folder/shims/complete" ] || parts=shims
! "$all" || [ -f "$folder/panvk/complete" ] || parts="$parts panvk"
[ -z "$parts" ] || make_parts "$parts"

# Prints the line of device $1: library path $2, shim $3 or "-", driver $4, environment $5.
device() {
    preload=-
    [ "$3" = - ] || preload=$folder/shims/lib$3_noop_drm_shim.so
    # A driver without a slash is looked up along the library path, so that the manifests stay right if the cache moves.
    manifest=$folder/shims/$4_icd.json
    [ -f "$manifest" ] || printf '{"ICD":{"api_version":"1.4.0","library_path":"%s"},"file_format_version":"1.0.1"}\n' \
        "libvulkan_$4.so" >"$manifest"
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$mesa/usr/lib64/ld-linux-x86-64.so.2" "$2" "$preload" "$manifest" "$5"
}

intel() { device "$1" "$libraries" intel intel "INTEL_STUB_GPU_PLATFORM=$1"; }
apple() { device "$1" "$libraries" asahi asahi "ASAHI_CHIP=$1"; }
adreno() { device "$1" "$libraries" freedreno freedreno "FD_GPU_ID=$2"; }
amd() { device "$1" "$libraries" amdgpu radeon "AMDGPU_GPU_ID=$1"; }
amd_forced() { device "$1" "$folder/shims/mesa-25:$libraries" - radeon "RADV_FORCE_FAMILY=$1"; }
nvidia() { device "$1" "$libraries" nouveau nouveau "NOUVEAU_CHIPSET=$2"; }
arm() { device "$1" "$folder/panvk:$libraries" panfrost panfrost "PAN_I_WANT_A_BROKEN_VULKAN_DRIVER=1 PAN_GPU_ID=$2"; }

intel skl
intel dg2
intel lnl
intel ptl
apple m1
adreno a660 660
adreno a750 750
amd vega10
amd navi21
amd navi31
amd_forced mi200
amd_forced gfx1201
nvidia ada 194
if "$all"; then
    for name in icl tgl adl mtl arl bmg; do
        intel "$name"
    done
    apple m2
    for name in 618 630 690 730 740 830; do
        adreno "a$name" "$name"
    done
    adreno x1_85 685
    amd navi10
    amd gfx1150
    nvidia turing 164
    nvidia ampere 174
    nvidia blackwell 1b2
    # wgpu hides Mali before Valhall, such as G52: Mesa's driver for them is no conformant one.
    arm g610 a867
fi
