"""One validator per value: pure, shared by page, answers file and backend. Each returns the value or raises
ValueError with a sentence for a person."""

import re

from byzwizard.i18n import _

SIZE_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}


def _bytes_within(text: str, low: int, high: int, what: str) -> str:
    size = len(text.encode())
    if not low <= size <= high:
        raise ValueError(_("{what} must be {low} to {high} bytes long, this is {size}.").format(
            what=what, low=low, high=high, size=size))
    if not text.isprintable():
        raise ValueError(_("{what} must not hold control characters.").format(what=what))
    return text


def node_name(text: str) -> str:
    """A DNS label (RFC 1123), lower case."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise ValueError(_("A node's name is 1 to 63 small letters, digits or hyphens, with no hyphen at either end."))
    if text in {"here", "byzantium"}:
        raise ValueError(_("The name “{name}” always means the node one is on; choose another.").format(name=text))
    return text


def mesh_name(text: str) -> str:
    """1 to 28 bytes: the ID on the air is the name and four more (IEEE 802.11 mesh ID: 32 bytes)."""
    return _bytes_within(text, 1, 28, _("A mesh's name"))


def ssid(text: str) -> str:
    """1 to 32 bytes of UTF-8 (IEEE 802.11)."""
    return _bytes_within(text, 1, 32, _("A network's name"))


def passphrase(text: str) -> str:
    """8 to 63 printable ASCII characters (as WPA)."""
    if not 8 <= len(text) <= 63 or not all(" " <= c <= "~" for c in text):
        raise ValueError(_("A passphrase is 8 to 63 characters: letters, digits, signs and spaces of plain ASCII."))
    return text


def country(text: str) -> str:
    """ISO 3166 alpha-2 in upper case; 00 is the world domain of wireless-regdb."""
    if text != "00" and not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError(_("A country is two capital letters, such as DE or US; 00 where it is not known."))
    return text


CHANNELS_24 = tuple(range(1, 15))
CHANNELS_5 = (36, 40, 44, 48, 52, 56, 60, 64, 100, 104, 108, 112, 116, 120, 124, 128, 132, 136, 140, 144, 149, 153, 157,
              161, 165)


def channel(number: int) -> int:
    """A channel number of the 2.4 or 5 GHz band."""
    if number not in CHANNELS_24 + CHANNELS_5:
        raise ValueError(_("Channel {number} is in neither band: 1 to 14, or 36 to 165.").format(number=number))
    return number


def channel_mhz(number: int) -> int:
    """Centre frequency in MHz of a channel() (IEEE 802.11)."""
    if number == 14:
        return 2484
    return 2407 + 5 * number if number < 14 else 5000 + 5 * number


def bssid(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text) or int(text[:2], 16) & 1:
        raise ValueError(_("A BSSID is six pairs of hexadecimal digits with colons, such as 02:CA:FF:EE:BA:BE."))
    return text.lower()


def subnet(text: str) -> str:
    """auto, or 10.x.y.0/24 outside 10.255.0.0/16."""
    if text == "auto":
        return text
    found = re.fullmatch(r"10\.(\d{1,3})\.(\d{1,3})\.0/24", text)
    if not found or any(int(part) > 255 or str(int(part)) != part for part in found.groups()):
        raise ValueError(_("The clients' network is auto, or of the form 10.x.y.0/24."))
    if found[1] == "255":
        raise ValueError(_("10.255.0.0/16 is reserved; choose another 10.x.y.0/24."))
    return text


def size(text: str) -> str:
    """A number with MB, GB (powers of ten) or MiB, GiB (powers of two)."""
    if not re.fullmatch(r"[1-9]\d{0,5}(MB|GB|MiB|GiB)", text):
        raise ValueError(_("A size is a whole number with MB, GB, MiB or GiB, such as 900MB or 4GiB."))
    return text


def size_or_max(text: str) -> str:
    return text if text == "max" else size(text)


def size_bytes(text: str) -> int:
    """Bytes of a size()."""
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()  # type: ignore[union-attr]  # size() has checked it
    return int(number) * SIZE_UNITS[unit]


def interface(text: str) -> str:
    """A Linux interface name (IFNAMSIZ 16)."""
    if not re.fullmatch(r"[^\s/:]{1,15}", text) or text in {".", ".."}:
        raise ValueError(_("“{name}” cannot be the name of a network interface.").format(name=text[:40]))
    return text


def node_id(text: str) -> str:
    """The canonical name: 32 base32 characters of the SHA-256 of the node's key."""
    if not re.fullmatch(r"[a-z2-7]{32}", text):
        raise ValueError(_("A node id is 32 characters of a-z and 2-7."))
    return text


def service_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", text):
        raise ValueError(_("A service's name is small letters, digits and hyphens."))
    return text


def language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Z]{2})?", text):
        raise ValueError(_("A language is a code such as en, fr or pt_BR."))
    return text


def keyboard(text: str) -> str:
    """A keymap name for loadkeys."""
    if not re.fullmatch(r"[a-z][A-Za-z0-9_-]{0,31}", text):
        raise ValueError(_("A keyboard is a layout's name such as us, de or fr-latin9."))
    return text


def ssh_key(text: str) -> str:
    """One public key line of OpenSSH's authorized_keys, without options."""
    if not re.fullmatch(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]{40,}( [^\n\r]*)?", text):
        raise ValueError(_("An SSH key is one line as in a .pub file: its type, the key, and a comment."))
    return text


def dns_server(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(_("A DNS server is an IP address such as 9.9.9.9.")) from None
