"""An organisation with one of everything, made over HTTP as staff would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.office.promotions import NewPromotion
from tests.support.http import Client, User, World
from tests.support.routes import sample

CAR = {"vehicle_make": "BMW", "vehicle_model": "Serie 4", "vehicle_year": 2026}


@dataclass(frozen=True)
class Business:
    """An organisation, its manager and partner, each with a client, and one of everything that has an id."""

    organization: str
    manager: User
    partner: User
    office: Client
    pazz: Client
    customer: str
    deal: str
    commission: str
    promotion: str
    contact: str
    group: str
    message: str

    @property
    def ids(self) -> dict[str, str]:
        """The ids by the names that paths give them."""
        return {
            "user_id": self.partner.id,
            "customer_id": self.customer,
            "client_id": self.customer,
            "deal_id": self.deal,
            "commission_id": self.commission,
            "promotion_id": self.promotion,
            "contact_id": self.contact,
            "group_id": self.group,
            "message_id": self.message,
        }


def business(world: World, name: str = "acme") -> Business:
    """A new organisation with a partner, a customer, a deal, a commission on it that is not earned yet, a promotion,
    and what the manager wants to send to whom."""
    organization = world.organization(name)
    manager = world.user("manager", organization=organization, name="Marta Ruiz")
    partner = world.user("partner", organization=organization, name="Ana López")
    office = world.signed_in(manager)
    customer = made(office, "/office/customers", {"name": "Pedro Juan", "assigned_to": partner.id})
    deal = made(
        office,
        "/office/deals",
        {"customer": customer, "partner": partner.id, "title": "BMW", "value": 1_245_000, **CAR},
    )
    commission = made(office, "/office/commissions", {"deal": deal, "rate": 2, "amount": 12_800.5})
    promotion = made(office, "/office/promotions", sample(NewPromotion) | {"levels": [], "regions": []})
    group = made(office, "/scheduler/api/groups", {"name": "Clientes"})
    contact = made(office, "/scheduler/api/contacts", {"name": "Luz", "phone": "+5215598772310", "groups": [group]})
    message = made(office, "/scheduler/api/messages", {"content": "Hola", "groups": [group]})
    return Business(
        organization=organization,
        manager=manager,
        partner=partner,
        office=office,
        pazz=world.signed_in(partner),
        customer=customer,
        deal=deal,
        commission=commission,
        promotion=promotion,
        contact=contact,
        group=group,
        message=message,
    )


def made(client: Client, path: str, body: dict[str, Any]) -> str:
    """The id of what was created."""
    answer = client.post(path, json=body)
    assert answer.status == 201, answer
    return answer.json["id"]
