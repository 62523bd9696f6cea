"""Routes of the console: pages, signing in and out, and one route by which every form calls the API."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope as ASGIScope

from gateway.auth import caller_of
from gateway.console import (
    attribution,
    contacts,
    data,
    items,
    keys,
    load,
    messages,
    models,
    overview,
    predict,
    webhooks,
)
from gateway.console.api import AT_ONCE, Api, ApiProblem
from gateway.console.capability_pages import capability_pages
from gateway.console.forms import body_of_fields, call_of, fields_of, is_own
from gateway.console.pages import GROUPS, ConsolePage, PageRequest, nothing
from gateway.console.rendering import FOLDER, environment
from gateway.console.sessions import SESSION_SECONDS, ConsoleSession, Sessions, caller_of_session, spent
from gateway.context import Gateway
from shared.contracts.call import Deadline, digest_of, public_id_of
from shared.contracts.rows import now_us
from shared.errors import BadRequest, ForetellError, NotAllowed, NotAuthenticated
from shared.http import problem
from shared.http.exchange import client_address

PATH: Final = "/console"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_VERSIONED: Final = re.compile(r"-\d+\.\d+\.\d+\.")
"""In the name of a file that is another one as soon as its content is."""
STATIC: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}
UPLOAD_PATH: Final = f"{PATH}/upload"
"""Takes the body of a file as it is and streams it on; a token in a header proves that it is our page's."""
FORM_HEADER: Final = "foretell-form"
TAKE_FILES: Final = ("/imports",)
"""Paths of the API that take a file."""
SESSION_COOKIE: Final = "foretell_session"
NOTE_COOKIE: Final = "foretell_note"
_ANSWERS: Final = frozenset(file.stem for file in (FOLDER / "templates" / "answers").iterdir())
"""Templates that show an answer in the place of a page."""
USED_LINKS: Final = "console-links"
"""Under what links that were used are noted in the store, as ids of what a source sent are: once in all processes."""
_SHOWN: Final[Mapping[str, Any]] = {"title": "", "detail": "", "errors": (), "request_id": None}
"""What a page of a problem shows, where the document lacks it."""
_NO_PAGE: Final = ConsolePage("", "Not found", "problem.html", nothing)
_NOT_DONE: Final = ConsolePage("", "Not done", "problem.html", nothing)

router = APIRouter(include_in_schema=False)


def all_pages() -> tuple[ConsolePage, ...]:
    """List every page in the order of the menu; those of capabilities come first in their group."""
    people, connections = (*capability_pages(), *contacts.PAGES), (*webhooks.PAGES, *keys.PAGES)
    loaded = (*load.PAGES, *data.PAGES, *items.PAGES, *messages.PAGES)
    learned = (*predict.PAGES, *models.PAGES, *attribution.PAGES)
    return (*overview.PAGES, *people, *loaded, *learned, *connections)


class Console:
    """What the console keeps in a process: its own parts of the gateway, and the signer of its cookies."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.sessions = Sessions(gateway.settings.signing_key.get_secret_value().encode())
        self.limiter, self.streams = CapacityLimiter(AT_ONCE), CapacityLimiter(AT_ONCE)
        public = urlsplit(gateway.settings.public_url or "")
        self.base = f"{public.path}{PATH}"
        self.is_secure = public.scheme == "https"


def _console(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


def _session(request: Request) -> ConsoleSession | None:
    return _console(request).sessions.session(request.cookies.get(SESSION_COOKIE))


async def _page_request(request: Request, within_seconds: float | None = None) -> tuple[PageRequest, ConsoleSession]:
    """Find who is signed in.

    Raises:
        NotAuthenticated: nobody, or no longer.
        StoreUnavailable: the store is away, and the key is not cached.
    """
    console, session = _console(request), _session(request)
    if session is None:
        raise NotAuthenticated("")
    caller = await caller_of_session(console.gateway.key_cache, session)
    request.state.facts = {"account": caller.account, "key": caller.public_id}
    client = (request.client.host, request.client.port) if request.client is not None else None
    seconds = console.gateway.settings.long_request_timeout_seconds if within_seconds is None else within_seconds
    api = Api(request.app, console.gateway, caller, client, console.limiter, console.streams, seconds)
    return PageRequest(request, api, console.base), session


Route = Callable[[Request], Awaitable[Response]]


def _in_words(route: Route) -> Route:
    """Make a route answer what fails outside of a page in words: nobody reads JSON here."""

    @wraps(route)
    async def answered(request: Request) -> Response:
        try:
            return await route(request)
        except NotAuthenticated as error:
            return _signed_out(request, str(error))
        except ForetellError as error:
            return _bare(request, error)

    return answered


def _signed_out(request: Request, message: str) -> Response:
    """Show the form to sign in; a part of a page that asks for itself makes the whole page do so."""
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Refresh": "true"})
    return _sign_in_form(request, message, HTTPStatus.OK)


def _bare(request: Request, error: ForetellError) -> Response:
    """Say what is wrong where it is not known who is signed in, or what this is about."""
    document = {**_SHOWN, "title": error.title, "detail": str(error), "request_id": problem.request_id_of(request)}
    name = "problem_part.html" if "hx-request" in request.headers else "problem_bare.html"
    here = _here(request) if request.method == "GET" else _console(request).base
    text = environment().get_template(name).render(base=_console(request).base, problem=document, here=here)
    return _html(text, error.status)


def failed(scope: ASGIScope, error: ForetellError) -> Response:
    """Answer a request in which a bug showed: in words on a page of the console, else as a problem document."""
    request = Request(scope)
    if request.url.path.startswith(f"{PATH}/") or request.url.path == PATH:
        return _bare(request, error)
    return problem.response(error, problem.request_id_of(request))


def _page_route(page: ConsolePage) -> Route:
    async def show(request: Request) -> Response:
        with Deadline.at_most(page.seconds):
            page_request, session = await _page_request(request, page.seconds)
            return await _shown(page, page_request, session)

    return _in_words(show)


async def _shown(page: ConsolePage, page_request: PageRequest, session: ConsoleSession) -> Response:
    try:
        if not page_request.can(page.scope):
            has = ", ".join(page_request.api.caller.scopes)
            raise NotAllowed(f"This page needs the scope {page.scope}; the key that is signed in has: {has}.")
        content = await page.load(page_request)
    except ApiProblem as refused:
        return _problem_page(page_request, session, page, refused.status, refused.document)
    except NotAuthenticated:
        raise
    except ForetellError as error:
        return _problem_page(page_request, session, page, error.status, {"title": error.title, "detail": str(error)})
    if isinstance(content, Response):
        return content
    return await _rendered(page_request, session, page, page.template, content)


def _problem_page(
    page_request: PageRequest, session: ConsoleSession, page: ConsolePage, status: int, document: Mapping[str, Any]
) -> Response:
    content = {"problem": {**_SHOWN, **document}, "status": status}
    if "hx-request" in page_request.http.headers:
        return _html(environment().get_template("problem_part.html").render(**content), status)
    text = environment().get_template("problem.html").render(**_surroundings(page_request, session, page), **content)
    return _html(text, status)


async def _rendered(
    page_request: PageRequest, session: ConsoleSession, page: ConsolePage, template: str, content: Mapping[str, Any]
) -> Response:
    surroundings = _surroundings(page_request, session, page)
    # In a thread: a long list takes milliseconds, and the loop answers others meanwhile.
    text = await asyncio.to_thread(environment().get_template(template).render, **surroundings, **content)
    answer = _html(text)
    if surroundings["note"] is not None:
        answer.delete_cookie(NOTE_COOKIE, path=page_request.base)
    return answer


def _surroundings(page_request: PageRequest, session: ConsoleSession, page: ConsolePage) -> dict[str, Any]:
    sessions = _console(page_request.http).sessions
    caller = page_request.api.caller
    menu = [
        (group, [one for one in all_pages() if one.group == group and page_request.can(one.scope)]) for group in GROUPS
    ]
    return {
        "base": page_request.base,
        "page": page,
        "menu": menu,
        "account": caller.account,
        "can": page_request.can,
        "form_token": sessions.form_token(session),
        "note": sessions.read_note(page_request.http.cookies.get(NOTE_COOKIE)),
        "query": dict(page_request.http.query_params),
        "here": _here(page_request.http) if page_request.http.method == "GET" else page_request.base,
        "form_once": token_urlsafe(12),
    }


def _here(request: Request) -> str:
    """Return the address of the page that is shown, as the browser knows it."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    path = f"{_console(request).base}{quote(raw, safe=_IN_PATHS).removeprefix(PATH)}"
    return f"{path}?{request.url.query}" if request.url.query else path


def _html(text: str, status: int = HTTPStatus.OK) -> Response:
    # With no referrer at all, browsers would not say either which origin sent a form.
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
    return Response(text, status, media_type="text/html", headers=headers)


def _sign_in_form(request: Request, message: str, status: int) -> Response:
    console = _console(request)
    to = _here(request) if request.method == "GET" else console.base
    text = environment().get_template("sign_in.html").render(base=console.base, message=message, to=to)
    return _html(text, status)


@router.post(f"{PATH}/sign-in")
async def sign_in(request: Request) -> Response:
    """Turn an API key into a session."""
    console = _console(request)
    try:
        fields = dict(await _fields(request))
        key = fields.get("key", "").strip()
        parts = console.gateway
        caller = await caller_of(parts.key_cache, parts.limits, f"Bearer {key}", client_address(request.scope))
    except ForetellError as error:
        return _sign_in_form(request, str(error), error.status)
    request.state.facts = {"account": caller.account, "key": caller.public_id}
    answer = _redirect(console, fields.get("to", ""))
    _remember(console, answer, console.sessions.cookie(public_id_of(key), digest_of(key)))
    return answer


@router.get(f"{PATH}/enter")
async def enter(request: Request) -> Response:
    """Sign in by a one-time link; not by one on another site's page, which could be somebody else's."""
    console = _console(request)
    try:
        if request.headers.get("sec-fetch-site") == "cross-site":
            raise NotAuthenticated("Copy the link into the address bar: it is not followed from another site.")
        link = console.sessions.link(request.query_params.get("link"))
        caller = await caller_of_session(console.gateway.key_cache, link)
        kept = console.gateway.database.of(caller.account).idempotency
        if not await run_sync(lambda: kept.add_received(USED_LINKS, [link.nonce], at=now_us())):
            raise spent()
    except ForetellError as error:
        return _sign_in_form(request, str(error), error.status)
    answer = _redirect(console, console.base)
    _remember(console, answer, console.sessions.cookie_of_link(link))
    return answer


@router.post(f"{PATH}/sign-out")
@_in_words
async def sign_out(request: Request) -> Response:
    """End the session."""
    await _fields(request)
    console = _console(request)
    answer = _redirect(console, console.base)
    answer.delete_cookie(SESSION_COOKIE, path=console.base)
    return answer


@router.post(f"{PATH}/call")
@_in_words
async def call(request: Request) -> Response:
    """Call the API as a form says.

    Fields that begin with an underscore are for the console: `_call` is method and path, `_next` the page to show
    then, `_done` what it says, `_once` makes the same form sent twice one call. All others are the body
    (`gateway.console.forms`). `_show` names a template of `templates/answers/` that shows the answer instead, once: a
    new secret stands in no address, cookie or log.
    """
    page_request, session = await _page_request(request)
    fields = await _fields(request)
    own = {name: value for name, value in fields if name.startswith("_")}
    console = _console(request)
    try:
        if not console.sessions.is_form_token(session, own.get("_token")):
            raise BadRequest("This form is too old, or of another session: open its page again.")
        if "_show" in own and own["_show"] not in _ANSWERS:
            raise BadRequest("The form names no way to show the answer.")
        method, path = call_of(own.get("_call", ""), PATH)
        body = body_of_fields([(name, value) for name, value in fields if not name.startswith("_")])
        headers = _once(own.get("_once"), body)
        answered = await page_request.api.call(method, path, body=body or None, headers=headers)
    except ApiProblem as refused:
        return _problem_page(page_request, session, _NOT_DONE, refused.status, refused.document)
    except BadRequest as error:
        document = {"title": error.title, "detail": str(error)}
        return _problem_page(page_request, session, _NOT_DONE, error.status, document)
    if "_show" in own:
        return _shown_once(page_request, session, own, answered.json())
    answer = _redirect(console, own.get("_next") or console.base, in_place="hx-request" in request.headers)
    if own.get("_done"):
        note = console.sessions.note(own["_done"][:500])
        answer.set_cookie(NOTE_COOKIE, note, path=console.base, httponly=True, samesite="lax", secure=console.is_secure)
    return answer


def _once(form: str | None, body: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the key under which a form has its effect once; filled in otherwise, it is another one."""
    if not form:
        return {}
    return {"idempotency-key": sha256(f"{form}\n{json.dumps(body, sort_keys=True)}".encode()).hexdigest()}


def _shown_once(page_request: PageRequest, session: ConsoleSession, own: Mapping[str, str], answer: Any) -> Response:
    """Show an answer; with htmx in the place of the page's content, so that a reload shows the page without it."""
    here = _place(_console(page_request.http), own.get("_next", ""))
    path = here.partition("?")[0].removeprefix(page_request.base).strip("/")
    page = next((one for one in all_pages() if one.path == path), overview.PAGES[0])
    in_place = "hx-request" in page_request.http.headers
    content = {"answer": answer, "here": here, "in_place": in_place}
    template = environment().get_template(f"answers/{own['_show']}.html")
    made = _html(template.render(_surroundings(page_request, session, page) | content))
    if in_place:
        made.headers.update({"HX-Retarget": "#content", "HX-Reswap": "innerHTML show:window:top"})
    return made


def brings_file(scope: ASGIScope) -> bool:
    """Whether a request brings a file, which may be larger than other bodies."""
    found: bool = scope["path"] == UPLOAD_PATH
    return found


@router.post(UPLOAD_PATH)
async def upload(request: Request) -> Response:
    """Pass a file on to the API as it comes; its answer is the page's script's to read."""
    page_request, session = await _page_request(request)
    console = _console(request)
    is_ours = console.sessions.is_form_token(session, request.headers.get(FORM_HEADER))
    if not is_ours or not is_own(request.headers, console.gateway.settings.public_url):
        raise BadRequest("This page is too old, or of another session: open it again.")
    target = request.query_params.get("to", "")
    if target.partition("?")[0] not in TAKE_FILES:
        raise BadRequest("This path of the API takes no file.")
    return page_request.api.passed_on("POST", target, with_body=True)


@router.get(PATH + "/static/{name}")
def static(name: str, request: Request) -> Response:
    """Serve a file of the console's own; browsers ask each time whether theirs is still the one of this release."""
    file = FOLDER / "static" / name
    media = STATIC.get(file.suffix)
    if media is None or file.parent != FOLDER / "static" or not file.is_file():
        raise HTTPException(404)
    content = file.read_bytes()
    headers = {"ETag": f'"{sha256(content).hexdigest()[:32]}"', "Cache-Control": "public, no-cache"}
    if _VERSIONED.search(name):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type=media, headers=headers)


async def _fields(request: Request) -> list[tuple[str, str]]:
    return await fields_of(request, _console(request).gateway.settings.public_url)


_IN_PATHS: Final = "/%~!$&'()*+,;=:@-._"
"""What stands in a path as it is: escapes that are there stay what they are."""


def _place(console: Console, to: str) -> str:
    """Return the address of a page of the console, and of nothing else: its first one where another thing is named."""
    path = to.partition("?")[0]
    parts = path.split("/")
    fits = path == console.base or path.startswith(f"{console.base}/")
    fits = fits and "\\" not in to and ".." not in parts and "" not in parts[1:]
    return quote(to, safe=f"{_IN_PATHS}?") if fits else console.base


def _redirect(console: Console, to: str, *, in_place: bool = False) -> Response:
    """Redirect to a page of the console, and to nowhere else."""
    place = _place(console, to)
    if in_place:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": place})
    return RedirectResponse(place, HTTPStatus.SEE_OTHER)


def _remember(console: Console, answer: Response, cookie: str) -> None:
    answer.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=SESSION_SECONDS,
        path=console.base,
        httponly=True,
        samesite="lax",
        secure=console.is_secure,
    )


async def _unknown(request: Request) -> Response:
    if request.path_params["rest"].startswith("static/"):
        raise HTTPException(404)
    page_request, session = await _page_request(request)
    text = "There is no such page. The menu lists those that there are."
    return _problem_page(page_request, session, _NO_PAGE, HTTPStatus.NOT_FOUND, {"title": "Not found", "detail": text})


for _page in all_pages():
    _path = f"{PATH}/{_page.path}" if _page.path else PATH
    router.add_api_route(_path, _page_route(_page), methods=["GET"], response_model=None)
# The last one: whatever no other route of the console answers.
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
router.add_api_route(PATH + "/{rest:path}", _in_words(_unknown), methods=_METHODS, response_model=None)
