#!/bin/sh
# Holds the crate to what it needs: every file that building reads is in the package, nothing of the repository's tests, results and
# pictures is, and it stays small. `cargo package` itself builds it, which takes minutes and is for releases.
set -eu
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

cd "$(dirname "$0")/.."

most=2000000

# Files that cargo makes are no files of the repository.
list=$(cargo package --list --allow-dirty --quiet | grep -v -e '^Cargo.toml.orig$' -e '^.cargo_vcs_info.json$')

for file in $(find src shaders assets build.rs -type f; echo tests/snapshots/renames.txt README.md LICENSE-MIT LICENSE-APACHE); do
    case "
$list
" in
        *"
$file
"*) ;;
        *)
            say "$file is missing from the package: see \`include\` in Cargo.toml"
            exit 1
            ;;
    esac
done
if strays=$(printf '%s\n' "$list" | grep -e '^results/' -e '^fuzz/' -e '^scripts/' -e '^docs/' -e '^tests/.*json$' -e '\.png$'); then
    say "not for the package: see \`include\` in Cargo.toml: $strays"
    exit 1
fi
bytes=$(printf '%s\n' "$list" | tar -czf - -T - | wc -c)
if [ "$bytes" -gt "$most" ]; then
    say "the package has $bytes bytes, more than $most"
    exit 1
fi
say "the package has $bytes bytes of at most $most"
