#!/bin/bash
# boot.sh GROUP FOLDER ISO OFFSET PROGRAM: the image's own systemd as process 1 of a container, in the network namespace
# that we are in. GROUP is a cgroup (v2) of its own, FOLDER an empty one; OFFSET is where the system lies in the image.
set -euo pipefail
[ "$$" = 1 ] || {
    mkdir -p "$1"
    echo "$$" >"$1/cgroup.procs"
    exec unshare --pid --mount --uts --ipc --cgroup --fork --kill-child --propagation private "$0" "$@"
}
folder=$2
mount -t tmpfs -o mode=755 none "$folder"
cd "$folder"
mkdir base program upper work root
mount -t squashfs -o "ro,loop,offset=$4" "$3" base
mount -t squashfs -o ro,loop "$5" program
mount -t overlay -o lowerdir=program:base,upperdir=upper,workdir=work none root
cd root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 none run
mount -t tmpfs none tmp
mount -t tmpfs -o mode=755 none dev
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$device"
    mknod -m 666 "dev/$name" c "$major" "$minor"
done
mkdir dev/pts dev/shm dev/net
mknod -m 666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
# As a container's manager tells: the clock and the disks are its host's.
mkdir -p run/host
echo test >run/host/container-manager
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd \
    --log-target=journal systemd.unit=multi-user.target
