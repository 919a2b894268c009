"""The loop: keys in, frames out, jobs in threads, and what ends it."""

import signal
import threading

import urwid
from urwid.testing import ScriptedScreen, resolve_attr

from byzwizard.answers import Answers
from byzwizard.machine import Machine
from byzwizard.screens.palette import PALETTE
from byzwizard.wizard import KEYS, Wizard
from tests.unit.driver import drive
from tests.unit.fake_desk import FakeDesk


def scripted(*batches: list[str], desk: FakeDesk | None = None) -> tuple[Wizard, ScriptedScreen]:
    screen = ScriptedScreen(inputs=batches)
    wizard = Wizard(desk or FakeDesk(), "welcome", screen)
    return wizard, screen


def test_keys_lead_to_frames() -> None:
    wizard, screen = scripted(["down"], ["enter"], ["f10"], ["tab", "enter"])
    assert wizard.run() == 0
    assert "Your wireless cards" in "\n".join("\n".join(frame.decoded_text) for frame in screen.canvases)
    assert wizard.session.page.name == "hardware"


def test_f5_goes_on_in_lines() -> None:
    wizard, _screen = scripted(["down", "enter"], ["f5"])
    assert wizard.run() is None
    assert wizard.session.page.name == "hardware"


def test_a_job_runs_beside_the_loop_and_its_result_arrives() -> None:
    arrived: list[str] = []

    class Watching(FakeDesk):
        def machine(self) -> Machine:
            arrived.append(threading.current_thread().name)
            wizard._call(wizard._stop)
            return super().machine()

    class Idle(ScriptedScreen):
        def _feed(self) -> None:
            """No key comes."""

    wizard = Wizard(Watching(), "welcome", Idle())
    wizard.run()
    assert arrived
    assert arrived[0] != threading.main_thread().name


def test_our_own_fault_in_a_job_is_a_sentence_and_the_wizard_goes_on() -> None:
    class Broken(FakeDesk):
        def machine(self) -> Machine:
            raise ZeroDivisionError("division by zero")

    class Idle(ScriptedScreen):
        def _feed(self) -> None:
            """No key comes."""

    wizard = Wizard(Broken(), "welcome", Idle())

    def look() -> None:
        if wizard.session.message:
            wizard._stop()
        wizard.loop.event_loop.alarm(0.01, look)

    look()
    assert wizard.run() is None
    assert "a fault of Byzantium itself (ZeroDivisionError: division by zero)" in wizard.session.message


def test_sigterm_leaves_with_130() -> None:
    class Killing(ScriptedScreen):
        def _feed(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert Wizard(FakeDesk(), "welcome", Killing()).run() == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_function_keys_of_all_terminals_are_known() -> None:
    sequences = {
        "f1": ("[[A", "OP", "[11~"),  # Linux console, xterm and tmux, VT220 and rxvt
        "f2": ("[[B", "OQ", "[12~"),
        "f3": ("[[C", "OR", "[13~"),
        "f5": ("[[E", "[15~"),
        "f6": ("[17~",),
        "f8": ("[19~",),
        "f10": ("[21~",),
    }
    known = dict(urwid.display.escape.input_sequences)
    for key, codes in sequences.items():
        assert all(known[code] == key for code in codes)
    assert KEYS["meta 1"] == "f1"
    assert KEYS["meta 0"] == "f10"


def test_the_palette_is_of_the_base_colours_and_has_a_monochrome_form() -> None:
    for name, *_colours in PALETTE:
        colour = resolve_attr(name, PALETTE, colors=16)
        assert not colour.background_high
        resolve_attr(name, PALETTE, colors=1)
    bar = resolve_attr("bar", PALETTE, colors=16)
    assert (bar.foreground, bar.background) == ("white", "dark magenta")


def test_answers_come_out_of_the_pages_as_they_are_meant() -> None:
    wanted = Answers.model_validate(
        {
            "node": {"name": "harbor", "country": "DE", "keyboard": "de", "mac": "permanent"},
            "mesh": {
                "name": "relief-north",
                "passphrase": "cactus orbit velvet plinth ember",
                "channel": 6,
                "subnet": "10.83.4.0/24",
            },
            "access_point": {"enable": False, "ssid": "Relief", "passphrase": "for our phones"},
            "internet": {"share": "never"},
            "portal": False,
        },
        strict=False,
    )
    assert drive(wanted) == wanted
    assert drive(Answers()) == Answers()
    open_mesh = Answers.model_validate({"mesh": {"security": "open"}, "access_point": {"enable": True}})
    assert drive(open_mesh) == open_mesh
