"""A node that is alone listens again: when that is due, what it does about what it hears, and what is said of it."""

import itertools
import json
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from byzwizard import alone, beacon, cli, listen
from byzwizard.alone import FIRST, LONGEST, Alone
from byzwizard.answers import Answers, load, save_text
from byzwizard.backends import facts, hearing, mesh, remembered, revert, routes, scan, status
from byzwizard.backends.facts import Facts, Link
from byzwizard.backends.nl80211 import Heard
from byzwizard.backends.system import Result, System
from byzwizard.errors import CannotHere
from byzwizard.locking import only_one
from byzwizard.machine import Machine, Radio
from byzwizard.resolve import Resolved, resolve
from tests.unit.test_ladder import card, hub
from tests.unit.test_resolve import NODE
from tests.unit.test_scan import element, heard

NOBODY = routes.Table((), frozenset(), out=False, shares=False)
WAY = routes.Table((routes.Route("10.1.2.0", "fe80::1", 3, 96),), frozenset(), out=False, shares=False)
SOMEBODY = "Station 02:00:00:00:01:00 (on {})\n\tsignal:\t-40 dBm\n"
JOINED = SOMEBODY.format("mesh0") + "\tconnected time:\t{} seconds\n"
PIER = heard(element(0, b"pier") + element(221, beacon.content("byzantium~pub")), 1)


def listens(node: Alone, company: bool, start: int, seconds: int, chance: float = 0.5) -> list[float]:
    """When it listens, looking every second."""
    return [float(now) for now in range(start, start + seconds) if node.step(company, float(now), chance)]


# When it is due


def test_it_listens_less_and_less_often_and_never_gives_up() -> None:
    times = listens(Alone(), False, 0, 3 * 3600)
    pauses = [later - earlier for earlier, later in itertools.pairwise([0.0, *times])]
    assert pauses[0] <= FIRST
    assert pauses == sorted(pauses)
    assert LONGEST / 2 <= pauses[-1] <= LONGEST + 1


@pytest.mark.parametrize("start", [0, 500])
def test_it_never_listens_while_somebody_is_near_and_begins_anew_after(start: int) -> None:
    node = Alone()
    listens(node, False, 0, start)
    assert listens(node, True, start, 3600) == []
    assert node == Alone()
    first, *_more = listens(node, False, start + 3600, 400)
    assert FIRST / 2 <= first - start - 3600 <= FIRST


def test_two_of_them_do_not_listen_at_the_same_moments() -> None:
    one, other = (listens(Alone(), False, 0, 3600, chance) for chance in (0.1, 0.9))
    assert one[0] - other[0] < -FIRST / 4


# Who is company


class Computer(System):
    """Whose interfaces hear the `stations`; units are stopped and started by the files that tell of them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.stations: dict[str, str] = {}
        self.ran: list[tuple[str, ...]] = []

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        if argv[:2] == ("iw", "dev") and argv[3:] == ("station", "dump"):
            return Result(0, self.stations.get(argv[2], ""), "")
        self.ran.append(argv)
        if argv[:2] == ("systemctl", "start"):
            self.runs(argv[2])
        if argv[:2] == ("systemctl", "stop"):
            self.path(f"/run/systemd/units/invocation:{argv[2]}").unlink(missing_ok=True)
        return Result(0, "", "")

    def runs(self, unit: str) -> None:
        kind = unit.partition("@")[0].replace("-", "\\x2d")
        self.write(f"/sys/fs/cgroup/system.slice/system-{kind}.slice/{unit}/cgroup.procs", "7\n")
        place = self.path(f"/run/systemd/units/invocation:{unit}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to("id")


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    monkeypatch.setattr(routes, "read", lambda: NOBODY)
    return Computer(tmp_path)


def known(*links: Link, points: tuple[str, ...] = (), listening: bool = True) -> Facts:
    return Facts("lighthouse", NODE.id, ("10.1.2.1", "fd00::1"), "byzantium", "byzantium~pub", "public", "babel", links,
                 ("clients0",), points, portal=True, hubs=points, listens=listening)


IBSS, STATION, MESHING = (Link("mesh0", kind, None) for kind in ("ibss", "station", "802.11s"))


def test_phones_and_nodes_at_its_access_point_are_company(computer: Computer) -> None:
    assert not alone.company(computer, known(points=("ap0",)))
    computer.stations["ap0"] = SOMEBODY.format("ap0")
    assert alone.company(computer, known(points=("ap0",)))


def test_a_neighbour_in_the_cell_is_company_and_a_mesh_peer_once_it_has_joined(computer: Computer) -> None:
    assert not alone.company(computer, known(IBSS))
    computer.stations["mesh0"] = SOMEBODY.format("mesh0")
    assert alone.company(computer, known(IBSS))
    computer.stations["mesh0"] += "\tmesh plink:\tBLOCKED\n"
    assert not alone.company(computer, known(MESHING))
    computer.stations["mesh0"] = computer.stations["mesh0"].replace("BLOCKED", "ESTAB")
    assert alone.company(computer, known(MESHING))


def test_a_station_has_company_when_it_has_joined_not_while_it_tries(computer: Computer) -> None:
    computer.stations["mesh0"] = JOINED.format(5)
    computer.write("/sys/class/net/mesh0/carrier", "0\n")
    assert not alone.company(computer, known(STATION))
    computer.write("/sys/class/net/mesh0/carrier", "1\n")
    assert alone.company(computer, known(STATION))


def test_a_way_to_any_node_is_company(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "read", lambda: WAY)
    assert alone.company(computer, known(points=("ap0",)))


# The watch


def test_the_watch_tells_what_is_due_once_and_goes_on_where_it_was(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    computer.path(alone.FOLDER).mkdir(parents=True)
    flag = computer.path(f"{alone.FOLDER}/listen.due")
    node, said = alone.read(computer), list[str]()
    for now in (0.0, 5.0, FIRST - 1):
        alone.look(computer, known(points=("ap0",)), node, Alone(), now, said.append)
    assert not flag.exists()
    alone.look(computer, known(points=("ap0",)), node, Alone(), FIRST, said.append)
    assert flag.exists()
    assert said == ["nobody is near, and again in 120 s while nobody is near",
                    "it listens, and again in 240 s while nobody is near"]
    assert alone.read(computer) == node == Alone(1, 3 * FIRST), "a start of the watch begins nothing anew"
    computer.stations["ap0"] = SOMEBODY.format("ap0")
    alone.look(computer, known(points=("ap0",)), node, Alone(), FIRST + 5, said.append)
    assert said[2:] == ["somebody is near: nobody else is listened for"]
    assert alone.read(computer) == Alone()


@pytest.mark.parametrize(("link", "listens"), [(IBSS, True), (STATION, False)])
def test_with_company_in_its_cell_it_listens_now_and_then(
    computer: Computer, monkeypatch: pytest.MonkeyPatch, link: Link, listens: bool
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    computer.path(alone.FOLDER).mkdir(parents=True)
    computer.write("/sys/class/net/mesh0/carrier", "1\n")
    computer.stations["mesh0"] = JOINED.format(5)
    flag, said, beside = computer.path(f"{alone.FOLDER}/listen.due"), list[str](), Alone(first=LONGEST)
    for now in (0.0, LONGEST - 1, LONGEST, 2 * LONGEST):
        flag.unlink(missing_ok=True)
        alone.look(computer, known(link), Alone(), beside, now, said.append)
        assert flag.exists() is (listens and now >= LONGEST)
    assert said == []


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"tries": "x", "due": null}'])
def test_a_damaged_state_is_none(computer: Computer, text: str) -> None:
    computer.write(alone.STATE, text)
    assert alone.read(computer) == Alone()


def test_status_says_when_it_listens_again(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    here = known(points=("ap0",))
    assert status.nobody(computer, here, 0) == "No other node of this mesh is near."
    assert "when no phone is joined any more" in status.nobody(computer, here, 2)
    for due, word in ((1030.0, "within 1 minute."), (1200.0, "within 4 minutes."), (990.0, "within 1 minute.")):
        computer.write(alone.STATE, json.dumps({"tries": 1, "due": due}))
        assert word in status.nobody(computer, here, 0)
    assert status.nobody(computer, known(listening=False), 2) == "No other node of this mesh is near."


# What it does


class Air:
    """What radios hear, and the apply that is asked for."""

    def __init__(self, computer: Computer) -> None:
        self.computer = computer
        self.found: list[Heard] = []
        self.silent: list[bool] = []  # was the own access point off, each time that a radio listened?
        self.applied: list[list[str]] = []
        self.becomes: Facts | None = None  # what the apply makes of the node
        self.radio = card(0, "D")

    def hear(self, _system: System, _radio: Radio) -> list[Heard]:
        self.silent.append(not self.on("ap0"))
        return self.found

    def on(self, name: str) -> bool:
        return self.computer.path(f"/run/systemd/units/invocation:byz-ap@{name}.service").is_symlink()

    def apply(self, argv: Sequence[str]) -> int:
        assert not self.on("ap0"), "its own access point is off until the apply has decided"
        self.applied.append([*argv])
        assert load(self.computer.path(listen.ANSWERS)) == Answers()
        if self.becomes is None:
            raise CannotHere("The radio is gone.")
        put(self.computer, self.becomes)
        return 0


def put(system: System, node: Facts) -> None:
    system.write(facts.FACTS, json.dumps({**node.__dict__, "links": [link.__dict__ for link in node.links]}))


@pytest.fixture
def air(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Air]:
    """A node with one card, which is a hub."""
    made = Air(computer)
    computer.write("/etc/byzantium/answers.yaml", save_text(Answers()))
    computer.runs("byz-ap@ap0.service")
    put(computer, known(points=("ap0",)))
    monkeypatch.setattr(listen, "System", lambda: computer)
    monkeypatch.setattr(remembered, "recall", lambda _system: Machine(radios=(made.radio,)))
    monkeypatch.setattr(revert, "armed", lambda _system: False)
    monkeypatch.setattr(scan, "hear", made.hear)
    monkeypatch.setattr(cli, "run", made.apply)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    yield made
    assert computer.read(listen.ANSWERS) is None, "the answers hold secrets"


def test_a_hub_that_hears_another_one_joins_it_and_is_silent_from_then_on(
    air: Air, capsys: pytest.CaptureFixture[str]
) -> None:
    """So of two that listen at the same time only one can hear the other."""
    air.found, air.becomes = [PIER], known(STATION)
    assert listen.main() == 0
    assert air.silent == [True]
    asked, = air.applied
    assert asked[0] == "apply"
    assert asked[-2:] == ["--heard", hearing.written([hub(ssid=b"pier".hex())])]
    assert not air.on("ap0")
    assert capsys.readouterr().err == "an access point of this mesh is heard: wlan0 joins it\n"


def test_an_access_point_that_a_killed_run_left_off_comes_back(air: Air) -> None:
    air.computer.write(listen.PAUSED, "ap0\n")
    air.computer.run("systemctl", "stop", "byz-ap@ap0.service")
    assert listen.main() == 0
    assert air.on("ap0")
    assert air.computer.read(listen.PAUSED) is None


def test_a_listening_that_is_stopped_leaves_none_off(air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "prepared", lambda *_: signal.raise_signal(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit):
            listen.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert air.on("ap0")


def test_a_hub_that_hears_nobody_of_its_mesh_is_there_again(air: Air, capsys: pytest.CaptureFixture[str]) -> None:
    air.found = [heard(element(0, b"Cafe"), 1), heard(element(0, b"x") + element(221, beacon.content("other~pub")), 1)]
    assert listen.main() == 0
    assert air.silent == [True]
    assert air.applied == []
    assert air.on("ap0")
    assert "it stays as it is" in capsys.readouterr().err


def test_a_hub_whose_apply_fails_is_there_again(air: Air, capsys: pytest.CaptureFixture[str]) -> None:
    air.found = [PIER]
    assert listen.main() == 0
    assert len(air.applied) == 1
    assert air.on("ap0")
    assert "The radio is gone." in capsys.readouterr().err


def test_somebody_who_came_meanwhile_is_not_left_alone(air: Air) -> None:
    air.found = [PIER]
    air.computer.stations["ap0"] = SOMEBODY.format("ap0")
    assert listen.main() == 0
    assert air.silent == []
    assert air.on("ap0")


def test_a_node_whose_part_does_not_depend_on_others_never_listens(air: Air) -> None:
    put(air.computer, known(points=("ap0",), listening=False))
    assert listen.main() == 0
    assert air.silent == []


def test_another_change_is_let_through(air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is under way, and one that waits to be kept."""
    air.found = [PIER]
    monkeypatch.setattr("byzwizard.locking.PATIENCE", 0)
    with only_one(air.computer):
        assert listen.main() == 0
    monkeypatch.setattr(revert, "armed", lambda _system: True)
    assert listen.main() == 0
    assert air.silent == []
    assert air.applied == []
    assert air.on("ap0")


def test_an_access_point_beside_a_link_stays_on(air: Air) -> None:
    """An ad-hoc card can listen while it serves."""
    for name in ("mesh0", "ap0"):
        air.computer.write(f"/sys/class/net/{name}/phy80211/name", "phy0\n")
    put(air.computer, known(IBSS, points=("ap0",)))
    assert listen.main() == 0
    assert air.silent == [False]


def test_nobody_is_left_behind_in_a_cell_and_people_are_told(air: Air, capsys: pytest.CaptureFixture[str]) -> None:
    """The neighbour may not hear the access point. That of another radio is not silent for it."""
    node = known(IBSS, points=("ap0",))
    put(air.computer, node)
    air.computer.write("/sys/class/net/mesh0/phy80211/name", f"{air.radio.phy}\n")
    air.computer.stations["mesh0"] = SOMEBODY.format("mesh0")
    air.found = [PIER]
    assert listen.main() == 0
    assert air.silent == [False]
    assert air.applied == []
    assert "it stays in the cell" in capsys.readouterr().err
    told, = status.beside(air.computer, node)
    assert told.ok
    assert told.text.endswith("is heard beside the ad-hoc cell: pier.")
    assert not any(status.beside(air.computer, now) for now in (known(STATION), known(IBSS, listening=False)))
    air.found = []
    assert listen.main() == 0
    assert status.beside(air.computer, node) == []


def test_who_is_alone_in_its_cell_joins_and_tells_nobody_to(air: Air) -> None:
    put(air.computer, known(IBSS))
    air.computer.write(alone.BESIDE, json.dumps([b"pier".hex()]))
    air.found, air.becomes = [PIER], known(STATION)
    air.computer.run("systemctl", "stop", "byz-ap@ap0.service")
    assert listen.main() == 0
    assert len(air.applied) == 1
    assert status.beside(air.computer, known(IBSS)) == []


@pytest.mark.parametrize("text", ["x", "{}", "[1]", '["zz"]'])
def test_a_damaged_note_of_what_is_beside_is_none(computer: Computer, text: str) -> None:
    computer.write(alone.BESIDE, text)
    assert status.beside(computer, known(IBSS)) == []


# What is heard and what is done, by each kind of link


def decided(computer: System, node: Facts, radio: Radio, *hubs: Any, **answers: Any) -> str | None:
    machine = Machine(radios=(radio,), heard=hubs, patient=True)
    resolved: Resolved = resolve(Answers.model_validate(answers), machine, NODE)
    return listen.change(computer, node, resolved, hubs)


def test_an_ad_hoc_node_joins_the_hub_that_came_later(computer: Computer) -> None:
    assert decided(computer, known(IBSS), card(0, "C")) is None
    assert "wlan0 joins it" in str(decided(computer, known(IBSS), card(0, "C"), hub()))


def test_one_that_waits_joins_a_hub_of_another_name_and_stays_where_it_was_turned_away(computer: Computer) -> None:
    waiting = resolve(Answers(), Machine(radios=(card(0, "E"),), heard=(), patient=True), NODE)
    computer.write("/run/byzantium/mesh/mesh0.conf", mesh.configuration(waiting, waiting.links[0]))
    assert decided(computer, known(STATION), card(0, "E")) is None
    assert decided(computer, known(STATION), card(0, "E"), hub()) is None, "it would join that one, and is not let in"
    assert "joins it" in str(decided(computer, known(STATION), card(0, "E"), hub(ssid=b"pier".hex())))
    computer.write("/run/byzantium/mesh/mesh0.conf", "\tssid=00\n")
    other = hub(air_id="other~pub")
    assert decided(computer, known(STATION), card(0, "E"), other) is None, "it has the name of ours, and is of another"


@pytest.mark.parametrize(("grade", "begins"), [("C", True), ("D", True), ("E", False)])
def test_a_station_whose_hub_is_gone_begins_by_itself_where_it_can(
    computer: Computer, grade: str, begins: bool
) -> None:
    what = decided(computer, known(STATION), card(0, grade))
    assert (what is not None and "begins by itself" in what) is begins
