# shellcheck shell=bash
# Shared by the scripts of the image.
set -euo pipefail
umask 022

TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/byzantium
OUT=$TREE/build
PYTHON=${PYTHON:-$OUT/venv/bin/python}
case $PYTHON in /*) ;; *) PYTHON=$PWD/$PYTHON ;; esac
# One clock for everything that the image holds: the time of the last commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$TREE" log -1 --format=%ct 2>/dev/null || date +%s)}
export TREE CACHE OUT PYTHON SOURCE_DATE_EPOCH LC_ALL=C.UTF-8

say() { printf 'image: %s\n' "$*"; }

die() {
    printf 'image: %s\n' "$*" >&2
    exit 1
}

# The hash of files and folders, by their names and contents.
digest() {
    (cd "$TREE" && find "$@" -type f -printf '%p\0' | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
}

# The words of a commented list, one a line.
words() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1"; }
