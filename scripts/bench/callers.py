"""Callers with their tokens, and what each of them asks: so many that nobody reaches a rate limit, and not more than
this product keeps the tokens of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from api.access import Tokens
from api.context import Caller
from api.pazz.contract import MONTHS
from scripts.bench.filling import carts, files, goals, messages
from scripts.bench.http import Following, request

MOST = 2_000
"""Of each sort, evenly chosen from all there are."""
ORGANIZATION = "acme"
TIME_ZONE = ZoneInfo("America/Mexico_City")
TOKEN_SECONDS = 6 * 3600

GOAL, DRAFT, CART = "goal", "draft", "cart"
SEE_GOAL, SEE_CLIENTS, SEE_MESSAGES = "see goal", "see clients", "see messages"
COMMANDS, READINGS = (GOAL, DRAFT, CART), (SEE_GOAL, SEE_CLIENTS, SEE_MESSAGES)

GOALS = "/pazz/api/v1/goals"
CURRENT = "/pazz/api/v1/goals/current"
CLIENTS = "/pazz/api/v1/clients/attention-required"
MESSAGES = "/scheduler/api/messages"
CART_OF = "/tienda/clientes/{}/carrito"


class Callers:
    """Everybody who takes part where so many rows are."""

    def __init__(self, secret: str, rows: int) -> None:
        self._tokens = Tokens(secret, TOKEN_SECONDS)
        self._count = itertools.count()
        self._asked: dict[str, Callable[[], Following]] = {
            GOAL: lambda: self._in_turn(self._all("partner", goals.partners(rows)), self._set_goal),
            DRAFT: lambda: self._in_turn(self._all("agent", messages.owners(rows)), self._write),
            CART: lambda: self._in_turn(self._all("shopper", carts.shoppers(rows)), self._save),
            SEE_GOAL: lambda: self._see(CURRENT, self._all("partner", goals.partners(rows))),
            SEE_CLIENTS: lambda: self._see(CLIENTS, self._all("partner", files.partners(rows))),
            SEE_MESSAGES: lambda: self._see(MESSAGES, self._all("agent", messages.owners(rows))),
        }
        self._known: dict[str, Following] = {}

    def following(self, asked: str) -> Following:
        """The next request of this sort, by another caller than the one before."""
        if asked not in self._known:
            self._known[asked] = self._asked[asked]()
        return self._known[asked]

    def _all(self, role: str, everybody: Sequence[str]) -> list[tuple[str, str]]:
        return [(name, token(self._tokens, name, role)) for name in everybody[:: max(1, len(everybody) // MOST)][:MOST]]

    def _in_turn(self, callers: list[tuple[str, str]], ask: Callable[[str, str], bytes]) -> Following:
        turns = itertools.cycle(callers)
        return lambda: ask(*next(turns))

    def _see(self, path: str, callers: list[tuple[str, str]]) -> Following:
        return itertools.cycle([request("GET", path, token) for _, token in callers]).__next__

    def _set_goal(self, _: str, token: str) -> bytes:
        return set_goal(token, 1_000 + next(self._count) % 900_000)

    def _write(self, owner: str, token: str) -> bytes:
        number = next(self._count)
        content = (
            "Hola, ya llegaron las unidades que nos pediste y mantenemos el precio hasta el viernes. ¿Te aparto una "
            f"para que la veas con calma el fin de semana? Pregunta por el folio {number} cuando llegues."
        )
        moment = datetime.now(UTC) + timedelta(days=1 + number % 300)
        body = {
            "content": content,
            "scheduled_for": moment.isoformat(timespec="seconds"),
            "timezone": "America/Mexico_City",
            "groups": messages.groups(owner),
        }
        return request("POST", MESSAGES, token, json.dumps(body, ensure_ascii=False).encode())

    def _save(self, shopper: str, token: str) -> bytes:
        """The cart with another quantity than the last time."""
        quantity = 1 + next(self._count) % 9_973
        items = [
            {"itemId": shown["_id"], "item": shown, "cantidad": place + quantity}
            for place, shown in enumerate(carts.snapshots(shopper))
        ]
        body = json.dumps({"items": items}, ensure_ascii=False).encode()
        return request("PUT", CART_OF.format(shopper), token, body)


def token(tokens: Tokens, name: str, role: str) -> str:
    """The access token of somebody."""
    account = f"{'shopper' if role == 'shopper' else 'user'}-{ORGANIZATION}-{name}"
    return tokens.issue(Caller(id=name, organization=ORGANIZATION, role=role, account=account, sign_in=f"sig_{name}"))


def set_goal(token: str, amount: int) -> bytes:
    """The request to set this month's goal, in pesos."""
    today = datetime.now(UTC).astimezone(TIME_ZONE)
    body = json.dumps({"amount": amount, "month": MONTHS[today.month - 1], "year": today.year}, ensure_ascii=False)
    return request("POST", GOALS, token, body.encode())
