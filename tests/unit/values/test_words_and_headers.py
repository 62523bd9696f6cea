"""Names in our words: types of events, names of columns, and which field a column is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.contact import EventInput
from shared.values.headers import field_of, fields_of
from shared.values.unreadable import Unreadable
from shared.values.words import cleaned, event_type, is_missing, own_event_type, same_name_key


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("Order Placed", "order_placed"),
        ("orderPlaced", "order_placed"),
        ("Email Open", "email_opened"),
        ("email.clicked", "email_clicked"),
        ("EMAIL_OPENED", "email_opened"),
        ("page-view", "page_viewed"),
        ("Kauf", "kauf"),
        ("Käufe", "kaeufe"),
        ("HTMLForm", "html_form"),
        ("7 days", "event_7_days"),
    ],
)
def test_a_foreign_type_is_written_in_our_words(name: str, type_: str) -> None:
    assert event_type(name) == own_event_type(name) == type_


def test_a_type_that_is_ours_already_stays_as_it_is() -> None:
    assert own_event_type("page_view") == "page_view"
    assert event_type("page_view") == "page_viewed"


@pytest.mark.parametrize("name", ["", "注文", "!!!", "ann@example.com bought", "hash:" + "5e" * 32])
def test_a_type_without_letters_or_with_an_address_is_refused(name: str) -> None:
    with pytest.raises(Unreadable):
        own_event_type(name)


@given(st.text(max_size=100))
def test_whatever_becomes_a_type_is_valid_and_stays(name: str) -> None:
    try:
        found = event_type(name)
    except Unreadable:
        return

    EventInput(contact_id="c", type=found, occurred_at="2026-05-03T10:15:00Z")
    assert own_event_type(found) == found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Total Charges", "total_charges"),
        ("TotalCharges", "total-charges"),
        ("Contract", "contract"),
        ("Größe", "groesse"),
        ("Prénom", "PRENOM"),
    ],
)
def test_names_that_differ_in_case_and_marks_alone_are_one(first: str, second: str) -> None:
    assert same_name_key(first) == same_name_key(second)
    assert same_name_key("plan") != same_name_key("plans")


CONTACTS = {
    "id": "id|ID|Record ID|Contact ID|Customer ID|Lead ID|Prospect Id|Person - ID|Kundennummer|LEID|hs_object_id",
    "email": "Email|E-mail|EMAIL|Email Address|E-Mail-Adresse|Person - Email - Work",
    "created_at": "created_at|Create Date|Created Date|Created At|"
    "Date added|OPTIN_TIME|Person - Person created|Erstellt am|Date de création",
    "timezone": "Time Zone|TIMEZONE|Zeitzone|TimeZoneSidKey|Zona horaria",
}
EVENTS = {
    "contact_id": "contact_id|Customer ID|User ID|Kunden-ID",
    "email": "Email|E-Mail",
    "type": "type|Event|Event Name|Ereignis|Activity type",
    "occurred_at": "Order Date|Timestamp|Event Time|Created at|Bestelldatum|Datum|Date",
    "value": "Total|Amount|value|Betrag|Montant|Order Total",
    "currency": "Currency|Währung|Devise",
    "item": "Lineitem sku|SKU|Product|Artikelnummer",
    "campaign_id": "Campaign|campaign_id|Campaign ID",
}


@pytest.mark.parametrize(
    ("header", "field"), [(header, field) for field, row in CONTACTS.items() for header in row.split("|")]
)
def test_a_column_of_contacts_is_found_in_its_usual_spellings(header: str, field: str) -> None:
    assert field_of(header, "contacts") == field


@pytest.mark.parametrize(
    ("header", "field"), [(header, field) for field, row in EVENTS.items() for header in row.split("|")]
)
def test_a_column_of_events_is_found_in_its_usual_spellings(header: str, field: str) -> None:
    assert field_of(header, "events") == field


@pytest.mark.parametrize(
    "header",
    [
        "Do Not Email",
        "Email Opens",
        "Lifecycle Stage",
        "Order ID",
        "Last Modified Date",
        "plan",
        "identity",
        "Created By",
    ],
)
def test_other_columns_are_no_fields(header: str) -> None:
    assert field_of(header, "contacts") is None
    assert field_of(header, "events") is None


def test_of_two_columns_for_one_field_the_surer_counts_and_the_other_is_named() -> None:
    found = fields_of(["Record ID", "Work Email", "Email", "id"], "contacts")

    assert found.header_of == {"id": "id", "email": "Email"}
    assert [passed.note for passed in found.passed] == [
        '"Record ID" could be id too; "id" is used for it.',
        '"Work Email" could be email too; "Email" is used for it.',
    ]


def test_what_a_person_maps_counts_before_all() -> None:
    assert fields_of(["id", "Prospect"], "contacts", mapped={"Prospect": "id"}).field_of == {"Prospect": "id"}


@pytest.mark.parametrize(
    "text", ["", "NULL", "N/A", "\\N", "nan", "-", "--", "none", "#N/A", "Select", " null ", None, float("nan")]
)
def test_a_word_for_nothing_is_missing(text: object) -> None:
    assert is_missing(text)


@pytest.mark.parametrize("text", ["unknown", "no", "0", 0, False, "other", "n", "x", "nano"])
def test_a_value_is_not(text: object) -> None:
    assert not is_missing(text)


def test_what_nobody_sees_is_taken_away() -> None:
    assert cleaned("\ufeff c-1\u200b\u00a0") == "c-1"
