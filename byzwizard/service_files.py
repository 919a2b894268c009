"""The files of a service's configuration: its templates beside the descriptors, filled in for this node."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from byzwizard import catalogue_names
from byzwizard.i18n import speaker

if TYPE_CHECKING:
    from byzwizard.catalogue import Descriptor

ESCAPES: Mapping[str, Callable[[str], str]] = {
    ".html": html.escape, ".xml": html.escape, ".xsl": html.escape,
    ".json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1]}
"""How a value is written into a template whose name ends so; into others as it is."""


def place(folder: Path, found: Descriptor, name: str) -> Path:
    """Of a file of its configuration: in its own folder, or the one beside the descriptors that several share."""
    own = folder / found.name / name
    return own if own.exists() or not (folder / name).exists() else folder / name


def files(found: Descriptor, given: Mapping[str, str]) -> dict[str, str]:
    """The text of each file of its configuration by path, filled in, in the language that is given."""
    say = speaker(given["language"])
    given = {**{key: say(text) for key, text in found.words.items()}, **given}
    return {f"{catalogue_names.FILES}/{found.name}/{name}": _filled(found, name, given) for name in found.config}


def _filled(found: Descriptor, name: str, given: Mapping[str, str]) -> str:
    escape = ESCAPES.get(Path(name).suffix, str)
    return Template(template(found, name)).substitute({key: escape(value) for key, value in given.items()})


def template(found: Descriptor, name: str) -> str:
    """As it is, for what is filled in later."""
    return place(catalogue_names.DESCRIPTORS, found, name).read_text(encoding="utf-8")
