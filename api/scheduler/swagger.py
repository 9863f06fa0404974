"""The documentation under the second name that the document gives it."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.response import Redirect


@get("/swagger", opt={"public": True}, include_in_schema=False, status_code=307)
async def show(request: Request[Any, Any, Any]) -> Redirect:
    """Over to /docs."""
    return Redirect(f"{request.scope.get('root_path', '')}/docs", status_code=307)
