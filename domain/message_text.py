"""What a bulk message may say: its length, what is taken out of it, and what looks like spam, each with its name.

Pure functions over the text and over facts that the caller looked up. Limits are those of the WhatsApp Scheduler
document; markup is refused and control characters are taken out, as its contract settles (W20).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Literal, get_args

from domain import values
from domain.model import Invalid

MAX_LENGTH = 4_096
COPY = "[COPIA] "
"""How the text of a duplicate begins."""
MAX_LINKS = 3
SHOUT_LETTERS = 20
SHOUT_SHARE = 0.8
MAX_REPEATS = 2
"""How often the same text may go to the same groups within a day."""

SpamReason = Literal["ALL_CAPS", "LINK_FLOOD", "REPEATED_CHARACTERS", "REPEATED_CONTENT"]
SPAM_REASONS: tuple[SpamReason, ...] = get_args(SpamReason)

MARKUP = re.compile(r"</?[a-z][^<>]*>|<!--|<!doctype|<(?:script|iframe|object|embed|style|svg|img)\b", re.IGNORECASE)
SCRIPT = re.compile(r"\b(?:javascript|vbscript|data:text/html)\s*:", re.IGNORECASE)
LINK = re.compile(r"(?:https?://|www\.)\S+|\b(?:bit\.ly|t\.co|wa\.me|goo\.gl|tinyurl\.com)/\S+", re.IGNORECASE)
RUN = re.compile(r"(\S)\1{9,}")
"""One character ten times in a row, or more."""
DRAWN = set("-_=*.~•─━")
"""Characters that people repeat to draw a line."""


def text(value: str, field: str = "content") -> str:
    """The text as it is stored: composed, trimmed, without control characters. Refuses a blank or too long text, half
    characters and markup."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(character) == "Cs" for character in value):
        raise Invalid("TEXT_UNPRINTABLE", field=field)
    kept = "".join(
        character
        for character in value
        if character in "\n\t" or (unicodedata.category(character) != "Cc" and character != "\ufeff")
    )
    kept = unicodedata.normalize("NFC", kept).strip()
    if values.is_blank(kept):
        raise Invalid("TEXT_EMPTY", field=field)
    if len(kept) > MAX_LENGTH:
        raise Invalid("TEXT_TOO_LONG", field=field, maximum=MAX_LENGTH, length=len(kept))
    if MARKUP.search(kept) or SCRIPT.search(kept):
        raise Invalid("MARKUP_NOT_ALLOWED", field=field)
    return kept


def copied(content: str) -> str:
    """The text of a duplicate. Refuses one that its mark makes too long with COPY_TOO_LONG."""
    if len(COPY) + len(content) > MAX_LENGTH:
        facts = {"mark": COPY.strip(), "maximum": MAX_LENGTH, "length": len(COPY) + len(content)}
        raise Invalid("COPY_TOO_LONG", field="content", **facts)
    return COPY + content


def fingerprint(content: str) -> str:
    """The same for texts that a reader would call the same: case, blanks and the mark of a copy do not count."""
    folded = " ".join(content.removeprefix(COPY).casefold().split())
    return hashlib.sha256(folded.encode()).hexdigest()[:32]


def spam(content: str, repeated: int = 0) -> tuple[SpamReason, ...]:
    """Why this text looks like spam, in the order of `SPAM_REASONS`; nothing when it does not. `repeated` is how often
    the same text went, or is going, to the same groups within a day."""
    found = {
        "ALL_CAPS": shouts(content),
        "LINK_FLOOD": len(LINK.findall(content)) > MAX_LINKS,
        "REPEATED_CHARACTERS": any(run.group(1) not in DRAWN for run in RUN.finditer(content)),
        "REPEATED_CONTENT": repeated >= MAX_REPEATS,
    }
    return tuple(reason for reason in SPAM_REASONS if found[reason])


def refuse_spam(content: str, repeated: int) -> None:
    """Refuse what looks like spam with SPAM_SUSPECTED and every reason."""
    if reasons := spam(content, repeated):
        raise Invalid("SPAM_SUSPECTED", field="content", reasons=reasons)


def shouts(content: str) -> bool:
    """Whether nearly all of a longer text is in capitals. Scripts without capitals never shout."""
    cased = [character for character in LINK.sub("", content) if character.isupper() or character.islower()]
    return len(cased) >= SHOUT_LETTERS and sum(map(str.isupper, cased)) > SHOUT_SHARE * len(cased)
