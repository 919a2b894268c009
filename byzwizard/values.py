"""One validator per value: pure, shared by page, answers file and backend.

Each returns the value (tidied) or raises BadValue, a ValueError that is a sentence for a person. The patterns stand
in the JSON Schema as well, so that editors know them.
"""

import base64
import binascii
import ipaddress
import re

from byzwizard.countries import COUNTRIES
from byzwizard.i18n import _

SIZE_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}

NODE_NAME = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
PASSPHRASE = r"[ -~]{8,63}"
BSSID = r"[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}"
SUBNET = r"10\.([0-9]{1,3})\.([0-9]{1,3})\.0/24"
SIZE = r"[1-9][0-9]{0,5}(MB|GB|MiB|GiB)"
INTERFACE = r"[^\s/:]{1,15}"
NODE_ID = r"[a-z2-7]{32}"
# A WireGuard key, and where its owner is called: uplinks have IPv4 alone.
ISLAND = r"([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(@([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):([1-9][0-9]{0,4}))?"
SERVICE = r"[a-z][a-z0-9-]{0,31}"
# Where a service is found, as its node tells others: they believe nothing else (directory.py). HOST is that node.
OFFERED = r"(?:https|ircs|mumble)://HOST(?::[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~-]+)*/?"
LANGUAGE = r"[a-z]{2,3}(_[A-Z]{2})?"
KEYBOARD = r"[a-z][A-Za-z0-9_-]{0,31}"
SSH_KEY = r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]+|sk-[a-z0-9@.-]+) ([A-Za-z0-9+/=]{40,})( [^\r\n]*)?"
KEEP = r"identity|mesh|wifi|services|home|logs|services\.[a-z][a-z0-9-]{0,31}"


class BadValue(ValueError):
    """What is wrong, and where it can be said, what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


def shown(text: str, limit: int = 40) -> str:
    """`text` for a message: cut, and harmless to a terminal."""
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def _bytes_within(text: str, low: int, high: int, what: str) -> str:
    if any(c < " " or "\x7f" <= c <= "\x9f" or c in "\u2028\u2029" or "\ud800" <= c <= "\udfff" for c in text):
        raise BadValue(_("{what} must not hold control characters or line breaks.").format(what=what))
    size = len(text.encode())
    if not low <= size <= high:
        raise BadValue(
            _("{what} must be {low} to {high} bytes long, this is {size}.").format(
                what=what, low=low, high=high, size=size
            )
        )
    return text


# Always the node that one is on; and names that phones and computers look up by themselves (WPAD, ISATAP, RFC 6761).
RESERVED = frozenset({"here", "byzantium", "wpad", "isatap", "localhost"})


def node_name(text: str) -> str:
    """A DNS label (RFC 1123), lower case."""
    if not re.fullmatch(NODE_NAME, text):
        raise BadValue(
            _("A node's name is 1 to 63 small letters, digits or hyphens, with no hyphen at either end."),
            _suggest(text, re.sub(r"[^a-z0-9]+", "-", text.lower()[:63]).strip("-"), NODE_NAME),
        )
    if re.fullmatch(r"[a-z2-7]{32}", text):
        raise BadValue(
            _("A node's name must not look like a node id (32 characters of a-z and 2-7)."), _("Choose a shorter one.")
        )
    if text in RESERVED or text.startswith("fe80--"):
        raise BadValue(_("The name “{name}” has a meaning of its own; choose another.").format(name=text))
    return text


def mesh_name(text: str) -> str:
    """1 to 28 bytes: the ID on the air is the name and four more (IEEE 802.11 mesh ID: 32 bytes)."""
    return _bytes_within(text, 1, 28, _("A mesh's name"))


def ssid(text: str) -> str:
    """1 to 32 bytes of UTF-8 (IEEE 802.11)."""
    return _bytes_within(text, 1, 32, _("A network's name"))


def passphrase(text: str) -> str:
    """8 to 63 printable ASCII characters (as WPA). The message never holds any of it."""
    if not re.fullmatch(PASSPHRASE, text):
        raise BadValue(_("A passphrase is 8 to 63 characters: letters, digits, signs and spaces of plain ASCII."))
    return text


def country(text: str) -> str:
    """ISO 3166-1 alpha-2 in upper case; 00 is the world domain of wireless-regdb."""
    if text == "00" or text in COUNTRIES:
        return text
    if text.upper() in COUNTRIES:
        raise BadValue(
            _("A country is written in capital letters."),
            _("Write {code} instead of {text}.").format(code=text.upper(), text=shown(text)),
        )
    hint = _("Great Britain is GB.") if text.upper() == "UK" else ""
    raise BadValue(_("A country is two capital letters of ISO 3166, such as DE or US; 00 where it is not known."), hint)


CHANNELS_24 = tuple(range(1, 15))
CHANNELS_5 = (
    *range(36, 65, 4),
    *range(100, 145, 4),
    *range(149, 166, 4),
)


def channel(number: int) -> int:
    """A channel number of the 2.4 or 5 GHz band."""
    if number in CHANNELS_24 or number in CHANNELS_5:
        return number
    raise BadValue(
        _("Channel {number} is in neither band: 1 to 14 at 2.4 GHz, or 36, 40, 44 … 165 at 5 GHz.").format(
            number=number
        ),
        _("Channel 11 may be used everywhere."),
    )


def channel_mhz(number: int) -> int:
    """Centre frequency in MHz of a channel() (IEEE 802.11)."""
    if number == 14:
        return 2484
    return 2407 + 5 * number if number < 14 else 5000 + 5 * number


def bssid(text: str) -> str:
    """The address of one station: six bytes, the group bit clear."""
    if not re.fullmatch(BSSID, text):
        raise BadValue(
            _("A BSSID is six pairs of hexadecimal digits with colons, the first of them even, as 02:CA:FF:EE:BA:BE.")
        )
    return text.lower()


def subnet(text: str) -> str:
    """auto, or 10.x.y.0/24 outside 10.255.0.0/16."""
    if text == "auto":
        return text
    found = re.fullmatch(SUBNET, text)
    if not found or any(int(part) > 255 or str(int(part)) != part for part in found.groups()):
        raise BadValue(_("The clients' network is auto, or of the form 10.x.y.0/24."), _("An example: 10.83.4.0/24."))
    if found[1] == "255":
        raise BadValue(_("10.255.0.0/16 is reserved; choose another 10.x.y.0/24."))
    return text


def size(text: str) -> str:
    """A number with MB, GB (powers of ten) or MiB, GiB (powers of two)."""
    if not re.fullmatch(SIZE, text):
        raise BadValue(
            _("A size is a whole number with MB, GB, MiB or GiB, such as 900MB or 4GiB."),
            _suggest(text, _tidy_size(text), SIZE),
        )
    return text


def size_or_max(text: str) -> str:
    return text if text == "max" else size(text)


def size_bytes(text: str) -> int:
    """Bytes of a size()."""
    unit = text.lstrip("0123456789")
    return int(text.removesuffix(unit)) * SIZE_UNITS[unit]


def _tidy_size(text: str) -> str:
    """What “4 gib”, “4G” or “900mb” most likely means; a bare G is that of whoever prints it on a stick."""
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*([mg])(i?)b?\s*", text.lower())
    return f"{found[1]}{found[2].upper()}{found[3]}B" if found else ""


def _suggest(text: str, better: str, pattern: str) -> str:
    if better == text or not re.fullmatch(pattern, better):
        return ""
    return _("Did you mean {text}?").format(text=better)


def interface(text: str) -> str:
    """A Linux interface name (IFNAMSIZ 16)."""
    if not re.fullmatch(INTERFACE, text) or not text.isprintable() or text in {".", ".."}:
        raise BadValue(_("“{name}” cannot be the name of a network interface.").format(name=shown(text)))
    return text


def interfaces(names: tuple[str, ...]) -> tuple[str, ...]:
    """At least one, and none twice."""
    if not names:
        raise BadValue(_("This list of network interfaces is empty."), _("Name at least one, or leave the key out."))
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadValue(_("The network interface {name} stands here twice.").format(name=shown(twice)))
    return names


def services(names: tuple[str, ...]) -> tuple[str, ...]:
    """None twice."""
    if twice := next((name for n, name in enumerate(names) if name in names[:n]), None):
        raise BadValue(_("The service {name} stands here twice.").format(name=shown(twice)), _("Take one out."))
    return names


def node_id(text: str) -> str:
    """The canonical name: 32 base32 characters of the SHA-256 of the node's key."""
    if not re.fullmatch(NODE_ID, text):
        raise BadValue(_("A node id is 32 characters of a-z and 2-7."), _("`byzwizard status` on that node shows it."))
    return text


def island(text: str) -> str:
    """KEY, or KEY@HOST:PORT."""
    island_parts(text)
    return text


def island_parts(text: str) -> tuple[str, str | None, int | None]:
    """(the other node's WireGuard key, host, port); no host where the other one calls."""
    found = re.fullmatch(ISLAND, text)
    if not found or int(found[5] or 1) > 65535 or any(len(label) > 63 for label in (found[3] or "").split(".")):
        raise BadValue(
            _("An island is the key of its node, and where it is called: KEY@HOST:PORT, or KEY alone."),
            _("The page Internet of that node shows its key, as does `byzwizard status` there."),
        )
    return found[1], found[3], int(found[5]) if found[5] else None


def service_name(text: str) -> str:
    """How a descriptor may be named; whether there is one is asked of the catalogue."""
    if not re.fullmatch(SERVICE, text):
        raise BadValue(_("A service's name is small letters, digits and hyphens."))
    return text


def language(text: str) -> str:
    """ISO 639, and a country where it matters (gettext's names)."""
    if not re.fullmatch(LANGUAGE, text):
        raise BadValue(_("A language is a code such as en, fr or pt_BR."))
    return text


def keyboard(text: str) -> str:
    """A keymap name for loadkeys."""
    if not re.fullmatch(KEYBOARD, text):
        raise BadValue(_("A keyboard is a layout's name such as us, de or fr-latin9."))
    return text


def ssh_key(text: str) -> str:
    """One public key line of OpenSSH's authorized_keys, without options; its inner length and type agree."""
    found = re.fullmatch(SSH_KEY, text)
    if not found or not text.isprintable():
        raise BadValue(_("An SSH key is one line as in a .pub file: its type, the key, and a comment."))
    if not _whole_key(found[1].encode(), found[2]):
        raise BadValue(_("This SSH key is damaged."), _("Copy the whole line of the .pub file again."))
    return text


def _whole_key(kind: bytes, encoded: str) -> bool:
    """A key is fields, each behind its length in 4 bytes (RFC 4251 section 5), and the first names the kind."""
    try:
        rest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    first = rest[4 : 4 + len(kind)]
    while len(rest) >= 4 and len(rest) >= (end := 4 + int.from_bytes(rest[:4])):
        rest = rest[end:]
    return first == kind and not rest


def dns_server(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise BadValue(_("A DNS server is an IP address such as 9.9.9.9.")) from None


def device(text: str) -> str:
    """auto, a path below /dev, a serial number, or internal: and a serial number."""
    bad = not text or not text.isprintable() or text != text.strip() or len(text) > 200 or text == "internal:"
    if bad or (text.startswith("/") and not re.fullmatch(r"/dev/[^\s]+", text)):
        raise BadValue(_("A device is a path such as /dev/sdb, or a serial number; `byzwizard inspect` lists them."))
    return text


def file_path(text: str) -> str:
    if not text or not text.isprintable() or len(text.encode()) > 4000:
        raise BadValue(_("This is the path of a file, such as /run/secret/passphrase."))
    return text


def kept(text: str) -> str:
    """What a store may keep."""
    if not re.fullmatch(KEEP, text):
        raise BadValue(
            _("What can be kept is identity, mesh, wifi, services, home, logs, or one service as services.NAME.")
        )
    return text


ALERT = 200  # characters of an alert, two and a half lines of a phone
ALERT_HOURS = 7 * 24
JOINERS = "\u200c\u200d"  # Unicode's zero width joiners, without which Persian and Hindi are misspelt


def alert_text(text: str) -> str:
    """One line of plain text for everybody in the mesh; spaces and line breaks become single spaces."""
    tidy = " ".join(text.split())
    if not tidy.strip(JOINERS):
        raise BadValue(_("An alert says something."), _("Write a sentence."))
    if len(tidy) > ALERT:
        raise BadValue(
            _("An alert has at most {most} characters, this one has {size}.").format(most=ALERT, size=len(tidy)),
            _("Say what happened, where, and what to do."),
        )
    if not all(c.isprintable() or c in JOINERS for c in tidy):
        raise BadValue(_("An alert must not hold control characters."))
    return tidy


def alert_hours(hours: int) -> int:
    """How long an alert stands."""
    if not 1 <= hours <= ALERT_HOURS:
        raise BadValue(_("An alert stands for 1 to {most} hours.").format(most=ALERT_HOURS))
    return hours
