"""What is due by time is done once, by however many clocks, and made up for after a pause."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from domain.deal import DealNeededAttention
from domain.promotion import PromotionStarted
from tests.api.pazz.conftest import NOW, Broker, broker
from workers.clock import Clock

__all__ = ["broker"]

DAY = timedelta(days=1)


def noted(broker: Broker, kind: type) -> list[str]:
    """The streams on which this happened in the test's organisation, in order."""
    own = broker.ana.organization
    found = broker.world.events()
    return [recorded.stream for recorded in found if recorded.meta.organization == own and type(recorded.event) is kind]


def test_several_clocks_at_once_do_everything_once(broker: Broker) -> None:
    for _ in range(10):
        broker.file()
        broker.promotion()
    broker.later(days=3)

    async def together() -> None:
        async with Clock(broker.world.settings) as one, Clock(broker.world.settings) as other:
            await asyncio.gather(*(clock.strike(broker.world.now) for clock in (one, other, one, other)))

    broker.world.loop.run(together())
    broker.world.settle()
    for kind in (DealNeededAttention, PromotionStarted):
        streams = noted(broker, kind)
        assert len(streams) == len(set(streams)) == 10, kind


def test_a_clock_that_was_away_makes_up_for_what_is_still_so(broker: Broker) -> None:
    broker.file()
    current, over = broker.promotion(DAY, 20 * DAY), broker.promotion(DAY, DAY)
    broker.time_is(NOW + 10 * DAY)
    broker.world.strike()
    assert len(noted(broker, DealNeededAttention)) == 1
    assert [stream.rpartition("-")[2] for stream in noted(broker, PromotionStarted)] == [current] != [over]


def test_what_was_noted_says_when_the_limit_was_reached_and_when_it_was_seen(broker: Broker) -> None:
    broker.file()
    broker.later(days=5)
    broker.world.strike()
    (event,) = [
        recorded.event for recorded in broker.world.events()
        if isinstance(recorded.event, DealNeededAttention) and recorded.meta.organization == broker.ana.organization
    ]  # fmt: skip
    assert (event.since, event.at, event.reason) == (NOW + 2 * DAY, NOW + 5 * DAY, "prequalification_unfinished")


def test_nobody_is_named_as_the_one_who_did_it_but_the_clock(broker: Broker) -> None:
    broker.promotion()
    broker.world.strike()
    (meta,) = [
        recorded.meta for recorded in broker.world.events()
        if isinstance(recorded.event, PromotionStarted) and recorded.meta.organization == broker.ana.organization
    ]  # fmt: skip
    assert (meta.by, meta.frontend) == ("clock:promotion_start", None)


def test_a_view_that_lags_leads_to_no_second_event(broker: Broker) -> None:
    broker.file()
    broker.later(days=3)
    strikes = broker.world.house.clock

    async def twice_before_the_views_know() -> list[int]:
        return [await strikes.strike(broker.world.now) for _ in range(3)]

    counts = broker.world.loop.run(twice_before_the_views_know())
    broker.world.settle()
    assert counts[1:] == [0, 0]
    assert len(noted(broker, DealNeededAttention)) == 1
