"""Logs as JSON lines on standard error: one object a line, with the request's id where there is one."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

EXTRA = ("request", "frontend", "method", "path", "status", "milliseconds", "caller")


class JsonLines(logging.Formatter):
    """time (UTC, ISO 8601), level, logger, message, and what `extra` gave."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name in EXTRA if (value := getattr(record, name, None)) is not None})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(level: str) -> None:
    """Send every log of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
