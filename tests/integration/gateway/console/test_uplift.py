"""The page of uplift: contacts with their groups, and what a treatment adds for one of them."""

import json

from services.uplift.schemas import RESPONSE_EXAMPLE
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ContactRow
from shared.store import PredictionRow
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser

NOW = 1_780_272_000_000_000
VISITED = Outcome(name="visited", capability="uplift", event_types=("page_viewed",), horizon_days=14)


async def page(gateway: RunningGateway, path: str) -> str:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=("admin",)))
    return str((await browser.get(path)).text)


def predicted(gateway: RunningGateway, arm: str) -> None:
    store = gateway.store.of("acme")
    store.outcomes.put(VISITED)
    body = json.dumps(RESPONSE_EXAMPLE["predictions"][0] | {"arm": arm})
    store.contacts.put([ContactRow("c-42")], recorded_at=1)
    store.predictions.log(
        [PredictionRow("c-42", "uplift", "visited", "7", NOW, NOW, "r", "ok", None, None, None, "model", body)]
    )


async def test_contacts_are_listed_with_group_effect_and_range(gateway: RunningGateway) -> None:
    predicted(gateway, "<script>alert(1)</script>")

    shown = await page(gateway, "/console/uplift?outcome=visited")

    assert "Persuadable" in shown
    assert "0.06 to 0.16" in shown
    assert "Viewed 4 pages in the last 30 days" in shown
    assert "<script>alert(1)</script>" not in shown


async def test_without_an_answer_the_page_says_what_to_do(gateway: RunningGateway) -> None:
    shown = await page(gateway, "/console/uplift")

    assert "Nobody is in this list" in shown
