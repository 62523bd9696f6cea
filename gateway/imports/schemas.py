"""Requests and answers of the routes of imports."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, RootModel, model_validator

from gateway.schemas import REQUEST
from shared.contracts.outcome import AttributeName
from shared.contracts.prediction import Answer
from shared.store import ImportState

ImportKind = Literal["contacts", "events", "items"]
ColumnName = Annotated[str, Field(min_length=1, max_length=2_000)]
MAX_FILE_NAME = 200
LEAVE_OUT = "-"

ZoneField = Annotated[
    str | None,
    Field(max_length=64, description="IANA zone of times that name none.", examples=["Europe/Berlin"]),
]


class ColumnMapping(BaseModel):
    """What one column becomes."""

    model_config = REQUEST

    column: Annotated[ColumnName, Field(description="Its name in the file.", examples=["Lead Source"])]
    target: Annotated[
        str | None,
        Field(
            max_length=128,
            description="A field (`id`, `email`, `created_at`, ...), or the name of an attribute; `-` or null leaves "
            "the column out, an empty text lets its name and values decide.",
            examples=["source"],
        ),
    ]


class ImportChanges(BaseModel):
    """What is known of the file better than its columns show; what is left out stays as it was said before."""

    model_config = REQUEST

    kind: Annotated[ImportKind | None, Field(description="What the rows are; null: as the columns show.")] = None
    columns: Annotated[
        list[ColumnMapping], Field(max_length=2_000, description="Columns that become something else.")
    ] = []
    constants: Annotated[
        dict[str, Annotated[str, Field(max_length=1_000)]] | None,
        Field(max_length=20, description="A field's value for every row.", examples=[{"type": "order_placed"}]),
    ] = None
    timezone: ZoneField = None
    date_order: Annotated[
        Literal["ymd", "dmy", "mdy"] | None, Field(description="What 05/03/2026 means; as the column shows by default.")
    ] = None
    decimal: Annotated[
        Literal["point", "comma"] | None, Field(description="What begins decimals; as the column shows by default.")
    ] = None
    encoding: Annotated[str | None, Field(max_length=40, description="Of a text file; as it shows by default.")] = None
    delimiter: Annotated[
        str | None, Field(max_length=10, description="comma, semicolon, tab, pipe or a character; as it shows.")
    ] = None
    sheet: Annotated[
        str | None, Field(max_length=200, description="Of a workbook; the first that holds rows by default.")
    ] = None


class LoadRequest(BaseModel):
    """How a checked file is loaded."""

    model_config = REQUEST

    static: Annotated[
        Literal["all"] | list[AttributeName],
        Field(
            description="Attributes that held ever since the contact was created, such as a country: a file says no "
            "date, and only such attributes may be used to predict an event. `all`: every one of the account.",
            examples=[["country", "industry"]],
        ),
    ] = []

    @model_validator(mode="after")
    def _few(self) -> Self:
        if isinstance(self.static, list) and len(self.static) > 2_000:
            raise ValueError("name at most 2,000 attributes")
        return self


class ImportProgress(Answer):
    """How far the check, the load or the undo is."""

    rows: Annotated[int | None, Field(description="How many rows there are; null before they are counted.")]
    done: Annotated[int, Field(description="How many of them are done.")]
    share: Annotated[float, Field(description="Of the work, 0 to 1.")]


class ImportCounts(Answer):
    """What was stored so far."""

    contacts_created: Annotated[int, Field(description="Contacts that were not known before.")]
    contacts_updated: Annotated[int, Field(description="Known contacts of whom the file said something new.")]
    events: Annotated[int, Field(description="Events that were not known before.")]
    items_created: Annotated[int, Field(description="Items that the catalogue did not have before.")]
    items_updated: Annotated[int, Field(description="Known items of which the file said something new.")]
    unchanged: Annotated[int | None, Field(description="Rows that said nothing new; null before the end.")]
    rejected: Annotated[int | None, Field(description="Rows that could not be read; null before the end.")]
    erased: Annotated[int | None, Field(description="Rows left out: their contacts were erased; null before the end.")]


class UndoCounts(Answer):
    """What an undo would remove, at most: what the import stored first; and what stays."""

    contacts: Annotated[int, Field(description="Contacts that it made, and that nobody else has put since.")]
    events: Annotated[int, Field(description="Events that it stored first.")]
    contacts_updated: Annotated[
        int,
        Field(
            description="Stays: how often the file said something new of a contact that was known by then. Its values "
            "are not removed, for somebody else may have sent the same since, which leaves no trace."
        ),
    ]


class UndoneCounts(UndoCounts):
    """What an undo removed, and what stays."""

    contacts_kept: Annotated[
        int, Field(description="Contacts that it made and that stay: others have put them, or stored events of them.")
    ]


class ImportFailure(Answer):
    """Why it failed."""

    code: Annotated[str, Field(description="`file-refused`, `column-missing`, `upload-expired`, `upload-erased`, ...")]
    detail: Annotated[str, Field(description="What to do.")]
    columns: Annotated[
        list[str] | None, Field(description="The file's columns, where one is missing that has to be named; else null.")
    ]


class ImportReject(Answer):
    """A row that could not be read."""

    line: Annotated[int, Field(description="Line of a text file, row of a workbook or of Parquet.")]
    reason: Annotated[str, Field(description="What is wrong, and in which column.")]


class ImportColumn(Answer):
    """A column, and what becomes of it."""

    column: Annotated[str, Field(description="Its name in the file.")]
    use: Annotated[
        Literal["field", "hashed", "kept", "left out"],
        Field(description="A field of ours; kept as a keyed hash only; kept as an attribute or property; left out."),
    ]
    target: Annotated[str, Field(description="Field, attribute or property that it becomes; empty: none.")]
    values: Annotated[str, Field(description="What its values are: text, dates, whole numbers, ...")]
    filled: Annotated[int, Field(description="How many rows have a value.")]
    missing: Annotated[int, Field(description="How many have none.")]
    note: Annotated[str, Field(description="Why it is hashed or left out; empty: nothing to say.")]


class ImportFirstRow(RootModel[dict[str, str]]):
    """The cells of a row, by column."""


class ImportPlan(Answer):
    """What was understood of a file, before anything of it is stored."""

    format: Annotated[str, Field(description="CSV, Excel workbook, NDJSON, JSON or Parquet.")]
    encoding: Annotated[str | None, Field(description="Of a text file.")]
    delimiter: Annotated[str | None, Field(description="Of a CSV.")]
    sheet: Annotated[str | None, Field(description="Of a workbook.")]
    rows: Annotated[int, Field(description="Rows that have cells.")]
    readable: Annotated[int, Field(description="Rows that would be loaded.")]
    rejected: Annotated[int, Field(description="Rows that could not be read.")]
    columns: Annotated[list[ImportColumn], Field(description="In the order of the file.")]
    first_rows: Annotated[
        list[ImportFirstRow],
        Field(description="By column; what is personal is masked. Empty once the file is loaded or gone."),
    ]
    notes: Annotated[list[str], Field(description="What was understood, and what may be wrong.")]
    rejects: Annotated[list[ImportReject], Field(description="The first of them.")]


class ImportSummary(Answer):
    """An import and how far it is."""

    id: Annotated[str, Field(description="Its id.")]
    status: Annotated[
        ImportState,
        Field(
            description="`uploaded`: waits to be checked; `checked`: waits for `POST /imports/{id}/load`; `loading`, "
            "`loaded`; `undoing`, `undone`; `failed`: `error` says why."
        ),
    ]
    kind: Annotated[ImportKind | None, Field(description="What the rows are; null before it is checked.")]
    filename: Annotated[str, Field(description="As it was given.")]
    bytes: Annotated[int, Field(description="Size of the file.")]
    progress: Annotated[ImportProgress, Field(description="Of what is done now, or was done last.")]
    counts: Annotated[ImportCounts | None, Field(description="What was stored; null before it is loaded.")]
    problem: Annotated[
        str | None,
        Field(description="Why a load that ended is not what it should be, such as many rejects; else null."),
    ]
    error: Annotated[ImportFailure | None, Field(description="Why it failed; null otherwise.")]
    undo: Annotated[
        UndoCounts | None, Field(description="What can be undone: of the import that was loaded last; null otherwise.")
    ]
    undone: Annotated[UndoneCounts | None, Field(description="What was undone; null otherwise.")]
    rejects: Annotated[str | None, Field(description="Where the rows lie that could not be read; null: none were.")]
    created_at: Annotated[datetime, Field(description="When it was uploaded, UTC.")]
    started_at: Annotated[datetime | None, Field(description="When work on it began, UTC.")]
    finished_at: Annotated[datetime | None, Field(description="When it was loaded, undone or failed, UTC.")]


class ImportOptions(Answer):
    """What was said of a file beyond what it shows."""

    columns: Annotated[
        dict[str, str], Field(description="What columns become that were named: a field, an attribute, or `-`.")
    ]
    constants: Annotated[dict[str, str], Field(description="A field's value for every row.")]
    timezone: Annotated[str | None, Field(description="Zone of times that name none.")]
    date_order: Annotated[str | None, Field(description="What 05/03/2026 means.")]
    decimal: Annotated[str | None, Field(description="What begins decimals.")]
    encoding: Annotated[str | None, Field(description="Of a text file.")]
    delimiter: Annotated[str | None, Field(description="Of a CSV.")]
    sheet: Annotated[str | None, Field(description="Of a workbook.")]


class ImportAnswer(ImportSummary):
    """An import with what was understood of its file."""

    options: Annotated[ImportOptions, Field(description="What was said of the file; null and empty: as it shows.")]
    plan: Annotated[ImportPlan | None, Field(description="What was understood of the file; null before it is checked.")]
    notes: Annotated[list[str], Field(description="What loading changed or left out in single cells.")]
    first_rejects: Annotated[list[ImportReject], Field(description="The first rows that loading could not read.")]


class ImportList(Answer):
    """A page of imports."""

    imports: Annotated[list[ImportSummary], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
