"""Commands about models: train, promote, roll back. Who asks writes a row; who works on it holds its lease.

Of one model there is never more than one training at a time, and never more than one promotion or rollback: whoever
begins, the worker or a command line, looks for another one under a lease that still holds, in the same transaction.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from uuid import uuid4

from sqlalchemy import ColumnElement, Index, and_, func, or_
from sqlalchemy.orm import Mapped, aliased, mapped_column

from shared.contracts.message import Message
from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds
from shared.contracts.training import REGISTERED
from shared.errors import Conflict, NotFound
from shared.store.outbox import publish
from shared.store.schema import Instant, KeyText, LongText, OptionalInstant, OptionalLongText, StoreTable
from shared.store.scope import AccountConnection, AnySelect, Scope, take_turn

CommandKind = Literal["train", "promote", "rollback"]
CommandState = Literal["queued", "running", "completed", "failed", "cancelled"]
OPEN: Final[tuple[CommandState, ...]] = ("queued", "running")
TRAININGS: Final[tuple[CommandKind, ...]] = ("train",)
PROMOTIONS: Final[tuple[CommandKind, ...]] = ("promote", "rollback")
"""Kinds of which one model has one at a time; a rollback must not wait for a training."""
BY_COMMAND_LINE: Final = "command line"
"""Works on its own commands; when it dies, nobody goes on with them."""
MOST_OPEN: Final = 20
"""Promotions and rollbacks of a model that may wait."""


class ModelCommandTable(StoreTable):
    """What is to be done about a model, by whom it was asked for, and how far it is."""

    __tablename__ = "model_commands"
    __table_args__: Any = (Index(None, "account_id", "capability", "outcome", "created_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    command_id: Mapped[KeyText] = mapped_column(primary_key=True)
    kind: Mapped[str]
    capability: Mapped[KeyText]
    outcome: Mapped[KeyText]
    state: Mapped[str]
    payload: Mapped[LongText]
    """JSON: options of the kind."""
    created_at: Mapped[Instant]
    requested_by: Mapped[str]
    """Public id of a key, `command line`, `schedule` or `drift`."""
    reason: Mapped[LongText]
    progress: Mapped[float]
    step: Mapped[str]
    """What is done now, in words."""
    started_at: Mapped[OptionalInstant]
    finished_at: Mapped[OptionalInstant]
    attempts: Mapped[int]
    claim: Mapped[str | None]
    """Random name of the process that works on it."""
    leased_until: Mapped[OptionalInstant]
    """Of a running one: then another process may take it over. Of one that waits: not before."""
    result: Mapped[OptionalLongText]
    """JSON: what became of it."""
    error: Mapped[OptionalLongText]
    """JSON: code and detail of why it failed."""


class ModelCommandRow(NamedTuple):
    """One command."""

    command_id: str
    kind: CommandKind
    capability: str
    outcome: str
    """Empty where the capability has none."""
    created_at: Microseconds
    requested_by: str
    reason: str = ""
    payload: Mapping[str, Any] = {}
    state: CommandState = "queued"
    progress: float = 0.0
    """0 to 1."""
    step: str = ""
    started_at: Microseconds | None = None
    finished_at: Microseconds | None = None
    attempts: int = 0
    result: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None

    @property
    def model(self) -> ModelName:
        """Return which model it is about."""
        return ModelName(self.capability, self.outcome)


def new_command_id() -> str:
    """Draw the id of a command."""
    return f"cmd_{uuid4().hex[:16]}"


class CommandLease(NamedTuple):
    """The right to work on a command."""

    command_id: str
    claim: str


_JSON = ("payload", "result", "error")
_COLUMNS = tuple(ModelCommandTable.__table__.c[name] for name in ModelCommandRow._fields)


@dataclass(frozen=True, slots=True)
class ModelCommands:
    """The commands about the models of one account."""

    _scope: Scope

    def request(self, row: ModelCommandRow) -> tuple[ModelCommandRow, bool]:
        """Keep a new command; joins an open transaction.

        Args:
            row: queued.

        Returns:
            The command, and whether it is new: while a training of the model waits or runs, that one is it.

        Raises:
            Conflict: too many promotions and rollbacks of the model wait.
        """
        with self._scope.writing() as connection:
            take_turn(connection)  # two that come at once must not both be the first one
            waiting = _rows(connection, *_lane(row), ModelCommandTable.state.in_(OPEN))
            if row.kind == "train" and waiting:
                return waiting[0], False
            if len(waiting) >= MOST_OPEN:
                raise Conflict(f"{MOST_OPEN} promotions and rollbacks of this model wait already; is there a worker?")
            connection.insert(ModelCommandTable, [_stored(row)])
        return row, True

    def begin(self, row: ModelCommandRow, lease: CommandLease, *, until: Microseconds) -> None:
        """Keep a new command that its asker works on at once.

        Args:
            row: of the command line.
            lease: of the command.
            until: how long it is held.

        Raises:
            Conflict: another one of the model runs.
        """
        with self._scope.writing() as connection:
            take_turn(connection)
            other = _running(connection, row, at=row.created_at)
            if other is not None:
                raise Conflict(_busy(other))
            began = row._replace(state="running", started_at=row.created_at, attempts=1)
            connection.insert(ModelCommandTable, [{**_stored(began), "claim": lease.claim, "leased_until": until}])

    def take(self, lease: CommandLease, *, at: Microseconds, until: Microseconds) -> ModelCommandRow | None:
        """Lease a command that waits, or whose lease has run out.

        Returns:
            The command; None: it has ended, is somebody else's, or another one of the model runs.
        """
        table = ModelCommandTable
        with self._scope.writing() as connection:
            take_turn(connection)
            row = _held(connection, table.command_id == lease.command_id, waiting(at))
            if row is None or _running(connection, row, at=at) is not None:
                return None
            values = {
                "state": "running",
                "claim": lease.claim,
                "leased_until": until,
                "attempts": row.attempts + 1,
                "started_at": row.started_at or at,
                "progress": 0.0,
                "step": "",
            }
            _set(connection, lease.command_id, **values)
            return _found(connection, table.command_id == lease.command_id)

    def renew(self, lease: CommandLease, *, until: Microseconds) -> bool:
        """Hold a lease for longer; False: it was lost, or the command was cancelled."""
        with self._scope.writing() as connection:
            return _set_own(connection, lease, leased_until=until)

    def advance(self, lease: CommandLease, progress: float, step: str) -> bool:
        """Note how far a command is; False: the lease was lost, or the command was cancelled."""
        with self._scope.writing() as connection:
            return _set_own(connection, lease, progress=progress, step=step)

    def complete(self, lease: CommandLease, result: Mapping[str, Any], *, at: Microseconds) -> bool:
        """End a command; False: the lease was lost."""
        with self._scope.writing() as connection:
            values = {"finished_at": at, "progress": 1.0, "step": "done", "result": json.dumps(dict(result))}
            return _set_own(connection, lease, state="completed", claim=None, leased_until=None, **values)

    def fail(
        self, lease: CommandLease, error: Mapping[str, str], messages: Sequence[Message] = (), *, at: Microseconds
    ) -> bool:
        """End a command that cannot be done, note it in the audit log, and say so to subscriptions.

        Args:
            lease: of the command.
            error: code and detail.
            messages: what subscriptions get.
            at: now.

        Returns:
            False: the lease was lost.
        """
        with self._scope.writing() as connection:
            take_turn(connection)
            row = _held(connection, *_claimed(lease))
            if row is not None:
                _end_failed(connection, row, error, messages, at=at)
        return row is not None

    def close_interrupted(
        self, command_id: str, error: Mapping[str, str], messages: Sequence[Message] = (), *, at: Microseconds
    ) -> bool:
        """Fail a command whose command line has died; False: it is of another kind, lives, or has ended."""
        table = ModelCommandTable
        with self._scope.writing() as connection:
            take_turn(connection)
            mine = (table.command_id == command_id, table.requested_by == BY_COMMAND_LINE)
            row = _held(connection, *mine, waiting(at))
            if row is not None:
                _end_failed(connection, row, error, messages, at=at)
        return row is not None

    def release(self, lease: CommandLease, *, at: Microseconds, began: bool) -> bool:
        """Give a command back before its end, for whoever takes it from an instant on.

        Args:
            lease: of the command.
            at: not before.
            began: whether the attempt counts.

        Returns:
            False: the lease was lost.
        """
        table = ModelCommandTable
        with self._scope.writing() as connection:
            attempts = table.attempts if began else table.attempts - 1
            return _set_own(connection, lease, state="queued", claim=None, leased_until=at, attempts=attempts)

    def cancel(self, command_id: str, *, at: Microseconds) -> ModelCommandRow:
        """Let a command that waits, or a training that has changed nothing yet, go no further.

        Raises:
            NotFound: there is none.
            Conflict: it has ended, or its version is being registered.
        """
        with self._scope.writing() as connection:
            take_turn(connection)
            row = _held(connection, ModelCommandTable.command_id == command_id)
            if row is None:
                raise NotFound("There is no such command in this account.")
            if row.state == "cancelled":
                return row
            if row.state not in OPEN:
                raise Conflict(f"It has ended: it is {row.state}.")
            if row.state == "running" and (row.kind != "train" or row.progress >= REGISTERED):
                raise Conflict("It is so far that it can be cancelled no more; wait until it has ended.")
            _set(connection, command_id, state="cancelled", finished_at=at, claim=None, leased_until=None)
            connection.audit(f"model.{_NOUNS[row.kind]}_cancelled", row.model.text, at=at, command=command_id)
        return row._replace(state="cancelled", finished_at=at)

    def find(self, command_id: str) -> ModelCommandRow | None:
        """Find a command."""
        with self._scope.reading() as connection:
            return _found(connection, ModelCommandTable.command_id == command_id)

    def page(
        self, model: ModelName, kind: CommandKind, limit: int, after: tuple[Microseconds, str] | None = None
    ) -> list[ModelCommandRow]:
        """List commands of a kind about a model, newest first.

        Args:
            model: which one.
            kind: of the commands.
            limit: how many at most.
            after: `created_at` and id of the last one of the page before.
        """
        table = ModelCommandTable
        conditions = [*_about(model), table.kind == kind]
        if after is not None:
            at, last = after
            conditions.append((table.created_at < at) | ((table.created_at == at) & (table.command_id < last)))
        with self._scope.reading() as connection:
            return _rows(connection, *conditions, limit=limit)

    def last_training_at(self, model: ModelName) -> Microseconds | None:
        """Return when a training of a model was asked for last, whatever became of it; None: never."""
        table = ModelCommandTable
        statement = self._scope.select(func.max(table.created_at), of=table).where(
            *_about(model), table.kind == "train"
        )
        with self._scope.reading() as connection:
            found: Microseconds | None = connection.scalar(statement)
        return found

    def last_choices(self, model: ModelName) -> Mapping[str, Any]:
        """Return what was chosen for the last training that a person made and that ended well; empty: nothing."""
        with self._scope.reading() as connection:
            row = _found(connection, *_about(model), _has_choices(ModelCommandTable))
        chosen: Mapping[str, Any] = {} if row is None else row.payload["choices"]
        return chosen

    def delete_before(self, at: Microseconds, *, limit: int = 1_000) -> int:
        """Delete commands that ended before an instant; return how many, at most `limit`.

        Of each model there stay the last training, by which the next is due, and the last whose choices hold for it.
        """
        table = ModelCommandTable
        needed = or_(_is_last(self._scope, _is_training), _is_last(self._scope, _has_choices))
        old = self._scope.select(table.command_id).where(table.finished_at < at, ~needed).limit(limit)
        with self._scope.writing() as connection:
            ids = list(connection.scalars(old))
            if ids:
                connection.execute(self._scope.delete(table).where(table.command_id.in_(ids)))
        return len(ids)


def waiting(at: Microseconds) -> ColumnElement[bool]:
    """Say that a command waits for somebody to work on it."""
    table = ModelCommandTable
    free = or_(table.leased_until.is_(None), table.leased_until <= at)
    return table.state.in_(OPEN) & free


def _busy(other: ModelCommandRow) -> str:
    what = "A training" if other.kind == "train" else f"A {'promotion' if other.kind == 'promote' else 'rollback'}"
    return f"{what} of {other.model.text} runs already, asked for by {other.requested_by}: wait until it has ended."


def _end_failed(
    connection: AccountConnection,
    row: ModelCommandRow,
    error: Mapping[str, str],
    messages: Sequence[Message],
    *,
    at: Microseconds,
) -> None:
    ended = {"state": "failed", "finished_at": at, "claim": None, "leased_until": None}
    _set(connection, row.command_id, error=json.dumps(dict(error)), **ended)
    facts = {"command": row.command_id, "code": error["code"], "reason": error["detail"], "asked": row.reason}
    connection.audit(f"model.{_NOUNS[row.kind]}_failed", row.model.text, at=at, **facts)
    publish(connection, messages, at=at)


_NOUNS: Final[Mapping[CommandKind, str]] = {"train": "training", "promote": "promotion", "rollback": "rollback"}


def _running(connection: AccountConnection, row: ModelCommandRow, *, at: Microseconds) -> ModelCommandRow | None:
    """Find another command of the same model and lane under a lease that holds; one that ran out holds no more."""
    table = ModelCommandTable
    others = (*_lane(row), table.state == "running", table.command_id != row.command_id)
    ran_out = connection.update(table).where(*others, table.leased_until <= at)
    connection.execute(ran_out.values(claim=None))  # who wakes up does not renew it
    return _found(connection, *others, table.leased_until > at)


def _about(model: ModelName) -> tuple[ColumnElement[bool], ...]:
    table = ModelCommandTable
    return table.capability == model.capability, table.outcome == model.outcome


def _is_training(table: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = table.kind == "train"
    return found


def _has_choices(table: Any) -> ColumnElement[bool]:
    """Say that a command is a training by hand that ended well, and whose choices hold for later ones."""
    by_hand = (table.kind == "train", table.requested_by == BY_COMMAND_LINE)
    return and_(*by_hand, table.state == "completed", table.payload.contains('"choices": '))


def _is_last(scope: Scope, condition: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Say that a command meets a condition, and that no newer one of its model does."""
    table, newer = ModelCommandTable, aliased(ModelCommandTable)
    same = (newer.capability == table.capability, newer.outcome == table.outcome)
    others = scope.select(newer.command_id).where(*same, newer.created_at > table.created_at, condition(newer))
    return condition(table) & ~others.exists()


def _lane(row: ModelCommandRow) -> tuple[ColumnElement[bool], ...]:
    return (*_about(row.model), ModelCommandTable.kind.in_(TRAININGS if row.kind == "train" else PROMOTIONS))


def _claimed(lease: CommandLease) -> tuple[ColumnElement[bool], ...]:
    table = ModelCommandTable
    return table.command_id == lease.command_id, table.claim == lease.claim, table.state == "running"


def _set(connection: AccountConnection, command_id: str, **values: Any) -> None:
    table = ModelCommandTable
    connection.execute(connection.update(table).where(table.command_id == command_id).values(**values))


def _set_own(connection: AccountConnection, lease: CommandLease, **values: Any) -> bool:
    statement = connection.update(ModelCommandTable).where(*_claimed(lease)).values(**values)
    return connection.execute(statement).rowcount > 0


def _found(connection: AccountConnection, *conditions: ColumnElement[bool]) -> ModelCommandRow | None:
    return next(iter(_rows(connection, *conditions, limit=1)), None)


def _held(connection: AccountConnection, *conditions: ColumnElement[bool]) -> ModelCommandRow | None:
    """Find a command that nobody changes until the transaction ends; its holder renews it without taking a turn."""
    return next(iter(_rows(connection, *conditions, limit=1, held=True)), None)


def _rows(
    connection: AccountConnection, *conditions: ColumnElement[bool], limit: int = MOST_OPEN, held: bool = False
) -> list[ModelCommandRow]:
    table = ModelCommandTable
    statement: AnySelect = connection.select(*_COLUMNS).where(*conditions)
    if held:
        statement = statement.with_for_update()
    ordered = statement.order_by(table.created_at.desc(), table.command_id.desc()).limit(limit)
    return [_row(dict(found._mapping)) for found in connection.execute(ordered)]


def _row(fields: dict[str, Any]) -> ModelCommandRow:
    read = {name: None if fields[name] is None else json.loads(fields[name]) for name in _JSON}
    return ModelCommandRow(**{**fields, **read})


def _stored(row: ModelCommandRow) -> dict[str, Any]:
    fields = row._asdict()
    written = {name: None if fields[name] is None else json.dumps(fields[name], sort_keys=True) for name in _JSON}
    return {**fields, **written, "claim": None, "leased_until": None}
