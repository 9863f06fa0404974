"""The smallest set of jobs that Dramatiq can work on with several processes."""

from __future__ import annotations

import os
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


class SayReady(dramatiq.Middleware):
    """Touch the ready file as the worker of the system does."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        Path(os.environ["BITACORA_READY_FILE"]).touch()


dramatiq.get_broker().add_middleware(SayReady())


@dramatiq.actor
def nothing() -> None:
    """A job."""
