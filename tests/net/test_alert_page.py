"""Alerts on the front page, by the real nginx: in the reader's language, whole, and whatever they hold."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from byzwizard.backends import addresses, alerts, web
from byzwizard.backends.alerts import Told
from byzwizard.i18n import languages, speaker
from tests.net.spaces import Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nginx", "curl")), reason="tools are missing"),
]
NODE = resolved("n", subnet="10.1.1.0/24")
PIECE = "/run/byzantium/names/alerts.html"
HOSTILE = '<!--# include virtual="/services" --><script>alert(1)</script> $title $$said \\x3c {0} %s &amp;'


@dataclass
class Lab:
    spaces: Spaces
    phone: str
    system: Inside

    def page(self, language: str = "") -> str:
        done = self.spaces.run(self.phone, "curl", "-s", "--fail", "--max-time", "5", "-H",
                               f"Accept-Language: {language}", "http://10.1.1.1/")
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("root")
    with spaces() as made:
        node, phone = made.add("node"), made.add("phone")
        made.cable(node, "port0", phone, "eth0")
        made.ip(node, "addr add 10.1.1.1/24 dev port0", f"addr add {NODE.ula_address}/64 dev port0 nodad",
                "addr add 10.255.255.1/32 dev lo")
        made.ip(phone, "addr add 10.1.1.50/24 dev eth0")
        system = Inside(node, root)
        for language in languages():
            system.write(f"{web.ROOT}/index.{language}.html", web.front_page(NODE, speaker(language), language))
        system.write("/run/byzantium/names/news", "10.1.1.1 5\n")
        text = web.configuration(NODE, addresses.HERE).replace("/tmp/", f"{root}/")
        system.write(web.CONFIG, text.replace("/run/byzantium", f"{root}/run/byzantium"))
        made.start(node, "nginx", "-e", "stderr", "-g", "user root;", "-c", str(root / web.CONFIG.lstrip("/")))
        found = Lab(made, phone, system)
        assert within(20, partial(_listens, found))
        yield found


def _listens(lab: Lab) -> bool:
    return lab.spaces.run(lab.phone, "curl", "-s", "--fail", "-o", "/dev/null", "http://10.1.1.1/").returncode == 0


def show(lab: Lab, *texts: str) -> None:
    told = [Told("harbour" if n else None, "h" * 32, text, 1000, 90000) for n, text in enumerate(texts)]
    lab.system.write(PIECE, alerts.page(told, "lighthouse", 1000 + 7300))


def test_where_nobody_says_anything_there_is_no_heading(lab: Lab) -> None:
    show(lab)
    assert 'class="alerts"' not in lab.page()
    lab.system.path(PIECE).unlink()
    page = lab.page()
    assert 'class="alerts"' not in page
    assert "</html>" in page, "nor is the page any worse before anything was written"


def test_an_alert_stands_first_in_the_readers_language(lab: Lab) -> None:
    show(lab, "Water at the school until six", "آب در مدرسه می‌رسد")
    english, german = lab.page("en"), lab.page("de-AT,de;q=0.9")
    for page in (english, german):
        assert page.index("Water at the school until six") < page.index("harbour") < page.index("<section>")
        assert "<span>lighthouse · 2 h</span>" in page
        assert '<p dir="auto">آب در مدرسه می‌رسد</p>' in page
    assert "<h2>Alerts</h2>" in english
    assert "<h2>Meldungen</h2>" in german


def test_what_they_hold_stays_text(lab: Lab) -> None:
    show(lab, HOSTILE)
    page = lab.page("en")
    assert "<script" not in page
    assert page.count("<!--#") == 0
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $title $$said \\x3c {0} %s &amp;amp;" in page


def test_as_many_as_are_shown_fit_with_the_longest_words(lab: Lab) -> None:
    show(lab, *("&" * 200 for _each in range(alerts.LISTED)))
    page = lab.page("en")
    assert page.count("<li><p") == alerts.ON_PAGE
    assert page.count("&amp;") == alerts.ON_PAGE * 200
    assert page.rstrip().endswith("</html>")


def test_neighbours_read_the_news_as_plain_text(lab: Lab) -> None:
    done = lab.spaces.run(lab.phone, "curl", "-s", "-i", "http://10.1.1.1/.well-known/byzantium.news")
    head, _blank, body = done.stdout.partition("\n\n")
    assert "Content-Type: text/plain" in head
    assert body == "10.1.1.1 5\n"
