"""What happens because something happened, and what happens because its time has come.

Each reaction is one module (`workers.reaction.Reaction`). `REACTIONS` lists them: adding one is a file and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workers import erasure, goal_progress, level_progress

if TYPE_CHECKING:
    from workers.reaction import Reaction

REACTIONS: tuple[Reaction, ...] = cast("tuple[Reaction, ...]", (erasure, goal_progress, level_progress))
