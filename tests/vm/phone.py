"""A phone in the VM: a radio in the network namespace `phone`, which joins an access point and asks for an address."""

from __future__ import annotations

import json
from pathlib import Path

from tests.vm.harness import VM

INSIDE = "ip netns exec phone "  # what comes before a command of the phone
DHCP_CLIENT = Path(__file__).parents[1] / "net" / "dhcp_client.py"


def join(vm: VM, patience: float, radio: str = "wlan3", former: str = "") -> dict[str, str]:
    """Join the open network Byzantium on channel 11; what DHCP gave: address, router, dns. The address is set. One that
    comes from another access point of this name asks to keep its `former` address."""
    vm.put("/run/dhcp.py", DHCP_CLIENT.read_text())
    radio = vm.run(INSIDE + "ls /sys/class/net | grep wlan || true").strip() or radio
    vm.run(INSIDE + f"ip link set {radio} up")
    vm.run(INSIDE + f"ip address flush dev {radio} scope global")
    # As a phone does it: one that was sent away joins again.
    joined = f"{INSIDE} iw dev {radio} link | grep -q ^Connected || {INSIDE} iw dev {radio} connect -w Byzantium 2462"
    asked = f"{INSIDE} python3 /run/dhcp.py {radio} {former}"
    vm.wait(joined, patience, "the phone to join")
    given: dict[str, str] = json.loads(
        vm.wait(f"{{ {joined}; }} >/dev/null && {asked}", patience, "an address for the phone")
    )
    vm.run(INSIDE + f"ip address add {given['address']}/24 dev {radio}")
    return given
