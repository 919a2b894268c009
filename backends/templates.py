"""Configuration files from assets/templates, filled by string.Template: $name stands for a value, $$ for a dollar."""

from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent.parent / "assets" / "templates"


def fill(template: str, **values: str) -> str:
    """The template's text with every $name replaced; raises KeyError when a value is missing."""
    return Template((FOLDER / template).read_text(encoding="utf-8")).substitute(values)
