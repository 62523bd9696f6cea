"""Addresses in the spelling that is hashed, and those that are nobody's."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ingest import email_hash
from shared.values.addresses import (
    NotAnAddress,
    is_placeholder,
    maybe_address,
    normal_address,
    read_address,
)

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("text", "email", "notes"),
    [
        ("ann@example.com", "ann@example.com", ()),
        (" Ann@Example.COM ", "ann@example.com", ()),
        ("ERIN+news@Example.COM", "erin+news@example.com", ()),
        ("Ann Smith <ann@example.com>", "ann@example.com", ("named",)),
        ('"Smith, Ann" <ann@example.com>', "ann@example.com", ("named",)),
        ("Ann <ann@example.com>; Bob <bob@example.com>", "ann@example.com", ("named", "several")),
        ("bob@example.com;bob2@example.com", "bob@example.com", ("several",)),
        ("bob@example.com, bob2@example.com", "bob@example.com", ("several",)),
        ("bob@example.com / bob2@example.com", "bob@example.com", ("several",)),
        ("bob@example.com\nbob2@example.com", "bob@example.com", ("several",)),
        ("ann@example.com (work)", "ann@example.com", ("named",)),
        ("mailto:carl@example.com", "carl@example.com", ("link",)),
        ("mailto:carl@example.com?subject=hi", "carl@example.com", ("link",)),
        ("\u200bdora@example.com", "dora@example.com", ("invisible",)),
        ("\ufeffdora@example.com\u00a0", "dora@example.com", ("invisible",)),
        ("fritz@m\u00fcller.example", "fritz@xn--mller-kva.example", ()),
        ("fritz@xn--mller-kva.example", "fritz@xn--mller-kva.example", ()),
        ("ann@example.com.", "ann@example.com", ()),
        ("o'neil@example.com", "o'neil@example.com", ()),
        ("ann@firm.local", "ann@firm.local", ()),
    ],
)
def test_an_address_is_brought_to_one_spelling(text: str, email: str, notes: tuple[str, ...]) -> None:
    found = read_address(text)

    assert (found.email, found.notes) == (email, notes)


@pytest.mark.parametrize(
    "text",
    [
        "", "not an address", "a@b", "ann@example", "ann@@example.com", "ann@exam ple.com",
        "ann smith@example.com", "ann@1.2.3.4", "ann(at)example.com", ".ann@example.com", "ann..s@example.com",
        "@example.com", "ann@", "https://x.example/@ann", "x" * 5_000, "a" * 300 + "@example.com",
        "ann@-example.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_a_plain_sentence(text: str) -> None:
    with pytest.raises(NotAnAddress, match=r"^It is "):
        read_address(text)


@pytest.mark.parametrize("text", ["", " ", "n/a", "N/A", "-", "NULL", "\\N", "unknown", "No e-mail", "keine E-Mail"])
def test_a_field_that_says_there_is_none_is_missing(text: str) -> None:
    assert maybe_address(text) is None


@pytest.mark.parametrize(
    "email",
    [
        "unknown@none.example", "noreply@shop.example", "no-reply@shop.example", "no.reply+7@shop.example",
        "noemail@shop.example", "test@test.com", "none@none.com", "a@a.de", "n/a@shop.example",
        "ann@noemail.com", "ann@no-email.co.uk", "x@example.invalid", "-@shop.example",
        "keine-email@shop.example", "anonymous@shop.example",
    ],
)  # fmt: skip
def test_an_address_that_fills_a_field_is_nobodys(email: str) -> None:
    assert is_placeholder(email)


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.com", "test@example.com", "example@test.com", "info@firm.example", "nora@shop.example",
        "smith@smith.com", "na@firm.example", "ann@na.firm.example", "no.name@firm.example",
        "nil@firm.example", "null@firm.example", "john@doe.com", "hash:" + "5e" * 32,
    ],
)  # fmt: skip
def test_an_address_of_somebody_stays_one(email: str) -> None:
    assert not is_placeholder(email)


@pytest.mark.parametrize(
    "address", ["Ada@Example.org", " ada@example.org ", "ada+x@example.org", "a_d-a.b@mail.example.co.uk"]
)
def test_the_hash_of_an_ordinary_address_is_what_it_always_was(address: str) -> None:
    before = hmac.new(KEY, address.strip().lower().encode(), hashlib.sha256).hexdigest()

    assert email_hash(address, KEY) == before


def test_spellings_of_one_address_have_one_hash() -> None:
    written = [
        "fritz@m\u00fcller.example",
        "FRITZ@xn--mller-kva.example",
        "Fritz <fritz@m\u00fcller.example>",
        "mailto:fritz@M\u00dcLLER.example",
    ]

    assert len({email_hash(address, KEY) for address in written}) == 1


@given(st.text(max_size=60) | st.text("ab@.<>;, +-_n\u00fc", max_size=30))
def test_an_address_that_was_read_is_read_again_as_itself(text: str) -> None:
    try:
        found = read_address(text)
    except NotAnAddress:
        assert normal_address(text) == text.strip().lower()
        return

    assert read_address(found.email).email == found.email == found.email.lower()
    assert found.email.rpartition("@")[2].isascii()
