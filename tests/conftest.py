"""Start the servers of the test session once, in the process that hands the tests to its workers."""

from __future__ import annotations

import pytest

from eventstore import connect, lane
from eventstore.library import database as library
from tests.support.http import house, world
from tests.support.servers import (
    SharedServers,
    database_template,
    database_url,
    durable_postgres,
    redis_numbers,
    redis_url,
)
from tests.support.waiting import PATIENCE

__all__ = ["database_template", "database_url", "durable_postgres", "house", "redis_numbers", "redis_url", "world"]

# What production gives up: a machine of tests may stand still for as long, and nothing is wrong with its server.
connect.ALIVE["connect_timeout"] = int(PATIENCE)
connect.WAIT = library.WAIT_SECONDS = lane.PATIENCE = PATIENCE

SERVERS = pytest.StashKey[SharedServers]()


def pytest_configure(config: pytest.Config) -> None:
    """A worker finds the servers in its environment; every other run has to start them."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    servers = config.stash[SERVERS] = SharedServers()
    try:
        servers.start()
    except BaseException:
        servers.stop()
        raise


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing of the session stays behind."""
    if (servers := config.stash.get(SERVERS, None)) is not None:
        servers.stop()
