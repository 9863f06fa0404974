"""Every sample of the Pazz document, replayed: given what it speaks of, the same request gets the same answer.

Ids that the system makes are taken over, and what the contract adds (C2, C3) or corrects (C12) is named where it is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain import commission, customer, deal, goal, level, promotion
from domain.commission import CommissionEarned, CommissionPaid, CommissionPromised
from domain.customer import CustomerAdded
from domain.deal import DealActivityRecorded, DealDocumentAdded, DealOpened, DealProgressed
from domain.goal import CommissionCounted, GoalSet
from domain.level import SaleAccumulated
from domain.promotion import MonthlyPayment, PromotionAnnounced
from domain.values import Month
from tests.support.http import Client, User, World

OCTOBER = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def partner(world: World, now: datetime, name: str = "Current User") -> tuple[User, Client]:
    world.time_is(now)
    user = world.user("partner", name=name)
    return user, world.signed_in(user)


def data(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status == 200, answer
    assert set(answer.json) == {"success", "data"}
    assert answer.json["success"] is True
    return answer.json["data"]


def test_get_user_profile(world: World) -> None:
    user, client = partner(world, OCTOBER)
    sold = SaleAccumulated(commission="com_1", partner=user.id, sale=4_020_000_00, at=OCTOBER)
    world.given(level.stream(user.organization, user.id), sold)
    assert data(client, "/pazz/api/v1/user/profile") == {
        "userId": user.id,
        "currentLevel": "starter",
        "accumulatedSales": 4020000,
        "levelProgress": {"currentSales": 4020000, "nextLevelRequired": 4500000, "percentageComplete": 89.3},
        "commissionRate": 2.0,
    }


def has_goal(world: World, user: User, month: str, identity: str, amount: int, earned: int) -> None:
    whose: dict[str, Any] = {"partner": user.id, "month": month, "at": at(f"{month}-05T12:00:00+00:00")}
    events = [
        GoalSet(goal=identity, amount=amount * 100, **whose),
        CommissionCounted(commission=f"com_{month}", amount=earned * 100, **whose),
    ]
    world.given(goal.stream(user.organization, user.id, Month.parse(month)), *events)


def test_get_goals_current(world: World) -> None:
    user, client = partner(world, OCTOBER)
    has_goal(world, user, "2025-10", "goal_xyz789", 25_000, 20_000)
    assert data(client, "/pazz/api/v1/goals/current") == {
        "id": "goal_xyz789",
        "amount": 25000,
        "currentAmount": 20000,
        "month": "Octubre",
        "year": 2025,
        "achieved": False,
        "progress": 80.0,
        "remaining": 5000,
        "earnedCommissions": 20000,
        # C3: one goal everywhere
        "exceededBy": 0,
        "createdAt": "2025-10-05T12:00:00Z",
    }


def test_get_goals_history(world: World) -> None:
    user, client = partner(world, OCTOBER)
    has_goal(world, user, "2025-05", "goal_456", 25_000, 26_500)
    for number in range(1, 8):
        has_goal(world, user, f"2024-{number:02}", f"goal_{number}", 20_000, 15_000)
    answer = data(client, "/pazz/api/v1/goals/history?limit=12&offset=0")
    assert answer["goals"][0] == {
        "id": "goal_456",
        "amount": 25000,
        "currentAmount": 26500,
        "month": "Mayo",
        "year": 2025,
        "achieved": True,
        "progress": 106.0,
        "exceededBy": 1500,
        # C3
        "remaining": 0,
        "earnedCommissions": 26500,
        "createdAt": "2025-05-05T12:00:00Z",
    }
    assert answer["items"] == answer["goals"]  # C2
    assert answer["pagination"] == {"total": 8, "limit": 12, "offset": 0, "hasMore": False}


def test_post_goals(world: World) -> None:
    _, client = partner(world, at("2025-10-01T10:30:00+00:00"))
    answer = client.post("/pazz/api/v1/goals", json={"amount": 30000, "month": "Noviembre", "year": 2025})
    assert answer.status == 201
    assert answer.json["success"] is True
    assert answer.json["data"] == {
        "id": answer.json["data"]["id"],
        "amount": 30000,
        "currentAmount": 0,
        "month": "Noviembre",
        "year": 2025,
        "achieved": False,
        "createdAt": "2025-10-01T10:30:00Z",
        # C3
        "progress": 0.0,
        "remaining": 30000,
        "earnedCommissions": 0,
        "exceededBy": 0,
    }
    assert answer.json["data"]["id"].startswith("goal_")


def test_an_error(world: World) -> None:
    _, client = partner(world, OCTOBER)
    answer = client.post("/pazz/api/v1/goals", json={"amount": 999, "month": "Octubre", "year": 2025})
    assert answer.status == 400
    assert answer.json == {
        "success": False,
        "error": {
            "code": "GOAL_VALIDATION_FAILED",
            # C12: the minimum is included
            "message": "La meta debe ser mayor o igual a $1,000",
            "details": {"amount": ["Debe ser mayor o igual a 1000"]},
        },
        "metadata": answer.json["metadata"],
    }
    assert set(answer.json["metadata"]) == {"timestamp", "requestId"}
    assert answer.json["metadata"]["requestId"].startswith("req_")
    assert at(answer.json["metadata"]["timestamp"]).tzinfo is not None


def test_get_promotions_active(world: World) -> None:
    user, client = partner(world, at("2025-08-15T12:00:00+00:00"))
    announced = PromotionAnnounced(
        promotion="promo_bmw001",
        title="BMW Serie 4",
        subtitle="Gran Coupé 2025",
        image_url="https://cdn.pazz.com/promotions/bmw-serie4.jpg",
        bonus_amount=100_000_00,
        original_price=1_245_000_00,
        final_price=1_145_000_00,
        valid_from=at("2025-08-01T00:00:00+00:00"),
        valid_to=at("2025-08-31T23:59:59+00:00"),
        monthly_payments=(
            MonthlyPayment(months=48, amount=45_000_00),
            MonthlyPayment(months=36, amount=47_120_00),
            MonthlyPayment(months=24, amount=49_785_00),
        ),
        terms_url="https://pazz.com/terms/promo_bmw001",
        priority=100,
        at=at("2025-07-20T12:00:00+00:00"),
    )
    world.given(promotion.stream(user.organization, "promo_bmw001"), announced)
    assert data(client, "/pazz/api/v1/promotions/active") == {
        "promotions": [
            {
                "id": "promo_bmw001",
                "title": "BMW Serie 4",
                "subtitle": "Gran Coupé 2025",
                "imageUrl": "https://cdn.pazz.com/promotions/bmw-serie4.jpg",
                "bonusAmount": 100000,
                "originalPrice": 1245000,
                "finalPrice": 1145000,
                "validFrom": "2025-08-01T00:00:00Z",
                "validTo": "2025-08-31T23:59:59Z",
                "isActive": True,
                "monthlyPayments": [
                    {"months": 48, "amount": 45000},
                    {"months": 36, "amount": 47120},
                    {"months": 24, "amount": 49785},
                ],
                "termsAndConditions": "https://pazz.com/terms/promo_bmw001",
            }
        ],
        "metadata": {"totalActive": 1, "nextPromotion": None},
    }


def client_of(world: World, user: User, name: str, stage: str, began: str, seen: str) -> str:
    """A client whose file the samples speak of, made of what happened."""
    identity, file = f"client_{name.split()[0].lower()}", f"deal_{name.split()[0].lower()}"
    added = CustomerAdded(
        customer=identity,
        name=name,
        email="pedro.gutierrez@example.com",
        phone="+5215598772310",
        assigned_to=user.id,
        at=at(began),
    )
    world.given(customer.stream(user.organization, identity), added)
    whose: dict[str, Any] = {"deal": file, "customer": identity, "partner": user.id}
    opened = DealOpened(
        pipeline="vehicle_financing",
        stage=stage,
        title="BMW Serie 4",
        value=1_245_000_00,
        vehicle_make="BMW",
        vehicle_model="Serie 4",
        vehicle_year=2025,
        at=at(began),
        **whose,
    )
    world.given(
        deal.stream(user.organization, file),
        opened,
        DealDocumentAdded(document="doc_1", name="INE", at=at("2025-08-12T10:15:00+00:00"), **whose),
        DealProgressed(percentage=45, at=at("2025-08-12T10:15:00+00:00"), **whose),
        DealActivityRecorded(activity="act_1", kind="access", at=at(seen), **whose),
    )
    return identity


def test_get_clients_attention_required(world: World) -> None:
    user, client = partner(world, at("2025-08-17T16:00:00+00:00"))
    began, seen = "2025-08-12T10:00:00+00:00", "2025-08-14T15:30:00+00:00"
    pedro = client_of(world, user, "Pedro Juan Gutiérrez González", "prequalification", began, seen)
    client_of(world, user, "Lucia Fernández", "prequalification", began, "2025-08-15T15:30:00+00:00")
    client_of(world, user, "Raul Mendoza", "documentation", began, "2025-08-16T15:30:00+00:00")
    answer = data(client, "/pazz/api/v1/clients/attention-required?limit=20&status=all")
    first = answer["clients"][0]
    assert first == {
        "id": pedro,
        "name": "Pedro Juan Gutiérrez González",
        "status": "prequalification",
        "statusLabel": "Precalificación sin concluir",
        "lastAccessed": "2025-08-14T15:30:00Z",
        "startedAt": "2025-08-12T10:00:00Z",
        "phone": "5215598772310",
        "email": "pedro.gutierrez@example.com",
        "message": first["message"],
        "daysInactive": 3,
        "progressPercentage": 45,
        "nextAction": "complete_prequalification",
        "priority": "high",
    }
    # The document breaks off in the middle of the message.
    assert first["message"].startswith("Hola Pedro, vi que iniciaste tu precalificación pero no la has completado")
    assert answer["metadata"] == {
        "total": 3,
        "byStatus": {"prequalification": 2, "documentation": 1, "approval": 0, "financing": 0},
    }


def test_get_one_client(world: World) -> None:
    user, client = partner(world, at("2025-08-17T16:00:00+00:00"))
    began, seen = "2025-08-12T10:00:00+00:00", "2025-08-14T15:30:00+00:00"
    pedro = client_of(world, user, "Pedro Juan Gutiérrez González", "prequalification", began, seen)
    assert data(client, f"/pazz/api/v1/clients/{pedro}") == {
        "id": pedro,
        "name": "Pedro Juan Gutiérrez González",
        "email": "pedro.gutierrez@example.com",
        "phone": "5215598772310",
        "status": "prequalification",
        "statusLabel": "Precalificación sin concluir",
        "startedAt": "2025-08-12T10:00:00Z",
        "lastAccessed": "2025-08-14T15:30:00Z",
        "progressPercentage": 45,
        "timeline": [
            {
                "event": "prequalification_started",
                "timestamp": "2025-08-12T10:00:00Z",
                "description": "Inició precalificación",
            },
            {"event": "document_uploaded", "timestamp": "2025-08-12T10:15:00Z", "description": "Subió INE"},
        ],
        "vehicleInterest": {"make": "BMW", "model": "Serie 4", "year": 2025, "estimatedValue": 1245000},
        "assignedPartner": {"id": user.id, "name": "Current User"},
    }


def test_get_commissions_summary(world: World) -> None:
    user, client = partner(world, OCTOBER)
    juan = CustomerAdded(customer="client_juan", name="Juan Pérez", assigned_to=user.id, at=OCTOBER)
    world.given(customer.stream(user.organization, "client_juan"), juan)
    for number, amount in enumerate([5_000, 6_000, 4_000, 3_000, 2_000, 7_000, 5_000, 3_000], 1):
        terms: dict[str, Any] = {
            "commission": f"com_{number}",
            "partner": user.id,
            "deal": f"deal_{number:03}",
            "customer": "client_juan",
            "amount": amount * 100,
            "rate": 200,
            "sale": amount * 5_000,
            "vehicle_make": "BMW",
            "vehicle_model": "Serie 4",
            "at": at(f"2025-10-{5 - min(number, 4):02}T10:00:00+00:00"),
        }
        stream = commission.stream(user.organization, f"com_{number}")
        if number > 5:
            world.given(stream, CommissionPromised(**terms))
            continue
        paid = {name: terms[name] for name in ("commission", "partner", "amount")}
        world.given(
            stream,
            CommissionEarned(month="2025-10", **terms),
            CommissionPaid(month="2025-10", at=at("2025-10-05T10:00:00+00:00"), **paid),
        )
    answer = data(client, "/pazz/api/v1/commissions/summary?month=10&year=2025")
    assert answer["period"] == {"month": "Octubre", "year": 2025, "monthNumber": 10}
    assert answer["earned"] == {"amount": 20000, "currency": "MXN", "deals": 5}
    assert answer["pending"] == {"amount": 15000, "currency": "MXN", "deals": 3}
    assert answer["breakdown"][0] == {
        "dealId": "deal_001",
        "clientName": "Juan Pérez",
        "vehicleMake": "BMW",
        "vehicleModel": "Serie 4",
        "commissionAmount": 5000,
        "commissionRate": 2.0,
        "status": "paid",
        "paidAt": "2025-10-05T10:00:00Z",
    }
    assert len(answer["breakdown"]) == 8
