#!/bin/bash
# Make what Debian installed into a system that is nobody's yet: no keys, no names, nothing switched on. ($1: its root)
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
root=$1

while read -r glob; do
    # shellcheck disable=SC2086  # the list holds globs
    (cd "$root/usr/lib/firmware" && rm -rf -- $glob)
done < <(words "$TREE/iso/firmware-drop")
# Links whose target went with them (asked inside: some are absolute).
chroot "$root" find /usr/lib/firmware -xtype l -delete

# The initramfs needs no graphics driver: the firmware's screen serves until the system is up.
rm -f "$root/usr/share/initramfs-tools/hooks/kms"

# What Debian's own scripts switched on past the presets; static wiring in /usr stays.
find "$root/etc/systemd/system" -mindepth 1 -maxdepth 1 -name '*.wants' -exec rm -rf {} +
rm -f "$root"/etc/rc?.d/S* "$root"/etc/rc?.d/K*

# An empty machine id means a new one at each boot, without the "first boot" of systemd.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/var/lib/systemd/random-seed"
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
printf 'byzantium\n' >"$root/etc/hostname"
passwd --root "$root" --lock --quiet root 2>/dev/null || chroot "$root" passwd --lock --quiet root

rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/log/* "$root"/tmp/*
mkdir -p "$root/usr/lib/byzwizard" "$root/var/lib/apt/lists/partial" "$root/var/log/journal"
rmdir "$root/var/log/journal"
