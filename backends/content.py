"""What a stick of ours holds: the system, taken from the medium that this one runs from, and what is new on each.

From whatever it was started (USB image, ISO, disc, Ventoy, network, memory), live-boot has the medium at MEDIUM. Only
the system is taken from there, never what somebody keeps beside it.
"""

from pathlib import Path

from byzwizard.answers import Answers, Clone, Mesh, Node, save_text
from byzwizard.backends.fatfs import Content
from byzwizard.errors import CannotHere
from byzwizard.i18n import _

MEDIUM = Path("/run/live/medium")
FOLDERS = ("live", "boot/byzantium")
BOOT = "boot/byzantium"  # the pieces of the boot loader; only on the medium of a stick do they lie in use as well
IN_USE = {f"{BOOT}/grub.cfg": "boot/grub/grub.cfg", f"{BOOT}/bootx64.efi": "EFI/BOOT/BOOTX64.EFI"}
LIVE = ("live/filesystem.squashfs", "live/vmlinuz", "live/initrd.img")
NEEDED = (*LIVE, *IN_USE, f"{BOOT}/boot.img", f"{BOOT}/core.img")
SEED = "byzantium/random-seed"
ANSWERS = "byzantium/answers.yaml"


def system_files(medium: Path) -> dict[str, Content]:
    """Every file of the system by its path on a stick. Raises CannotHere when the medium lacks one that it takes."""
    files: dict[str, Content] = {}
    for folder in FOLDERS:
        for path in sorted((medium / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                files[str(path.relative_to(medium))] = path
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise CannotHere(
            _("This system cannot be copied from here: {missing} is not at {medium}.").format(
                missing=missing[0], medium=medium
            ),
            _("Start it from a Byzantium stick, disc or image."),
        )
    return {**files, **{used: files[piece] for piece, used in IN_USE.items()}}


def bytes_of(files: dict[str, Content]) -> int:
    return sum(len(content) if isinstance(content, bytes) else content.stat().st_size for content in files.values())


def carried(answers: Answers) -> Answers:
    """What a copy with answers holds: enough to join this mesh as a node of its own, and nothing of this one."""
    own = Mesh()
    mesh = answers.mesh.model_copy(update={"subnet": own.subnet, "interfaces": own.interfaces, "blocked": own.blocked})
    return Answers(
        node=Node(country=answers.node.country),
        mesh=mesh,
        access_point=answers.access_point,
        services=answers.services,
        clone=Clone(),
    )


def answers_file(answers: Answers) -> bytes:
    return save_text(carried(answers)).encode()
