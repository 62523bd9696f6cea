"""Which column of a file is which field: as the caller says, else as its name says."""

from collections.abc import Mapping

from shared.errors import FileRefused
from shared.ingest.plan import Subject
from shared.ingest.table import Options
from shared.values.headers import Fields, fields_of
from shared.values.words import same_name_key

FIELDS: dict[Subject, tuple[str, ...]] = {
    "contacts": ("id", "email", "timezone", "created_at", "consent", "valid_from", "attributes"),
    "events": (
        "contact_id", "type", "occurred_at", "id", "value", "currency", "message_id", "campaign_id", "item", "human",
        "properties", "email",
    ),
    "items": ("id", "name", "category", "price", "currency", "url", "active", "in_stock"),
    "decisions": (
        "contact_id", "message", "propensity", "candidates", "number_of_candidates", "decided_at", "reward", "outcome",
        "slot", "campaign_id", "id",
    ),
}  # fmt: skip
NEEDED: dict[Subject, tuple[str, ...]] = {
    "contacts": ("id",),
    "events": ("contact_id", "type", "occurred_at"),
    "items": ("id",),
    "decisions": ("contact_id", "message", "propensity", "decided_at"),
}
MAX_SHOWN = 40
"""Characters of a name or a cell that are shown."""


class Roles:
    """Which column is which field: as the caller says, else as its name says."""

    def __init__(self, subject: Subject, options: Options) -> None:
        self._subject: Subject = subject
        self._renames = options.renames
        self._stated: dict[str, str] = {}
        self._fields = Fields({}, ())

    def decide(self, header: list[str]) -> None:
        """Give fields to columns.

        Raises:
            FileRefused: the caller names a column that is not there.
        """
        self._stated = {self._found(given, header): target for given, target in self._renames.items()}
        if len(self._stated) < len(self._renames):
            raise FileRefused("--map names a column twice.")
        mapped = {name: target for name, target in self._stated.items() if target in FIELDS[self._subject]}
        free = [name for name in header if name in mapped or name not in self._stated]
        self._fields = fields_of(free, self._subject, mapped=mapped)

    def _found(self, given: str, header: list[str]) -> str:
        if given in header:
            return given
        alike = [name for name in header if same_name_key(name) == same_name_key(given)]
        if len(alike) != 1:
            raise FileRefused(f"--map: there is no column {given}; found: {found_names(header)}.")
        return alike[0]

    def field_of(self, name: str) -> str:
        """Find the field of a column; empty: it is none."""
        return self._fields.field_of.get(name, "")

    def stated(self, name: str) -> str | None:
        """Find what the caller calls a column."""
        return self._stated.get(name)

    def column_of(self, field: str) -> str | None:
        """Find the column of a field."""
        return self._fields.header_of.get(field)

    def give(self, name: str, field: str) -> None:
        """Make a column a field after all."""
        self._fields = Fields({**self._fields.header_of, field: name}, self._fields.passed)

    @property
    def notes(self) -> list[str]:
        """Sentences about columns that could be a field which another one is."""
        return [passed.note for passed in self._fields.passed]

    def missing(self, constants: Mapping[str, str]) -> list[str]:
        """List the fields without which no row can be one."""
        stated = {*self._fields.header_of, *constants}
        if self._subject == "events" and "email" in stated:  # the contact is found by the address
            stated.add("contact_id")
        return [field for field in NEEDED[self._subject] if field not in stated]


def found_names(header: list[str]) -> str:
    """List the names of columns; what looks like a person's data and not like a name is not repeated."""
    shown = ["(a value)" if is_data(name) else name[:MAX_SHOWN] for name in header[:30]]
    return ", ".join(shown) + (", ..." if len(header) > len(shown) else "")


def is_data(name: str) -> bool:
    """Whether a column's name looks like somebody's data, as where the header is missing."""
    return "@" in name or sum(char.isdigit() for char in name) > 3
