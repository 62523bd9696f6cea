"""Who is signed in: a short signed cookie that stands for an API key, form tokens, one-time links and short notes.

The cookie names the key and holds a fingerprint of its digest, never the key: it ends when the key is revoked,
expires or is replaced, and after `SESSION_SECONDS` in any case. Everything is signed by itsdangerous with a key
derived from the installation's signing key, each kind with a salt of its own.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from gateway.auth import Caller, KeyCache
from shared.errors import NotAuthenticated

SESSION_SECONDS: Final = 12 * 3_600
LINK_SECONDS: Final = 3_600
"""How long a one-time link waits to be opened."""
_FINGERPRINT: Final = 32


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A key that is signed in, by its public id, and what only this session knows."""

    public_id: str
    fingerprint: str
    nonce: str


@dataclass(slots=True)
class Sessions:
    """Signs and reads what the console hands out."""

    key: bytes
    """The installation's signing key."""

    def cookie(self, public_id: str, digest: bytes) -> str:
        """Return the cookie's value for a key."""
        return self._timed("session").dumps(_content(public_id, digest))

    def session(self, cookie: str | None) -> ConsoleSession | None:
        """Read a cookie; None: there is none, it is not ours, or it is too old."""
        content = self._read(self._timed("session"), cookie, SESSION_SECONDS)
        return None if content is None else ConsoleSession(content["key"], content["print"], content["nonce"])

    def form_token(self, session: ConsoleSession) -> str:
        """Return what each form of a session carries, so that no other site can send one (CSRF)."""
        return URLSafeSerializer(self.key, salt="console-form").dumps(session.nonce)

    def is_form_token(self, session: ConsoleSession, token: str | None) -> bool:
        """Whether a form was made for this session."""
        try:
            nonce = URLSafeSerializer(self.key, salt="console-form").loads(token or "")
        except BadData:
            return False
        return isinstance(nonce, str) and hmac.compare_digest(nonce, session.nonce)

    def link_token(self, public_id: str, digest: bytes) -> str:
        """Return the token of a link that signs in once."""
        return self._timed("link").dumps(_content(public_id, digest))

    def link(self, token: str | None) -> ConsoleSession:
        """Read a link; its nonce is what can be used once.

        Raises:
            NotAuthenticated: it is not ours, or too old.
        """
        content = self._read(self._timed("link"), token, LINK_SECONDS)
        if content is None:
            raise spent()
        return ConsoleSession(content["key"], content["print"], content["nonce"])

    def cookie_of_link(self, link: ConsoleSession) -> str:
        """Return the cookie's value of a new session that a link begins."""
        content = {"key": link.public_id, "print": link.fingerprint, "nonce": token_urlsafe(16)}
        return self._timed("session").dumps(content)

    def note(self, text: str) -> str:
        """Sign a note for the next page."""
        return URLSafeSerializer(self.key, salt="console-note").dumps(text)

    def read_note(self, cookie: str | None) -> str | None:
        """Read a note; None: there is none."""
        try:
            text = URLSafeSerializer(self.key, salt="console-note").loads(cookie or "")
        except BadData:
            return None
        return text if isinstance(text, str) else None

    def _timed(self, kind: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt=f"console-{kind}", signer_kwargs={"digest_method": sha256})

    def _read(self, serializer: URLSafeTimedSerializer, text: str | None, max_age: int) -> dict[str, str] | None:
        try:
            content: Any = serializer.loads(text or "", max_age=max_age)
        except BadData:
            return None
        return content if isinstance(content, dict) else None


async def caller_of_session(key_cache: KeyCache, session: ConsoleSession) -> Caller:
    """Return who is signed in.

    Raises:
        NotAuthenticated: the key was revoked, has expired, or is another one now.
        StoreUnavailable: the store is away, and the key is not cached.
    """
    return await key_cache.confirmed(
        session.public_id, lambda digest: hmac.compare_digest(_fingerprint(digest), session.fingerprint)
    )


def _content(public_id: str, digest: bytes) -> dict[str, str]:
    return {"key": public_id, "print": _fingerprint(digest), "nonce": token_urlsafe(16)}


def _fingerprint(digest: bytes) -> str:
    return sha256(b"console\n" + digest).hexdigest()[:_FINGERPRINT]


def spent() -> NotAuthenticated:
    """Make the error of a link that does not sign in any more."""
    return NotAuthenticated(
        "This link was used before, or is too old. Make a new one with `foretell console`, or sign in with a key."
    )
