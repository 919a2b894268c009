"""The data of a service on the image's own systemd, with the real fossil: saved, lost, taken in, here and elsewhere."""

import json
import os
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.test_services import FORM, authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]
DATA = "/var/lib/byzantium/services/wiki"
DUMP = "/var/lib/byzantium/dumps/wiki/wiki.tar.gz"
REPOSITORY = f"{DATA}/wiki.fossil"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("booted"), "services: [wiki]\n") as found:
        yield found


def write(node: Node, page: str, text: str) -> None:
    """As a phone does."""
    words = {"page": page, "mimetype": "text/x-markdown", "isnew": "1", "content": text}
    referer = f"https://{host(node)}/wiki/wikiedit?name={page}"
    status, _headers, said = node.pages("/wiki/wikiajax/save", host(node), authority(node), method="POST",
                                        send=urlencode(words), headers={**FORM, "Referer": referer})
    assert status == 200, said


def page(node: Node, name: str) -> str:
    status, _headers, text = node.pages(f"/wiki/wiki?name={name}", host(node), authority(node))
    assert status == 200, text
    return text


def sql(node: Node, query: str) -> str:
    return node.do("env", "HOME=/tmp", "fossil", "sql", "-R", REPOSITORY, query)


def data(node: Node, *words: str) -> dict[str, object]:
    said: dict[str, object] = json.loads(node.do("byzwizard", "data", *words, "--json"))
    return said


def entries(node: Node) -> list[str]:
    """What is beside the dump."""
    return node.do("ls", os.path.dirname(DUMP)).split()


def test_a_page_comes_back_after_the_data_were_lost(lab: Lab) -> None:
    a = lab.nodes[0]
    write(a, "Water", "At the school, until *six*")
    said = data(a, "save", "wiki")
    assert said["file"] == DUMP
    assert "fossil version" in str(said["version"])
    assert "until <em>six</em>" in page(a, "Water"), "it served all the while"
    a.do("sh", "-c", f"systemctl stop byz-wiki && rm {REPOSITORY}")
    a.do("byzwizard", "enable", "wiki")
    assert "until <em>six</em>" in page(a, "Water"), "a start without data takes in what was saved"
    assert entries(a) == ["wiki.tar.gz"]
    a.do("sh", "-c", f"systemctl stop byz-wiki && rm {REPOSITORY}")
    data(a, "restore", "wiki")
    assert "until <em>six</em>" in page(a, "Water")
    assert a.do("stat", "-c", "%U %a", REPOSITORY, DATA).split("\n")[:2] == ["byz-wiki 600", "byz-wiki 700"]
    assert a.do("stat", "-c", "%U %a", DUMP).strip() == "root 600"
    write(a, "Bread", "still writable")


def test_data_that_are_there_are_not_replaced_unasked(lab: Lab) -> None:
    a = lab.nodes[0]
    data(a, "save", "wiki")
    write(a, "Later", "written after it was saved")
    refused = a.run("byzwizard", "data", "restore", "wiki")
    assert refused.returncode == 3
    assert "--yes" in refused.stderr
    assert "written after" in page(a, "Later")
    data(a, "restore", "wiki", "--yes")
    assert a.pages("/wiki/wiki?name=Later", host(a), authority(a))[2].count("written after") == 0
    assert "until <em>six</em>" in page(a, "Water")
    assert entries(a) == ["wiki.tar.gz"]


def carry(a: Node, b: Node, path: str) -> None:
    """As on a stick."""
    packed = a.do("base64", "-w0", path)
    b.do("sh", "-c", f"base64 -d >{path}", stdin=packed)


def test_another_node_takes_it_in_with_its_own_settings(lab: Lab) -> None:
    a, b = lab.nodes
    data(a, "save", "wiki", "--file", "/tmp/carried.tar.gz")
    assert a.run("byzwizard", "data", "save", "wiki", "--file", "/tmp/carried.tar.gz").returncode == 3
    carry(a, b, "/tmp/carried.tar.gz")
    b.do("byzwizard", "disable", "wiki")
    said = data(b, "restore", "wiki", "--file", "/tmp/carried.tar.gz", "--yes")
    assert "until `byzwizard enable wiki`" in str(said["text"])
    assert "former" in entries(b)
    b.do("byzwizard", "enable", "wiki")
    assert "until <em>six</em>" in page(b, "Water")
    assert "former" not in entries(b)
    write(b, "There", "written on the other node")
    ids = [sql(node, "SELECT value FROM config WHERE name = 'server-code'") for node in (a, b)]
    assert ids[0] != ids[1], "two wikis are not one"


def test_broken_dumps_are_refused_and_nothing_is_lost(lab: Lab) -> None:
    a = lab.nodes[0]
    data(a, "save", "wiki", "--file", "/tmp/good.tar.gz", "--yes")
    a.do("sh", "-c", "head -c 3000 /tmp/good.tar.gz >/tmp/cut.tar.gz; echo tea >/tmp/forged.fossil")
    forge(a, "forged")  # whole as a file, and no wiki inside
    for name, status in (("cut", 2), ("forged", 1), ("nothing", 2)):
        done = a.run("byzwizard", "data", "restore", "wiki", "--file", f"/tmp/{name}.tar.gz", "--yes")
        assert done.returncode == status, done.stderr
        assert len(done.stderr.strip().splitlines()[-1]) > 20
        assert "Traceback" not in done.stderr
        assert "until <em>six</em>" in page(a, "Water")
    assert entries(a) == ["wiki.tar.gz"]


def forge(node: Node, name: str) -> None:
    """A dump of /tmp/NAME.fossil, as anybody can make one."""
    node.do("python3", "-c", FORGE, name)


FORGE = """
import io, json, sys, tarfile
name = f"/tmp/{sys.argv[1]}"
with open(f"{name}.fossil", "rb") as file, tarfile.open(f"{name}.tar.gz", "w:gz") as tar:
    wiki = file.read()
    said = {"dump": 1, "service": "wiki", "made": "", "version": "", "files": 1, "bytes": len(wiki)}
    for name, text in (("byzantium-dump.json", json.dumps(said).encode()), ("data/wiki.fossil", wiki)):
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
"""


def test_of_a_wiki_from_a_stranger_the_pages_are_taken_and_nothing_else(lab: Lab) -> None:
    a = lab.nodes[0]
    data(a, "save", "wiki")
    a.do("sh", "-c", STRANGE)
    forge(a, "strange")
    data(a, "restore", "wiki", "--file", "/tmp/strange.tar.gz", "--yes")
    assert "number 250" in page(a, "P250"), "more than fossil hands over at once"
    assert "until <em>six</em>" in page(a, "Water")
    assert "evil" not in sql(a, "SELECT login FROM user; SELECT name FROM config; SELECT name FROM sqlite_schema")
    data(a, "restore", "wiki", "--yes")
    assert "number 250" not in page(a, "P250")


STRANGE = f"""
set -e
cp {REPOSITORY} /tmp/strange.fossil
cd /tmp
export HOME=/tmp USER=node
for n in $(seq 250); do
    echo "number $n" | fossil wiki create P$n -R strange.fossil >/dev/null
done
fossil sql -R strange.fossil "
INSERT INTO user(login, pw, cap) VALUES ('evil', 'evil', 's');
REPLACE INTO config(name, value, mtime) VALUES ('evil-setup', 'puts evil', 0);
CREATE TRIGGER evil AFTER INSERT ON rcvfrom BEGIN INSERT INTO user(login, cap) VALUES ('evil2', 's'); END;"
"""


def test_data_that_the_service_cannot_work_with_make_room_for_the_former_ones(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("sh", "-c", "cd /tmp && HOME=/tmp USER=node fossil init bare.fossil")
    forge(a, "bare")
    # Such a fossil that cannot work with what another one made.
    a.do("sh", "-c", f"mkdir -p {UNIT} && cat >{UNIT}/test.conf && systemctl daemon-reload", stdin=FAILS_ON_THE_BARE)
    done = a.run("byzwizard", "data", "restore", "wiki", "--file", "/tmp/bare.tar.gz", "--yes")
    assert done.returncode == 1, done.stdout
    assert "what was there before is back" in done.stderr
    assert "until <em>six</em>" in page(a, "Water")
    assert entries(a) == ["wiki.tar.gz"]
    a.do("sh", "-c", f"rm -r {UNIT} && systemctl daemon-reload")


UNIT = "/run/systemd/system/byz-wiki.service.d"
FAILS_ON_THE_BARE = """
[Service]
ExecStartPre=/bin/sh -c "fossil wiki list -R wiki.fossil | grep -q Water"
"""


def test_what_came_with_the_stick_is_taken_in_where_there_are_no_data_and_only_there(lab: Lab) -> None:
    a = lab.nodes[0]
    seeds = "/run/live/medium/byzantium/data"
    data(a, "save", "wiki", "--file", "/tmp/seed.tar.gz", "--yes")
    write(a, "Mine", "of this node alone")
    a.do("sh", "-c", f"rm {DUMP}; mkdir -p {seeds} && mv /tmp/seed.tar.gz {seeds}/wiki.tar.gz")
    a.do("systemctl", "stop", "byz-wiki")
    a.do("byzwizard", "apply", "/etc/byzantium/answers.yaml", "--yes", "--boot", "found")
    assert "of this node alone" in page(a, "Mine")
    a.do("sh", "-c", f"systemctl stop byz-wiki; rm {REPOSITORY}")
    a.do("byzwizard", "apply", "/etc/byzantium/answers.yaml", "--yes", "--boot", "found")
    assert "until <em>six</em>" in page(a, "Water")
    assert "of this node alone" not in page(a, "Mine")
    a.do("rm", "-r", seeds)
    data(a, "save", "wiki")


def test_a_service_does_not_start_empty_beside_a_dump_that_cannot_be_read(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("sh", "-c", f"cp {DUMP} /tmp/kept && head -c 3000 /tmp/kept >{DUMP}")
    a.do("sh", "-c", f"systemctl stop byz-wiki && mv {REPOSITORY} /tmp/wiki.fossil")
    done = a.run("byzwizard", "enable", "wiki")
    assert done.returncode != 0
    assert "damaged" in done.stderr
    assert a.run("test", "-e", REPOSITORY).returncode == 1
    a.do("cp", "/tmp/kept", DUMP)
    a.do("byzwizard", "enable", "wiki")
    assert "until <em>six</em>" in page(a, "Water")


@pytest.mark.parametrize("call", ["unpack", "_give", "_run", "swap", "_move_all"])
def test_killed_in_the_middle_the_next_run_explains_and_goes_on(lab: Lab, call: str) -> None:
    a = lab.nodes[0]
    data(a, "save", "wiki")
    # As it is, but killed as soon as this begins; of moving, after the first half.
    a.do("tee", "/tmp/killed.py", stdin=KILLED)
    done = a.run("/usr/lib/byzwizard/bin/python", "-I", "/tmp/killed.py", call)
    assert done.returncode == -9 or done.returncode == 137, done.stderr
    again = a.run("byzwizard", "data", "restore", "wiki", "--yes")
    assert "was cut off" in again.stderr
    a.do("byzwizard", "enable", "wiki")
    assert "until <em>six</em>" in page(a, "Water")
    assert entries(a) == ["wiki.tar.gz"]


KILLED = """
import os, signal, sys
from byzwizard.backends import dumped, dumpfile, dumps
call = sys.argv[1]
where = next(module for module in (dumpfile, dumps, dumped) if hasattr(module, call))
real, calls = getattr(where, call), 0
def killed(*words, **more):
    global calls
    calls += 1
    if call != "_move_all" or calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words, **more)
setattr(where, call, killed)
from byzwizard import cli
sys.exit(cli.run(["data", "restore", "wiki", "--yes"]))
"""


def test_radio_keeps_its_passwords_and_takes_no_others(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("byzwizard", "enable", "radio")
    path = "/var/lib/byzantium/services/radio/source-password"
    password = a.do("cat", path)
    data(a, "save", "radio")
    a.do("sh", "-c", f"systemctl stop byz-icecast && rm {path} && echo other >{path}")
    data(a, "restore", "radio", "--yes")
    assert a.do("cat", path) == password
    a.do("byzwizard", "disable", "radio")


@pytest.mark.parametrize(("words", "status"), [
    (("save", "wikki"), 2), (("save", "ipsec"), 4), (("keep", "wiki"), 2), (("restore",), 2),
    (("save", "wiki", "--file", "/nowhere/there.tar.gz"), 2),
])
def test_wrong_commands_are_told_in_a_sentence(lab: Lab, words: tuple[str, ...], status: int) -> None:
    done = lab.nodes[0].run("byzwizard", "data", *words)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_stopped_is_saved_in_the_store_and_taken_in_across_its_mounts(lab: Lab) -> None:
    """A store as it is when it is open: a file system with the folders of what it keeps, mounted over their places."""
    b = lab.nodes[1]
    b.do("byzwizard", "disable", "wiki")
    place = "/run/byzantium/store"
    b.do("sh", "-c", f"mkdir -p {place} && mount -t tmpfs -o mode=700 none {place}")
    for folder in (DATA, os.path.dirname(DUMP)):
        kept = f"{place}/services.wiki{folder}"
        b.do("sh", "-c", f"mkdir -p {folder} && mkdir -p {os.path.dirname(kept)} && cp -aT {folder} {kept}"
                         f" && mount --bind {kept} {folder}")
    b.do("byzwizard", "enable", "wiki")
    b.do("rm", "-f", DUMP)
    write(b, "Kept", "in the store")
    b.do("byzwizard", "disable", "wiki")
    assert entries(b) == ["wiki.tar.gz"]
    b.do("rm", REPOSITORY)
    b.do("byzwizard", "enable", "wiki")
    assert "in the store" in page(b, "Kept")
    assert entries(b) == ["wiki.tar.gz"]
    # Full.
    write(b, "More", "on a full disk")
    used = int(b.do("du", "--summarize", "--block-size=K", place).split("K")[0])
    b.do("mount", "-o", f"remount,size={used + 100}k", place)
    for act in ("save", "restore"):
        done = b.run("byzwizard", "data", act, "wiki", "--yes")
        assert done.returncode == 1
        assert "are free" in done.stderr
        assert "on a full disk" in page(b, "More")
        assert entries(b) == ["wiki.tar.gz"]
    b.do("byzwizard", "disable", "wiki")
    assert "could not be saved when it was stopped" in b.do("cat", "/run/byzantium/cut-off")
    assert b.state("wiki") == "off"


def test_data_are_deleted_by_an_act_of_their_own_and_do_not_come_back(lab: Lab) -> None:
    """The last one here: nothing of what the others wrote is left."""
    a = lab.nodes[0]
    data(a, "save", "wiki")
    refused = a.run("byzwizard", "data", "delete", "wiki", "--yes")
    assert refused.returncode == 3
    assert "byzwizard disable wiki" in refused.stderr
    assert "until <em>six</em>" in page(a, "Water")
    a.do("byzwizard", "disable", "wiki")
    assert a.run("byzwizard", "data", "delete", "wiki").returncode == 3, "not unasked"
    assert int(str(data(a, "delete", "wiki", "--yes")["bytes"])) > 100_000
    assert (entries(a), a.do("ls", DATA)) == ([], "")
    a.do("byzwizard", "enable", "wiki")
    assert "until <em>six</em>" not in page(a, "Water")
    assert a.do("stat", "-c", "%U %a", DATA).strip() == "byz-wiki 700"
