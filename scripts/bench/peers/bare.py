"""Routes of the same framework on the same server that check the token, read the body and answer from memory: what is
left when everything that this product is for is taken away."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from litestar import Litestar, Request, get, post, put
from litestar.params import FromPath, JSONBody

from api.access import Tokens
from api.context import Caller
from api.pazz import attention
from api.pazz.contract import Done
from api.pazz.goals import Goal, NewGoal
from api.scheduler import contract
from api.scheduler.contract import Page
from api.scheduler.messages import GroupSummary, Message, NewMessage
from api.tienda.cart import Cart, Item, NewCart, SavedCart

AT = "2026-01-01T00:00:00Z"

tokens = Tokens(os.environ["BITACORA_SECRET"], 900)


def check(request: Request[Any, Any, Any]) -> Caller:
    """Who calls. Raises `Unauthorized`."""
    return tokens.caller(request.headers.get("authorization", "").removeprefix("Bearer "))


def goal(month: str, year: float, amount: float) -> Done[Goal]:
    return Done(
        data=Goal(
            id="goal_0123456789abcdef0123",
            amount=amount,
            current_amount=0.0,
            month=month,
            year=int(year),
            achieved=False,
            progress=0.0,
            remaining=amount,
            earned_commissions=0.0,
            exceeded_by=0.0,
            created_at=AT,
        )
    )


def message(number: int, content: str, groups: list[str], scheduled_for: str | None = AT) -> Message:
    return Message(
        id=f"msg_{number:020}",
        content=content,
        scheduled_for=scheduled_for,
        timezone="America/Mexico_City",
        status="draft",
        status_reason=None,
        last_status_change=AT,
        groups=[GroupSummary(id=group, name="Grupo", contact_count=10) for group in groups],
        created_at=AT,
        updated_at=AT,
        sent_at=None,
        recipient_count=15,
        sent_count=0,
        delivered_count=0,
        failed_count=0,
        attempt=1,
        copy_of=None,
        created_by="own_0000001",
    )


def client(number: int) -> attention.Client:
    return attention.Client(
        id=f"client_{number:07}",
        name=f"Lucia Fernandez {number}",
        status="documentation",
        status_label="Documentación",
        last_accessed=AT,
        started_at=AT,
        phone="525500000001",
        email=f"lucia{number}@example.com",
        message="Hola, te escribo por los documentos que faltan en tu expediente del BMW Serie 4. ¿Te ayudo con algo?",
        days_inactive=5,
        progress_percentage=0,
        next_action="Completar documentación",
        priority="medium",
    )


@get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@post("/pazz/api/v1/goals", status_code=200)
async def set_goal(request: Request[Any, Any, Any], data: JSONBody[NewGoal]) -> Done[Goal]:
    check(request)
    return goal(data.month, data.year, data.amount)


@get("/pazz/api/v1/goals/current")
async def show_current(request: Request[Any, Any, Any]) -> Done[Goal]:
    check(request)
    return goal("Enero", 2026, 25_000.0)


@get("/pazz/api/v1/clients/attention-required")
async def show_waiting(request: Request[Any, Any, Any]) -> Done[attention.Clients]:
    check(request)
    about = attention.About(total=5, by_status=attention.ByStatus(documentation=5))
    return Done(data=attention.Clients(clients=[client(number) for number in range(5)], metadata=about))


@get("/scheduler/api/messages")
async def list_messages(request: Request[Any, Any, Any]) -> Page[Message]:
    check(request)
    items = [message(number, "Hola, tenemos el modelo. " * 8, ["grp_1", "grp_2"]) for number in range(10)]
    return contract.page_of(items, 200, 1, 10)


@post("/scheduler/api/messages", status_code=201)
async def write_message(request: Request[Any, Any, Any], data: JSONBody[NewMessage]) -> Message:
    check(request)
    scheduled = contract.iso(datetime.fromisoformat(data.scheduled_for)) if data.scheduled_for else None
    return message(1, data.content, [str(group) for group in data.groups], scheduled)


@put("/tienda/clientes/{cliente_id:str}/carrito")
async def save_cart(request: Request[Any, Any, Any], cliente_id: FromPath[str], data: JSONBody[NewCart]) -> SavedCart:
    check(request)
    items: list[Item] = data.items
    cart = Cart(cliente_id=cliente_id, items=items, items_no_disponibles=[], fecha_creacion=AT, fecha_actualizacion=AT)
    return SavedCart(
        cliente_id=cliente_id,
        items=items,
        items_no_disponibles=[],
        fecha_creacion=AT,
        fecha_actualizacion=AT,
        carrito=cart,
    )


app = Litestar(
    [ready, set_goal, show_current, show_waiting, list_messages, write_message, save_cart],
    openapi_config=None,
    logging_config=None,
)
