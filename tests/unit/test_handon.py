"""What of a home folder goes along with a copy, and that it is said. How it is copied: tests/disk/test_store.py."""

import argparse
from pathlib import Path

import pytest

from byzwizard.backends import handon, store
from byzwizard.backends.system import System
from byzwizard.commands import Context, clone


@pytest.mark.parametrize("name", [".ssh", ".gnupg", ".bash_history", ".python_history", "fish_history", ".viminfo"])
def test_keys_and_histories_stay(name: str) -> None:
    assert handon.private(name)


@pytest.mark.parametrize("name", ["ssh", ".sshrc", "history", "history.txt", ".bashrc", ".profile", "notes", ".SSH"])
def test_what_people_wrote_goes_along(name: str) -> None:
    assert not handon.private(name)


def test_what_stays_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    (tmp_path / "passphrase").write_text("cactus orbit velvet plinth\n")
    (tmp_path / "passphrase").chmod(0o600)
    options = argparse.Namespace(passphrase_file=str(tmp_path / "passphrase"), passphrase_fd=None)
    assert clone._hand(Context(options, tuple), System(tmp_path)) is not None
    said = capsys.readouterr()
    assert all(name in said.err for name in handon.PRIVATE)
    assert said.out == ""
    parser = argparse.ArgumentParser()
    clone.arguments(parser)
    assert "keys and histories of the home folder do not" in " ".join(parser.format_help().split())
