"""Real browsers on phones of two nodes: the front page, two who write in one pad, chat, and hear each other."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from byzwizard.i18n import speaker
from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.browser import Browser, browsing
from tests.net.spaces import within
from tests.net.test_services import SEEN, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
OFFERED = {"chat", "pad", "voice"}
FITS = "document.documentElement.scrollWidth <= innerWidth"
# Elements that a finger is to hit, and those of them that are lower than 24 CSS pixels (WCAG 2.2, 2.5.8).
LINKS = "[...document.querySelectorAll('li a')]"
SMALL = f"{LINKS}.filter(one => one.getBoundingClientRect().height < 24).map(one => one.textContent)"
HEARD = """Promise.all([...people.values()].map(async one => {
    const found = {};
    for (const each of (await one.link.getStats()).values())
        if (each.type === "inbound-rtp")
            Object.assign(found, {bytes: each.bytesReceived, energy: each.totalAudioEnergy});
    return {name: one.name, ...found};
}))"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("browsers"), "services: [chat, pad, voice]\n") as found:
        a, b = found.nodes
        for one, other in ((a, b), (b, a)):
            assert within(SEEN, lambda one=one, other=other: {  # type: ignore[misc]  # bound now
                row["name"] for row in one.services() if row["node"] == f"node-{other.letter}"} == OFFERED)
        yield found


@pytest.fixture
def browsers(lab: Lab, tmp_path: Path) -> Iterator[list[Browser]]:
    """One on a phone of each node."""
    trusted = [authority(node) for node in lab.nodes]
    with browsing(*((node.phone, tmp_path / node.letter, names(lab, node), trusted) for node in lab.nodes)) as found:
        yield found


def names(lab: Lab, here: Node) -> dict[str, str]:
    return {host(node): node.address for node in lab.nodes} | {"here.byzantium.mesh": here.address}


def authority(node: Node) -> str:
    status, _headers, text = node.pages("/ca.crt")
    assert status == 200
    return text


def named(browser: Browser, name: str) -> None:
    """Somebody who has been asked before."""
    browser.says(f"document.getElementById('who').value = '{name}', document.getElementById('enter').requestSubmit()")


def shows(browser: Browser, *texts: str) -> bool:
    shown = str(browser.says("document.body.innerText"))
    return all(text in shown for text in texts)


def test_the_front_page_on_a_phone_in_its_language(lab: Lab, browsers: list[Browser], tmp_path: Path) -> None:
    ann, (a, b) = browsers[0], lab.nodes
    said = "Water at the school <until six>"
    b.do("byzwizard", "alert", said)
    assert within(SEEN, lambda: [row["text"] for row in json.loads(a.do("byzwizard", "alert", "--json"))] == [said])
    ann.send("Network.enable")
    for language, words in (("en", "Services"), ("de", "Dienste"), ("fr", "Services")):
        ann.send("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        ann.opens("http://here.byzantium.mesh/")
        assert ann.says("document.documentElement.lang") == language
        assert shows(ann, words, said, "node-a", "node-b", speaker(language)("Voice rooms"))
        assert ann.says(FITS) is True
        assert ann.says(SMALL) == []
        ann.picture(tmp_path / f"front-{language}.png")
    assert set(ann.says(f"{LINKS}.map(one => new URL(one.href).pathname)")) >= {f"/{name}/" for name in OFFERED}
    ann.says(f"{LINKS}.find(one => one.href.startsWith('https://{host(a)}/pad')).click()")
    assert within(20, lambda: ann.says("location.href") == f"https://{host(a)}/pad/")
    b.do("byzwizard", "alert", "--withdraw")


def test_a_phone_is_warned_until_it_trusts_the_node_and_was_told_so_before(lab: Lab, tmp_path: Path) -> None:
    """It trusts the first node alone: what stands in for another one is still found out."""
    a, b = lab.nodes
    for number, (trusted, warned) in enumerate((((), (a, b)), ((authority(a),), (b,)))):
        with browsing((a.phone, tmp_path / str(number), names(lab, a), trusted)) as (ann,):
            ann.opens("http://here.byzantium.mesh/")
            ann.says("document.querySelector('a[href=\"/trust\"]').click()")
            assert within(20, partial(shows, ann, "The red warning, and how to trust this node"))
            for node in (a, b):
                ann.opens(f"https://{host(node)}/chat/")
                assert (ann.says("document.title") == "Privacy error") is (node in warned), ann.says("document.title")


def test_two_talk_in_the_chat_of_two_nodes(lab: Lab, browsers: list[Browser], tmp_path: Path) -> None:
    for browser, node, name in zip(browsers, lab.nodes, ("Ann", "Bob"), strict=True):
        browser.opens(f"https://{host(node)}/chat/")
        browser.says(f"document.getElementById('name').value = '{name}',"
                     " document.getElementById('enter').requestSubmit()")
    for browser in browsers:
        assert within(120, partial(shows, browser, "2: Ann, Bob")), browser.says("document.body.innerText")
    for browser, text in zip(browsers, ("<b>Is there</b> water?", "Until six."), strict=True):
        browser.says("document.getElementById('line').focus()")
        browser.types(text)
        browser.says("document.getElementById('write').requestSubmit()")
        for each in browsers:
            assert within(20, partial(shows, each, text)), each.says("document.body.innerText")
        assert browser.says(FITS) is True
    browsers[0].picture(tmp_path / "chat.png")


def test_two_write_in_one_pad_at_two_nodes(lab: Lab, browsers: list[Browser], tmp_path: Path) -> None:
    for browser, node, name in zip(browsers, lab.nodes, ("Ann", "Bob"), strict=True):
        browser.opens(f"https://{host(node)}/pad/")
        browser.says("document.getElementById('which').value = 'water',"
                     " document.querySelector('#begin form').requestSubmit()")
        assert within(20, partial(shows, browser, "water"))
        named(browser, name)
    ann, bob = browsers
    for browser, text in ((ann, "At the school. "), (bob, "Until six. ")):
        browser.says("document.querySelector('.cm-content').focus()")
        browser.types(text)
    for browser in browsers:
        both = partial(shows, browser, "At the school.", "Until six.")
        assert within(60, both), browser.says("document.body.innerText")
    ann.picture(tmp_path / "pad.png")
    ann.opens(f"https://{host(lab.nodes[0])}/pad/")
    assert within(20, partial(shows, ann, "water")), "the list of pads"


def test_two_hear_each_other_in_a_voice_room(lab: Lab, browsers: list[Browser], tmp_path: Path) -> None:
    url = f"https://{host(lab.nodes[0])}/voice/#{quote('school')}"
    for browser, name in zip(browsers, ("Ann", "Bob"), strict=True):
        browser.opens(url)
        assert browser.says("isSecureContext") is True
        named(browser, name)

    def hears(browser: Browser, name: str) -> bool:
        """Sound that is no silence: the false microphone beeps."""
        found = browser.says(HEARD) or []
        return any(one["name"] == name and one.get("bytes", 0) > 5000 and one.get("energy", 0) > 0 for one in found)

    for browser, other in zip(browsers, ("Bob", "Ann"), strict=True):
        assert within(60, partial(hears, browser, other)), browser.says(HEARD)
        assert browser.says("document.querySelectorAll('#people .on').length") == 1
    browsers[0].picture(tmp_path / "voice.png")
    browsers[1].says("document.getElementById('leave').click()")
    assert within(10, lambda: browsers[0].says("people.size") == 0)
