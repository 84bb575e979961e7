"""The account for PostgreSQL, which refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SERVICE_ACCOUNT = "permit-hub"
FALLBACK_ACCOUNT = "nobody"  # if no account can be added: on macOS, or with a read-only /etc


@dataclass(frozen=True, slots=True)
class Account:
    """A system account."""

    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Return whether this account may enter a folder and all of its parents."""
        return self._may("-x", folder)

    def can_read(self, file: Path) -> bool:
        """Return whether this account may read a file, and enter its folders."""
        return self._may("-r", file)

    def _may(self, permission: str, path: Path) -> bool:
        if self.uid == os.geteuid():
            return os.access(path, os.X_OK if permission == "-x" else os.R_OK)
        # A process of that account asks: mode bits alone are not enough (groups, ACLs, mount options).
        answer = subprocess.run(
            ["/bin/sh", "-c", 'test "$1" "$2"', "sh", permission, str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd="/",
            check=False,
        )
        return answer.returncode == 0


def server_account() -> Account:
    """Return this user's account; for root, a system account of the hub's, which is added if missing."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    return _named(SERVICE_ACCOUNT) or _added(SERVICE_ACCOUNT) or _named(FALLBACK_ACCOUNT) or Account(65534, 65534)


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _added(name: str) -> Account | None:
    if shutil.which("useradd") is None:
        return None
    subprocess.run(
        ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name],
        capture_output=True,
        check=False,  # another start may have just added it, and then the look-up below finds it
    )
    return _named(name)
