"""The pages that capabilities bring: a declaration and a template in their own folder, read as data.

`services/<name>/console/page.json` says title, group and what is read; `page.html` beside it is the template. A read
names a path of the API, fixed parameters, and which parameters of the page's own query are passed on:

    {"title": "Whom to call", "group": "People",
     "reads": {"predictions": {"path": "/predictions", "query": {"capability": "scoring"}, "passed": ["band"]}}}

`contact.html` there, if it exists, shows the capability's prediction on the page of a contact.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.console.api import segment
from gateway.console.pages import PAGE_SECONDS, ConsolePage, Group, PageRequest
from gateway.console.rendering import CAPABILITY_FOLDERS
from shared.contracts.credentials import Scope


class Read(BaseModel):
    """One call of the API that a page needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(pattern="^/")
    """May hold `{name}`: a parameter of the page's query, without which nothing is read."""
    query: dict[str, str | int] = {}
    passed: tuple[str, ...] = ()
    """Parameters of the page's own query that are passed on."""


class PageFile(BaseModel):
    """What `page.json` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    group: Group = "People"
    scope: Scope = "read"
    reads: dict[str, Read] = {}
    seconds: float = Field(default=PAGE_SECONDS, gt=0, le=60)
    """How long reading may take."""


@cache
def capability_pages() -> tuple[ConsolePage, ...]:
    """Read the pages of all capabilities that have one, in the order of the table."""
    return tuple(
        _page(name, PageFile.model_validate(json.loads(file.read_text(encoding="utf-8"))))
        for name, folder in CAPABILITY_FOLDERS.items()
        if (file := folder / "page.json").exists()
    )


def _page(name: str, content: PageFile) -> ConsolePage:
    load = partial(_load, content.reads)
    return ConsolePage(
        name, content.title, f"{name}/page.html", load, content.scope, content.group, seconds=content.seconds
    )


async def _load(reads: Mapping[str, Read], page_request: PageRequest) -> Mapping[str, Any]:
    found = await asyncio.gather(*(_read(one, page_request) for one in reads.values()))
    return dict(zip(reads, found, strict=True))


async def _read(read: Read, page_request: PageRequest) -> Any | None:
    given = dict(page_request.http.query_params)
    path = read.path
    for name in (name for name in given if f"{{{name}}}" in path):
        path = path.replace(f"{{{name}}}", segment(given[name]))
    if "{" in path:
        return None
    passed = {name: given[name] for name in read.passed if given.get(name)}
    return await page_request.api.find(path, **(read.query | passed))
