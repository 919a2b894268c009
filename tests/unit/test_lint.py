"""Linters as tests: what they say is what fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.allow_subprocess


def silent(*argv: str) -> None:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def installed(module: str) -> None:
    pytest.importorskip(module, reason=f"{module} is not installed: requirements.lock has it")


def test_ruff() -> None:
    installed("ruff")
    silent(sys.executable, "-m", "ruff", "check", "--quiet", ".")


@pytest.mark.timeout(180)
def test_mypy() -> None:
    installed("mypy")
    silent(sys.executable, "-m", "mypy", "--no-error-summary")


def scripts() -> list[str]:
    """Shell scripts by their first line or name."""
    rooms = [ROOT / "iso", ROOT / "tests", ROOT / ".ci", ROOT / "assets"]
    found = [path for room in rooms for path in room.rglob("*") if path.is_file() and not path.is_symlink()]
    return [
        str(path.relative_to(ROOT))
        for path in sorted(found)
        if path.suffix == ".sh" or path.read_bytes()[:20].startswith((b"#!/bin/sh", b"#!/bin/bash"))
    ]


def test_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (apt install shellcheck)")
    silent("shellcheck", "--severity=warning", *scripts())


def test_shell_scripts_parse() -> None:
    for script in scripts():
        first = (ROOT / script).read_text().splitlines()[0]
        silent("bash" if "bash" in first or script.endswith(".sh") else "sh", "-n", script)
