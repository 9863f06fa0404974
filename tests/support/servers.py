"""Fixtures that give each test a database and a Redis of its own on servers that the whole session shares.

One PostgreSQL and one Valkey are started per session, by the process that hands out the tests, which tells the workers
the addresses through the environment. TEST_DATABASE_URL and TEST_REDIS_URL name other servers to use instead.

    def test_something(database_url: str, redis_url: str) -> None: ...

`database_url` is a migrated, empty database; `redis_url` an empty numbered database. `durable_postgres` is a server
for one test alone, to be stopped, killed and started again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from eventstore.schema import migrate
from scripts.postgres import THROWAWAY, Postgres
from scripts.servers import Servers

SESSION = "BITACORA_TEST_SESSION"
VALKEY_DATABASES = 64
TEMPLATE_LOCK = 7_310_533


class SharedServers:
    """The servers of one test session and the environment variables that lead to them."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="bitacora-test-", dir="/tmp"))
        self.directory.chmod(0o711)
        self.servers: Servers | None = None
        self.before = {name: os.environ.get(name) for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL", SESSION)}

    def start(self) -> None:
        """Start what the environment does not already name."""
        os.environ[SESSION] = uuid.uuid4().hex[:12]
        if os.environ.get("TEST_DATABASE_URL") and os.environ.get("TEST_REDIS_URL"):
            return
        self.servers = Servers(
            self.directory, log_in(self.directory), settings=THROWAWAY, valkey_databases=VALKEY_DATABASES
        )
        if not os.environ.get("TEST_DATABASE_URL"):
            self.servers.postgres.start()
            os.environ["TEST_DATABASE_URL"] = self.servers.postgres.url("postgres")
        if not os.environ.get("TEST_REDIS_URL"):
            self.servers.valkey.start()
            os.environ["TEST_REDIS_URL"] = self.servers.valkey.url(0)

    def stop(self) -> None:
        """Stop them, throw their data away and leave the environment as it was."""
        if self.before["TEST_DATABASE_URL"]:
            with suppress(psycopg.Error):
                drop_database(template_name())
        if self.servers:
            self.servers.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        for name, value in self.before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def log_in(directory: Path) -> Callable[[str], Path]:
    """Where the servers of this directory write what they have to say."""
    return lambda name: directory / f"{name}.log"


def prepare(database_url: str) -> None:
    """What every test database holds before its test begins: our tables."""
    migrate(database_url)


def admin() -> psycopg.Connection:
    """A connection from which databases can be made and dropped."""
    return psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True)


def address(database: str) -> str:
    """The address of another database on the session's server, as a URL."""
    parts = conninfo_to_dict(os.environ["TEST_DATABASE_URL"])
    if str(parts.get("host", "")).startswith("/") and set(parts) <= {"host", "user", "dbname"}:
        return f"postgresql://{parts['user']}@/{database}?host={parts['host']}"
    return make_conninfo(os.environ["TEST_DATABASE_URL"], dbname=database)


def template_name() -> str:
    return f"bitacora_template_{os.environ[SESSION]}"


def create_database(name: str, template: str) -> None:
    with admin() as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))


def drop_database(name: str) -> None:
    """Drop it whoever is still connected: a test that failed may have left a process behind."""
    with admin() as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def database_template() -> str:
    """The database that every test database is a copy of; the first worker that needs it makes it."""
    name = template_name()
    with admin() as connection:
        connection.execute(SQL("SELECT pg_advisory_lock({})").format(Literal(TEMPLATE_LOCK)))
        found = connection.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None or not found[0]:  # not there, or left unfinished by migrations that failed
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
            prepare(address(name))
            connection.execute(
                SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(Identifier(name))
            )
    return name


@pytest.fixture
def database_url(database_template: str) -> Iterator[str]:
    """The address of a migrated, empty database for this test alone."""
    name = f"bitacora_test_{uuid.uuid4().hex[:16]}"
    create_database(name, database_template)
    yield address(name)
    drop_database(name)


@pytest.fixture(scope="session")
def redis_numbers(worker_id: str) -> list[int]:
    """The numbered Redis databases of this worker. Number 0 stays empty, for a test that forgets to say which."""
    with redis.Redis.from_url(os.environ["TEST_REDIS_URL"]) as client:
        total = int(client.config_get("databases")["databases"] or 16)
    worker = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return list(range(1 + worker, total, workers))


@pytest.fixture
def redis_url(redis_numbers: list[int]) -> str:
    """The address of an empty Redis database for this test alone: numbers are taken in turn, and emptied before use."""
    number = redis_numbers.pop(0)
    redis_numbers.append(number)
    base = os.environ["TEST_REDIS_URL"].split("?")[0]
    url = f"{base}?db={number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def durable_postgres() -> Iterator[Postgres]:
    """A running PostgreSQL with its usual durability, for one test alone: it may be killed and started again.

    Its database is `durable_postgres.url()`, and has no tables yet.
    """
    directory = Path(tempfile.mkdtemp(prefix="bitacora-test-", dir="/tmp"))
    directory.chmod(0o711)
    servers = Servers(directory, log_in(directory))
    try:
        servers.postgres.start()
        servers.postgres.ensure_database()
        yield servers.postgres
    finally:
        servers.stop()
        shutil.rmtree(directory, ignore_errors=True)
