"""An organisation with a partner and the staff who make things happen for her."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.business import made
from tests.support.http import Answer, Client, User, World

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
"""Half past twelve in Mexico City, on the day that the document's samples speak of."""
CAR = {"vehicle_make": "BMW", "vehicle_model": "Serie 4", "vehicle_year": 2025}


@dataclass
class Broker:
    """What a test makes for its partner goes through the office, as staff would do it."""

    world: World
    ana: User
    office: Client
    pazz: Client

    def get(self, path: str, **more: Any) -> Any:
        """What the partner is shown."""
        answer = self.pazz.get(f"/pazz/api/v1/{path}", **more)
        assert answer.status == 200, answer
        assert answer.json["success"] is True
        return answer.json["data"]

    def time_is(self, moment: datetime) -> None:
        self.world.time_is(moment)

    def later(self, **passed: float) -> datetime:
        """Let time pass."""
        self.world.time_is(self.world.now + timedelta(**passed))
        return self.world.now

    def customer(self, name: str = "Pedro Juan Gutiérrez González", partner: User | None = None, **more: Any) -> str:
        """A client of the partner."""
        body = {"name": name, "assigned_to": (partner or self.ana).id, **more}
        return made(self.office, "/office/customers", body)

    def file(self, customer: str | None = None, *, partner: User | None = None, **more: Any) -> str:
        """A financing file of a client."""
        whose = partner or self.ana
        body = {"customer": customer or self.customer(partner=partner), "partner": whose.id, "title": "BMW"}
        return made(self.office, "/office/deals", {**body, "value": 400_000, **CAR, **more})

    def tell(self, file: str, what: str, **body: Any) -> Answer:
        """Something happens with a file."""
        answer = self.office.post(f"/office/deals/{file}/{what}", json=body)
        assert answer.status == 200, answer
        return answer

    def commission(self, file: str | None = None, **more: Any) -> str:
        """A commission on a file; the reactions to it happened."""
        found = made(self.office, "/office/commissions", {"deal": file or self.file(), "rate": 2, **more})
        self.world.react()
        return found

    def settle(self, commission: str, what: str) -> None:
        """It is earned, paid or cancelled."""
        assert self.office.post(f"/office/commissions/{commission}/{what}").status == 200
        self.world.react()

    def promotion(self, begins: timedelta = timedelta(), lasts: timedelta = timedelta(days=10), **more: Any) -> str:
        """A promotion that begins so long from now."""
        return made(self.office, "/office/promotions", offer(self.world.now + begins, lasts, **more))

    def attention(self, **query: Any) -> Any:
        """The partner's clients who need attention."""
        return self.get("clients/attention-required", params=query)


def offer(begins: datetime, lasts: timedelta, **more: Any) -> dict[str, Any]:
    """A promotion as the office prepares it."""
    return {
        "title": "BMW Serie 4",
        "subtitle": "Gran Coupé 2025",
        "image_url": "https://cdn.pazz.com/promotions/bmw-serie4.jpg",
        "bonus_amount": 100_000,
        "original_price": 1_245_000,
        "final_price": 1_145_000,
        "valid_from": begins.isoformat(),
        "valid_to": (begins + lasts).isoformat(),
        **more,
    }


@pytest.fixture
def broker(world: World) -> Broker:
    """It is October 2025, and nothing has happened yet."""
    world.time_is(NOW)
    ana = world.user("partner", name="Ana López", region="centro")
    return Broker(world, ana, world.signed_in(world.user("manager")), world.signed_in(ana))
