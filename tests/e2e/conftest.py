"""A small account with a truth to learn, as files that the pages name; and one home that is trained once a run."""

import csv
import gzip
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.e2e.installation import Installation, free_ports, train_in
from tests.once import once

CONTACTS = 240
DAYS = 400
USED_DAYS = 240
"""How long the product was used: a churn training takes twice as long on twice as many days."""
GONE_DAYS = {"c-6": 20, "c-42": 190}
"""Since when those whom the pages ask about did not use it any more."""
NOW = datetime.now(UTC).replace(microsecond=0)
BOUGHT = ("order_placed", "deal_won", "coupon_redeemed")


def write_files(folder: Path) -> None:
    """Write leads who look around now and then, as the pages name their files.

    Those who look often buy; one in three never uses the product, and one in three stops to use it some day.
    """
    draw, using = random.Random(7), random.Random(8)
    since = (NOW - timedelta(days=DAYS)).isoformat()
    contacts: list[list[Any]] = []
    events: list[list[Any]] = []
    for number in range(CONTACTS):
        contact, keen = f"c-{number}", number % 2 == 1
        country, converted = "FR" if keen else "US", int(draw.random() < (0.7 if keen else 0.2))
        contacts.append([contact, country, "retail", "Europe/Paris", since, number % 5, "high", converted])
        for day in range(2, DAYS, 4 if keen else 13):
            at = NOW - timedelta(days=day, minutes=draw.randrange(1_000))
            events.append([contact, "page_viewed", at.isoformat(), None])
            if draw.random() < (0.03 if keen else 0.003):
                bought, value = (at + timedelta(minutes=1)).isoformat(), float(draw.randrange(10, 90))
                events.extend([contact, kind, bought, value] for kind in BOUGHT)
        quit_after = using.randrange(USED_DAYS) if number % 3 == 0 else 0
        quit_after, day = GONE_DAYS.get(contact, quit_after), USED_DAYS
        if number % 3 == 1:
            continue
        while (day := day - using.randrange(1, 15)) > quit_after:
            used = NOW - timedelta(days=day, minutes=using.randrange(1_000))
            events.append([contact, "product_used", used.isoformat(), None])
    facts = ["id", "country", "industry", "timezone", "created_at", "Tags", "Lead Quality", "Converted"]
    names = ["contact_id", "type", "occurred_at", "value"]
    households = {f"c-{number}": f"household-{number or 1795}" for number in range(CONTACTS)}
    write_csv(folder / "contacts.csv", facts, contacts)
    write_csv(folder / "events.csv", names, events)
    write_csv(folder / "households.csv", facts, [[households[row[0]], *row[1:]] for row in contacts])
    write_csv(folder / "baskets.csv", names, [[households[row[0]], *row[1:]] for row in events])
    products = [
        ["tea-500g", "Green tea", 4.5, "in stock"],
        ["mug-blue", "Blue mug", 12, "sold out"],
        ["mug-red", "", 12, 0],
    ]
    write_csv(folder / "products.csv", ["sku", "title", "price", "availability"], products)
    (folder / "leads.csv.gz").write_bytes(gzip.compress((folder / "contacts.csv").read_bytes()))
    columns = [list(column) for column in zip(*events, strict=True)]
    pyarrow.parquet.write_table(pyarrow.table(columns, names=names), folder / "events.parquet")


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="session")
def own_files() -> Callable[[Path], None]:
    """What writes the reader's files into a folder."""
    return write_files


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> Path:
    """Train one home for all workers of this run."""

    def train(folder: Path) -> None:
        (folder / "var").mkdir()
        with_registry(folder / "var")
        train_in(folder)

    return once(tmp_path_factory, "trained-home", train)


@pytest.fixture(scope="module")
def trained(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A copy of the trained home: files imported, an outcome defined, a model trained and promoted."""
    folder = tmp_path_factory.mktemp("foretell") / "copy"
    shutil.copytree(trained_folder, folder)
    return Installation(folder / "var", free_ports())
