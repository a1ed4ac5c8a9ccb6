"""Which language a text is in, as a BCP 47 tag."""

from __future__ import annotations

import re

__all__ = ["language_of"]

# Enough to be sure, and little enough to cost nothing.
_SAMPLE = 1000  # code points
_NOT_ARABIC = re.compile("[پچژگکیےۍېۆێەڕڵڤټډړڼښځڅۀہھںٹڈ]")
_ARABIC_LETTER = re.compile("[\u0620-\u064a]")


def language_of(text: str, declared: str | None = None) -> str | None:
    """The language of a text; None where it has no letters."""
    sample = text[:_SAMPLE]
    if _NOT_ARABIC.search(sample) is None and len(_ARABIC_LETTER.findall(sample)) * 2 > len(sample.split()):
        return "ar"
    return declared or "und"
