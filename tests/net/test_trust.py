"""A phone learns to trust a node: from the front page to a service over TLS, by the real nginx and curl."""

import os
import plistlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from byzwizard import catalogue, catalogue_names
from byzwizard.backends import addresses, certificates, directory, offered, tls, trust, web
from byzwizard.i18n import languages, speaker
from tests.net.spaces import Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nginx", "curl", "openssl")),
                       reason="tools are missing"),
]
NODE = resolved("n", subnet="10.1.1.0/24")
HOST = f"{NODE.node_id}.byzantium.mesh"
WIKI = catalogue.here().services["wiki"]
SERVE = """
import http.server, socketserver, sys
class Wiki(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page of the wiki")
# HTTPServer would first ask the DNS, which is not here, for its own name.
socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), Wiki).serve_forever()
"""


def progress(done: int, total: int) -> None:
    """Nobody looks."""


@dataclass
class Lab:
    spaces: Spaces
    phone: str
    system: Inside
    folder: Path

    def get(self, path: str, language: str = "") -> tuple[str, str, bytes]:
        """Status, type and content of http://here.byzantium.mesh/path, as the phone gets them."""
        file = self.folder / "got"
        done = self.spaces.run(
            self.phone, "curl", "-s", "--max-time", "5", "--resolve", "here.byzantium.mesh:80:10.1.1.1",
            "-o", str(file), "-w", "%{http_code} %{content_type}", "-H", f"Accept-Language: {language}",
            f"http://here.byzantium.mesh{path}")
        assert done.returncode == 0, done.stderr
        status, _space, kind = done.stdout.partition(" ")
        return status, kind, file.read_bytes()

    def secured(self, host: str, *trusted: str) -> tuple[int, str]:
        """curl's own status, and what it got of https://HOST/wiki/."""
        done = self.spaces.run(self.phone, "curl", "-s", "--max-time", "5", "--resolve", f"{host}:443:10.1.1.1",
                               *trusted, f"https://{host}/wiki/")
        return done.returncode, done.stdout

    def put(self, shown: bool) -> None:
        step = trust.Explain(id="trust", text="", host=HOST, shown=shown)
        step.apply(self.system, progress)
        assert not step.needed(self.system)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("root")
    with spaces() as made, pytest.MonkeyPatch.context() as patch:
        node, phone = made.node_and_phone(NODE.ula_address)
        system = Inside(node, root)
        patch.setattr(certificates, "_group", lambda _name: 0)
        certificates.Certify(id="certificate", text="", host=HOST).apply(system, progress)
        for language in languages():
            system.write(f"{web.ROOT}/index.{language}.html", web.front_page(NODE, speaker(language), language))
        system.write("/run/byzantium/names/nodes.html", '<ul><li><a href="http://pier.byzantium.mesh/">pier</a></li></ul>')
        for language in languages():
            files = directory.Service("files", "Dateien", f"https://{HOST}/wiki/")
            system.write(f"/run/byzantium/names/services.{language}.html",
                         offered.page([files], [], catalogue_names.titles()[language]))
        for text, path in ((web.configuration(NODE, addresses.HERE), web.CONFIG),
                           (tls.configuration(NODE, HOST, [WIKI]), tls.CONFIG)):
            own = root / Path(path).parent.name
            own.mkdir()
            text = text.replace("http2 on;", "")  # which an nginx before 1.25 does not know
            system.write(path, text.replace("/tmp/", f"{own}/").replace("/run/byzantium", f"{root}/run/byzantium"))
            made.start(node, "nginx", "-e", "stderr", "-g", "user root;", "-c", str(root / path.lstrip("/")))
        assert WIKI.web
        assert WIKI.web.port
        made.start(node, "python3", "-c", SERVE, str(WIKI.web.port))
        for port in (80, 443, WIKI.web.port):
            assert within(20, partial(made.listens, node, port)), port
        yield Lab(made, phone, system, root)


def test_the_certificate_that_a_phone_gets_opens_a_service_without_a_warning(lab: Lab) -> None:
    lab.put(shown=True)
    status, kind, der = lab.get("/ca.cer")
    assert (status, kind) == ("200", "application/x-x509-ca-cert")
    (lab.folder / "ca.der").write_bytes(der)
    told = lab.spaces.run(lab.phone, "openssl", "x509", "-inform", "DER", "-in", str(lab.folder / "ca.der"), "-noout",
                          "-text", "-fingerprint", "-sha256").stdout
    assert f"DNS:{HOST}" in told
    assert "X509v3 Name Constraints: critical" in told
    fingerprint = told.partition("Fingerprint=")[2].strip().replace(":", " ")
    assert fingerprint in lab.get("/trust")[2].decode()

    pem = str(lab.folder / "ca.pem")
    lab.spaces.run(lab.phone, "openssl", "x509", "-inform", "DER", "-in", str(lab.folder / "ca.der"), "-out", pem)
    assert lab.secured(HOST, "--cacert", pem) == (0, "a page of the wiki")
    assert lab.secured(HOST)[0] == 60, "without it there is the warning that the page explains"
    assert lab.secured("here.byzantium.mesh", "--cacert", pem)[0] == 60, "it is for the canonical name alone"
    status, kind, crt = lab.get("/ca.crt")
    assert (status, kind, crt.decode()) == ("200", "application/x-x509-ca-cert", Path(pem).read_text())


def test_an_iphone_gets_a_profile_with_the_same_certificate(lab: Lab) -> None:
    lab.put(shown=True)
    status, kind, text = lab.get("/trust.mobileconfig", "fr-FR,fr;q=0.9")
    assert (status, kind) == ("200", "application/x-apple-aspen-config")
    profile = plistlib.loads(text)
    assert profile["PayloadContent"][0]["PayloadContent"] == lab.get("/ca.cer")[2]
    assert "Nœud Byzantium" in profile["PayloadDisplayName"]
    other = plistlib.loads(lab.get("/trust.mobileconfig", "de")[2])
    assert other["PayloadUUID"] == profile["PayloadUUID"], "in whatever language, it is one profile"


@pytest.mark.parametrize(("wanted", "language", "words"), [
    ("de-AT,de;q=0.9", "de", "Die rote Warnung"), ("fr", "fr", "avertissement rouge"), ("es-MX", "es", "El aviso rojo"),
    ("zh-CN", "en", "The red warning"), ("", "en", "The red warning"),
])
def test_the_page_is_in_the_phones_language(lab: Lab, wanted: str, language: str, words: str) -> None:
    lab.put(shown=True)
    status, kind, page = lab.get("/trust", wanted)
    assert (status, kind) == ("200", "text/html; charset=utf-8")
    assert f'<html lang="{language}">' in page.decode()
    assert words in page.decode()


def test_the_front_page_explains_the_warning_before_it_leads_to_a_service(lab: Lab) -> None:
    lab.put(shown=True)
    front = lab.get("/")[2].decode()
    assert front.index("warns in red") < front.index('<a href="/trust">What the warning') < front.index("https://")


def test_the_front_page_is_in_the_readers_language_with_services_and_nodes(lab: Lab) -> None:
    lab.put(shown=True)
    for asked, language, words, title in (
        ("es-MX,es", "es", "Otros nodos", "Archivos"), ("de", "de", "Andere Knoten", "Dateien"),
        ("zh", "en", "Other nodes", "Files"),
    ):
        status, kind, page = lab.get("/", asked)
        front = page.decode()
        assert (status, kind) == ("200", "text/html; charset=utf-8")
        assert front == lab.get("/index.html", asked)[2].decode()
        assert f'<html lang="{language}">' in front
        assert front.index(f'<a href="https://{HOST}/wiki/">{title}</a>') < front.index(words) < front.index("http://pier.")
        assert "<script" not in front
        assert len(page) < 4000


def test_where_nothing_has_a_certificate_there_is_no_page_and_no_way_to_it(lab: Lab) -> None:
    lab.put(shown=False)
    front = lab.get("/")[2].decode()
    assert "/trust" not in front
    assert "404" not in front
    assert front.index("warns in red") < front.index("https://"), "services of other nodes warn too"
    for path in ("/trust", "/trust.mobileconfig", "/ca.cer", "/ca.crt"):
        assert lab.get(path)[0] == "404", path


def test_nothing_else_comes_with_it(lab: Lab) -> None:
    lab.put(shown=True)
    for path in ("/trust.de.html", "/trust-link", "/trust-link.en.html", "/trust.en.mobileconfig", "/ca.key"):
        assert lab.get(path)[0] == "404", path
