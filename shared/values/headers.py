"""Which of our fields a column of a file is, in any case and in the usual spellings of CRMs, e-mail tools and shops."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared.values.personal import by_header
from shared.values.words import same_name_key

What = Literal["contacts", "events", "items", "decisions"]

_PERSON_ID: Final = """
    contact_id|customer id|customer_id|record id|record id - contact|hs_object_id|person id|person - id|lead id
    |prospect id|user id|subscriber id|subscriber key|member id|client id|contact key|external id|ext_id
    |unique id|customer number|customer no|customer no.|contact number|client number|crm id|vid|euid|leid
    |unique_email_id|contact record id|lead record id|contact id 18|kunden-id|kundennummer|kundennr|kunden-nr.
    |kontakt-id|kontaktnummer|personen-id|nutzer-id|id client|identifiant|identifiant client|numero client
    |numero de client|n° client|id cliente|numero de cliente|codice cliente|klant-id|klantnummer|id klienta
    |numer klienta
"""
_CREATED: Final = """
    created_at|create date|created date|created|creation date|date created|created on|created time|create time
    |creation time|date added|added at|added on|date_added|added time|person created|person - person created
    |signup date|sign up date|signed up|signed up at|registered at|registration date|registered|date registered
    |customer since|member since|subscribed at|subscription date|optin_time|opt-in time|confirm_time|first seen
    |first seen at|became a lead date|contact created|created timestamp|erstellt am|erstellt|erstelldatum
    |erstellungsdatum|anlagedatum|angelegt am|angelegt|registriert am|registrierungsdatum|kunde seit
    |eintragsdatum|anmeldedatum|date de creation|cree le|date d'inscription|inscrit le|date d'ajout
    |fecha de creacion|fecha creacion|creado|creado el|fecha de alta|fecha de registro|data di creazione
    |creato il|data creazione|aanmaakdatum|aangemaakt op|data utworzenia|data de criacao|criado em
"""
_TIMEZONE: Final = """
    timezone|time zone|tz|time_zone|iana timezone|timezonesidkey|time zone sid key|zeitzone|fuseau horaire
    |zona horaria|huso horario|fuso orario|tijdzone|strefa czasowa|fuso horario
"""

_FIELDS: Final[dict[What, dict[str, str]]] = {
    "contacts": {
        "id": f"id|{_PERSON_ID}",
        "email": "email",
        "timezone": _TIMEZONE,
        "created_at": _CREATED,
        "consent": "consent|consent.profiling|profiling consent",
        "valid_from": "valid_from",
        "attributes": "attributes",
    },
    "events": {
        "contact_id": _PERSON_ID,
        "email": "email",
        "type": """
            type|event type|event_type|event|event name|activity type|activity|action|event action|ereignis
            |ereignistyp|ereignisart|ereignisname|aktivitaet|aktivitaetstyp|typ|type d'evenement|evenement
            |tipo de evento|evento|tipo|tipo evento|gebeurtenis
""",
        "occurred_at": """
            occurred_at|occurred|timestamp|event time|event timestamp|event date|event_at|time|date|datetime
            |date time|date/time|at|order date|ordered at|order time|order placed at|purchase date|purchased at
            |purchase time|transaction date|transaction time|processed at|activity date|activity time|sent at
            |send time|date sent|opened at|clicked at|created at|created_at|created|create date|paid at
            |invoice date|invoicedate|zeitpunkt|zeitstempel|datum|datum und uhrzeit|uhrzeit|bestelldatum
            |bestellt am|kaufdatum|ereignisdatum|rechnungsdatum|date de commande|date commande|date d'achat
            |date et heure|horodatage|fecha|fecha y hora|fecha de pedido|fecha del pedido|fecha de compra|data
            |data ordine|data e ora|data dell'ordine|besteldatum|data zamowienia|data do pedido
""",
        "id": "id|event_id|event id|event uuid|ereignis-id",
        "value": """
            value|amount|total|order total|order value|total price|total amount|grand total|order amount|revenue
            |sales|net amount|amount paid|event value|price|deal value|lineitem total|line total|total_price
            |betrag|summe|gesamtbetrag|gesamtsumme|gesamtpreis|bestellwert|umsatz|rechnungsbetrag|wert|preis
            |montant|montant total|total ttc|prix|importe|importe total|precio|importo|totale|prezzo|bedrag
            |totaal|kwota|valor
""",
        "currency": """
            currency|currency code|currency_code|order currency|presentment currency|currency iso code
            |currencyisocode|waehrung|waehrungscode|devise|monnaie|moneda|divisa|valuta|waluta|moeda
""",
        "message_id": "message_id|message id|email message id",
        "campaign_id": """
            campaign_id|campaign id|campaign|email campaign id|campaign name|kampagne|kampagnen-id|campagne|campana
            |campagna
        """,
        "item": """
            item|sku|lineitem sku|line item sku|product sku|item sku|variant sku|product id|item id|stock code
            |stockcode|product|product name|lineitem name|line item name|item name|artikelnummer|artikel-nr.
            |artikelnr|artikel|produkt|produktname|reference produit|produit|referencia|producto|prodotto
            |articolo
""",
        "human": "human",
        "properties": "properties",
    },
    "items": {
        "id": """
            item_id|sku|variant sku|product sku|item sku|product id|product_id|item id|id|stock code|stockcode|item
            |product code|item code|item number|article number|article id|part number|artikelnummer|artikel-nr.
            |artikelnr|produkt-id|produktnummer|reference produit|id produit|referencia|id producto|codice prodotto
            |artikelcode|handle|mpn|gtin|ean|upc
        """,
        "name": """
            name|title|product title|product name|item name|product|item title|post title|produktname|produkttitel
            |bezeichnung|artikelbezeichnung|artikelname|titel|titre|nom|nom du produit|libelle|titulo|nombre
            |nombre del producto|titolo|nome|nome prodotto|naam|productnaam|nazwa|short description|description
            |beschreibung|descripcion|descrizione
        """,
        "category": """
            category|product category|item category|product_type|product type|categories|collection|department|type
            |google_product_category|google product category|kategorie|produktkategorie|warengruppe|produkttyp
            |categorie|categorie de produit|categoria|tipo|kategoria
        """,
        "price": """
            price|variant price|unit price|unitprice|regular price|list price|retail price|product price|amount|preis
            |verkaufspreis|prix|prix unitaire|precio|prezzo|prijs|cena|preco
        """,
        "currency": """
            currency|currency code|price currency|currency_code|waehrung|waehrungscode|devise|monnaie|moneda|divisa
            |valuta|waluta|moeda
        """,
        "url": """
            url|link|product link|product url|permalink|item url|page url|web address|canonical link|produktlink|lien
            |enlace
        """,
        "active": """
            active|is active|published|enabled|visible|is enabled|status|aktiv|sichtbar|actif|publie|activo|publicado
            |attivo|actief
        """,
        "in_stock": """
            in_stock|in stock|in stock?|is in stock|availability|stock status|stock_status|available|stock|stock level
            |quantity available|inventory|inventory quantity|variant inventory qty|auf lager|verfuegbarkeit
            |verfuegbar|bestand|lagerbestand|disponibilite|disponible|en stock|disponibilidad|disponibilita
        """,
    },
    "decisions": {
        "contact_id": _PERSON_ID,
        "message": """
            message|message id|message_id|action|action id|action_id|arm|variant|variant id|variant_id|content id
            |content_id|creative id|creative_id|item id|item_id|nachricht|variante
        """,
        "propensity": """
            propensity|propensity score|propensity_score|pscore|action probability|action_prob|probability
            |wahrscheinlichkeit
        """,
        "candidates": "candidates|candidate ids|actions|eligible actions|arms|variants|kandidaten",
        "number_of_candidates": """
            number_of_candidates|number of candidates|candidate count|number of actions|n_actions|number of arms|n_arms
        """,
        "decided_at": """
            decided_at|decided at|timestamp|time|date|datetime|date time|date/time|chosen at|assigned at|assigned_at
            |shown at|shown_at|sent at|sent_at|send time|occurred_at|zeitpunkt|zeitstempel|datum
        """,
        "reward": "reward|click|clicked|converted|conversion|belohnung|geklickt",
        "outcome": "outcome",
        "slot": "slot|position|placement|platz",
        "campaign_id": "campaign_id|campaign id|campaign|kampagne|kampagnen-id",
        "id": "id|decision id|decision_id|impression id|impression_id|event id|event_id",
    },
}
"""By field: the spellings, the surest first; its own name before them, unless it stands among them. An order's number
is no event's id: an order of three lines is three events. An item's id is what a file of orders calls the item by: its
SKU rather than a number of the shop's own."""


def _places(what: What) -> dict[str, tuple[str, int]]:
    places: dict[str, tuple[str, int]] = {}
    for field, spellings in _FIELDS[what].items():
        named = [spelling.strip() for spelling in spellings.split("|")]
        for place, spelling in enumerate(named if field in named else (field, *named)):
            places.setdefault(same_name_key(spelling), (field, place))
    return places


_PLACES: Final[dict[What, dict[str, tuple[str, int]]]] = {what: _places(what) for what in _FIELDS}
_FURTHER_ADDRESS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Passed:
    """A column that could be a field which another column is already."""

    header: str
    field: str
    taken_by: str

    @property
    def note(self) -> str:
        """Say so in plain words.

        >>> Passed("Record ID", "id", "id").note
        '"Record ID" could be id too; "id" is used for it.'
        """
        return f'"{self.header}" could be {self.field} too; "{self.taken_by}" is used for it.'


@dataclass(frozen=True, slots=True)
class Fields:
    """Which columns of a file are our fields; all the others are attributes of contacts, or properties of events."""

    header_of: Mapping[str, str]
    """By field."""
    passed: tuple[Passed, ...]

    @property
    def field_of(self) -> dict[str, str]:
        """By header."""
        return {header: field for field, header in self.header_of.items()}


def field_of(header: str, what: What) -> str | None:
    """Say which field a column of this name is; None: none of ours.

    >>> field_of("Record ID", "contacts"), field_of("Order Date", "events"), field_of("E-Mail-Adresse", "contacts")
    ('id', 'occurred_at', 'email')
    """
    found = _place(header, what)
    return found[0] if found else None


def fields_of(headers: Sequence[str], what: What, *, mapped: Mapping[str, str] | None = None) -> Fields:
    """Find the fields among the columns of a file.

    What a person mapped counts before all. Then our own name letter by letter, then the spellings in the order of the
    list, then the column that stands first.

    Args:
        headers: of the file, in order.
        what: what its rows are.
        mapped: field by header, as a person says.

    >>> fields_of(["Record ID", "Email", "id"], "contacts").field_of
    {'id': 'id', 'Email': 'email'}
    """
    given = dict(mapped or {})
    claims: dict[str, list[tuple[int, int, str]]] = {}
    for column, header in enumerate(headers):
        if header in given:
            claims.setdefault(given[header], []).append((-2, column, header))
            continue
        found = _place(header, what)
        if found:
            claims.setdefault(found[0], []).append((-1 if header == found[0] else found[1], column, header))
    header_of, passed = {}, []
    for field, claimed in claims.items():
        (_, _, first), *others = sorted(claimed)
        header_of[field] = first
        passed += [Passed(header, field, first) for _, _, header in others]
    return Fields(header_of, tuple(passed))


MAX_TITLES: Final = 5
"""Lines above a header that may be titles."""


def titles_above(rows: Sequence[Sequence[str]], *, named: Collection[str] = ()) -> int:
    """Count the lines above the header that are none: a report's title, the day of an export.

    They have at most half as many cells as the header, which has a field of ours and two cells or more.

    Args:
        rows: the first that are not empty, as they stand; more than `MAX_TITLES` are not looked at.
        named: columns that a person named.

    >>> titles_above([["Report of May", ""], ["id", "country"], ["c-1", "DE"]])
    1
    >>> titles_above([["Kunde", "Land"], ["id", "DE"]]), titles_above([["id"], ["c-1"]])
    (0, 0)
    """
    keys = {same_name_key(name) for name in named}
    for place, row in enumerate(rows[: MAX_TITLES + 1]):
        names = [name for name in row if name.strip()]
        if any(same_name_key(name) in keys or any(field_of(name, what) for what in _FIELDS) for name in names):
            above = max((sum(1 for cell in one if cell.strip()) for one in rows[:place]), default=0)
            return place if len(names) >= max(2, 2 * above) else 0
    return 0


def _place(header: str, what: What) -> tuple[str, int] | None:
    found = _PLACES[what].get(same_name_key(header))
    if found is None and by_header(header) == "email":
        key = same_name_key(header)
        return "email", _FURTHER_ADDRESS + (0 if key.startswith("email") else 100) + len(key)
    return found
