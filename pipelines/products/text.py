"""Reading a product's description, in any spelling NHSBSA has used, into names, strengths and form.

Nothing here decides a dose: a `Reading` says what the words say, `dose.py` and `resolver.py` say what
follows from it. Known spellings: dm+d (`Morphine 30mg modified-release tablets`) and the older one of
at most 40 characters (`Morph Sulf_Tab 30mg M/R`).
"""

import re
import unicodedata
from collections import defaultdict
from decimal import Decimal
from functools import lru_cache

from pipelines.products.model import Form, Mass, Name, Reading, Strength
from pipelines.products.reference import ProductReference

# One spelling for each thing that is spelt in several ways; the longest first, so that it wins.
_SPELLINGS = {
    "modified-release": " mr ",
    "modified release": " mr ",
    "prolonged-release": " mr ",
    "prolonged release": " mr ",
    "sustained-release": " mr ",
    "extended-release": " mr ",
    "slow release": " mr ",
    "slow-release": " mr ",
    "unit dose vials": " udv ",
    "unit dose vial": " udv ",
    "unit-dose vials": " udv ",
    "unit-dose vial": " udv ",
    "unit dose": " udv ",
    "unit-dose": " udv ",
    "film-coated": " ",
    "film coated": " ",
    "micrograms": "mcg",
    "microgrammes": "mcg",
    "microgram": "mcg",
    "milligrams": "mg",
    "milligram": "mg",
    "millilitres": "ml",
    "t/derm": " transdermal ",
    "p/spy": " spy ",
    "grams": "g",
    "gram": "g",
    "m/r": " mr ",
    "s/f": " ",
    "c/f": " ",
    "a/f": " ",
    "i/v": " iv ",
    "(s)": " powder ",
    "@gn": " ",
    "&gn": " ",
    "microg ": "mcg ",
    "microg/": "mcg/",
    "µg": "mcg",
    "μg": "mcg",
    "_": " ",
}
_SPELLING = re.compile("|".join(re.escape(word) for word in sorted(_SPELLINGS, key=len, reverse=True)))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))", re.ASCII)
_IN_OR_PER = re.compile(r"(?<=[mc]g)\s+(?:in|per)\s+(?=\d|ml|hour|hr|dose)", re.ASCII)
# `½mg`, `2,5mg`, `1.2.3mg`, `10-20mg`: not numbers that may be read in part. A zero makes them unreadable.
_BROKEN_NUMBER = re.compile(
    r"\d+[⁄,]\d+|\d+(?:\.\d+){2,}|\d+\s?-\s?(?=\d+(?:\.\d+)?\s?(?:mg|mcg|g)(?![a-z]))\S+",
    re.ASCII,
)
_UNIT_RUN_ON = re.compile(r"(\d(?:mcg|mg|ml))(?=[a-z])", re.ASCII)
_BRACKETS = re.compile(r"\(([^)]*)\)?")

_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
_UNIT = r"(?:mcg|mg|ug|ng|kg|g|ml|litres?|l|hours?|hrs?|h|days?|doses?|dose|actuation|%|units?|iu|mmol)(?![a-z])"
_CHAIN = re.compile(rf"{_NUMBER}\s*(?:{_UNIT})?(?:\s*/\s*(?:{_NUMBER}\s*(?:{_UNIT})?|{_UNIT}))*", re.ASCII)
_ELEMENT = re.compile(rf"({_NUMBER})?\s*({_UNIT})?", re.ASCII)
_WORD = re.compile(r"[a-z][a-z'-]*|\d+", re.ASCII)

_MG = {
    "mg": Decimal(1),
    "mcg": Decimal("0.001"),
    "ug": Decimal("0.001"),
    "g": Decimal(1000),
    "ng": Decimal("0.000001"),
}
_HOURS = {"h": 1, "hr": 1, "hrs": 1, "hour": 1, "hours": 1, "day": 24, "days": 24}
_DOSES = frozenset({"dose", "doses", "actuation"})
_UNIT_NAMES = {"mcg": "microgram", "ug": "microgram", "ng": "nanogram"}

# Words that say modified release; a brand that is always so says it in names.csv.
_MODIFIED = frozenset({"mr", "sr", "xl", "pr", "retard", "ret", "continus", "la"})
# A name in brackets tells the drug (`Morphine (Opium tincture)`) but never which strength is whose.
_AFTER_ALL = 1_000_000
_LINCTUS = frozenset({"linctus", "linct"})
_UNREADABLE = "unreadable"
_LONGEST_NUMBER = 9
_MOST_PLACES = 6

# Forms given by the place where a thing is kept: with the word "oral" they hold one dose to drink.
_CONTAINER_PRIORITY = 9


class Reader:
    """Reads descriptions with the names and forms of one set of reference tables."""

    def __init__(self, reference: ProductReference) -> None:
        self._forms = reference.forms
        names: dict[str, list[tuple[tuple[str, ...], Name]]] = defaultdict(list)
        for name in reference.names.values():
            words = tuple(_WORD.findall(name.name))
            names[words[0]].append((words, name))
        for candidates in names.values():
            candidates.sort(key=lambda candidate: -len(candidate[0]))
        self._names = dict(names)

    def read(self, description: str) -> Reading:
        """Never raises, whatever the text; an empty Reading where it says nothing."""
        outside, inside = _tidy(description)
        words = _WORD.findall(outside)
        present = set(words)
        strengths, volumes, hours, unreadable = _quantities(outside)
        compound = _is_compound(strengths)
        names = self._named(words, outside if compound or len(strengths) > 1 else "")
        if inside:
            if any(letter.isdigit() for letter in inside):
                more, _volumes, stated, _unreadable = _quantities(inside)
                strengths = strengths or tuple(strength for strength in more if strength.per)
                hours = hours or stated
            names += tuple((_AFTER_ALL, name) for _at, name in self._named(_WORD.findall(inside), ""))
        if compound and not any(name.kind == "combination" for _at, name in names):
            strengths = tuple(strength for strength in strengths if strength.masses[0].unit)
        form, problem, container = self._form(words, present)
        return Reading(
            description=description,
            words=" ".join(words),
            names=names,
            strengths=strengths,
            volumes_ml=volumes,
            stated_wear_hours=hours,
            form=form,
            form_problem=problem,
            container=container,
            is_linctus=not present.isdisjoint(_LINCTUS),
            is_modified_release=not present.isdisjoint(_MODIFIED),
            has_unreadable_number=unreadable,
        )

    def _named(self, words: list[str], outside: str) -> tuple[tuple[int, Name], ...]:
        """The names among the words, with their places in `outside` (0 where it does not matter)."""
        found = []
        taken = 0
        for index, word in enumerate(words):
            candidates = self._names.get(word)
            if candidates is None or index < taken:
                continue
            for name_words, name in candidates:
                length = len(name_words)
                if length == 1 or tuple(words[index : index + length]) == name_words:
                    found.append((index if outside else 0, name))
                    taken = index + length
                    break
        if not outside:
            return tuple(found)
        places = [match.start() for match in _WORD.finditer(outside)]
        return tuple((places[index], name) for index, name in found)

    def _form(self, words: list[str], present: set[str]) -> tuple[Form | None, str, str]:
        """The form of the most telling word, why there is none, and the container if one is named."""
        found: Form | None = None
        problem = ""
        container = ""
        for form in map(self._forms.get, words):
            if form is None:
                continue
            if form.dose_rule == "container" and form.quantity_unit != "container":
                container = container or form.quantity_unit
            if found is None or form.priority < found.priority:
                found, problem = form, ""
            elif form.priority == found.priority and form.form != found.form:
                problem = f"two forms in one description: {found.form} and {form.form}"
        if found is not None and found.priority == _CONTAINER_PRIORITY and "oral" in present:
            found = self._forms.get("udv")
        if found is None:
            problem = "no form in the description" if words else "no description, and no reference row"
        return (None if problem else found), problem, container


def _tidy(description: str) -> tuple[str, str]:
    """The text in one spelling: what stands outside brackets, and what stands inside them."""
    tidy = description if description.isascii() else unicodedata.normalize("NFKC", description)
    tidy = _SPELLING.sub(_respell, tidy.lower())
    if "," in tidy:
        tidy = _THOUSANDS.sub("", tidy)
    if "-" in tidy or "," in tidy or "⁄" in tidy or tidy.count(".") > 1:
        tidy = _BROKEN_NUMBER.sub("0mg", tidy)
    tidy = _UNIT_RUN_ON.sub(r"\1 ", _IN_OR_PER.sub("/", tidy))
    if "(" not in tidy:
        return tidy, ""
    return _BRACKETS.sub(" ", tidy), " ".join(_BRACKETS.findall(tidy))


def _is_compound(strengths: tuple[Strength, ...]) -> bool:
    return bool(strengths) and max(len(strength.masses) for strength in strengths) > 1


def _respell(match: re.Match[str]) -> str:
    return _SPELLINGS[match.group()]


def _quantities(tidy: str) -> tuple[tuple[Strength, ...], tuple[Decimal, ...], Decimal | None, bool]:
    """Strengths, loose volumes (`2ml` of `50mg/ml 2ml Amp`), loose hours (`96hr`), unreadable numbers."""
    strengths: list[Strength] = []
    volumes: list[Decimal] = []
    hours: Decimal | None = None
    unreadable = False
    end = len(tidy)
    for match in _CHAIN.finditer(tidy):
        masses, per, per_amount = _chain(match.group())
        if masses:
            is_beside = bool(strengths) and not _WORD.search(tidy, end, match.start())
            strengths.append(Strength(masses, per, per_amount, match.start(), is_beside))
        elif per == _UNREADABLE:
            unreadable = True
        elif per == "ml" and per_amount is not None:
            volumes.append(per_amount)
        elif per == "hour" and per_amount is not None:
            hours = per_amount
        end = match.end()
    return tuple(strengths), tuple(volumes), hours, unreadable


def _read_chain(chain: str) -> tuple[tuple[Mass, ...], str, Decimal | None]:
    """Masses and what they are in: `37.5/325mg` gives two, `10mg/5ml` one in 5 ml.

    Numbers with no unit at all (`30/500`) come as mg with a blank unit: they count only beside a name
    such as co-codamol, whose strengths are mg by convention.
    """
    masses: list[tuple[Decimal, str]] = []
    unitless: list[Decimal] = []
    per, per_amount = "", None
    for part in chain.split("/"):
        match = _ELEMENT.fullmatch(part.strip())
        if match is None:
            return (), "", None
        unit = match[2] or ""
        number = _number(match[1]) if match[1] else None
        if match[1] and number is None:
            return (), _UNREADABLE if unit in _MG else "", None
        if unit in _MG and number is not None:
            # `500/7.7mg`: one unit for the numbers before it.
            masses += [(earlier, unit) for earlier in unitless]
            masses.append((number, unit))
            unitless = []
        elif unit == "":
            unitless += [number] if number is not None else []
        elif unit in _HOURS:
            per, per_amount = "hour", None if number is None else number * _HOURS[unit]
        elif unit in ("ml", "g"):
            per, per_amount = unit, number
        elif unit in _DOSES:
            per, per_amount = "dose", number
        else:
            return (), "", None
    if not masses and len(unitless) > 1 and not per:
        return tuple(Mass(number, "", number) for number in unitless), "", None
    return (
        tuple(Mass(number, _UNIT_NAMES.get(unit, unit), number * _MG[unit]) for number, unit in masses),
        per,
        per_amount,
    )


# Extracts repeat few spellings. The reading itself is a plain function, which mutants can be made of.
_chain = lru_cache(maxsize=65_536)(_read_chain)


def _number(digits: str) -> Decimal | None:
    """The number, or None where it is zero or too long to be the strength of anything."""
    before, _point, after = digits.partition(".")
    if len(before) > _LONGEST_NUMBER or len(after) > _MOST_PLACES:
        return None
    number = Decimal(digits)
    return number if number > 0 else None
