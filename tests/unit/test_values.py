"""One validator per value: what is let through, what is not, and that the sentence helps."""

from collections.abc import Callable

import pytest

from byzwizard import values
from byzwizard.catalogue_names import known, names
from byzwizard.countries import COUNTRIES

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPLgWtCVHU/3Yq+5cBv1bJfqLv9a3bQ8n2l0m5X6Z7Y"

RIGHT: list[tuple[Callable[[str], str], list[str]]] = [
    (values.node_name, ["a", "0", "lighthouse", "no-1", "x" * 63]),
    (values.mesh_name, ["b", "x" * 28, "ü" * 14, "a b", "👩\u200d👩\u200d👧", "-"]),
    (values.ssid, ["b", "x" * 32, "ü" * 16, " a", "\u00a0"]),
    (values.passphrase, ["12345678", " " * 8, "~" * 63, 'a"b\\c d#: e']),
    (values.country, ["00", "NO", "DE"]),
    (values.bssid, ["02:ca:ff:ee:ba:be"]),
    (values.subnet, ["auto", "10.0.0.0/24", "10.254.255.0/24", "10.1.255.0/24"]),
    (values.size, ["1MB", "900MB", "4GiB"]),
    (values.size_or_max, ["max", "4GB"]),
    (values.interface, ["wlan0", "wlp3s0f0u4u1", "eth0.5", "a" * 15]),
    (values.node_id, ["abcdefghijklmnopqrstuvwxyz234567"]),
    (values.language, ["en", "pt_BR", "fil"]),
    (values.keyboard, ["us", "fr-latin9", "de"]),
    (values.ssh_key, [ED25519, f"{ED25519} me@home with words"]),
    (values.dns_server, ["9.9.9.9", "2620:fe::fe"]),
    (values.device, ["auto", "/dev/sdb", "/dev/disk/by-id/usb-x", "4C530001", "internal:S3Z8", "a b"]),
    (values.file_path, ["/run/secret", "beside", "a b"]),
    (values.kept, ["identity", "logs", "services.chat", "services"]),
    (known, ["chat", "ipsec"]),
]
WRONG: list[tuple[Callable[[str], str], list[str]]] = [
    (values.node_name, ["", "-a", "a-", "Aa", "a.b", "a_b", "x" * 64, "a\n", "ä", "here", "byzantium"]),
    (values.mesh_name, ["", "x" * 29, "ü" * 15, "a\nb", "a\0", "a\x7f", "a\x85b", "a\u2028b", "\ud83d"]),
    (values.ssid, ["", "x" * 33, "ü" * 17, "a\r", "\t"]),
    (values.passphrase, ["1234567", "x" * 64, "pässword", "tab\tbed in", "line\nbreak", "12345678\n"]),
    (values.country, ["", "no", "UK", "EU", "DEU", "0", "0O", "D\n"]),
    (values.bssid, ["", "02:ca:ff:ee:ba", "03:ca:ff:ee:ba:be", "02-ca-ff-ee-ba-be", "02:ca:ff:ee:ba:b\n"]),
    (values.subnet, ["", "10.1.2.0", "10.1.2.0/23", "10.1.2.3/24", "10.255.1.0/24", "10.256.1.0/24", "10.01.2.0/24"]),
    (values.size, ["", "0MB", "4G", "4 GiB", "max", "1.5GB", "-1GB", "1234567MB", "1KB", "٤GB"]),
    (values.size_or_max, ["all", "MAX"]),
    (values.interface, ["", ".", "..", "a/b", "a b", "a:b", "x" * 16, "a\x1b"]),
    (values.node_id, ["", "a" * 31, "A" * 32, "1" * 32]),
    (values.language, ["", "EN", "english", "pt-BR", "../en"]),
    (values.keyboard, ["", "US", "../us", "a b", "us;reboot"]),
    (values.ssh_key, ["", "ssh-ed25519 AAAA", f"x {ED25519}", ED25519[:-4], f"{ED25519}\nb", "ssh-rsa" + ED25519[11:]]),
    (values.dns_server, ["", "9.9.9", "dns.example", "9.9.9.9:53", "09.9.9.9"]),
    (values.device, ["", "/etc/passwd", "/dev/", "/dev/a b", "internal:", " x", "a\n"]),
    (values.file_path, ["", "a\nb", "a\0"]),
    (values.kept, ["", "everything", "services.", "services.A", "services.chat.x"]),
    (known, ["", "Chat", "gopher", "a" * 40, "a\x1b[2J"]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "texts"), RIGHT, ids=lambda value: getattr(value, "__name__", ""))
def test_right(check: Callable[[str], str], texts: list[str]) -> None:
    for text in texts:
        assert check(text) == text


@pytest.mark.parametrize(("check", "texts"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_wrong(check: Callable[[str], str], texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(values.BadValue) as caught:
            check(text)
        said = str(caught.value)
        assert said[0].isupper() or said[0] == "“" or said[0].isdigit(), said
        assert said.endswith((".", "?")), said
        assert said.isprintable(), said
        assert len(said) < 250


def test_a_bssid_is_tidied() -> None:
    assert values.bssid("02:CA:FF:EE:BA:BE") == "02:ca:ff:ee:ba:be"


@pytest.mark.parametrize(
    ("check", "text", "hint"),
    [
        (values.node_name, "My Laptop!", "Did you mean my-laptop?"),
        (values.size, "4 gib", "Did you mean 4GiB?"),
        (values.size, "900mb", "Did you mean 900MB?"),
        (values.size, "8G", "Did you mean 8GB?"),
        (values.country, "no", "Write NO instead of no."),
        (values.country, "UK", "Great Britain is GB."),
        (known, "chta", "Did you mean chat?"),
    ],
)
def test_hints(check: Callable[[str], str], text: str, hint: str) -> None:
    with pytest.raises(values.BadValue) as caught:
        check(text)
    assert caught.value.hint == hint


def test_a_passphrase_is_not_repeated() -> None:
    with pytest.raises(values.BadValue) as caught:
        values.passphrase("canary" * 20)
    assert "canary" not in repr(caught.value)


@pytest.mark.parametrize(
    ("number", "mhz"), [(1, 2412), (11, 2462), (13, 2472), (14, 2484), (36, 5180), (48, 5240), (165, 5825)]
)
def test_channels(number: int, mhz: int) -> None:
    assert values.channel(number) == number
    assert values.channel_mhz(number) == mhz


@pytest.mark.parametrize("number", [-1, 0, 15, 35, 37, 68, 96, 146, 166, 200])
def test_no_channel(number: int) -> None:
    with pytest.raises(values.BadValue):
        values.channel(number)


def test_sizes() -> None:
    assert values.size_bytes("900MB") == 900_000_000
    assert values.size_bytes("4GiB") == 4 * 1024**3
    assert values.size_bytes("1MiB") == 1024**2
    assert values.size_bytes("2GB") == 2 * 10**9


def test_shown_is_short_and_harmless() -> None:
    assert values.shown("lighthouse") == "lighthouse"
    assert values.shown("\x1b[2Jx") == "\N{REPLACEMENT CHARACTER}[2Jx"
    assert len(values.shown("x" * 10_000)) == 40


def test_countries_and_services() -> None:
    assert len(COUNTRIES) == 249
    assert {"chat", "board", "pad", "wiki", "files", "voice", "phone", "mumble", "radio", "proxy", "tor", "library",
            "tunnel", "ipsec"} <= set(names())  # fmt: skip
