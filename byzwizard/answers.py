"""The answers: the one source of truth of what a node is. Keys and defaults are the contract of the answers file."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, model_validator

from byzwizard import values
from byzwizard.i18n import _

Keep = str
KEEP = ("identity", "mesh", "wifi", "services", "home")


def _secret(value: SecretStr) -> SecretStr:
    values.passphrase(value.get_secret_value())
    return value


def _is(check: Callable[[Any], Any]) -> AfterValidator:
    return AfterValidator(check)


Passphrase = Annotated[SecretStr, AfterValidator(_secret)]
Channel = Annotated[int, _is(values.channel)]
Interface = Annotated[str, _is(values.interface)]
NodeId = Annotated[str, _is(values.node_id)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _WithPassphrase(_Section):
    """A section in which `passphrase_file` may stand instead of `passphrase`."""

    passphrase: Passphrase | None = None
    passphrase_file: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "_WithPassphrase":
        if self.passphrase is not None and self.passphrase_file is not None:
            raise ValueError(_("Both passphrase and passphrase_file are given; keep one of them."))
        return self


class Node(_Section):
    name: Annotated[str, _is(values.node_name)] | None = None
    language: Annotated[str, _is(values.language)] = "en"
    keyboard: Annotated[str, _is(values.keyboard)] = "us"
    country: Annotated[str, _is(values.country)] = "00"
    mac: Literal["random", "permanent"] = "random"


class Mesh(_WithPassphrase):
    name: Annotated[str, _is(values.mesh_name)] = "byzantium"
    routing: Literal["babel", "batman-adv", "olsr", "none"] = "babel"
    link: Literal["auto", "802.11s", "ibss", "hub", "wired"] = "auto"
    interfaces: Literal["auto"] | tuple[Interface, ...] = "auto"
    channel: Channel = 11
    security: Literal["sae", "open"] = "sae"
    bssid: Annotated[str, _is(values.bssid)] | None = None
    addresses: Literal["hash", "ahcp"] = "hash"
    subnet: Annotated[str, _is(values.subnet)] = "auto"
    blocked: tuple[NodeId, ...] = ()


class AccessPoint(_WithPassphrase):
    enable: Literal["auto"] | bool = "auto"
    ssid: Annotated[str, _is(values.ssid)] = "Byzantium"
    channel: Literal["auto"] | Channel = "auto"


class Wifi(_WithPassphrase):
    ssid: Annotated[str, _is(values.ssid)]


class Internet(_Section):
    share: Literal["ask", "auto", "never"] | tuple[Interface, ...] = "ask"
    wifi: Wifi | None = None
    dns: tuple[Annotated[str, _is(values.dns_server)], ...] = ("9.9.9.9", "149.112.112.112", "1.1.1.1", "8.8.8.8")


class Remote(_Section):
    ssh_keys: tuple[Annotated[str, _is(values.ssh_key)], ...] = ()
    web_terminal: bool = False


class Persistence(_Section):
    kind: Literal["none", "save.dat", "partition"] = "none"
    device: str = "auto"
    size: Annotated[str, _is(values.size_or_max)] = "max"
    encrypt: bool = True
    passphrase: Passphrase | None = None
    passphrase_file: str | None = None
    opens_on: Annotated[str, _is(values.size)] = "1GiB"
    keep: tuple[Keep, ...] = KEEP

    @model_validator(mode="after")
    def _one_of_both(self) -> "Persistence":
        if self.passphrase is not None and self.passphrase_file is not None:
            raise ValueError(_("Both passphrase and passphrase_file are given; keep one of them."))
        return self


class Clone(_Section):
    to: tuple[str, ...] = ()
    content: Literal["blank", "answers", "data"] = "blank"


class Answers(_Section):
    byzantium: Literal[1] = 1
    node: Node = Node()
    mesh: Mesh = Mesh()
    access_point: AccessPoint = AccessPoint()
    internet: Internet = Internet()
    portal: bool = True
    services: tuple[Annotated[str, _is(values.service_name)], ...] = ()
    remote: Remote = Remote()
    persistence: Persistence = Persistence()
    clone: Clone = Clone()
