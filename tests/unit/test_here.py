"""The desk of this computer, where a recorded machine stands in for it."""

import argparse
import gettext
from pathlib import Path
from typing import Any

import pytest

from byzwizard import i18n
from byzwizard.commands import Context
from byzwizard.desk import Stick
from byzwizard.errors import Invalid
from byzwizard.here import Here

NETBOOK = Path(__file__).parents[1] / "machines" / "netbook-ath9k-one-gigabyte.json"


class Loud(gettext.NullTranslations):
    """A language in which everything is shouted."""

    def gettext(self, message: str) -> str:
        return f"HEY {message}"


@pytest.fixture
def desk() -> Here:
    return Here(Context(argparse.Namespace(machine=str(NETBOOK), json=False, yes=False), tuple))


def test_verdicts_are_told_in_the_language_of_now(desk: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def reason() -> str:
        verdict = desk.machine().radios[0].verdict
        assert verdict is not None
        return verdict.reason

    english = reason()
    monkeypatch.setattr(i18n, "_current", Loud())
    assert reason() == f"HEY {english}"


def test_a_recorded_card_is_not_tried_on_this_computer(desk: Here) -> None:
    with pytest.raises(Invalid, match="no card is tried"):
        desk.self_test("wlan0")


def test_paths_of_nobody_are_told(desk: Here) -> None:
    with pytest.raises(Invalid, match="~nosuchuser/x cannot be used"):
        desk.load(Path("~nosuchuser/x"))
    with pytest.raises(Invalid, match="cannot be used"):
        desk.save_log("x", Path("~nosuchuser/x"))
    with pytest.raises(Invalid, match="no ordinary file"):
        desk.save_log("x", Path("/dev/null"))


def test_the_passphrase_of_copies_is_on_no_command_line(desk: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Any, str]] = []
    monkeypatch.setattr(desk, "_program", lambda arguments, text: started.append((arguments, text)))
    desk.clone([Stick("4C53", "copy-sdb", "SanDisk", "nothing", "SanDisk", "seal")], "data", "cactus orbit velvet")
    [(arguments, text)] = started
    assert arguments == ["clone", "4C53", "--with-data", "--passphrase-fd", "0", "--confirmed", "seal"]
    assert text == "cactus orbit velvet"
