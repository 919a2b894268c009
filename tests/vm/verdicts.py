"""What a stick that lost its power in the middle is: attached to a running VM, which tells what it finds on it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.vm.console import Failed
from tests.vm.harness import VM, say

# $again: copy to it again where there is no file system
# $1: its serial number; $2: system, to read that whole, or heads, the first MB of its big files (to read all takes half
# of the time); $3: where a store is looked for, partition or file; then the passphrases to try. Nothing here is
# Byzantium's: what the tools of everybody find is what counts.
LOOK = r"""
serial=$1 system=$2 kind=$3; shift 3
place=/run/judge; mkdir -p $place/fat $place/store
until dev=$(lsblk -dnpo NAME,SERIAL | awk -v s="$serial" '$2 == s {print $1}') && [ -n "$dev" ]; do sleep 0.05; done
udevadm settle
echo "parts $(lsblk -nro PARTLABEL "$dev" | grep . | paste -sd,)"
[ -z "$(head -c 440 "$dev" | tr -d '\0' | head -c 1 | od -An -tx1)" ] || echo "code yes"

files() {
  find . -type f ! -name 'save.dat*' -size -2048k -exec sha1sum {} + | sort -k2
  find . -type f ! -name 'save.dat*' -size +2047k | sort | while read -r file; do
    [ "$(stat -c %s "$file")" = "$(stat -c %s "/run/live/medium/$file")" ] &&
      cmp -s $some "$file" "/run/live/medium/$file" && echo "same $file" || echo "other $file"
  done
}

look() {
  local word as=judged
  for word in "${words[@]}"; do
    tr -d '\n' <"/run/$word" | cryptsetup open --type luks --key-file=- "$1" $as || continue
    echo "opens $word"; as=--test-passphrase
  done
  [ $as != judged ] || return
  e2fsck -p /dev/mapper/judged >&2; echo "mended $?"
  if mount -o noatime /dev/mapper/judged $place/store; then
    echo "kept $(cat $place/store/kept.json 2>&-)"
    (cd $place/store && find . -type f \( -path '*/canary/*' -o -path '*/identity/key' \) ! -path '*.half/*' \
      -exec sha1sum {} +) | sort -k2 | sed 's/^/file /'
    echo "room $(df --output=size -B1 $place/store | tail -1)"
    umount $place/store
  fi
  e2fsck -fn /dev/mapper/judged >&2; echo "fsck $?"
  cryptsetup close judged
}

words=("$@") some=
[ "$system" != heads ] || some="-n 1048576" system=system
part=${dev}1 how=
[ -b "$part" ] || { part=$dev; how=loop,offset=1048576,; }
rights=ro; [ "$kind" != file ] || rights=rw
if [ -n "$again" ] && ! { mount -t vfat -o "$how$rights" "$part" $place/fat 2>&- && umount $place/fat; }; then
  byzwizard clone "internal:$serial" --yes >&2 && echo "again yes"
  udevadm settle; part=${dev}1 how=
  echo "parts $(lsblk -nro PARTLABEL "$dev" | grep . | paste -sd,)"
fi
if mount -t vfat -o "$how$rights" "$part" $place/fat 2>&-; then
  if [ "$system" = system ]; then
    (cd $place/fat && files) >$place/files; cat $place/files >&2
    echo "system $(sha1sum <$place/files)"
  else
    echo "system unread"
  fi
  if [ "$kind" = file ] && [ -e $place/fat/save.dat ]; then
    echo "size $(stat -c %s $place/fat/save.dat)"
    loop=$(losetup --find --show $place/fat/save.dat) && look "$loop"
    losetup --detach "$loop"
  fi
  umount $place/fat
  [ -n "$how" ] || [ "$system" != system ] || { fsck.vfat -n "$part" >&2; echo "fat $?"; }
fi
store=$(lsblk -nrpo NAME,PARTLABEL "$dev" | awk '$2 == "byzdata" {print $1}')
[ "$kind" != partition ] || [ -z "$store" ] || look "$store"
"""


@dataclass(frozen=True)
class Found:
    """What the VM tells of a stick. `parts`: the names of its partitions; `system`: a hash over all the files of the
    system, None where there is no file system; `files`: what people wrote, in the store, with hashes; `again`: all that
    is so since it was copied to again."""

    parts: str = ""
    code: bool = False
    system: str | None = None
    fat: str = ""
    opens: tuple[str, ...] = ()
    mended: int = 0
    fsck: int = 0
    kept: tuple[str, ...] = ()
    room: int = 0
    size: int | None = None
    files: dict[str, str] = field(default_factory=dict)
    again: bool = False

    @property
    def sound(self) -> bool:
        """Its store's file system is, after what every start of a node does to it without a question."""
        return self.mended <= 2 and not self.fsck

    def has(self, others: dict[str, str]) -> bool:
        return others.items() <= self.files.items()


def found(text: str) -> Found:
    lines = [line.split(" ", 1) for line in text.splitlines() if " " in line]
    said = {key: value.strip() for key, value in lines}
    files = {value.split("  ", 1)[1]: value.split("  ", 1)[0] for key, value in lines if key == "file"}
    return Found(
        parts=said["parts"],
        code="code" in said,
        system=said.get("system"),
        fat=said.get("fat", ""),
        opens=tuple(value.strip() for key, value in lines if key == "opens"),
        mended=int(said.get("mended", 0)),
        fsck=int(said.get("fsck", 0)),
        kept=tuple(json.loads(said.get("kept") or "{}").get("keep", ())),
        room=int(said.get("room", 0)),
        size=int(said["size"]) if "size" in said else None,
        files=files,
        again="again" in said,
    )


class Judge:
    """A VM that sticks are put into, one after the other. What it writes to them is forgotten. `another` boots one that
    takes its place when it ends, as an emulated computer does now and then."""

    def __init__(self, vm: VM, another: Callable[[], VM]) -> None:
        self._another = another
        self._numbers = itertools.count()
        self._begin(vm)

    def _begin(self, vm: VM) -> None:
        self._vm = vm
        vm.put("/run/look", LOOK)
        vm.run("modprobe usb-storage delay_use=0; echo 0 >/sys/module/usb_storage/parameters/delay_use")

    def look(self, stick: Path, system: str, kind: str, *words: str, again: bool = False) -> Found:
        """`system`: system, heads or -, as LOOK has it; `kind` of store: partition, file or none; `words` are the
        passphrases to try. `again`: copy to it where it has no file system."""
        try:
            return self._look(stick, system, kind, *words, again=again)
        except (Failed, OSError):
            if not self._vm.ends():
                raise
        say(f"the VM that looks has ended ({self._vm.end}): another one looks")
        self._vm.kill()
        self._begin(self._another())
        return self._look(stick, system, kind, *words, again=again)

    def _look(self, stick: Path, system: str, kind: str, *words: str, again: bool) -> Found:
        name = f"judged{next(self._numbers)}"
        drive = f"if=none,id={name},file={stick},format=raw,snapshot=on,cache=unsafe"
        monitor = self._vm.monitor
        said = monitor.do("human-monitor-command", command_line=f"drive_add 0 {drive}")
        assert said.strip() == "OK", said
        monitor.do("device_add", driver="usb-storage", bus="usb.0", id=f"dev-{name}", drive=name, serial=name)
        try:
            look = f"again={'yes' * again} bash /run/look {name} {system} {kind} {' '.join(words)} 2>/run/look.err"
            return found(self._vm.run(look, 600))
        finally:
            if self._vm.running:
                monitor.do("device_del", id=f"dev-{name}")
