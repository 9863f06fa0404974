"""One recipient's copy: claimed by one, never sent twice, never lost from sight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import delivery
from domain.delivery import (
    ClaimDelivery,
    ConfirmDelivery,
    DeliveryClaimed,
    DeliveryConfirmed,
    DeliveryDoubled,
    DeliveryDoubted,
    DeliveryFailed,
    DeliveryHandedOver,
    DeliveryReleased,
    DoubtDelivery,
    FailDelivery,
    HandOverDelivery,
    RejectDelivery,
    ReleaseDelivery,
    SettleDelivery,
)
from domain.model import Conflict, NotFound
from tests.support.spec import Given, given

NOW = datetime(2025, 1, 27, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ABOUT: dict[str, Any] = {"message": "m1", "recipient": "ana"}


def claim(name: str = "c1", run: int = 1, worker: str = "w1") -> ClaimDelivery:
    return ClaimDelivery(**ABOUT, claim=name, worker=worker, run=run, revision=1, phone_digest="d", now=NOW)


def claimed(name: str = "c1", attempt: int = 1, run: int = 1, worker: str = "w1") -> DeliveryClaimed:
    return DeliveryClaimed(
        **ABOUT, claim=name, worker=worker, attempt=attempt, run=run, revision=1, phone_digest="d", at=NOW
    )


def handed(provider_id: str = "P1", settled: bool = False) -> DeliveryHandedOver:
    return DeliveryHandedOver(**ABOUT, provider_id=provider_id, settled=settled, at=NOW)


def hand_over(provider_id: str = "P1") -> HandOverDelivery:
    return HandOverDelivery(**ABOUT, provider_id=provider_id, now=NOW)


def settle(provider_id: str | None, name: str = "c1", tries: int = 3) -> SettleDelivery:
    return SettleDelivery(**ABOUT, claim=name, provider_id=provider_id, tries=tries, now=NOW)


def doubted(doubt: Any = "timed_out") -> DeliveryDoubted:
    return DeliveryDoubted(**ABOUT, doubt=doubt, at=NOW)


def released(reason: str = "not found") -> DeliveryReleased:
    return DeliveryReleased(**ABOUT, reason=reason, at=NOW)


def failed(reason: str = "REJECTED", run: int = 1, was_sent: bool = False) -> DeliveryFailed:
    return DeliveryFailed(**ABOUT, reason=reason, run=run, was_sent=was_sent, at=NOW)


def fresh(*events: Any) -> Given:
    return given(delivery.DECIDER, *events)


def test_one_claims_and_the_other_is_refused() -> None:
    fresh().when(claim()).then(claimed())
    fresh(claimed()).when(claim("c2", worker="w2")).refuses(Conflict, "DELIVERY_TAKEN", recipient="ana")


def test_a_claim_that_may_have_been_stored_can_be_asked_for_again() -> None:
    fresh(claimed()).when(claim()).then_nothing()


def test_what_was_sent_is_never_claimed_again() -> None:
    for ended in ([handed()], [handed(), DeliveryConfirmed(**ABOUT, level="read", at=NOW)]):
        fresh(claimed(), *ended).when(claim("c2")).refuses(Conflict, "DELIVERY_ENDED")
        fresh(claimed(), *ended).when(claim("c2", run=2)).refuses(Conflict, "DELIVERY_ENDED")


def test_a_copy_in_doubt_cannot_be_claimed() -> None:
    fresh(claimed(), doubted()).when(claim("c2")).refuses(Conflict, "DELIVERY_TAKEN")


def test_a_failed_copy_is_claimed_in_the_next_run_only() -> None:
    fresh(claimed(), failed()).when(claim("c2")).refuses(Conflict, "DELIVERY_ENDED")
    fresh(claimed(), failed()).when(claim("c2", run=2)).then(claimed("c2", attempt=2, run=2))


def test_a_call_that_never_left_gives_the_claim_back() -> None:
    release = ReleaseDelivery(**ABOUT, claim="c1", reason="away", now=NOW)
    fresh(claimed()).when(release).then(released("away"))
    fresh(claimed(), released("away")).when(claim("c2")).then(claimed("c2", attempt=2))
    fresh(claimed(), released(), claimed("c2", attempt=2)).when(release).then_nothing()


def test_a_doubt_is_settled_by_what_the_provider_has() -> None:
    fresh(claimed(), doubted()).when(settle("P1")).then(handed(settled=True))


def test_a_copy_that_the_provider_does_not_have_is_released() -> None:
    fresh(claimed(), doubted()).when(settle(None)).then(released())
    fresh(claimed(), doubted(), released()).when(claim("c2")).then(claimed("c2", attempt=2))


def test_a_claim_is_not_released_while_its_worker_may_still_call() -> None:
    fresh(claimed()).when(settle(None)).refuses(Conflict, "DELIVERY_TAKEN")


def test_a_stale_answer_about_an_earlier_claim_changes_nothing() -> None:
    again = fresh(claimed(), doubted(), released(), claimed("c2", attempt=2))
    again.when(settle(None, "c1")).then_nothing()
    again.when(DoubtDelivery(**ABOUT, claim="c1", doubt="timed_out", now=NOW)).then_nothing()


def test_a_copy_that_the_gateway_does_not_take_fails_in_the_end_but_not_for_interruptions() -> None:
    missed = [claimed(), doubted("gateway_error"), released()]
    fresh(*missed, claimed("c2", 2), doubted("timed_out")).when(settle(None, "c2", tries=2)).then(
        failed("NOT_ACCEPTED")
    )
    died = [claimed(), doubted("interrupted"), released()] * 5
    fresh(*died, claimed("c2", 2), doubted("interrupted")).when(settle(None, "c2", tries=2)).then(released())


@pytest.mark.parametrize(
    "before",
    [
        [claimed(), doubted()],
        [claimed(), doubted(), released()],
        [claimed(), doubted(), released(), claimed("c2", attempt=2)],
        [claimed(), failed("OUTCOME_UNKNOWN")],
    ],
    ids=["in doubt", "released", "claimed by another", "given up"],
)
def test_a_late_word_that_it_was_sent_is_believed(before: list[Any]) -> None:
    fresh(*before).when(hand_over()).then(handed())


def test_a_second_copy_is_said_aloud() -> None:
    fresh(claimed(), handed("P1")).when(hand_over("P2")).then(DeliveryDoubled(**ABOUT, provider_id="P2", at=NOW))
    fresh(claimed(), handed("P1")).when(hand_over("P1")).then_nothing()


def test_another_run_has_a_message_of_its_own() -> None:
    rejected = [claimed(), handed("P1"), failed("REJECTED", was_sent=True)]
    fresh(*rejected, claimed("c2", 2, run=2)).when(hand_over("P2")).then(handed("P2"))


def test_what_nobody_claimed_cannot_be_handed_over() -> None:
    fresh().when(hand_over()).refuses(NotFound, "NOT_CLAIMED")


def confirm(level: Any, provider_id: str = "P1") -> ConfirmDelivery:
    return ConfirmDelivery(**ABOUT, provider_id=provider_id, level=level, now=NOW)


def test_confirmations_may_come_twice_and_in_any_order() -> None:
    sent = fresh(claimed(), handed())
    sent.when(confirm("delivered")).then(DeliveryConfirmed(**ABOUT, level="delivered", at=NOW))
    sent.when(confirm("read")).then(DeliveryConfirmed(**ABOUT, level="read", at=NOW))
    sent.after(confirm("read")).when(confirm("delivered")).then_nothing()
    sent.when(confirm("read", "P9")).then_nothing()
    fresh(claimed()).when(confirm("read")).refuses(Conflict, "NOT_HANDED_OVER")


def test_the_provider_can_reject_what_it_took_until_it_arrived() -> None:
    reject = RejectDelivery(**ABOUT, provider_id="P1", reason="REJECTED 131026", now=NOW)
    sent = fresh(claimed(), handed())
    sent.when(reject).then(failed("REJECTED 131026", was_sent=True))
    sent.after(confirm("delivered")).when(reject).then_nothing()


def test_an_unclaimed_copy_can_fail_and_one_that_another_holds_cannot() -> None:
    fail = FailDelivery(**ABOUT, claim=None, reason="NOT_ON_WHATSAPP", run=1, now=NOW)
    fresh().when(fail).then(failed("NOT_ON_WHATSAPP"))
    fresh(claimed()).when(fail).refuses(Conflict, "DELIVERY_TAKEN")
    fresh(claimed(), handed()).when(fail).refuses(Conflict, "DELIVERY_ENDED")


def test_a_reason_is_one_plain_short_line() -> None:
    fail = FailDelivery(**ABOUT, claim=None, reason="a\n\x00b\ud800" + "x" * 500, run=1, now=NOW)
    (event,) = delivery.decide(delivery.State(), fail)
    assert isinstance(event, DeliveryFailed)
    assert event.reason.startswith("a  b x")
    assert len(event.reason) == delivery.MAX_REASON


def test_streams_of_two_organisations_never_meet() -> None:
    assert delivery.stream("acme", "m1", "ana") == "delivery-acme-m1-ana"
