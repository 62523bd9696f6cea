"""What names or finds a person: whole headers and values, never a part of a word."""

import pytest

from shared.values.personal import by_header, by_values, holds_address, leads_to_person, personal

HEADERS = {
    "email": "Email|E-mail|email_address|E-Mail-Adresse|Work Email|"
    "E-mail 1 - Value|Person - Email - Work|Correo electrónico|Courriel|emails",
    "phone": "Phone Number|Mobile|Telefon|Teléfono|Téléphone portable|"
    "Billing Phone|Home Phone 2|Handynummer|Person - Phone - Mobile|Fax",
    "name": "First Name|lastName|Full name|Name|Vorname|Nachname|"
    "Prénom|Nom|Billing Name|customer_name|Ansprechpartner|Kundenname|Cognome",
    "street": "Street|Straße|Strasse und Hausnummer|Address Line 2|address1|"
    "Shipping Street|Default Address Address1|Rue|Calle|Adresse",
    "birth": "Birthday|Date of Birth|dateOfBirth|Geburtsdatum|Date de naissance|dob|Fecha de nacimiento",
    "network_address": "IP|ip_address|OPTIN_IP|User-Agent|Device ID",
    "identity_number": "SSN|IBAN|Passport Number|Tax ID|DNI|Codice fiscale",
    "postal_code": "zip|Zip/Postal Code|PLZ|Code postal|Billing Zip",
    "gender": "gender|Sex|Geschlecht|Salutation|Anrede",
    "account_name": "LinkedIn URL|twitter_handle|Skype|Website",
}


@pytest.mark.parametrize(
    ("header", "kind"), [(header, kind) for kind, row in HEADERS.items() for header in row.split("|")]
)
def test_a_header_that_names_a_person_is_recognised(header: str, kind: str) -> None:
    assert by_header(header) == kind


@pytest.mark.parametrize(
    "header",
    [
        "female", "male", "phone_service", "PhoneService", "Do Not Email", "multiple_lines", "Email Opens",
        "address_count", "company_name", "product_name", "campaign name", "paperless_billing", "Email Domain",
        "has_phone", "last_email_open_date", "hotel_name", "Mobile app", "mailing_list",
        "Accepts Email Marketing", "Title", "Company", "City", "Country", "id", "Total", "plan", "born",
        "Lead Source", "Email Opt-In", "emailable", "race_distance", "sexism", "street_view",
        "birthday_discount", "name_length", "home", "contact", "state",
    ],
)  # fmt: skip
def test_a_header_with_such_a_word_in_it_is_not(header: str) -> None:
    assert by_header(header) is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["ann@example.com", "Bob <bob@example.com>", "carl"], "email"),
        (["+49 151 12345678", "+33 6 12 34 56 78", "+1 415 555 2671"], "phone"),
        (["(415) 555-2671", "0171/2345678", "030 12345678"], "phone"),
        (["192.168.0.1", "10.0.0.1", "2001:db8::1"], "network_address"),
        (["Ann Smith", "Müller, Thomas", "Maria-José García"], "name"),
        (["Anna", "Peter", "Sabine"], "name"),
    ],
)
def test_values_show_what_they_are_under_any_header(values: list[str], kind: str) -> None:
    assert by_values(values) == kind
    found = personal("Spalte 7", values)
    assert found is not None
    assert (found.kind, found.by) == (kind, "values")


@pytest.mark.parametrize(
    "values",
    [
        ["4915112345678", "4915112345679", "4915112345670"],
        ["1777803300", "1777803301", "1777803302"],
        ["49.90", "1.299,00", "1 299 000"],
        ["2024", "2025", "2026"],
        ["2026-05-03", "03.05.2026", "5/3/2026"],
        ["12345-6789", "00501", "978-3-16-148410-0"],
        ["10.4.2", "3.10", "v2"],
        ["New York", "San Jose", "Berlin"],
        ["Martin GmbH", "Paul & Sons", "Robert Bosch AG"],
        ["Blue Shirt", "Red Socks", "Green Hat"],
        ["10:15", "11:15", "12:30"],
        ["ann@example.com"],
    ],
)
def test_ids_prices_years_and_towns_are_no_details_of_people(values: list[str]) -> None:
    assert by_values(values) is None


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Email", ["yes", "no", "yes"]),
        ("phone", [0, 1, 1]),
        ("mobile", [True, False, True]),
        ("address", ["2", "1", "3"]),
    ],
)
def test_yes_no_and_counts_name_nobody_whatever_the_column_is_called(header: str, values: list[object]) -> None:
    assert personal(header, values) is None


def test_gender_is_gender_as_a_number_too() -> None:
    found = personal("gender", [0, 1, 1, 0])

    assert found is not None
    assert (found.kind, found.treatment) == ("gender", "keep")


def test_female_as_a_column_of_its_own_is_a_fact_like_any_other() -> None:
    assert personal("female", [0, 1, 1, 0]) is None


def test_what_is_done_and_why_is_stated_in_plain_words() -> None:
    phones = personal("Kontakt 2", ["+49 151 12345678"] * 3)
    email = personal("E-Mail", ["ann@example.com"])

    assert phones is not None
    assert email is not None
    assert (phones.treatment, phones.why) == ("leave_out", "its values look like telephone numbers")
    assert (email.treatment, email.why) == ("identity", "its name stands for e-mail addresses")


@pytest.mark.parametrize("text", ["call +49 170 1234567", "ann@example.com", "from 192.168.0.1"])
def test_a_text_that_leads_to_a_person_is_seen(text: str) -> None:
    assert leads_to_person(text)
    assert not leads_to_person("10.4.2 at +5 %, 2 @ 3.50")


@pytest.mark.parametrize("text", ["asked ann@example.com twice", "?who=ann%40example.com", "<ann@example.com>"])
def test_an_address_within_a_text_is_seen(text: str) -> None:
    assert holds_address(text)
    assert not holds_address("2 @ 3.50, @ann, a @ b")
