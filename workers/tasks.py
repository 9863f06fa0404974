"""What `dramatiq workers.tasks` loads: the broker and the one actor."""

from __future__ import annotations

import dramatiq
from dramatiq.middleware import Middleware

from logs import configure
from settings import load
from workers import broker
from workers.perform import Performer

settings = load()
configure(settings.log_level)
connected = broker.connect(settings)
performer = Performer(settings)


class Ready(Middleware):
    """Tells whoever started this process that it takes jobs now."""

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        settings.announce_ready()


connected.add_middleware(Ready())


@dramatiq.actor(queue_name=broker.QUEUE, actor_name="perform")
async def perform(reaction: str, position: int) -> None:
    """Do one job."""
    await performer.perform(reaction, position)
