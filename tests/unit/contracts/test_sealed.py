import pytest

from shared.contracts.seal import Seal
from shared.errors import SettingsRefused

KEY = b"an identity key of the tests, long enough"


def test_a_sealed_secret_is_opened_with_the_same_key_and_cannot_be_read_from_the_seal() -> None:
    sealed = Seal(KEY).seal("whsec_hush")

    assert Seal(KEY).opened(sealed) == "whsec_hush"
    assert "hush" not in sealed
    assert Seal(KEY).seal("whsec_hush") != sealed


def test_another_key_does_not_open_it() -> None:
    sealed = Seal(KEY).seal("whsec_hush")

    with pytest.raises(SettingsRefused, match="FORETELL_IDENTITY_KEY"):
        Seal(b"another identity key of the tests, long too").opened(sealed)
