"""`check` and `schema`: what they print where, and the exit status."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byzwizard import answers_schema, strictyaml
from byzwizard.answers import Answers
from byzwizard.commands import Context, check, schema

SAMPLES = Path(__file__).parents[1] / "answers"
GOOD = sorted([*SAMPLES.glob("*.yaml"), *SAMPLES.glob("later/*.yaml")])
# What a schema cannot say: these are wrong for reasons of YAML, of a check sum, of the catalogue or of the language.
NOT_FOR_A_SCHEMA = {"damaged-ssh-key", "unknown-service", "no-such-country", "duplicates", "open-with-passphrase",
                    "service-twice"}


def context(file: object = None, as_json: bool = False) -> Context:
    return Context(argparse.Namespace(json=as_json, yes=False, machine=None, file=str(file)), tuple)


def test_a_right_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.run(context(SAMPLES / "private-mesh.yaml")) == 0
    out, err = capsys.readouterr()
    assert "is right" in out
    assert err == ""
    assert check.run(context(SAMPLES / "private-mesh.yaml", as_json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "faults": []}


def test_one_fault_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text("byzantium: 1\nmesh:\n  chanel: 1\n  name: 5\n")
    assert check.run(context(file)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[0] for line in err.splitlines()] == [f"{file}:3:3", f"{file}:4:9"]


def test_the_shape(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text("byzantium: 1\nmesh:\n  chanel: 1\n")
    assert check.run(context(file, as_json=True)) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "ok": False,
        "faults": [
            {
                "line": 3,
                "column": 3,
                "key": "mesh.chanel",
                "message": "There is no key “chanel” in “mesh”; the nearest is “channel”.",
                "hint": "Correct it, or take it out.",
            }
        ],
    }


@pytest.mark.parametrize("file", ["missing.yaml", "."])
def test_no_file(file: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert check.run(context(tmp_path / file)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert check.run(context(tmp_path / file, as_json=True)) == 2
    assert json.loads(capsys.readouterr().out)["faults"][0]["line"] == 1


def test_a_name_that_wants_to_draw(capsys: pytest.CaptureFixture[str]) -> None:
    check.run(context("\x1b[2J\nx"))
    assert re.fullmatch(r".\[2J.x:1:1: .*\n", capsys.readouterr().err)


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.run(context()) == 0
    assert json.loads(capsys.readouterr().out) == answers_schema.schema()


def test_schema_tells_every_key() -> None:
    body = answers_schema.schema()
    assert body["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(body["properties"]) == set(Answers.model_fields)
    for section in (body, *body["$defs"].values()):
        assert section["additionalProperties"] is False
        for name, key in section["properties"].items():
            assert key.get("description"), name
            assert "default" in key or name == "ssid", name
    assert body["required"] == ["byzantium"]


@pytest.mark.parametrize("sample", GOOD, ids=lambda path: path.stem)
def test_schema_takes_every_sample(sample: Path) -> None:
    data = strictyaml.read(sample.read_text(encoding="utf-8-sig")).data
    assert list(disagreements(answers_schema.schema(), data)) == []


def test_schema_refuses_what_check_refuses() -> None:
    seen = 0
    for sample in SAMPLES.glob("wrong/*.yaml"):
        document = strictyaml.read(sample.read_text())
        if not document.faults and sample.stem not in NOT_FOR_A_SCHEMA:
            assert list(disagreements(answers_schema.schema(), document.data)), sample
            seen += 1
    assert seen > 15


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
WORDS = set("$schema title description default writeOnly $defs".split())  # noqa: SIM905  # reads better


def disagreements(rule: dict[str, Any], data: Any, root: dict[str, Any] | None = None) -> Iterator[str]:
    """A validator of the words of JSON Schema that ours uses; an unknown word is an error of the test."""
    root = root or rule
    if "$ref" in rule:
        yield from disagreements(root["$defs"][rule["$ref"].removeprefix("#/$defs/")], data, root)
    for word, value in rule.items():
        match word:
            case "type" if value == "integer":
                wrong = not isinstance(data, int) or isinstance(data, bool)
            case "type":
                wrong = not isinstance(data, TYPES[value])
            case "const":
                wrong = data != value or type(data) is not type(value)
            case "enum":
                wrong = data not in value
            case "pattern":
                wrong = isinstance(data, str) and not re.search(value, data)
            case "minLength":
                wrong = isinstance(data, str) and len(data) < value
            case "maxLength":
                wrong = isinstance(data, str) and len(data) > value
            case "anyOf":
                wrong = all(any(disagreements(one, data, root)) for one in value)
            case "not":
                wrong = not any(disagreements(value, data, root))
            case "required":
                wrong = isinstance(data, dict) and not set(value) <= set(data)
            case "additionalProperties":
                wrong = value is not False or (isinstance(data, dict) and not set(data) <= set(rule["properties"]))
            case "properties":
                wrong = False
                for name in value if isinstance(data, dict) else ():
                    if name in data:
                        yield from disagreements(value[name], data[name], root)
            case "items":
                wrong = False
                for item in data if isinstance(data, list) else ():
                    yield from disagreements(value, item, root)
            case "$ref":
                wrong = False
            case _:
                assert word in WORDS, word
                wrong = False
        if wrong:
            yield f"{word} {value}: {data}"
