"""The fields of each event that a page says in `props`. A page may leave any of them out, and add others of its own.

The types of the npm package name the same fields; `*` marks those without which an event of that type says little.
Types with fields of their own (`types.BUILT_IN`) are in `wakeline.event`.
"""

from __future__ import annotations

OFFER = "decision_id* offer slot"
PROMOTION = "promotion* code cost currency"
CHECKOUT = "value currency items coupon"
CART = "items* value currency"

FIELDS: dict[str, tuple[str, ...]] = {
    type: tuple(fields.split())
    for type, fields in {
        "web_vitals": "path navigation lcp_ms inp_ms fcp_ms ttfb_ms cls server_ms server_timing status",
        "not_found": "",
        "js_error": "error",
        "preference": "topic channel allowed* frequency",
        "sign_up": "method",
        "login": "method",
        "search": "search_term* results",
        "outbound_link": "url",
        "download": "url",
        "form_submit": "form fields",
        "interest": "category",
        "video_start": "video*",
        "video_progress": "video* percent",
        "video_complete": "video*",
        "rage_click": "element",
        "dead_click": "element",
        "form_abandoned": "form fields",
        "view_item_list": "items item_list_id item_list_name",
        "select_item": "items item_list_id item_list_name",
        "view_item": CART,
        "add_to_cart": CART,
        "remove_from_cart": CART,
        "view_cart": CART,
        "begin_checkout": CHECKOUT,
        "add_shipping_info": CHECKOUT,
        "add_payment_info": CHECKOUT,
        "purchase": "transaction_id* value* currency* items tax shipping coupon discount channel signature",
        "refund": "transaction_id* refund_id value currency items",
        "offer_seen": OFFER,
        "offer_accepted": OFFER,
        "offer_dismissed": OFFER,
        "item_recommended_seen": "list_id* position item_id",
        "item_recommended_clicked": "list_id* position item_id",
        "survey_seen": "survey* question answer",
        "survey_answered": "survey* question answer",
        "promotion_issued": PROMOTION,
        "promotion_used": PROMOTION,
        "contest_entered": PROMOTION,
    }.items()
}

ITEM = (
    *("item_id*", "item_name", "item_brand", "item_category", "item_category2", "item_category3", "item_category4"),
    *("item_category5", "item_variant", "price", "quantity", "discount", "coupon"),
)
"""The fields of each of `items`."""

OF_PAGES = frozenset(field.rstrip("*") for fields in (*FIELDS.values(), ITEM) for field in fields)
