"""A radio that hears nobody any more: what is asked of wpa_supplicant, and when."""

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from byzwizard import alone, unstick
from byzwizard.alone import GRACE
from byzwizard.backends import routes
from byzwizard.backends.facts import Link
from byzwizard.backends.system import Result, System
from byzwizard.unstick import ANEW, FIRST, LONGEST, LOOK, Radio, Way
from tests.unit.test_alone import STATION, known

PEER = "Station 02:00:00:00:01:00 (on mesh0)\n\tsignal:\t-40 dBm\n\tmesh plink:\tESTAB\n"
REFUSED = PEER.replace("ESTAB", "BLOCKED")
HUB, OTHER = "02:00:00:00:02:00", "02:00:00:00:03:00"
JOINED = f"bssid={HUB}\nssid=Byzantium\nwpa_state=COMPLETED\n"


def asked(radio: Radio, peers: int, seconds: int, start: float = 0.0) -> list[tuple[float, str]]:
    """What it asks for within so many seconds, looking every second, and when."""
    steps = ((float(now), radio.step(peers, start + now)) for now in range(seconds))
    return [(now, command) for now, command in steps if command is not None]


def test_who_never_heard_anybody_waits() -> None:
    assert asked(Radio("mesh0"), 0, 7200) == [], "somebody has to be the first"


def test_it_looks_around_then_joins_anew_less_and_less_often() -> None:
    radio = Radio("mesh0")
    assert asked(radio, 2, 10) == []
    found = asked(radio, 0, 6 * 3600, start=10.0)
    assert found[0][1] == LOOK
    assert {command for _now, command in found[1:]} == {ANEW}
    assert found[0][0] <= FIRST
    assert found[1][0] <= 2 * FIRST
    pauses = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(found)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST
    assert len(found) < 15


def test_a_peer_that_is_back_begins_it_anew() -> None:
    radio = Radio("mesh0")
    asked(radio, 1, 1)
    assert len(asked(radio, 0, 600, start=1.0)) > 2
    assert asked(radio, 1, 5, start=601.0) == []
    assert asked(radio, 0, 40, start=606.0)[0][1] == LOOK


class Computer(System):
    """With a radio that hears what `heard` says."""

    heard = PEER

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        assert argv == ("iw", "dev", "mesh0", "station", "dump")
        return Result(0, self.heard, "")


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[list[str]]:
    """What comes in at wpa_supplicant's control socket."""
    found: list[str] = []
    place = tmp_path / unstick.CONTROL.lstrip("/")
    place.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(place / "mesh0"))

        def serve() -> None:
            while (question := link.recvfrom(100))[0] != b"END":
                found.append(question[0].decode())
                link.sendto(JOINED.encode() if found[-1] == "STATUS" else b"OK\n", question[1])

        thread = threading.Thread(target=serve)
        thread.start()
        yield found
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"END", str(place / "mesh0"))
        thread.join()


def test_wpa_supplicant_is_asked_and_each_decision_is_one_line(tmp_path: Path, commands: list[str]) -> None:
    computer, radio, said = Computer(tmp_path), Radio("mesh0"), list[str]()
    unstick.look(computer, [radio], 0.0, said.append)
    computer.heard = REFUSED
    for now in (10.0, 31.0, 62.0, 63.0):
        unstick.look(computer, [radio], now, said.append)
    computer.heard = PEER
    unstick.look(computer, [radio], 70.0, said.append)
    unstick.look(computer, [radio], 75.0, said.append)
    assert commands == [LOOK, ANEW]
    assert said == ["mesh0: nobody is heard any more; it looks around",
                    "mesh0: nobody is heard any more; it joins anew", "mesh0: 1 heard again"]


def test_in_an_ad_hoc_cell_whoever_is_heard_is_a_peer(tmp_path: Path, commands: list[str]) -> None:
    computer, radio, said = Computer(tmp_path), Radio("mesh0", "ibss"), list[str]()
    computer.heard = "Station 02:00:00:00:01:00 (on mesh0)\n\tsignal:\t-40 dBm\n"
    unstick.look(computer, [radio], 0.0, said.append)
    computer.heard = ""
    for now in (31.0, 62.0):
        unstick.look(computer, [radio], now, said.append)
    assert commands == [LOOK, ANEW]


def test_a_daemon_that_is_away_is_no_reason_to_end(tmp_path: Path) -> None:
    computer, radio, said = Computer(tmp_path), Radio("mesh0", met=True), list[str]()
    computer.heard = ""
    unstick.look(computer, [radio], 1.0, said.append)
    assert len(said) == 1


# A radio that was switched off and on


def test_a_radio_that_is_down_and_may_be_up_begins_anew(
    tmp_path: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    computer, said, down = Computer(tmp_path), list[str](), dict[Path, int]()
    monkeypatch.setattr("byzwizard.backends.interfaces.index", lambda _name: 7)
    flags, switch = "/sys/class/net/mesh0/flags", "/sys/class/net/mesh0/phy80211/rfkill0/soft"

    def looks(up: str, off: str, times: int) -> list[str]:
        computer.write(flags, up)
        computer.write(switch, off)
        del commands[:]
        for _look in range(times):
            unstick.look_at_switches(computer, down, said.append)
        return list(commands)

    assert looks("0x1003", "0", 9) == []
    assert looks("0x1002", "1", 9) == [], "it was switched off, and stays so"
    assert looks("0x1002", "0", unstick.DOWN - 1) == []
    assert looks("0x1003", "0", 9) == [], "it is up by itself"
    assert looks("0x1002", "0", unstick.DOWN) == [ANEW]
    assert said == ["mesh0: it is down, and not switched off any more; it begins anew"]


# A station at somebody else's access point


def left(way: Way, bssid: str | None, leads: bool, start: int, seconds: int) -> list[int]:
    """When it leaves its access point, looking every second."""
    return [now for now in range(start, start + seconds) if way.step(bssid, leads, float(now))]


def test_an_access_point_over_which_no_way_goes_is_left_less_and_less_often() -> None:
    times = left(Way("mesh0"), HUB, False, 0, 6 * 3600)
    assert times[0] == GRACE
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == alone.LONGEST


def test_an_access_point_over_which_a_way_goes_is_kept_and_so_is_none() -> None:
    way = Way("mesh0")
    assert left(way, None, False, 0, 600) == []
    assert left(way, HUB, False, 600, GRACE) == [], "routing takes a while"
    assert left(way, HUB, True, 600 + GRACE, 3600) == []
    assert left(way, HUB, False, 4200 + GRACE, GRACE - 1) == [], "a way may be gone for a moment"
    assert way.tries == 0


def test_the_next_access_point_has_its_time_too() -> None:
    way = Way("mesh0")
    assert left(way, HUB, False, 0, GRACE + 50) == [GRACE]
    assert left(way, OTHER, False, GRACE + 50, GRACE) == []
    assert left(way, OTHER, False, 2 * GRACE + 50, 1) == [2 * GRACE + 50]


def test_wpa_supplicant_is_told_to_pass_over_it(
    tmp_path: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    computer, way, said = Computer(tmp_path), Way("mesh0"), list[str]()
    node = known(STATION, Link("eth0", "wired", None))
    for name, number in (("mesh0", 7), ("eth0", 3)):
        computer.write(f"/sys/class/net/{name}/ifindex", f"{number}\n")
    at_hub, beside, here = (routes.Table((routes.Route("10.1.2.0", "fe80::1", number, 96),), frozenset(), False, False)
                            for number in (2, 3, 7))
    for table, now in ((here, 0.0), (here, 2.0 * GRACE), (beside, 4.0 * GRACE)):
        monkeypatch.setattr(routes, "read", lambda table=table: table)
        unstick.look_on(computer, node, [way], now, said.append)
    assert {*commands} == {"STATUS"}, "the better way is over the cable"
    monkeypatch.setattr(routes, "read", lambda: at_hub)
    unstick.look_on(computer, node, [way], 5.0 * GRACE, said.append)
    assert commands[-4:] == [f"BSSID_IGNORE {HUB}"] * 3 + ["REASSOCIATE"]
    assert said == [f"mesh0: no way of this mesh goes over the access point {HUB}; it looks for another"]
