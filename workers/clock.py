"""The clock: looks every second at what is due. What is due by time is a row with an index on its time, never a timer,
so a restart forgets nothing and several clocks share the work."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import psycopg

from eventstore import jobs
from eventstore.connect import connect
from settings import Settings
from workers import broker, feed

logger = logging.getLogger(__name__)

TICK = 1.0


def run(settings: Settings, *, ready: Callable[[], None], stop: Callable[[], bool]) -> None:
    """Look at what is due until `stop`."""
    connected = broker.connect(settings)
    while not stop():
        try:
            with connect(settings.database_url, "clock") as connection:
                ready()
                while not stop():
                    feed.nudge_all(connected, jobs.claim_due(connection))
                    _wait(stop)
        except psycopg.OperationalError as error:
            logger.warning("database away (%s), trying again", str(error).strip())
            _wait(stop)


def _wait(stop: Callable[[], bool]) -> None:
    until = time.monotonic() + TICK
    while not stop() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
