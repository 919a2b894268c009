"""Collect wheels for the image's Python: fetched by hash, kept in a cache, unpacked into one folder.

    wheels.py collect CACHE         the program's libraries: a folder under CACHE, made unless it is there; prints it
    wheels.py services CACHE        the same with what iso/services.lock names
    wheels.py program FOLDER        byzwizard itself, built from this tree, unpacked into FOLDER

Only what the program needs at run time is fetched: the closure of setup.cfg's install_requires, as the running
environment's metadata tell it, with the exact versions and hashes of requirements.lock.
"""

from __future__ import annotations

import configparser
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TREE = Path(__file__).resolve().parent.parent
PYTHON = "3.13"  # of Debian trixie
# glibc of trixie is 2.41; manylinux names are lower bounds.
PLATFORMS = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 42))]
ENVIRONMENT = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.5",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "extra": "",
}


def closure() -> list[str]:
    """The canonical names of everything that the program imports at run time, sorted."""
    config = configparser.ConfigParser()
    config.read(TREE / "setup.cfg", encoding="utf-8")
    waiting = [
        Requirement(line) for line in config["options"]["install_requires"].split("\n") if line and line[0] != "#"
    ]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found.add(name)
        for text in requires(name) or []:
            child = Requirement(text)
            if child.marker is None or child.marker.evaluate(ENVIRONMENT):
                waiting.append(child)
    return sorted(found)


def lock() -> str:
    """The part of requirements.lock that the closure needs."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (TREE / "requirements.lock").read_text(encoding="utf-8"))
    names = set(closure())
    taken = [block for block in blocks if canonicalize_name(re.split(r"[=\s]", block, maxsplit=1)[0]) in names]
    if len(taken) != len(names):
        missing = names - {canonicalize_name(re.split(r"[=\s]", block, maxsplit=1)[0]) for block in taken}
        sys.exit(f"image: requirements.lock does not name {', '.join(sorted(missing))}")
    return "\n".join(taken) + "\n"


def key(locked: str) -> str:
    """A name for the set of wheels that this lock file names."""
    return hashlib.sha256((PYTHON + locked + Path(__file__).read_text(encoding="utf-8")).encode()).hexdigest()[:16]


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
        sys.exit(f"image: pip failed: {' '.join(arguments)}")


def for_image() -> list[str]:
    options = ["--python-version", PYTHON, "--implementation", "cp"]
    for platform in PLATFORMS:
        options += ["--platform", platform]
    return options


def unpack(wheels: Path, target: Path) -> None:
    """Unpack all wheels of a folder; their scripts and host-side caches are not wanted."""
    names = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    pip(
        "install",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        *for_image(),
        "--target",
        str(target),
        *names,
    )
    shutil.rmtree(target / "bin", ignore_errors=True)


def collect(cache: Path, name: str, locked: str) -> Path:
    """Fetch, check and unpack what a lock file names; build wheels of the few that come as source (pure Python)."""
    home = cache / f"{name}-{key(locked)}"
    if (home / "complete").exists():
        return home / "libraries"
    shutil.rmtree(home, ignore_errors=True)
    fetched = home / "fetched"
    fetched.mkdir(parents=True)
    wanted = home / "runtime.lock"
    wanted.write_text(locked, encoding="utf-8")
    # Without build isolation: the tools that build are the locked ones of this environment.
    pip(
        "download",
        "--no-deps",
        "--require-hashes",
        "--no-build-isolation",
        *for_image(),
        "-d",
        str(fetched),
        "-r",
        str(wanted),
    )
    for source in sorted(fetched.glob("*.tar.gz")):
        pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(fetched), str(source))
        source.unlink()
    unpack(fetched, home / "libraries")
    (home / "complete").touch()
    for old in cache.glob(f"{name}-*"):
        if old != home:
            shutil.rmtree(old)
    return home / "libraries"


def program(target: Path) -> None:
    """Build byzwizard's wheel from a copy of the tree, rooms and all, and unpack it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        copy.mkdir()
        for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
            if (TREE / name).exists():
                shutil.copy(TREE / name, copy)
        if not (copy / "README.md").exists():
            (copy / "README.md").write_text("Byzantium\n", encoding="utf-8")
        subprocess.run([sys.executable, str(TREE / "iso/translations"), "compile"], check=True)
        shutil.copytree(TREE / "byzwizard", copy / "byzwizard", ignore=shutil.ignore_patterns("__pycache__"))
        pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder, str(copy))
        unpack(Path(folder), target)
    for needed in ("cli.py", "screens", "backends", "assets"):
        if not (target / "byzwizard" / needed).exists():
            print(f"image: byzwizard/{needed} is not in the wheel", file=sys.stderr)


def main() -> None:
    match sys.argv[1:]:
        case ["collect", cache]:
            print(collect(Path(cache), "wheels", lock()))
        case ["services", cache]:
            print(collect(Path(cache), "services", (TREE / "iso/services.lock").read_text(encoding="utf-8")))
        case ["program", folder]:
            program(Path(folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
