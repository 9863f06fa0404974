"""Feed, clock and a real worker process together: killed, and with Redis emptied, they do everything once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from eventstore.connect import connect
from settings import Settings
from tests.support.http import PATIENCE, until
from tests.support.store import ROOT, a_log, entries, happened, some_settings
from tests.workers.happenings import GOAL, LEVEL, earned, stream
from workers import clock, feed

AMOUNT = 40


@contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """A feed and a clock."""
    stopping = threading.Event()
    ready = [threading.Event(), threading.Event()]
    threads = [
        threading.Thread(
            target=feed.run,
            args=(settings, a_log()),
            kwargs={"ready": ready[0].set, "stop": stopping.is_set},
            daemon=True,
        ),
        threading.Thread(
            target=clock.run, args=(settings,), kwargs={"ready": ready[1].set, "stop": stopping.is_set}, daemon=True
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        assert all(one.wait(PATIENCE) for one in ready)
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)


@contextmanager
def working(settings: Settings, ready: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, ready; killed at the end, and at once when the test does so before."""
    ready.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BITACORA_SECRET": settings.secret,
        "BITACORA_MASTER_KEY": settings.master_key,
        "BITACORA_READY_FILE": str(ready),
        "BITACORA_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "scripts.cli", "worker", "--processes", "1", "--threads", "4"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as process:
        try:
            until(ready.exists, "the worker did not start", 60)
            yield process
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """At once, with everything that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def effects(database_url: str) -> Counter[tuple[str, str]]:
    return Counter((entry[1], entry[3]) for entry in entries(database_url))


def test_killed_workers_and_an_emptied_redis_lose_no_job_and_double_none(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = some_settings(database_url, redis_url)
    with beside(settings), connect(database_url, "test") as connection, redis.Redis.from_url(redis_url) as emptied:
        with working(settings, tmp_path / "ready") as worker:
            happened(database_url, stream(), *(earned(number) for number in range(AMOUNT)))
            until(lambda: effects(database_url)[GOAL, "CommissionCounted"] > 3)
            kill(worker)
            emptied.flushdb()
        with working(settings, tmp_path / "ready"):
            connection.execute("update jobs set next_at = now()")  # five seconds later
            until(lambda: connection.execute("select 1 from jobs").fetchone() is None, seconds=40)
    found = effects(database_url)
    assert found[GOAL, "CommissionCounted"] == found[LEVEL, "SaleAccumulated"] == AMOUNT
