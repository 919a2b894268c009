"""A station knows its access point by the name alone, which those of another mesh and of its own node have as well."""

from pathlib import Path
from typing import Literal

import pytest

from byzwizard import alone
from byzwizard.answers import Answers, Node
from byzwizard.backends import checks, mesh, routes
from byzwizard.backends.facts import Link
from byzwizard.backends.units import ConfigFile
from byzwizard.machine import Machine
from byzwizard.resolve import resolve
from tests.unit.test_alone import JOINED, NOBODY, SOMEBODY, STATION, WAY, Computer, known
from tests.unit.test_ladder import card, hub
from tests.unit.test_resolve import NODE


@pytest.mark.parametrize("joined", [JOINED.format(300), SOMEBODY.format("mesh0")])
def test_an_access_point_is_company_for_long_only_where_it_leads_somewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joined: str
) -> None:
    """Another mesh has the same name, and another key of its routing."""
    computer = Computer(tmp_path)
    monkeypatch.setattr(routes, "read", lambda: NOBODY)
    computer.stations["mesh0"] = joined
    computer.write("/sys/class/net/mesh0/carrier", "1\n")
    computer.write("/sys/class/net/mesh0/ifindex", f"{WAY.nodes[0].interface}\n")
    computer.runs("byz-mesh@mesh0.service")
    assert not alone.company(computer, known(STATION))
    astray = checks.mesh(computer, known(STATION))
    assert astray is not None
    assert astray.text == "No way of this mesh goes over the access point that mesh0 has joined."
    assert astray.ok
    monkeypatch.setattr(routes, "read", lambda: WAY)
    assert alone.company(computer, known(STATION))
    found = checks.mesh(computer, known(STATION))
    assert found is not None
    assert found.text == "The mesh “byzantium” is joined by an access point."


@pytest.mark.parametrize("kind", ["wired", "802.11s"])
def test_a_station_beside_another_link_may_have_no_way_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The same nodes are behind both, and the kernel has the better way alone; one over its hub tells nothing."""
    computer, node = Computer(tmp_path), known(STATION, Link("other0", kind, None))
    computer.stations["mesh0"] = JOINED.format(300)
    for number, name in enumerate(("mesh0", "other0"), WAY.nodes[0].interface - 1):
        computer.write(f"/sys/class/net/{name}/carrier", "1\n")
        computer.write(f"/sys/class/net/{name}/ifindex", f"{number}\n")
        computer.runs(f"byz-mesh@{name}.service")
    monkeypatch.setattr(routes, "read", lambda: WAY)
    found, alone_there = checks.mesh(computer, node), checks.mesh(computer, known(STATION))
    assert found is not None
    assert found.text.startswith("The mesh “byzantium” is joined by ")
    assert alone_there is not None
    assert alone_there.text.startswith("No way of this mesh goes over")


@pytest.mark.parametrize("address", ["random", "permanent"])
def test_a_station_never_joins_an_access_point_of_its_own_node(address: Literal["random", "permanent"]) -> None:
    machine = Machine(radios=(card(0, "D"), card(1, "E")), heard=(hub(1),))
    node = resolve(Answers(node=Node(mac=address)), machine, NODE)
    own, = node.access_points
    file = next(step for step in mesh.STAGE.steps(node, machine) if step.id == "mesh0-file")
    assert isinstance(file, ConfigFile)
    assert f"\tbssid_ignore={own.mac or machine.radios[0].mac}\n" in file.content
