from services.sendtime.features import account_zone, zones_by_place
from shared.contracts.rows import ALWAYS
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.pasts import DatedValue


def pasts(*rows: tuple[str | None, str | None, str | None]) -> Pasts:
    """One contact a row: zone, country, region."""
    facts = {
        f"c-{number}": ContactFacts(
            timezone=zone,
            attributes=tuple(
                DatedValue(name, ALWAYS, value) for name, value in (("country", country), ("region", region)) if value
            ),
        )
        for number, (zone, country, region) in enumerate(rows)
    }
    return build(list(facts), facts, [])


def test_the_account_s_zone_is_that_of_most_contacts() -> None:
    assert account_zone(
        pasts(("Asia/Tokyo", None, None), ("Europe/Paris", None, None), ("Europe/Paris", None, None))
    ) == ("Europe/Paris")
    assert account_zone(pasts((None, None, None))) == "UTC"


def test_a_country_has_the_zone_of_its_code_or_name() -> None:
    found = zones_by_place(pasts((None, "FR", None)))

    assert (found["country"]["fr"], found["country"]["japan"]) == ("Europe/Paris", "Asia/Tokyo")


def test_the_account_s_own_contacts_know_better_than_the_table() -> None:
    west = [("America/Los_Angeles", "US", None)] * 3

    assert zones_by_place(pasts(*west))["country"]["us"] == "America/Los_Angeles"


def test_too_few_or_divided_contacts_tell_nothing() -> None:
    few = [("Europe/Rome", "Utopia", None)] * 2
    divided = (
        [("Europe/Rome", "Ruritania", None)] * 3
        + [("Asia/Tokyo", "Ruritania", None)] * 2
        + [("Europe/Paris", "Ruritania", None)] * 2
    )

    zones = zones_by_place(pasts(*few, *divided))["country"]

    assert "utopia" not in zones
    assert "ruritania" not in zones


def test_a_region_is_asked_before_the_country() -> None:
    found = zones_by_place(pasts(*[("America/Los_Angeles", "US", "California")] * 3))

    assert list(found) == ["region", "country"]
    assert found["region"] == {"california": "America/Los_Angeles"}
