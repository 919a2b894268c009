"""The file system inside a store: made, mended, mounted; in a mapping, on a partition or in a file."""

from byzwizard.backends.mounts import parse_mounts
from byzwizard.backends.system import Result, System
from byzwizard.errors import Damaged, Interrupted, StepFailed
from byzwizard.i18n import _
from byzwizard.places import FAT, LABEL

GROWS = 2**20  # bytes, less than which ext4 may leave unused at the end
FIXED = (0, 1, 2)  # e2fsck(8): clean, errors corrected, corrected and a restart is advised
NOT_DONE, CANCELLED = 8, 32
NO_SUPERBLOCK = "The superblock could not be read"  # with -p it ends so, and mends it with -y


def make(system: System, device: str) -> None:
    """In blocks of 4 KiB, which a stick writes as one: half a superblock is none, and e2fsck would ask first."""
    system.run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "1", "-L", LABEL, device, timeout=600)


def mend(system: System, device: str, thoroughly: bool = False) -> None:
    """Check before mounting. Raises Damaged where a person has to be asked first, StepFailed where nothing helps.

    Other file systems than ext2 to ext4 (an image from elsewhere) are left to the kernel.
    """
    if kind(system, device) not in {"ext2", "ext3", "ext4", ""}:  # empty: nothing that blkid knows any more
        return
    quiet = _check(system, device, "-p")
    if quiet.status in FIXED:
        return
    if not thoroughly:
        raise Damaged(
            _("The file system of the store is damaged."),
            _("It can be mended; what is half written may be lost. `byzwizard persist unlock --repair` does it."),
        )
    asked = _check(system, device, "-f", "-y")
    if asked.status not in FIXED or _check(system, device, "-f", "-p").status:
        raise StepFailed(
            _("The file system of the store cannot be mended: this stick is probably failing."),
            _("Copy what can still be read, and use another stick."),
        )


def _check(system: System, device: str, *options: str) -> Result:
    """Raises Interrupted, and StepFailed where it could not look at all: that says nothing of the file system."""
    done = system.run("e2fsck", *options, device, ok=range(256), timeout=3600)
    if done.status & CANCELLED:
        raise Interrupted(_("Interrupted."))
    said = " ".join((done.out + done.err).split())
    if done.status & NOT_DONE and NO_SUPERBLOCK not in said:
        raise StepFailed(
            _("The file system of the store could not be checked: {why}").format(why=said[-300:]),
            _("Is it in use, or its stick pulled out?"),
        )
    return done


def mend_fat(system: System, device: str) -> bool:
    """Before files on it grow: where a power cut left a file's chain of clusters longer than its size, the kernel would
    go read-only under a store that is open. Not while it is mounted for writing. True where something was mended; what
    cannot be is left as it is."""
    return kind(system, device) in FAT and system.run(
        "fsck.vfat", "-a", device, ok=range(256), timeout=600
    ).status == 1


def grow(system: System, device: str) -> bool:
    """While it is mounted: let it have all of a device that has become bigger. True where it has.

    Then the kernel does it, by its journal: a power cut in the middle of what resize2fs does to one that is not mounted
    leaves what e2fsck does not mend by itself.
    """
    if not kind(system, device).startswith("ext"):
        return False
    said = dict(line.split(":", 1) for line in system.run("dumpe2fs", "-h", device).out.splitlines() if ":" in line)
    has = int(said["Block count"]) * int(said["Block size"])
    if int(system.run("blockdev", "--getsize64", device).out) - has < GROWS:
        return False
    # An image from elsewhere may have no journal or no room in its tables: that stays as big as it is.
    return system.run("resize2fs", device, ok=(0, 1), timeout=3600).status == 0


def kind(system: System, device: str) -> str:
    """Its type as blkid names it, empty where there is none."""
    return system.run("blkid", "-p", "-s", "TYPE", "-o", "value", device, ok=(0, 2, 8)).out.strip()


def uuid(system: System, device: str) -> str:
    """Of the file system or the container on a device, empty where there is none."""
    return system.run("blkid", "-p", "-s", "UUID", "-o", "value", device, ok=(0, 2, 8)).out.strip()


def mount(system: System, device: str, place: str, *options: str) -> None:
    """Raises CommandFailed. Never with set-uid programs or device files that a stick brings along."""
    system.path(place).mkdir(mode=0o700, parents=True, exist_ok=True)
    words = ",".join(("nosuid", "nodev", "noatime", *options))
    system.run("mount", "-o", words, device, str(system.path(place)), timeout=120)


def unmount(system: System, place: str) -> None:
    """Does nothing when nothing is mounted there."""
    if is_mounted(system, place):
        system.run("umount", str(system.path(place)), timeout=120)


def mounted_places(system: System) -> set[str]:
    return {mount.place for mount in parse_mounts(system.read("/proc/self/mountinfo") or "")}


def is_mounted(system: System, place: str) -> bool:
    return str(system.path(place)) in mounted_places(system) or place in mounted_places(system)
