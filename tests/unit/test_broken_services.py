"""Services that were chosen and cannot be: a person is told in a sentence, a boot makes the node without them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from byzwizard import catalogue, catalogue_names, room
from byzwizard.answers import parse
from byzwizard.backends import keep, kept, services
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere
from byzwizard.faults import InvalidAnswers
from byzwizard.machine import Machine
from byzwizard.prepare import Prepared, prepare
from tests.unit.test_catalogue import CABLE, MB, TEA, write

HOME = "/var/lib/byzantium/services"


def service(folder: Path, name: str, port: int, **changes: object) -> None:
    """One that is right."""
    write(folder, {**TEA, "name": name, "unit": f"byz-{name}.service", "ports": [{"number": port, "reach": "node"}],
                   "web": {"port": port}, "health": {"port": port, "path": "/"}, "data": [f"{HOME}/{name}"],
                   **changes}, name)


def planned(folder: Path, *names: str, boot: bool, memory: int = 1 << 30) -> Prepared:
    machine, file = folder / "machine.json", folder / "answers"
    machine.write_text(Machine(memory_bytes=memory, wired=(CABLE,)).model_dump_json())
    file.write_text("byzantium: 1\nmesh: {interfaces: [eth0], subnet: 10.1.2.0/24}\n"
                    f"services: [{', '.join(names)}]\n")
    return prepare(System(folder), file, machine, (services.STAGE,), boot=boot)


def started(ready: Prepared) -> list[str]:
    return [step.id for step in ready.plan.steps if isinstance(step, services.RunService)]


def itself(folder: Path) -> None:
    write(folder, {**TEA, "needs": ["tea"]})


def circle(folder: Path) -> None:
    write(folder, {**TEA, "needs": ["kettle"]})
    service(folder, "kettle", 8301, needs=["tea"])


def no_text(folder: Path) -> None:
    (folder / "tea.yaml").write_bytes(b"name: tea\nunit: byz-tea.service\ntitle: Th\xe9\n")


def no_file(folder: Path) -> None:
    (folder / "tea.yaml").mkdir()


def no_template(folder: Path) -> None:
    write(folder, TEA)
    (folder / "tea/tea.conf").write_bytes(b"Th\xe9")


def elsewhere(folder: Path) -> None:
    write(folder, {**TEA, "data": ["/etc", f"{HOME}/tea/../wiki", f"{HOME}/wiki"]})


def number(folder: Path) -> None:
    write(folder, {**TEA, "data": 5})


@pytest.mark.parametrize(("damage", "why"), [
    (itself, "it needs tea, which needs it in turn"),
    (circle, "it needs kettle, which needs it in turn"),
    (no_text, "it cannot be read"),
    (no_file, "it cannot be read"),
    (no_template, "config: tea.conf is no text in UTF-8"),
    (elsewhere, f"data: its folders are below {HOME}/tea"),
    (number, "data"),
])
def test_a_broken_one_is_explained_to_a_person_and_left_out_by_a_boot(
    descriptors: Path, damage: Callable[[Path], None], why: str
) -> None:
    service(descriptors, "milk", 8300)
    damage(descriptors)
    with pytest.raises(CannotHere, match=why) as refused:
        planned(descriptors, "tea", "milk", boot=False)
    assert (refused.value.status, refused.value.hint) == (4, "Leave tea out of services.")
    ready = planned(descriptors, "tea", "milk", boot=True)
    assert started(ready) == ["service-milk"]
    assert [why in sentence for sentence in ready.told] == [True]
    assert ready.resolved.answers.services == ("tea", "milk"), "it is tried again when it is whole"
    folders = kept.data_folders()
    assert folders.pop("milk") == (f"{HOME}/milk", "/var/lib/byzantium/dumps/milk")
    assert set(folders.get("tea", ())) <= {f"{HOME}/tea", "/var/lib/byzantium/dumps/tea"}
    assert catalogue_names.units()["milk"] == "byz-milk.service"


def test_data_of_a_broken_one_stay_in_the_store(descriptors: Path) -> None:
    write(descriptors, {**TEA, "colour": "green"})
    assert catalogue.here().broken
    assert kept.data_folders() == {"tea": (f"{HOME}/tea", "/var/lib/byzantium/dumps/tea")}


def test_what_an_update_has_taken_away_stops_no_boot(descriptors: Path) -> None:
    service(descriptors, "milk", 8300)
    with pytest.raises(InvalidAnswers, match="There is no service “tea”"):
        planned(descriptors, "tea", "milk", boot=False)
    ready = planned(descriptors, "tea", "milk", boot=True)
    assert started(ready) == ["service-milk"]
    assert ready.told == ("This version of Byzantium has no service tea: it is left out.",)
    node = System(descriptors)
    node.write(keep.ANSWERS, "byzantium: 1\nservices: [tea, milk]\n")
    found = keep.answers(node)
    assert found is not None
    assert found.services == ("milk",), "enable and disable work on such a node"
    with pytest.raises(InvalidAnswers, match="name is small letters"):
        parse("byzantium: 1\nservices: [Tea, milk]\n", gone=[])


def test_a_boot_starts_what_fits(descriptors: Path) -> None:
    service(descriptors, "milk", 8300)
    service(descriptors, "kettle", 8301, memory_bytes=300 * MB)
    write(descriptors, {**TEA, "needs": ["kettle"]})
    small = room.SYSTEM_BYTES + 100 * MB
    with pytest.raises(CannotHere, match="These services need"):
        planned(descriptors, "milk", "tea", boot=False, memory=small)
    ready = planned(descriptors, "milk", "tea", boot=True, memory=small)
    assert started(ready) == ["service-milk"]
    assert ready.told == ("Left out at this start: tea. These services need 381.7 MB of memory, and this computer has "
                          "104.9 MB for them (524.3 MB in all).",)
    assert ready.resolved.answers.services == ("milk", "tea"), "another computer may have room"
    assert started(planned(descriptors, "milk", "tea", boot=True)) == ["service-milk", "service-kettle", "service-tea"]
