"""When a message was sent or failed, or an import of contacts is over, its owner is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from domain import notification
from domain.contact_import import ImportFinished, ImportRefused
from domain.notification import Level
from domain.scheduled_message import MessageFailed, MessageSent
from eventstore.mapper import Recorded
from settings import Settings
from workers.reaction import Run

EVENTS = (MessageSent, MessageFailed, ImportFinished, ImportRefused)


def react(recorded: Recorded, settings: Settings) -> Iterable[Run]:
    match recorded.event:
        case MessageSent() as event:
            kind, level = ("message_partly_sent", "warning") if event.failed else ("message_sent", "success")
            facts = {"sent": event.sent, "failed": event.failed}
            yield _raised(recorded, event.owner, kind, level, ("message", event.message), facts, event.at)
        case MessageFailed() as event:
            facts = {"reason": event.reason, "failed": event.failed}
            yield _raised(recorded, event.owner, "message_failed", "error", ("message", event.message), facts, event.at)
        case ImportFinished() as event:
            facts = {
                "created": event.created,
                "updated": event.updated,
                "skipped": event.skipped,
                "failed": event.failed,
            }
            level = "warning" if event.failed else "success"
            about = ("contact", event.contact_import)
            yield _raised(recorded, event.owner, "import_finished", level, about, facts, event.at)
        case ImportRefused() as event:
            about = ("contact", event.contact_import)
            facts = {"reason": event.reason}
            yield _raised(recorded, event.owner, "import_refused", "error", about, facts, event.at)
        case _:
            pass


def _raised(
    recorded: Recorded,
    user: str,
    kind: str,
    level: Level,
    about: tuple[str, str],
    facts: Mapping[str, str | int],
    now: datetime,
) -> Run:
    new = f"ntf_{recorded.position}"
    asked = notification.RaiseNotification(
        notification=new, user=user, kind=kind, level=level, entity=about[0], entity_id=about[1], facts=facts, now=now
    )
    return Run(notification.DECIDER, notification.stream(recorded.meta.organization, new), asked)
