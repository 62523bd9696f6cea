"""Any part of a contact's attributes, under any spelling, with any value: no answer leaves what the training knew, and
what was not understood is named, no more and no less."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.churn.training import churn_material
from services.churn.training import fitted as churn_fitted
from services.scoring.training import fitted as scoring_fitted
from services.specs import spec_of
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import Database, migrate, open_database
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue
from shared.training.material import framed
from shared.values.words import same_name_key
from tests.conftest import QUICK_EXAMPLES

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
CONTACTS, DAYS = 200, 120
CONTRACTS = ("month-to-month", "one year", "two year")
ATTRIBUTES = ("salary", "rate", "Total Charges", "contract", "news letter", "member_since")
CODES = ("missing_attributes", "unknown_attributes", "unreadable_values", "unseen_categories", "out_of_range")
OUTCOME = {
    "scoring": Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30, every_days=15),
    "churn": Outcome(name="won", capability="churn", silence=("page_viewed",), horizon_days=14),
}
FLAT = {name: Outcome(name="won", capability=name, attribute="won", positive="1") for name in ("scoring", "churn")}


def attributes_of(draw: np.random.Generator) -> dict[str, Any]:
    return {
        "salary": int(draw.integers(18_000, 95_000)),
        "rate": round(float(draw.uniform(0.5, 9.5)), 2),
        "Total Charges": f"{draw.uniform(100, 9_000):.2f}",
        "contract": str(draw.choice(CONTRACTS)),
        "news letter": str(draw.choice(["yes", "no"])),
        "member_since": (date(2023, 1, 1) + timedelta(days=int(draw.integers(0, 700)))).isoformat(),
    }


def table(*, flat: bool) -> Pasts:
    """Salary, contract and rate tell who wins; with events, how often a contact visits tells it too."""
    draw = np.random.default_rng(3)
    facts, rows = {}, []
    for number in range(CONTACTS):
        name, named = f"c{number:04d}", attributes_of(draw)
        eager = (named["salary"] - 56_000) / 20_000 + CONTRACTS.index(named["contract"]) + named["rate"] / 5 - 3
        if flat:
            named["won"] = str(int(draw.random() < 1 / (1 + np.exp(-2 * eager))))
        values = tuple(DatedValue(*one, dated=not flat) for one in ((key, ALWAYS, x) for key, x in named.items()))
        facts[name] = ContactFacts(created_at=NOW_US - (DAYS + 1) * DAY, attributes=values)
        if not flat:
            rate = 0.1 * np.exp(0.5 * eager)
            stops = DAYS if draw.random() < 0.5 else draw.uniform(0, DAYS)
            visits = draw.uniform(0, stops, draw.poisson(rate * stops))
            deals = draw.uniform(0, DAYS, draw.poisson(0.004 * np.exp(eager) * DAYS))[:1]
            for kind, days in (("page_viewed", visits), ("deal_won", deals)):
                at = [NOW_US - int((DAYS - day) * DAY) for day in days]
                rows += [(name, f"{kind}-{one}", kind, one, None, None, None, None, None) for one in at]
    return build(list(facts), facts, [rows])


def trained(capability: str, *, flat: bool) -> Any:
    pasts = table(flat=flat)
    outcome = (FLAT if flat else OUTCOME)[capability]
    order_by = "none" if flat else None
    if capability == "scoring":
        return scoring_fitted(framed(outcome, pasts, now=NOW_US, order_by=order_by), now=NOW_US)
    return churn_fitted(churn_material(outcome, pasts, now=NOW_US, order_by=order_by), now=NOW_US)


class Served:
    """A running service with one small model of its own."""

    def __init__(self, model: Any, call: Callable[[Any], Any], span: tuple[float, float], *, with_events: bool) -> None:
        self.model = model
        self.call = call
        self.lowest, self.highest = span
        self.events = [{"type": "page_viewed", "occurred_at": "2026-05-20T10:00:00Z"}] if with_events else []

    def ask(self, *attributes: Mapping[str, Any]) -> list[Any]:
        contacts = [
            {"id": f"stranger-{place}", "attributes": dict(one), "events": self.events}
            for place, one in enumerate(attributes)
        ]
        reply = self.call({"contacts": contacts, "outcome": "won"})
        assert reply.status == 200, reply.body
        return list(reply.json["predictions"])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceSettings, Database]]:
    configured = ServiceSettings(home=tmp_path_factory.mktemp("any"), signing_key="k" * 32)
    migrate(configured)
    database = open_database(configured)
    yield configured, database
    database.close()


@pytest.fixture(scope="module", params=["scoring flat", "scoring", "churn flat", "churn"])
def served(
    request: pytest.FixtureRequest,
    database: tuple[ServiceSettings, Database],
    tmp_path_factory: pytest.TempPathFactory,
    asgi: Callable[[Any], Any],
) -> Iterator[Served]:
    capability, _, kind = request.param.partition(" ")
    fit = trained(capability, flat=bool(kind))
    configured, opened = database
    account = f"{capability}{kind}"
    opened.create_account(account, created_at=NOW_US)
    store = opened.of(account)
    store.outcomes.put((FLAT if kind else OUTCOME)[capability])
    folder: Path = tmp_path_factory.mktemp(account)
    fit.model.save(folder)
    store.models.promote(capability, "won", "1", "d" * 64, at=NOW_US, reason="for the test")
    spec = spec_of(capability)

    async def fetch(*_: Any) -> Path:
        return folder

    class Open:
        def __getattr__(self, name: str) -> Any:
            return getattr(opened, name)

        def close(self) -> None:
            pass

    app = create_app(spec, configured, Open(), now=lambda: NOW, fetch=fetch)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    running = app.router.lifespan_context(app)
    loop.run_until_complete(running.__aenter__())
    client = asgi(app)
    path = spec.capability.path

    def call(payload: Any) -> Any:
        return loop.run_until_complete(client.post(path, payload, account=account))

    yield Served(fit.model, call, kept_range(fit.model), with_events=not kind)
    loop.run_until_complete(running.__aexit__(None, None, None))
    loop.close()


def kept_range(model: Any) -> tuple[float, float]:
    """Return the smallest and largest probability of the training."""
    if getattr(model, "curves", None) is None:
        lowest, highest = 1 / (1 + np.exp(-np.array(model.bounds)))
    else:
        lowest, highest = sorted(model.risk(model.curves))
    return float(lowest), float(highest)


UNDERSTOOD = {
    "salary": [41_250, 41_250.0, "41250", "41,250", " 41 250 ", "41'250", "$41,250", "41250.00", "4.125e4"],
    "rate": [2.5, "2.5", "2.50", " 2.5 ", "+2.5", "2,5"],
    "Total Charges": ["1234.50", 1234.5, "1,234.50", "1 234.5", "1.2345e3", "1.234,50"],
    "contract": ["one year", " one year ", "one year\u00a0", "One Year", "ONE  YEAR"],
    "news letter": ["yes", True, "Yes", "y", "1", 1, " TRUE "],
    "member_since": ["2024-03-05", "2024-03-05T00:00:00Z", "5 March 2024", "March 5, 2024", "20240305"],
}
"""The first one is as the training saw it; all others mean the same."""
MISSING = [None, "", "  ", "NaN", "n/a", "null", "-"]
NOT_READ = {
    "salary": ["a lot", "12 or 13", "1e300", True, "9" * 40, "🙂", "41,25,0"],
    "rate": ["high", "2.5.1", False, "∞", "inf"],
    "Total Charges": ["unknown", "1234.50 and more", "🙂"],
    "news letter": ["maybe", "2", 7, "🙂", 0.5],
    "member_since": ["some day", 20_000, True, "2024-13-45", "0001-01-01", "9999-12-31", "🙂"],
}
STRANGE = {
    "salary": ("out_of_range", [1e12, "1e12", -5, "-900,000", 0]),
    "rate": ("out_of_range", [1_000, "1e9", -3.5]),
    "Total Charges": ("out_of_range", [10**15, "99,999.00", -4_000]),
    "contract": ("unseen_categories", ["five year", "🙂", 5, True, "Month", 1.5, "x" * 2_000]),
    "member_since": ("out_of_range", ["1950-01-01", "2190-01-01"]),
}
VALUES: dict[str, list[tuple[str, list[Any]]]] = {
    name: [
        *[("understood", UNDERSTOOD[name])] * 3,
        *([("unreadable_values", NOT_READ[name])] if name in NOT_READ else []),
        *([STRANGE[name]] if name in STRANGE else []),
    ]
    for name in ATTRIBUTES
}
SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.title,
    lambda name: name.replace("_", " "),
    lambda name: name.replace(" ", "_").replace("_", "-"),
    lambda name: name.replace("_", "").replace(" ", ""),
    lambda name: f"\ufeff{name}",
    lambda name: f"  {name.title().replace(' ', '')}  ",
]
UNKNOWN = ["opera", "Salaries", "contract 2", "🙂", "x" * 128, "ünknown", "rate%of%x"]


@st.composite
def contacts(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, set[str]]]:
    """Draw a contact's attributes, the same in the training's own spelling, and what has to be named of them."""
    sent: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    named: dict[str, set[str]] = {code: set() for code in CODES}
    for name in ATTRIBUTES:
        spelled = draw(st.sampled_from(SPELLINGS))(name)
        code, values = draw(st.sampled_from([("", None), ("missing_attributes", MISSING), *VALUES[name]]))
        if values is not None:
            sent[spelled] = draw(st.sampled_from(values))
        if values is UNDERSTOOD[name]:
            plain[name] = values[0]
        elif code in ("unseen_categories", "out_of_range"):
            plain[name] = sent[spelled]
        named.setdefault(code or "missing_attributes", set()).add(name)
    named.pop("understood", None)
    for name in draw(st.lists(st.sampled_from(UNKNOWN), unique=True, max_size=3)):
        sent[name] = draw(st.sampled_from(["x", 1, None, True]))
        named["unknown_attributes"].add(name)
    return sent, plain, named


def check_bounds(served: Served, found: Mapping[str, Any]) -> None:
    assert found["status"] in ("ok", "insufficient_data"), found
    if found["status"] == "ok":
        assert served.lowest - 1e-9 <= found["probability"] <= served.highest + 1e-9
    else:
        assert found["probability"] is None


def names_by_code(found: Mapping[str, Any]) -> dict[str, set[str]]:
    return {code: set((found["data_quality_details"] or {}).get(code, ())) for code in CODES}


def test_the_model_looks_at_every_attribute_of_this_test(served: Served) -> None:
    looked_at = {feature.attribute for feature in served.model.feature_set.features if feature.attribute}

    assert looked_at == set(ATTRIBUTES)
    assert served.highest > 2 * served.lowest


OFTEN = settings.default.max_examples
MANY = settings(max_examples=OFTEN // 2 if OFTEN <= QUICK_EXAMPLES else OFTEN, suppress_health_check=list(HealthCheck))
"""Each of four models is asked as many: half of the usual every day."""


@MANY
@given(several=st.lists(contacts(), min_size=1, max_size=5))
def test_what_is_not_understood_is_named_and_nothing_else(served: Served, several: list[Any]) -> None:
    found = served.ask(*[sent or {"salary": None} for sent, _, _ in several])
    same = served.ask(*[plain or {"salary": None} for _, plain, _ in several])

    for one, other, (_, _, named) in zip(found, same, several, strict=True):
        check_bounds(served, one)
        assert names_by_code(one) == named
        assert {code for code in CODES if code in one["data_quality"]} == {code for code in CODES if named[code]}
        assert (one["status"], one["probability"]) == (other["status"], other["probability"])


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(-1e15, 1e15),
    st.text(max_size=40).filter(lambda text: "\x00" not in text),
    st.from_regex(r"[-+(]?[0-9]{1,4}([.,' ][0-9]{1,4}){0,3}[)%€]?", fullmatch=True),
    st.from_regex(r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}([T ][0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?)?",
                  fullmatch=True),
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(ATTRIBUTES),
    st.sampled_from([spell(name) for spell in SPELLINGS for name in ATTRIBUTES]),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
)


KEYS = {same_name_key(name): name for name in (*ATTRIBUTES, "won")}


@MANY
@given(several=st.lists(st.dictionaries(NAMES, SCALARS, min_size=1, max_size=12), min_size=1, max_size=5))
def test_any_value_under_any_name_stays_within_what_the_training_saw(
    served: Served, several: list[dict[str, Any]]
) -> None:
    for found, sent in zip(served.ask(*several), several, strict=True):
        meant = {name: KEYS.get(same_name_key(name)) for name in sent}
        if found["status"] == "outcome_reached":
            assert "won" in meant.values()
            continue
        check_bounds(served, found)
        named = names_by_code(found)
        assert {name for name in sent if meant[name] is None} <= named["unknown_attributes"]
        assert set(ATTRIBUTES) - set(meant.values()) <= named["missing_attributes"]


@pytest.mark.parametrize("value", [[], ["one year"], {"a": 1}, {"value": 1}, 1e300, -1e17])
def test_what_is_no_scalar_or_out_of_bounds_is_refused(served: Served, value: Any) -> None:
    refused, other = served.ask({"salary": value}, {"salary": 41_250})

    assert (refused["status"], refused["errors"][0]["pointer"]) == ("invalid", "/contacts/0/attributes/salary")
    assert other["status"] != "invalid"
