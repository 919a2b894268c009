#!/bin/bash
# The program: its virtual environment for the image's Python, its units and iso/overlay, as $OUT/byzwizard.squashfs.
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

home=$OUT/program
rm -rf "$home"
site=$home/usr/lib/byzwizard/lib/python3.13/site-packages
mkdir -p "$site" "$home/usr/lib/byzwizard/bin" "$home/usr/bin" "$home/usr/lib/systemd/system"

libraries=$("$PYTHON" "$TREE/iso/wheels.py" collect "$CACHE")
cp -a "$libraries/." "$site"
"$PYTHON" "$TREE/iso/wheels.py" program "$OUT/program-wheel"
cp -a "$OUT/program-wheel/." "$site"
rm -rf "$OUT/program-wheel"

# Daemons in Python run with Debian's interpreter and libraries, and see nothing of the program's.
services=$("$PYTHON" "$TREE/iso/wheels.py" services "$CACHE")
cp -a "$services" "$home/usr/lib/byzwizard/services"

web=$("$TREE/iso/web.sh")
mkdir -p "$home/usr/share/byzantium"
cp -a "$web" "$home/usr/share/byzantium/web"

# The environment is laid out by hand: its interpreter is the image's, which need not run here.
cat >"$home/usr/lib/byzwizard/pyvenv.cfg" <<'CFG'
home = /usr/bin
include-system-site-packages = false
version = 3.13
executable = /usr/bin/python3.13
CFG
ln -s /usr/bin/python3.13 "$home/usr/lib/byzwizard/bin/python"
ln -s python "$home/usr/lib/byzwizard/bin/python3"
cat >"$home/usr/lib/byzwizard/bin/byzwizard" <<'PY'
#!/usr/lib/byzwizard/bin/python -I
from byzwizard.__main__ import run

run()
PY
ln -s ../lib/byzwizard/bin/byzwizard "$home/usr/bin/byzwizard"

find "$TREE/assets/units" -maxdepth 1 -type f -name 'byz-*' -exec cp -t "$home/usr/lib/systemd/system" {} +
cp -rT --preserve=mode,links "$TREE/iso/overlay" "$home"

# The same modes whatever the umask of whoever cloned: readable by all, writable by root.
find "$home" -type d -exec chmod 0755 {} +
find "$home" -type f -perm /111 -exec chmod 0755 {} +
find "$home" -type f ! -perm /111 -exec chmod 0644 {} +
chmod 0755 "$home/usr/lib/byzwizard/bin/byzwizard"
# Not newer than /usr: nothing to update at boot.
mkdir -p "$home/etc" "$home/var"
touch "$home/etc/.updated" "$home/var/.updated"

# Byte code by the image's own interpreter, checked by hash: it stays valid whatever the times of the files.
# shellcheck disable=SC2016  # the inner shell's own arguments
unshare --mount --propagation private bash -c '
    mount --bind "$1" "$2/usr/lib/byzwizard"
    chroot "$2" /usr/bin/python3.13 -W ignore -m compileall -q -j 2 --invalidation-mode unchecked-hash \
        /usr/lib/byzwizard/lib /usr/lib/byzwizard/services
' compile "$home/usr/lib/byzwizard" "$BASE/root"

mksquashfs "$home" "$OUT/byzwizard.squashfs" -comp zstd -Xcompression-level 9 -b 128K -all-root -noappend -no-progress -quiet
say "the program: $(du -k "$OUT/byzwizard.squashfs" | cut -f1) kB"
