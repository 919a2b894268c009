"""The rules of the house, held by reading the source: who may import what, and what no file may hold."""

import ast
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("byzwizard", "screens", "backends")
ALSO = ("iso", "tests")
SKIPPED = {"build", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".git"}

# Who but backends/system.py starts processes, and why.
STARTERS = {
    "backends/system.py": "the one way to the system",
    "backends/joined.py": "run by a unit, without the package",
    "byzwizard/here.py": "its pipe to System.spawn",
    "byzwizard/running.py": "the type of what System.spawn gave",
}
# Used in a few places of the program, and slow to load: imported in the function that needs them.
HEAVY = {"pyroute2", "cryptography", "jinja2", "zxcvbn", "diceware", "segno", "pyric", "psutil", "netaddr"}


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, links not followed: each room once."""
    found = []
    for place, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [path for name in names if (path := Path(place) / name).is_file() and not path.is_symlink()]
    return tuple(sorted(path for path in found if path.name not in SKIPPED))


@cache
def sources(*rooms: str) -> tuple[str, ...]:
    names = (str(path.relative_to(ROOT)) for path in files() if path.suffix == ".py")
    return tuple(name for name in names if name.split("/")[0] in (rooms or ROOMS))


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(), name)


def imports(name: str, *, top: bool = False) -> Iterator[str]:
    """Dotted names that a file imports; `top`: those that run when it is loaded."""
    for node in _loaded(tree(name)) if top else ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _loaded(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is loaded: neither functions nor what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _loaded(child)


def within(imported: str, *packages: str) -> bool:
    return any(imported == package or imported.startswith(f"{package}.") for package in packages)


def offenders(rooms: tuple[str, ...], *packages: str, but: tuple[str, ...] = (), top: bool = False) -> list[str]:
    return [
        f"{name} imports {imported}"
        for name in sources(*rooms)
        if name not in but
        for imported in imports(name, top=top)
        if within(imported, *packages)
    ]


def test_the_rooms_are_there() -> None:
    for room in ("screens", "backends", "assets"):
        assert (ROOT / "byzwizard" / room).is_symlink()
        assert (ROOT / "byzwizard" / room).resolve() == ROOT / room
    assert len(sources()) > 30


def test_screens_know_no_backend() -> None:
    assert offenders(("screens",), "byzwizard.backends", "byzwizard.stages", "byzwizard.engine") == []


def test_backends_know_no_screen() -> None:
    assert offenders(("backends",), "byzwizard.screens", "byzwizard.wizard", "byzwizard.plain") == []


def test_only_screens_and_the_wizard_draw() -> None:
    assert offenders(("byzwizard", "backends"), "urwid", but=("byzwizard/wizard.py",)) == []


def test_the_stages_are_handed_out_by_the_command_line() -> None:
    assert offenders(ROOMS, "byzwizard.stages", but=("byzwizard/cli.py",)) == []


def test_answers_plan_and_engine_know_neither_screens_nor_backends() -> None:
    core = [f"byzwizard/{name}.py" for name in ("answers", "values", "plan", "machine", "resolve", "verdict", "events")]
    for name in core:
        found = [
            imported
            for imported in imports(name, top=True)
            if within(imported, "byzwizard.screens", "byzwizard.backends")
        ]
        assert found == [], name


def test_programs_are_started_in_one_place() -> None:
    assert offenders(ROOMS, "subprocess", "os.system", "os.popen", "multiprocessing", "pty", but=tuple(STARTERS)) == []


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    assert offenders(("byzwizard", "screens"), *HEAVY, top=True) == []


def test_one_thing_one_file() -> None:
    every = sources(*ROOMS, *ALSO)
    long = [name for name in every if len((ROOT / name).read_text().splitlines()) > 400]
    assert long == [], "what is the second thing of a file that is too long?"
    silent = [name for name in every if not name.endswith(("__init__.py", "__main__.py"))
              and not ast.get_docstring(tree(name))]
    assert silent == [], "a file says what it is"


def test_no_failure_is_swallowed() -> None:
    found = [(name, node) for name in sources(*ROOMS, *ALSO) for node in ast.walk(tree(name))
             if isinstance(node, ast.ExceptHandler)]
    assert [f"{name}:{node.lineno}" for name, node in found if _swallows(node)] == [], "it catches everything"


def _swallows(handler: ast.ExceptHandler) -> bool:
    blanket = handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}
    return blanket and not any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))


def test_every_ignore_has_its_reason() -> None:
    for name in sources(*ROOMS, *ALSO):
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            if re.search(r"#\s*type:\s*ignore", line) and name != "tests/unit/test_rules.py":
                assert re.search(r"# type: ignore\[[\w, -]+\]  # \w", line), f"{name}:{number} ignores without a reason"


# Written apart, so that this file does not hold them.
MACHINE = re.compile("|".join(["/wor" + "k/", "/tmp/" + "[vb]/", r"(?<![\w}])/ro" + r"ot/\w"]))
UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"]))


def texts() -> Iterator[tuple[str, str]]:
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content[:8000] and path.name != "LICENSE":
            yield str(path.relative_to(ROOT)), content.decode(errors="replace")


def test_no_path_of_a_developers_machine() -> None:
    assert [name for name, text in texts() if MACHINE.search(text)] == []


def test_nothing_is_left_unfinished() -> None:
    assert [
        name for name, text in texts() if name.endswith((".py", ".sh", ".cfg", ".service")) and UNFINISHED.search(text)
    ] == []


LOCKS = ("requirements.lock", "iso/services.lock", "iso/web/npm.lock")


def pins(name: str) -> dict[str, str]:
    """Versions by name."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([\w.!+]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_host_and_pins_all(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", lock)
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            assert re.match(r"[A-Za-z0-9_.-]+==[\w.!+]+( ;.*)? \\$", line), line


def test_that_of_the_pages_names_no_host_and_has_every_hash() -> None:
    lock = json.loads((ROOT / "iso/web/package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", one["integrity"]) for one in packages.values())
    assert not any("resolved" in one for one in packages.values())


def test_programs_of_services_are_checked_with_the_libraries_that_they_have_in_the_image() -> None:
    checked, there = pins("requirements.lock"), pins("iso/services.lock")
    assert {name: checked[name] for name in there if name in checked} == {
        name: version for name, version in there.items() if name in checked}
