"""How the views are, as the console and the command line show it."""

from __future__ import annotations

from domain.goal import GoalSet
from projections import status
from tests.support.store import NOW, happened, keeping
from tests.support.views import lasts, tallies

ANA = "goal-acme-ana-2025-10"


def a_goal(amount: int = 1) -> GoalSet:
    return GoalSet(goal="goal_1", partner="ana", month="2025-10", amount=amount, at=NOW)


def test_views_that_are_caught_up_are_not_behind(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, a_goal())
        views.catch_up()
        found = status.of(views.connection, views.of)
    assert (found.lag_events, found.lag_seconds) == (0, 0.0)


def test_the_lag_is_how_many_events_are_not_shown_and_how_old_the_first_of_them_is(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, a_goal(), a_goal(), a_goal())
        views.catch_up()
        happened(database_url, ANA, a_goal(), a_goal())
        views.connection.execute("update events set recorded_at = now() - interval '90 seconds' where position = 4")
        found = status.of(views.connection, views.of)
    assert found.lag_events == 2
    assert 90 <= found.lag_seconds < 120


def test_every_view_says_whether_its_code_is_live(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        found = status.of(views.connection, [tallies(), lasts()])
        assert [(view.name, view.version, view.state) for view in found.views] == [
            ("tallies", 1, "live"),
            ("lasts", 1, "missing"),
        ]
        assert status.of(views.connection, [tallies(version=2)]).views[0].state == "live as version 1"


def test_what_is_parked_is_shown_with_the_error(database_url: str) -> None:
    def refuses(recorded: object) -> None:
        raise ValueError("no such amount")

    with keeping(database_url, [tallies(refuses)]) as views:  # type: ignore[arg-type]
        happened(database_url, ANA, a_goal())
        views.catch_up()
        found = status.of(views.connection, views.of)
    assert [(entry.view, entry.stream, entry.position, entry.error) for entry in found.parked] == [
        ("tallies", ANA, 1, "ValueError: no such amount")
    ]
    assert found.views[0].parked == 1
