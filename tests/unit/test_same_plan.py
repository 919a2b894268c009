"""Whatever way the answers come in, the same plan comes out: driven through the real pages, or read from a file."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard.answers import Answers, load, with_secrets
from byzwizard.errors import CannotHere
from byzwizard.i18n import use
from byzwizard.identity import Identity
from byzwizard.machine import Channel, Combination, Limit, Machine, Radio, Wired
from byzwizard.plan import make_plan
from byzwizard.resolve import resolve
from byzwizard.stages import STAGES
from byzwizard.values import channel_mhz
from byzwizard.verdict import with_verdicts
from tests.unit.driver import MEDIUM, OWN, drive

TESTS = Path(__file__).parents[1]
SAMPLES = sorted((TESTS / "answers").glob("*.yaml"))
NODE = Identity(bytes(range(32)))


# One good radio on both bands, a cable, memory, and the stick that it runs from: what the samples ask for.
RADIO = Radio(
    interface="wlan0",
    phy="phy0",
    mac="00:c0:ca:00:00:01",
    bus="usb",
    chipset="test",
    driver="test",
    modes=("managed", "IBSS", "AP", "mesh point"),
    combinations=(Combination(limits=(Limit(max=2, types=("AP", "mesh point")),), total=2, channels=1),),
    channels=tuple(Channel(number=number, mhz=channel_mhz(number)) for number in (*range(1, 14), 36, 40, 44, 48)),
)
MACHINE = with_verdicts(
    Machine(radios=(RADIO,), wired=(Wired(interface="eth0", mac="00:00:00:00:00:02", carrier=True),),
            disks=(OWN,), medium=MEDIUM, memory_bytes=4 * 2**30)
)


def outcome(answers: Answers) -> Any:
    """The plan, or the sentence that refuses it."""
    use(answers.node.language)
    try:
        resolved = resolve(with_secrets(answers), MACHINE, NODE)
        return resolved, make_plan(resolved, MACHINE, STAGES)
    except CannotHere as refusal:
        return str(refusal)
    finally:
        use("en")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_pages_and_the_file_lead_to_the_same_plan(sample: Path) -> None:
    answers = load(sample)
    headless = outcome(answers)
    assert outcome(drive(answers)) == headless
    assert isinstance(headless, tuple), f"{sample.name} is refused on the simulated machine: {headless}"


def test_every_key_survives_the_pages() -> None:
    """No machine has all that it asks for; the answers are the same."""
    answers = load(TESTS / "answers" / "later" / "every-key.yaml")
    assert drive(answers) == answers


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 15
    found = [load(sample) for sample in SAMPLES]
    assert any(answers.services for answers in found)
    assert any(answers.persistence.kind != "none" for answers in found)
