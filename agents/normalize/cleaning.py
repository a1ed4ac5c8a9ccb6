"""Clean text in one pass: what is plain is copied as it is, and only what stands between is looked at."""

from __future__ import annotations

import re
from typing import NamedTuple

from agents.normalize.letters import FREQUENT, Fate, Script, compose, fate, plain
from agents.normalize.markup import unmarked

__all__ = ["Cleaner"]

# A text has few different clusters (a comma and a space, a quote and a space): a memory of them answers nearly all.
# Long ones are not kept, and a full memory starts again, so that no input makes it grow.
_KEPT_LENGTH = 24  # code points
_KEPT = 50_000  # clusters, some 20 MB at the very most

_DOMAINS = ("نت", "كم")  # .net and .com in names of sites
# Ta marbuta ends a word: what follows it was fused. It becomes U+0002, a ha that ends a word.
_FUSED = re.compile("ة(?=[ء-غف-ي]{2})")
_CAPITALS = re.compile("[A-Z]")
_ENDS = frozenset(".!?")
_CLOSING = frozenset("\"')]}")


class _Cluster(NamedTuple):
    """What a cluster becomes, and the runs that lead back from it (see cleantext)."""

    text: str
    first: int | None  # `same` of its first run, counted from its own start; None without runs
    runs: tuple[int, ...]  # the rest of its runs
    tail: int  # code points that stand one for one after the last run
    unended: str | None  # its text if the full stop that it begins with ends no sentence


class Cleaner:
    """Cleans the texts of one script; what it remembers saves time and changes no result."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._frequent = FREQUENT[script]
        stays = plain(script)
        # A cluster is a longest stretch of anything but plain characters. (One class at its front lets `re` run through
        # plain text at full speed; spaces before a cluster are added to it by hand.)
        self._clusters = re.compile(f"([^{stays} ][^{stays}]*)")
        self._known: dict[str, _Cluster | None] = {}
        self._fates: dict[str, Fate] = {}

    def clean(self, sent: str) -> tuple[str, list[int]]:
        """The clean text of `sent`, and the runs that lead back (see cleantext)."""
        text = unmarked(sent)
        lower = text.lower()
        if len(lower) != len(text):  # İ becomes two code points, and is met as a cluster
            lower = _CAPITALS.sub(lambda found: found[0].lower(), text)
        text = lower
        if "\x02" in text:
            text = text.replace("\x02", "\x00")
        if self._script == "arabic":
            text = _FUSED.sub("\x02", text)
        for letter, folded in self._frequent:
            text = text.replace(letter, folded)
        if "  " in text:
            text = text.replace("  ", " \t")  # one of two spaces begins a cluster
        stripped = text.lstrip(" ")
        runs = [0, 0, len(text) - len(stripped)] if len(stripped) < len(text) else []
        parts = self._clusters.split(stripped.rstrip(" "))  # plain, cluster, plain, …, plain
        pending = 0  # code points that stand one for one since the last run
        final = len(parts) - 2
        known = self._known
        found: _Cluster | None
        for i in range(1, len(parts), 2):
            before = parts[i - 1]
            cluster = parts[i]
            if i == 1 and not before:
                found = self._resolve(cluster, first=True, final=not parts[2] and i == final)
            else:
                if before[-1] == " ":
                    cluster = " " + cluster
                    parts[i - 1] = before[:-1]
                    pending -= 1
                elif len(cluster) == 1 and parts[i + 1] and _inside_a_word(before[-1], cluster, parts[i + 1]):
                    pending += len(before) + 1
                    continue
                if i == final and not parts[i + 1]:
                    found = self._at_the_end(cluster)
                elif cluster in known:
                    found = known[cluster]
                else:
                    found = self._remember(cluster)
                if found is None:  # it begins with an accent on the letter before
                    pending -= 1
                    parts[i - 1] = before[:-1]
                    first = i == 1 and len(before) == 1
                    found = self._resolve(before[-1] + cluster, first=first, final=i == final and not parts[i + 1])
            pending += len(before)
            parts[i] = found.text if found.unended is None or not _after_one_letter(parts, i) else found.unended
            if found.first is None:
                pending += found.tail
            else:
                runs.append(pending + found.first)
                runs += found.runs
                pending = found.tail
        return "".join(parts), runs

    def _remember(self, cluster: str) -> _Cluster | None:
        found = None if self._fate(cluster[0]).kind == "combining" else self._resolve(cluster, first=False, final=False)
        if len(cluster) <= _KEPT_LENGTH:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[cluster] = found
        return found

    def _at_the_end(self, cluster: str) -> _Cluster | None:
        if self._fate(cluster[0]).kind == "combining":
            return None
        return self._resolve(cluster, first=False, final=True)

    def _fate(self, char: str) -> Fate:
        found = self._fates.get(char)
        if found is None:
            if len(self._fates) >= _KEPT:
                self._fates.clear()
            found = self._fates[char] = fate(char, self._script)
        return found

    def _resolve(self, cluster: str, *, first: bool, final: bool) -> _Cluster:
        """What becomes of a cluster; `first`, `final`: nothing stands before, after it."""
        fates = [self._fate(char) for char in cluster]
        text, start, runs, tail = _runs(_pieces(cluster, fates, self._script, first, final))
        unended = None
        at = 1 if cluster[0] == " " else 0
        if cluster[at : at + 1] == "." and "\n" in text:
            fates[at] = Fate("phrase", ".")
            unended = "".join(made or "" for made, _ in _pieces(cluster, fates, self._script, first, final))
        return _Cluster(text, start, runs, tail, unended)


def _inside_a_word(before: str, sign: str, after: str) -> bool:
    """10.5, 1,000, 10:30, 2018-02-05, example.org, don't, الجزيرة.نت: a sign that neither ends nor parts anything."""
    if before.isdecimal() and after[0].isdecimal():
        return sign in ".,:/-"
    if before.isascii() and after[0].isascii():
        return sign in ".'&" and after[0] != " "
    return sign == "." and after.startswith(_DOMAINS) and not after[2:3].isalpha()


def _after_one_letter(parts: list[str], at: int) -> bool:
    """Whether what stands before is a letter alone: an initial (د. أ. ف. ب), whose full stop ends no sentence."""
    before = parts[at - 1]
    if not before[-1:].isalpha():
        return False
    return before[-2] == " " if len(before) > 1 else at == 1 or parts[at - 2].endswith((" ", "\n"))


def _pieces(cluster: str, fates: list[Fate], script: Script, first: bool, final: bool) -> list[tuple[str | None, int]]:
    """What a cluster becomes, piece by piece: clean text and how many code points as sent it stands for.

    Tokens come one space apart, sentences one line end. None: marks on the letter before the cluster.
    """
    made: list[tuple[str | None, int]] = []
    before = "" if first else "letter"
    gap, gap_sent = "", 0  # white space that waits for what follows it
    ended = False  # a sentence ended, and only closing signs since
    for char, (kind, text) in zip(cluster, fates, strict=True):
        if kind == "space" or kind == "break":
            gap = "\n" if kind == "break" or ended or gap == "\n" else " "
            gap_sent += 1
        elif kind in ("nothing", "mark", "combining"):
            if gap_sent or not before:
                gap_sent += 1
            elif kind == "nothing":
                made.append(("", 1))
            elif not made:
                made.append((None, 1))
            else:
                whole, sent = made[-1]
                made[-1] = (compose(whole, char, script) if whole and kind == "combining" else whole, sent + 1)
        elif kind == "sign" and made and not gap_sent and made[-1][0] in (text, "…") and text in (made[-1][0], "."):
            made[-1] = ("…" if text == "." else text, made[-1][1] + 1)
            ended = ended and text != "."
        else:
            closes = kind == "sign" and (text in _CLOSING or text in _ENDS)
            if gap_sent:
                made.append((gap if before else "", gap_sent))
            elif before and not (before == "letter" and kind in ("letter", "last")):
                made.append(("\n" if ended and not closes else " ", 0))
            ended = kind == "sign" and (text in _ENDS or (ended and not gap_sent and text in _CLOSING))
            made.append((text, 1))
            before = kind
            gap, gap_sent = "", 0
    if gap_sent:
        made.append((gap if before and not final else "", gap_sent))
    elif before not in ("", "letter") and not final:
        made.append(("\n" if ended else " ", 0))
    return made


def _runs(made: list[tuple[str | None, int]]) -> tuple[str, int | None, tuple[int, ...], int]:
    runs: list[int] = []
    same = 0
    for text, sent in made:
        if text is None:
            runs += (-1, 1, sent + 1)
        elif sent == 1 and len(text) == 1:
            same += 1
        elif not text and not same and runs and not runs[-2]:
            runs[-1] += sent
        else:
            runs += (same, len(text), sent)
            same = 0
    return "".join(text for text, _ in made if text), runs[0] if runs else None, tuple(runs[1:]), same
