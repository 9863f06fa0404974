#!/usr/bin/env python3
"""Check an export of the log (`bitacora audit export`) with nothing but Python 3.8 or newer: no package, no product.

    python3 verify_export.py FILE [--head POSITION:HASH]...        FILE may be - for the standard input

The first line of the file says what it holds; every other line is one event. The hash of an event is

    sha256(previous || position \\n stream \\n version \\n name \\n microseconds \\n length \\n data \\n meta)

with `previous` the hash of the event before, as bytes, `microseconds` since 1970 UTC and `length` of data in bytes, all
text in UTF-8. The first event of a log follows sha256("bitacora").

Exit code: 0 all is well, 1 something was changed, 2 nothing could be checked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

GENESIS = hashlib.sha256(b"bitacora").hexdigest()
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
EVENT = {"position": int, "stream": str, "version": int, "name": str, "recorded_at": str, "data": str, "meta": str,
         "hash": str}  # fmt: skip
HEADER = {"export": str, "format": int, "first": int, "last": int, "previous": str, "stream": type(None),
          "verifiable": bool}  # fmt: skip


class Fault(Exception):
    """The file is not what the log wrote."""


class NotVerifiable(Exception):
    """The file cannot be checked at all."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys appear once: of two equal keys, one reader shows the first and another the last."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field appears twice")
    return fields


DECODER = json.JSONDecoder(object_pairs_hook=once)


def parse(line: bytes, shape: dict[str, type]) -> dict[str, Any]:
    """A line as an object of exactly these fields and types. Raises ValueError."""
    try:
        fields = DECODER.decode(line.decode("utf-8").strip("\r\n"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(fields, dict) or fields.keys() != shape.keys():
        raise ValueError("its fields are not those of " + ("an event" if shape is EVENT else "a header"))
    for key, kind in shape.items():
        if type(fields[key]) is not kind:
            raise ValueError(f"its {key} is not of the right kind")
    return fields


def canonical(event: dict[str, Any]) -> bytes:
    """The bytes that the event's hash covers. Raises ValueError."""
    written = event["recorded_at"]
    moment = datetime.fromisoformat(written[:-1])
    if moment.tzinfo is not None or moment.isoformat(timespec="microseconds") + "Z" != written:
        raise ValueError("recorded_at is not a time as the log writes it")
    if "\n" in event["stream"] or "\n" in event["name"]:
        raise ValueError("its stream or its name holds a line break")
    data = event["data"].encode("utf-8")
    lines = [event["position"], event["stream"], event["version"], event["name"], (moment - EPOCH) // MICROSECOND]
    before = "".join(f"{line}\n" for line in [*lines, len(data)])
    return before.encode("utf-8") + data + b"\n" + event["meta"].encode("utf-8")


def read_header(line: bytes) -> dict[str, Any]:
    """What the file holds, from its first line. Raises NotVerifiable, or Fault for a header that cannot be true."""
    try:
        fields = DECODER.decode(line.decode("utf-8").strip("\r\n"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or fields.get("export") != "bitacora" or fields.get("format") != 1:
        raise NotVerifiable("This is not an export of the log in a format that this program knows.")
    if fields.get("stream") is not None or fields.get("verifiable") is False:
        raise NotVerifiable("This export holds one stream: without the events in between, no hash can be recomputed.")
    try:
        header = parse(line, HEADER)
    except ValueError as error:
        raise Fault(f"line 1: {error}") from None
    if header["first"] < 1:
        raise Fault(f"line 1: it begins at {header['first']}, but positions begin at 1")
    if header["first"] == 1 and header["previous"] != GENESIS:
        raise Fault("line 1: it begins with the first event, but not with the hash that every log begins with")
    return header


def check(lines: Iterable[bytes], heads: dict[int, str]) -> tuple[int, int, str]:
    """Follow the chain through the lines (bytes) of an export and compare the heads, {position: hash}.

    Returns (first, last, hash of the last). Raises Fault or NotVerifiable.
    """
    lines = iter(lines)
    header = read_header(next(lines, b""))
    first = header["first"]
    digest, position = header["previous"], first - 1
    compare(heads, position, digest)
    for number, line in enumerate(lines, 2):
        try:
            event = parse(line, EVENT)
        except ValueError as error:
            raise Fault(f"line {number}, after position {position}: {error}") from None
        if event["position"] != position + 1:
            raise Fault(f"position {position + 1} is missing: line {number} holds position {event['position']}")
        position += 1
        try:
            digest = hashlib.sha256(bytes.fromhex(digest) + canonical(event)).hexdigest()
        except ValueError as error:
            raise Fault(f"position {position} (line {number}): {error}") from None
        if digest != event["hash"]:
            raise Fault(
                f"position {position} (line {number}) does not match its hash:"
                " it, or the hash before it, is not what was written"
            )
        compare(heads, position, digest)
        if number % 100_000 == 0 and sys.stderr.isatty():
            print(f"\r{position:,} of {header['last']:,}", end="", file=sys.stderr)
    if position != header["last"]:
        promised = f"its header promises {header['last']}"
        raise Fault(f"position {position + 1} is missing: the file ends at {position}, {promised}")
    for head in sorted(heads):
        if head > position:
            raise Fault(f"position {position + 1} is missing: the file ends at {position}, before the head {head}")
        if head < first - 1:
            raise NotVerifiable(f"The file begins at {first}, so it says nothing about the head {head}.")
    return first, position, digest


def compare(heads: dict[int, str], position: int, digest: str) -> None:
    """Raise Fault when a head that somebody kept differs from the chain at its position."""
    if heads.get(position, digest) != digest:
        raise Fault(f"position {position}: the hash differs from the head that you gave: the log was written anew")


def head(text: str) -> tuple[int, str]:
    """POSITION:HASH as (position, hash)."""
    position, _, digest = text.strip().partition(":")
    if not position.isdecimal() or len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is not POSITION:HASH")
    return int(position), digest.lower()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("verify_export.py", description="Check an export of the log without the product.")
    parser.add_argument("file", help="the export; - for the standard input")
    parser.add_argument(
        "--head", type=head, action="append", default=[], metavar="POSITION:HASH", help="a head kept elsewhere"
    )
    options = parser.parse_args(arguments)
    heads = dict(options.head)
    if len(heads) != len(set(options.head)):
        parser.error("two of the heads name the same position with different hashes")
    try:
        if options.file == "-":
            first, last, digest = check(sys.stdin.buffer, heads)
        else:
            with open(options.file, "rb") as file:
                first, last, digest = check(file, heads)
    except Fault as fault:
        print(f"NOT what the log wrote: {fault}")
        return 1
    except (NotVerifiable, OSError) as error:
        print(f"Nothing was checked: {error}")
        return 2
    print(f"The events from {first} to {last} form one unbroken chain." if last >= first else "The export is empty.")
    if options.head:
        print("It agrees with every head that you gave.")
    else:
        print("Whether it is the log's own chain, only a head kept elsewhere can tell: give it with --head.")
    print(f"head {last}:{digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
