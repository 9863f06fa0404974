"""The pipelines that deals move through: ordered stages, and what reaching one of them means.

`sales` has the six stages of the Flow contract, `vehicle_financing` the steps of a client's file in the Pazz document
with delivery at the end, `property` the nine customer stages of the Hub contract, which may be walked in any direction.
Labels and colours belong to a frontend's contract.
"""

from __future__ import annotations

import msgspec

from domain import values
from domain.model import Invalid


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """`won` and `lost`: what reaching it does to a deal. `terminal`: nothing leaves it."""

    name: str
    terminal: bool = False
    won: bool = False
    lost: bool = False


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    stages: tuple[Stage, ...]

    @property
    def first(self) -> Stage:
        return self.stages[0]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    def stage(self, name: str) -> Stage:
        """The stage of this name; `Invalid` when there is none."""
        values.one_of(name, self.names, "stage")
        return self.stages[self.order(name)]

    def order(self, name: str) -> int:
        """How many stages come before it."""
        return self.names.index(name)

    @property
    def winning(self) -> Stage:
        """The first stage that wins a deal."""
        return next(stage for stage in self.stages if stage.won)

    @property
    def losing(self) -> Stage | None:
        return next((stage for stage in self.stages if stage.lost), None)


def _pipeline(name: str, *stages: str | Stage) -> Pipeline:
    return Pipeline(name=name, stages=tuple(Stage(name=s) if isinstance(s, str) else s for s in stages))


SALES = _pipeline(
    "sales",
    "prospect",
    "qualified",
    "proposal",
    "negotiation",
    Stage(name="closed-won", terminal=True, won=True),
    Stage(name="closed-lost", terminal=True, lost=True),
)
VEHICLE_FINANCING = _pipeline(
    "vehicle_financing",
    "prequalification",
    "documentation",
    "approval",
    "financing",
    Stage(name="delivered", terminal=True, won=True),
)
PROPERTY = _pipeline(
    "property",
    "new_lead",
    "qualified",
    "property_matching",
    "site_visit",
    "negotiation",
    "contract_prep",
    "down_payment",
    Stage(name="closing", won=True),
    Stage(name="post_sale", won=True),
)
PIPELINES = {pipeline.name: pipeline for pipeline in (SALES, VEHICLE_FINANCING, PROPERTY)}


def named(name: str) -> Pipeline:
    """The pipeline of this name; `Invalid` when there is none."""
    if name not in PIPELINES:
        raise Invalid("VALUE_NOT_ALLOWED", field="pipeline", value=name[:50], allowed=tuple(PIPELINES))
    return PIPELINES[name]
