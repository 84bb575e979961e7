"""What the Dockerfile puts into an image, without Docker: the code in a folder, and the packages that it installs."""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

PROJECT = Path(__file__).parents[2]
APP = "/app"
COPIED = re.compile(r"COPY --from=([\w-]+) (\S+) \2")


@dataclass(slots=True)
class Stage:
    """One stage of the Dockerfile: what it begins from, and its instructions."""

    base: str
    lines: list[str] = field(default_factory=list)


def stages() -> dict[str, Stage]:
    """Return the stages by name, in their order."""
    found: dict[str, Stage] = {}
    for line in (PROJECT / "Dockerfile").read_text().splitlines():
        if begins := re.fullmatch(r"FROM (\S+) AS ([\w-]+)", line):
            name = begins[2]
            found[name] = Stage(begins[1])
        elif line and not line.startswith("#"):
            found[name].lines.append(line)
    return found


def instructions(target: str) -> Iterator[tuple[str, str]]:
    """Yield each stage's name and its instructions, as far as an image of this target has their results in it."""
    found = stages()
    stage = found[target]
    if stage.base in found:
        yield from instructions(stage.base)
    for line in stage.lines:
        if copied := COPIED.fullmatch(line):
            yield from instructions(copied[1])
        else:
            yield target, line


def requirements(target: str) -> Path:
    """Return the file of pins that an image's packages are installed from."""
    (named,) = {
        words[-1]
        for _, line in instructions(target)
        if (words := line.split())[0] == "RUN" and "--requirement" in words
    }
    return PROJECT / named


def lay_out(target: str, app: Path) -> None:
    """Put an image's code into a folder, as COPY and RUN rm do.

    Raises:
        FileNotFoundError: something that is copied or removed is not there.
    """
    for _, line in instructions(target):
        match shlex.split(line):
            case ["COPY", source, place] if not source.startswith("requirements/"):
                _copy(source, app / place)
            case ["RUN", "rm", *words]:
                for name in words[words[0] == "-r" :]:
                    shutil.rmtree(app / name) if words[0] == "-r" and (app / name).is_dir() else (app / name).unlink()


def _copy(source: str, place: Path) -> None:
    if not is_sent(source):
        raise FileNotFoundError(f"{source}: .dockerignore leaves it out")
    given = PROJECT / source
    if given.is_dir():
        shutil.copytree(given, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(given, place / given.name if place.is_dir() else place)


def is_sent(path: str) -> bool:
    """Return whether .dockerignore lets Docker have a file or folder: the last pattern that fits it decides."""
    sent = True
    for pattern in (PROJECT / ".dockerignore").read_text().split():
        name = pattern.removeprefix("!")
        if fnmatch(path, name) or path.startswith(f"{name}/"):
            sent = pattern.startswith("!")
    return sent
