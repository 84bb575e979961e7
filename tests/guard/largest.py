"""The size of the largest honest job: each field at its longest, each character in JSON's longest spelling."""

import re
from collections.abc import Mapping
from typing import Any

ESCAPED = 12  # bytes of one character beyond the basic plane, in the default spelling of Python and others
LONGEST = {"uuid": 36, "date": 10, "date-time": 35, "email": 254}  # of an address: RFC 5321 without its brackets
COUNTED = re.compile(r"\](?:\{(?:\d+,)?(\d+)\})\$$")  # a pattern of ASCII with a count
WHITE_SPACE = 4  # bytes around each name and value, as pretty printers write them


def largest(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> int:
    """Return the bytes of the longest text that is valid by a JSON schema as pydantic makes it.

    Raises:
        LookupError: a field has no bound.
    """
    if "$ref" in schema:
        return largest(defined[schema["$ref"].rpartition("/")[2]], defined)
    if "anyOf" in schema:
        return max(largest(one, defined) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return max(len(str(value)) for value in schema.get("enum", [schema.get("const")])) + 2
    match schema["type"]:
        case "object":
            fields = schema["properties"].items()
            return 2 + sum(len(name) + 4 + WHITE_SPACE + largest(field, defined) for name, field in fields)
        case "array":
            return 2 + int(schema["maxItems"]) * (largest(schema["items"], defined) + 1 + WHITE_SPACE)
        case "string":
            return 2 + _characters(schema)
        case "integer":
            return 20
        case "boolean" | "null":
            return 5
    raise LookupError(schema["type"])


def _characters(schema: Mapping[str, Any]) -> int:
    if "format" in schema:
        return LONGEST[schema["format"]] * (ESCAPED if schema["format"] == "email" else 1)
    if counted := COUNTED.search(schema.get("pattern", "")):
        return int(counted[1]) + 1  # and perhaps a first character with its own class
    return int(schema["maxLength"]) * ESCAPED
