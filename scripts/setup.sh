#!/bin/sh
# Sees to what a fresh machine may lack besides Rust: a C linker for cargo, the Vulkan loader and a Vulkan driver.
# Where they are present, nothing is done and no network is needed. Where not, Linux gets them from its own package
# manager; macOS and Windows bring Metal and DirectX along.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

# Debian leaves these out of an ordinary user's PATH, and ldconfig lies there.
PATH=$PATH:/usr/sbin:/sbin

# Mounted by some GPU containers; the Vulkan loader does not look there by itself.
unsearched=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json

# The folders and files that the Vulkan loader searches for drivers, in its words and with its defaults.
manifests() (
    IFS=:
    searched=${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}
    if [ -z "$searched" ]; then
        searched=${VK_ADD_DRIVER_FILES:-}
        # /run/opengl-driver is NixOS's.
        for base in \
            ${XDG_CONFIG_HOME:-${HOME:-}/.config} ${XDG_CONFIG_DIRS:-/etc/xdg} /etc \
            ${XDG_DATA_HOME:-${HOME:-}/.local/share} ${XDG_DATA_DIRS:-/usr/local/share:/usr/share} \
            /run/opengl-driver/share
        do
            searched=$searched:$base/vulkan/icd.d
        done
    fi
    for entry in $searched; do
        if [ -d "$entry" ]; then
            printf '%s\n' "$entry"/*.json
        else
            printf '%s\n' "$entry"
        fi
    done | sort -u
)

driver_is_found() {
    # Not `grep -q`, which would stop at the first usable driver and hide what is wrong with the others.
    manifests | while read -r manifest; do
        if manifest_is_usable "$manifest"; then
            echo found
        fi
    done | grep found >/dev/null
}

# Sets `missing` to what is not there, in the words of `packages`.
look() {
    missing=
    command -v cc >/dev/null 2>&1 || missing="$missing linker"
    library_is_found libvulkan.so.1 || missing="$missing loader"
    driver_is_found || missing="$missing driver"
    missing=${missing# }
}

# The packages of package manager $1 that bring $2. The software driver is the one that works everywhere; on Debian and
# Fedora its package holds Mesa's drivers for AMD and Intel as well.
packages() {
    case $1/$2 in
        apt-get/linker) echo gcc libc6-dev ;;
        apt-get/loader) echo libvulkan1 ;;
        apt-get/driver | dnf/driver) echo mesa-vulkan-drivers ;;
        dnf/linker | pacman/linker) echo gcc ;;
        dnf/loader | apk/loader) echo vulkan-loader ;;
        pacman/loader) echo vulkan-icd-loader ;;
        pacman/driver) echo vulkan-swrast ;;
        zypper/linker) echo gcc glibc-devel ;;
        zypper/loader) echo libvulkan1 ;;
        zypper/driver) echo libvulkan_lvp ;;
        apk/linker) echo gcc musl-dev ;;
        apk/driver) echo mesa-vulkan-swrast ;;
    esac
}

# One line of shell with which package manager $1 installs packages $2.
install_command() {
    case $1 in
        apt-get) apt_install "$2" ;;
        dnf) echo "dnf install -y $2" ;;
        # Arch supports no partial upgrades: a machine that never fetched the package lists gets the full one.
        pacman)
            if ls /var/lib/pacman/sync/*.db >/dev/null 2>&1; then
                echo "pacman -S --needed --noconfirm $2"
            else
                echo "pacman -Syu --needed --noconfirm $2"
            fi
            ;;
        zypper) echo "zypper --non-interactive install --no-recommends $2" ;;
        apk) echo "apk add $2" ;;
    esac
}

case $(uname -s) in
    Linux) ;;
    Darwin)
        command -v cc >/dev/null 2>&1 && exit 0
        say "cargo needs a C linker: run 'xcode-select --install', then try again"
        exit 1
        ;;
    *) exit 0 ;;
esac

if grep -qi microsoft /proc/sys/kernel/osrelease 2>/dev/null; then
    say "this is WSL2, which as a rule offers the software driver llvmpipe only; for figures of the GPU, run ridgepoint on Windows itself"
fi

look

if [ -f "$unsearched" ] && [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && ! manifests | grep -q /nvidia_icd; then
    say "there is a driver where the Vulkan loader does not look; to use it: export VK_DRIVER_FILES=$unsearched"
    case $missing in
        *driver*) exit 1 ;;
    esac
fi

[ -n "$missing" ] || exit 0

case $missing in
    *driver*)
        if [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
            say "no driver is usable in VK_DRIVER_FILES or VK_ICD_FILENAMES ('${VK_DRIVER_FILES:-$VK_ICD_FILENAMES}'), and the Vulkan loader looks nowhere else while one is set: correct or unset it"
            exit 1
        fi
        ;;
esac

for thing in $missing; do
    case $thing in
        linker) say "missing: cc, with which cargo links programs" ;;
        loader) say "missing: the Vulkan loader (libvulkan.so.1), through which programs reach a GPU" ;;
        driver) say "missing: a Vulkan driver; a software one (Mesa llvmpipe) lets everything run, on the CPU. A real GPU wants its vendor's driver: Mesa's for AMD and Intel, NVIDIA's own for NVIDIA" ;;
    esac
done

manager=
for candidate in apt-get dnf pacman zypper apk; do
    if command -v "$candidate" >/dev/null 2>&1; then
        manager=$candidate
        break
    fi
done
if [ -z "$manager" ]; then
    say "none of apt-get, dnf, pacman, zypper and apk is here: install the above by hand, then try again"
    exit 1
fi

wanted=
for thing in $missing; do
    wanted="$wanted $(packages "$manager" "$thing")"
done
wanted=${wanted# }

as_root "$(install_command "$manager" "$wanted")" || {
    say "could not install $wanted: see above, install them by hand, then try again"
    exit 1
}

look
if [ -n "$missing" ]; then
    say "$manager installed $wanted, but this is still not found: $missing"
    say "install a Vulkan driver for your GPU by hand, or Mesa's llvmpipe, until 'vulkaninfo --summary' lists a device; then try again"
    exit 1
fi
