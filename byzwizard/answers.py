"""The answers: the one source of truth of what a node is. Keys and defaults are the contract of the answers file.

Each key's description is printed in the saved file and in the JSON Schema. The models are whole with pydantic alone;
reading and writing files is in answers_file.py and answers_text.py, which are loaded when they are needed.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, WithJsonSchema, model_validator

from byzwizard import catalogue_names, values
from byzwizard.i18n import N_, _

KEEP = ("identity", "mesh", "wifi", "services", "home")


def _secret(value: SecretStr) -> SecretStr:
    values.passphrase(value.get_secret_value())
    return value


def _is(check: Callable[[Any], Any]) -> AfterValidator:
    return AfterValidator(check)


def _text(pattern: str = "", **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **({"pattern": f"^({pattern})$"} if pattern else {}), **more})


_SECRET_SCHEMA = {"type": "string", "minLength": 8, "maxLength": 63, "pattern": "^[ -~]*$", "writeOnly": True}
_CHANNELS = list(values.CHANNELS_24 + values.CHANNELS_5)

Passphrase = Annotated[SecretStr, AfterValidator(_secret), WithJsonSchema(_SECRET_SCHEMA)]
Channel = Annotated[int, _is(values.channel), WithJsonSchema({"type": "integer", "enum": _CHANNELS})]
Interface = Annotated[str, _is(values.interface), _text(values.INTERFACE)]
NodeId = Annotated[str, _is(values.node_id), _text(values.NODE_ID)]
Island = Annotated[str, _is(values.island), _text(values.ISLAND)]
Ssid = Annotated[str, _is(values.ssid), _text(minLength=1, maxLength=32)]
Device = Annotated[str, _is(values.device), _text(minLength=1)]
Service = Annotated[str, _is(catalogue_names.known), _text(values.SERVICE)]
FilePath = Annotated[str, _is(values.file_path), _text(minLength=1)]
# A list is what YAML and callers give; kept as a tuple, since answers never change in place.
Interfaces = Annotated[tuple[Interface, ...], Field(strict=False), _is(values.interfaces)]


class Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, use_attribute_docstrings=False,
        defer_build=True
    )


def contradictions(section: Mapping[str, Any]) -> Iterator[tuple[str, values.BadValue]]:
    """The rules between keys of one section, for a file's data and for a model alike: (key, what is wrong)."""
    if section.get("passphrase") is not None and section.get("passphrase_file") is not None:
        yield (
            "passphrase_file",
            values.BadValue(_("Both passphrase and passphrase_file are given."), _("Keep one of them.")),
        )
    if section.get("security") == "open":
        for key in ("passphrase", "passphrase_file"):
            if section.get(key) is not None:
                yield (
                    key,
                    values.BadValue(
                        _("The mesh is open (mesh.security), so this passphrase would protect nothing."),
                        _("Set mesh.security to sae for a private mesh, or take the passphrase out."),
                    ),
                )


_NOT_BOTH: dict[str, Any] = {
    "not": {
        "properties": {"passphrase": {"type": "string"}, "passphrase_file": {"type": "string"}},
        "required": ["passphrase", "passphrase_file"],
    }
}


class WithPassphrase(Section):
    """A section in which `passphrase_file` may stand instead of `passphrase`."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH)

    @model_validator(mode="after")
    def _no_contradictions(self) -> "WithPassphrase":
        for _key, fault in contradictions(self.__dict__):
            raise fault
        return self


PASSPHRASE_FILE = N_("Or a file that holds the passphrase; a relative name begins in the folder of this file.")


class Node(Section):
    name: Annotated[str, _is(values.node_name), _text(values.NODE_NAME)] | None = Field(
        default=None,
        description=N_("Its name: small letters, digits, hyphens. null: byz- and 6 digits of its identity."),
    )
    language: Annotated[str, _is(values.language), _text(values.LANGUAGE)] = Field(
        default="en", description=N_("Language of the screens, such as en, es, fr, de.")
    )
    keyboard: Annotated[str, _is(values.keyboard), _text(values.KEYBOARD)] = Field(
        default="us", description=N_("Keyboard layout of the console, such as us, de, fr.")
    )
    country: Annotated[str, _is(values.country), _text("00|[A-Z]{2}")] = Field(
        default="00",
        description=N_("Country whose Wi-Fi rules hold: two capital letters (ISO 3166); 00 where unknown."),
    )
    mac: Literal["random", "permanent"] = Field(
        default="random",
        description=N_("Wi-Fi address: random (made from the node's identity) or permanent (the card's own)."),
    )


class Mesh(WithPassphrase):
    name: Annotated[str, _is(values.mesh_name), _text(minLength=1, maxLength=28)] = Field(
        default="byzantium",
        description=N_("Its name, 1 to 28 bytes. Nodes of the same name and passphrase find each other."),
    )
    routing: Literal["babel", "batman-adv", "olsr", "none"] = Field(
        default="babel", description=N_("How ways through the mesh are found: babel, batman-adv, olsr or none.")
    )
    link: Literal["auto", "802.11s", "ibss", "hub", "wired"] = Field(
        default="auto",
        description=N_("How nodes are linked: auto (what the card does best), 802.11s, ibss, hub or wired."),
    )
    interfaces: Literal["auto"] | Interfaces = Field(
        default="auto", description=N_("What meshes: auto, or a list such as [wlan0, eth0].")
    )
    channel: Channel = Field(
        default=11, description=N_("Channel: 1 to 14 at 2.4 GHz, 36 to 165 at 5 GHz; the same on all nodes.")
    )
    security: Literal["sae", "open"] = Field(
        default="sae", description=N_("sae: encrypted on the air. open: neither encrypted nor protected.")
    )
    passphrase: Passphrase | None = Field(
        default=None,
        description=N_(
            "null: the public mesh of that name, which anyone may join. 8 to 63 plain characters: a private mesh."
        ),
    )
    passphrase_file: FilePath | None = Field(default=None, description=PASSPHRASE_FILE)
    bssid: Annotated[str, _is(values.bssid), _text(values.BSSID)] | None = Field(
        default=None, description=N_("With link ibss only: the cell's address, such as 02:CA:FF:EE:BA:BE.")
    )
    addresses: Literal["hash", "ahcp"] = Field(
        default="hash",
        description=N_(
            "Where the node's addresses come from: hash (of its identity), or ahcp, which also asks the AHCP servers "
            "of the mesh for one more (with babel or batman-adv)."
        ),
    )
    subnet: Annotated[str, _is(values.subnet), _text(f"auto|{values.SUBNET}")] = Field(
        default="auto", description=N_("The network of this node's phones: auto, or 10.x.y.0/24 (10.255 is reserved).")
    )
    blocked: Annotated[tuple[NodeId, ...], Field(strict=False)] = Field(
        default=(), description=N_("Ids of nodes that this node does not talk to.")
    )


class AccessPoint(WithPassphrase):
    enable: Literal["auto"] | bool = Field(
        default="auto",
        description=N_("Let phones join: auto (where the card can do it beside the mesh), true or false."),
    )
    ssid: Ssid = Field(default="Byzantium", description=N_("Name of the network that phones see, 1 to 32 bytes."))
    channel: Literal["auto"] | Channel = Field(
        default="auto", description=N_("auto, or a channel for a card that does nothing but serve phones.")
    )
    passphrase: Passphrase | None = Field(
        default=None, description=N_("null: open to everyone. 8 to 63 plain characters: phones are asked for it.")
    )
    passphrase_file: FilePath | None = Field(default=None, description=PASSPHRASE_FILE)


class Wifi(WithPassphrase):
    ssid: Ssid = Field(description=N_("Name of the Wi-Fi network that leads to the Internet."))
    passphrase: Passphrase | None = Field(default=None, description=N_("Its passphrase; null: it has none."))
    passphrase_file: FilePath | None = Field(default=None, description=PASSPHRASE_FILE)


DNS = ("9.9.9.9", "149.112.112.112", "1.1.1.1", "8.8.8.8")


class Internet(Section):
    share: Literal["ask", "auto", "never"] | Interfaces = Field(
        default="ask", description=N_("Share the Internet with the mesh: ask, auto, never, or a list such as [eth0].")
    )
    wifi: Wifi | None = Field(default=None, description=N_("Internet over Wi-Fi: null, or its ssid and passphrase."))
    dns: Annotated[tuple[Annotated[str, _is(values.dns_server), _text()], ...], Field(strict=False)] = Field(
        default=DNS,
        description=N_("Addresses of the name servers asked while there is an Internet connection."),
    )
    islands: Annotated[tuple[Island, ...], Field(strict=False)] = Field(
        default=(),
        description=N_("Meshes to join over the Internet, if their owners agree: KEY@HOST:PORT; KEY where they call."),
    )

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers that an uplink leads to, which has IPv4 alone; Byzantium's own where it is none of them."""
        return tuple(server for server in self.dns if ":" not in server) or DNS


class Remote(Section):
    ssh_keys: Annotated[tuple[Annotated[str, _is(values.ssh_key), _text(values.SSH_KEY)], ...], Field(strict=False)] = (
        Field(default=(), description=N_("Public SSH keys that may log in; with none, nobody can. One .pub line each."))
    )
    web_terminal: bool = Field(default=False, description=N_("A terminal in the browser: true or false."))


class Persistence(Section):
    kind: Literal["none", "save.dat", "partition"] = Field(
        default="none",
        description=N_("What keeps data over a restart: none, save.dat (a file on the stick) or partition."),
    )
    device: Device = Field(
        default="auto",
        description=N_("auto (the stick this runs from), or /dev/…, or a serial number, or internal:SERIAL."),
    )
    size: Annotated[str, _is(values.size_or_max), _text(f"max|{values.SIZE}")] = Field(
        default="max", description=N_("900MB, 4GiB, or max: all that is free.")
    )
    encrypt: bool = Field(
        default=True, description=N_("true: it opens with a passphrase only. false: whoever has the stick reads it.")
    )
    passphrase_file: FilePath | None = Field(
        default=None, description=N_("A file that holds the passphrase of the store; null: it is asked for.")
    )
    opens_on: Annotated[str, _is(values.size), _text(values.SIZE)] = Field(
        default="1GiB", description=N_("Memory of the weakest computer that must be able to open it.")
    )
    keep: Annotated[tuple[Annotated[str, _is(values.kept), _text(values.KEEP)], ...], Field(strict=False)] = Field(
        default=KEEP, description=N_("What is kept: identity, mesh, wifi, services, home, logs, services.NAME.")
    )


class Clone(Section):
    to: Annotated[tuple[Device, ...], Field(strict=False)] = Field(
        default=(), description=N_("Devices or serial numbers of sticks to copy this stick to, once. They are erased.")
    )
    content: Literal["blank", "answers", "data"] = Field(
        default="blank",
        description=N_("What the copies carry: blank (the system alone), answers (join this mesh) or data."),
    )
    passphrase_file: FilePath | None = Field(
        default=None,
        description=N_("With data: a file that holds the passphrase of the copies' own stores; null: it is asked for."),
    )


class Answers(Section):
    byzantium: Literal[1] = Field(default=1, description=N_("Format of this file; the one key that must be there."))
    node: Node = Field(default=Node(), description=N_("This computer."))
    mesh: Mesh = Field(default=Mesh(), description=N_("The wireless network between nodes."))
    access_point: AccessPoint = Field(
        default=AccessPoint(), description=N_("The wireless network for phones and laptops.")
    )
    internet: Internet = Field(default=Internet(), description=N_("A connection to the Internet, where there is one."))
    portal: bool = Field(default=True, description=N_("Greet people who join with the front page: true or false."))
    services: Annotated[tuple[Service, ...], Field(strict=False), _is(values.services)] = Field(
        default=(), description=N_("What this node offers, such as [chat, pad, files].")
    )
    remote: Remote = Field(default=Remote(), description=N_("Looking after this node from another computer."))
    persistence: Persistence = Field(default=Persistence(), description=N_("Keeping data over a restart."))
    clone: Clone = Field(
        default=Clone(), description=N_("Copying this stick; done once, never kept for the next start.")
    )


def load(path: Path, gone: list[str] | None = None) -> Answers:
    """The answers in a file or pipe; a `passphrase_file` stays a name. Raises InvalidAnswers with every fault. `gone`
    takes the services that this version does not have, which are no fault then and left out."""
    from byzwizard import answers_file

    return answers_file.load(path, gone)


def parse(text: str, name: str = "answers.yaml", gone: list[str] | None = None) -> Answers:
    """The answers in `text`; `name` is for messages, `gone` as for load. Raises InvalidAnswers with every fault."""
    from byzwizard import answers_file

    return answers_file.parse(text, name, gone)


def with_secrets(answers: Answers, folder: Path = Path()) -> Answers:
    """Each `passphrase_file` read in and replaced by its `passphrase`; relative names are looked for in `folder`.
    Raises Invalid naming key and file."""
    from byzwizard import answers_file

    return answers_file.with_secrets(answers, folder)


def save_text(answers: Answers) -> str:
    """The file's text, with a comment for each key. Passphrases are in it: it belongs in a file of mode 0600."""
    from byzwizard import answers_text

    return answers_text.save_text(answers)
