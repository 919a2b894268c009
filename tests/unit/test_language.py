"""A node is looked after in its own language, and its files are written in it, whoever applies them."""

import json
from pathlib import Path

import pytest

from byzwizard import catalogue, cli, i18n, room
from byzwizard.answers import parse
from byzwizard.backends import services
from byzwizard.backends.units import ConfigFile, ConfigFiles
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Wired
from byzwizard.resolve import resolve


@pytest.mark.parametrize(("environment", "language"), [
    ({"LANG": "C.UTF-8"}, "de"), ({"LC_ALL": "POSIX"}, "de"), ({}, "de"),
    ({"LANG": "fr_FR.UTF-8"}, "fr_FR"), ({"LANGUAGE": "es:en", "LANG": "fr_FR.UTF-8"}, "es"),
])  # fmt: skip
def test_a_node_speaks_its_own_language_unless_the_environment_names_another(
    environment: dict[str, str], language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spoken: list[str] = []
    monkeypatch.setattr(i18n, "use", spoken.append)
    monkeypatch.setattr(cli, "FACTS", str(tmp_path / "node.json"))
    monkeypatch.setattr(cli, "run", lambda _words: 0)
    assert cli.main() == 0
    assert spoken == [], "no node stands here"
    (tmp_path / "node.json").write_text('{"language": "de"}')
    assert cli.main() == 0
    assert spoken == [language]


def test_files_are_in_the_language_of_the_node_and_the_title_goes_out_untranslated() -> None:
    answers = parse("byzantium: 1\nnode: {language: de}\nmesh: {interfaces: [eth0]}\nservices: [board]\n")
    machine = Machine(memory_bytes=4 << 30, wired=(Wired(interface="eth0", mac="52:54:00:00:00:01", carrier=True),))
    node = resolve(answers, machine, Identity(b"t" * 32))
    told = []
    for language in ("en", "de", "fr"):
        i18n.use(language)
        steps = {step.id: step for step in services.STAGE.steps(node, machine)}
        written, facts = steps["service-board-files"], steps["services-facts"]
        assert isinstance(written, ConfigFiles)
        assert isinstance(facts, ConfigFile)
        told.append(({file.content for file in written.files}, json.loads(facts.content)[0]["title"]))
    assert told == [(told[0][0], "Board")] * 3


def test_what_to_leave_out_is_called_by_its_title_and_by_the_name_that_a_command_takes() -> None:
    files = catalogue.here().services["files"]
    for language, called in (("en", "Files ("), ("de", f"{i18n.speaker('de')('Files')} (files, ")):
        i18n.use(language)
        lack = room.lack([files], room.SYSTEM_BYTES)
        assert lack is not None
        assert called in lack.hint
