# Shared by the scripts of this folder, which source it. POSIX sh: dash and busybox ash run it too.
# shellcheck shell=sh

say() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
}

# Runs one line of shell as root. The line is shown first, so that a password is never asked for something unseen;
# its output goes to stderr, because stdout belongs to the results of whoever called.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        become=
    elif command -v sudo >/dev/null 2>&1; then
        become=sudo
    elif command -v doas >/dev/null 2>&1; then
        become=doas
    else
        say "this needs root, and neither sudo nor doas is here; run it as root and try again:"
        say "  $1"
        return 1
    fi
    say "running as root: $1"
    $become sh -c "$1" >&2
}

# One line of shell that installs the Debian packages $1. A failed update is not fatal: somebody's broken third-party
# repository need not keep the packages of Debian itself away. A fresh machine is often busy upgrading itself: wait.
apt_install() {
    printf 'apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -q install -y %s %s' \
        '--no-install-recommends -o DPkg::Lock::Timeout=300' "$1"
}

# Does the dynamic linker find library $1?
library_is_found() (
    IFS=:
    for folder in ${LD_LIBRARY_PATH:-} /lib /usr/lib /lib64 /usr/lib64 /lib/*-linux-gnu* /usr/lib/*-linux-gnu*; do
        [ -e "$folder/$1" ] && exit 0
    done
    # glibc's cache knows the folders of /etc/ld.so.conf as well; musl has no cache.
    ldconfig -p 2>/dev/null | grep -F "$1 " >/dev/null
)

# Is $1 a Vulkan driver manifest whose driver library exists? The loader takes a name without a slash as the dynamic
# linker would, and any other relative path from the manifest's folder.
manifest_is_usable() {
    [ -f "$1" ] || return 1
    library=$(sed -n 's/.*"library_path"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$1")
    case $library in
        '') false ;;
        /*) [ -e "$library" ] ;;
        */*) [ -e "$(dirname "$1")/$library" ] ;;
        *) library_is_found "$library" ;;
    esac || {
        say "ignoring $1: its driver '$library' is not on this machine"
        return 1
    }
}

# Is command $1 here, or the package $2 of Debian, which has it?
have() {
    command -v "$1" >/dev/null 2>&1 && return
    command -v apt-get >/dev/null 2>&1 || return
    as_root "$(apt_install "$2")" && command -v "$1" >/dev/null 2>&1
}

# Builds the command of the repository $1 as its tests have it. Tests add features to dependencies, so that a plain `cargo build`
# behind them would compile most of these and the library once more.
build_as_tests() {
    cargo test --release --quiet --no-run --test cli --manifest-path "$1/Cargo.toml"
}

# Prints the path of axe-core's script, which is fetched first if it is not there, and held against the hash of its package.
axe() {
    version=4.14.1
    integrity='sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=='
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/ridgepoint/axe-core-$version
    if [ ! -f "$folder/complete" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        (
            cd "$folder" && npm pack --silent "axe-core@$version" >/dev/null || exit 1
            found=sha512-$(openssl dgst -sha512 -binary "axe-core-$version.tgz" | openssl base64 -A)
            if [ "$found" != "$integrity" ]; then
                say "axe-core $version is not what it was: $found in place of $integrity"
                exit 1
            fi
            tar -xzf "axe-core-$version.tgz" package/axe.min.js && touch complete
        ) >&2 || return 1
    fi
    printf '%s\n' "$folder/package/axe.min.js"
}
