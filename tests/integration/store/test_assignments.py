from shared.store import AssignmentRow, Database


def row(contact_id: str, *, arm: str = "treatment", send_at: int = 9, at: int = 1) -> AssignmentRow:
    return AssignmentRow("may", contact_id, arm, 0.475, send_at, 9, 8, "click", "1", at)


def test_an_assignment_is_kept_and_listed_by_contact(database: Database) -> None:
    store = database.of("default")

    store.experiments.assignments.add("may", [row("b"), row("a", arm="control")])

    assert list(store.experiments.assignments.of_campaign("may")) == [row("a", arm="control"), row("b")]
    assert list(store.experiments.assignments.of_campaign("june")) == []


def test_a_campaign_is_listed_page_by_page(database: Database) -> None:
    assignments = database.of("default").experiments.assignments
    assignments.add("may", [row(name) for name in "abcde"])
    assignments.add("may2", [row("f")._replace(campaign_id="may2")])

    for at_once in (1, 2, 5, 6):
        assert [one.contact_id for one in assignments.of_campaign("may", at_once=at_once)] == list("abcde")


def test_a_contact_that_has_an_assignment_keeps_it(database: Database) -> None:
    store = database.of("default")
    store.experiments.assignments.add("may", [row("a", arm="control")])

    held = store.experiments.assignments.add("may", [row("a", arm="treatment", send_at=12, at=2), row("b")])

    assert held == {"a": row("a", arm="control"), "b": row("b")}
    assert next(store.experiments.assignments.of_campaign("may")) == row("a", arm="control")


def test_another_account_sees_nothing_of_it(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("default").experiments.assignments.add("may", [row("a")])

    assert list(database.of("other").experiments.assignments.of_campaign("may")) == []


def test_a_deleted_account_takes_its_assignments_along(database: Database) -> None:
    database.of("default").experiments.assignments.add("may", [row("a")])

    database.delete_account("default")
    database.create_account("default", created_at=2)

    assert list(database.of("default").experiments.assignments.of_campaign("may")) == []


def test_campaigns_are_listed_by_id_a_page_at_a_time(database: Database) -> None:
    database.create_account("other", created_at=1)
    assignments = database.of("default").experiments.assignments
    for campaign in ("june", "april", "may"):
        assignments.add(campaign, [row("b")._replace(campaign_id=campaign), row("a")._replace(campaign_id=campaign)])

    first, rest = assignments.campaigns(2), assignments.campaigns(2, after="june")

    assert [(one.campaign_id, one.contact_id) for one in first] == [("april", "a"), ("june", "a")]
    assert [one.campaign_id for one in rest] == ["may"]
    assert database.of("other").experiments.assignments.campaigns(2) == []
