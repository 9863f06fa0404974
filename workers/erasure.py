"""When a person is erased, the key that seals their data is destroyed and their sign-ins end, whatever became of the
request that asked for it."""

from __future__ import annotations

from collections.abc import Iterable

from domain.customer import CustomerErased
from domain.user import UserErased
from eventstore.mapper import Recorded
from settings import Settings
from workers.reaction import Forget

EVENTS = (CustomerErased, UserErased)


def react(recorded: Recorded, settings: Settings) -> Iterable[Forget]:
    yield Forget(recorded.stream)
