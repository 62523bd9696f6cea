"""A browser as far as the console needs one: it keeps cookies, follows nothing by itself, and fills in forms."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import aiohttp
import yarl

from tests.integration.gateway.conftest import RunningGateway


@dataclass
class Answered:
    status: int
    text: str
    headers: Any


@dataclass
class Browser:
    gateway: RunningGateway
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answered:
        return await self._send("GET", path, headers=headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Answered:
        return await self._send("POST", path, data=fields, headers=headers)

    async def sign_in(self, key: str) -> Answered:
        return await self.post("/console/sign-in", {"key": key, "to": "/console"})

    async def download(self, path: str) -> bytes:
        """Return a file as its bytes."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = yarl.URL(self.gateway.url + path, encoded=True)
        async with self.gateway.client.get(url, headers={"Cookie": cookies}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def call(self, what: str, fields: dict[str, str], **headers: str) -> Answered:
        """Send a form of a page, with the token that the page gave out."""
        page = await self.get("/console/webhooks")
        return await self.post("/console/call", {"_token": token_in(page.text), "_call": what, **fields}, **headers)

    async def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> Answered:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        client: aiohttp.ClientSession = self.gateway.client
        async with client.request(
            method,
            yarl.URL(self.gateway.url + path, encoded=True),
            headers={"Cookie": cookies, **names},
            allow_redirects=False,
            **more,
        ) as answer:
            for name, morsel in answer.cookies.items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
            return Answered(answer.status, await answer.text(), answer.headers)


def token_in(page: str) -> str:
    """Return the token of a page's forms."""
    found = re.search(r'name="_token" value="([^"]+)"', page)
    assert found is not None, "the page has no form that calls the API"
    return unescape(found[1])
