from shared.contracts.rows import contact_hash
from shared.ingest import email_hash

KEY = b"k" * 32


def test_an_id_is_hashed_letter_by_letter() -> None:
    hashes = {contact_hash(text, KEY) for text in ("c-1", "C-1", "c-1 ", "\ud800")}

    assert {len(one) for one in hashes} == {64}
    assert len(hashes) == 4


def test_an_id_that_is_an_address_has_the_hash_of_the_address() -> None:
    assert contact_hash("ada@example.org", KEY) == email_hash(" Ada@Example.org", KEY)


def test_another_key_gives_another_hash() -> None:
    assert contact_hash("c-1", KEY) != contact_hash("c-1", b"l" * 32)
