"""What every capability of the table promises, checked on a model trained by its own recipe."""

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.openapi import services
from shared.contracts.rows import DAY, ContactRow
from shared.errors import InsufficientData, RegistryUnavailable
from shared.serving.service import create_app
from shared.timeline import FURTHER_FIELDS, ContactPasts

NOW_US = 1_780_272_000_000_000
IDS = [f"c-{number}" for number in range(60)]


def answers(reply: Any) -> list[Any]:
    assert reply.status == 200, reply.body
    return list(reply.json["predictions"])


def pasts_of(subject: Any, ids: list[str], **bounds: int) -> Any:
    rows = subject.database.of("demo").pasts.of(
        ids, cutoff=bounds.get("cutoff", NOW_US), asked_at=NOW_US, lookback_days=730
    )
    return rows, ContactPasts(ids, rows.facts, rows.events)


def cutoffs(n: int) -> np.ndarray:
    return np.full(n, NOW_US, dtype=np.int64)


def close(left: Any, right: Any) -> bool:
    """Equal, numbers to 1e-9: a batch may add in another order."""
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) < 1e-9
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(close, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(close(left[name], right[name]) for name in left)
    return bool(left == right)


async def test_a_batch_equals_its_parts(subject: Any, opened: Any) -> None:
    async with opened() as client:
        together = answers(await client.post(subject.capability.path, subject.asked(*IDS[:20], reasons=3)))
        alone = [
            answers(await client.post(subject.capability.path, subject.asked(name, reasons=3)))[0] for name in IDS[:20]
        ]

    assert close(together, alone)


async def test_calls_at_the_same_moment_get_what_each_gets_alone(subject: Any, opened: Any) -> None:
    path = subject.capability.path
    asked = [subject.asked(name, reasons=3) for name in IDS]

    async with opened() as client:
        alone = [answers(await client.post(path, one)) for one in asked]
        at_once = [answers(reply) for reply in await asyncio.gather(*(client.post(path, one) for one in asked))]

    assert close(at_once, alone)


async def test_order_is_kept(subject: Any, opened: Any) -> None:
    async with opened() as client:
        forth = answers(await client.post(subject.capability.path, subject.asked(*IDS)))
        back = answers(await client.post(subject.capability.path, subject.asked(*IDS[::-1])))

    assert [p["contact_id"] for p in forth] == IDS
    assert close(forth, back[::-1])


def test_shuffled_events_change_nothing(subject: Any) -> None:
    rows, pasts = pasts_of(subject, IDS)
    shuffled = np.random.default_rng(5).permutation(len(rows.events))
    mixed = ContactPasts(IDS, rows.facts, [rows.events[place] for place in shuffled])

    assert close(
        subject.predicted(mixed, cutoffs(len(IDS)), reasons=3),
        subject.predicted(pasts, cutoffs(len(IDS)), reasons=3),
    )


def test_events_after_the_cutoff_change_nothing(subject: Any) -> None:
    rows, pasts = pasts_of(subject, IDS)
    later = [
        (name, f"later-{kind}-{days}", kind, NOW_US + days * DAY, 50.0, None, None, None, 1)
        for name in IDS
        for kind in ("email_clicked", "order_placed", "page_viewed")
        for days in (0, 1, 5)
    ]
    peeked = ContactPasts(IDS, rows.facts, [*rows.events, *later])

    assert close(
        subject.predicted(peeked, cutoffs(len(IDS)), reasons=3),
        subject.predicted(pasts, cutoffs(len(IDS)), reasons=3),
    )


def test_what_its_models_do_not_look_at_of_events_changes_nothing(subject: Any) -> None:
    rows, _ = pasts_of(subject, IDS)
    names = ("contact_id", "event_id", "type", "occurred_at", "value", "message_id", "campaign_id", "item", "human")
    unread = FURTHER_FIELDS - subject.spec.event_fields(subject.model)
    bare = [
        tuple([None if name in unread else one for name, one in zip(names, row, strict=True)]) for row in rows.events
    ]

    for ids in (IDS, ["c-1"]):
        found = subject.predicted(ContactPasts(ids, rows.facts, bare), cutoffs(len(ids)), reasons=3)
        whole = subject.predicted(ContactPasts(ids, rows.facts, rows.events), cutoffs(len(ids)), reasons=3)

        assert close(found, whole)
    assert "event_id" in unread


async def test_an_unknown_field_of_the_envelope_is_422(subject: Any, opened: Any) -> None:
    async with opened() as client:
        reply = await client.post(subject.capability.path, subject.asked("c-1", colour="red"))

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/colour")


async def test_an_unknown_field_of_a_contact_makes_that_contact_invalid(subject: Any, opened: Any) -> None:
    async with opened() as client:
        found = answers(await client.post(subject.capability.path, subject.asked({"id": "c-1", "colour": 1}, "c-2")))

    assert (found[0]["status"], found[0]["errors"][0]["pointer"]) == ("invalid", "/contacts/0/colour")
    assert found[1]["status"] != "invalid"


async def test_a_value_that_nobody_can_read_makes_that_contact_invalid(subject: Any, opened: Any) -> None:
    bad = [b'"\\ud83d"', b'"\xff"', b'"\x00"', b"9" * 309, b"NaN", b"[" * 20_000 + b"]" * 20_000, b'{"a": 1, "a": 1}']
    contacts = [b'{"id": "c-1", "attributes": {"n": %s}}' % value for value in bad]
    contacts.append(b'{"id": "c-1", "events": [{"type": "x", "occurred_at": "2026-05-03T10:15:00Z", "value": 1e999}]}')
    body = json.dumps(subject.asked("c-2")).encode().replace(b'{"id": "c-2"}', b",".join([*contacts, b'{"id": "c-2"}']))

    async with opened() as client:
        *found, last = answers(await client.post(subject.capability.path, body))

    assert [(one["status"], one["contact_id"], one["errors"][0]["pointer"].split("/")[3]) for one in found] == [
        *[("invalid", "c-1", "attributes")] * len(bad),
        ("invalid", "c-1", "events"),
    ]
    assert last["status"] != "invalid"


async def test_probabilities_lie_between_0_and_1(subject: Any, opened: Any) -> None:
    async with opened() as client:
        found = answers(await client.post(subject.capability.path, subject.asked(*IDS)))

    given = [p["probability"] for p in found if p["probability"] is not None]
    assert all(0 <= probability <= 1 for probability in given)
    others = {"outcome_reached", "not_eligible", "insufficient_data", "no_slot", "control"}
    assert {p["status"] for p in found} <= {"ok", *others}


def test_reasons_sum_to_the_named_quantity(subject: Any) -> None:
    """All shares of a contact sum to what the model calls its margin, the base included."""
    _, pasts = pasts_of(subject, IDS)
    scored = subject.predicted(pasts, cutoffs(len(IDS)), reasons=10)

    for one in scored:
        # Of more than ten, those listed that are in the same words are one: such a list may have nine or eight.
        if one.status == "ok" and len(one.reasons) < 8:
            listed = sum(part.contribution for part in one.reasons)
            assert listed + one.base == pytest.approx(one.margin, abs=1e-6)


async def test_without_a_model_it_says_so(subject: Any, opened: Any) -> None:
    async with opened() as client:
        reply = await client.post(subject.capability.path, subject.asked("c-1"), account="nobody")
        if subject.capability.per_outcome:
            untrained = subject.spec.training.example_outcome.model_copy(update={"name": "untrained"})
            subject.database.of("demo").outcomes.put(untrained)
            payload = subject.asked("c-1", outcome="untrained")
            reply = await client.post(subject.capability.path, payload)

    if subject.spec.untrained is not None:
        assert (reply.status, reply.json["model"]["version"], reply.json["model"]["grade"]) == (200, "0", "D")
        return
    assert (reply.status, reply.json["code"]) == (409, "no-model-trained")
    assert reply.headers["content-type"] == "application/problem+json"


async def test_while_the_model_is_being_loaded_it_says_so(subject: Any, opened: Any) -> None:
    async def away(*_: Any) -> Path:
        raise RegistryUnavailable("away")

    async with opened(fetch=away) as client:
        reply = await client.post(subject.capability.path, subject.asked("c-1"))

    assert (reply.status, reply.json["code"]) == (503, "model-not-ready")
    assert reply.headers["content-type"] == "application/problem+json"


async def test_version_cutoff_and_horizon_are_echoed(subject: Any, opened: Any) -> None:
    async with opened() as client:
        reply = await client.post(subject.capability.path, subject.asked("c-1", cutoff="2026-05-01T12:00:00+02:00"))

    row = subject.database.of("demo").models.champion(subject.capability.name, subject.outcome or "")
    assert reply.json["model"]["version"] == row.version
    assert reply.json["model"]["horizon_days"] == subject.model.horizon_days
    assert reply.json["cutoff"] == "2026-05-01T10:00:00Z"


async def test_a_past_cutoff_sees_only_what_lay_before(subject: Any, opened: Any) -> None:
    early = {"id": "new-one", "events": [{"type": "email_clicked", "occurred_at": "2026-04-01T00:00:00Z"}]}
    both = {
        "id": "new-one",
        "events": [*early["events"], {"type": "order_placed", "occurred_at": "2026-05-02T00:00:00Z"}],
    }

    async with opened() as client:
        fields = {"cutoff": "2026-05-01T00:00:00Z"}
        first = answers(await client.post(subject.capability.path, subject.asked(early, **fields)))
        second = answers(await client.post(subject.capability.path, subject.asked(both, **fields)))

    assert close(first, second)


def test_saved_and_loaded_it_answers_the_same(subject: Any, tmp_path: Path) -> None:
    _, pasts = pasts_of(subject, IDS)
    subject.model.save(tmp_path)

    again = subject.spec.load(tmp_path)

    asked_at = cutoffs(len(IDS))
    assert subject.predicted(pasts, asked_at, reasons=3, model=again) == subject.predicted(pasts, asked_at, reasons=3)


@pytest.mark.slow
def test_the_same_seed_makes_the_same_model(subject: Any) -> None:
    again = subject.trained()

    assert again.digest == subject.database.of("demo").models.version(*subject.name, subject.version).digest


def test_the_artifact_holds_neither_code_nor_pickle(subject: Any) -> None:
    kinds = {path.suffix for path in subject.folder.rglob("*") if path.is_file()}

    assert kinds <= {".txt", ".json", ".npz"}


def test_predicting_does_not_change_what_it_is_given(subject: Any) -> None:
    _, pasts = pasts_of(subject, IDS)
    before = copy.deepcopy(pasts.columns)
    asked_at = cutoffs(len(IDS))

    subject.predicted(pasts, asked_at, reasons=3)

    assert all(
        np.array_equal(getattr(pasts.columns, name), getattr(before, name), equal_nan=name == "value")
        for name in ("at", "type", "value", "offsets", "created_at", "known")
    )
    assert np.array_equal(asked_at, cutoffs(len(IDS)))


async def test_several_calls_at_once_get_the_answers_they_would_get_alone(subject: Any, opened: Any) -> None:
    async with opened() as client:
        alone = [answers(await client.post(subject.capability.path, subject.asked(name))) for name in IDS[:8]]
        calls = [client.post(subject.capability.path, subject.asked(name)) for name in IDS[:8]]
        together = [answers(reply) for reply in await asyncio.gather(*calls)]

    assert close(alone, together)


async def test_the_api_document_is_the_published_one(subject: Any) -> None:

    app = create_app(subject.spec, subject.settings, subject.database)

    published = json.loads((services.FOLDER / f"{subject.capability.name}.json").read_text())
    assert services.own_paths(app.openapi(), subject.capability) == published, "publish it: foretell openapi"


async def test_the_example_of_the_api_document_is_answered(subject: Any, opened: Any) -> None:
    async with opened() as client:
        example = dict(subject.spec.request_example)
        if subject.outcome is not None:
            example["outcome"] = subject.outcome
        found = answers(await client.post(subject.capability.path, example))

    assert len(found) == len(example["contacts"])
    subject.spec.response.model_validate(subject.spec.response_example)


@pytest.mark.parametrize("said", ["stored", "inline"])
async def test_who_denies_profiling_gets_no_prediction(subject: Any, opened: Any, said: str) -> None:
    denied = {"profiling": "denied"}
    store = subject.database.of("demo")
    store.contacts.put([ContactRow("refuses", consent=denied)], recorded_at=NOW_US - DAY)
    asked: Any = "refuses" if said == "stored" else {"id": "c-1", "consent": denied, "attributes": {"country": "FR"}}

    async with opened() as client:
        (found,) = answers(await client.post(subject.capability.path, subject.asked(asked, reasons=3)))

    assert (found["status"], found["probability"], found["score"], found["reasons"]) == ("no_consent", None, None, [])


def test_nobody_is_learned_from_who_denies_profiling(subject: Any, refusing: str) -> None:
    with pytest.raises(InsufficientData):
        subject.trained(account=refusing)


@pytest.mark.parametrize(
    "stranger",
    [
        {"attributes": {"Favourite opera": "Norma"}},
        {"attributes": {"country": None}},
        {"attributes": {"Country": " n/a "}},
        {"timezone": "Europe/Paris"},
        {"consent": {"profiling": "granted"}},
    ],
)
async def test_a_contact_of_whom_nothing_is_known_gets_no_chance_of_its_own(
    subject: Any, opened: Any, stranger: dict[str, Any]
) -> None:
    subject.database.of("demo").contacts.put([ContactRow("empty")], recorded_at=NOW_US - DAY)
    async with opened() as client:
        asked = subject.asked({"id": "stranger", **stranger}, "empty")
        found = answers(await client.post(subject.capability.path, asked))

    # An answer, where there is one, comes from a named fallback and not from the model.
    assert all(one["status"] == "insufficient_data" or one["source"] not in (None, "model") for one in found)


async def test_an_attribute_means_the_same_under_any_spelling_of_its_name(subject: Any, opened: Any) -> None:
    events = [{"type": "page_viewed", "occurred_at": f"2026-05-{day}T10:00:00Z"} for day in (10, 20, 28)]
    contacts = [
        {"id": "stranger", "events": events, "attributes": {name: "US"}} for name in ("country", "\ufeffCOUNTRY ")
    ]
    async with opened() as client:
        found = [answers(await client.post(subject.capability.path, subject.asked(one)))[0] for one in contacts]

    assert close(found[0], found[1])


async def test_an_attribute_that_the_training_never_saw_is_named(subject: Any, opened: Any) -> None:
    contact = {"id": IDS[0], "attributes": {"Favourite opera": "Norma", "Country": "FR"}}
    async with opened() as client:
        (found,) = answers(await client.post(subject.capability.path, subject.asked(contact)))

    if getattr(subject.model, "inputs", None) is not None:
        assert "unknown_attributes" in found["data_quality"]
        assert found["data_quality_details"]["unknown_attributes"] == ["Favourite opera"]
    else:
        assert found["data_quality_details"] is None
