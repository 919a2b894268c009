"""Answers files: every sample loads, every wrong one says what is wrong and where, and what is saved reads the same."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from byzwizard import values
from byzwizard.answers import Answers, load, parse, save_text, with_secrets
from byzwizard.catalogue_names import names
from byzwizard.countries import COUNTRIES
from byzwizard.errors import Invalid
from byzwizard.faults import Fault, InvalidAnswers
from byzwizard.routings import ROUTINGS

SAMPLES = Path(__file__).parents[1] / "answers"
GOOD = sorted([*SAMPLES.glob("*.yaml"), *SAMPLES.glob("later/*.yaml")])
WRONG = sorted(SAMPLES.glob("wrong/*.yaml"))


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("sample", GOOD, ids=name)
def test_sample_is_right_and_saves_to_the_same(sample: Path) -> None:
    answers = load(sample)
    assert parse(save_text(answers)) == answers


@pytest.mark.parametrize("sample", WRONG, ids=name)
def test_wrong_sample_tells_all_its_faults(sample: Path) -> None:
    with pytest.raises(InvalidAnswers) as caught:
        load(sample)
    expected = re.findall(r"^# fault: (\d+):(\d+) (\S*): (.*)$", sample.read_text(), re.MULTILINE)
    faults = caught.value.faults
    assert [(str(f.line), str(f.column), f.key) for f in faults] == [
        (line, column, key) for line, column, key, _ in expected
    ]
    for fault, (*_, said) in zip(faults, expected, strict=True):
        assert said in f"{fault.message} {fault.hint}"
        assert fault.hint or fault.message.endswith(".")
        for jargon in ("canary", "pydantic", "Input should", "valid", "\\", "[A-Za-z", "literal", "regex", "NoneType"):
            assert jargon not in f"{fault.message} {fault.hint}".replace("write \\\\.", "")


def test_defaults_are_those_of_the_contract() -> None:
    answers = parse("byzantium: 1")
    assert answers == Answers()
    assert answers.model_dump(mode="json") == {
        "byzantium": 1,
        "node": {"name": None, "language": "en", "keyboard": "us", "country": "00", "mac": "random"},
        "mesh": {
            "name": "byzantium", "routing": "babel", "link": "auto", "interfaces": "auto", "channel": 11,
            "security": "sae", "passphrase": None, "passphrase_file": None, "bssid": None, "addresses": "hash",
            "subnet": "auto", "blocked": [],
        },
        "access_point": {
            "enable": "auto", "ssid": "Byzantium", "channel": "auto", "passphrase": None, "passphrase_file": None,
        },
        "internet": {
            "share": "ask", "wifi": None, "dns": ["9.9.9.9", "149.112.112.112", "1.1.1.1", "8.8.8.8"], "islands": [],
        },
        "portal": True,
        "services": [],
        "remote": {"ssh_keys": [], "web_terminal": False},
        "persistence": {
            "kind": "none", "device": "auto", "size": "max", "encrypt": True, "passphrase_file": None,
            "opens_on": "1GiB", "keep": ["identity", "mesh", "wifi", "services", "home"],
        },
        "clone": {"to": [], "content": "blank", "passphrase_file": None},
    }  # fmt: skip


def test_no_norway_problem() -> None:
    answers = load(SAMPLES / "norway.yaml")
    assert (answers.node.name, answers.node.country, answers.access_point.ssid) == ("no", "NO", "off")
    assert answers.mesh.name == "1_000"
    assert answers.mesh.passphrase == SecretStr("22:33:44:55:10:11")
    assert load(SAMPLES / "unknown-country.yaml").node.country == "00"


def test_every_key_has_a_comment() -> None:
    text = save_text(load(SAMPLES / "later" / "every-key.yaml"))
    lines = text.splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"\s*[a-z_]+:", line):
            assert before.strip().startswith("# "), line
    assert all(len(line) <= 200 for line in lines)


def test_answers_do_not_change_in_place() -> None:
    with pytest.raises(ValidationError):
        Answers().mesh.name = "other"


def test_the_models_hold_the_rules_without_a_file() -> None:
    with pytest.raises(ValidationError, match="Keep one of them"):
        Answers.model_validate({"mesh": {"passphrase": "a" * 8, "passphrase_file": "/x"}})
    with pytest.raises(ValidationError) as caught:
        Answers.model_validate({"mesh": {"passphrase": "canary"}})
    assert "canary" not in str(caught.value)


def test_secrets_are_read_from_their_files() -> None:
    answers = load(SAMPLES / "passphrase-files.yaml")
    assert answers.mesh.passphrase is None
    full = with_secrets(answers)
    assert full.mesh.passphrase == SecretStr("five quite ordinary words here")
    assert full.access_point.passphrase == SecretStr("umbrella-lantern")
    assert full.mesh.passphrase_file is full.access_point.passphrase_file is None
    assert with_secrets(full) == full
    assert parse(save_text(full)) == full


def test_a_secret_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbffive quite ordinary words\r\n")
    full = with_secrets(parse("byzantium: 1\nmesh: {passphrase_file: secret}"), tmp_path)
    assert full.mesh.passphrase == SecretStr("five quite ordinary words")


def test_a_number_without_end_is_not_told_to_lose_its_quotes() -> None:
    with pytest.raises(Invalid) as caught:
        parse(f"byzantium: 1\nmesh: {{channel: {'1' * 32}}}")
    assert "quotes" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [None, b"", b"short", b"canary canary\nsecond line\n", b"canary \xff canary", b"c" * 64]
)
def test_a_bad_secret_file_is_told_without_its_content(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        with_secrets(parse(f"byzantium: 1\nmesh: {{passphrase_file: {file}}}"))
    assert str(caught.value).startswith(f"mesh.passphrase_file: {file} ")
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None or "canary" not in repr(caught.value.__context__)


def test_a_relative_secret_file_lies_beside_the_answers(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    (tmp_path / "answers.yaml").write_text("byzantium: 1\nmesh: {passphrase_file: secret}\n")
    assert with_secrets(load(tmp_path / "answers.yaml")).mesh.passphrase == SecretStr("correct horse")
    answers = parse("byzantium: 1\nmesh: {passphrase_file: secret}\n")
    assert with_secrets(answers, tmp_path).mesh.passphrase == SecretStr("correct horse")


def test_a_passphrase_shows_nowhere() -> None:
    answers = parse("byzantium: 1\nmesh: {passphrase: canary-canary}")
    assert "canary" not in f"{answers} {answers!r} {answers.model_dump()} {answers.model_dump_json()}"
    assert "canary-canary" in save_text(answers)


def printable(low: int, high: int) -> st.SearchStrategy[str]:
    """Text of `low` to `high` bytes that the validators let through, odd characters included."""
    characters = st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))
    return st.text(characters, min_size=low, max_size=high // 4)


def secret(file: bool = True) -> st.SearchStrategy[dict[str, str]]:
    ascii_only = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
    given_text = st.builds(lambda text: {"passphrase": text}, ascii_only)
    paths = st.sampled_from(["/run/x", "/tmp/a: b #c", "/é/“q”"])
    return st.one_of(
        st.just({}), given_text, st.builds(lambda path: {"passphrase_file": path}, paths) if file else st.just({})
    )


def section(secrets: bool = False, **keys: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    plain = st.fixed_dictionaries({}, optional=keys)
    return st.builds(lambda a, b: {**a, **b}, plain, secret()) if secrets else plain


INTERFACE = st.sampled_from(["wlan0", "eth0.5", "1e5", "no", "wlx00c0caab12", "a'b#{", "ü"])
INTERFACES = st.lists(INTERFACE, min_size=1, max_size=3, unique=True)
CHANNEL = st.sampled_from(values.CHANNELS_24 + values.CHANNELS_5)
SIZE = st.builds("{}{}".format, st.integers(1, 999999), st.sampled_from(sorted(values.SIZE_UNITS)))
ANSWERS = section(
    node=section(
        name=st.sampled_from(["lighthouse", "0", "00", "1e5", "0x1f", "no", "y", "null", "a-b"]),
        language=st.sampled_from(["en", "no", "pt_BR"]),
        keyboard=st.sampled_from(["us", "no", "fr-latin9"]),
        country=st.sampled_from(sorted(COUNTRIES)),
        mac=st.sampled_from(["random", "permanent"]),
    ),
    mesh=section(
        secrets=True,
        name=printable(1, 28),
        routing=st.sampled_from(sorted(ROUTINGS)),
        interfaces=st.just("auto") | INTERFACES,
        channel=CHANNEL,
        bssid=st.sampled_from([None, "02:CA:FF:EE:BA:BE", "22:33:44:55:10:11"]),
        subnet=st.sampled_from(["auto", "10.0.0.0/24", "10.254.255.0/24"]),
        blocked=st.lists(st.sampled_from(["2" * 32, "a" * 32]), max_size=2),
    ),
    access_point=section(
        secrets=True,
        enable=st.sampled_from(["auto", True, False]),
        ssid=printable(1, 32),
        channel=st.just("auto") | CHANNEL,
    ),
    internet=section(
        share=st.sampled_from(["ask", "auto", "never"]) | INTERFACES,
        wifi=st.none() | st.builds(lambda ssid, key: {"ssid": ssid, **key}, printable(1, 32), secret()),
        dns=st.lists(st.sampled_from(["9.9.9.9", "2620:fe::fe", "::1", "1.1.1.1"]), max_size=3),
        islands=st.lists(st.sampled_from([f"{'A' * 43}=", f"{'B' * 42}A=@1e5:7", f"{'+' * 42}0=@h.example:51820"])),
    ),
    portal=st.booleans(),
    services=st.lists(st.sampled_from(names()), max_size=4, unique=True),
    persistence=section(
        kind=st.sampled_from(["none", "save.dat", "partition"]),
        device=st.sampled_from(["auto", "/dev/sdb", "0123", "true", "1e5", "internal:no", "Flash: é"]),
        size=st.just("max") | SIZE,
        opens_on=SIZE,
        keep=st.lists(st.sampled_from(["identity", "logs", "services.chat"]), max_size=3),
    ),
    clone=section(to=st.lists(st.sampled_from(["/dev/sdb", "0017", "~", "null", "2024-01-01"]), max_size=2)),
)


@given(ANSWERS)
def test_what_is_saved_reads_the_same(data: dict[str, object]) -> None:
    answers = Answers.model_validate(data)
    assert parse(save_text(answers)) == answers


@given(st.text())
def test_whatever_the_text_it_is_answers_or_faults(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        parse(text)
    except InvalidAnswers as wrong:
        faults = wrong.faults
    assert all(fault.line >= 1 and fault.column >= 1 and fault.message for fault in faults)
