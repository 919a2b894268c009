"""What whoever comes may fill: a bound of its own holds before the memory of the node ends."""

import re
from pathlib import Path
from typing import Any

import pytest

from byzwizard import catalogue
from byzwizard.backends import dumps
from byzwizard.backends.system import Result, System
from tests.unit.test_dumps import TEA


def test_pictures_of_people_in_mumble_have_a_limit_and_so_has_what_keeps_them() -> None:
    conf = Path("assets/services/mumble/mumble.ini").read_text()
    for key in ("textmessagelength", "imagemessagelength"):
        length = re.search(rf"^{key}=(\d+)$", conf, re.MULTILINE)
        assert length
        assert 0 < int(length[1]) <= 128 << 10, "0 is no limit"
    said = dict(re.findall(r"^(\w+)=(\d+)M$", Path("assets/units/byz-mumble.service").read_text(), re.MULTILINE))
    mumble = catalogue.here().services["mumble"]
    assert mumble.dump
    assert int(said["LimitFSIZE"]) << 20 <= mumble.dump.most_bytes, "it can be saved"
    assert int(said["LimitFSIZE"]) < int(said["MemoryMax"]), "its database may lie in memory"


def test_what_a_copy_holds_does_not_count_as_memory_of_the_script_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a store it lies in memory, and a service may have more data than its script may take of that."""
    ran: list[str] = []

    def run(_self: System, *argv: str, **_more: Any) -> Result:
        ran.extend(argv)
        return Result(0, "tea 1.2\n", "")

    monkeypatch.setattr(System, "run", run)
    dumps._run(System(tmp_path), TEA, 12, TEA.save, TEA.folder, "out")
    assert "--property=LimitDATA=256M" in ran
    assert not any(word.startswith("--property=Memory") and "Deny" not in word for word in ran)
