"""The address that mesh links have for nodes of the old Byzantium, and for nobody else."""

from pathlib import Path

import pytest

from byzwizard.answers import load
from byzwizard.backends.babel import BABEL
from byzwizard.backends.linkaddresses import LinkAddresses
from byzwizard.backends.routing import STAGE
from byzwizard.identity import Identity
from byzwizard.machine import Machine
from byzwizard.resolve import resolve
from byzwizard.routings import PROGRAMS
from tests.unit.test_resolve import radio

ANSWERS = Path(__file__).parents[1] / "answers"


@pytest.mark.parametrize(("name", "has"), [("old-byzantium", True), ("ad-hoc", False), ("minimal", False)])
def test_only_the_preset_gives_the_links_an_address(name: str, has: bool) -> None:
    resolved = resolve(load(ANSWERS / f"{name}.yaml"), Machine(radios=(radio(0, "C"),)), Identity(b"n" * 32))
    (step,) = [step for step in BABEL.start(resolved) if isinstance(step, LinkAddresses)]
    assert (step.links, step.address) == ((("mesh0",), resolved.address) if has else ((), None))


def test_another_protocol_takes_it_away() -> None:
    (step,) = [step for step in BABEL.stop() if isinstance(step, LinkAddresses)]
    assert (step.links, step.address, step.after) == ((), None, ("babel-stop",))


def test_what_gives_an_address_waits_for_what_takes_the_same_away() -> None:
    """Of babel and olsr, whichever begins; steps that do not wait run side by side."""
    answers, machine = load(ANSWERS / "old-byzantium.yaml"), Machine(radios=(radio(0, "C"),), programs=PROGRAMS)
    for routing in ("babel", "olsr"):
        mesh = answers.mesh.model_copy(update={"routing": routing})
        resolved = resolve(answers.model_copy(update={"mesh": mesh}), machine, Identity(b"n" * 32))
        given, taken = sorted((step for step in STAGE.steps(resolved, machine) if isinstance(step, LinkAddresses)),
                              key=lambda step: step.address is None)  # fmt: skip
        assert given.address
        assert taken.id in given.after
