"""The README's example on a running stack, run as the README says."""

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.city import City

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(REACHING,) = re.findall(r"`(BROKER=[^`]*)`", README)


def test_the_readmes_example_runs_as_it_is_printed(city: City, tmp_path: Path) -> None:
    (tmp_path / ".data").symlink_to(city.folder)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{REACHING} -"],
        cwd=tmp_path,
        input=EXAMPLE,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("True {'version': 1, ")
    space = city.hub.space("r-1001")
    assert space is not None
    refused = {one["provider"] for one in space["consent"]["providers"] if not one["allowed"]}
    assert refused >= {"paybyphone", "easypark"}


def test_only_the_stacks_user_can_read_the_brokers_url_and_the_key(city: City) -> None:
    for name in ("broker-url", "broker-key"):
        assert stat.S_IMODE((city.folder / name).stat().st_mode) == 0o600
    assert urlsplit((city.folder / "broker-url").read_text()).username == "web-app"
