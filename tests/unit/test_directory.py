"""The directory document: what is made holds, and what a stranger made up does not."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byzwizard import catalogue, catalogue_names
from byzwizard.backends import directory, offered
from byzwizard.backends.directory import BadDocument, Document
from byzwizard.book import Book
from byzwizard.i18n import languages, speaker
from byzwizard.identity import Identity
from byzwizard.resolve import ula_prefixes

ALICE, BOB = Identity(b"a" * 32), Identity(b"b" * 32)
ADDRESS = "10.9.8.1"
MESH_ULA, _ALICE_ULA = ula_prefixes("byzantium", ALICE.id)
ULA = _ALICE_ULA.removesuffix("/64") + "1"


def text_of(identity: Identity = ALICE, **changes: Any) -> bytes:
    """A document with some fields changed before it is signed; None takes a field away."""
    fields = json.loads(directory.make(identity, "harbour", [ADDRESS, ULA], 5))
    fields |= changes
    fields = {key: value for key, value in fields.items() if value is not None}
    fields["signature"] = base64.b64encode(identity.sign(directory.canonical_json(fields))).decode()
    return json.dumps(fields).encode()


def check(body: bytes) -> Document:
    return directory.check(body, ADDRESS, MESH_ULA)


def test_what_is_made_is_believed() -> None:
    made = directory.make(ALICE, "harbour", [ADDRESS, ULA], 5).encode()
    assert check(made) == Document("harbour", ALICE.id, ADDRESS, "fd4c:b12a:5113:" + ULA.split(":")[3] + "::1", 5,
                                   (ADDRESS,))


def test_node_part_is_that_of_resolve() -> None:
    for seed in range(50):
        node = Identity(bytes([seed]) * 32)
        prefix = ula_prefixes("byzantium", node.id)[1]
        assert directory.node_part(node.id) == int(prefix.split(":")[3], 16)


def test_fields_of_later_versions_are_signed_and_let_be() -> None:
    assert check(text_of(services=[{"name": "chat", "grüße": [1.5, None, True]}])).name == "harbour"


@pytest.mark.parametrize("changes", [
    {"byzantium": 2}, {"byzantium": True}, {"byzantium": None}, {"byzantium": "1"},
    {"name": None}, {"name": 5}, {"name": ""}, {"name": "here"}, {"name": "byzantium"}, {"name": "Harbour"},
    {"name": "a.b"}, {"name": "a b"}, {"name": "a\n10.0.0.1 bank"}, {"name": "-a"}, {"name": "a" * 64},
    {"name": "harbour\n"}, {"name": BOB.id}, {"name": "hafen‮"}, {"name": ["harbour"]},
    {"id": None}, {"id": BOB.id}, {"id": ALICE.id.upper()},
    {"key": None}, {"key": 7}, {"key": "!"}, {"key": base64.b64encode(b"short").decode()},
    {"key": base64.b64encode(BOB.public).decode()},
    {"serial": None}, {"serial": 0}, {"serial": -5}, {"serial": True}, {"serial": 1.5}, {"serial": "5"},
    {"serial": 2**60},
    {"addresses": None}, {"addresses": []}, {"addresses": ADDRESS}, {"addresses": [ADDRESS, 5]},
    {"addresses": ["10.9.9.1"]}, {"addresses": [ADDRESS, "192.168.1.1"]}, {"addresses": [ADDRESS, "10.1.1.2"]},
    {"addresses": [ADDRESS, "10.255.255.1"]}, {"addresses": [ADDRESS, "nonsense"]}, {"addresses": [ADDRESS] * 9},
    {"addresses": [ADDRESS, "fd4c:b12a:5113:1::1"]}, {"addresses": [ADDRESS, "2001:db8::1"]},
    {"addresses": [ADDRESS, ULA, "fe80::1"]}, {"addresses": [ADDRESS, "fe80::1%eth0"]},
])
def test_strange_documents_are_refused_though_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(BadDocument):
        check(text_of(**changes))


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"5", b'"text"', b"{", b"\xff\xfe", b"[" * 15000, b'{"a":' * 3000, b"{}" * 20,
    b"9" * 15000, b"[" + b"9" * 15000 + b"]", b'{"byzantium": 1, "byzantium": 1}', b'{"byzantium": NaN}',
    b" " * (directory.LIMIT + 1), b'{"name": "\\ud800"}',
])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(BadDocument):
        check(body)


def test_lone_surrogates_in_a_signed_place_are_refused() -> None:
    fields = json.loads(text_of())
    fields["note"] = "\ud800"
    with pytest.raises(BadDocument):
        check(json.dumps(fields).encode())


def test_any_change_breaks_the_signature() -> None:
    fields = json.loads(text_of())
    for key, value in {"name": "harbor", "serial": 6, "extra": 1, "addresses": [ADDRESS]}.items():
        with pytest.raises(BadDocument):
            check(json.dumps({**fields, key: value}).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_never_do_more_than_be_refused(body: bytes) -> None:
    with pytest.raises(BadDocument):
        check(body)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
                    max_leaves=10)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(
    st.sampled_from(["byzantium", "name", "id", "key", "addresses", "serial", "signature", "x"]), JSON))
def test_json_of_any_shape_never_does_more_than_be_refused(changes: dict[str, Any]) -> None:
    fields = {**json.loads(text_of()), **changes}
    try:
        document = check(json.dumps(fields).encode())
    except BadDocument:
        return
    assert document.id == ALICE.id


def doc(name: str, node: str, address: str = ADDRESS, ula: str | None = None) -> Document:
    return Document(name, node, address, ula, 1)


A, B, C = "a" * 32, "b" * 32, "c" * 32


def test_two_nodes_of_one_name_are_told_apart() -> None:
    assert directory.labels([doc("pier", A), doc("pier", B), doc("dock", C)], []) == {
        A: "pier-aaaaaa", B: "pier-bbbbbb", C: "dock"}


def test_nobody_gets_our_own_name() -> None:
    assert directory.labels([doc("pier", A)], ["pier", C]) == {A: "pier-aaaaaa"}


def test_nobody_takes_a_told_apart_name() -> None:
    told = directory.labels([doc("pier", A), doc("pier", B), doc("pier-aaaaaa", C)], [])
    assert told == {A: A, B: "pier-bbbbbb", C: C}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["pier", "pier-aaaaaa", "pier-bbbbbb", "dock", "x" * 63]), min_size=1, max_size=5))
def test_labels_are_unique_labels(chosen: list[str]) -> None:
    nodes = [doc(name, "abcde"[number] * 32) for number, name in enumerate(chosen)]
    told = directory.labels(nodes, ["pier"])
    assert len(set(told.values())) == len(chosen)
    assert "pier" not in told.values()
    assert all(directory.LABEL.fullmatch(label) for label in told.values())


def test_hosts_have_the_known_name_first() -> None:
    lines = directory.hosts([doc("dock", C, "10.1.2.1", "fd00::1"), doc(A, A, "10.1.3.1")], []).splitlines()[1:]
    assert lines == [f"10.1.3.1 {A}.byzantium.mesh",
                     f"10.1.2.1 dock.byzantium.mesh {C}.byzantium.mesh",
                     f"fd00::1 dock.byzantium.mesh {C}.byzantium.mesh"]


def test_a_link_local_address_is_a_name_forward_and_reverse() -> None:
    node = Document("dock", C, "10.1.2.1", "fd00::1", 1, ("10.1.2.1",), ("fe80::21c:bfff:fe35:84c2",))
    mark = "fe80--21c-bfff-fe35-84c2.byzantium.mesh"
    assert directory.hosts([node], []).splitlines()[1:] == [
        f"10.1.2.1 dock.byzantium.mesh {C}.byzantium.mesh {mark}",
        f"fd00::1 dock.byzantium.mesh {C}.byzantium.mesh {mark}",
        f"fe80::21c:bfff:fe35:84c2 {mark}"]


def test_what_two_nodes_have_leads_to_neither() -> None:
    link = "fe80::21c:bfff:fe35:84c2"
    nodes = [Document("dock", A, "10.1.2.1", "fd00::1", 1, (), (link,)),
             Document("pier", B, "10.1.3.1", "fd00::1", 1, (), (link, "fe80::1"))]
    assert directory.hosts(nodes, [], {"fe80::1"}).splitlines()[1:] == [
        f"10.1.2.1 dock.byzantium.mesh {A}.byzantium.mesh", f"10.1.3.1 pier.byzantium.mesh {B}.byzantium.mesh"]


MANY = [f"fe80::{number:x}" for number in range(1, directory.LINKS + 2)]


def test_a_node_of_many_links_says_no_more_than_others_take() -> None:
    assert len(check(directory.make(ALICE, "dock", [ADDRESS, ULA], 5, MANY).encode()).links) == directory.LINKS


@pytest.mark.parametrize("links", [
    "fe80::1", MANY, [5], ["fe80::1%mesh0"], ["10.1.2.3"], ["fd00::1"], ["FE80::1"], ["fe80:0::1"],
    ["fe80:0:0:1::2"], ["fe80::1\n10.9.9.9 bank.example"], ["fe80::"], [""],
])
def test_what_is_no_link_local_address_is_refused(links: Any) -> None:
    with pytest.raises(BadDocument, match="link-local"):
        check(text_of(link_local=links))


def test_a_name_must_not_look_like_an_address() -> None:
    with pytest.raises(BadDocument, match="name"):
        check(directory.make(ALICE, "fe80--1", [ADDRESS, ULA], 5).encode())


WIKI: dict[str, Any] = {"name": "wiki", "title": "Wiki", "url": f"https://{ALICE.id}.byzantium.mesh/wiki/"}


def test_services_are_told_and_bounded() -> None:
    made = directory.make(ALICE, "harbour", [ADDRESS, ULA], 5, (), [WIKI]).encode()
    assert check(made).services == (directory.Service(**WIKI),)
    many = [{**WIKI, "name": f"wiki{n}"} for n in range(60)]
    assert len(check(text_of(services=many)).services) == directory.SERVICES
    assert len(check(text_of(services=[WIKI, WIKI])).services) == 1


@pytest.mark.parametrize("changes", [
    {"url": f"https://{BOB.id}.byzantium.mesh/wiki/"}, {"url": f"http://{ALICE.id}.byzantium.mesh/"},
    {"url": f"javascript://{ALICE.id}.byzantium.mesh/%0aalert(1)"}, {"url": f"https://{ALICE.id}.byzantium.mesh@evil/"},
    {"url": f"https://{ALICE.id}.byzantium.mesh/\"><script>"},
    {"url": f"https://{ALICE.id}.byzantium.mesh/" + "a" * 300},
    {"url": None}, {"url": 5}, {"title": ""}, {"title": " "}, {"title": "a\nb"}, {"title": "\x1b[31m"},
    {"title": "Wiki\u202e"}, {"title": "W" * 61}, {"title": ["Wiki"]}, {"name": "Wiki"},
    {"name": "../wiki"}, {"name": {}},
])
def test_a_service_that_is_not_right_is_left_out_and_the_node_stays(changes: dict[str, Any]) -> None:
    document = check(text_of(services=[{**WIKI, **changes}, {**WIKI, "name": "other"}]))
    assert [service.name for service in document.services] == ["other"]


def test_how_a_service_is_known_is_hex_or_nothing() -> None:
    told = check(text_of(services=[
        {**WIKI, "name": f"wiki{n}", "certificate": known} for n, known in enumerate((
            "0a" * 32, "0A" * 32, "0a" * 31, "0a" * 32 + "\n", '"><oper name="me">', "", None, 5, ["0a" * 32]))]))
    assert [one.certificate for one in told.services] == ["0a" * 32, *[""] * 8]


@pytest.mark.parametrize(("program", "right"), [
    (f"ircs://{ALICE.id}.byzantium.mesh:6697/", True), (f"ircs://{BOB.id}.byzantium.mesh:6697/", False),
    (f"ssh://{ALICE.id}.byzantium.mesh/", False), (f"ircs://{ALICE.id}.byzantium.mesh/" + "a" * 300, False),
    ("", False), (None, False), (["ircs"], False),
])
def test_programs_are_sent_to_the_node_that_says_so_or_nowhere(program: Any, right: bool) -> None:
    told, = check(text_of(services=[{**WIKI, "program": program}])).services
    assert told.program == (program if right else "")


@pytest.mark.parametrize("kind", [
    "_sip._udp", "_sips._tcp", "_a._tcp", "_ircs-u._tcp", "_1a._udp", "_" + "a" * 15 + "._tcp",
])
def test_types_that_a_service_is_of_are_told(kind: str) -> None:
    told, = check(text_of(services=[{**WIKI, "announce": [{"type": kind, "port": 5060, "later": {}}]}])).services
    assert told.announce == ((kind, 5060),)


STRANGE: tuple[Any, ...] = (
    "sip._udp", "_sip", "_sip._sctp", "_SIP._udp", "_._udp", "_-a._udp", "_a-._udp", "_a--b._udp", "_5060._udp",
    "_" + "a" * 16 + "._tcp", "_sip._udp\n", "_sip._udp,evil", "_sip._udp\ndhcp-script=/bin/sh", "_s\u0456p._udp",
    "_sip._udp.example.org", "_sub._sip._udp", "<b>._udp", "", None, 5, ["_sip._udp"], {},
)


@pytest.mark.parametrize("announce", [
    *([{"type": kind, "port": 5060}] for kind in STRANGE),
    *([{"type": "_sip._udp", "port": port}] for port in (0, -1, 65536, 10**30, 5060.0, "5060", True, None, [5060])),
    [{}], [{"port": 5060}], [{"type": "_sip._udp"}], ["_sip._udp"], [None], [[]], "_sip._udp", {"type": "_sip._udp"}, 5,
])
def test_what_is_no_type_is_left_out_and_the_service_stays(announce: Any) -> None:
    told, = check(text_of(services=[{**WIKI, "announce": announce}])).services
    assert told == directory.Service(**WIKI)


def test_types_are_bounded_and_each_is_told_once() -> None:
    many = [{"type": f"_a{n}._tcp", "port": n + 1} for n in range(100)]
    told, = check(text_of(services=[{**WIKI, "announce": many}])).services
    assert told.announce == tuple((f"_a{n}._tcp", n + 1) for n in range(directory.ANNOUNCED))
    twice = [{"type": "_sip._udp", "port": 5060}, {"type": "_sip._udp", "port": 22}]
    told, = check(text_of(services=[{**WIKI, "announce": twice}])).services
    assert told.announce == (("_sip._udp", 5060),)


@pytest.mark.parametrize("services", ["wiki", {"name": "wiki"}, [None, 5, [WIKI]], [[[[WIKI]]]]])
def test_services_of_another_shape_are_none(services: Any) -> None:
    assert check(text_of(services=services)).services == ()


def test_what_strangers_call_their_services_is_text_on_the_front_page() -> None:
    evil = directory.Service("wiki", '<script>"&<!--# include -->', WIKI["url"])
    page = offered.page([directory.Service(**WIKI)], [("b-node", evil)] * 500, {})
    assert "<script" not in page
    assert "<!--" not in page
    assert page.count("<li>") == 1 + offered.MOST
    assert page.index(">Wiki</a></li>") < page.index("b-node")
    assert '<li class="more">400</li>\n</ul>' in page
    assert "more" not in offered.page([], [("b-node", evil)] * offered.MOST, {})
    assert offered.page([], [], {}) == offered.nodes([]) == ""


def test_services_are_called_in_the_readers_language_whatever_their_nodes_speak() -> None:
    own, near = directory.Service("voice", "Sprechräume", "u"), ("pier", directory.Service("files", "Fichiers", "u"))
    for language, titles in catalogue_names.titles().items():
        page = offered.page([own], [near], titles)
        say = speaker(language)
        assert f'<li><a href="u">{say("Voice rooms")}</a></li>' in page
        assert f'<li><a href="u">{say("Files")} <span>pier</span></a></li>' in page


@pytest.mark.parametrize(("name", "title"), [
    ("voice", "Our Sprechräume"), ("voice", "Dateien"), ("tea", "Dateien"), ("tea", "Tea"), ("voice", "sprechräume"),
])
def test_what_somebody_has_called_a_service_stays(name: str, title: str) -> None:
    for titles in catalogue_names.titles().values():
        assert f">{title}</a>" in offered.page([directory.Service(name, title, "u")], [], titles)


def test_each_title_of_the_catalogue_is_known_in_each_language_and_fits_into_a_document() -> None:
    titles = catalogue_names.titles()
    assert titles.keys() == set(languages()) > {"en"}
    for name, one in catalogue.here().services.items():
        for told, shown in itertools.product(titles, titles):
            title = speaker(told)(one.title)
            assert titles[shown][name, title] == speaker(shown)(one.title)
            url = f"https://{ALICE.id}.byzantium.mesh/"
            assert [each.title for each in directory.offered(
                {"services": [{"name": name, "title": title, "url": url}]}, ALICE.id)] == [title]


def test_translations_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are made anew with every change around."""
    book = Book()
    book.pieces()
    monkeypatch.setattr(catalogue_names, "speaker", None)
    assert {f"services.{language}.html" for language in languages()} < book.pieces().keys()


def test_other_nodes_are_links_that_keep() -> None:
    page = offered.nodes([("pier", "a" * 32, None)] * 500)
    assert page.count(f'<li><a href="http://{"a" * 32}.byzantium.mesh/">pier</a></li>') == offered.MOST
    assert '<li class="more">400</li>\n</ul>' in page


def test_other_nodes_are_shown_with_how_far_they_are_where_that_is_known() -> None:
    page = offered.nodes([("pier", "a" * 32, 2), ("hut", "b" * 32, None)])
    assert page.splitlines()[1:3] == [
        f'<li><a href="http://{"a" * 32}.byzantium.mesh/">pier</a> <span class="hops">2</span></li>',
        f'<li><a href="http://{"b" * 32}.byzantium.mesh/">hut</a></li>']
    assert "more" not in page
