"""What is the node's own no descriptor may name: its ports, and the units that are not stopped for not being chosen."""

import re
from pathlib import Path

import pytest

from byzwizard import catalogue, catalogue_names, islands
from byzwizard.backends import ahcp, babel, olsr, olsr_info
from tests.unit.test_catalogue import TEA, broken, write

UNITS, TEMPLATES = Path("assets/units"), Path("assets/templates")
LISTENS = re.compile(r"^(?:\s*listen \S*:|port=)(\d+)", re.MULTILINE)
ADMITTED = re.compile(r"(?:(udp|tcp)|\{ tcp, udp \} th) dport (\d+)")
STARTED = re.compile(r"^ExecStart=.*--port=(\d+)", re.MULTILINE)


def of_services() -> set[str]:
    there = catalogue.here().services.values()
    return {unit for one in there for unit in (one.unit, *one.health.units)}


def test_units_of_the_node_are_all_that_are_of_no_service() -> None:
    there = {path.name for path in UNITS.glob("*.service") if "@" not in path.name}
    assert there - of_services() == catalogue_names.OF_THE_NODE


def test_ports_of_the_node_are_those_that_its_programs_listen_on() -> None:
    own = [path.read_text() for path in (UNITS / unit for unit in catalogue_names.OF_THE_NODE)]
    templates = [path.read_text() for path in TEMPLATES.iterdir()]
    used = {("tcp", int(port)) for text in templates for port in LISTENS.findall(text)}
    used |= {(kind, int(port)) for text in templates for named, port in ADMITTED.findall(text)
             for kind in ([named] if named else ["tcp", "udp"])}
    used |= {(kind, int(port)) for text in own for port in STARTED.findall(text) for kind in ("tcp", "udp")}
    used |= {("udp", port) for port in (babel.PORT, olsr.PORT, ahcp.PORT, *catalogue.ISLANDS)}
    used |= {("tcp", 22), ("tcp", olsr_info.PORT)}
    assert {("udp", 5353), ("tcp", 2050), ("udp", 5300), ("udp", 123)} <= used
    assert used == catalogue.TAKEN
    assert catalogue.ISLANDS[0] == islands.PORT


@pytest.mark.parametrize("port", [5300, 5353, 5359, 698, 51821])
def test_a_port_of_the_node_is_refused(tmp_path: Path, port: int) -> None:
    ports = [*TEA["ports"], {"number": port, "protocol": "udp", "reach": "mesh"}]
    assert f"port {port} is one of the node itself" in broken(tmp_path, {**TEA, "ports": ports})


def test_a_unit_of_the_node_is_refused_and_not_stopped_with_what_is_not_chosen(descriptors: Path) -> None:
    write(descriptors, {**TEA, "unit": "byz-babel.service"})
    assert "unit: byz-babel.service is one of the node itself" in catalogue.here().broken["tea"]
    assert not catalogue_names.units()
