"""What a page of the console is: where, for whom, what it reads, and its template; a page adds no route by hand."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from gateway.console.api import Api
from shared.contracts.call import Scope

PAGE_SECONDS: Final = 5.0
"""How long a page waits for what it reads: shorter than a client of the API would, since somebody looks at it."""
Group = Literal["", "People", "Data", "Models", "Connections"]
GROUPS: tuple[Group, ...] = ("", "People", "Data", "Models", "Connections")
"""Of the menu, in order."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request for a page, by somebody who is signed in."""

    http: Request
    api: Api
    base: str
    """Path of the console, with what a proxy puts before it."""

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the page's query."""
        return self.http.query_params.get(name, default)

    def path(self, name: str) -> str:
        """Return a part of the page's path."""
        return str(self.http.path_params[name])

    def can(self, scope: Scope) -> bool:
        """Whether the key that is signed in has a scope."""
        return scope in self.api.caller.scopes


Load = Callable[[PageRequest], Awaitable[Mapping[str, Any] | Response]]
"""Reads what the template shows; may answer by itself, as a download does."""


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A page: `GET /console/<path>`."""

    path: str
    """Below the console, in the router's syntax; empty: the first page."""
    title: str
    template: str
    load: Load
    scope: Scope = "read"
    """That the key needs; the API checks each call again."""
    group: Group | None = None
    """Where the menu shows it; None: it is reached from another page."""
    within: str = ""
    """Path of the page that the menu marks for one that it does not show."""
    seconds: float = PAGE_SECONDS
    """How long what it reads may take."""


async def nothing(page_request: PageRequest) -> Mapping[str, Any]:  # noqa: ARG001 - a `Load`
    """Read nothing."""
    return {}
