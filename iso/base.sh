#!/bin/bash
# The base system: Debian with the packages of iso/packages. "key" prints the name of what would be built,
# "build" builds it into $BASE (root/ and filesystem.squashfs) unless it is there.
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

if [ "$1" = key ]; then
    digest iso/packages iso/firmware-drop iso/base iso/base.sh iso/trim.sh
    exit
fi
[ ! -e "$BASE/complete" ] || exit 0

say "building the base system, once for this list of packages (a few minutes)"
rm -rf "$BASE"
mkdir -p "$BASE"
list=$(words "$TREE/iso/packages" | paste -sd,)
# Presets and users are there before the first package is, so that nothing is ever switched on by installing it.
mmdebstrap --variant=apt --mode=root --components=main,non-free-firmware --include="$list" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/locale/locale.alias' \
    --dpkgopt='path-exclude=/usr/share/lintian/*' --dpkgopt='path-exclude=/usr/share/bug/*' \
    --setup-hook="cp -rT --no-preserve=mode,ownership '$TREE/iso/base' \"\$1\" && chmod 0755 \"\$1\"/etc/initramfs-tools/hooks/* \"\$1\"/etc/initramfs-tools/scripts/*/*" \
    --customize-hook="chroot \"\$1\" systemd-sysusers" \
    --customize-hook="'$TREE/iso/trim.sh' \"\$1\"" \
    --customize-hook="chroot \"\$1\" update-initramfs -c -k all" \
    trixie "$BASE/root"

mv "$BASE/root"/boot/vmlinuz-* "$BASE/vmlinuz"
mv "$BASE/root"/boot/initrd.img-* "$BASE/initrd.img"
rm -rf "$BASE/root"/boot/* "$BASE/root"/{vmlinuz,initrd.img}{,.old}
# shellcheck disable=SC2016  # dpkg-query's own fields
dpkg-query --admindir="$BASE/root/var/lib/dpkg" -W -f '${Package} ${Version} ${Architecture}\n' >"$BASE/packages.txt"
say "compressing the base system"
# SOURCE_DATE_EPOCH sets the time of the file system; the times of files are Debian's.
mksquashfs "$BASE/root" "$BASE/filesystem.squashfs" -comp zstd -Xcompression-level 9 -b 128K -noappend -no-progress -quiet
touch "$BASE/complete"
# Older bases are of no use any more; the disk is somebody's laptop.
find "$CACHE" -maxdepth 1 -name 'base-*' ! -path "$BASE" -exec rm -rf {} +
