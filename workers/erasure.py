"""When a person is erased, the key that seals their data is destroyed and their sign-ins end, whatever became of the
request that asked for it."""

from __future__ import annotations

from collections.abc import Iterable

from domain import draft, support_request
from domain.contact import ContactDeleted
from domain.customer import CustomerErased
from domain.shopper import ShopperErased
from domain.user import UserErased
from eventstore.mapper import Recorded
from settings import Settings
from workers.reaction import Forget

EVENTS = (ContactDeleted, CustomerErased, UserErased, ShopperErased)


def react(recorded: Recorded, settings: Settings) -> Iterable[Forget]:
    yield Forget(recorded.stream)
    if isinstance(recorded.event, ShopperErased):  # what a shopper wrote is on streams of its own
        organization, shopper = recorded.meta.organization, recorded.event.shopper
        yield from (Forget(draft.stream(organization, shopper, kind)) for kind in draft.KINDS)
        yield Forget(support_request.stream(organization, shopper))
