"""A browser without a window: it keeps cookies, reads the forms of a page and sends them as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.support.callers import Answer, Client

FORM = {"content-type": "application/x-www-form-urlencoded"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class Form:
    """A form of a page: where it goes, and what stands in it."""

    id: str
    method: str
    action: str
    values: dict[str, list[str]] = field(default_factory=dict)
    offered: dict[str, list[str]] = field(default_factory=dict)
    """What its lists and boxes offer."""
    errors: dict[str, str] = field(default_factory=dict)
    """What is said beside a field, by the field's name."""
    message: str = ""


class Page(HTMLParser):
    """What a page says: its text, its links, its forms. Tags that do not fit together are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: dict[str, Form] = {}
        self.links: dict[str, str] = {}
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._form: Form | None = None
        self._select = ""
        self._described: dict[str, str] = {}
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {[tag for tag, _, _ in self._open]}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found, []))
        if tag == "form":
            self._form = Form(found.get("id", ""), found.get("method", "get"), found.get("action", ""))
            self.forms[self._form.id or self._form.action] = self._form
        if self._form is None:
            return
        name = found.get("name", "")
        if described := found.get("aria-describedby"):
            self._described |= dict.fromkeys(described.split(), name)
        if tag == "input" and found.get("type") == "checkbox":
            self._form.offered.setdefault(name, []).append(found["value"])
            if "checked" in found:
                self._form.values.setdefault(name, []).append(found["value"])
        elif tag == "input":
            self._form.values[name] = [found.get("value", "")]
        elif tag == "select":
            self._select, self._form.values[name] = name, [""]
        elif tag == "option" and self._select:
            self._form.offered.setdefault(self._select, []).append(found.get("value", ""))
            if "selected" in found:
                self._form.values[self._select] = [found["value"]]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        for _, _, inside in self._open:
            inside.append(data)

    def handle_endtag(self, tag: str) -> None:
        last, found, inside = self._open.pop()
        assert last == tag, f"<{last}> is closed by </{tag}>"
        said = " ".join("".join(inside).split())
        if tag == "a":
            self.links.setdefault(said, found.get("href", ""))
        if self._form is not None:
            if tag == "textarea":
                self._form.values[found["name"]] = ["".join(inside).removeprefix("\n")]
            if found.get("class") == "error" and found.get("id") in self._described:
                self._form.errors[self._described[found["id"]]] = said
            elif found.get("class") == "error":
                self._form.message = said
        self._select = "" if tag == "select" else self._select
        self._form = None if tag == "form" else self._form


class Browser:
    """Somebody who works with pages: what is set in cookies is sent along, redirects are followed."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}
        self.page = Page("")
        self.at = ""

    def open(self, path: str, **params: Any) -> Answer:
        """Go to a page."""
        return self._follow("GET", path, params=params or None)

    def press(self, form: str, /, **written: str | list[str]) -> Answer:
        """Fill in a form of the page and send it."""
        found = self.page.forms[form]
        filled = {name: [value] if isinstance(value, str) else value for name, value in written.items()}
        return self.send(found.action, {**found.values, **filled})

    def send(self, path: str, values: dict[str, list[str]]) -> Answer:
        """Send a form."""
        return self._follow("POST", path, body=urlencode(values, doseq=True).encode(), headers=FORM)

    def _follow(self, method: str, path: str, **more: Any) -> Answer:
        self.at = path
        answer = self.call(method, path, **more)
        while answer.status in (302, 303):
            self.at = answer.headers["location"]
            answer = self.call("GET", self.at)
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = Page(answer.text)
        return answer

    def call(self, method: str, path: str, **more: Any) -> Answer:
        """Ask for something with the cookies, and stay on this page."""
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.send(method, path, **{**more, "headers": {**more.get("headers", {}), "cookie": kept}})
        for line in answer.headers.get_list("set-cookie"):
            for name, cookie in SimpleCookie(line).items():
                if cookie["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = cookie.value
        return answer
