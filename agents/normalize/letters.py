"""What becomes of each character: which letters are one to a reader; what is a word, a sign, a mark or nothing."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Literal, NamedTuple

__all__ = ["FREQUENT", "Fate", "Script", "compose", "fate", "plain"]

# "arabic": a text in Arabic, where Persian letter forms are slips of a keyboard. "other": every other language.
Script = Literal["arabic", "other"]

# A letter or digit joins what stands beside it, the last letter of a word only what stands before it; a sign is a token
# of its own, a phrase words of its own; a mark belongs to the letter before it; a combining sign makes one letter with
# it; the rest is a break, a space, or nothing.
Kind = Literal["letter", "last", "sign", "phrase", "mark", "combining", "break", "space", "nothing"]


class Fate(NamedTuple):
    """What a character becomes, and how it stands to its neighbours."""

    kind: Kind
    text: str


_MARK, _NOTHING, _SPACE, _BREAK = Fate("mark", ""), Fate("nothing", ""), Fate("space", " "), Fate("break", "\n")

# One for one, in every language. Writers of Arabic use these alike: hamza carriers, alef maqsura and final ya, ta
# marbuta and final ha (Darwish & Magdy 2014, "Arabic Information Retrieval"; as camel-tools' normalize_*_ar).
_SAME = {
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي",
    "\u0672": "ا", "\u0673": "ا", "\u0675": "ا", "\u0676": "و", "\u0678": "ي",
    **{chr(0x0660 + i): str(i) for i in range(10)}, **{chr(0x06F0 + i): str(i) for i in range(10)},
}  # fmt: skip
# Only in Arabic: letters of Persian, Urdu, Kurdish and the Maghreb that stand for an Arabic one.
_ARABIC_ONLY = {
    "ک": "ك", "ڪ": "ك", "گ": "ك", "ڭ": "ك", "ی": "ي", "ۍ": "ي", "ې": "ي", "ے": "ي", "ۓ": "ي", "ھ": "ه", "ہ": "ه",
    "ە": "ه", "ۀ": "ه", "ۂ": "ه", "ۃ": "ه", "پ": "ب", "چ": "ج", "ژ": "ز", "ڤ": "ف", "ڥ": "ف", "ڢ": "ف", "ڡ": "ف",
    "ڧ": "ق", "ڨ": "ق", "ٯ": "ق", "ٮ": "ب", "ں": "ن", "ۆ": "و", "ۋ": "و", "ۏ": "و",
}  # fmt: skip

# Replaced over the whole text before anything else, for they are frequent; the rest is met sign by sign.
_OFTEN = (*((a, _SAME[a]) for a in "أإآىةؤئ٠١٢٣٤٥٦٧٨٩"), ("٫", "."), ("٬", ","), ("’", "'"))
FREQUENT: dict[Script, tuple[tuple[str, str], ...]] = {"arabic": (*_OFTEN, ("ک", "ك"), ("ی", "ي")), "other": _OFTEN}

_SIGNS = {
    "،": ",", "٬": ",", "؛": ";", "؟": "?", "٪": "%", "٫": ".", "۔": ".", "…": "…", "٭": "*", "•": "•", "−": "-",
    "⁃": "-", "‐": "-",
    "«": '"', "»": '"', "“": '"', "”": '"', "„": '"', "‟": '"', "‹": '"', "›": '"',
    "″": '"', "〝": '"', "〞": '"', "❝": '"', "❞": '"',
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "ʼ": "'",
}  # fmt: skip

# Word ligatures that NFKC leaves alone, by their Unicode names; U+FDF0-FDFC are in NFKC.
_PHRASES = {
    "\ufdfd": "بسم الله الرحمن الرحيم", "\ufdfe": "سبحانه وتعالي", "\ufdff": "عز وجل",
    "\ufd40": "رحمه الله", "\ufd41": "رضي الله عنه", "\ufd42": "رضي الله عنها", "\ufd43": "رضي الله عنهم",
    "\ufd44": "رضي الله عنهما", "\ufd45": "رضي الله عنهن", "\ufd46": "صلي الله عليه واله", "\ufd47": "عليه السلام",
    "\ufd48": "عليهم السلام", "\ufd49": "عليهما السلام", "\ufd4a": "عليه الصلاه والسلام", "\ufd4b": "قدس سره",
    "\ufd4c": "صلي الله عليه واله وسلم", "\ufd4d": "عليها السلام", "\ufd4e": "تبارك وتعالي", "\ufd4f": "رحمهم الله",
}  # fmt: skip

# Where NFKC changes what is said: 10² is not 102, 2½ not 21⁄2.
_UNSAFE = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>")


def fate(char: str, script: Script) -> Fate:
    """What becomes of one character of a text in this script."""
    if (found := _fixed(char, script)) is not None:
        return found
    category = unicodedata.category(char)
    if category[0] == "M":
        alike = _belongs_to_arabic(char) or category == "Me" or "\ufe00" <= char <= "\ufe0f"
        return _MARK if alike else Fate("combining", char)
    if category[0] == "Z":
        return _BREAK if category in ("Zl", "Zp") else _SPACE
    if category in ("Cc", "Cf"):
        return _NOTHING
    if category == "Pd":
        return Fate("sign", "-")
    if category[0] in "LN":
        return _letter(char, script)
    folded = _fold(char)
    return Fate("sign", folded if len(folded) == 1 and not folded.isspace() else char)


def _fixed(char: str, script: Script) -> Fate | None:
    if char in "\n\r\x0b\x0c\x85":
        return _BREAK
    if char in "\t_\u06dd\u06de\u06e9":
        return _SPACE
    if char == "\x01" or char == "ـ" or char in "\u06e5\u06e6":  # \x01 goes on with an HTML entity, see markup
        return _MARK
    if char == "\x02" and script == "arabic":  # made by cleaning
        return Fate("last", "ه")
    if char == "#":
        return _NOTHING
    if char == "\u200c" and script == "other":
        return Fate("letter", char)
    if char in _PHRASES:
        return Fate("phrase", _PHRASES[char])
    if char in _SIGNS:
        return Fate("sign", _SIGNS[char])
    if char in _SAME:
        return Fate("letter", _SAME[char])
    if script == "arabic" and char in _ARABIC_ONLY:
        return Fate("letter", _ARABIC_ONLY[char])
    return None


def _letter(char: str, script: Script) -> Fate:
    if unicodedata.decomposition(char).startswith(_UNSAFE):
        return Fate("letter", char)
    folded = _fold(char)
    text = "".join(fold_letter(c, script) for c in folded)
    if not text.strip():
        return _MARK  # a vowel sign with a form of its own: U+FE70
    return Fate("phrase" if " " in text else "letter", text)


def fold_letter(char: str, script: Script) -> str:
    """A letter in its folded form; nothing for an Arabic mark."""
    if char == "ـ" or _belongs_to_arabic(char):
        return ""
    char = _SAME.get(char, char)
    return _ARABIC_ONLY.get(char, char) if script == "arabic" else char


def compose(letter: str, sign: str, script: Script) -> str:
    """A letter with a combining sign: é of e and ´."""
    return "".join(fold_letter(c, script) for c in _fold(letter + sign))


def _fold(char: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).lower())


def _belongs_to_arabic(char: str) -> bool:
    """Vowel signs, hamza above and below, Quranic marks: a word is the same with and without."""
    return (
        "\u0610" <= char <= "\u061a" or "\u064b" <= char <= "\u065f" or char == "\u0670"
        or ("\u06d6" <= char <= "\u06ed" and unicodedata.category(char) == "Mn") or "\u08d3" <= char <= "\u08ff"
    )  # fmt: skip


@cache
def plain(script: Script) -> str:
    """A regular expression's class (without its brackets) of the characters that stay as they are inside words."""
    ranges: list[list[int]] = []
    for point in range(0x10000):
        char = chr(point)
        # Ideographs and Hangul are three quarters of the letters, and all alike.
        alike = 0x3400 <= point <= 0xD7A3 and char.isalpha()
        if alike or (char.isalnum() and fate(char, script) == ("letter", char)):
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"\\u{a:04x}-\\u{b:04x}" for a, b in ranges)
