"""Files of items: exports of shops, and feeds of products, as they are."""

from typing import Any

import pytest

from shared.errors import FileRefused
from shared.ingest import Options, subject_of

FEED = (
    "id\ttitle\tdescription\tlink\tprice\tavailability\tproduct_type\tbrand\n"
    "T-1\tGreen tea\tA mild tea.\thttps://shop.example/t1\t4.50 EUR\tin_stock\tDrinks > Tea\tAcme\n"
    "M-1\tBlue mug\tA mug.\thttps://shop.example/m1\t12.00 EUR\tout of stock\tKitchen > Mugs\tAcme\n"
)


def fields_of(found: Any) -> dict[str, dict[str, Any]]:
    return {row.item_id: dict(row.fields) for row in found.rows}


def test_a_feed_of_products_is_read_as_it_is(read) -> None:
    found = read(FEED, "items")

    assert fields_of(found) == {
        "T-1": {
            "name": "Green tea",
            "url": "https://shop.example/t1",
            "price": 4.5,
            "currency": "EUR",
            "in_stock": True,
            "category": "Drinks > Tea",
        },
        "M-1": {
            "name": "Blue mug",
            "url": "https://shop.example/m1",
            "price": 12.0,
            "currency": "EUR",
            "in_stock": False,
            "category": "Kitchen > Mugs",
        },
    }
    left = {column.name: column.reason for column in found.plan.columns if column.use == "left out"}
    assert left == dict.fromkeys(("description", "brand"), "the catalogue keeps no more of an item")


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("Handle,Title,Vendor,Type,Status,Variant SKU,Variant Price", "tea,Tea,Acme,Drinks,archived,T-1,4.50",
         {"name": "Tea", "category": "Drinks", "active": False, "price": 4.5}),
        ("ID,Type,SKU,Name,Published,In stock?,Regular price,Categories", "7,simple,T-1,Tea,1,0,4.5,Drinks",
         {"name": "Tea", "category": "Drinks", "active": True, "price": 4.5, "in_stock": False}),
        ("Artikelnummer;Bezeichnung;Warengruppe;Preis;Bestand", "T-1;Grüner Tee;Getränke;4,50 €;12",
         {"name": "Grüner Tee", "category": "Getränke", "price": 4.5, "currency": "EUR", "in_stock": True}),
        ("StockCode,Description,UnitPrice", "T-1,GREEN TEA,4.50", {"name": "GREEN TEA", "price": 4.5}),
    ],
)  # fmt: skip
def test_exports_of_shops_are_read_as_they_are(read, header: str, row: str, expected: dict[str, Any]) -> None:
    assert fields_of(read(f"{header}\n{row}\n", "items")) == {"T-1": expected}


def test_json_and_constants_are_read_too(read) -> None:
    lines = '{"id": "T-1", "name": "Tea", "active": false}\n{"id": 7, "price": 2}\n'

    found = read(lines, "items", "items.ndjson", constants={"currency": "EUR"})

    assert fields_of(found) == {
        "T-1": {"currency": "EUR", "name": "Tea", "active": False},
        "7": {"currency": "EUR", "price": 2.0},
    }


def test_what_a_row_leaves_empty_it_does_not_say(read) -> None:
    assert fields_of(read("id,name,price,url\nT-1,,4.5,\n", "items")) == {"T-1": {"price": 4.5}}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("price", "-1", "price is smaller than 0"),
        ("price", "much", "price is refused: it is not a number"),
        ("url", "shop.example/tea", "url is refused: give an address that begins with https:// or http://"),
        ("url", "javascript:alert(1)", "url is refused: give an address that begins with https:// or http://"),
        ("active", "perhaps", "active is neither true nor false, and no word that is known for it"),
        ("currency", "eu", "currency is no currency code of three letters such as EUR"),
    ],
)
def test_a_cell_that_cannot_be_read_makes_its_row_a_reject(read, column: str, cell: str, reason: str) -> None:
    found = read(f"id,{column},note\nT-1,{cell},\nT-2,,\n", "items")

    assert (list(fields_of(found)), found.rejects) == (["T-2"], [(2, reason)])


def test_a_long_name_is_cut(read) -> None:
    found = read(f"id,name\nT-1,{'a ' * 150}\n", "items")

    assert len(fields_of(found)["T-1"]["name"]) == 199
    assert found.findings == ["name: 1 of 1 values: longer than 200 characters; cut (line 2)."]


def test_the_same_item_in_two_rows_is_reported(read) -> None:
    found = read("id,name\nT-1,Tea\nT-1,Green tea\n", "items")

    assert "rows with one id are one item, and the last one counts" in found.plan.warnings[0]


def test_a_file_without_an_id_is_refused_with_what_to_do(read) -> None:
    with pytest.raises(FileRefused, match=r'has no column id; found: Titel, Preis; say --map "X=id"'):
        read("Titel,Preis\nTee,4\n", "items")


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("id\ttitle\tlink\tprice\tavailability", "items"),
        ("sku,name,price", "items"),
        ("StockCode,Description,Stock", "items"),
        ("id,name,category", "contacts"),
        ("id,name,email,price", "contacts"),
        ("id,name,plan,created_at,price", "contacts"),
        ("contact_id,type,occurred_at,sku,name,price", "events"),
        ("id,country,price", "contacts"),
    ],
)
def test_what_the_rows_are_shows_in_the_columns(tmp_path, header: str, subject: str) -> None:
    file = tmp_path / "some.csv"
    file.write_text(header + "\n" + header.replace("\t", "x\t") + "\n")

    assert subject_of(file, Options()) == subject
