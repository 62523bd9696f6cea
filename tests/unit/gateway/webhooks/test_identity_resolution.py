"""Whom a recipient is, and what a batch changes in it."""

import pytest

from gateway.webhooks.identity_resolution import IdentityDirectory, RecipientHasher, born_id
from gateway.webhooks.provider import Recipient
from shared.ingest import email_hash

KEY = b"k" * 32
REGISTER = RecipientHasher("src_1", "shop", KEY)
ANN = Recipient(email="ann@example.com")
ANN_HASH = email_hash("ann@example.com", KEY)


def directory(
    pointing: dict[tuple[str, str], str] | None = None, contacts: tuple[str, ...] = (), *, creates: bool = True
) -> IdentityDirectory:
    return IdentityDirectory(dict(pointing or {}), set(contacts), frozenset(), creates=creates)


def test_an_address_and_the_hash_that_stands_for_it_are_the_same_person() -> None:
    hashed = Recipient(email=f"hash:{ANN_HASH}")

    assert REGISTER.person(hashed) == REGISTER.person(ANN)


@pytest.mark.parametrize("field", ["contact_id", "external_id", "anonymous_id"])
def test_an_address_as_an_id_leads_to_the_same_identity_after_redaction(field: str) -> None:
    written = REGISTER.person(Recipient(**{field: "ann@example.com"}))
    redacted = REGISTER.person(Recipient(**{field: f"hash:{ANN_HASH}"}))

    assert set(written.identities) == set(redacted.identities)


def test_ids_of_two_sources_are_two_identities() -> None:
    here = REGISTER.person(Recipient(external_id="51"))
    there = RecipientHasher("src_2", "other", KEY).person(Recipient(external_id="51"))

    assert here.identities != there.identities


@pytest.mark.parametrize(
    ("recipient", "born"),
    [
        (Recipient(contact_id="c-1", email="ann@example.com", external_id="51"), "c-1"),
        (Recipient(email="ann@example.com", external_id="51"), "shop:51"),
        (Recipient(external_id="x" * 300), None),
        (ANN, f"e-{ANN_HASH[:20]}"),
        (Recipient(anonymous_id="visitor"), None),
    ],
)
def test_a_contact_that_is_made_has_an_id_that_can_be_made_again(recipient: Recipient, born: str | None) -> None:
    person = REGISTER.person(recipient)

    assert person.born_id == (born or born_id(person.identities[0]))


def test_unknown_people_become_contacts_only_where_the_source_says_so() -> None:
    person = REGISTER.person(ANN)

    assert directory(creates=False).resolve(person) is None
    assert directory().resolve(person) == f"e-{ANN_HASH[:20]}"


def test_all_that_is_known_of_a_person_leads_to_the_contact() -> None:
    known = directory({("email", ANN_HASH): "c-1"}, creates=False)
    person = REGISTER.person(Recipient(email="ann@example.com", external_id="51", anonymous_id="visitor"))

    assert known.resolve(person) == "c-1"
    assert known.pointed == dict.fromkeys(person.identities[1:], "c-1")


def test_the_accounts_own_id_wins_and_the_address_comes_along() -> None:
    known = directory({("email", ANN_HASH): "c-1"}, ("c-1", "c-2"))

    assert known.resolve(REGISTER.person(Recipient(contact_id="c-2", email="ann@example.com"))) == "c-2"
    assert known.pointed == {("email", ANN_HASH): "c-2"}
    assert known.merged == []


def test_an_unknown_own_id_leads_by_the_address_where_nobody_may_be_made() -> None:
    known = directory({("email", ANN_HASH): "c-1"}, creates=False)

    assert known.resolve(REGISTER.person(Recipient(contact_id="typo", email="ann@example.com"))) == "c-1"


def test_a_visitor_who_says_who_they_are_is_merged_into_the_known_contact() -> None:
    visitor = REGISTER.person(Recipient(anonymous_id="visitor"))
    known = directory(contacts=("c-1",))
    born = known.resolve(visitor)

    known.resolve(REGISTER.person(Recipient(contact_id="c-1", anonymous_id="visitor")))

    assert known.merged == [(born, "c-1")]
    assert known.final(str(born)) == "c-1"


def test_a_second_person_at_the_same_device_takes_nothing_from_the_first() -> None:
    known = directory(contacts=("c-1", "c-2"))
    for contact_id in ("c-1", "c-2"):
        known.resolve(REGISTER.person(Recipient(contact_id=contact_id, anonymous_id="visitor")))

    assert known.merged == []
    assert known.resolve(REGISTER.person(Recipient(anonymous_id="visitor"))) == "c-2"


def test_after_a_merge_the_former_id_leads_to_what_it_became() -> None:
    known = directory(contacts=("old", "new"))
    known.merge(REGISTER.person(Recipient(contact_id="old")), "new")

    assert known.resolve(REGISTER.person(Recipient(contact_id="old"))) == "new"
    assert known.merged == [("old", "new")]
    assert known.created == []


def test_merging_round_in_a_circle_loses_nobody() -> None:
    known = directory(contacts=("a", "b"))
    for former, into in (("a", "b"), ("b", "a")):
        contact = known.resolve(REGISTER.person(Recipient(contact_id=into)))
        known.merge(REGISTER.person(Recipient(contact_id=former)), str(contact))

    assert known.merged == [("a", "b")]
    assert known.final("a") == "b"


def test_who_was_erased_is_not_made_again() -> None:
    person = REGISTER.person(ANN)
    known = IdentityDirectory({}, set(), frozenset({("email", ANN_HASH)}), creates=True)

    assert known.resolve(person) is None
    assert known.is_erased(person)


def test_no_two_sources_make_the_same_contact_of_two_people() -> None:
    one = RecipientHasher("src_1", "crm", b"k" * 32).person(Recipient(external_id="eu-51"))
    other = RecipientHasher("src_2", "crm-eu", b"k" * 32).person(Recipient(external_id="51"))

    assert (one.born_id, other.born_id) == ("crm:eu-51", "crm-eu:51")
