"""Private folders for the servers' data, in places that the servers' account can reach."""

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from ops.embedded.account import Account

ELSEWHERE = Path("/var/lib")  # root's place for servers' data; unlike /var/tmp, it is not cleaned by age

MARK = "permit-hub.txt"  # a file that only data folders have
MARKED = "permit-hub keeps the data of a stack in this folder. Once the stack has stopped, the folder can be removed.\n"
ANOTHER = "Name another folder with --data"


class UnusableFolderError(RuntimeError):
    """A folder cannot be used; the message says which and why."""


def data_folder(path: Path) -> Path:
    """Return a data folder: one of ours, an empty one, or a new one, which others may enter but not list.

    An existing folder keeps its mode.

    Raises:
        UnusableFolderError: it holds something else, or cannot be written to.
    """
    try:
        return _ours(path)
    except OSError as error:
        raise UnusableFolderError(f"{path} cannot be used: {error.strerror}. {ANOTHER}") from None


def _ours(path: Path) -> Path:
    if path.is_symlink():
        raise UnusableFolderError(f"{path} is a link: name the folder itself with --data")
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o711)
    status = path.stat()
    mark = path / MARK
    if not stat.S_ISDIR(status.st_mode):
        raise UnusableFolderError(f"{path} is not a folder. {ANOTHER}")
    if status.st_uid != os.geteuid():
        raise UnusableFolderError(f"{path} belongs to another user. {ANOTHER}")
    if status.st_mode & stat.S_IWOTH:
        raise UnusableFolderError(f"{path} can be written to by every user. {ANOTHER}")
    if not mark.is_file():
        if any(path.iterdir()):
            raise UnusableFolderError(f"{path} holds something else. {ANOTHER}")
        mark.write_text(MARKED)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return path.resolve()


def journal(data: Path, *, fresh: bool) -> Path:
    """Return the folder for the journal of decisions, without those of an earlier run if it is to be `fresh`."""
    folder = data / "journal"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def private_folder(path: Path, account: Account) -> Path:
    """Make a folder that only this account (and root) may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or status.st_uid not in {os.geteuid(), account.uid}:
        raise UnusableFolderError(f"{path} belongs to another user or is a link")
    if status.st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
    return path


def server_home(data: Path, name: str, account: Account) -> Path:
    """Return the folder for a server's data: `data/name`, or the folder that it links to.

    It is a link if the server's account cannot reach the data folder, as in a checkout below a private home.
    """
    home = data / name
    if home.is_symlink():
        if not home.exists():
            raise UnusableFolderError(
                f"{home} leads to {home.readlink()}, which is gone: remove {data} to start with a new one"
            )
        return home.resolve()
    if home.exists() or account.can_enter(data):
        private_folder(home, account)
        if not account.can_enter(home):
            raise UnusableFolderError(f"{home} holds data but the server's account can no longer reach it")
        return home
    place = Path(tempfile.mkdtemp(prefix="permit-hub-", dir=ELSEWHERE))
    private_folder(place, account)
    home.symlink_to(place)
    return place


def remove_data(data: Path) -> None:
    """Remove a data folder whose servers have stopped, and the folders that it links to."""
    if data.is_dir():
        for entry in data.iterdir():
            if entry.is_symlink():
                shutil.rmtree(entry.resolve(), ignore_errors=True)
        shutil.rmtree(data)
