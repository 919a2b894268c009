"""Takes out of a text what must not leave the house: secrets, addresses, names, numbers of a person's things.

The same thing gets the same mark everywhere (<mac-1>), so that a log can still be followed.
"""

import re
from collections.abc import Iterable
from functools import partial

# What stands behind these words is a secret: a quoted text, a plain JSON value, else the rest of the line.
SECRET_WORDS = (r"[\w.-]*(?:pass(?:phrase|word|wd)?|psk|secret|sae_password|wpa_passphrase|private[_ -]?key|hmac|"
                r"value|cookie|token|credential|byzantium\.answers)[\w-]*")
QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'(?=\s|$|[,}\])])"
SECRET = re.compile(rf"(?i)(?<![\w-])(?P<key>\"{SECRET_WORDS}\"[ \t]*:[ \t]*)(?:{QUOTED}|[^,\n}}\]]+)|"
                    rf"(?<![\w-])(?P<word>{SECRET_WORDS}[ \t]*[=:][ \t]*|key id \S+ type \S+ value )"
                    rf"(?:{QUOTED}|[^\n]+)")
NAME_WORDS = (r"(?:e?ssid2?|mesh[_ ]?id|network[_ ]?name|bssid|serial(?:[_ ]?number)?|host ?name|machine-id|uuid|"
              r"partuuid|nodename|alias)")
NAMED = re.compile(rf"(?i)((?<![\w-])\"?{NAME_WORDS}\"?[ \t]*[=:][ \t]*|(?<![\w-])SSID )"
                   rf"({QUOTED}|null\b|[^\s,;}}\]\"'][^\n,}}\]]*)")
MAC = re.compile(r"(?i)(?<![0-9a-f:.-])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4,6}[0-9a-f]{2}"
                 r"(?![0-9a-f]|[:-][0-9a-f]{2}\b)")
MAC_NAME = re.compile(r"(?i)\b(wlx|enx)[0-9a-f]{12}\b")
IPV4 = re.compile(r"(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w-]|\.\d)")
IPV6 = re.compile(r"(?i)(?<![0-9a-z:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![0-9a-z:])")
UUID = re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|"
                  r"\b\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-\d\d\b")
LONG_HEX = re.compile(r"(?i)\b[0-9a-f]{24,}\b")
NODE_ID = re.compile(r"\b[a-z2-7]{32}\b")
NODE_NAME = re.compile(r"\bbyz-[0-9a-f]{6}\b")
MESH_DOMAIN = re.compile(r"(?i)\b(?!here\b)[a-z0-9-]{1,63}\.byzantium\.mesh\b")
BASE64 = re.compile(r"(?<![\w+/=])(?=[\w+/]*\d)(?=[\w+/]*[A-Z])[A-Za-z0-9+/]{40,}={0,2}")
AIR_ID = re.compile(r"[^\s\"'=:]{1,28}~(?:pub|prv|opn)\b")
KEPT = {"127.0.0.1", "0.0.0.0", "255.255.255.255", "10.255.255.1", "::", "::1", "fe80::", "ff02::"}
KEPT_MACS = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}
SHORTEST = 3  # shorter known names would take half the text with them


class Scrubber:
    """`secrets` and `names` are exact texts that are known here: passphrases; mesh, network and host names, serial
    numbers. They go wherever they stand, also inside words for secrets."""

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[tuple[str, str]] = ()) -> None:
        self._marks: dict[tuple[str, str], str] = {}
        self._secrets = sorted({text for text in secrets if text}, key=len, reverse=True)
        self._names = sorted({(text, kind) for text, kind in names if len(text) >= SHORTEST and text != "byzantium"},
                             key=lambda pair: -len(pair[0]))

    def scrub(self, text: str) -> str:
        for secret in self._secrets:
            for form in (secret, secret.replace("\\", "\\\\").replace('"', '\\"'), secret.encode().hex()):
                text = text.replace(form, "<secret>")
        text = SECRET.sub(_without_value, text)
        for name, kind in self._names:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", self._mark(kind, name), text)
        text = NAMED.sub(self._named, text)
        for pattern, kind in ((AIR_ID, "mesh"), (UUID, "uuid"), (MAC_NAME, "interface"), (MAC, "mac"),
                              (IPV6, "ipv6"), (IPV4, "ipv4"), (MESH_DOMAIN, "name"), (NODE_NAME, "name"),
                              (NODE_ID, "id"), (LONG_HEX, "hex"), (BASE64, "base64")):
            text = pattern.sub(partial(self._marked, kind), text)
        return text

    def _named(self, found: re.Match[str]) -> str:
        value = found[2].strip("\"'")
        if not value or value == "null" or value.startswith("<"):
            return found[0]
        quote = found[2][0] if found[2][0] in "\"'" else ""
        return f"{found[1]}{quote}{self._mark('name', value)}{quote}"

    def _marked(self, kind: str, found: re.Match[str]) -> str:
        value = found[0]
        if kind == "ipv6" and not _is_ipv6(value):
            return value
        if value.lower() in KEPT or value.lower() in KEPT_MACS:
            return value
        return self._mark(kind, value)

    def _mark(self, kind: str, value: str) -> str:
        return self._marks.setdefault((kind, value.lower()), f"<{kind}-{self._count(kind) + 1}>")

    def _count(self, kind: str) -> int:
        return sum(known == kind for known, _value in self._marks)


def _without_value(found: re.Match[str]) -> str:
    if found["key"]:
        return f'{found["key"]}"<secret>"'
    return f'{found["word"]}<secret>'


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
