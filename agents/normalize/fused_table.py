"""Makes data/words.txt, what `fused` knows of words, from the word frequencies of wordfreq.

wordfreq is needed for this alone: `uv run --with wordfreq==3.1.1 python -m agents.normalize.fused_table`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path

from agents.normalize import fused
from agents.normalize.cleaning import Cleaner

__all__ = ["make_table"]


def make_table(frequencies: dict[str, float]) -> str:
    """The table for the frequencies (shares of all words) of words as people write them."""
    cleaner = Cleaner("arabic")
    shares: defaultdict[str, float] = defaultdict(float)
    for word, share in frequencies.items():
        text, _ = cleaner.clean(word)
        if re.fullmatch("[ء-غف-ي]+", text):
            shares[text] += share
    levels: defaultdict[int, list[str]] = defaultdict(list)
    for word, share in shares.items():
        if fused.is_piece(word, share):
            levels[round(-math.log(share) / fused.STEP)].append(word)
    lines = [f"{level} {' '.join(sorted(words))}" for level, words in sorted(levels.items())]
    splitter = fused.Splitter("\n".join(lines))
    whole = []
    for word, share in shares.items():
        cuts = splitter.cuts(word)
        pieces = [word[a:b] for a, b in zip((0, *cuts), (*cuts, len(word)), strict=True)]
        if cuts and min(shares.get(piece, 0.0) for piece in pieces) < share * fused.RARER:
            whole.append(word)
    return "\n".join([*lines, f"whole {' '.join(sorted(whole))}", ""])


if __name__ == "__main__":
    import wordfreq

    target = Path(__file__).parent / "data" / "words.txt"
    target.write_text(make_table(wordfreq.get_frequency_dict("ar", wordlist="best")), "utf-8")
