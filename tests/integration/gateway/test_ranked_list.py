import csv
import io
import json
from typing import Any

from python_calamine import CalamineWorkbook

from gateway.predictions.ranked_list import AttributeValue, page
from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, SECOND, instant_of
from shared.ingest import contact_row, event_row
from shared.store import PredictionFilter, PredictionRow

NOW = 1_780_000_000 * SECOND
KEY = b"k" * 32


def prediction(contact_id: str, score: int | None, **more: Any) -> PredictionRow:
    reasons = [{"feature": "f", "value": 4, "effect": "raises", "contribution": 0.8, "text": "=Clicked 4 emails"}]
    row = PredictionRow(
        contact_id=contact_id, capability="scoring", outcome="customer", version="7", cutoff=NOW, asked_at=NOW,
        request_id="r", status="ok", probability=None if score is None else score / 100, score=score, band="high",
        source="model", body=json.dumps({"contact_id": contact_id, "reasons": reasons}),
    )  # fmt: skip
    return row._replace(**more)


def event(contact_id: str, type_: str, days: float, **more: Any) -> Any:
    at = instant_of(NOW + int(days * DAY))
    given = EventInput.model_validate({"contact_id": contact_id, "type": type_, "occurred_at": at, **more})
    return event_row(given, recorded_at=NOW + int(days * DAY) + SECOND)


def put(store: Any, contact_id: str, *, later: float = 0, **attributes: Any) -> None:
    at = NOW + int(later * DAY)
    given = ContactInput.model_validate({"id": contact_id, "attributes": attributes})
    store.contacts.put([contact_row(given, recorded_at=at, identity_key=KEY)], recorded_at=at)


async def listed(gateway: Any, query: str = "", key: str | None = None) -> Any:
    path = f"/predictions?capability=scoring&outcome=customer{query}"
    return (await gateway.request("GET", path, key or gateway.key(scopes=("read",))))[1]


def ids(answer: Any) -> list[str]:
    return [one["contact_id"] for one in answer["predictions"]]


async def test_who_bought_after_the_prediction_is_not_in_the_list(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.predictions.log([prediction("a", 99), prediction("b", 90), prediction("c", 80), prediction("d", 70)])
    store.events.add([
        event("a", "order_placed", 0.01), event("b", "email_clicked", 0.01), event("c", "deal_won", 1, human=False),
    ])  # fmt: skip

    assert ids(await listed(any_gateway)) == ["b", "c", "d"]


async def test_whose_attribute_says_yes_is_not_in_the_list(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.outcomes.put(Outcome(name="customer", capability="scoring", attribute="converted"))
    put(store, "a", converted=1)
    put(store, "b", converted="no")
    put(store, "c", converted="Yes")
    store.predictions.log([prediction(one, 90) for one in "abcd"])

    assert ids(await listed(any_gateway)) == ["b", "d"]


async def test_whose_attribute_no_longer_says_yes_is_in_the_list_again(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.outcomes.put(Outcome(name="customer", capability="scoring", attribute="converted"))
    store.predictions.log([prediction("a", 90)])
    found = []
    for later, answer in enumerate(("yes", "no", "yes", None)):
        put(store, "a", later=later, converted=answer)
        found.append(ids(await listed(any_gateway)))

    assert found == [[], ["a"], [], ["a"]]


async def test_who_bought_is_in_the_list_again_once_the_outcome_can_be_reached_again(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    bought = Outcome(name="customer", capability="scoring", event_types=("order_placed",), horizon_days=30)
    store.outcomes.put(bought)
    store.predictions.log([prediction("a", 90)])
    store.events.add([event("a", "order_placed", 0.01)])
    once = ids(await listed(any_gateway))

    store.outcomes.put(bought.model_copy(update={"repeatable": True}))

    assert (once, ids(await listed(any_gateway))) == ([], ["a"])


async def test_who_left_and_came_back_is_in_the_list_again(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.outcomes.put(
        Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30)
    )
    store.predictions.log([prediction("a", 90, capability="churn", outcome="left")])
    key = any_gateway.key(scopes=("read",))
    found = []
    for days, type_ in ((1, "subscription_cancelled"), (2, "subscription_started"), (3, "subscription_cancelled")):
        store.events.add([event("a", type_, days)])
        answer = (await any_gateway.request("GET", "/predictions?capability=churn&outcome=left", key))[1]
        found.append(ids(answer))

    assert found == [[], ["a"], []]


async def test_a_stored_answer_that_the_outcome_was_reached_stays_until_the_contact_is_scored_anew(
    gateway,
) -> None:
    store = gateway.store.of("acme")
    store.outcomes.put(Outcome(name="customer", capability="scoring", attribute="converted"))
    store.predictions.log([prediction("a", None, status="outcome_reached", band=None)])
    put(store, "a", converted="no")

    before = ids(await listed(gateway)), ids(await listed(gateway, "&status=outcome_reached"))
    stale = store.changes.stale_among(["a"])
    store.predictions.log([prediction("a", 70, asked_at=NOW + DAY, cutoff=NOW + DAY)])

    assert before == ([], ["a"])
    assert stale == {"a"}  # the worker asks within a minute
    assert (ids(await listed(gateway)), ids(await listed(gateway, "&status=outcome_reached"))) == (["a"], [])


async def test_pages_are_full_and_complete_where_most_have_bought(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.predictions.log([prediction(f"c-{number:02}", 50) for number in range(20)])
    store.events.add([event(f"c-{number:02}", "deal_won", 0.1) for number in range(20) if number % 4])
    key = any_gateway.key(scopes=("read",))

    first = await listed(any_gateway, "&limit=2", key)
    second = await listed(any_gateway, f"&limit=2&cursor={first['next_cursor']}", key)
    third = await listed(any_gateway, f"&limit=2&cursor={second['next_cursor']}", key)

    assert ids(first) + ids(second) + ids(third) == ["c-00", "c-04", "c-08", "c-12", "c-16"]
    assert third["next_cursor"] is None


async def test_the_list_is_filtered_and_sorted_both_ways(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.predictions.log([
        prediction("a", 99), prediction("b", 60, band="low"), prediction("c", 40, asked_at=NOW + DAY, cutoff=NOW + DAY),
        prediction("d", None, status="outcome_reached", band=None), prediction("e", 99),
        prediction("c", None, capability="segmentation", outcome="", segment="s-1"),
    ])  # fmt: skip

    assert ids(await listed(any_gateway, "&sort=score")) == ["c", "b", "a", "e"]
    assert ids(await listed(any_gateway, "&min_score=60")) == ["a", "e", "b"]
    assert ids(await listed(any_gateway, "&band=low")) == ["b"]
    assert ids(await listed(any_gateway, "&segment=s-1")) == ["c"]
    assert ids(await listed(any_gateway, "&status=outcome_reached")) == ["d"]
    since = f"{instant_of(NOW + DAY):%Y-%m-%dT%H:%M:%SZ}"
    assert ids(await listed(any_gateway, f"&updated_since={since}")) == ["c"]


async def test_an_empty_list_says_why(gateway) -> None:
    store = gateway.store.of("acme")
    store.events.add([event("a", "order_placed", -6_000)])
    store.predictions.log([prediction(one, None, status="not_eligible", band=None) for one in "abc"])

    because = (await listed(gateway))["empty_because"]

    newest = f"{instant_of(NOW - 6_000 * DAY):%Y-%m-%d}"
    assert because["by_status"] == {"not_eligible": 3}
    assert because["detail"].startswith(f"All 3 contacts are not_eligible: the newest event is of {newest}.")
    assert because["newest_event_at"].startswith(newest)


async def test_an_empty_list_of_an_account_without_a_model_says_so(gateway) -> None:
    assert "train one first" in (await listed(gateway))["empty_because"]["detail"]


async def test_the_list_as_csv_runs_no_formula(gateway) -> None:
    store = gateway.store.of("acme")
    store.predictions.log([prediction("=cmd|' /C calc'!A0", 99), prediction("b", 90)])
    key = gateway.key(scopes=("read",))

    path = "/predictions?capability=scoring&outcome=customer&limit=1"
    status, raw, headers = await gateway.request("GET", path, key, headers={"Accept": "text/csv"})

    (row,) = csv.DictReader(io.StringIO(raw.decode()))
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/csv")
    assert (row["contact_id"], row["reason_1"], row["score"]) == ("'=cmd|' /C calc'!A0", "'=Clicked 4 emails", "99")
    following = headers["Link"].split(">")[0].removeprefix("<")
    _, rest, headers = await gateway.request("GET", f"/predictions{following}", key, headers={"Accept": "text/csv"})
    assert [one["contact_id"] for one in csv.DictReader(io.StringIO(rest.decode()))] == ["b"]


async def test_the_list_is_filtered_by_the_value_that_an_attribute_has_now(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    for one, plan, size in (("a", "pro", 5), ("b", "free", 5.0), ("c", "pro", "5"), ("d", "pro", 6)):
        put(store, one, plan=plan, size=size, new=True)
    put(store, "d", later=1, plan="free")
    store.predictions.log([prediction(one, 90) for one in "abcde"])

    assert ids(await listed(any_gateway, "&attribute=plan&value=pro")) == ["a", "c"]
    assert ids(await listed(any_gateway, "&attribute=size&value=5")) == ["a", "b", "c"]
    assert ids(await listed(any_gateway, "&attribute=Plan&value=PRO")) == ["a", "c"]
    assert ids(await listed(any_gateway, "&attribute=new&value=true")) == ["a", "b", "c", "d"]
    assert ids(await listed(any_gateway, "&attribute=plan&value=professional")) == []


async def test_an_attribute_needs_its_value(gateway) -> None:
    key = gateway.key(scopes=("read",))

    without_value = await listed(gateway, "&attribute=plan", key)
    without_name = await listed(gateway, "&value=pro", key)

    assert without_value["errors"][0]["pointer"] == "/query/value"
    assert without_name["errors"][0]["pointer"] == "/query/attribute"


async def test_a_search_looks_through_a_part_of_the_list_and_goes_on(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    for number in range(30):
        put(store, f"c-{number:02}", plan="pro" if number in (14, 15, 27) else "free")
    store.predictions.log([prediction(f"c-{number:02}", 90) for number in range(30)])
    found, after = [], None
    for _ in range(4):
        part = page(
            store, PredictionFilter("scoring", "customer"), limit=5, after=after,
            attribute=AttributeValue("plan", "pro"), searched=10,
        )  # fmt: skip
        found.append([row.contact_id for row in part.rows])
        after = part.place

    assert (found, after) == ([[], ["c-14", "c-15"], ["c-27"], []], None)


async def test_a_list_is_counted_on_request(any_gateway) -> None:
    store = any_gateway.store.of("acme")
    store.predictions.log([prediction("a", 99), prediction("b", 60, band="low"), prediction("c", 40)])

    assert (await listed(any_gateway, "&limit=1&count=true&band=high"))["count"] == 2
    assert (await listed(any_gateway, "&limit=1"))["count"] is None


async def test_the_whole_list_is_a_file_of_either_kind_that_runs_no_formula(gateway) -> None:
    store = gateway.store.of("acme")
    store.predictions.log([prediction("=1+1", 99), *(prediction(f"c-{n:04}", 50) for n in range(1_200))])
    key, path = gateway.key(scopes=("read",)), "/predictions?capability=scoring&outcome=customer&format="

    _, table, headers = await gateway.request("GET", f"{path}csv", key)
    _, workbook, _ = await gateway.request("GET", f"{path}xlsx", key)

    of_table = [row["contact_id"] for row in csv.DictReader(io.StringIO(table.decode()))]
    of_sheet = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()
    assert headers["Content-Disposition"] == 'attachment; filename="scoring-customer.csv"'
    assert (len(of_table), of_table[:2]) == (1_201, ["'=1+1", "c-0000"])
    assert ([row[0] for row in of_sheet[:3]], len(of_sheet)) == (["contact_id", "=1+1", "c-0000"], 1_202)


async def test_a_file_has_no_pages(gateway) -> None:
    problem = await listed(gateway, "&format=csv&limit=5")

    assert problem["errors"] == [{"pointer": "/query/limit", "detail": "leave it out"}]


async def test_a_contact_is_shown_the_whole_answer_of_a_capability(gateway) -> None:
    body = json.dumps({"contact_id": "a", "errors": [], "reasons": [], "parts": {"fit": 0.4}})
    gateway.store.of("acme").predictions.log([prediction("a", 90, body=body)])

    answer = (await gateway.request("GET", "/contacts/a/predictions", gateway.key(scopes=("read",))))[1]

    assert answer["predictions"][0]["details"] == {"parts": {"fit": 0.4}}
