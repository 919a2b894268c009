"""The catalogue: descriptors that are right, broken ones that are named and left out, and what fits together."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from byzwizard import catalogue, catalogue_names, room, service_files
from byzwizard.answers import parse
from byzwizard.backends import directory, dumped, kept, linked, offering, services, tls
from byzwizard.backends.system import System
from byzwizard.backends.units import ConfigFile, ConfigFiles
from byzwizard.errors import CannotHere
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Wired
from byzwizard.resolve import resolve

ALICE = Identity(b"a" * 32)
MB = 1 << 20
UNITS = Path("assets/units")
CABLE = Wired(interface="eth0", mac="02:00:00:00:00:01", driver=None, carrier=True)
TEA: dict[str, Any] = {
    "name": "tea", "title": "Tea", "purpose": "Who has water on the boil.", "category": "talk",
    "unit": "byz-tea.service", "packages": ["tea"], "memory_bytes": 32 * MB, "disk_bytes": MB,
    "ports": [{"number": 8201, "reach": "node"}], "web": {"port": 8201}, "health": {"port": 8201, "path": "/"},
    "config": ["tea.conf"], "data": ["/var/lib/byzantium/services/tea"],
}

PAGES = {"config": ["a.html", "b.html"]}
KETTLE = {"ports": [{"number": 8201, "reach": "node"}, {"number": 8202, "reach": "mesh"}]}
MUCH_AT_ONCE = {"wiki": 4}  # processes of one service that take what each of them may
LITTLE = {"library", "radio"}  # what they keep is not from whoever comes
DUMP = {"holds": ["tea.db", "leaves/"], "save": "save", "load": "load", "most_bytes": MB}


def write(folder: Path, descriptor: Mapping[str, Any] | str, name: str = "tea", template: str = "to=$host\n") -> None:
    text = descriptor if isinstance(descriptor, str) else yaml.safe_dump(dict(descriptor))
    (folder / f"{name}.yaml").write_text(text)
    (folder / name).mkdir(exist_ok=True)
    for file in ("tea.conf", "a.html", "b.html"):
        (folder / name / file).write_text(template)


def test_a_service_is_added_by_its_descriptor_alone(descriptors: Path) -> None:
    write(descriptors, TEA)
    answers = parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [tea]\n")
    machine = Machine(memory_bytes=1 << 30, wired=(CABLE,))
    node = resolve(answers, machine, Identity(b"t" * 32))
    steps = {step.id: step for step in services.STAGE.steps(node, machine)}
    run, files, shown, ports = (steps[each] for each in (
        "service-tea", "service-tea-files", "services-web-file", "services-ports"))
    assert isinstance(run, services.RunService)
    assert (run.unit, run.keeps) == ("byz-tea.service", True)
    assert isinstance(files, ConfigFiles)
    assert [(file.path, file.content) for file in files.files] == [
        ("/run/byzantium/services/tea/tea.conf", f"to={node.node_id}.byzantium.mesh\n")]
    assert isinstance(shown, ConfigFile)
    assert "location /tea/" in shown.content
    assert "proxy_pass http://127.0.0.1:8201/;" in shown.content
    assert isinstance(ports, services.OpenPorts)
    assert dict(ports.sets)["offered_mesh"] == {("tcp", 443)}
    assert kept.data_folders() == {"tea": ("/var/lib/byzantium/services/tea", "/var/lib/byzantium/dumps/tea")}
    assert run.dumped is None, "it does not say how its data are saved"


@pytest.mark.parametrize("text", [
    json.dumps(TEA),
    yaml.safe_dump(TEA).replace("byz-tea.service", "'byz-tea.service'  # quoted"),
])
def test_what_is_not_chosen_is_stopped_however_its_descriptor_is_written(descriptors: Path, text: str) -> None:
    write(descriptors, text)
    node = resolve(parse("byzantium: 1\nmesh: {interfaces: [eth0]}\n"), Machine(memory_bytes=1 << 30, wired=(CABLE,)),
                   Identity(b"t" * 32))
    stopped = services.STAGE.steps(node, Machine(memory_bytes=1 << 30, wired=(CABLE,)))[0]
    assert isinstance(stopped, services.StopUnits)
    assert set(catalogue.here().services) == {"tea"}
    assert "byz-tea.service" in stopped.units


def test_how_data_are_saved_is_in_the_descriptor(descriptors: Path) -> None:
    (descriptors / "tea").mkdir()
    for name in ("save", "load"):
        (descriptors / "tea" / name).write_text("true\n")
    write(descriptors, {**TEA, "dump": DUMP})
    assert dumped.of(catalogue.here().services["tea"]) == dumped.Dumped(
        "tea", "byz-tea.service", "/var/lib/byzantium/services/tea", ("tea.db", "leaves/"),
        str(descriptors / "tea/save"), str(descriptors / "tea/load"), MB)


def test_pages_of_its_own_are_shown_by_nginx_and_its_port_by_websocket_alone(descriptors: Path) -> None:
    write(descriptors, {**TEA, "title": "Tea & <milk>", "words": {"pour": "Pour"}, "config": ["tea.conf", "tea.html"],
                        "web": {"port": 8201, "pages": ["tea.html"], "built": ["tea.js"], "socket": "socket"}})
    (descriptors / "tea" / "tea.html").write_text("<p>$title: $pour")
    node = resolve(parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [tea]\n"),
                   Machine(memory_bytes=1 << 30, wired=(CABLE,)), Identity(b"t" * 32))
    steps = {step.id: step for step in services.STAGE.steps(node, Machine(memory_bytes=1 << 30, wired=(CABLE,)))}
    shown, files = steps["services-web-file"], steps["service-tea-files"]
    assert isinstance(shown, ConfigFile)
    assert isinstance(files, ConfigFiles)
    assert files.files[1].content == "<p>Tea &amp; &lt;milk&gt;: Pour"
    places = re.findall(r"location (\S.*?) {(.*?)}", shown.content.partition("location / {")[2], re.DOTALL)
    assert [place for place, _said in places] == ["= /tea/socket", "= /tea", "= /tea/", "= /tea/tea.js"]
    assert "proxy_pass http://127.0.0.1:8201/;" in places[0][1]
    assert f"return 301 https://{node.node_id}.byzantium.mesh/tea/$is_args$args;" in places[1][1]
    assert "try_files /tea/tea.html =404;" in places[2][1]
    assert "proxy_pass" not in places[2][1]
    assert "root /usr/share/byzantium/web;" in places[3][1]


def test_a_path_that_is_closed_leads_nowhere_however_it_is_written(descriptors: Path) -> None:
    write(descriptors, {**TEA, "web": {"port": 8201, "keeps_path": True, "closed": ["/tea/admin.cgi"]}})
    shown = tls.configuration(resolve(parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [tea]\n"),
                                      Machine(memory_bytes=1 << 30, wired=(CABLE,)), Identity(b"t" * 32)),
                              "host", catalogue.here().services.values())
    assert "location ~* ^/tea/admin\\.cgi {\n            return 403;\n" in shown


def test_who_links_itself_is_noted_for_tend_and_announced_with_its_certificate(descriptors: Path) -> None:
    write(descriptors, {**TEA, "certificate": True, "links": {"peer": "peer", "call": "call"}})
    (descriptors / "tea" / "peer").write_text("<link $host $address $certificate>\n")
    (descriptors / "tea" / "call").write_text("<call $hosts>\n")
    one = offering.of(catalogue.read(descriptors).services["tea"], "host")
    told = linked.services(json.dumps([asdict(one)]))
    assert told == [linked.Templates("tea", "<link $host $address $certificate>\n", "<call $hosts>\n")]
    assert one.announced("ab")["certificate"] == "ab"
    assert "certificate" not in one.announced("")
    assert "certificate" not in replace(one, peer="", call="").announced("ab")


def test_of_which_types_it_is_is_announced_as_the_descriptor_says(descriptors: Path) -> None:
    write(descriptors, {**TEA, **KETTLE, "announce": [{"type": "_tea._tcp", "port": 8202}]})
    one = offering.of(catalogue.read(descriptors).services["tea"], f"{ALICE.id}.byzantium.mesh")
    told = one.announced("")
    assert told["announce"] == [{"type": "_tea._tcp", "port": 8202}]
    assert [each.announce for each in directory.offered({"services": [told]}, ALICE.id)] == [(("_tea._tcp", 8202),)]
    assert "announce" not in offering.of(catalogue.read(descriptors).services["tea"].model_copy(
        update={"announce": ()}), "host").announced("")


def test_a_service_of_two_units_is_unhealthy_while_one_of_them_does_not_run(descriptors: Path) -> None:
    write(descriptors, {**TEA, "ports": [{"number": 8201, "protocol": "udp", "reach": "mesh"}],
                        "health": {"units": ["byz-milk.service"]}, "web": {"pages": ["page.html"]},
                        "config": ["page.html"]})
    (descriptors / "tea" / "page.html").write_text("$title")
    run, node = services.runner(catalogue.here().services["tea"]), System(descriptors)
    assert run.ready is not None
    assert not run.ready(node)
    started = node.path("/run/systemd/units/invocation:byz-milk.service")
    started.parent.mkdir(parents=True)
    started.symlink_to("f" * 32)
    node.write("/sys/fs/cgroup/system.slice/byz-milk.service/cgroup.procs", "")
    assert not run.ready(node), "it waits to be started anew"
    node.write("/sys/fs/cgroup/system.slice/byz-milk.service/cgroup.procs", "4711\n")
    assert run.ready(node)


def test_a_computer_with_too_little_memory_is_told_before_anything_is_done() -> None:
    answers = parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [wiki, radio]\n")
    machine = Machine(memory_bytes=room.SYSTEM_BYTES + 150 * MB, wired=(CABLE,))
    with pytest.raises(CannotHere, match=r"need 201\.3 MB of memory, and this computer has 157\.3 MB") as refused:
        services.STAGE.steps(resolve(answers, machine, Identity(b"t" * 32)), machine)
    assert refused.value.hint == "Leave out Radio (67.1 MB)."


def test_a_service_without_pages_of_its_own_is_explained_by_one_of_ours(descriptors: Path) -> None:
    kettle = {**TEA, "web": {"pages": ["page.html"]}, "config": ["page.html", "tea.xsl", "tea.json", "tea.conf"],
              "purpose": 'Tea & "biscuits".', "note": "Ask at <10.0.0.1>."}
    write(descriptors, kettle, template="$purpose")
    for name in ("page.html", "tea.xsl", "tea.json"):
        (descriptors / "tea" / name).write_text("$purpose $note")
    answers = parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [tea]\n")
    machine = Machine(memory_bytes=1 << 30, wired=(CABLE,))
    steps = {step.id: step for step in services.STAGE.steps(resolve(answers, machine, Identity(b"t" * 32)), machine)}
    files, shown, ports = (steps[each] for each in ("service-tea-files", "services-web-file", "services-ports"))
    assert isinstance(files, ConfigFiles)
    assert [file.content for file in files.files] == [
        *["Tea &amp; &quot;biscuits&quot;. Ask at &lt;10.0.0.1&gt;."] * 2,
        r'Tea & \"biscuits\". Ask at <10.0.0.1>.',
        'Tea & "biscuits".']
    assert isinstance(shown, ConfigFile)
    place = shown.content.partition("location = /tea/ {")[2].partition("}")[0]
    assert "root /run/byzantium/services;" in place
    assert "try_files /tea/page.html =404;" in place
    assert "proxy_pass" not in place
    assert shown.content.count("/tea/") == 3, "nothing else of that folder is shown"
    assert isinstance(ports, services.OpenPorts)
    assert dict(ports.sets)["offered_mesh"] == {("tcp", 443)}


def test_what_is_for_those_outside_may_have_a_port_of_the_node_and_opens_none(descriptors: Path) -> None:
    outside = {"number": 53, "protocol": "udp", "reach": "outside"}
    write(descriptors, {**TEA, "ports": [*TEA["ports"], outside]})
    tea = catalogue.here().services["tea"]
    answers = parse("byzantium: 1\nmesh: {interfaces: [eth0]}\nservices: [tea]\n")
    machine = Machine(memory_bytes=1 << 30, wired=(CABLE,))
    steps = {step.id: step for step in services.STAGE.steps(resolve(answers, machine, Identity(b"t" * 32)), machine)}
    ports = steps["services-ports"]
    assert isinstance(ports, services.OpenPorts)
    assert tea.ports[1].number == 53
    assert dict(ports.sets) == {"offered_mesh": {("tcp", 443)}, "offered_clients": {("tcp", 443)}}


def test_what_has_no_port_of_tcp_is_healthy_when_its_unit_is_up(descriptors: Path) -> None:
    write(descriptors, {**TEA, "ports": [{"number": 8201, "protocol": "udp", "reach": "mesh"}], "health": {},
                        "web": {"pages": ["page.html"]}, "config": ["page.html"]})
    (descriptors / "tea" / "page.html").write_text("$title")
    run = services.runner(catalogue.here().services["tea"])
    assert run.ready is not None
    assert run.ready(System(descriptors))


def test_a_file_beside_the_descriptors_is_shared_by_those_that_have_none_of_that_name(descriptors: Path) -> None:
    (descriptors / "page.html").write_text("shared $title")
    write(descriptors, {**TEA, "web": {"pages": ["page.html"]}, "config": ["page.html"]})
    tea = catalogue.read(descriptors).services["tea"]
    assert service_files.template(tea, "page.html") == "shared $title"
    (descriptors / "tea" / "page.html").write_text("own $title")
    assert service_files.template(tea, "page.html") == "own $title"


@pytest.mark.parametrize(("changes", "said"), [
    ({}, "it has the unit of tea"),
    ({"unit": "byz-zest.service", "web": {"port": 8202, "also": ["/milk/"]}}, "it has a path that tea has"),
    ({"unit": "byz-zest.service", "web": {"port": 8202, "also": ["/tea/"]}}, "it has a path that tea has"),
])
def test_of_two_that_would_be_in_each_others_way_one_is_left_out(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    write(tmp_path, {**TEA, "web": {"port": 8201, "also": ["/milk/"]}})
    write(tmp_path, {**TEA, "name": "zest", "data": [], "config": [], "ports": [{"number": 8202, "reach": "node"}],
                     "web": {"port": 8202}, "health": {"port": 8202, "path": "/"}, **changes}, "zest")
    found = catalogue.read(tmp_path)
    assert set(found.services) == {"tea"}
    assert said in found.broken["zest"]


@pytest.mark.parametrize("name", sorted(name for name, one in catalogue.here().services.items() if one.web))
def test_paths_are_compared_as_nginx_gets_them(name: str) -> None:
    one = catalogue.here().services[name]
    node = resolve(parse("byzantium: 1\nmesh: {interfaces: [eth0]}\n"), Machine(memory_bytes=1 << 30, wired=(CABLE,)),
                   Identity(b"t" * 32))
    text = tls.configuration(node, "host.byzantium.mesh", [one]).partition("location / {")[2]
    assert sorted(re.findall(r"location ((?!~).*?) {", text)) == sorted(catalogue.places(one))


def broken(folder: Path, descriptor: Mapping[str, Any] | str, **more: str) -> str:
    write(folder, descriptor, **more)
    found = catalogue.read(folder)
    assert "tea" not in found.services
    return found.broken["tea"]


@pytest.mark.parametrize(("changes", "said"), [
    ({"ports": []}, "ports"),
    ({"ports": None}, "ports"),
    ({"name": "coffee"}, "it is called coffee inside"),
    ({"health": {"port": 9000}}, "health: port 9000 is none of its ports"),
    ({"health": {"port": 8201}}, "health: to its port belongs"),
    ({"health": {"port": 8201, "say": "tea?"}}, "health: to its port belongs"),
    ({"health": {"port": 8201, "path": "/", "hear": "tea"}}, "health: to its port belongs"),
    ({"health": {"port": 8201, "path": "/", "say": "tea?"}}, "health: to its port belongs"),
    ({"health": {"tls": True}}, "health: what is asked needs a port"),
    ({"health": {"hear": "tea"}}, "health: what is asked needs a port"),
    ({"health": {"port": 8201, "hear": "\u2615"}}, "health.hear"),
    ({"health": {"port": 8201, "path": "/", "units": ["ssh.service"]}}, "health.units"),
    ({"announce": [{"type": "_tea._tcp", "port": 8201}]}, "announce: _tea._tcp is at none of its ports for the mesh"),
    ({"announce": [{"type": "tea", "port": 8202}], **KETTLE}, "announce"),
    ({"announce": [{"type": "_tea._udp", "port": 8202}], **KETTLE}, "announce: _tea._udp is at none"),
    ({"announce": [{"type": "_tea._tcp", "port": 0}], **KETTLE}, "announce"),
    ({"announce": [{"type": f"_tea{n}._tcp", "port": 8202} for n in range(5)], **KETTLE}, "announce"),
    ({"web": {"port": 9000}}, "web: port 9000 is none of its ports"),
    ({"web": None}, "neither web nor url"),
    ({"web": {}}, "web: without a port there are pages"),
    ({"web": {"pages": ["other.html"]}}, "web: other.html is not among config"),
    ({"web": {"pages": ["tea.conf"]}}, "or no page"),
    ({"web": {"built": ["tea.so"]}}, "web: without a port there are pages"),
    ({"web": {"port": 8201, "built": ["tea.so"]}}, "or no page"),
    ({"web": None, "url": "https://elsewhere/"}, "url"),
    ({"web": None, "url": "tea://$host/"}, "url: this is no https, ircs or mumble address"),
    ({"web": None, "url": "https://$host:0443/"}, "url"),
    ({"web": None, "url": "https://$host//tea"}, "url"),
    ({"web": None, "url": "https://$host/" + "t" * 150}, "url"),
    ({"program": "irc://$host"}, "program"),
    ({"unit": "ssh.service"}, "unit"),
    ({"data": ["/etc"]}, "data"),
    ({"data": ["/var/lib/byzantium/services/tea/../wiki"]}, "data"),
    ({"config": ["other"]}, "there is no file other"),
    ({"first_run": "boil"}, "first_run"),
    ({"dump": DUMP}, "dump: there is no file save"),
    ({"dump": DUMP, "data": []}, "dump"),
    ({"dump": {**DUMP, "holds": ["../tea.db"]}}, "holds"),
    ({"memory_bytes": "much"}, "memory_bytes"),
    ({"colour": "green"}, "colour"),
    ({"purpose": "two\nlines"}, "purpose"),
    ({"needs": ["kettle"]}, "kettle"),
    ({"web": {"port": 8201, "socket": "socket"}}, "with a port, pages and socket are there together"),
    ({"web": {"port": 8201, "pages": ["tea.html"]}}, "with a port, pages and socket are there together"),
    ({"web": {"pages": ["tea.html"], "socket": "socket"}}, "web: without a port there are pages"),
    ({"web": {"pages": ["tea.html"], "also": ["/milk/"]}}, "web: without a port there are pages"),
    ({"links": {"peer": "tea.conf", "call": "tea.conf"}, "web": None, "url": "https://$host/x"}, "links: it needs web"),
    ({"links": {"peer": "other", "call": "tea.conf"}, "certificate": True}, "there is no file other"),
    ({"links": {"peer": "tea.conf"}, "certificate": True}, "links.call"),
    ({"web": {"port": 8201, "also": ["/milk", "/milk"]}}, "web: the path /milk stands there twice"),
    ({"web": {"port": 8201, "also": ["/tea/"]}}, "web: the path /tea/ stands there twice"),
    ({"web": {"port": 8201, "socket": "socket", "pages": ["a.html", "b.html", "b.html"]}, **PAGES}, "b.html stands"),
    ({"web": {"port": 8201, "socket": "b.html", "pages": ["a.html", "b.html"]}, **PAGES}, "b.html stands there"),
    ({"web": {"port": 8201, "socket": "s", "pages": ["a.html"], "built": ["c.js", "c.js"]}, **PAGES}, "c.js stands"),
    ({"words": {"Two words": "Milk"}}, "words"),
    ({"words": {"milk": "Milk\nand sugar"}}, "words"),
    ({"ports": [{"number": 53, "protocol": "udp", "reach": "mesh"}, {"number": 8201, "reach": "node"}]}, "53"),
])
def test_a_broken_one_is_named_and_left_out(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    sentence = broken(tmp_path, {key: value for key, value in {**TEA, **changes}.items() if value is not None})
    assert "tea" in sentence
    assert said in sentence


def test_what_is_no_yaml_of_ours_is_left_out(tmp_path: Path) -> None:
    assert "anchor" in broken(tmp_path, "name: &a tea\n")
    assert "tea" in broken(tmp_path, "- a list\n")
    assert "port" in broken(tmp_path, TEA, template="$port")


def test_the_others_go_on_beside_a_broken_one_and_two_on_one_port_are_told(tmp_path: Path) -> None:
    write(tmp_path, TEA)
    write(tmp_path, {**TEA, "name": "zest", "data": [], "config": []}, "zest")
    write(tmp_path, "{", "bad")
    found = catalogue.read(tmp_path)
    assert set(found.services) == {"tea"}
    assert "port 8201, as tea has" in found.broken["zest"]
    assert set(found.broken) == {"zest", "bad"}


def named(name: str, memory: int, *needs: str) -> catalogue.Descriptor:
    return catalogue.Descriptor.model_validate({**TEA, "name": name, "memory_bytes": memory * MB, "needs": needs})


def test_what_a_service_needs_comes_with_it_and_first() -> None:
    all_of_them = {one.name: one for one in (named("a", 1, "b"), named("b", 1, "c"), named("c", 1), named("d", 1))}
    there = catalogue.Catalogue(all_of_them, {})
    assert [one.name for one in there.with_needs(["d", "a"])] == ["d", "c", "b", "a"]
    assert there.needing("c", ["a", "d"]) == ("a",)


def test_what_cannot_fit_is_told_with_numbers_and_what_to_drop() -> None:
    three = [named("small", 40), named("middle", 100), named("great", 300)]
    there = room.SYSTEM_BYTES
    assert room.too_much(three, there + 440 * MB) is None
    assert room.too_much(three, there + 400 * MB) == (440 * MB, 400 * MB, ("small",))
    assert room.too_much(three, there + 350 * MB) == (440 * MB, 350 * MB, ("middle",))
    assert room.too_much(three, there + 20 * MB) == (440 * MB, 20 * MB, ("great", "middle", "small"))


def test_every_descriptor_of_ours_is_whole() -> None:
    found = catalogue.here()
    assert not found.broken
    assert set(found.services) >= {"chat", "wiki", "radio"}
    assert catalogue_names.units() == {name: one.unit for name, one in found.services.items()}


@pytest.mark.parametrize("name", ["proxy", "tor"])
def test_who_leads_out_as_the_node_itself_says_that_it_asks_nobody_for_it(name: str) -> None:
    """internet.share is about what the node passes on, and these ask the Internet themselves."""
    assert "as this node does, also where its way out is not shared" in (catalogue.here().services[name].note or "")


@pytest.mark.parametrize("name", sorted(catalogue.here().services))
def test_a_descriptor_and_its_unit_say_the_same(name: str) -> None:
    one = catalogue.here().services[name]
    lines = (UNITS / one.unit).read_text().splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    limit = said.get("MemoryMax", said.get("LimitDATA", ""))
    assert int(limit.removesuffix("M")) * MUCH_AT_ONCE.get(name, 1) == one.memory_bytes // MB
    if one.data and one.web and one.web.port and name not in LITTLE:
        assert "MemoryMax" not in said, "what people write lies in memory where there is no store"
    assert one.data == ((f"/var/lib/{said['StateDirectory']}",) if "StateDirectory" in said else ())
    if one.data:
        # Who moves or closes the store finds by this that the unit is to be stopped for it.
        assert said["WorkingDirectory"] == one.data[0]
    assert f"u {said['User']} " in Path("iso/base/usr/lib/sysusers.d/byzantium.conf").read_text()
    packages = {line.partition("#")[0].strip() for line in Path("iso/packages").read_text().splitlines()}
    assert packages >= set(one.packages)
    upheld = said.get("Upholds", "").split()
    assert one.certificate == ("byz-certificate.timer" in upheld), "who reads it has it renewed"
    assert not one.certificate or said["User"] == f"byz-{name}", "who may read it"
    assert said["User"] == "byz-tls" or "byz-tls" not in said.get("SupplementaryGroups", ""), "it has its own"
    assert bool(one.links) == (f"byz-links@{name}.path" in upheld), "who links itself is told of others"
    if one.first_run:
        assert said["ExecStartPre"] == f"/bin/sh /run/byzantium/services/{name}/{one.first_run}"
