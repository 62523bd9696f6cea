"""Routes of the console: pages, signing in and out, and one route by which every form calls the API."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from anyio import CapacityLimiter
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.auth import Caller, caller_of
from gateway.console import contacts, keys, overview, webhooks
from gateway.console.api import AT_ONCE, Api, ApiProblem
from gateway.console.capability_pages import capability_pages
from gateway.console.forms import body_of_fields
from gateway.console.pages import GROUPS, ConsolePage, PageRequest
from gateway.console.rendering import FOLDER, environment
from gateway.console.sessions import SESSION_SECONDS, ConsoleSession, Sessions, caller_of_session
from gateway.context import Gateway
from shared.contracts.credentials import digest_of, public_id_of
from shared.errors import BadRequest, ForetellError, NotAuthenticated

PATH: Final = "/console"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
STATIC: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}
SESSION_COOKIE: Final = "foretell_session"
NOTE_COOKIE: Final = "foretell_note"
_ANSWERS: Final = frozenset(file.stem for file in (FOLDER / "templates" / "answers").iterdir())
"""Templates that show an answer in the place of a page."""
_MOST_FORM_BYTES: Final = 1_000_000
_SAME_SITE: Final = (None, "same-origin", "none")

router = APIRouter(include_in_schema=False)


def all_pages() -> tuple[ConsolePage, ...]:
    """List every page in the order of the menu; those of capabilities come first in their group."""
    return (*overview.PAGES, *capability_pages(), *contacts.PAGES, *webhooks.PAGES, *keys.PAGES)


class Console:
    """What the console keeps in a process: its own parts of the gateway, and the signer of its cookies."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.sessions = Sessions(gateway.settings.signing_key.get_secret_value().encode())
        self.limiter = CapacityLimiter(AT_ONCE)
        public = urlsplit(gateway.settings.public_url or "")
        self.base = f"{public.path}{PATH}"
        self.is_secure = public.scheme == "https"


def _console(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


def _session(request: Request) -> ConsoleSession | None:
    return _console(request).sessions.session(request.cookies.get(SESSION_COOKIE))


async def _page_request(request: Request) -> tuple[PageRequest, ConsoleSession]:
    """Find who is signed in.

    Raises:
        NotAuthenticated: nobody, or no longer.
    """
    console, session = _console(request), _session(request)
    if session is None:
        raise NotAuthenticated("Sign in first.")
    caller = await caller_of_session(console.gateway.key_cache, session)
    request.state.facts = {"account": caller.account, "key": caller.public_id}
    return PageRequest(request, _api(request, caller), console.base), session


def _api(request: Request, caller: Caller) -> Api:
    console = _console(request)
    client = (request.client.host, request.client.port) if request.client is not None else None
    return Api(request.app, console.gateway, caller, client, console.limiter)


def _page_route(page: ConsolePage) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        try:
            page_request, session = await _page_request(request)
        except NotAuthenticated as error:
            message = "" if _session(request) is None else str(error)
            return _sign_in_form(request, message, HTTPStatus.OK)
        return await _shown(page, page_request, session)

    return show


async def _shown(page: ConsolePage, page_request: PageRequest, session: ConsoleSession) -> Response:
    if not page_request.can(page.scope):
        message = f"This key lacks the scope {page.scope}; it has: {', '.join(page_request.api.caller.scopes)}."
        return _problem_page(
            page_request, session, page, HTTPStatus.FORBIDDEN, {"title": "Not allowed", "detail": message}
        )
    try:
        content = await page.load(page_request)
    except ApiProblem as refused:
        return _problem_page(page_request, session, page, refused.status, refused.document)
    except ForetellError as error:
        return _problem_page(page_request, session, page, error.status, {"title": error.title, "detail": str(error)})
    if isinstance(content, Response):
        return content
    return await _rendered(page_request, session, page, page.template, content)


def _problem_page(
    page_request: PageRequest, session: ConsoleSession, page: ConsolePage, status: int, document: Mapping[str, Any]
) -> Response:
    content = {"problem": document, "status": status}
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
        "here": _here(page_request.http, page_request.base),
    }


def _here(request: Request, base: str) -> str:
    """Return the address of the page that is shown, as the browser knows it."""
    # As it was sent: an id in it may hold what means something else once it is decoded.
    path = f"{base}{request.scope['raw_path'].decode('latin-1').removeprefix(PATH)}"
    return f"{path}?{request.url.query}" if request.url.query else path


def _html(text: str, status: int = HTTPStatus.OK) -> Response:
    return Response(text, status, media_type="text/html", headers={"Content-Security-Policy": POLICY})


def _sign_in_form(request: Request, message: str, status: int) -> Response:
    console = _console(request)
    to = _here(request, console.base) if request.method == "GET" else console.base
    text = environment().get_template("sign_in.html").render(base=console.base, message=message, to=to)
    return _html(text, status)


@router.post(f"{PATH}/sign-in")
async def sign_in(request: Request) -> Response:
    """Turn an API key into a session."""
    console = _console(request)
    try:
        fields = await _fields(request)
        key = dict(fields).get("key", "").strip()
        parts = console.gateway
        address = request.client.host if request.client is not None else ""
        caller = await caller_of(parts.key_cache, parts.limits, f"Bearer {key}", address)
    except ForetellError as error:
        return _sign_in_form(request, str(error), error.status)
    request.state.facts = {"account": caller.account, "key": caller.public_id}
    answer = _redirect(console, dict(fields).get("to", ""))
    _remember(console, answer, console.sessions.cookie(public_id_of(key), digest_of(key)))
    return answer


@router.get(f"{PATH}/enter")
async def enter(request: Request) -> Response:
    """Sign in by a one-time link."""
    console = _console(request)
    try:
        session = console.sessions.enter(request.query_params.get("link"))
        await caller_of_session(console.gateway.key_cache, session)
    except NotAuthenticated as error:
        return _sign_in_form(request, str(error), HTTPStatus.UNAUTHORIZED)
    answer = _redirect(console, console.base)
    _remember(console, answer, console.sessions.renewed(session))
    return answer


@router.post(f"{PATH}/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    await _fields(request)
    console = _console(request)
    answer = _redirect(console, console.base)
    answer.delete_cookie(SESSION_COOKIE, path=console.base)
    return answer


@router.post(f"{PATH}/call")
async def call(request: Request) -> Response:
    """Call the API as a form says.

    Fields that begin with an underscore are for the console: `_call` is method and path, `_next` the page to show
    then, `_done` what it says. All others are the body (`gateway.console.forms`). `_show` names a template of
    `templates/answers/` that shows the answer instead, once: a new secret stands in no address, cookie or log.
    """
    page_request, session = await _page_request(request)
    fields = await _fields(request)
    own = {name: value for name, value in fields if name.startswith("_")}
    console = _console(request)
    if not console.sessions.is_form_token(session, own.get("_token")):
        raise BadRequest("This form is too old, or of another session: open its page again.")
    method, _, path = own.get("_call", "").partition(" ")
    if method not in {"POST", "PUT", "PATCH", "DELETE"} or not path.startswith("/") or path.startswith(PATH):
        raise BadRequest("The form names no call of the API.")
    if "_show" in own and own["_show"] not in _ANSWERS:
        raise BadRequest("The form names no way to show the answer.")
    once = {"idempotency-key": own["_once"]} if own.get("_once") else {}
    body = body_of_fields([(name, value) for name, value in fields if not name.startswith("_")])
    try:
        answered = await page_request.api.call(method, path, body=body or None, headers=once)
    except ApiProblem as refused:
        return _refusal(page_request, session, refused)
    to = own.get("_next") or console.base
    if "_show" in own:
        return _shown_once(page_request, session, own["_show"], {"answer": answered.json(), "back": to})
    answer = _redirect(console, to, in_place="hx-request" in request.headers)
    if own.get("_done"):
        note = console.sessions.note(own["_done"][:500])
        answer.set_cookie(NOTE_COOKIE, note, path=console.base, httponly=True, samesite="lax", secure=console.is_secure)
    return answer


def _refusal(page_request: PageRequest, session: ConsoleSession, refused: ApiProblem) -> Response:
    if "hx-request" in page_request.http.headers:
        text = environment().get_template("problem_part.html").render(problem=refused.document)
        return _html(text, refused.status)
    page = ConsolePage("", "Not done", "problem.html", overview.PAGES[0].load)
    return _problem_page(page_request, session, page, refused.status, refused.document)


def _shown_once(page_request: PageRequest, session: ConsoleSession, name: str, content: Mapping[str, Any]) -> Response:
    """Show an answer; with htmx in the place of the page's content, so that a reload shows the page without it."""
    path = str(content["back"]).partition("?")[0].removeprefix(page_request.base).strip("/")
    page = next((one for one in all_pages() if one.path == path), overview.PAGES[0])
    in_place = "hx-request" in page_request.http.headers
    surroundings = {**_surroundings(page_request, session, page), **content, "shown": f"answers/{name}.html"}
    answer = _html(
        environment().get_template(surroundings["shown"] if in_place else "answer.html").render(surroundings)
    )
    if in_place:
        answer.headers.update({"HX-Retarget": "#content", "HX-Reswap": "innerHTML show:window:top"})
    return answer


@router.get(PATH + "/static/{name}")
def static(name: str) -> Response:
    """Serve a file of the console's own."""
    file = FOLDER / "static" / name
    media = STATIC.get(file.suffix)
    if media is None or file.parent != FOLDER / "static" or not file.is_file():
        raise HTTPException(404)
    return Response(file.read_bytes(), media_type=media, headers={"Cache-Control": "public, max-age=3600"})


async def _fields(request: Request) -> list[tuple[str, str]]:
    """Read a form that was sent from a page of this console.

    Raises:
        BadRequest: it comes from another site, or is no form.
    """
    if request.headers.get("sec-fetch-site") not in _SAME_SITE:
        raise BadRequest("This form was sent by another site.")
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise BadRequest("Send this form from its page.")
    body = await request.body()
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2_000)
    except ValueError as error:
        raise BadRequest("The form cannot be read.") from error


def _redirect(console: Console, to: str, *, in_place: bool = False) -> Response:
    """Redirect to a page of the console, and to nowhere else."""
    fits = to == console.base or to.startswith((f"{console.base}/", f"{console.base}?"))
    place = to if fits and "\\" not in to and "//" not in to.partition("?")[0] else console.base
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


for _page in all_pages():
    router.add_route(f"{PATH}/{_page.path}" if _page.path else PATH, _page_route(_page), methods=["GET"])
