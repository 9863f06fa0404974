"""Answers that a browser may keep and asks about again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.pazz.conftest import NOW, Broker
from tests.support.http import ORIGIN

GETS = [
    "user/profile",
    "goals/current",
    "goals/history",
    "promotions/active",
    "clients/attention-required",
    "commissions/summary",
    "auth/me",
]


@pytest.mark.parametrize("path", GETS)
def test_what_did_not_change_is_not_sent_again(broker: Broker, path: str) -> None:
    path = f"/pazz/api/v1/{path}"
    first = broker.pazz.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in first.headers["vary"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = broker.pazz.get(path, headers={"if-none-match": held})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), held
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert "content-type" not in again.headers
    assert broker.pazz.get(path, headers={"if-none-match": '"other"'}).body == first.body


def test_a_change_gives_another_tag_at_once(broker: Broker) -> None:
    path = "/pazz/api/v1/goals/current"
    tag = broker.pazz.get(path).headers["etag"]
    broker.pazz.post("/pazz/api/v1/goals", json={"amount": 31_000, "month": "octubre", "year": 2025})
    changed = broker.pazz.get(path, headers={"if-none-match": tag})
    assert changed.status == 200
    assert changed.json["data"]["amount"] == 31_000


def test_time_alone_gives_another_tag(broker: Broker) -> None:
    broker.file()
    path = "/pazz/api/v1/clients/attention-required"
    tag = broker.pazz.get(path).headers["etag"]
    broker.time_is(NOW + timedelta(hours=48))
    assert broker.pazz.get(path, headers={"if-none-match": tag}).status == 304
    broker.time_is(NOW + timedelta(hours=48, seconds=1))
    assert broker.pazz.get(path, headers={"if-none-match": tag}).status == 200


def test_another_partner_has_another_answer(broker: Broker) -> None:
    path = "/pazz/api/v1/user/profile"
    tag = broker.pazz.get(path).headers["etag"]
    bea = broker.world.signed_in(broker.world.user("partner"))
    assert bea.get(path, headers={"if-none-match": tag}).status == 200


def test_what_went_wrong_or_changed_something_is_not_kept(broker: Broker) -> None:
    for answer in (
        broker.world.visitor().get("/pazz/api/v1/goals/current"),
        broker.pazz.get("/pazz/api/v1/goals/history?limit=0"),
        broker.pazz.get("/pazz/api/v1/clients/nobody"),
        broker.pazz.post("/pazz/api/v1/goals", json={"amount": 31_000, "month": "octubre", "year": 2025}),
    ):
        assert answer.headers["cache-control"] == "no-store", answer
        assert "etag" not in answer.headers


def test_a_page_of_another_origin_may_read_the_tag_and_ask_with_it(broker: Broker) -> None:
    answer = broker.pazz.get("/pazz/api/v1/goals/current", headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "etag" in answer.headers["access-control-expose-headers"].lower()
    held = {"origin": ORIGIN, "if-none-match": answer.headers["etag"]}
    again = broker.pazz.get("/pazz/api/v1/goals/current", headers=held)
    assert (again.status, again.headers["access-control-allow-origin"]) == (304, ORIGIN)
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "If-None-Match",
    }
    assert broker.world.visitor().send("OPTIONS", "/pazz/api/v1/goals/current", headers=asked).status == 204


def test_head_says_the_same_without_a_body(broker: Broker) -> None:
    path = "/pazz/api/v1/goals/current"
    got, head = broker.pazz.get(path), broker.pazz.send("HEAD", path)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", got.headers["etag"])
    assert broker.pazz.send("HEAD", path, headers={"if-none-match": got.headers["etag"]}).status == 304
