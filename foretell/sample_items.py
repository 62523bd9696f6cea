"""What the items of the sample are called: its product categories, as a shopper reads them, and which are offered."""

import re
from typing import Final

_WORDS: Final = {
    "bg": "bags", "bkd": "baked", "bn": "beans", "brkfst": "breakfast", "btr": "butter", "cky": "cookies",
    "ckys": "cookies", "cleang": "cleaning", "cndy": "candy", "coco": "cocoa", "conc": "concentrates",
    "crkr": "crackers", "crystl": "crystal", "disposible": "disposable", "dnr": "dinner", "drnk": "drink",
    "drnks": "drinks", "drsng": "dressing", "dsh": "dishes", "fd": "food", "flvrd": "flavoured", "frzn": "frozen",
    "hbc": "health and beauty", "j": "J", "jce": "juice", "memorablilia": "memorabilia", "mfg": "manufacturer",
    "misc": "other", "mixs": "mixes", "mw": "microwave", "mx": "mixes", "mxs": "mixes", "ndairy": "non-dairy",
    "pkg": "packaged", "pkgd": "packaged", "pkld": "pickled", "pnt": "peanut", "prod": "produce", "pwdr": "powder",
    "refrgratd": "refrigerated", "retail": "packaged", "rw": "", "sald": "salad", "sherbts": "sherbets",
    "sndwch": "sandwich", "snks": "snacks", "sod": "soda", "sply": "supplies", "sprd": "spread",
    "suppplies": "supplies", "sweetners": "sweeteners", "tiss": "tissues", "trsh": "trash", "veg": "vegetables",
    "whlsm": "wholesome", "wtr": "water",
}  # fmt: skip
"""Short forms of the sample's categories."""
_WHOLE: Final = {"COUPON/MISC ITEMS": "Fuel and coupons", "NEW AGE": "New age drinks", "HISPANIC": "Hispanic foods"}
_DEPARTMENTS: Final = {
    "DRUG GM": "Drugstore and household",
    "MEAT-PCKGD": "Packaged meat",
    "SEAFOOD-PCKGD": "Packaged seafood",
    "NUTRITION": "Natural foods",
    "PASTRY": "Bakery",
}
NOT_OFFERED: Final = frozenset(
    {
        "ADULT INCONTINENCE", "BOTTLE DEPOSITS", "CIGARETTES", "CIGARS", "COUPON", "COUPON/MISC ITEMS",
        "COUPONS/STORE & MFG", "DELI SUPPLIES", "FAMILY PLANNING", "FUEL", "HOME HEALTH CARE", "LAXATIVES",
        "MEAT SUPPLIES", "MISCELLANEOUS", "PHARMACY", "PROD SUPPLIES", "SMOKING CESSATIONS", "TICKETS", "TOBACCO OTHER",
    }
)  # fmt: skip
"""What is no product, and what a shop does not suggest: tobacco, and what says something of a person's health."""


def item_name(category: str) -> str:
    """Write a category as people read it.

    >>> item_name("FRZN MEAT/MEAT DINNERS"), item_name("PNT BTR/JELLY/JAMS"), item_name("SOFT DRINKS")
    ('Frozen meat, meat dinners', 'Peanut butter, jelly, jams', 'Soft drinks')
    """
    if category in _WHOLE:
        return _WHOLE[category]
    parts = re.split(r"\s*/\s*|\s+-\s+", category.lower())
    return _sentence(", ".join(" ".join(_spelled(part)) for part in parts))


def department_name(department: str) -> str:
    """Write a department as people read it.

    >>> department_name("MEAT-PCKGD"), department_name("GROCERY")
    ('Packaged meat', 'Grocery')
    """
    return _DEPARTMENTS.get(department) or _sentence(department.lower())


def _spelled(part: str) -> list[str]:
    words = re.sub(r"[.:]", " ", part.replace("&", " & ").replace("(", " (")).split()
    return [spelled for word in words if (spelled := _WORDS.get(word, word))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
