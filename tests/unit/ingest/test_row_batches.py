"""Files as they are: formats, encodings, delimiters, quotes, and what each cell costs that cannot be read."""

import json

import pytest

from shared.errors import FileRefused
from shared.ingest import email_hash

KEY = b"k" * 32
PEOPLE = "id,city\nc-1,Köln\nc-2,Łódź\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_that_shows_itself_is_read(read, encoding: str) -> None:
    assert read(PEOPLE.encode(encoding)).attributes == {"c-1": {"city": "Köln"}, "c-2": {"city": "Łódź"}}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Müllerweg, Straße", "cp1252"), ("Łódź, Gdańsk, Wrocław", "cp1250"), ("Москва, улица", "cp1251")],
)
def test_a_code_page_is_found_and_reported(read, text: str, encoding: str) -> None:
    found = read(f'id,city\nc-1,"{text}"\n'.encode(encoding))

    assert found.attributes == {"c-1": {"city": text}}
    assert f"read as {encoding}" in found.plan.notes[0]


def test_what_the_caller_says_of_the_encoding_counts(read) -> None:
    assert read("id,city\nc-1,Gdańsk\n".encode("iso8859-2"), encoding="latin2").attributes["c-1"] == {"city": "Gdańsk"}
    with pytest.raises(FileRefused, match="--encoding"):
        read(PEOPLE, encoding="rot13")


@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_the_delimiter_is_found_though_others_stand_in_cells(read, delimiter: str, name: str) -> None:
    rows = [("id", "price", "note"), ("c-1", "1200,50", "a; b|c"), ("c-2", "99,90", "d")]
    text = "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in rows)

    found = read(text)

    assert (found.plan.layout.delimiter, found.rejects) == (name, [])
    assert found.attributes["c-1"] == {"price": 1200.5, "note": "a; b|c"}


def test_a_delimiter_that_leaves_a_known_name_is_the_likelier(read) -> None:
    found = read("id;a,b\nc-1;1,5\nc-2;2,7\n")

    assert found.attributes == {"c-1": {"a,b": 1.5}, "c-2": {"a,b": 2.7}}


def test_the_line_that_excel_puts_first_names_the_delimiter(read) -> None:
    assert read("sep=#\nid#plan\nc-1#pro\n").attributes == {"c-1": {"plan": "pro"}}
    assert read("id^plan\nc-1^pro\n", delimiter="^").attributes == {"c-1": {"plan": "pro"}}


def test_an_open_quote_costs_no_row(read) -> None:
    found = read('id,note,country\nc-1,"Widget 5\',DE\nc-2,x,FR\nc-3,"quoted, fine",PL\nc-4,y,US\n')

    assert [row.contact_id for row in found.rows] == ["c-1", "c-2", "c-3", "c-4"]
    assert found.plan.warnings[0].startswith("Line 2: a quote opens and does not close")


def test_a_quote_that_closes_rows_later_makes_them_rejects_and_nothing_is_silent(read) -> None:
    found = read('id,country,note\nc-1,DE,"call back\nc-2,US,new\nc-3,PL,old"\nc-4,FR,x\n')

    assert [row.contact_id for row in found.rows] == ["c-4"]
    assert [line for line, _ in found.rejects] == [2, 3, 4]
    assert "opens in line 2 closes only in line 4" in found.rejects[0][1]


def test_a_text_of_many_lines_is_one_cell(read) -> None:
    found = read('id,note,plan\nc-1,"Dear Ann,\n\nsee you ""soon"", then.\n",pro\nc-2,x,pro\n')

    assert found.attributes["c-1"]["note"] == 'Dear Ann,\n\nsee you "soon", then.'
    assert len(found.rows) == 2


def test_rows_of_another_width_are_rejects_and_empty_cells_at_the_end_are_none(read) -> None:
    found = read("id,plan\nc-1,a,b\nc-2\nc-3,x,,\n;;\n,\nc-4,y\n")

    assert [row.contact_id for row in found.rows] == ["c-3", "c-4"]
    assert found.rejects == [
        (2, "3 cells under 2 columns"), (3, "1 cells under 2 columns"), (5, "1 cells under 2 columns")
    ]  # fmt: skip


def test_columns_of_one_name_and_of_none_are_reported(read) -> None:
    found = read("id,plan,plan,\nc-1,a,b,c\n")

    assert found.attributes["c-1"] == {"plan": "a", "plan (2)": "b"}
    assert any(note.startswith("Column 4 has no name") for note in found.plan.notes)
    assert read("id,plan,plan,\nc-1,a,b,c\n", renames={"column 4": "size"}).attributes["c-1"]["size"] == "c"


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": "c-1", "plan": "pro"},\n {"id": "c-2", "plan": null}]',
        '{"contacts": [{"id": "c-1", "plan": "pro"}, {"id": "c-2"}]}',
        '\ufeff{"id": "c-1", "plan": "pro"}\n{"id": "c-2"}\n',
        '{"id": "c-1", "plan": "pro"}{"id": "c-2"}',
        '{\n  "id": "c-1",\n  "plan": "pro"\n}\n{\n  "id": "c-2"\n}\n',
    ],
)
def test_json_in_every_way_it_is_written(read, text: str) -> None:
    assert read(text, name="c.txt").attributes == {"c-1": {"plan": "pro"}, "c-2": {}}


def test_json_that_breaks_off_says_from_where_on_nothing_was_read(read) -> None:
    found = read('[{"id": "c-1"},\n{"id": "c-2"},\n{"id": oops}, {"id": "c-4"}]')

    assert [row.contact_id for row in found.rows] == ["c-1", "c-2"]
    assert found.plan.layout.unread_from == 3
    assert found.plan.warnings[0] == "Not read from line 3 on: no JSON can be read there."


def test_texts_of_json_stay_texts_and_odd_values_cost_themselves(read) -> None:
    rows = [
        {"id": "c-1", "code": "100000", "tags": ["a"], "size": 1e300, "order": 2**60, "plan": "pro"},
        {"id": 2, "code": "1E5", "plan": "x" * 2_001},
    ]

    found = read("\n".join(map(json.dumps, rows)))

    assert found.attributes == {
        "c-1": {"code": "100000", "order": "1152921504606846976", "plan": "pro"},
        "2": {"code": "1E5"},
    }
    assert found.findings == [
        "tags: 1 of 1 values: a list or an object, which no attribute can be; left out (line 1).",
        "size: 1 of 1 values: a number out of bounds; left out (line 1).",
        "plan: 1 of 2 values: longer than 2,000 characters; left out (line 2).",
    ]


def test_a_column_is_one_type_and_its_odd_ones_are_counted(read) -> None:
    rows = "".join(f"c-{number},{number}.50\n" for number in range(30))

    found = read(f'id,revenue\n{rows}c-x,"1,234.50"\nc-y,call us\nc-z,n/a\n')

    assert found.attributes["c-x"] == {"revenue": 1234.5}
    assert found.attributes["c-y"] == found.attributes["c-z"] == {}
    assert "revenue: 1 of 32 values are not numbers as the others are (line 33); they are left out." in (
        found.plan.warnings
    )
    assert any(
        "revenue: 1 of 32 values are numbers written in another way" in warning and "(line 32)" in warning
        for warning in found.plan.warnings
    )


def test_codes_and_versions_stay_text(read) -> None:
    found = read("id,plan_code,version\nc-1,1E5,1.10\nc-2,100000,1.1\nc-3,0012,2\n")

    assert found.attributes["c-1"] == {"plan_code": "1E5", "version": "1.10"}
    assert found.attributes["c-2"] == {"plan_code": "100000", "version": "1.1"}


def test_ids_are_trimmed_and_rounded_and_repeated_ones_are_warned_of(read) -> None:
    found = read("id,plan\n c-1 ,a\n1.23457E+14,b\n1.23457E+14,c\nNULL,d\n")

    assert [row.contact_id for row in found.rows] == ["c-1", "1.23457E+14", "1.23457E+14"]
    assert found.rejects == [(5, "id is empty, and every row needs one")]
    assert "2 of 3 values look like long numbers that a spreadsheet rounded" in found.plan.warnings[0]
    assert "2 rows share 1 id with another row (lines 3, 4)" in found.plan.warnings[1]


@pytest.mark.parametrize(
    "cell",
    ["Ann <ANN@example.com>", "mailto:ann@example.com", "ann@example.com; x@y.example", "\u200bann@example.com "],
)
def test_an_address_in_any_spelling_is_one_address(read, cell: str) -> None:
    found = read(f"id,E-Mail\na,{cell}\nb,N/A\n")

    assert [row.email_hash for row in found.rows] == [email_hash("ann@example.com", KEY), None]


def test_addresses_under_any_name_are_hashed_and_further_personal_columns_left_out(read) -> None:
    rows = "".join(f"{n},a{n}@example.com,+49 151 1234567{n},yes,female\n" for n in range(5))

    found = read(f"id,Reach,Line,phone_service,Gender group\n{rows}")

    uses = {column.name: str(column.use) for column in found.plan.columns}
    assert uses == {
        "id": "field", "Reach": "hashed", "Line": "left out", "phone_service": "kept", "Gender group": "kept",
    }  # fmt: skip
    assert found.rows[0].email_hash == email_hash("a0@example.com", KEY)
    assert "example.com" not in json.dumps(found.plan.to_dict())


def test_an_address_of_many_contacts_recognises_nobody(read) -> None:
    found = read("id,email\na,info@firm.example\nb,info@firm.example\nc,info@firm.example\nd,dora@firm.example\n")

    assert [row.email_hash is not None for row in found.rows] == [False, False, False, True]
