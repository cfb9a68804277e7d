"""What a table of each kind may hold: fields, how their cells are read, and the names that shops give such columns.

Names are compared by `plain`: without case, accents and anything but letters and digits. Of several columns that fit a
field the name that stands first here wins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from wakeline.vocabulary.fields import FIELDS


class Reads(StrEnum):
    """How a cell becomes a value."""

    TEXT = "text"
    NAME = "id"  # an id of the site's own
    AMOUNT = "amount"
    NUMBER = "number"
    WHOLE = "whole number"
    TIME = "date"
    YES = "yes or no"
    LIST = "list"  # separated by > or |
    WORD = "word"  # one of a few: see WORDS


class Field(NamedTuple):
    """A field; one that is `needed` must have a column or a constant."""

    name: str
    reads: Reads
    names: tuple[str, ...] = ()
    needed: bool = False


def field(name: str, reads: Reads, names: str = "", *, needed: bool = False) -> Field:
    return Field(name, reads, tuple(names.split()), needed)


T, N, A, NUM, W, D, Y, L, WORD = Reads

CUSTOMER_NAMES = (
    "customerid customer customernumber customerno userid user clientid client accountid "
    "memberid kundennummer kundennr kundenid kunde kdnr householdid householdkey masterid"
)
CURRENCY = field("currency", T, "currency currencycode waehrung paidcurrency")
PERSON = (
    field("customer.email", T, "email emailaddress customeremail billingemail mail emailadresse"),
    field("customer.name", T, "customername billingname fullname kundenname rechnungsname"),
    field("customer.first_name", T, "firstname billingfirstname vorname"),
    field("customer.last_name", T, "lastname surname billinglastname nachname"),
    field("customer.phone", T, "phone phonenumber billingphone telephone mobile telefon telefonnummer handy"),
    field("customer.traits.country", T, "country countrycode billingcountry land rechnungsland"),
)

KINDS: Mapping[str, tuple[Field, ...]] = {
    "orders": (
        field(
            "transaction_id",
            N,
            "ordernumber orderno ordernr orderid order transactionid invoiceno invoicenumber "
            "invoicenr invoiceid invoice "
            "receiptno receiptnumber receipt basketid bestellnummer bestellnr bestellung auftragsnummer auftragsnr "
            "rechnungsnummer rechnungsnr belegnummer belegnr bonnummer bonnr vorgangsnummer name",
            needed=True,
        ),
        field(
            "time",
            D,
            "createdat orderdate orderedat ordertime purchasedate purchasedat invoicedate transactiondate "
            "transactiontime transactiontimestamp date datetime time "
            "timestamp paidat bestelldatum auftragsdatum rechnungsdatum belegdatum datum zeit zeitpunkt erstelltam",
            needed=True,
        ),
        field("customer", N, CUSTOMER_NAMES),
        field(
            "value", A, "subtotal netamount nettotal net netvalue ordervalue zwischensumme nettobetrag nettosumme netto"
        ),
        field(
            "total",
            A,
            "total ordertotal grandtotal totalamount amount revenue price sales salesvalue value sum "
            "invoiceamount dollars gesamt "
            "gesamtbetrag gesamtsumme summe betrag bruttobetrag brutto rechnungsbetrag umsatz endbetrag",
        ),
        CURRENCY,
        field("tax", A, "tax taxes taxamount totaltax vat vatamount steuer mwst mwstbetrag ust umsatzsteuer"),
        field("shipping", A, "shipping shippingcost shippingtotal shippingamount versand versandkosten porto"),
        field("discount", A, "discountamount discounttotal orderdiscount rabattbetrag rabatt"),
        field("coupon", T, "coupon couponcode discountcode voucher gutschein gutscheincode rabattcode"),
        field("channel", T, "channel saleschannel source kanal vertriebskanal verkaufskanal"),
        field("state", WORD, "fulfillmentstatus orderstatus status state bestellstatus auftragsstatus"),
        field("refunded", A, "refundedamount amountrefunded refundtotal erstattet erstattungsbetrag"),
        field(
            "refund_of",
            N,
            "refundof cancels originalorder originalinvoice parentorder stornozu gutschriftzu ursprungsrechnung",
        ),
        field(
            "item.item_id",
            N,
            "itemid itemsku sku lineitemsku stockcode productid productcode productnumber "
            "articlenumber articleno article "
            "ean gtin item product artikelnummer artikelnr artikel produktnummer produktid",
        ),
        field(
            "item.item_name",
            T,
            "itemname lineitemname productname producttitle description title "
            "artikelbezeichnung artikelname produktname bezeichnung beschreibung",
        ),
        field("item.item_brand", T, "brand itembrand vendor marke hersteller"),
        field("item.item_category", T, "category itemcategory productcategory kategorie warengruppe"),
        field("item.item_variant", T, "variant itemvariant variante"),
        field(
            "item.quantity", NUM, "quantity qty lineitemquantity itemquantity units cds menge anzahl stueckzahl stueck"
        ),
        field(
            "item.price",
            A,
            "unitprice itemprice lineitemprice priceperunit einzelpreis stueckpreis einheitspreis preis",
        ),
        field(
            "item.total",
            A,
            "linetotal lineamount itemtotal rowtotal positionssumme positionsbetrag gesamtpreis zeilensumme",
        ),
        field("item.discount", A, "lineitemdiscount linediscount itemdiscount positionsrabatt"),
        field("item.cost", A, "unitcost itemcost costprice purchaseprice einkaufspreis ekpreis ek"),
        *PERSON,
    ),
    "customers": (
        field("customer", N, f"{CUSTOMER_NAMES} id number nummer nr", needed=True),
        field("time", D, "updatedat lastchange modifiedat geaendertam changedat"),
        field(
            "traits.since",
            T,
            "customersince registeredat createdat signupdate erstelltam registriertam kundeseit datum date",
        ),
        field("own_id", N, "externalid externalnumber"),
        field("email", T, "email emailaddress mail emailadresse"),
        field("name", T, "name fullname customername kundenname"),
        field("first_name", T, "firstname vorname"),
        field("last_name", T, "lastname surname nachname"),
        field("phone", T, "phone phonenumber telephone mobile telefon telefonnummer handy"),
        field("traits.language", T, "language locale sprache"),
        field("traits.country", T, "country countrycode land"),
        field("traits.group", T, "customergroup group kundengruppe gruppe segment"),
        field("traits.plan", T, "plan tarif"),
        field("traits.birthday_month", W, "birthdaymonth birthmonth geburtsmonat"),
        field("orders_before", W, "totalorders orderscount ordercount orders anzahlbestellungen bestellungen"),
        field("value_before", A, "totalspent totalspend lifetimevalue umsatz gesamtumsatz"),
        CURRENCY,
        field("returns", Y),
    ),
    "contacts": (
        field(
            "contact_id",
            N,
            "contactid ticketid ticketnumber ticket caseid caseno case id vorgangsnummer ticketnummer anfragenummer",
            needed=True,
        ),
        field(
            "time",
            D,
            "createdat openedat date datetime time timestamp datum zeit zeitpunkt erstelltam eroeffnetam",
            needed=True,
        ),
        field("customer", N, CUSTOMER_NAMES),
        field("channel", WORD, "channel medium via kanal kontaktweg", needed=True),
        field("direction", WORD, "direction richtung"),
        field("topic", T, "topic subjectcode category reason thema kategorie grund anliegen"),
        field("state", WORD, "state status zustand"),
        field("cost", A, "cost kosten"),
        CURRENCY,
        field("minutes", NUM, "minutes duration handlingtime minuten dauer"),
        field("satisfaction", W, "satisfaction csat rating score zufriedenheit bewertung"),
        field("order", N, "ordernumber orderno orderid order bestellnummer bestellnr auftragsnummer"),
    ),
    "products": (
        field(
            "item_id",
            N,
            "itemid sku productid productcode productnumber articlenumber articleno article stockcode id ean gtin "
            "artikelnummer artikelnr produktnummer produktid",
            needed=True,
        ),
        field("time", D, "updatedat modifiedat lastchange geaendertam date datum"),
        field(
            "name",
            T,
            "name title productname producttitle itemname description bezeichnung artikelbezeichnung artikelname "
            "produktname titel",
        ),
        field("categories", L, "categories category productcategory producttype kategorie kategorien warengruppe"),
        field("price", A, "price regularprice variantprice unitprice preis verkaufspreis vk"),
        field("cost", A, "cost costprice costperitem purchaseprice einkaufspreis ekpreis ek kosten"),
        CURRENCY,
        field(
            "stock",
            NUM,
            "stock stocklevel inventory inventoryquantity variantinventoryqty quantity bestand lagerbestand",
        ),
        field("lead_days", NUM, "leaddays leadtime deliverydays lieferzeit lieferzeittage"),
        field("url", T, "url link producturl permalink"),
        field("image", T, "image imageurl imagesrc imagelink bild bildurl"),
        field("attributes.brand", T, "brand vendor marke hersteller"),
        field("attributes.colour", T, "color colour farbe"),
        field("attributes.size", T, "size groesse"),
    ),
    "sends": (
        field("sent_id", N, "sentid sendid messageid deliveryid id versandid nachrichtid"),
        field(
            "time",
            D,
            "sentat sendtime deliveredat date datetime time timestamp versandzeit versanddatum datum zeit",
            needed=True,
        ),
        field("customer", N, CUSTOMER_NAMES, needed=True),
        field("campaign", T, "campaign campaignname campaignid mailing newsletter kampagne kampagnenname", needed=True),
        field("type", WORD, "type event action status ereignis aktion"),
        field("medium", T, "medium channel kanal"),
        field("element.subject", T, "subject betreff subjectline"),
        field("element.creative", T, "creative template variant vorlage"),
        field("element.link", T, "link url clickedurl"),
        field("element.audience", T, "audience list segment liste zielgruppe"),
        field("cost", A, "cost kosten"),
        CURRENCY,
    ),
    "events": (
        field("type", T, "type event eventname name ereignis", needed=True),
        field("time", D, "time timestamp date datetime occurredat createdat zeit zeitpunkt datum", needed=True),
        field("id", N, "id eventid"),
        field("customer", N, CUSTOMER_NAMES),
        field("visitor", N, "visitor visitorid"),
    ),
}
"""The fields by kind of table. Any `traits.X`, `attributes.X` and `props.X` may be added to a map."""

OPEN_ENDED = {
    "customers": ("traits.",),
    "products": ("attributes.",),
    "events": ("props.",),
    "orders": ("customer.traits.",),
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "orders.state": {
        "placed": "open pending processing onhold new offen neu inbearbeitung",
        "paid": "paid bezahlt partiallypaid",
        "shipped": "shipped fulfilled versendet versandt verschickt",
        "delivered": "delivered completed complete zugestellt geliefert abgeschlossen",
        "cancelled": "cancelled canceled voided void storniert abgebrochen",
        "returned": "returned retourniert zurueckgesendet",
    },
    "contacts.channel": {
        "mail": "mail email emails",
        "letter": "letter post brief fax",
        "phone": "phone call telephone telefon anruf",
        "sms": "sms whatsapp messenger",
        "chat": "chat livechat web",
        "forum": "forum community social",
        "visit": "visit store shop laden filiale besuch",
    },
    "contacts.direction": {"in": "in inbound incoming eingehend ein", "out": "out outbound outgoing ausgehend aus"},
    "contacts.state": {
        "opened": "opened open new pending offen neu",
        "answered": "answered replied beantwortet",
        "solved": "solved resolved geloest erledigt",
        "closed": "closed geschlossen abgeschlossen",
    },
    "sends.type": {
        "campaign_sent": "sent send delivered campaignsent gesendet versendet zugestellt",
        "campaign_opened": "opened open campaignopened geoeffnet",
        "campaign_clicked": "clicked click campaignclicked geklickt klick",
        "campaign_bounced": "bounced bounce failed campaignbounced hardbounce softbounce unzustellbar",
        "campaign_unsubscribed": "unsubscribed unsubscribe optout campaignunsubscribed abgemeldet",
    },
}
"""Words for one of a few values, by kind and field, as `plain` gives them."""

IN_WORDS = {
    of: {spelling: value for value, spellings in words.items() for spelling in spellings.split()}
    for of, words in WORDS.items()
}
VOCABULARY = frozenset(
    field.name
    for told in FIELDS.values()
    for field in msgspec.structs.fields(told)
    if field.name not in ("items", "parts")
)
"""What a table of events may say besides: the fields of all types, each in a column of that name."""

LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain(name: str) -> str:
    """A column's name for comparing: `E-Mail-Adresse` is emailadresse."""
    spelled = name.casefold().translate(LETTERS)
    bare = "".join(char for char in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", "", bare)


def field_of(kind: str, name: str) -> Field | None:
    """The field of that name in such a table, None if there is none."""
    for one in KINDS[kind]:
        if one.name == name:
            return one
    if any(name.startswith(start) and len(name) > len(start) for start in OPEN_ENDED.get(kind, ())):
        return Field(name, Reads.TEXT)
    if kind == "events" and name in VOCABULARY:
        return Field(name, Reads.TEXT)
    return None
