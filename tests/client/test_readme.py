"""The README's example runs unchanged but for the keys' prefix; on a whole hub: tests/ops/test_readme.py."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from schemas.examples import SPACE
from schemas.validation import parse_job
from tests.client.conftest import KEYS, ToyHub

README = Path(__file__).parents[2] / "README.md"
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_the_readme_example_runs(
    toy: ToyHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER", toy.url)
    monkeypatch.setenv("KEY", KEYS["my-portal"])
    toy.redis.set(f"{toy.prefix}space:r-1001", json.dumps(SPACE))
    here = EXAMPLE.replace('source="my-portal"', f'source="my-portal", prefix="{toy.prefix}"')
    assert here != EXAMPLE

    names: dict[str, Any] = {}
    exec(compile(here, "README.md", "exec"), names)  # our own text
    with names["hub"]:
        assert capsys.readouterr().out == f"True {SPACE['consent']}\n"


def test_the_hub_accepts_the_job_of_the_readme_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", "redis://broker:6379")
    monkeypatch.setenv("KEY", KEYS["my-portal"])
    before_printing, _, _ = EXAMPLE.partition("print(")
    names: dict[str, Any] = {}
    exec(before_printing.replace("hub.submit(", "hub.job("), names)
    assert parse_job("consent.decide", names["receipt"].text).source == "my-portal"
