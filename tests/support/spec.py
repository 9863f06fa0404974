"""How a decision is told: given what happened, when something is asked for, then this happens.

    given(goal.DECIDER, GoalSet(...)).when(SetGoal(...)).then(GoalRevised(...))
    given(goal.DECIDER).when(SetGoal(...)).refuses(Invalid, "MONTH_CLOSED", field="month")
    given(goal.DECIDER, GoalSet(...)).when(SetGoal(...)).then_nothing()

`then` also decides a second time, on the state its events lead to, and expects nothing more.
"""

from __future__ import annotations

from typing import Any

from domain.model import Command, Decider, Event, Refused


def given(decider: Decider[Any], *events: Event) -> Given:
    """An aggregate to which these things have happened."""
    return Given(decider, decider.fold(decider.initial, events))


class Given:
    def __init__(self, decider: Decider[Any], state: Any) -> None:
        self.decider = decider
        self.state = state

    def after(self, *commands: Command) -> Given:
        """The aggregate after these commands, none of which may be refused."""
        state = self.state
        for command in commands:
            state = self.decider.fold(state, self.decider.decide(state, command))
        return Given(self.decider, state)

    def when(self, command: Command) -> When:
        """What the command leads to."""
        try:
            return When(self, command, self.decider.decide(self.state, command), None)
        except Refused as refusal:
            return When(self, command, [], refusal)


class When:
    def __init__(self, given: Given, command: Command, events: list[Event], refusal: Refused | None) -> None:
        self.given = given
        self.command = command
        self.events = events
        self.refusal = refusal

    def then(self, *events: Event) -> None:
        """Exactly these events, and none when the same is asked for again."""
        assert self.refusal is None, f"{self.command!r} was refused: {self.refusal!r}"
        assert self.events == list(events), f"\nhappened: {self.events!r}\nexpected: {list(events)!r}"
        decider = self.given.decider
        again = decider.decide(decider.fold(self.given.state, self.events), self.command)
        assert again == [], f"asked a second time, {self.command!r} led to {again!r}"

    def then_nothing(self) -> None:
        """It was so already."""
        self.then()

    def refuses(self, kind: type[Refused], code: str, **facts: Any) -> None:
        """Refused for this reason, with at least these facts."""
        assert self.refusal is not None, f"{self.command!r} was not refused and led to {self.events!r}"
        assert type(self.refusal) is kind, f"{self.refusal!r} is not {kind.__name__}"
        assert self.refusal.code == code, f"refused for {self.refusal.code}, not for {code}"
        told = {name: self.refusal.facts.get(name, "(missing)") for name in facts}
        assert told == facts, f"\ntold:     {told!r}\nexpected: {facts!r}"
