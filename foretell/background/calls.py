"""Asking a service directly, with the header that the gateway would sign."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException

from foretell.processes import directly, is_healthy
from shared.capabilities import TABLE, capability
from shared.change_detection.service_answers import ServiceAnswer
from shared.contracts.call import CALL_HEADER, REQUEST_ID_HEADER, Call, SignedContent, signed
from shared.errors import ClockSkew, UpstreamTimeout, UpstreamUnavailable
from shared.settings import WorkerSettings
from shared.store import ChampionRow

DEADLINE_SECONDS = 60.0
_LASTING = (400, 413, 422, 500)
"""Statuses of an answer that would be the same again."""


class Unanswerable(UpstreamUnavailable):
    """A service cannot answer for some contact among these, now or later; it answers for others."""


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """Asks services about contacts, on behalf of an account."""

    settings: WorkerSettings

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> ServiceAnswer:
        """Score up to 1,000 contacts; the predictions are in the store before the answer comes.

        Returns:
            What decides about last known states.

        Raises:
            Unanswerable: the service failed over these contacts; called again it would fail again.
            UpstreamUnavailable: nobody answers there, or with an error that passes.
            UpstreamTimeout: no answer before the deadline.
            ClockSkew: the service's clock differs by too much.
        """
        line = capability(champion.capability)
        body: dict[str, object] = {"contacts": [{"id": one} for one in contact_ids], "reasons": reasons}
        if line.per_outcome:
            body["outcome"] = champion.outcome
        body = line.harmless_request(body)
        covered = SignedContent("POST", line.path.encode(), json.dumps(body).encode())
        request = urllib.request.Request(  # noqa: S310 - our own services' address
            self.settings.upstream_of(line.name) + line.path,
            data=covered.body,
            headers=self._headers(champion.account, covered),
            method=covered.method,
        )
        try:
            with directly(request, timeout=DEADLINE_SECONDS) as answer:
                read = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                skewed = error.code == ClockSkew.status and _code(error) == ClockSkew.code
            if skewed:
                raise ClockSkew(f"The clock of the service {line.name} differs from this one.") from error
            kind = Unanswerable if error.code in _LASTING else UpstreamUnavailable
            raise kind(f"The service {line.name} answered {error.code}.") from error
        except TimeoutError as error:
            raise UpstreamTimeout(f"The service {line.name} did not answer within {DEADLINE_SECONDS:.0f} s.") from error
        except (OSError, HTTPException) as error:
            raise UpstreamUnavailable(f"The service {line.name} does not answer.") from error
        try:
            answer = ServiceAnswer.model_validate_json(read)
        except ValueError as error:
            raise Unanswerable(f"The answer of the service {line.name} cannot be read.") from error
        if [seen.contact_id for seen in answer.predictions] != list(contact_ids):
            raise Unanswerable(f"The service {line.name} answered about others than those asked about.")
        return answer

    def all_ready(self) -> bool:
        """Whether every service is ready."""
        return all(is_healthy(f"{self.settings.upstream_of(line.name)}/readyz") for line in TABLE)

    def _headers(self, account: str, covered: SignedContent) -> dict[str, str]:
        request_id = f"rescore-{uuid.uuid4().hex}"
        now = time.time()
        call = Call(
            account=account,
            scopes=("predict",),
            request_id=request_id,
            deadline_at=now + DEADLINE_SECONDS,
            committed=True,
        )
        key = self.settings.signing_key.get_secret_value().encode()
        return {
            "Content-Type": "application/json",
            CALL_HEADER: signed(call, covered, key, now=now),
            REQUEST_ID_HEADER: request_id,
        }


def _code(error: urllib.error.HTTPError) -> object:
    try:
        problem = json.loads(error.read())
    except (OSError, HTTPException, ValueError):
        return None
    return problem.get("code") if isinstance(problem, dict) else None
