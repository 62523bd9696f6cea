"""The start page, the documentation page and the documents behind it, served without the internet."""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from gateway.openapi import VERSION, as_3_0

router = APIRouter(include_in_schema=False)

ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
"""Files of swagger-ui 5 in the package fastapi-swagger; nothing else of the package is used."""

_DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Foretell API</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_LINKS: Final = {
    "docs": ("docs", "The API, to read and to try"),
    "openapi": ("openapi.json", "The same as an OpenAPI 3.1 document"),
    "openapi_3_0": ("openapi-3.0.json", "and as OpenAPI 3.0, for generators that know no newer"),
    "health": ("healthz", "Whether this process lives"),
    "readiness": ("readyz", "Whether it can serve"),
}
"""Relative, so that they work below any prefix."""
_START_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Foretell</title>
</head>
<body>
<h1>Foretell</h1>
<p>Predictions for marketing automation, from models trained on your own data.</p>
<ul>
{links}
</ul>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
});
"""


@router.get("/")
async def start_page(request: Request) -> Response:
    """Describe the API and link to its documents: as a page for browsers, as JSON for programs."""
    if "text/html" in request.headers.get("accept", ""):
        links = "\n".join(f'<li><a href="{path}">{text}</a></li>' for path, text in _LINKS.values())
        return Response(_START_PAGE.format(links=links), media_type="text/html")
    return JSONResponse(
        {"name": "Foretell", "version": VERSION, **{name: f"/{path}" for name, (path, _) in _LINKS.items()}}
    )


@router.get("/docs/")
async def docs_below() -> Response:
    """Redirect to the page itself: its files have paths relative to that."""
    return RedirectResponse("../docs", 308)


@router.get("/docs")
async def docs() -> Response:
    """Show the API in a browser."""
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _DOCS_POLICY})


@router.get("/docs/start.js")
async def start_script() -> Response:
    """Return the script that starts the page; a file of its own, so that no inline script need be allowed."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
def asset(name: str) -> Response:
    """Serve a file of swagger-ui."""
    if name not in ASSETS:
        raise HTTPException(404)
    return Response(_content(name), media_type=ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """Return the OpenAPI 3.1 document; in a thread, because it is written at the first request."""
    return JSONResponse(request.app.openapi())


@router.get("/openapi-3.0.json")
def openapi_3_0(request: Request) -> Response:
    """Return the document as OpenAPI 3.0, for clients that import nothing newer (Salesforce Flow)."""
    return JSONResponse(as_3_0(request.app.openapi()))


@cache
def _content(name: str) -> bytes:
    return files("fastapi_swagger").joinpath("resources", name).read_bytes()
