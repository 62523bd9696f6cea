import re

import pytest

from shared.contracts.call import allows, digest_of, matches, new_key, public_id_of
from shared.errors import NotAuthenticated


def test_a_new_key_has_the_documented_shape() -> None:
    key = new_key()

    assert re.fullmatch(r"fk_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}", key.text)
    assert key.text.startswith(f"fk_{key.public_id}_")
    assert len(key.text) == 52


def test_the_public_id_is_read_back() -> None:
    key = new_key()

    assert public_id_of(key.text) == key.public_id


def test_two_keys_differ() -> None:
    assert new_key().text != new_key().text


@pytest.mark.parametrize("place", [3, 15, 20, -1])
def test_a_typo_is_reported_before_the_store_is_read(place: int) -> None:
    text = new_key().text
    typo = list(text)
    typo[place] = "A" if typo[place] != "A" else "B"

    with pytest.raises(NotAuthenticated, match="mistyped"):
        public_id_of("".join(typo))


@pytest.mark.parametrize("text", ["", "fk_", "sk_1234", "fk_short_secret", "fk_" + "ä" * 49])
def test_what_is_no_key_is_named_as_such(text: str) -> None:
    with pytest.raises(NotAuthenticated, match="not a Foretell key"):
        public_id_of(text)


def test_only_the_same_key_matches_its_digest() -> None:
    key, other = new_key(), new_key()

    assert key.digest == digest_of(key.text)
    assert matches(key.text, key.digest)
    assert not matches(other.text, key.digest)


def test_admin_implies_every_scope() -> None:
    assert allows(("admin",), "ingest")
    assert allows(("predict", "read"), "read")
    assert not allows(("predict",), "ingest")
