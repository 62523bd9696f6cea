import pytest

from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.store import AccountStore, CommandLease, ModelCommandRow, VersionRow
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser, token_in

NOW = 1_780_000_000 * 1_000_000
EVIL = "<script>alert(1)</script>"
CARD = {"evidence": {"question": "How likely is an order?"}, "data": {"positive_contacts": 50}}
TRAINING = ModelCommandRow("cmd_0123456789abcdef", "train", "scoring", "order", NOW, "key")


def filled(store: AccountStore) -> AccountStore:
    """Sixty of 120 contacts order in the third month, all look around in each of six; one attribute says who is VIP."""
    contacts = [
        ContactRow(f"c-{n:03}", NOW - 400 * DAY, attributes=(AttributeRow("vip", EVIL if n % 2 else "no", None),))
        for n in range(120)
    ]
    views = [
        EventRow(f"c-{n:03}", f"v-{month}", "page_viewed", NOW - 30 * month * DAY, NOW)
        for n in range(120)
        for month in range(7)
    ]
    orders = [EventRow(f"c-{n:03}", "o", "order_placed", NOW - 75 * DAY, NOW) for n in range(60)]
    store.contacts.put_bulk(contacts, recorded_at=NOW)
    store.events.add_bulk([*views, *orders])
    return store


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin", "read")))
    return browser


def ordering(store: AccountStore) -> AccountStore:
    store.outcomes.put(Outcome(name="order", capability="scoring", event_types=("order_placed",), horizon_days=30))
    return store


def trained(store: AccountStore, *, promoted: bool) -> None:
    """One version that the console asked for, as the worker leaves it."""
    lease = CommandLease(TRAINING.command_id, "worker")
    result = {
        "version": "1", "promoted": promoted, "decided": True, "reason": "It is not surely as good.", "grade": "D",
        "kind": "rule", "comparison": {}, "figures": {},
    }  # fmt: skip
    store.models.commands.request(TRAINING)
    store.models.commands.take(lease, at=NOW, until=NOW + DAY)
    store.models.commands.complete(lease, result, at=NOW + 1)
    store.models.add(VersionRow("scoring", "order", "1", "d" * 64, "rule", "D", NOW, 30, "run", {"auc": 0.6}, CARD))


async def test_an_empty_account_is_led_to_loading(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway)

    page = (await browser.get("/console/predict/new")).text

    assert "There is nobody to learn from yet" in page
    assert 'href="/console/load"' in page


async def test_the_questions_are_listed_with_models_and_trainings(gateway: RunningGateway) -> None:
    trained(ordering(gateway.store.of("acme")), promoted=False)
    browser = await signed_in(gateway)

    page = (await browser.get("/console/predict")).text

    assert "Who has an order within 30 days?" in page
    assert 'href="/console/predict/scoring.order"' in page
    assert "does not answer, trained" in page
    assert "When should this contact&#39;s next message go out?" in page


async def test_a_form_counts_who_would_have_reached_it_as_it_is_filled_in(gateway: RunningGateway) -> None:
    filled(gateway.store.of("acme"))
    browser = await signed_in(gateway)

    form = (await browser.get("/console/predict/new?kind=event")).text
    counts = (await browser.get("/console/predict/counts?kind=event&event=order_placed&days=30")).text
    without = (await browser.get("/console/predict/new?kind=event&event=order_placed&days=30")).text

    assert "order placed (60 contacts, 60 events)" in form
    assert "It can be trained: 60 contacts reached it and 120 did not" in counts
    assert "PUT /outcomes/order_placed_30d?capability=scoring" in counts
    assert counts in without


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kind=event", "Choose what is to be predicted"),
        ("kind=event&event=order_place", "near: &#39;order_placed&#39;"),
        ("kind=event&event=order_placed&days=never", "horizon_days"),
        ("kind=event&event=order_placed&days=200", "too short to see what happens within 200 days"),
        ("kind=silence&silence=page_viewed&days=20", "Who has no page view for 20 days?"),
        ("kind=cancel&event=order_placed&days=30", "PUT /outcomes/order_placed_30d?capability=churn"),
        ("kind=attribute&attribute=vip&value=no", "60 contacts reached it and 60 did not"),
        ("kind=attribute&attribute=vip", '<datalist id="values" hx-swap-oob="true"><option value="&lt;script&gt;'),
        ("kind=attribute&attribute=vip&value=no&name=VIP+%21%21", "PUT /outcomes/vip?capability=scoring"),
    ],
)
async def test_what_a_form_says_is_answered_in_words(gateway: RunningGateway, query: str, words: str) -> None:
    filled(gateway.store.of("acme"))
    browser = await signed_in(gateway)

    assert words in (await browser.get(f"/console/predict/counts?{query}")).text


async def test_values_of_the_data_are_escaped(gateway: RunningGateway) -> None:
    filled(gateway.store.of("acme"))
    browser = await signed_in(gateway)

    page = (await browser.get("/console/predict/new?kind=attribute&attribute=vip&value=%3Cscript%3E")).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


async def test_what_was_counted_is_saved_by_its_form_and_then_trained(gateway: RunningGateway) -> None:
    store = filled(gateway.store.of("acme"))
    browser = await signed_in(gateway)
    counts = (await browser.get("/console/predict/counts?kind=event&event=order_placed&days=30&again=yes")).text
    fields = {"_token": token_in(counts), "event_types[]": "order_placed", "horizon_days:number": "30"}

    saved = await browser.post(
        "/console/call",
        {**fields, "repeatable:flag": "yes", "_call": "PUT /outcomes/order_placed_30d?capability=scoring",
         "_next": "/console/predict/scoring.order_placed_30d"},
    )  # fmt: skip
    page = (await browser.get(saved.headers["Location"])).text
    await browser.post(
        "/console/call",
        {"_token": token_in(page), "_call": "POST /models/scoring.order_placed_30d/train", "promote:flag": "yes"},
    )
    waiting = (await browser.get("/console/predict/scoring.order_placed_30d")).text

    outcome = store.outcomes.find("scoring", "order_placed_30d")
    assert outcome is not None
    assert (outcome.repeatable, outcome.horizon_days) == (True, 30)
    assert "POST /models/scoring.order_placed_30d/train" in page
    assert "It waits for the worker" in waiting
    assert 'hx-trigger="every 2s"' in waiting


async def test_a_training_is_followed_until_it_ends(gateway: RunningGateway) -> None:
    commands, lease = ordering(gateway.store.of("acme")).models.commands, CommandLease(TRAINING.command_id, "worker")
    commands.request(TRAINING)
    commands.take(lease, at=NOW, until=NOW + DAY)
    commands.advance(lease, 0.4, f"fitting {EVIL}")
    browser = await signed_in(gateway)

    running = (await browser.get("/console/predict/scoring.order/training")).text
    commands.fail(lease, {"code": "insufficient-data", "detail": "Only 3 contacts."}, at=NOW + 1)
    failed = (await browser.get("/console/predict/scoring.order/training")).text

    assert 'value="0.4"' in running
    assert "fitting &lt;script&gt;" in running
    assert "trainings/cmd_0123456789abcdef/cancel" in running
    assert "<html" not in running
    assert "Only 3 contacts." in failed
    assert 'href="/console/load"' in failed
    assert "every 2s" not in failed


async def test_a_result_is_shown_in_plain_words_and_can_be_let_answer(gateway: RunningGateway) -> None:
    trained(ordering(gateway.store.of("acme")), promoted=False)
    browser = await signed_in(gateway)

    page = (await browser.get("/console/predict/scoring.order")).text

    assert "It was not let answer: It is not surely as good." in page
    assert "Grade D: not proven to be better than the best plain rule." in page
    assert "<b>Not yet.</b>" in page
    assert "Little data: only 50 contacts reached the outcome" in page
    assert "POST /models/scoring.order/promote" in page


async def test_what_is_missing_is_counted(gateway: RunningGateway) -> None:
    filled(ordering(gateway.store.of("acme")))
    browser = await signed_in(gateway)

    order = (await browser.get("/console/predict/scoring.order/enough")).text
    groups = (await browser.get("/console/predict/segmentation?count=yes")).text

    assert "60 contacts reached it and 120 did not" in order
    assert "Find groups" in groups
    assert "with fewer: a plain rule sets the segments" in groups
    assert 'href="/console/load"' in groups


async def test_who_may_only_read_sees_no_button_that_changes(gateway: RunningGateway) -> None:
    trained(filled(ordering(gateway.store.of("acme"))), promoted=False)
    reader = await signed_in(gateway, "read")

    pages = [
        (await reader.get(f"/console/predict{path}")).text
        for path in ("", "/scoring.order", "/counts?kind=event&event=order_placed&days=30")
    ]

    assert all("/console/call" not in page for page in pages)
    assert (await (await signed_in(gateway, "ingest")).get("/console/predict")).status == 403


async def test_a_question_that_is_not_there_is_not_found(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway)

    assert (await browser.get("/console/predict/scoring.nothing")).status == 404
    assert (await browser.get("/console/predict/weather")).status == 404
