"""The data folder: another folder is refused in one line, and stays unchanged."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.embedded.folders import MARK, UnusableFolderError, data_folder
from ops.embedded.servers import Servers
from tests.support.city import PermitHub

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal_to_nobody(path: Path) -> str:
    """Return the refusal that another user gets for a folder, or '' if there is none; a child becomes that user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            data_folder(path)
        except UnusableFolderError as error:
            os.write(writing, str(error).encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        return told.read()


def holding(path: Path) -> Path:
    path.mkdir(mode=0o500)
    path.chmod(0o700)
    (path / "thesis.txt").write_text("mine")
    path.chmod(0o500)
    return path


def file(path: Path) -> Path:
    path.write_text("mine")
    return path


def below_a_file(path: Path) -> Path:
    return file(path) / "data"


def link(path: Path) -> Path:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")
    return path


def broken_link(path: Path) -> Path:
    path.symlink_to(path.parent / "nowhere")
    return path


def open_to_all(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o777)
    return path


def with_a_mark_that_is_a_folder(path: Path) -> Path:
    (path / MARK / "mine").mkdir(parents=True)
    return path


def socket_or_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def too_long(path: Path) -> Path:
    return path.with_name("long" * 100)


FOREIGN: dict[Callable[[Path], Path], str] = {
    holding: "holds something else",
    file: "is not a folder",
    below_a_file: "cannot be used: Not a directory",
    link: "is a link",
    broken_link: "is a link",
    open_to_all: "can be written to by every user",
    with_a_mark_that_is_a_folder: "holds something else",
    socket_or_pipe: "is not a folder",
    too_long: "cannot be used: File name too long",
}


def everything(below: Path) -> dict[str, tuple[int, int]]:
    """Return mode and owner of each file."""
    return {str(one): (one.lstat().st_mode, one.lstat().st_uid) for one in sorted(below.rglob("*"))}


@pytest.mark.parametrize("make", FOREIGN, ids=lambda make: make.__name__)
def test_a_folder_with_something_else_is_refused_and_left_unchanged(folder: Path, make: Callable[[Path], Path]) -> None:
    path = make(folder / "given")
    before = everything(folder)
    with pytest.raises(UnusableFolderError, match=FOREIGN[make]) as refused:
        data_folder(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert everything(folder) == before


@pytest.mark.parametrize("command", ["up", "demo", "sandbox"])
def test_commands_refuse_a_wrong_data_folder_in_one_line(permit_hub: PermitHub, folder: Path, command: str) -> None:
    path = holding(folder / "given")
    ended = permit_hub(command, "--data", path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"{path} holds something else. Name another folder with --data"
    assert "Traceback" not in ended.stderr
    assert (mode(path), [one.name for one in path.iterdir()]) == (0o500, ["thesis.txt"])


def test_a_new_data_folder_is_made_and_found_again(folder: Path) -> None:
    made = data_folder(folder / "a" / "b")
    assert mode(made) == 0o711
    (made / "kept").touch()
    made.chmod(0o750)
    assert data_folder(folder / "a" / "b") == made
    assert mode(made) == 0o750


def test_an_empty_folder_is_used_and_keeps_its_mode(folder: Path) -> None:
    (folder / "mine").mkdir(mode=0o700)
    assert mode(data_folder(folder / "mine")) == 0o700


def test_a_file_in_the_data_folder_says_what_it_is(folder: Path) -> None:
    data_folder(folder)
    assert (folder / MARK).read_text().startswith("permit-hub keeps the data of a stack in this folder")


def test_a_parent_of_the_data_folder_may_be_a_link(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to(folder / "real")
    assert data_folder(folder / "link" / "data") == folder.resolve() / "real" / "data"


@pytest.fixture
def read_only(folder: Path) -> Iterator[Path]:
    place = folder / "mounted"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0755", "tmpfs", str(place)], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("name", [".", "new"])
def test_a_data_folder_on_a_read_only_mount_is_refused(read_only: Path, name: str) -> None:
    with pytest.raises(UnusableFolderError, match="cannot be used: Read-only file system"):
        data_folder(read_only / name)


@as_root
def test_another_users_data_folder_is_refused(folder: Path) -> None:
    (folder / "theirs").mkdir()
    os.chown(folder / "theirs", NOBODY, NOBODY)
    with pytest.raises(UnusableFolderError, match="belongs to another user"):
        data_folder(folder / "theirs")


@as_root
@pytest.mark.parametrize("parents", [0o711, 0o700])
def test_another_user_gets_a_refusal_in_one_line(folder: Path, parents: int) -> None:
    (folder / "roots").mkdir()
    data_folder(folder / "roots")
    folder.chmod(parents)
    expected = "belongs to another user" if parents == 0o711 else "cannot be used: Permission denied"
    assert expected in refusal_to_nobody(folder / "roots")
    assert "cannot be used: Permission denied" in refusal_to_nobody(folder / "new")


@as_root
def test_a_data_folder_that_an_ordinary_user_cannot_write_to_is_refused(folder: Path) -> None:
    theirs = folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    assert refusal_to_nobody(theirs) == ""
    assert (theirs / MARK).stat().st_uid == NOBODY
    theirs.chmod(0o500)
    assert "cannot be used: Permission denied" in refusal_to_nobody(theirs)
    assert mode(theirs) == 0o500


def test_a_damaged_file_of_secrets_is_named(folder: Path) -> None:
    data_folder(folder)
    (folder / "secrets.json").write_text('{"hash_key": ')
    with pytest.raises(UnusableFolderError, match=r"secrets\.json is damaged"):
        Servers(folder).start()
    (folder / "secrets.json").unlink()
    with Servers(folder):  # its lock was given back
        pass


STACKLESS = (["status"], ["space", "r-1"], ["migrate"], ["outlook"], ["requests", "list"], ["dead-letters", "list"],
    ["pause", "easypark"], ["resume", "easypark"], ["reconcile", "easypark"], ["submit", "-"], ["mailbox"],
    ["mailbox", "show", "1"], ["reaffirm", "easypark", "--since", "2026-01-01"])  # fmt: skip


@pytest.mark.parametrize("command", STACKLESS, ids=lambda command: command[0])
@pytest.mark.parametrize("make", [file, below_a_file, holding, broken_link], ids=lambda make: make.__name__)
def test_every_command_names_a_data_folder_without_a_stack(
    permit_hub: PermitHub, folder: Path, command: list[str], make: Callable[[Path], Path]
) -> None:
    path = make(folder / "given")
    ended = permit_hub(*command, given='{"kind": "permit.renew"}', PERMIT_HUB_DATA=str(path))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(("No stack runs on ", "No stack has had a mailbox on "))
    assert len(ended.stderr.splitlines()) == 1


NOT_MINE = """
import os, sys
from ops.cli import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
main()
"""


@as_root
@pytest.mark.parametrize("command", [["status"], ["mailbox"]], ids=lambda command: command[0])
def test_commands_cannot_read_another_users_stack(folder: Path, command: list[str]) -> None:
    data_folder(folder)
    (folder / "lock").touch(mode=0o600)
    (folder / "mailbox").mkdir(mode=0o700)
    run = [sys.executable, "-c", NOT_MINE, *command, "--data", str(folder)]
    ended = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"{folder} cannot be read: Permission denied. The user who started the stack can.\n"
