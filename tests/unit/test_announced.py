"""DNS-SD: what dnsmasq is told of the mesh's services, and that strangers' words tell it nothing else."""

import re
from xml.etree import ElementTree

import pytest

from byzwizard.backends import announced
from byzwizard.backends.announced import MOST, Place
from byzwizard.backends.directory import Service

A, B = "a" * 32, "b" * 32
# A name, a type, an address or quoted text, and nothing else whatever others call themselves.
LINE = re.compile(r"#.*|(ptr-record|srv-host|txt-record)=[a-z0-9 ._-]+(,[a-z0-9 ._-]+)?"
                  r"(,[0-9]+|,\"path=[A-Za-z0-9._~/-]+\")?")


def place(title: str = "Wiki", url: str = f"https://{A}.byzantium.mesh/wiki/", label: str = "pier", node: str = A,
          name: str = "wiki", program: str = "", announce: tuple[tuple[str, int], ...] = ()) -> Place:
    return Place(label, node, Service(name, title, url, program, announce=announce))


def test_a_service_is_a_pointer_an_address_and_a_text() -> None:
    assert announced.records([place()], []).splitlines()[1:] == [
        "ptr-record=_https._tcp.byzantium.mesh,wiki - pier._https._tcp.byzantium.mesh",
        f"srv-host=wiki - pier._https._tcp.byzantium.mesh,{A}.byzantium.mesh,443",
        'txt-record=wiki - pier._https._tcp.byzantium.mesh,"path=/wiki/"',
        "ptr-record=services._dns-sd._udp.byzantium.mesh,_https._tcp.byzantium.mesh",
    ]


@pytest.mark.parametrize(("url", "lines"), [
    (f"https://{A}.byzantium.mesh:8443/", [f"srv-host=wiki - pier._https._tcp.byzantium.mesh,{A}.byzantium.mesh,8443"]),
    (f"mumble://{A}.byzantium.mesh", [f"srv-host=wiki - pier._mumble._tcp.byzantium.mesh,{A}.byzantium.mesh,64738",
                                      "txt-record=wiki - pier._mumble._tcp.byzantium.mesh"]),
    (f"mumble://{A}.byzantium.mesh:99999", []),
    (f"gopher://{A}.byzantium.mesh", []),
])
def test_kind_and_port_come_from_the_address(url: str, lines: list[str]) -> None:
    told = announced.records([place(url=url)], []).splitlines()
    assert [line for line in told if line in lines] == lines
    assert bool(told[1:]) == bool(lines)


def test_programs_of_its_kind_find_it_beside_browsers() -> None:
    text = announced.records([place("Chat", program=f"ircs://{A}.byzantium.mesh:6697/")], [])
    assert f"srv-host=chat - pier._https._tcp.byzantium.mesh,{A}.byzantium.mesh,443\n" in text
    assert f"srv-host=chat - pier._ircs-u._tcp.byzantium.mesh,{A}.byzantium.mesh,6697\n" in text
    assert "ptr-record=services._dns-sd._udp.byzantium.mesh,_ircs-u._tcp.byzantium.mesh\n" in text


def test_it_is_found_by_the_types_that_it_says_it_is_of() -> None:
    phone = place("Telephone", announce=(("_sip._udp", 5060), ("_sips._tcp", 5061)))
    text = announced.records([phone], [])
    for kind, port in (("_https._tcp", 443), ("_sip._udp", 5060), ("_sips._tcp", 5061)):
        name = f"telephone - pier.{kind}.byzantium.mesh"
        assert f"ptr-record={kind}.byzantium.mesh,{name}\nsrv-host={name},{A}.byzantium.mesh,{port}\n" in text
        assert f"ptr-record=services._dns-sd._udp.byzantium.mesh,{kind}.byzantium.mesh\n" in text
    assert "txt-record=telephone - pier._sip._udp.byzantium.mesh\n" in text
    told = announced.groups([phone], [])
    assert set(told) == {f"{A}-wiki{kind}.service" for kind in ("_https._tcp", "_sip._udp", "_sips._tcp")}
    group = ElementTree.fromstring(told[f"{A}-wiki_sip._udp.service"])
    assert (group.findtext(".//type"), group.findtext(".//port")) == ("_sip._udp", "5060")
    assert group.find(".//txt-record") is None


def test_a_stranger_does_not_fill_the_answers_with_types_and_takes_none_of_ours() -> None:
    far = [place(node=f"{n:032}", announce=tuple((f"_a{n}x{k}._tcp", 1) for k in range(4))) for n in range(1000)]
    own = place("Telephone", announce=(("_sip._udp", 5060),))
    text = announced.records([own], far)
    assert text.count("services._dns-sd") == announced.KINDS
    assert f"telephone - pier._sip._udp.byzantium.mesh,{A}.byzantium.mesh,5060\n" in text
    assert text.count("srv-host=") <= 2 + MOST
    assert len(announced.groups([own], far)) <= 2 + announced.ON_AIR
    assert all(LINE.fullmatch(line) for line in text.splitlines())


def test_where_there_is_nothing_there_is_no_type() -> None:
    assert announced.records([], []).count("\n") == 1


@pytest.mark.parametrize(("title", "words"), [
    ("Bücher & Café", "bucher cafe"), ("Вики", "wiki"), ("\U0001f600", "wiki"), ("a" * 60, "a" * 28),
    ('x",\ndhcp-script=/bin/sh', "x dhcp script bin sh"), ("a.b\\032c", "a b 032c"), ("#,,,", "wiki"),
])
def test_words_of_strangers_are_letters_and_digits(title: str, words: str) -> None:
    text = announced.records([], [place(title)])
    assert f",{words} - pier._https._tcp.byzantium.mesh" in text
    assert all(LINE.fullmatch(line) for line in text.splitlines())


def test_two_of_one_name_are_told_apart_and_the_nearer_keeps_it() -> None:
    far = place(url=f"https://{B}.byzantium.mesh/wiki/", node=B)
    text = announced.records([place()], [far, far])
    assert f"srv-host=wiki - pier._https._tcp.byzantium.mesh,{A}.byzantium.mesh,443\n" in text
    assert f"srv-host=wiki - {B}._https._tcp.byzantium.mesh,{B}.byzantium.mesh,443\n" in text
    assert text.count("srv-host=") == 2


def test_no_label_is_longer_than_a_name_can_hold() -> None:
    long = place("w" * 60, label="l" * 63, name="n" * 32)
    text = announced.records([long], [long])
    assert max(len(label) for label in re.findall(r"=([^.]*)\.", text)) == 63


def test_a_mesh_of_thousands_is_cut_to_the_nearest() -> None:
    many = [place(label=f"node-{number}") for number in range(5000)]
    text = announced.records([place()], many)
    assert text.count("srv-host=") == 1 + MOST
    assert "node-0." in text


def test_programs_that_ask_all_around_are_told_of_the_same() -> None:
    (file, text), = announced.groups([place(url=f"https://{A}.byzantium.mesh:8443/wiki/")], []).items()
    assert file == f"{A}-wiki_https._tcp.service"
    told = {element.tag: element.text for element in ElementTree.fromstring(text).iter() if element.text}
    assert told == {"name": "Wiki - pier", "type": "_https._tcp", "host-name": f"{A}.byzantium.mesh", "port": "8443",
                    "txt-record": "path=/wiki/"}


@pytest.mark.parametrize("title", ['</name><service>', "&x;", "]]>", "\U0001f600" * 60, "Вики " * 12])
def test_words_of_strangers_stay_words_on_the_air(title: str) -> None:
    text, = announced.groups([], [place(title)]).values()
    found = ElementTree.fromstring(text)
    name = found.findtext("name") or ""
    assert f"{title} - pier".startswith(name)
    assert 50 < len(name.encode()) <= 63 or name == f"{title} - pier"
    assert len(found.findall(".//service")) == 1


def test_the_air_is_for_the_nearest_alone() -> None:
    many = [place(node=f"{number:032}") for number in range(5000)]
    told = announced.groups([place()], many)
    assert len(told) == 1 + announced.ON_AIR
    assert f"{0:032}-wiki_https._tcp.service" in told
