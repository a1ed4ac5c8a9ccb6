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
_ENDS = frozenset(".!?")
_CLOSING = frozenset("\"')]}")


class _Cluster(NamedTuple):
    """What a cluster becomes, and the runs that lead back from it (see cleantext)."""

    text: str
    first: int | None  # `same` of its first run, counted from its own start; None without runs
    runs: tuple[int, ...]  # the rest of its runs
    tail: int  # code points that stand one for one after the last run
    unended: str | None  # the text if the full stop that it begins with ends no sentence


class Cleaner:
    """Cleans the texts of one script; what it remembers saves time and changes no result."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._frequent = FREQUENT[script]
        stays = plain(script)
        # A cluster is a longest stretch of anything but plain characters, with the space before it.
        self._clusters = re.compile(f"(?: [^{stays}]|[^{stays} ])[^{stays}]*")
        self._known: dict[str, _Cluster | None] = {}
        self._fates: dict[str, Fate] = {}

    def clean(self, sent: str) -> tuple[str, list[int]]:
        """The clean text of `sent`, and the runs that lead back (see cleantext)."""
        text = unmarked(sent)
        if text.isascii():
            text = text.lower()
        if self._script == "arabic" and "ة" in text:
            text = _FUSED.sub("\x02", text.replace("\x02", "\x00"))
        for letter, folded in self._frequent:
            text = text.replace(letter, folded)
        text = text.rstrip(" ")
        begin = len(text) - len(text.lstrip(" "))
        size = len(text)
        runs = [0, 0, begin] if begin else []
        out: list[str] = []
        last = begin
        pending = 0  # code points that stand one for one since the last run
        known = self._known
        for match in self._clusters.finditer(text, begin):
            start, end = match.span()
            cluster = match.group()
            if start == begin or end == size:
                found = self._at_an_edge(cluster, start == begin, end == size)
            elif end - start == 1 and _inside_a_word(text, start):
                continue
            elif cluster in known:
                found = known[cluster]
            else:
                found = self._remember(cluster)
            if found is None:  # it begins with an accent on the letter before
                start -= 1
                found = self._resolve(text[start:end], first=start == begin, final=end == size)
            out.append(text[last:start])
            out.append(found.text if found.unended is None or not _after_one_letter(text, start) else found.unended)
            pending += start - last
            last = end
            if found.first is None:
                pending += found.tail
            else:
                runs.append(pending + found.first)
                runs += found.runs
                pending = found.tail
        out.append(text[last:])
        return "".join(out), runs

    def _remember(self, cluster: str) -> _Cluster | None:
        found = None if self._fate(cluster[0]).kind == "combining" else self._resolve(cluster, first=False, final=False)
        if len(cluster) <= _KEPT_LENGTH:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[cluster] = found
        return found

    def _at_an_edge(self, cluster: str, first: bool, final: bool) -> _Cluster | None:
        if not first and self._fate(cluster[0]).kind == "combining":
            return None
        return self._resolve(cluster, first=first, final=final)

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
        if cluster[0] == "." and "\n" in text:
            fates[0] = Fate("phrase", ".")
            unended = "".join(made or "" for made, _ in _pieces(cluster, fates, self._script, first, final))
        return _Cluster(text, start, runs, tail, unended)


def _inside_a_word(text: str, at: int) -> bool:
    """10.5, 1,000, 10:30, 2018-02-05, example.org, don't, الجزيرة.نت: a sign that neither ends nor parts anything."""
    sign, before, after = text[at], text[at - 1], text[at + 1]
    if before.isdecimal() and after.isdecimal():
        return sign in ".,:/-"
    if before.isascii() and after.isascii():
        return sign in ".'&"
    return sign == "." and text.startswith(_DOMAINS, at + 1) and not text[at + 3 : at + 4].isalpha()


def _after_one_letter(text: str, at: int) -> bool:
    """Whether what stands before is a letter alone: an initial (د. أ. ف. ب), whose full stop ends no sentence."""
    return at > 0 and text[at - 1].isalpha() and (at == 1 or not text[at - 2].isalnum())


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
