"""The stage "remote": a shell over SSH for the keys that the answers name; without keys no SSH server runs."""

from collections.abc import Sequence
from typing import Any

from byzwizard.backends.system import System
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit, keep_copy
from byzwizard.i18n import _, ngettext
from byzwizard.machine import Machine
from byzwizard.plan import Progress, Step, step_class
from byzwizard.resolve import Resolved

UNIT = "byz-ssh.service"
HOST_KEY = "/var/lib/byzantium/ssh/host_ed25519"
CONFIG = "/run/byzantium/ssh/sshd_config"
KEYS = "/run/byzantium/ssh/authorized_keys"
# PAM stays on: without it sshd refuses root, whose password is locked (sshd_config(5), UsePAM).
CONFIG_TEXT = f"""\
Port 22
HostKey {HOST_KEY}
AuthorizedKeysFile {KEYS}
AllowUsers root
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding no
"""


@step_class
class HostKey(Step):
    """Kept over an undo: those who have seen it would take a new one for an attack."""

    def needed(self, system: System) -> bool:
        return system.read(HOST_KEY) is None

    def apply(self, system: System, progress: Progress) -> None:
        folder = system.path(HOST_KEY).parent
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        system.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "byzantium", "-f", HOST_KEY)

    def undo(self, system: System, before: Any) -> None:
        """Nothing listens with it once the server is stopped."""


@step_class
class ForgetKeys(Step):
    def needed(self, system: System) -> bool:
        return system.read(KEYS) is not None

    def before(self, system: System) -> Any:
        """Path of a private copy."""
        return keep_copy(system, system.read(KEYS) or "")

    def apply(self, system: System, progress: Progress) -> None:
        system.remove(KEYS)

    def undo(self, system: System, before: Any) -> None:
        system.write(KEYS, system.read(before) or "", mode=0o600)


class RemoteStage:
    name = "remote"

    @property
    def title(self) -> str:
        return _("Remote access")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        keys = resolved.answers.remote.ssh_keys
        if not keys:
            return (
                StopUnit(id="ssh-off", text=_("Let nobody in over SSH"), unit=UNIT),
                ForgetKeys(id="ssh-no-keys", text=_("Forget the SSH keys that were let in"), after=("ssh-off",)),
            )
        return (
            HostKey(id="ssh-host-key", text=_("Make the key by which this node is known over SSH")),
            ConfigFile(
                id="ssh-keys",
                text=ngettext("Let {n} SSH key in as root", "Let {n} SSH keys in as root", len(keys)).format(
                    n=len(keys)
                ),
                path=KEYS,
                content="".join(f"{key}\n" for key in keys),
                mode=0o600,
            ),
            ConfigFile(
                id="ssh-config", text=_("Write the SSH server's settings: keys only"), path=CONFIG, content=CONFIG_TEXT
            ),
            RunUnit(
                id="ssh",
                text=_("Start the SSH server"),
                unit=UNIT,
                files=(CONFIG,),
                after=("ssh-host-key", "ssh-keys", "ssh-config"),
            ),
        )


REMOTE = RemoteStage()
