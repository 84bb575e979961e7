"""The client in the web frameworks that a city's apps are written in, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.client.conftest import ToyHub

_APPS = Path(__file__).parent / "apps"
_CALL = """
import importlib, json, sys
app, url, job_id = sys.argv[1:]
answers = []
for _ in range(3):
    answers.append(importlib.import_module(app).call(url, {"job_id": job_id, "resident_id": "r-1", "choice": "refuse"}))
modules = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"answers": answers, "modules": modules}))
"""
_NOT_FOR_WEB_APPS = {"celery", "kombu", "schemas", "worker", "integrations", "ops", "personal_space"}


@pytest.mark.parametrize(
    ("app", "url"),
    [
        ("in_django", "/consent"),
        ("in_django", "/consent-awaited"),
        ("in_flask", "/consent"),
        ("in_fastapi", "/consent"),
    ],
)
def test_a_view_sends_a_job_and_answers_with_its_receipt(toy: ToyHub, app: str, url: str) -> None:
    job_id = str(uuid4())
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CALL, app, url, job_id],
        env=os.environ | {"BROKER": toy.url, "PREFIX": toy.prefix, "PYTHONPATH": str(_APPS)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    said = json.loads(ran.stdout)
    assert said["answers"] == [{"job_id": job_id, "applied": True}] * 3
    assert "permit_hub_client" in said["modules"]
    assert not _NOT_FOR_WEB_APPS & set(said["modules"])
