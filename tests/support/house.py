"""What the tests of one worker share: started once, never emptied."""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from collections.abc import Iterator

import argon2
import pytest
import redis

import projections
from api import access, hub, runtime
from eventstore.connect import Connection, connect
from projections import projector, rebuild
from settings import Settings
from tests.support import servers
from tests.support.callers import PASSWORD
from tests.support.processes import Loop, Process
from tests.support.waiting import PATIENCE, until
from workers.clock import Clock
from workers.perform import Performer

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Makes hashes that are quick to make and to check. `World.another_process` has the real one."""
CHEAP_HASH = CHEAP.hash(PASSWORD)

SHOP = "shop"
"""The organisation of every shopper."""

ORIGIN = "https://app.example"
"""A browser's origin that may call."""


class House:
    """What the tests of one worker share: a database with every view, a process of the API, and what runs beside it."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        # What production gives up after a moment, and goes on without: a machine of tests may stand still for as long.
        runtime.REDIS_PATIENCE = access.FIRST_LOOK = hub.FIRST_LOOK = PATIENCE
        self.settings = Settings(
            database_url=database_url,
            redis_url=redis_url,
            secret="a secret for tests that nobody else has",
            master_key="07" * 32,
            environment="development",
            allowed_origins=(ORIGIN,),
            view_wait_seconds=PATIENCE,
            pazz_organization="broker",
            tienda_organization=SHOP,
            log_level="warning",
        )
        self.loop = Loop()
        self.process = Process(self.settings, self.loop)
        self.process.runtime.passwords._hasher = CHEAP
        log = self.process.runtime.log
        rebuild.build_unbuilt(database_url, log, projections.VIEWS)
        self.connection: Connection = connect(database_url, "test")
        self.redis = redis.Redis.from_url(redis_url)
        self.performer = Performer(self.settings)
        self.clock = Clock(self.settings)
        self.loop.run(self.clock.__aenter__())
        self.numbers = itertools.count(1)
        self._stopping = threading.Event()
        ready = threading.Event()
        self._projector = threading.Thread(
            target=projector.run,
            args=(database_url, log, projections.VIEWS),
            kwargs={"ready": ready.set, "stop": self._stopping.is_set},
            name="projector",
            daemon=True,
        )
        self._projector.start()
        assert ready.wait(PATIENCE), "the projector did not start"
        horizon = self.process.runtime.horizon  # which began before the views were there
        until(lambda: self.loop.run(horizon.reached(0, PATIENCE)) == 0.0, "the views are not live")

    def forget(self) -> None:
        """What earlier tests left: counted calls, and reactions to what they did."""
        self.redis.flushdb()
        self.connection.execute("delete from jobs")
        self.connection.execute(
            "update checkpoints set position = (select coalesce(max(position), 0) from events) where follower = 'feed'"
        )

    def close(self) -> None:
        self._stopping.set()
        self.loop.run(self.performer.close())
        self.loop.run(self.clock.__aexit__())
        self.process.close()
        self._projector.join()
        self.connection.close()
        self.redis.close()
        self.loop.stop()


def redis_address(number: int) -> str:
    """A numbered database of the session's Redis."""
    return f"{os.environ['TEST_REDIS_URL'].split('?')[0]}?db={number}"


@pytest.fixture(scope="session")
def house(database_template: str, redis_numbers: list[int]) -> Iterator[House]:
    """The running backend of this worker."""
    number = redis_numbers.pop()
    name = f"bitacora_house_{uuid.uuid4().hex[:16]}"
    servers.create_database(name, database_template)
    built = House(servers.address(name), redis_address(number))
    yield built
    built.close()
    servers.drop_database(name)
