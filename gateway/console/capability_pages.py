"""The pages that capabilities bring: a declaration and a template in their own folder, read as data.

`services/<name>/console/page.json` says title, group and what is read; `page.html` beside it is the template. A read
names a path of the API, fixed parameters, and which parameters of the page's own query are passed on:

    {"title": "Whom to call", "group": "People",
     "reads": {"predictions": {"path": "/predictions", "query": {"capability": "scoring"}, "passed": ["band"]}}}

A `download` is such a read too; the page gives it out as it is when its query holds `format`.

`contact.html` there, if it exists, shows the capability's answer about a contact on that contact's page, as
`prediction`: the stored one, or one that was asked for now with the `contact_options` of `page.json`.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.console.api import ApiProblem, segment
from gateway.console.pages import PAGE_SECONDS, ConsolePage, Group, PageRequest
from gateway.console.rendering import CAPABILITY_FOLDERS, with_query
from shared.contracts.call import Scope


class Read(BaseModel):
    """One call of the API that a page needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(pattern="^/")
    """May hold `{name}`: a parameter of the page's query, without which nothing is read."""
    query: dict[str, str | int] = {}
    passed: tuple[str, ...] = ()
    """Parameters of the page's own query that are passed on."""
    days: tuple[str, ...] = ()
    """Those of them that are a day; the API gets its beginning, UTC."""
    absent: tuple[str, ...] = ()
    """Codes of problems after which there is nothing to show, as there is where a path leads nowhere."""


class PageFile(BaseModel):
    """What `page.json` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    group: Group = "People"
    scope: Scope = "read"
    reads: dict[str, Read] = {}
    download: Read | None = None
    contact_options: dict[str, Any] = {}
    """What a contact's page asks for beside, in the capability's own request."""
    seconds: float = Field(default=PAGE_SECONDS, gt=0, le=60)
    """How long reading may take."""


@cache
def capability_pages() -> tuple[ConsolePage, ...]:
    """Read the pages of all capabilities that have one, in the order of the table."""
    return tuple(_page(name, content) for name, content in _page_files().items())


def contact_options() -> dict[str, dict[str, Any]]:
    """Return what the page of a contact asks for beside, by capability; those without are missing."""
    return {name: content.contact_options for name, content in _page_files().items() if content.contact_options}


@cache
def _page_files() -> Mapping[str, PageFile]:
    return {
        name: PageFile.model_validate(json.loads(file.read_text(encoding="utf-8")))
        for name, folder in CAPABILITY_FOLDERS.items()
        if (file := folder / "page.json").exists()
    }


def _page(name: str, content: PageFile) -> ConsolePage:
    load = partial(_load, content)
    return ConsolePage(
        name, content.title, f"{name}/page.html", load, content.scope, content.group, seconds=content.seconds
    )


async def _load(content: PageFile, page_request: PageRequest) -> Mapping[str, Any] | Response:
    download = content.download
    if download is not None and page_request.query("format"):
        return page_request.api.passed_on("GET", with_query(download.path, **_query(download, page_request)))
    found = await asyncio.gather(*(_read(one, page_request) for one in content.reads.values()))
    return dict(zip(content.reads, found, strict=True))


async def _read(read: Read, page_request: PageRequest) -> Any | None:
    given = dict(page_request.http.query_params)
    path = read.path
    for name in (name for name in given if f"{{{name}}}" in path):
        path = path.replace(f"{{{name}}}", segment(given[name]))
    if "{" in path:
        return None
    try:
        return await page_request.api.find(path, **_query(read, page_request))
    except ApiProblem as problem:
        if problem.document.get("code") in read.absent:
            return None
        raise


def _query(read: Read, page_request: PageRequest) -> dict[str, str | int]:
    given = page_request.http.query_params
    passed = {name: given[name] for name in read.passed if given.get(name)}
    begun = {name: f"{passed[name]}T00:00:00Z" for name in read.days if name in passed}
    return read.query | passed | begun
