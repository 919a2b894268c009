"""The address that a mesh link has for nodes of the old Byzantium, and has for nobody else."""

from pathlib import Path

import pytest

from byzwizard.answers import load
from byzwizard.backends.addresses import STAGE, OldAddress
from byzwizard.identity import Identity
from byzwizard.machine import Machine
from byzwizard.resolve import resolve
from tests.unit.test_resolve import radio

ANSWERS = Path(__file__).parents[1] / "answers"


@pytest.mark.parametrize(("name", "has"), [("old-byzantium", True), ("ad-hoc", False), ("minimal", False)])
def test_only_the_preset_gives_the_link_an_address(name: str, has: bool) -> None:
    resolved = resolve(load(ANSWERS / f"{name}.yaml"), Machine(radios=(radio(0, "C"),)), Identity(b"n" * 32))
    (step,) = [step for step in STAGE.steps(resolved, Machine()) if isinstance(step, OldAddress)]
    assert (step.link, step.address, step.wanted) == ("mesh0", resolved.address, has)
