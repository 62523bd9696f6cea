"""Somebody at a browser: signs in, opens pages, and notes what goes wrong there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response
from starlette.routing import compile_path

from gateway.console.routes import all_pages

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
SERIOUS = ("serious", "critical")
Scheme = Literal["light", "dark"]


@dataclass
class Window:
    """A page of the browser, and what went wrong in it since it was opened."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def open(self, path: str) -> None:
        """Open a path of the console, and wait until its script has run."""
        self.page.goto(self.base + path, wait_until="load")

    def taken(self) -> list[str]:
        """Return what went wrong since the last time."""
        found, self.faults = self.faults, []
        return found

    def violations(self) -> list[str]:
        """Return what axe finds that is serious or critical, with the first place of each."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in SERIOUS
        ]

    def sideways(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # left behind by the next page
            self.faults.append(f"failed: {request.method} {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.request.method} {response.url}")


@dataclass
class Visitor:
    """Somebody who has a key."""

    browser: Browser
    address: str
    key: str
    screenshots: Path | None
    _contexts: list[BrowserContext] = field(default_factory=list)
    _window: Window | None = None

    @property
    def window(self) -> Window:
        """A wide and light one, signed in."""
        if self._window is None:
            self._window = self.opened()
        return self._window

    @property
    def page(self) -> Page:
        """Its page."""
        return self.window.page

    def open(self, path: str) -> Page:
        """Open a path of the console."""
        self.window.open(path)
        return self.page

    def opened(self, *, narrow: bool = False, scheme: Scheme = "light", signed_in: bool = True) -> Window:
        """Open another window."""
        size: Any = NARROW if narrow else WIDE
        context = self.browser.new_context(viewport=size, color_scheme=scheme, accept_downloads=True)
        self._contexts.append(context)
        window = Window(context.new_page(), f"{self.address}/console")
        if signed_in:
            window.open("")
            window.page.get_by_label("API key").fill(self.key)
            window.page.get_by_role("button", name="Sign in").click()
            window.page.wait_for_url(re.compile(r"/console$"))
        return window

    @contextmanager
    def shot(self, window: Window, mode: str) -> Iterator[None]:
        """Keep a picture of what the block opened, where pictures are wanted."""
        yield
        if self.screenshots is not None:
            self.screenshots.mkdir(parents=True, exist_ok=True)
            place = re.sub(r"[^a-z0-9]+", "-", shape(window.page.url.removeprefix(window.base))).strip("-")
            window.page.screenshot(path=self.screenshots / f"{place or 'overview'}-{mode}.png", full_page=True)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def pages(window: Window) -> list[str]:
    """List the first page, each of the menu, and one of each kind that these link to, three clicks deep at most."""
    seen, waiting = {"": ""}, [""]
    for _ in range(3):
        links: dict[str, None] = {}
        for path in waiting:
            window.open(path)
            hrefs = window.page.eval_on_selector_all("a[href]:not([download])", "all => all.map(one => one.href)")
            links |= {
                href.removeprefix(window.base).partition("#")[0]: None
                for href in hrefs
                if re.match(rf"{re.escape(window.base)}(?:/|\?|$)", href)
            }
        waiting = []
        for path in links:
            if (kind := shape(path)) not in seen and not _is_download(path):
                seen[kind] = path
                waiting.append(path)
    return list(seen.values())


def _is_download(path: str) -> bool:
    return bool(re.search(r"download|\.(csv|xlsx|png|json)\b|format=|/rejects", path))


def shape(path: str) -> str:
    """Return what a path has in common with those of the same page: no ids, no values.

    >>> shape("/models/scoring.won"), shape("/models?capability=churn"), shape("/nothing/like/it")
    ('/models/{name}', '/models?capability', '/nothing/like/it')
    """
    place, _, query = path.strip("/").partition("?")
    fitting = [page.path for page in all_pages() if compile_path(page.path)[0].match(place)]
    kept = min(fitting, key=lambda one: one.count("{"), default=place)
    given = ",".join(sorted(one.partition("=")[0] for one in query.split("&") if one))
    return f"/{kept}?{given}" if given else f"/{kept}".rstrip("/")
