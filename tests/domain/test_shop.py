"""What else the shop is made of: products, drafts, preferences, support requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import draft, preferences, product, support_request
from domain.draft import DiscardDraft, DraftDiscarded, DraftSaved, SaveDraft
from domain.model import Conflict, Invalid, NotFound
from domain.preferences import ChangePreferences, PreferencesChanged
from domain.product import (
    AddProduct,
    ChangeProduct,
    ProductAdded,
    ProductChanged,
    ProductRemoved,
    ProductRestored,
    RemoveProduct,
    RestoreProduct,
)
from domain.support_request import (
    MoveSupportRequest,
    SubmitSupportRequest,
    SupportRequestMoved,
    SupportRequestSubmitted,
)
from tests.support.spec import given

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)


# --- products


def added(**other: Any) -> ProductAdded:
    return ProductAdded(**{"product": "p", "code": "P-1", "name": "Puerta", "price": 250_50, "at": NOW, **other})


def test_a_product_is_added_once() -> None:
    asked = AddProduct(product="p", code=" P-1 ", name="Puerta", price=250_50, description=" ", now=NOW)
    given(product.DECIDER).when(asked).then(added())
    given(product.DECIDER, added(), ProductRemoved(product="p", at=NOW)).when(asked).refuses(
        Conflict, "PRODUCT_ALREADY_EXISTS"
    )


def test_a_product_is_changed_in_what_is_mentioned() -> None:
    before = given(product.DECIDER, added(description="Maciza"))
    asked = ChangeProduct(product="p", price=1, name="Puerta", description=None, now=NOW)
    before.when(asked).then(ProductChanged(product="p", price=1, description=None, at=NOW))
    before.when(ChangeProduct(product="p", known_code="old", code="P-2", now=NOW)).refuses(Conflict, "PRODUCT_CHANGED")
    before.when(ChangeProduct(product="p", known_code="P-1", code="P-2", now=NOW)).then(
        ProductChanged(product="p", code="P-2", at=NOW)
    )


def test_a_product_goes_and_comes_back() -> None:
    gone = ProductRemoved(product="p", at=NOW)
    remove = RemoveProduct(product="p", known_code="P-1", now=NOW)
    restore = RestoreProduct(product="p", known_code="P-1", now=NOW)
    given(product.DECIDER, added()).when(remove).then(gone)
    given(product.DECIDER, added(), gone).when(remove).then_nothing()
    given(product.DECIDER, added(), gone).when(restore).then(ProductRestored(product="p", at=NOW))
    given(product.DECIDER, added()).when(restore).then_nothing()
    given(product.DECIDER, added(), gone).when(ChangeProduct(product="p", price=1, now=NOW)).refuses(
        NotFound, "PRODUCT_NOT_FOUND"
    )
    given(product.DECIDER, added(code="P-2")).when(remove).refuses(Conflict, "PRODUCT_CHANGED")
    given(product.DECIDER).when(remove).refuses(NotFound, "PRODUCT_NOT_FOUND")


# --- drafts


def test_a_draft_keeps_what_a_save_does_not_mention() -> None:
    begun = DraftSaved(shopper="a", kind="complaint", title="La puerta ", at=NOW)
    given(draft.DECIDER).when(SaveDraft(shopper="a", kind="complaint", title="La puerta ", now=NOW)).then(begun)
    given(draft.DECIDER, begun).when(SaveDraft(shopper="a", kind="complaint", text="x", now=NOW)).then(
        DraftSaved(shopper="a", kind="complaint", text="x", at=NOW)
    )
    given(draft.DECIDER, begun).when(SaveDraft(shopper="a", kind="complaint", now=NOW)).then_nothing()


def test_a_discarded_draft_is_gone() -> None:
    begun = DraftSaved(shopper="a", kind="support", title="Hola", at=NOW)
    discard = DiscardDraft(shopper="a", kind="support", now=NOW)
    gone = DraftDiscarded(shopper="a", kind="support", at=NOW)
    given(draft.DECIDER, begun).when(discard).then(gone)
    given(draft.DECIDER).when(discard).then_nothing()
    given(draft.DECIDER, begun, gone).when(SaveDraft(shopper="a", kind="support", text="x", now=NOW)).then(
        DraftSaved(shopper="a", kind="support", text="x", at=NOW)
    )


@pytest.mark.parametrize("title", ["nu\0lo", "\ud800"])
def test_a_draft_holds_what_can_be_stored(title: str) -> None:
    given(draft.DECIDER).when(SaveDraft(shopper="a", kind="support", title=title, now=NOW)).refuses(
        Invalid, "TEXT_UNPRINTABLE", field="title"
    )


# --- preferences


def test_preferences_tell_only_what_changes() -> None:
    given(preferences.DECIDER).when(ChangePreferences(shopper="a", now=NOW)).then_nothing()
    light = ChangePreferences(shopper="a", screen="home", theme=" light ", now=NOW)
    changed = PreferencesChanged(shopper="a", screen="home", theme="light", at=NOW)
    given(preferences.DECIDER).when(light).then(changed)
    given(preferences.DECIDER, changed).when(light).then_nothing()
    given(preferences.DECIDER, changed).when(
        ChangePreferences(shopper="a", screen="cart", notifications=False, now=NOW)
    ).then(PreferencesChanged(shopper="a", screen="cart", notifications=False, at=NOW))
    given(preferences.DECIDER).when(ChangePreferences(shopper="a", theme="x" * 33, now=NOW)).refuses(
        Invalid, "TEXT_TOO_LONG", field="theme"
    )


# --- support requests


def submit(**other: Any) -> SubmitSupportRequest:
    known = {"request": "r", "shopper": "a", "kind": "complaint", "title": "La puerta", "text": "Rota", "now": NOW}
    return SubmitSupportRequest(**{**known, **other})


def submitted(**other: Any) -> SupportRequestSubmitted:
    known = {"request": "r", "shopper": "a", "kind": "complaint", "title": "La puerta", "text": "Rota", "at": NOW}
    return SupportRequestSubmitted(**{**known, **other})


def test_a_request_is_sent_once() -> None:
    given(support_request.DECIDER).when(submit(order=" ")).then(submitted())
    given(support_request.DECIDER, submitted()).when(submit(now=NOW + timedelta(1))).refuses(
        Conflict, "SUPPORT_REQUEST_ALREADY_EXISTS"
    )
    given(support_request.DECIDER, submitted()).when(submit(request="s")).then(submitted(request="s"))
    given(support_request.DECIDER).when(submit(title=" ")).refuses(Invalid, "TEXT_EMPTY", field="title")
    given(support_request.DECIDER).when(submit(extra="ñ" * 9_000)).refuses(Invalid, "EXTRA_TOO_LARGE", field="extra")


def test_a_request_moves_back_and_forth() -> None:
    take = MoveSupportRequest(request="r", shopper="a", status="in_progress", now=NOW)
    taken = SupportRequestMoved(request="r", shopper="a", status="in_progress", previous="pending", at=NOW)
    given(support_request.DECIDER, submitted()).when(take).then(taken)
    given(support_request.DECIDER, submitted(), taken).when(
        MoveSupportRequest(request="r", shopper="a", status="pending", now=NOW)
    ).then(SupportRequestMoved(request="r", shopper="a", status="pending", previous="in_progress", at=NOW))
    given(support_request.DECIDER).when(take).refuses(NotFound, "SUPPORT_REQUEST_NOT_FOUND")
