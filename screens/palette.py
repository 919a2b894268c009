"""Colours and glyphs: the eight base colours, no meaning by colour alone, nothing that the console's font lacks."""

import urwid

# (name, foreground, background, monochrome)
PALETTE = [
    ("bar", "white", "dark magenta", "standout"),
    ("title", "default,bold", "default", "bold"),
    ("strong", "default,bold", "default", "bold"),
    ("focus", "black", "brown", "standout"),
    ("good", "dark green", "default", "default"),
    ("look", "brown", "default", "bold"),
    ("bad", "dark red", "default", "bold"),
    ("rest", "default", "default", "default"),
    ("key", "default,bold", "default", "bold"),
    ("done", "black", "dark green", "standout"),
    ("qr", "black", "light gray", "standout"),
    ("in", "dark green", "default", "default"),
    ("out", "dark cyan", "default", "default"),
    ("box", "default", "default", "default"),
]

# Of the Linux console, in ANSI order (kernel, PIO_CMAP): Byzantine purple for the bar, and red, green and yellow that
# can be read on black without the bright half, which 512-glyph fonts do not have.
CONSOLE_COLOURS = {1: (0xE0, 0x50, 0x40), 2: (0x40, 0xC0, 0x50), 3: (0xF0, 0xC0, 0x30), 5: (0x70, 0x29, 0x63)}

MARKS = {"": " ", "under": " ", "good": "✓", "bad": "✗", "look": "!", "on": "●", "off": "○", "busy": "-", "todo": "·"}
FOCUS = "▶"
FULL, UPPER, LOWER = "█", "▀", "▄"

# What stands in where the terminal or its font cannot; one column each, as urwid demands.
FALLBACKS = {
    "✓": "+",
    "✗": "x",
    "●": "*",
    "○": "o",
    "▶": ">",
    "·": "-",
    "▓": "#",
    "░": ".",
    "█": "#",
    "▀": "^",
    "▄": "_",
    "…": "~",
    "“": '"',
    "”": '"',
    "’": "'",
    "–": "-",
    "▼": "v",
    "×": "x",
    "↑": "^",
    "↓": "v",
    "←": "<",
    "→": ">",
}

# Every character of our own that is not ASCII and not drawn by urwid's line drawing: the font must have them.
GLYPHS = frozenset(FALLBACKS) | {"▲", "◀", "─", "│", "┌", "┐", "└", "┘"}

_spoken: dict[int, str] = {}


def use_fallbacks(in_utf8: bool) -> None:
    """ASCII for our glyphs: by urwid where the encoding is not UTF-8, by shown() where only the font lacks them."""
    urwid.set_ascii_fallbacks({glyph: plain for glyph, plain in FALLBACKS.items() if len(plain) == 1})
    if in_utf8:
        _spoken.update({ord(glyph): plain for glyph, plain in FALLBACKS.items()})
    urwid.CanvasCache.clear()


def use_glyphs() -> None:
    _spoken.clear()


def has_blocks() -> bool:
    """Whether a QR code can be drawn."""
    return not _spoken and urwid.get_encoding_mode() == "utf8"


def shown(text: str) -> str:
    """`text` as this terminal can show it."""
    return text.translate(_spoken) if _spoken else text
