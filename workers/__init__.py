"""What happens because something happened, and what happens because its time has come.

Each reaction is one module (`workers.reaction.Reaction`), and so is each thing that the clock does
(`workers.due.Due`). `REACTIONS` and `DUE` list them: adding one is a file and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workers import (
    contact_import,
    erasure,
    file_attention,
    goal_progress,
    idle_carts,
    level_progress,
    message_end,
    message_news,
    message_start,
    password_reset,
    promotion_start,
    recovery_code,
)

if TYPE_CHECKING:
    from workers.due import Due
    from workers.reaction import Reaction

REACTIONS: tuple[Reaction, ...] = cast(
    "tuple[Reaction, ...]",
    (
        contact_import,
        erasure,
        goal_progress,
        level_progress,
        message_news,
        password_reset,
        recovery_code,
    ),
)
DUE: tuple[Due, ...] = cast(
    "tuple[Due, ...]", (promotion_start, file_attention, idle_carts, message_start, message_end)
)
