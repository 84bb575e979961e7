"""Folders for the servers' data: private, and where the account that needs them can reach them."""

import os
import shutil
import tempfile
from pathlib import Path

from ops.embedded.account import Account

ELSEWHERE = Path("/var/lib")  # root's place for a server's data; unlike /var/tmp nothing there is cleaned by age


class UnusableFolderError(RuntimeError):
    """A folder cannot be used, and the message says which and why."""


def data_folder(path: Path) -> Path:
    """Make the data folder if need be; others may pass through it but neither list nor read it."""
    path.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    if path.stat().st_uid != os.geteuid():
        raise UnusableFolderError(f"{path} belongs to another user: choose another folder with --data")
    path.chmod(0o711)
    return path


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
    """Return the folder in which a server of that account keeps its data: `data/name`, or what it links to.

    A link stands there when the account cannot reach the data folder, as in a checkout below a private home.
    """
    home = data / name
    if home.is_symlink():
        if not home.exists():
            raise UnusableFolderError(f"{home} leads to {home.readlink()}, which is gone: remove {data} to begin anew")
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
    """Remove a data folder whose servers have stopped, with what it links to."""
    if data.is_dir():
        for entry in data.iterdir():
            if entry.is_symlink():
                shutil.rmtree(entry.resolve(), ignore_errors=True)
        shutil.rmtree(data)
