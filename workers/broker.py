"""Dramatiq over Redis. A message carries only which job to look at, and is worth nothing without the job's row."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, AsyncIO, Callbacks, ShutdownNotifications

from settings import Settings

QUEUE = "jobs"
HEARTBEAT = 15_000
"""Milliseconds after which a dead worker's messages go to another one. Jobs are nudged again in any case."""


def connect(settings: Settings) -> RedisBroker:
    """The broker, also made Dramatiq's global one. No retries by Dramatiq: a job's row says when it is due again."""
    broker = RedisBroker(
        url=settings.redis_url,
        middleware=[AgeLimit(), ShutdownNotifications(), Callbacks(), AsyncIO()],
        heartbeat_timeout=HEARTBEAT,
        maintenance_chance=50_000,
        socket_timeout=5,
    )
    dramatiq.set_broker(broker)
    return broker


def nudge(broker: dramatiq.Broker, reaction: str, position: int) -> None:
    """Ask a worker to look at a job."""
    message = dramatiq.Message(
        queue_name=QUEUE,
        actor_name="perform",
        args=(reaction, position),
        kwargs={},
        options={},
        message_id=f"{reaction}/{position}",
    )
    broker.enqueue(message)
