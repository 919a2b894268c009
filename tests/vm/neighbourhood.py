"""Six nodes inside one VM, who of them hears whom, a phone, and modems that lead to an Internet of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from tests.vm.harness import VM, Node, cable, hear, say
from tests.vm.nodes import masks_of
from tests.vm.qemu import acceleration

SETUP = 600  # seconds for what six nodes do at once, where everything is emulated
NAMES = ("ann", "bob", "cat", "dan", "eva", "fay")
LINE = tuple(pairwise(NAMES))
RING = (*LINE, ("dan", "ann"))  # of the first four; eva and fay hang on it
SERVING = ("ann", "dan")  # those with an access point
SHARING = ("ann", "fay")  # those whose Internet is shared when there is some
ABROAD = "203.0.113.5"
KNOWN = ("9.9.9.9", "149.112.112.112", "1.1.1.1")
Pairs = Iterable[tuple[str, str]]


def without(pairs: Pairs, *cut: str) -> Pairs:
    """The same, but these two do not hear each other."""
    return tuple(pair for pair in pairs if set(pair) != set(cut))


def answers(name: str, mesh: str = "") -> str:
    """`mesh` are lines under mesh:."""
    return (f"byzantium: 1\nnode:\n  name: {name}\nmesh:\n  name: relief\n{mesh}"
            f"access_point:\n  enable: {'auto' if name in SERVING else 'false'}\n"
            f"internet:\n  share: {'auto' if name in SHARING else 'never'}\n")


class Neighbourhood:
    """`radios` are all, by the names of their owners."""

    def __init__(self, vm: VM) -> None:
        self.vm = vm
        self.radios = {name: f"phy{number}" for number, name in enumerate((*NAMES, "phone"))}
        self.routing = ""
        self.emulated = "kvm" not in acceleration()
        vm.run("ip netns add phone && iw phy phy6 set netns name phone")

    def __getitem__(self, name: str) -> Node:
        return self.vm.nodes[name]

    def each(self, do: Callable[[str], object], names: Iterable[str] = NAMES) -> None:
        """For these nodes at the same time."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(do, names))

    def become(self, routing: str) -> None:
        """All six, in their line, by this routing: they boot with these answers, or apply them."""
        self.routing = routing
        self.hears(LINE)
        absent = [name for name in NAMES if name not in self.vm.nodes]
        for name in absent:
            self.boot(name)
        self.each(lambda name: self[name].booted(SETUP), absent)
        present = [name for name in NAMES if name not in absent]
        self.each(lambda name: self[name].at_most(None), present)
        self.each(self.apply, present)

    def boot(self, name: str, mesh: str = "") -> Node:
        return self.vm.node(name, self.radios[name], answers(name, self._mesh(mesh)))

    def apply(self, name: str, mesh: str = "") -> None:
        self[name].apply(answers(name, self._mesh(mesh)), SETUP)

    def _mesh(self, more: str) -> str:
        return f"  routing: {self.routing}\n{more}"

    # Time and air

    def now(self) -> float:
        """Seconds on the clock of the VM."""
        return float(self.vm.run("cat /proc/uptime").split()[0])

    def told(self, what: str, began: float) -> float:
        """How long it took, said aloud."""
        took = self.now() - began
        say(f"MEASURED {self.routing}: {what} after {took:.1f} s")
        return took

    def hears(self, pairs: Pairs) -> None:
        masks = masks_of(pairs)
        hear(self.vm, **{phy: masks.get(name, 0) for name, phy in self.radios.items()})

    def deafens(self, name: str, loss: int) -> None:
        """What this node sends is lost, so many of a hundred; its peers know nothing of it."""
        queue = f"tc -n {name} qdisc"
        self.vm.run(f"{queue} replace dev mesh0 root netem loss {loss}%" if loss else f"{queue} del dev mesh0 root")

    # What a node reaches

    def address(self, name: str) -> str:
        found: str = self[name].facts()["addresses"][0]
        return found

    def pings(self, who: str, whom: str) -> None:
        """Wait until the node `whom`, or an address, answers this one."""
        address = self.address(whom) if whom in NAMES else whom
        ping = f"nsenter --net=/run/netns/{who} ping -c 1 -i 0.5 -w 20 {address}"  # until one is answered
        self.vm.wait(ping, SETUP, f"{whom} to answer {who}")

    def finds(self, who: str, whom: str) -> None:
        """Wait until the node `whom` answers this one by its name."""
        self[who].wait(f"ping -c 1 -W 5 {whom}.byzantium.mesh", SETUP, f"{whom} to answer {who} by its name")

    def loses(self, who: str, whom: str) -> None:
        """Wait until this node knows no way to the other."""
        network = self.address(whom).removesuffix("1") + "0/24"
        self.vm.wait(f"! ip -n {who} -4 route show {network} type unicast proto babel | grep -q via", SETUP,
                     f"{who} to have no way to {whom}")

    def peers(self, who: str, whom: str, are: bool = True) -> None:
        """Wait until the radios of two have joined, or have given each other up."""
        mac = self.vm.run(f"nsenter --net=/run/netns/{whom} iw dev mesh0 info | grep -o 'addr .*'").split()[1]
        known = f"nsenter --net=/run/netns/{who} iw dev mesh0 station get {mac} 2>&1 | grep -q ESTAB"
        self.vm.wait(f"{'' if are else '! '}{known}", SETUP, f"{who} and {whom} {'' if are else 'not '}to be peers")

    def back(self, pairs: Pairs, who: str, whom: str, what: str) -> float:
        """Let these hear each other; the seconds until `whom` answers `who`."""
        address = self.address(whom)
        began = self.now()
        self.hears(pairs)
        self.pings(who, address)
        return self.told(what, began)

    # Ways out

    def modem(self, name: str) -> None:
        """A cable from this node to a modem that leads to the Internet."""
        modem = f"isp-{name}"
        inside = f"ip netns exec {modem} "
        self.vm.run(f"ip netns add {modem} && ip -n {modem} link set lo up")
        cable(self.vm, name, modem)
        self.vm.run(f"ip -n {modem} address add 192.168.7.1/24 dev eth0 && ip -n {modem} link set eth0 up")
        self.answers(name, True)
        self.vm.run(f"{inside} dnsmasq --user=root --pid-file=/run/{modem}.pid --no-resolv --no-hosts"
                    f" --conf-file=/dev/null --dhcp-leasefile=/run/{modem}.leases --dhcp-authoritative"
                    " --dhcp-range=192.168.7.50,192.168.7.99,255.255.255.0,2m")

    def answers(self, name: str, does: bool) -> None:
        """Does anybody behind the modem of this node answer? The cable stays."""
        verb = "add" if does else "del"
        self.vm.run("; ".join(f"ip -n isp-{name} address {verb} {address}/32 dev lo" for address in (*KNOWN, ABROAD)))

    def unplug(self, name: str) -> None:
        self.vm.sh(f"kill $(cat /run/isp-{name}.pid); ip netns delete isp-{name}")
