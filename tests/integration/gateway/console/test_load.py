"""The pages Load and Data show what the API says, and their forms do what it does."""

import re
from html import unescape

import pytest

from shared.contracts.rows import SECOND, ContactRow, ItemChange
from shared.data_report import data_report
from shared.imports.files import ImportFiles
from shared.store import DeadLetterRow, ImportLease, ImportRow, KeptReport, SourceRow
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway
from tests.integration.gateway.console.browser import Browser

EVIL = "<script>alert(1)</script>"
IMPORT = "imp_00000000000000aa"
COLUMN = {"values": "text", "filled": 2, "missing": 0, "note": ""}
PLAN = {
    "format": "CSV", "encoding": None, "delimiter": "comma", "sheet": None, "rows": 3, "readable": 2, "rejected": 1,
    "columns": [
        {**COLUMN, "column": "Record ID", "use": "field", "as": "id"},
        {**COLUMN, "column": EVIL, "use": "kept", "as": EVIL},
        {**COLUMN, "column": "First Name", "use": "left out", "as": "", "note": "its name stands for names of people"},
    ],
    "notes": ["Worth knowing."], "rejects": [{"line": 4, "reason": "Record ID is empty"}],
}  # fmt: skip


@pytest.fixture
async def browser(gateway: RunningGateway) -> Browser:
    gateway.client.cookie_jar.clear()
    made = Browser(gateway)
    await made.sign_in(gateway.key())
    return made


def upload(gateway: RunningGateway, filename: str = "leads.csv") -> ImportLease:
    store, lease = gateway.store.of("acme"), ImportLease(IMPORT, "worker")
    store.imports.create(ImportRow(IMPORT, "uploaded", "contacts", filename, 9, LONG_AGO, "key"), most_open=9)
    return lease


def check(gateway: RunningGateway, filename: str = "leads.csv") -> ImportLease:
    lease, store = upload(gateway, filename), gateway.store.of("acme")
    store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    ImportFiles(gateway.settings.files_folder).of("acme", IMPORT).keep_first_rows(
        [{"Record ID": "77", EVIL: EVIL, "First Name": "***"}]
    )
    store.imports.checked(lease, "contacts", PLAN, rows=3)
    return lease


def load(gateway: RunningGateway, filename: str = "leads.csv", timezone: str | None = None) -> None:
    lease, store = check(gateway, filename), gateway.store.of("acme")
    store.imports.request_load(IMPORT, {}, at=LONG_AGO)
    store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    contacts = [ContactRow(name, timezone=timezone) for name in ("a", "b")]
    store.contacts.put_bulk(contacts, recorded_at=7, lease=lease)
    result = {"rows": 3, "rejected": 1, "erased": 0, "notes": [], "rejects": PLAN["rejects"]}
    store.imports.loaded(lease, result, rows=3, at=LONG_AGO + SECOND)
    ImportFiles(gateway.settings.files_folder).of("acme", IMPORT).rejects().write_text("line,reason\n4,=empty\n")


def state(gateway: RunningGateway) -> str:
    found = gateway.store.of("acme").imports.find(IMPORT)
    return "gone" if found is None else str(found.state)


async def test_a_file_that_the_page_sends_goes_on_to_the_api(gateway: RunningGateway, browser: Browser) -> None:
    page = await browser.get("/console/load")
    found = re.search(r'data-token="([^"]+)"', page.text)
    assert found is not None

    answer = await browser._send(
        "POST",
        "/console/upload?to=/imports?filename=leads.csv",
        headers={"Foretell-Form": unescape(found[1]), "Content-Type": "application/octet-stream"},
        data=b"id\n1\n",
    )

    assert answer.status == 201
    assert [row.filename for row in gateway.store.of("acme").imports.page(9)] == ["leads.csv"]
    assert "leads.csv" in (await browser.get("/console/load")).text


@pytest.mark.parametrize(
    ("to", "token", "site"),
    [
        ("/imports", "wrong", "same-origin"),
        ("/imports", None, "cross-site"),
        ("/contacts", None, "same-origin"),
    ],
)
async def test_a_file_of_another_page_or_for_another_path_is_refused(
    gateway: RunningGateway, browser: Browser, to: str, token: str | None, site: str
) -> None:
    page = await browser.get("/console/load")
    found = re.search(r'data-token="([^"]+)"', page.text)
    assert found is not None
    headers = {"Foretell-Form": token or unescape(found[1]), "Sec-Fetch-Site": site}

    answer = await browser._send("POST", f"/console/upload?to={to}", headers=headers, data=b"id\n1\n")

    assert answer.status == 422
    assert gateway.store.of("acme").imports.page(9) == []


async def test_a_checked_file_is_shown_column_by_column_with_everything_escaped(
    gateway: RunningGateway, browser: Browser
) -> None:
    check(gateway, EVIL)

    page = await browser.get(f"/console/load/{IMPORT}")

    assert page.status == 200
    assert EVIL not in page.text
    assert "2 rows of contacts can be loaded, 1 cannot be read" in page.text
    assert "its name stands for names of people" in page.text
    assert "Record ID is empty" in page.text
    assert "Worth knowing." in page.text
    assert ">77<" in page.text


async def test_a_column_that_is_changed_on_the_page_is_checked_again(gateway: RunningGateway, browser: Browser) -> None:
    check(gateway)
    page = await browser.get(f"/console/load/{IMPORT}")
    offered = [unescape(value) for value in re.findall(r'<option value="([^"]+)"', page.text)]
    choice = next(value for value in offered if "script" in value and '"-"' in value)

    answer = await form(browser, page.text, f"PATCH /imports/{IMPORT}", {"columns[]:json": choice, "kind": "contacts"})

    row = gateway.store.of("acme").imports.find(IMPORT)
    assert answer.status == 303
    assert (row.state, row.options["renames"]) == ("uploaded", {EVIL: "-"})


async def form(browser: Browser, page: str, what: str, fields: dict[str, str]) -> object:
    found = re.search(r'name="_token" value="([^"]+)"', page)
    assert found is not None
    return await browser.post("/console/call", {"_token": unescape(found[1]), "_call": what, **fields})


async def test_the_button_loads_and_the_page_shows_how_far_it_is_until_it_is_over(
    gateway: RunningGateway, browser: Browser
) -> None:
    lease = check(gateway)
    page = await browser.get(f"/console/load/{IMPORT}")
    await form(browser, page.text, f"POST /imports/{IMPORT}/load", {"static[]": "country"})

    busy = await browser.get(f"/console/load/{IMPORT}/progress")
    whole = await browser.get(f"/console/load/{IMPORT}")
    gateway.store.of("acme").imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    gateway.store.of("acme").imports.loaded(lease, {"rows": 2, "rejected": 0, "erased": 0}, rows=2, at=LONG_AGO)
    over = await browser.get(f"/console/load/{IMPORT}/progress")

    assert 'hx-trigger="every 1s"' in busy.text
    assert "The file is being loaded" in whole.text
    assert (over.status, over.headers["HX-Refresh"]) == (204, "true")


async def test_a_loaded_file_shows_its_counts_rejects_and_what_comes_next(
    gateway: RunningGateway, browser: Browser
) -> None:
    load(gateway)

    page = await browser.get(f"/console/load/{IMPORT}")
    rejects = await browser.get(f"/console/load/{IMPORT}/rejects")

    assert "<dt>New contacts</dt><dd>2</dd>" in page.text
    assert "Say what is to be predicted" in page.text
    assert "2 contacts and 0 events" in page.text
    assert rejects.text == "line,reason\r\n4,'=empty\r\n"


async def test_a_file_without_an_id_asks_for_the_column(gateway: RunningGateway, browser: Browser) -> None:
    lease = upload(gateway)
    store = gateway.store.of("acme")
    store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    error = {"code": "column-missing", "detail": "no id", "columns": ["Number", EVIL]}
    store.imports.fail(lease, error, at=LONG_AGO)

    page = await browser.get(f"/console/load/{IMPORT}")

    assert "which column holds the contact&#39;s id" in page.text
    assert "Number</option>" in page.text
    assert EVIL not in page.text
    assert "a column is to be named" in (await browser.get("/console/load")).text


async def test_data_lists_files_and_undoes_the_last_one(gateway: RunningGateway, browser: Browser) -> None:
    load(gateway)
    page = await browser.get("/console/data")

    await form(browser, page.text, f"POST /imports/{IMPORT}/undo", {})

    assert "2 new contacts" in page.text
    assert "Remove 2 contacts and 0 events that this import stored first?" in page.text
    assert state(gateway) == "undoing"


async def test_before_an_undo_the_page_says_what_stays(gateway: RunningGateway, browser: Browser) -> None:
    gateway.store.of("acme").contacts.put([ContactRow("a", timezone="Europe/Rome")], recorded_at=2)
    load(gateway, timezone="Europe/Berlin")

    pages = [(await browser.get(path)).text for path in ("/console/data", f"/console/load/{IMPORT}")]

    assert ["What it said of contacts that were known (1 change) stays." in page for page in pages] == [True, True]
    assert "Remove 1 contact and 0 events that this import stored first?" in pages[0]


async def test_data_says_what_to_do_where_there_is_nothing(browser: Browser) -> None:
    page = await browser.get("/console/data")

    assert "Nothing was loaded from a file yet" in page.text
    assert "No source of webhooks yet" in page.text


async def test_data_shows_what_could_not_be_taken_and_retries_it(gateway: RunningGateway, browser: Browser) -> None:
    store = gateway.store.of("acme")
    store.sources.add(SourceRow("acme", "src_1", "newsletter", "sendgrid", True, {}, 1, secrets=()))
    store.sources.dead_letters.put(
        [DeadLetterRow("dl_1", "src_1", "sendgrid", "item_refused", EVIL, "{}", None, LONG_AGO)]
    )
    page = await browser.get("/console/data")

    answer = await form(browser, page.text, "POST /dead-letters/dl_1/retry", {})
    everything = await form(browser, page.text, "POST /dead-letters/all/retry", {"source_id": "", "reason": ""})

    assert "newsletter" in page.text
    assert "item refused" in page.text
    assert EVIL not in page.text
    assert (answer.status, everything.status) == (303, 303)


async def test_data_shows_the_report_that_was_made_last(gateway: RunningGateway, browser: Browser) -> None:
    before = await browser.get("/console/data")
    store = gateway.store.of("acme")
    store.contacts.put([ContactRow("a")], recorded_at=LONG_AGO)
    store.data_report.keep(KeptReport(LONG_AGO, "mark", data_report(store, now=LONG_AGO).model_dump_json()))

    after = await browser.get("/console/data")

    assert "The report is made in the background" in before.text
    assert "minimums are missed" in after.text


async def test_who_may_only_read_sees_the_report_and_no_file(gateway: RunningGateway) -> None:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=("read",)))

    data, load_page = await browser.get("/console/data"), await browser.get("/console/load")

    assert (data.status, load_page.status) == (200, 403)
    assert "Files that were loaded" not in data.text
    assert "Is there enough data?" in data.text


async def test_a_loaded_file_of_items_says_what_it_stored_and_where_it_is_seen(
    gateway: RunningGateway, browser: Browser
) -> None:
    store, lease = gateway.store.of("acme"), ImportLease(IMPORT, "worker")
    store.imports.create(ImportRow(IMPORT, "uploaded", "items", "feed.csv", 9, LONG_AGO, "key"), most_open=9)
    store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    store.imports.checked(lease, "items", PLAN, rows=3)
    checked = (await browser.get(f"/console/load/{IMPORT}")).text
    store.imports.request_load(IMPORT, {}, at=LONG_AGO)
    store.imports.take(lease, at=LONG_AGO, until=LONG_AGO * 2)
    store.items.put_bulk([ItemChange("tea", {}), ItemChange("tea", {"name": "Tea"})], at=7, lease=lease)
    result = {"rows": 3, "rejected": 1, "erased": 0, "notes": [], "rejects": []}
    store.imports.loaded(lease, result, rows=3, at=LONG_AGO + SECOND)

    page, listed = (await browser.get(f"/console/load/{IMPORT}")).text, (await browser.get("/console/data")).text

    assert "Whether it is in stock" in checked
    assert "keep it as a fact" not in checked
    assert "<dt>New items</dt><dd>1</dd></div><div><dt>Items updated</dt><dd>1</dd>" in page
    assert 'href="/console/items"' in page
    assert "1 new item, 1 item updated" in listed
    assert "/undo" not in listed
