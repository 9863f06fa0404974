"""Pazz partners with their tokens, and what they send: so many of them that nobody reaches the rate limit."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from api.access import Tokens
from api.context import Caller
from api.pazz.contract import MONTHS
from scripts.bench.http import request

ORGANIZATION = "acme"
GOALS = "/pazz/api/v1/goals"
CURRENT = "/pazz/api/v1/goals/current"
TIME_ZONE = ZoneInfo("America/Mexico_City")
TOKEN_SECONDS = 6 * 3600


class Partners:
    """Partners `first` to `first + count - 1`."""

    def __init__(self, secret: str, count: int, first: int = 0) -> None:
        tokens = Tokens(secret, TOKEN_SECONDS)
        self.tokens = [tokens.issue(partner(number)) for number in range(first, first + count)]
        self._turns = itertools.cycle(self.tokens)
        self._amounts = itertools.count()
        self._reads = {token: request("GET", CURRENT, token) for token in self.tokens}

    def next_goal(self) -> bytes:
        """Another partner's request to set this month's goal to another amount."""
        return set_goal(next(self._turns), self.next_amount())

    def next_reading(self) -> bytes:
        """Another partner's request to see this month's goal."""
        return self._reads[next(self._turns)]

    def next_amount(self) -> int:
        """An amount in pesos that was not asked for lately."""
        return 1_000 + next(self._amounts) % 900_000


def partner(number: int) -> Caller:
    """The partner with this number."""
    name = f"usr_{number:05}"
    return Caller(id=name, organization=ORGANIZATION, role="partner", account=f"user-{name}", sign_in=f"sig_{number}")


def set_goal(token: str, amount: int) -> bytes:
    """The request to set this month's goal."""
    today = datetime.now(UTC).astimezone(TIME_ZONE)
    body = json.dumps({"amount": amount, "month": MONTHS[today.month - 1], "year": today.year}, ensure_ascii=False)
    return request("POST", GOALS, token, body.encode())
