"""What MLflow answers to a table is what the service answers about the same contacts, for every capability."""

from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from services.sendtime.model.local_week import DAY_NAMES
from shared.features import matrix
from shared.registry.artifact import InputColumn
from shared.registry.registration import LONGEST_DESCRIPTION, MlflowRegistry
from shared.timeline import ContactPasts

NOW_US = 1_780_272_000_000_000
IDS = [f"c-{number}" for number in range(40)]
pytestmark = pytest.mark.filterwarnings("ignore")


def written(values: np.ndarray, columns: list[InputColumn], names: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Write a matrix as a person would: names instead of codes, None where nothing is known."""
    cells: dict[str, Any] = {}
    for place, column in enumerate(columns):
        numbers = values[:, place]
        if column.type == "double":
            cells[column.name] = numbers
        else:
            listed = (*names[column.name], "never seen")
            cells[column.name] = pd.Series([None if np.isnan(x) else listed[int(x)] for x in numbers], dtype=object)
    return pd.DataFrame(cells)


def table_of(subject: Any, pasts: ContactPasts) -> pd.DataFrame:
    """Lay the contacts out as the table of the version."""
    model, cutoffs = subject.model, np.full(len(IDS), NOW_US)
    columns = list(model.table_inputs)
    if subject.capability.name == "sendtime":
        return week_of(model, pasts, columns)
    if subject.capability.name == "recommendations":
        return purchases_of(model, pasts)
    values = matrix(model.feature_set, pasts.columns, np.arange(len(IDS), dtype=np.int32), cutoffs)
    if columns[-1].name == "cutoff_day":
        values = np.column_stack([values, cutoffs / 86_400_000_000])
    return written(values, columns, {one.name: one.categories for one in model.feature_set.features})


def purchases_of(model: Any, pasts: ContactPasts) -> pd.DataFrame:
    """Lay the purchases of every contact out: item, and how many days ago."""
    rows: list[dict[str, Any]] = []
    for past in pasts.one_by_one:
        pairs = zip(past.item, past.at, strict=True)
        bought = [(item, (NOW_US - at) / 86_400_000_000) for item, at in pairs if item in model.code_of][::-1]
        row: dict[str, Any] = {}
        for place in range(1, 11):
            item, ago = bought[place - 1] if place <= len(bought) else (None, None)
            row |= {f"bought_{place}": item, f"days_ago_{place}": ago}
        rows.append(row)
    return pd.DataFrame(rows)


def week_of(model: Any, pasts: ContactPasts, columns: list[InputColumn]) -> pd.DataFrame:
    """Lay every hour of the week of every contact out."""
    query = type("Query", (), {"engagement": None, "campaign": None})()
    zones, _ = model.zones.of(pasts.columns, np.full(len(IDS), NOW_US))
    judge = model._judge(pasts.columns, np.full(len(IDS), NOW_US), zones, model._timing(query.engagement), query)
    frame, slot = np.repeat(np.arange(len(IDS)), 168), np.tile(np.arange(168), len(IDS))
    table = written(judge._laid_out(frame, slot), columns[:-1], {"weekday": DAY_NAMES})
    return table.assign(contact=[IDS[row] for row in frame])


def same_probability(answers: pd.DataFrame, predictions: list[Any]) -> None:
    np.testing.assert_allclose(answers.iloc[:, 0], [one.probability for one in predictions], rtol=0, atol=1e-9)


def same_score(answers: pd.DataFrame, predictions: list[Any]) -> None:
    same_probability(answers, predictions)
    assert answers["score"].tolist() == [one.score for one in predictions]
    assert answers["band"].tolist() == [one.band for one in predictions]


def same_segment(answers: pd.DataFrame, predictions: list[Any]) -> None:
    assert answers["segment_id"].tolist() == [one.first.segment.id for one in predictions]
    assert answers["segment"].tolist() == [one.first.segment.name for one in predictions]
    np.testing.assert_allclose(answers["membership"], [one.first.membership for one in predictions], rtol=0, atol=1e-9)


def same_value(answers: pd.DataFrame, predictions: list[Any]) -> None:
    """Whoever has an order is worth the same; of others the table knows nothing, and the service says so."""
    asked = [one.status == "ok" for one in predictions]
    assert any(asked)
    for column, name in ((0, "expected_value"), (1, "expected_orders"), (3, "score")):
        expected = [getattr(one, name) for one in predictions]
        np.testing.assert_allclose(answers[asked].iloc[:, column], np.array(expected)[asked], rtol=1e-9, atol=0)
    assert (answers[[not one for one in asked]].iloc[:, 0] == 0).all()


def same_hour(answers: pd.DataFrame, predictions: list[Any]) -> None:
    """Each contact has one best hour, and it promises at least what the service found inside its window."""
    best = answers[answers["is_best"]]
    assert len(best) == len(IDS)
    weeks = answers["probability"].to_numpy().reshape(len(IDS), 168)
    for week, one in zip(weeks, predictions, strict=True):
        assert week[one.best.when.slot] == pytest.approx(one.best.probability, abs=1e-9)


def same_items(answers: pd.DataFrame, predictions: list[Any]) -> None:
    for row, one in enumerate(predictions):
        for place, listed in enumerate(one.items, 1):
            assert answers[f"item_{place}"][row] == listed.item["id"]
            assert answers[f"score_{place}"][row] == pytest.approx(listed.score, abs=1e-9)


def same_reward(answers: pd.DataFrame, predictions: list[Any]) -> None:
    for row, one in enumerate(predictions):
        for chosen in one.chosen:
            if chosen.message is not None:
                assert answers[f"expected_reward_of_{chosen.message}"][row] == pytest.approx(chosen.expected_reward)


def same_effect(answers: pd.DataFrame, predictions: list[Any]) -> None:
    assert answers["effect_1"].to_list() == pytest.approx([one.effect.value for one in predictions], abs=1e-9)
    assert answers["low_1"].to_list() == pytest.approx([one.effect.low for one in predictions], abs=1e-9)
    assert answers["response_without"].to_list() == pytest.approx(
        [one.response_without for one in predictions], abs=1e-9
    )


SAME: dict[str, Callable[[pd.DataFrame, list[Any]], None]] = {
    "scoring": same_score,
    "churn": same_probability,
    "segmentation": same_segment,
    "sendtime": same_hour,
    "value": same_value,
    "recommendations": same_items,
    "messages": same_reward,
    "uplift": same_effect,
}


async def served(asgi: Any, loaded: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Ask the application that `mlflow models serve` runs."""
    from mlflow.pyfunc.scoring_server import init  # it warns of its own code when it is loaded

    body = f'{{"dataframe_split": {table.to_json(orient="split", double_precision=15)}}}'.encode()
    reply = await asgi(init(loaded)).send("POST", "/invocations", body, {"Content-Type": "application/json"})
    assert reply.status == 200, reply.body
    return pd.DataFrame(reply.json["predictions"])


@pytest.fixture(scope="session")
def loaded(subject: Any) -> Any:
    """The version as MLflow loads it."""
    with MlflowRegistry.of(subject.settings).connected():
        name = ".".join(part for part in ("demo", *subject.name) if part)
        return mlflow.pyfunc.load_model(f"models:/{name}/{subject.version}")


async def test_a_table_is_answered_as_contacts_are(subject: Any, loaded: Any, asgi: Any) -> None:
    rows = subject.database.of("demo").pasts.of(IDS, cutoff=NOW_US, asked_at=NOW_US, lookback_days=730)
    pasts = ContactPasts(IDS, rows.facts, rows.events)
    table = table_of(subject, pasts)

    answers = loaded.predict(table[[*table.columns][::-1]])

    assert [*answers.columns] == [column.name for column in subject.model.table_outputs]
    predictions = subject.predicted(pasts, np.full(len(IDS), NOW_US), reasons=0)
    if "bought_10" in table:  # who bought more than the table holds is not answered from all of it
        whole = table["bought_10"].isna()
        assert whole.sum() > 20
        predictions = [one for one, fits in zip(predictions, whole, strict=True) if fits]
        SAME[subject.capability.name](answers[whole].reset_index(drop=True), predictions)
    else:
        SAME.get(subject.capability.name, same_probability)(answers, predictions)
    pd.testing.assert_frame_equal(await served(asgi, loaded, table), answers)


def test_the_example_is_answered_with_all_its_missing_cells(subject: Any, loaded: Any) -> None:
    example = pd.DataFrame(loaded.input_example)

    answers = loaded.predict(example)

    missing = [column.name for column in subject.model.table_inputs if not column.required]
    assert example[missing].isna().all(axis=1).tolist() == [False, True]
    assert answers.notna().all(axis=None)


def test_the_signature_has_the_true_types(subject: Any, loaded: Any) -> None:
    declared = {column.name: (column.type, column.required) for column in subject.model.table_inputs}

    inputs = {
        column.name: (getattr(column.type, "name", "any"), column.required)
        for column in loaded.metadata.signature.inputs.inputs
    }

    assert inputs == declared
    texts = [one.name for one in getattr(subject.model.feature_set, "features", ()) if one.is_categorical]
    assert all(inputs[name] == ("string", False) for name in texts)


def test_the_run_says_what_was_learned_and_how_well_and_names_no_contact(subject: Any) -> None:
    name = ".".join(part for part in ("demo", *subject.name) if part)
    with MlflowRegistry.of(subject.settings).connected() as client:
        version, model = client.get_model_version(name, subject.version), client.get_registered_model(name)
        run = client.get_run(version.run_id)
        files = [file.path for file in client.list_artifacts(run.info.run_id, "plots")]
        kept = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/card.md")
        (dataset,) = [one.dataset for one in run.inputs.dataset_inputs]

    row = subject.database.of("demo").models.version(*subject.name, subject.version)
    assert run.info.run_name == f"{name} v{subject.version}"
    assert version.description.startswith(row.card[:200])
    assert len(version.description) <= LONGEST_DESCRIPTION
    assert run.data.tags["mlflow.note.content"].startswith(row.card[:200])
    assert kept == row.card
    assert row.card.startswith(f"# {'.'.join(part for part in subject.name if part)}, version {subject.version}\n")
    assert "\n## Limits\n" in version.description
    assert "\n## Not for\n" in version.description
    shown = [file for file in files if f"{file.replace('/', '%2F')}&run_uuid={version.run_id})" in version.description]
    assert shown == files
    assert model.description.startswith(("How", "Which", "When"))
    assert version.tags["foretell.grade"] == run.data.tags["foretell.grade"] == row.grade
    assert dataset.digest == row.report["data_digest"][:36]
    assert '"rows": ' in dataset.profile
    assert "c-1" not in f"{run.to_dictionary()}{version.description}{dataset.profile}{dataset.source}"


def test_figures_of_each_fold_are_steps_of_a_metric(account: Any, subject: Any) -> None:
    row = subject.database.of("demo").models.version(*subject.name, subject.version)
    blocks = row.report.get("blocks", ())
    loss = "error" if any("error" in block for block in blocks) else "log_loss"
    with MlflowRegistry.of(subject.settings).connected() as client:
        history = client.get_metric_history(row.run_id, f"fold_{loss}")

    assert [(point.step, point.value) for point in history] == [
        (step, block[loss]) for step, block in enumerate(blocks, 1)
    ]
