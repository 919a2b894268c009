"""The JSON Schema of the answers file, made from the models: it cannot drift from them."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from byzwizard.answers import Answers
from byzwizard.i18n import _


class _Schema(GenerateJsonSchema):
    """Without the titles that only repeat the keys, and with the descriptions in the person's language."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        worded: JsonSchemaValue = _worded(super().generate(schema, mode))
        return worded


def _worded(part: Any, names: bool = False) -> Any:
    """`names`: the keys of this part are names that a file may hold, not words of JSON Schema."""
    if isinstance(part, list):
        return [_worded(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _(value) if key == "description" and not names else _worded(value, key in {"properties", "$defs"})
        for key, value in part.items()
        if names or key not in {"title"}
    }


def schema() -> dict[str, Any]:
    """Draft 2020-12. `byzantium` is required, as it is in a file and not in the program."""
    body = Answers.model_json_schema(schema_generator=_Schema)
    body["required"] = ["byzantium"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": _("Answers of a Byzantium node"),
        **body,
    }
