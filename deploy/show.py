"""Stories as people read them, in a terminal or in a file: Arabic stands alone on its lines, labels on theirs.

Everything here is a function from events to `Line`s; `write` puts them on a console. Nothing is reordered and no
direction marks are added: a terminal that knows right-to-left does it right when no line mixes both directions, and
one that does not would only be confused by tricks.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from schemas import EnrichedArticle, Field, Label, Passage, Story

__all__ = [
    "ALIKE",
    "CAUSES",
    "Line",
    "Pair",
    "alike",
    "arrival",
    "findings",
    "kept_apart",
    "letters",
    "passage",
    "safe",
    "story",
    "write",
]

LABELS: Final[Mapping[Label, str]] = {"PERS": "people", "LOC": "places", "ORG": "organisations", "MISC": "other names"}
NAMES = 6  # of each kind; a story names more, and the first are those that most of its articles name
MEMBERS = 8  # articles of a story that are listed; the rest are counted
PAIRS = 5  # of look-alikes; the rest are counted
CONTEXT = 90  # code points around a shared passage, so that a terminal of 80 columns shows it in some five lines
PASSAGE = 240  # code points of a shared passage that are shown

# Jaccard index of the words of two articles from which they look alike: two items off one form share more than half of
# their words, two reports of one event rarely 0.35. Lower lists pairs that nobody would take for each other.
ALIKE = 0.5

CAUSES: Final[Mapping[str, str]] = {
    "not-json": "the record is no JSON: cut off on its way, another encoding, or an error page",
    "invalid": "a field has the wrong type, or there is nothing to tell the article by",
    "undated": "no date, one that nobody can read, or one outside the dates that the lane accepts",
    "empty": "neither title nor body holds a letter",
    "too-large": "larger than a topic takes, or more extra fields than are kept",
    "late": "it came after its place in line had passed",
    "bug": "a stage failed on it: that is Khabar's mistake, and the letter holds the trace",
}

_WORD = re.compile(r"\w+")
_TAG = re.compile(r"^[^<>]*>|<[^<>]*(>|$)")
# Letters may need the joiners; direction marks and control characters in a stranger's text would rule our terminal.
_KEPT = "\u200c\u200d"


class Line(NamedTuple):
    """One paragraph of output, `indent` columns from the left on each of its rows."""

    text: Text
    indent: int = 0


class Pair(NamedTuple):
    """Two articles of different stories that share `jaccard` of their words."""

    first: EnrichedArticle
    second: EnrichedArticle
    jaccard: float


def write(console: Console, lines: Iterable[Line]) -> None:
    """Print the lines: wrapped and coloured in a terminal, one paragraph a line and plain anywhere else."""
    for line in lines:
        margin = " " * line.indent
        if console.is_terminal:
            for row in line.text.wrap(console, max(20, console.width - line.indent)):
                console.print(Text(margin) + row, soft_wrap=True, highlight=False)
        else:
            console.file.write((margin + line.text.plain).rstrip() + "\n")


def safe(text: str) -> str:
    """The text in one paragraph, without what could steer a terminal or turn its direction."""
    kept = (c if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Cs") else " " for c in text)
    return " ".join("".join(kept).split())


def findings(
    articles: Mapping[str, EnrichedArticle], stories: Mapping[str, Story], causes: Mapping[str, int], sent: int
) -> Iterator[Line]:
    """All that came of the records of a lane: stories, look-alikes, what was taken back, and what was refused."""
    told = sorted(stories.values(), key=lambda one: (-one.articles, one.first_seen_at, one.id))
    several = [one for one in told if one.articles > 1]
    alone = sum(one.articles == 1 for one in told)
    yield Line(Text(f"{_count(len(several), 'story', 'stories')} told by several articles", style="bold underline"))
    for number, one in enumerate(several, 1):
        yield Line(Text())
        yield from story(number, one, articles)
    yield Line(Text())
    yield Line(Text(f"{_count(alone, 'article')} that nobody else tells: a story each."))
    pairs = alike(told, articles)
    if pairs:
        yield from _heading("Look-alikes kept apart: one form filled in twice is two events")
        for pair in pairs[:PAIRS]:
            yield from kept_apart(pair)
        if len(pairs) > PAIRS:
            yield Line(Text(f"and {_count(len(pairs) - PAIRS, 'more pair')}", style="dim"), 3)
    yield from _heading("Changed and taken back")
    status = Counter(each.status for each in articles.values())
    revised = sum(each.revision > 0 and each.status == "usable" for each in articles.values())
    yield Line(Text(f"{revised:>4}  revised: the same id, a new text, the same story"))
    yield Line(Text(f"{status['canceled']:>4}  cancelled: its story goes on without it"))
    yield Line(Text(f"{status['withheld']:>4}  withheld: kept, and part of no story yet"))
    refused = sum(causes.values())
    yield from _heading(f"Dead letters: {refused} of {sent} records were refused, and held up none of the others")
    yield from letters(causes)


def story(number: int, one: Story, articles: Mapping[str, EnrichedArticle]) -> Iterator[Line]:
    """A story with its members, relations, names, and one passage that two of them share.

    `articles` holds the newest enriched event of each id; a member that is not there is listed without its details.
    """
    head = f"{number}. {_count(one.articles, 'article')} of {_count(len(one.sources), 'outlet')}"
    own = f", {one.distinct_texts} in words of their own" if one.articles > 1 else ""
    yield Line(Text(head + own, style="bold cyan"))
    if one.headline:
        yield Line(Text(safe(one.headline), style="bold"), 3)
    for member in one.members[:MEMBERS]:
        known = articles.get(member.id)
        at = member.published_at or member.seen_at
        if member.id == one.id:  # it began the story, whatever a later version of it has been compared with
            words = [_minute(known.story.since if known and known.story else at), member.source, "new"]
        else:
            words = [_minute(at), member.source, *_relation(member.source, member.kind, member.to, known, articles)]
        yield Line(Text("  ".join([*words, *_revised(known)]), style="dim"), 3)
        if member.title and member.title != one.headline:
            yield Line(Text(safe(member.title)), 6)
    if one.articles > MEMBERS:
        yield Line(Text(f"and {one.articles - MEMBERS} more", style="dim"), 3)
    for label, heading in LABELS.items():
        names = [safe(each.name) for each in one.entities if each.label == label][:NAMES]
        if names:
            yield Line(Text(heading, style="dim"), 3)
            yield Line(Text(" ، ".join(names), style="green"), 6)
    yield from _evidence(one, articles)


def arrival(article: EnrichedArticle, articles: Mapping[str, EnrichedArticle]) -> Iterator[Line]:
    """An article as it comes out of a live lane: when it was seen (UTC), and how it stands to those in `articles`."""
    words = [article.seen_at[11:19], article.source]
    if (relation := article.relation) is not None:
        words += _relation(article.source, relation.kind, relation.to, article, articles)
    words += _revised(article)
    yield Line(Text("  ".join(words), style="dim"), 3)
    yield Line(Text(safe(article.title or article.body or "")), 6)


def passage(article: EnrichedArticle, field: Field, start: int, end: int) -> Text:
    """A stretch of an article as sent, marked with ⟦ ⟧, amid its context."""
    whole = getattr(article, field) or ""
    before, inside, after = whole[max(0, start - CONTEXT) : start], whole[start:end], whole[end : end + CONTEXT]
    if start > CONTEXT:  # begin and end at a word
        before = "… " + before.partition(" ")[2]
    if end + CONTEXT < len(whole):
        after = after.rpartition(" ")[0] + " …"
    if len(inside) > PASSAGE:
        half = PASSAGE // 2
        inside = inside[:half].rpartition(" ")[0] + " … " + inside[-half:].partition(" ")[2]
    before, after = _without_markup(before), _without_markup(after)
    text = Text(safe(before) + (" " if before[-1:].isspace() else ""))
    text.append(f"⟦{safe(_without_markup(inside))}⟧", style="bold yellow")
    return text.append((" " if after[:1].isspace() else "") + safe(after))


def alike(stories: Iterable[Story], articles: Mapping[str, EnrichedArticle]) -> list[Pair]:
    """The first articles of different stories that look alike and were kept apart, the most alike first."""
    roots = [articles[one.members[0].id] for one in stories if one.members and one.members[0].id in articles]
    words = {each.id: frozenset(_WORD.findall(f"{each.title or ''} {each.body or ''}")) for each in roots}
    pairs = []
    for first, second in combinations(roots, 2):
        ours, theirs = words[first.id], words[second.id]
        jaccard = len(ours & theirs) / max(1, len(ours | theirs))
        if jaccard >= ALIKE:
            pairs.append(Pair(first, second, jaccard))
    return sorted(pairs, key=lambda pair: (-pair.jaccard, pair.first.id, pair.second.id))


def kept_apart(pair: Pair) -> Iterator[Line]:
    """Two look-alikes, and the names and numbers that only one of them has."""
    yield Line(Text(f"{pair.jaccard:.0%} of their words are the same, what happened is not", style="dim"), 3)
    for ours, theirs in ((pair.first, pair.second), (pair.second, pair.first)):
        yield Line(Text(safe(ours.title or ours.body or "")[:CONTEXT]), 6)
        if only := _own_names(ours, theirs):
            yield Line(Text("only here", style="dim"), 9)
            yield Line(Text(" ، ".join(only), style="yellow"), 9)


def letters(causes: Mapping[str, int]) -> Iterator[Line]:
    """Dead letters counted by cause, the most frequent first, and what each cause means."""
    for cause, number in sorted(causes.items(), key=lambda item: (-item[1], item[0])):
        meaning = CAUSES.get(cause, "a stage refused it")
        yield Line(Text.assemble(f"{number:>4}  ", (f"{cause:<10}", "bold"), f"  {meaning}"))


def _evidence(one: Story, articles: Mapping[str, EnrichedArticle]) -> Iterator[Line]:
    """The longest passage that two articles share; of two tellings in different words, where there are such."""
    found: list[tuple[bool, int, EnrichedArticle, EnrichedArticle, Passage]] = []
    for member in one.members:
        ours = articles.get(member.id)
        if not ours or not ours.relation or not ours.relation.evidence or not ours.relation.to:
            continue
        theirs = articles.get(ours.relation.to)
        if theirs is None or theirs.version != ours.relation.to_version:
            continue  # what it was compared with has been revised since
        for each in ours.relation.evidence.shared:
            found.append((ours.relation.kind == "same-story", each.end - each.start, ours, theirs, each))
    if not found:
        return
    _, _, ours, theirs, best = max(found, key=lambda each: each[:2])
    yield Line(Text(f"a passage that {theirs.source} and {ours.source} share", style="dim"), 3)
    yield Line(passage(theirs, best.to_field, best.to_start, best.to_end), 6)
    yield Line(passage(ours, best.field, best.start, best.end), 6)


def _without_markup(text: str) -> str:
    """The text as a browser shows it; tags that were cut in the middle go too."""
    return html.unescape(_TAG.sub(" ", text))


def _own_names(ours: EnrichedArticle, theirs: EnrichedArticle) -> list[str]:
    elsewhere = {each.id for each in theirs.entities}
    names = Counter(safe(each.name) for each in ours.entities if each.id not in elsewhere)
    numbers = set(re.findall(r"\d[\d.,]*", ours.body or "")) - set(re.findall(r"\d[\d.,]*", theirs.body or ""))
    return [name for name, _ in names.most_common(4)] + sorted(number.rstrip(".,") for number in numbers)[:4]


def _heading(text: str) -> Iterator[Line]:
    yield Line(Text())
    yield Line(Text(text, style="bold underline"))


def _relation(
    source: str, kind: str, to: str | None, known: EnrichedArticle | None, articles: Mapping[str, EnrichedArticle]
) -> list[str]:
    """What an article is to which earlier one, and how surely."""
    words = [known.relation.kind if known and known.relation else kind]
    if to and (other := articles.get(to)):
        words.append(f"of {other.source}'s" if other.source != source else "of its own")
    if known and known.relation and known.relation.score is not None:
        words.append(f"score {known.relation.score:.2f}")
    return words


def _revised(known: EnrichedArticle | None) -> list[str]:
    return [f"revised {_count(known.revision, 'time')}"] if known and known.revision else []


def _minute(date: str) -> str:
    return f"{date[5:10]} {date[11:16]}"


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
