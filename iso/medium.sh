#!/bin/bash
# The media. First one ISO 9660 file system that boots from a disc or, written as it is, from a stick; BIOS and UEFI.
# Then the USB image, the same system laid out as on a stick that was cloned (iso/usb-image).
#
# Made with xorriso rather than grub-mkrescue: that one adds an HFS+ partition, and live-boot would mount it as the medium.
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

work=$OUT/medium
rm -rf "$work"
stick=$work/tree/boot/byzantium
mkdir -p "$work/tree/live" "$work/tree/boot/grub" "$work/tree/.disk" "$work/efi" "$stick"
cp "$BASE/vmlinuz" "$BASE/initrd.img" "$OUT/"
cp "$BASE/packages.txt" "$OUT/packages.txt"
ln "$BASE/filesystem.squashfs" "$work/tree/live/" 2>/dev/null || cp "$BASE/filesystem.squashfs" "$work/tree/live/"
cp "$BASE/vmlinuz" "$BASE/initrd.img" "$OUT/byzwizard.squashfs" "$work/tree/live/"
# live-boot stacks what this names, the last on top.
printf 'filesystem.squashfs\nbyzwizard.squashfs\n' >"$work/tree/live/filesystem.module"
printf 'Byzantium live\n' >"$work/tree/.disk/info"

# ISO 9660 has no UUID but its time of making, which is shown as one. The hash of what is on the medium stands in for
# the fractions of that day, so that another content is another medium.
content=$(cat "$work"/tree/live/* "$TREE"/iso/grub/* | sha256sum | cut -c1-12)
fraction=$((0x$content % 8640000))
stamp=$(date -u -d "@$((SOURCE_DATE_EPOCH / 86400 * 86400 + fraction / 100))" +%Y%m%d%H%M%S)$(printf '%02d' $((fraction % 100)))
uuid=$(printf '%s' "$stamp" | sed -E 's/(....)(..)(..)(..)(..)(..)(..)/\1-\2-\3-\4-\5-\6-\7/')
sed "s/@UUID@/$uuid/g" "$TREE/iso/grub/grub.cfg" >"$work/tree/boot/grub/grub.cfg"

# The boot loader finds its medium by that UUID, whatever the firmware calls the drive.
cat >"$work/early.cfg" <<CFG
search --no-floppy --set=root --fs-uuid $uuid
set prefix=(\$root)/boot/grub
CFG
modules=(iso9660 fat part_msdos part_gpt search search_fs_uuid normal configfile linux echo test sleep minicmd serial terminal
    halt reboot all_video gfxterm)
grub-mkimage -O i386-pc-eltorito -p /boot/grub -c "$work/early.cfg" -o "$work/tree/boot/grub/eltorito.img" \
    biosdisk "${modules[@]}" vbe vga
grub-mkimage -O x86_64-efi -p /boot/grub -c "$work/early.cfg" -o "$work/efi/bootx64.efi" "${modules[@]}" efi_gop efi_uga
efi=$work/efi.img
truncate -s $(($(stat -c %s "$work/efi/bootx64.efi") / 1048576 + 2))M "$efi"
mkfs.vfat -n BYZ-EFI -i "${content:0:8}" "$efi" >/dev/null
mmd -i "$efi" ::/EFI ::/EFI/BOOT
mcopy -i "$efi" "$work/efi/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

# The boot loader of sticks, on every medium: from it the running system makes others. It starts from the first partition
# of the disk that it lies on, and asks that file system for its UUID.
modules+=(probe)
grub-mkimage -O i386-pc -p '(,gpt1)/boot/grub' -o "$stick/core.img" biosdisk "${modules[@]}" vbe vga
grub-mkimage -O x86_64-efi -p /boot/grub -o "$stick/bootx64.efi" "${modules[@]}" efi_gop efi_uga
cp /usr/lib/grub/i386-pc/boot.img "$stick/boot.img"
# shellcheck disable=SC2016  # GRUB's own variables
{ printf 'probe --set=uuid --fs-uuid $root\n' && sed 's/@UUID@/$uuid/g' "$TREE/iso/grub/grub.cfg"; } >"$stick/grub.cfg"

find "$work/tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
xorriso -report_about SORRY -as mkisofs -quiet -iso-level 3 -full-iso9660-filenames -joliet -joliet-long -rational-rock \
    -volid BYZANTIUM --modification-date="$stamp" \
    --grub2-mbr /usr/lib/grub/i386-pc/boot_hybrid.img --mbr-force-bootable -partition_offset 16 \
    -append_partition 2 0xef "$efi" \
    -c boot/boot.catalog \
    -b boot/grub/eltorito.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
    -eltorito-alt-boot -e '--interval:appended_partition_2:all::' -no-emul-boot \
    -o "$work/byzantium.iso" "$work/tree"
# In one step: a machine that boots from the former one goes on reading that.
mv "$work/byzantium.iso" "$OUT/byzantium.iso"
printf '%s\n' "$uuid" >"$OUT/medium.uuid"
"$PYTHON" "$TREE/iso/usb-image" "$work/tree" "$work/byzantium.img"
mv "$work/byzantium.img" "$OUT/byzantium.img"
rm -rf "$work"
(cd "$OUT" && sha256sum byzantium.iso byzantium.img vmlinuz initrd.img packages.txt >SHA256SUMS)
