"""Two contacts with one address: the answer says whose it is now, and whose it was."""

FIRST, SECOND = {"id": "sh-1", "email": "info@firm.example"}, {"id": "sh-2", "email": "Info@Firm.example"}


def owners(result: dict[str, object]) -> tuple[object, object]:
    return result["email_contact_id"], result["previous_email_contact_id"]


async def test_of_two_in_one_call_the_last_has_the_address_and_both_are_reported(gateway) -> None:
    _, answer, _ = await gateway.request(
        "POST", "/contacts", gateway.key(), json={"contacts": [FIRST, SECOND, {"id": "sh-3"}]}
    )

    assert [owners(result) for result in answer["results"]] == [("sh-2", None), ("sh-2", None), (None, None)]


async def test_an_address_that_changes_hands_says_from_whom(gateway) -> None:
    key = gateway.key()
    told = []
    for contact in (FIRST, SECOND, SECOND, FIRST):
        _, answer, _ = await gateway.request("PUT", f"/contacts/{contact['id']}", key, json={"email": contact["email"]})
        told.append((answer["status"], *owners(answer)))

    assert told == [
        ("created", "sh-1", None),
        ("created", "sh-2", "sh-1"),
        ("unchanged", "sh-2", None),
        ("updated", "sh-1", "sh-2"),
    ]


async def test_an_address_of_three_contacts_is_nobodys_and_stays_where_it_is(gateway) -> None:
    key, told = gateway.key(), []
    for number in (1, 2, 3, 4, 5):
        _, answer, _ = await gateway.request("PUT", f"/contacts/sh-{number}", key, json={"email": "info@firm.example"})
        told.append((answer["status"], *owners(answer)))

    _, again, _ = await gateway.request("PUT", "/contacts/sh-1", key, json={"email": "info@firm.example"})

    shared = ("created", None, None)
    assert told == [("created", "sh-1", None), ("created", "sh-2", "sh-1"), shared, shared, shared]
    assert (again["status"], *owners(again)) == ("unchanged", None, None)


async def test_of_many_in_one_call_nobody_has_the_address(gateway) -> None:
    many = [{"id": f"sh-{number}", "email": "info@firm.example"} for number in range(9)]

    _, answer, _ = await gateway.request("POST", "/contacts", gateway.key(), json={"contacts": many})

    assert [owners(result) for result in answer["results"]] == [(None, None)] * 9
