"""An import of contacts notes what became of its rows, and nothing that could not be shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.contact_import import DECIDER, ImportRead, ImportRequested, NoteRowsImported, RowError, RowsImported
from domain.model import Invalid
from tests.support.spec import given

NOW = datetime(2025, 10, 15, tzinfo=UTC)
RUNNING = (
    ImportRequested(contact_import="i1", owner="ana", file_name="a.csv", size=1, at=NOW),
    ImportRead(contact_import="i1", owner="ana", rows=2, at=NOW),
)


def noted(row: int) -> NoteRowsImported:
    return NoteRowsImported(
        contact_import="i1", part=1, outcomes="e", errors=(RowError(row, "phone", "PHONE_INVALID"),), now=NOW
    )


@pytest.mark.parametrize("row", [1, 2**31 - 1])
def test_a_row_that_was_not_taken_is_told_by_its_number_in_the_file(row: int) -> None:
    asked = noted(row)
    told = RowsImported(contact_import="i1", owner="ana", part=1, first=0, outcomes="e", errors=asked.errors, at=NOW)
    given(DECIDER, *RUNNING).when(asked).then(told)


@pytest.mark.parametrize("row", [-1, 0, 2**31, 10**15])
def test_a_number_that_no_row_has_is_refused(row: int) -> None:
    """The view could not hold it, and would leave the whole import out from there on."""
    given(DECIDER, *RUNNING).when(noted(row)).refuses(Invalid, "NUMBER_OUT_OF_RANGE", field="row")
