"""The feed: follows the log, asks each reaction what an event means, and keeps the answer as jobs.

Jobs and the feed's place in the log are stored in one transaction; the nudge through Redis comes after and may be lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import dramatiq
import psycopg
from redis.exceptions import RedisError

from eventstore import jobs
from eventstore.connect import Connection, connect
from eventstore.jobs import Job
from eventstore.log import Log
from eventstore.mapper import Recorded
from settings import Settings
from workers import REACTIONS, broker
from workers.reaction import name

logger = logging.getLogger(__name__)

PAGE = 1_000
BREATH = 0.01
"""Seconds between hearing of an event and reading on: what comes meanwhile goes along, and whoever caused it, and waits
for the views, has the machine."""


def advance(connection: Connection, log: Log, settings: Settings) -> list[Job]:
    """Take what is new in the log; returns the new jobs. Other feeds may run beside this one: one of them wins."""
    new: list[Job] = []
    events = None
    while events is None or len(events) == PAGE:
        before = jobs.position(connection)
        events = log.followed_now(connection, before, before + PAGE)
        found = [job for recorded in events for job in _jobs(recorded, settings)]
        if events and jobs.add(connection, found, before, events[-1].position):
            new += found
    return new


def _jobs(recorded: Recorded, settings: Settings) -> Iterator[Job]:
    for reaction in REACTIONS:
        if recorded.may_be(reaction.EVENTS):
            try:
                reacts = recorded.fault is not None or any(True for _ in reaction.react(recorded, settings))
            except Exception:  # one event must not hold up all that come after it: the job shows what is wrong
                logger.exception("%s cannot answer the event at %s", name(reaction), recorded.position)
                reacts = True
            if reacts:
                yield name(reaction), recorded.position


def nudge_all(connected: dramatiq.Broker, found: list[Job]) -> None:
    """Ask the workers to look; when Redis is away the clock will ask again."""
    try:
        for reaction, position in found:
            broker.nudge(connected, reaction, position)
    except (RedisError, OSError) as error:
        logger.warning("Redis is away (%s): %s jobs wait for the clock", error, len(found))


def run(settings: Settings, log: Log, *, ready: Callable[[], None], stop: Callable[[], bool]) -> None:
    """Follow the log until `stop`."""
    connected = broker.connect(settings)
    while not stop():
        try:
            with (
                connect(settings.database_url, "feed") as connection,
                connect(settings.database_url, "feed ear") as ear,
            ):
                # What a crash takes is found again: the log has it, and the place in it goes back as well.
                connection.execute("set synchronous_commit = off")
                ear.execute("listen log")
                ready()
                while not stop():
                    nudge_all(connected, advance(connection, log, settings))
                    if list(ear.notifies(timeout=1.0, stop_after=1)):  # all that came at once
                        time.sleep(BREATH)
        except psycopg.OperationalError as error:
            logger.warning("database away (%s), trying again", str(error).strip())
            time.sleep(0.5)
