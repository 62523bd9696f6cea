"""`python -m bench.attribution FOLDER`: credits against a published table, against known truths, and how long it takes.

FOLDER holds channel_paths.csv.gz (docs/benchmarks.md says where it comes from). `--write` puts the figures into
docs/benchmarks.md. Exits 1 when a figure misses its reference.
"""

import argparse
import gzip
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import combinations
from math import factorial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.attribution import account_report
from shared.attribution.draws import drawn
from shared.attribution.journeys import JourneyBuilder, Journeys, PathCounts, from_paths
from shared.attribution.markov import Chain
from shared.attribution.path_rows import paths_of
from shared.attribution.report import attribution_figures
from shared.attribution.requests import AttributionRequest, question_of
from shared.contracts.rows import DAY, ContactRow, EventRow, microseconds
from shared.settings import Settings
from shared.store import AccountStore, migrate, open_database

BEGIN, END = "<!-- attribution: made by python -m bench.attribution -->", "<!-- /attribution -->"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
REFERENCE = {
    "alpha": (5344.9, 0.558, 8447, 6308, 7574.7),
    "iota": (3884.6, 0.406, 3355, 4606, 3857.1),
    "eta": (3340.8, 0.349, 4167, 3164, 3540.0),
    "beta": (2527.4, 0.264, 989, 2831, 2083.5),
    "theta": (1971.9, 0.206, 653, 1606, 1022.8),
    "lambda": (1282.8, 0.134, 1207, 902, 1035.3),
    "epsilon": (599.6, 0.063, 531, 99, 272.2),
    "zeta": (381.1, 0.040, 107, 27, 136.6),
    "kappa": (274.4, 0.029, 230, 74, 138.0),
    "gamma": (171.1, 0.018, 92, 165, 121.0),
    "delta": (4.6, 0.000, 5, 1, 1.7),
    "mi": (1.7, 0.000, 2, 2, 2.2),
}
"""By channel: first-order Markov, removal effect, last touch, first touch, linear."""
CHAIN_SEED, WORLD_SEED = 2026, 7
CHAIN_JOURNEYS = 200_000
WORLDS, PEOPLE = 200, 5_000
MET, GAINS, BASE = (0.5, 0.4, 0.3, 0.3), (0.15, 0.08, 0.04, 0.0), 0.03
"""Chance to meet each channel, what each adds by itself to the chance of a conversion, and the chance without any."""
TIMED_SEED, TIMED_WORLDS, TIMED_DAYS = 17, 40, 160


class Section(NamedTuple):
    """Figures in words, and whether they are as they should be."""

    text: str
    met: bool


def published(folder: Path) -> Section:
    """Compare credits of the public paths with the published table."""
    with tempfile.TemporaryDirectory() as here:
        plain = Path(here) / "paths.csv"
        plain.write_bytes(gzip.decompress((folder / "channel_paths.csv.gz").read_bytes()))
        figures = attribution_figures(from_paths(paths_of(plain)))
    lines = [
        "| channel | Markov | reference | last touch | reference | first touch | reference | linear | reference | "
        "Shapley, 95 % interval |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    worst = 0.0
    for one in sorted(figures.channels, key=lambda each: -each.credits["markov"].conversions):
        markov, _, last, first, linear = REFERENCE[one.channel]
        pairs = [
            (one.credits[name].conversions, known)
            for name, known in (("markov", markov), ("last_touch", last), ("first_touch", first), ("linear", linear))
        ]
        worst = max(worst, *(abs(ours - known) / max(known, 10.0) for ours, known in pairs))
        cells = " | ".join(f"{ours:,.1f} | {known:,.1f}" for ours, known in pairs)
        shapley = one.credits["shapley"]
        lines.append(
            f"| {one.channel} | {cells} | {shapley.conversions:,.1f} ({shapley.low:,.1f} to {shapley.high:,.1f}) |"
        )
    text = (
        "**Against a published table.** channel_paths, 10,000 distinct paths, 19,785 conversions. Wanted: equal to "
        f"1 %. Largest difference: {worst:.2%} (of channels with fewer than 10 conversions, of 10).\n\n"
        + "\n".join(lines)
    )
    return Section(text, worst <= 0.01)


def chain_world() -> Section:
    """Let journeys be made by a known chain, and compare removal effects with those of that chain."""
    random = np.random.default_rng(CHAIN_SEED)
    size = 5
    start = random.dirichlet(np.ones(size))
    onward = random.dirichlet(np.ones(size + 2) * np.array([*[1.0] * size, 0.6, 2.0]), size)
    paths: dict[tuple[int, ...], list[int]] = {}
    for _ in range(CHAIN_JOURNEYS):
        walk, here = [], int(random.choice(size, p=start))
        while here < size:
            walk.append(here)
            here = int(np.searchsorted(np.cumsum(onward[here]), random.random()))
        paths.setdefault(tuple(walk), [0, 0])[min(here, size + 1) - size] += 1
    rows = [PathCounts([f"ch-{one}" for one in path], won, 0.0, lost) for path, (won, lost) in paths.items()]
    found = Chain(drawn(from_paths(rows), 0)).removal_effects()
    truth = true_removals(start, onward)
    worst = float(np.abs(found - truth).max())
    cells = "\n".join(f"| ch-{one} | {truth[one]:.4f} | {found[one]:.4f} |" for one in range(size))
    text = (
        f"**A chain that is known.** {CHAIN_JOURNEYS:,} journeys over {size} channels, drawn from a first-order chain. "
        f"Largest error of a removal effect: {worst:.4f} (wanted: under 0.01).\n\n"
        f"| channel | true removal effect | found |\n|---|---:|---:|\n{cells}"
    )
    return Section(text, worst < 0.01)


def true_removals(start: NDArray[np.float64], onward: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve the chain with and without each channel; columns: channels, conversion, none."""
    size = len(start)

    def converts(kept: NDArray[np.bool_]) -> float:
        steps = np.where(kept[None, :], onward[:, :size], 0.0)
        reached = np.linalg.solve(np.eye(size) - steps, onward[:, size])
        return float((start * kept) @ reached)

    whole = converts(np.ones(size, dtype=bool))
    return np.array([1 - converts(np.arange(size) != one) / whole for one in range(size)])


def effect_worlds() -> Section:
    """Count in how many worlds of known independent effects the 95 % intervals of Shapley hold the truth."""
    random, truth = np.random.default_rng(WORLD_SEED), PEOPLE * true_credits()
    held, sums, rivals = np.zeros(len(GAINS)), np.zeros(len(GAINS)), np.zeros(len(GAINS))
    for _ in range(WORLDS):
        figures = attribution_figures(people(random))
        by_name = {one.channel: one for one in figures.channels}
        credits = [by_name[f"ch-{one}"].credits for one in range(len(GAINS))]
        held += [one["shapley"].low <= truth[place] <= one["shapley"].high for place, one in enumerate(credits)]
        sums += [one["shapley"].conversions for one in credits]
        rivals += [one["last_touch"].conversions for one in credits]
    share = held / WORLDS
    cells = "\n".join(
        f"| ch-{one} | {GAINS[one]:.2f} | {truth[one]:,.1f} | {sums[one] / WORLDS:,.1f} | {share[one]:.1%} "
        f"| {rivals[one] / WORLDS:,.1f} |"
        for one in range(len(GAINS))
    )
    text = (
        f"**Effects that are known.** {WORLDS} worlds of {PEOPLE:,} people; each channel adds its own chance, "
        f"{BASE:.0%} convert without any. Wanted: the truth in the 95 % interval in 90 to 98 % of worlds. "
        f"Over all channels: {share.mean():.1%}.\n\n"
        "| channel | adds | true credit | Shapley, mean | interval holds the truth | last touch, mean |\n"
        f"|---|---:|---:|---:|---:|---:|\n{cells}"
    )
    return Section(text, bool((share >= 0.90).all() and (share <= 0.98).all()))


def people(random: np.random.Generator) -> Journeys:
    """Let everybody meet channels by chance, in an order by chance, and convert or not."""
    met = random.random((PEOPLE, len(GAINS))) < MET
    won = random.random(PEOPLE) < 1 - (1 - BASE) * np.prod(np.where(met, 1 - np.array(GAINS), 1.0), axis=1)
    order = np.argsort(random.random(met.shape), axis=1)
    path = np.take_along_axis(met, order, axis=1)
    return Journeys(
        tuple(f"ch-{one}" for one in range(len(GAINS))),
        np.concatenate([[0], np.cumsum(met.sum(axis=1))]).astype(np.int64),
        order[path].astype(np.int32),
        np.zeros(int(met.sum())),
        won.astype(np.float64),
        np.zeros(PEOPLE),
        (~won).astype(np.float64),
        np.arange(PEOPLE),
    )


def timed_worlds() -> Section:
    """Let touches and orders happen in time, and compare credits with the orders that each channel brought."""
    random = np.random.default_rng(TIMED_SEED)
    names = [f"ch-{one}" for one in range(len(GAINS))]
    found, held, brought = np.zeros((TIMED_WORLDS, len(GAINS), 3)), np.zeros(len(GAINS)), np.zeros(len(GAINS))
    for world in range(TIMED_WORLDS):
        builder = JourneyBuilder(since=0, until=TIMED_DAYS * DAY, lookback=30 * DAY, once=True)
        brought += happen(random, builder, names)
        figures = attribution_figures(builder.build(PEOPLE))
        for one in figures.channels:
            credit = one.credits["shapley"]
            found[world, names.index(one.channel)] = credit.conversions, credit.low, credit.high
    truth = brought / TIMED_WORLDS
    held = ((found[:, :, 1] <= truth) & (truth <= found[:, :, 2])).mean(axis=0)
    cells = "\n".join(
        f"| {names[one]} | {truth[one]:,.1f} | {found[:, one, 0].mean():,.1f} | {held[one]:.0%} |"
        for one in range(len(GAINS))
    )
    text = (
        f"**The same in time.** {TIMED_WORLDS} worlds of {PEOPLE:,} contacts over {TIMED_DAYS} days: touches in "
        "bursts, orders that a channel brings some days later, and orders of themselves on any day; journeys are cut "
        "as those of an account. What a channel brought is known. Who orders soon after one channel never meets "
        "the next: that moves some credit from later channels to earlier ones, and no interval holds it.\n\n"
        f"| channel | brought, mean | Shapley, mean | interval holds it |\n|---|---:|---:|---:|\n{cells}"
    )
    return Section(text, met=True)


def happen(random: np.random.Generator, builder: JourneyBuilder, names: Sequence[str]) -> NDArray[np.float64]:
    """Add what contacts do; return how many first orders each channel brought."""
    brought = np.zeros(len(names))
    for contact in range(PEOPLE):
        orders = [(random.random() * TIMED_DAYS, -1)] if random.random() < 2 * BASE else []
        for one, name in enumerate(names):
            if random.random() < MET[one]:
                days = np.sort(random.random() * TIMED_DAYS - 12 * random.random(1 + random.poisson(0.6)))
                for day in days.tolist():
                    builder.touch(contact, int(day * DAY), name)
                if random.random() < GAINS[one]:
                    orders.append((float(days[-1]) + random.exponential(3), one))
        if orders and 0 <= min(orders)[0] < TIMED_DAYS:
            day, by = min(orders)
            builder.convert(contact, int(day * DAY), 0.0)
            brought[by] += by >= 0
    return brought


def true_credits() -> NDArray[np.float64]:
    """Return the Shapley credit that one person brings each channel on average."""
    size, credit = len(GAINS), np.zeros(len(GAINS))

    def rate(some: Sequence[int]) -> float:
        return 1 - (1 - BASE) * float(np.prod([1 - GAINS[one] for one in some]))

    for number in range(1, size + 1):
        for members in combinations(range(size), number):
            chance = float(np.prod([MET[one] if one in members else 1 - MET[one] for one in range(size)]))
            for one in members:
                others = [other for other in members if other != one]
                for k in range(number):
                    weight = factorial(k) * factorial(number - k - 1) / factorial(number)
                    gains = sum(rate((*some, one)) - rate(some) for some in combinations(others, k))
                    credit[one] += chance * weight * gains
    return credit


def timed(contacts: int) -> Section:
    """Time the report of a store with ten touches a contact, one in five of whom convert."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        migrate(settings)
        database = open_database(settings)
        since = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
        database.create_account("bench", created_at=since)
        store = database.of("bench")
        fill(store, contacts, since)
        question = question_of(
            store, AttributionRequest("customer", date(2026, 1, 1), date(2026, 7, 1)), today=date(2026, 7, 1)
        )
        before = getrusage(RUSAGE_SELF).ru_maxrss
        wall, cpu = time.perf_counter(), time.process_time()
        report = account_report(store, question, now=since + 181 * DAY)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        database.close()
    most = getrusage(RUSAGE_SELF).ru_maxrss
    touches = 0 if report.source is None else report.source.touches
    text = (
        f"**Time.** {contacts:,} contacts with {touches:,} touches and {report.conversions:,} conversions, SQLite, "
        f"from the store to the report with 200 draws: {wall:.1f} s ({cpu:.1f} s of processor time), "
        f"{max(0, most - before) / 1024:,.0f} MB more memory than before."
    )
    return Section(text, met=True)


def fill(store: AccountStore, contacts: int, since: int) -> None:
    """Write touches of eight channels over half a year, and orders."""
    random = np.random.default_rng(3)
    named = [(f"{one}_clicked", None) for one in ("email", "sms", "push", "ad")] + [
        ("page_viewed", f'{{"utm_source": "{source}", "utm_medium": "cpc"}}') for source in ("google", "bing", "x", "y")
    ]
    for begin in range(0, contacts, 20_000):
        ids = [f"c-{number:07}" for number in range(begin, min(begin + 20_000, contacts))]
        store.contacts.put_bulk((ContactRow(one) for one in ids), recorded_at=since)
        kinds, days = random.integers(0, 8, (len(ids), 10)), random.random((len(ids), 10)) * 180
        rows = [
            EventRow(one, str(number), named[kind][0], since + int(day * DAY), since, properties=named[kind][1])
            for one, mine, when in zip(ids, kinds.tolist(), days.tolist(), strict=True)
            for number, (kind, day) in enumerate(zip(mine, when, strict=True))
        ]
        rows += [
            EventRow(one, "won", "order_placed", since + int(day * DAY), since, 20.0, "EUR")
            for one, day in zip(ids[::5], (random.random(len(ids)) * 180).tolist(), strict=False)
        ]
        store.events.add_bulk(rows)


def main() -> None:
    """Print all sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", help="where channel_paths.csv.gz lies; else that part is left out"
    )
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--write", action="store_true")
    requested = parser.parse_args()
    sections = [] if requested.folder is None else [published(requested.folder)]
    sections += [chain_world(), effect_worlds(), timed_worlds(), timed(requested.contacts)]
    text = "\n\n".join(one.text for one in sections)
    print(text)
    if requested.write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    sys.exit(0 if all(one.met for one in sections) else 1)


if __name__ == "__main__":
    main()
