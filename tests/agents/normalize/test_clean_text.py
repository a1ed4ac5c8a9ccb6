"""Folding and tokenizing: what is one word to a reader is one word here, and every span leads back."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.normalize.cleaning import Cleaner
from agents.normalize.cleantext import WayBack, insert, original_span
from schemas import CleanText

ARABIC = Cleaner("arabic")
OTHER = Cleaner("other")

# What texts on the wire are made of, the awkward more often than in life.
_PIECES = st.sampled_from([
    *"ابتثجحخدذرزسشصضطظعغفقكلمنهوي", *"أإآىةؤئءٱ", *"ًٌٍَُِّْٰٕٓٔ", *"ـکیگپ",
    "\u200c", "\u200d", "\u200f", "\u202b", "\ufeff", "\x00", "\x01", "\x02", "\x1b",
    "ﷺ", "\ufdfd", "ﻻ", "ﻣﺤﻤﺪ", "ﺍﻟ", "ﱠ", "٠١٢", "۴۵", "12", "10.5", "½", "m²",
    *"٫،؟؛.…!«»“”’()-–_#@<>&", "..", " ", " ", " ", "  ", "\n", "\r\n", "\t", "\xa0", "\u2028",
    "&quot;", "&nbsp;", "&amp;amp;", "&#1601;", "&lt;b&gt;", "<b>", "</p>", "<br/>",
    "NATO", "cafe\u0301", "é", "É", "İ", "ß", "ﬁ", "Ω", "लोक", "中文", "𝔸", "😀", "👨\u200d👩", "🇸🇦",
    "السعوديةوالإمارات", "د. ", "a.b",
])  # fmt: skip
TEXTS = st.lists(_PIECES, max_size=40).map("".join)
ANY_TEXTS = TEXTS | st.text(max_size=60)


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("أكّدَ الوزيرُ أنّ الأُمورَ تَسيرُ", "اكد الوزير ان الامور تسير"),
        ("الحكـــومة", "الحكومه"),
        ("على هدى", "علي هدي"),
        ("مسؤول شؤون القرّاء", "مسوول شوون القراء"),
        ("ا\u0654حمد ا\u0655لى و\u0654", "احمد الي و"),
        ("ﺍﻟﺮﻳﺎﺽ ﻻ", "الرياض لا"),
        ("النبي محمد ﷺ", "النبي محمد صلي الله عليه وسلم"),
        ("النبيﷺقال", "النبي صلي الله عليه وسلم قال"),
        ("\ufdfd", "بسم الله الرحمن الرحيم"),
        ("الله ﷻ", "الله جل جلاله"),
        ("٢٠٢٦ و۱۴", "2026 و14"),
        ("بنسبة ٣٫٥٪", "بنسبه 3.5 %"),
        ("قال: «نعم»، ثمّ مضى؟", 'قال : " نعم " , ثم مضي ?'),
        ("وصل\u200f الوفد\u202c", "وصل الوفد"),
        ("#معرض_الكتاب_الدولي", "معرض الكتاب الدولي"),
        ("کتاب پاکستان فی گزه", "كتاب باكستان في كزه"),
        ("می\u200cشود", "ميشود"),
        ("10² و2½", "10² و2½"),
        ("NATO وBBC", "nato وbbc"),
        ("السعوديةوالإمارات", "السعوديه والامارات"),
        ("تابع موقع الجزيرة.نت اليوم", "تابع موقع الجزيره.نت اليوم"),
        ("انظر https://example.org/a?b=c هنا", "انظر هنا"),
        ("صورة 😀جميلة", "صوره 😀 جميله"),
        ("  \ufeff \n ", ""),
    ],
)
def test_arabic_is_folded_to_what_people_search_for(sent: str, clean: str) -> None:
    assert ARABIC.clean(sent)[0] == clean


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("<p>وصل <b>الوفد</b></p><p>وغادر</p>", "وصل الوفد\nوغادر"),
        ("&quot;نعم&quot; &amp;amp;nbsp; &#1571;جل", '" نعم " اجل'),
        ("&lt;strong&gt;نعم&lt;/strong&gt;", "نعم"),
        ("قبل<script>var x = '<p>';</script>بعد", "قبل\nبعد"),
        ("قبل<!-- لا شيء -->بعد", "قبل\nبعد"),
        ("خمسة < ستة &unknown; سبعة", "خمسه < سته & unknown ; سبعه"),
    ],
)
def test_markup_leaves_only_its_text(sent: str, clean: str) -> None:
    assert ARABIC.clean(sent)[0] == clean


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("انتهى اللقاء. وقال الوزير", "انتهي اللقاء .\nوقال الوزير"),
        ("انتهى اللقاء.وقال الوزير", "انتهي اللقاء .\nوقال الوزير"),
        ("قال: “انتهى.” ثم مضى", 'قال : " انتهي . "\nثم مضي'),
        ("د. سامي و أ. ف. ب. قالوا", "د . سامي و ا . ف . ب . قالوا"),
        ("هل وصل؟ نعم", "هل وصل ?\nنعم"),
        ("سطر أول\n\nسطر ثان", "سطر اول\nسطر ثان"),
        ("وقال.. إن ذلك", "وقال … ان ذلك"),
        ("بلغ 10.5 عند 12:30 في 2026-05-01", "بلغ 10.5 عند 12:30 في 2026-05-01"),
    ],
)
def test_sentences_end_where_a_reader_ends_them(sent: str, clean: str) -> None:
    assert ARABIC.clean(sent)[0] == clean


def test_persian_letters_and_joiners_stay_where_the_language_is_not_arabic() -> None:
    assert OTHER.clean("می\u200cشود کتاب پاک گل")[0] == "می\u200cشود کتاب پاک گل"


def test_an_accent_makes_one_letter_however_it_is_written() -> None:
    assert OTHER.clean("Cafe\u0301 noir")[0] == OTHER.clean("Café noir")[0] == "café noir"


@given(ANY_TEXTS)
@settings(max_examples=250)
def test_cleaning_clean_text_changes_no_word(sent: str) -> None:
    for cleaner in (ARABIC, OTHER):
        once = cleaner.clean(sent)[0].split()
        assert cleaner.clean(" ".join(once))[0].split() == once


@given(TEXTS)
@settings(max_examples=250)
def test_every_token_leads_back_to_text_that_folds_to_it(sent: str) -> None:
    text, runs = ARABIC.clean(sent)
    back = WayBack(runs)
    for token in re.finditer(r"\S+", text):
        start, end = back.span(*token.span())
        assert 0 <= start < end <= len(sent)
        assert token.group() in ARABIC.clean(sent[start:end])[0].split()


@given(ANY_TEXTS)
@settings(max_examples=250)
def test_the_way_back_keeps_order_and_stays_inside(sent: str) -> None:
    text, runs = ARABIC.clean(sent)
    back = WayBack(runs)
    spans = [back.span(i, i + 1) for i in range(len(text))]
    assert all(a <= c and b <= d for (a, b), (c, d) in pairwise(spans))
    assert all(0 <= start <= end <= len(sent) for start, end in spans)
    assert sum(runs[0::3]) + sum(runs[1::3]) <= len(text)


@given(ANY_TEXTS)
@settings(max_examples=200)
def test_words_stand_one_space_or_one_line_apart_and_nothing_invisible_is_left(sent: str) -> None:
    text = ARABIC.clean(sent)[0]
    assert text == text.strip()
    assert not re.search(r"[^\S \n]|\s\s", text)
    assert not any(unicodedata.category(char) in ("Cc", "Cf") for char in text.replace("\n", ""))


@given(TEXTS, TEXTS)
@settings(max_examples=200)
def test_what_was_cleaned_before_changes_nothing(first: str, second: str) -> None:
    fresh = Cleaner("arabic").clean(second)
    ARABIC.clean(first)
    assert ARABIC.clean(second) == fresh


def test_a_span_takes_the_marks_of_its_last_letter_and_not_the_markup_around() -> None:
    sent = "زار <b>سيرغيُّ</b> «المدينة» &amp;quot;ﷺ"
    text, runs = ARABIC.clean(sent)
    clean = CleanText(field="body", text=text, map=runs, asides=[])

    def as_sent(words: str) -> str:
        start = text.index(words)
        return sent[slice(*original_span(clean, start, start + len(words)))]

    assert as_sent("سيرغي") == "سيرغيُّ"
    assert as_sent("المدينه") == "المدينة"
    assert as_sent('" صلي') == "&amp;quot;ﷺ"
    assert as_sent("عليه") == "ﷺ"
    assert original_span(clean, 4, 4) == (7, 7)


@given(TEXTS, st.data())
@settings(max_examples=200)
def test_inserted_spaces_leave_every_other_span_where_it_was(sent: str, data: st.DataObject) -> None:
    text, runs = ARABIC.clean(sent)
    places = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=5)) if len(text) > 1 else [])
    before, after = WayBack(runs), WayBack(insert(runs, places))
    for i in range(len(text)):
        moved = i + sum(place <= i for place in places)
        assert after.span(moved, moved + 1) == before.span(i, i + 1)


def test_no_text_takes_more_than_its_length_in_time_and_map() -> None:
    for piece in ("<script ", "&amp;", "<a ", "ﷺ", "\u064b", "a\u0301", "<!--", "ا،", "&#"):
        text, runs = ARABIC.clean(piece * (60_000 // len(piece)))
        assert len(runs) <= 6 * 60_000
        assert len(text) <= 60_000 * 19
