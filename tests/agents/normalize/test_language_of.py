"""Languages: Arabic is told from its neighbours in the same letters, and the text decides before the producer does."""

import pytest

from agents.normalize.language import language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ar", "استقبل الوزير في مكتبه اليوم سفيرة النرويج وبحث معها التعاون في مجال المياه"),
        ("ar", "مقتل خمسة في انهيار مبنى"),
        ("ar", "أَعْلَنَ الرَّئيسُ عَنْ خُطَّةٍ جَديدَةٍ"),
        ("ar", "الشركة الپولندية تفتتح مصنعا في گرداسة بحضور الچنرال والوزير"),
        ("ar", "التقی الرئیس فی العاصمة الوزیر الذی وصل الیوم من القاهرة"),
        ("fa", "وزیر نیرو امروز از سد تازه‌ساز در جنوب کشور بازدید کرد و با مردم گفت‌وگو کرد"),
        ("fa", "نرخ ارز در بازار"),
        ("ar", "عنوان"),
        ("ar", "شاهد"),
        ("ar", "ديده بان"),
        ("fa", "گزارش"),
        ("ur", "وزیر تعلیم نے کل لاہور میں نئے اسکول کا افتتاح کیا اور کہا کہ مزید اسکول بنائے جائیں گے"),
        ("ckb", "وەزیری ئاو ئەمڕۆ سەردانی بەنداوێکی نوێی لە باشووری هەرێم کرد"),
        ("ps", "د اوبو وزیر نن د هېواد په سوېل کې له نوي بند څخه لیدنه وکړه"),
        ("ug", "سۇ مىنىستىرى بۈگۈن جەنۇبتىكى يېڭى توساننى كۆزدىن كەچۈردى"),
        ("en", "The water minister visited a new dam in the south of the country today."),
        ("fr", "Le ministre de l'Eau a visité aujourd'hui un nouveau barrage dans le sud du pays."),
        ("tr", "Su bakanı bugün ülkenin güneyindeki yeni barajı ziyaret etti."),
        ("he", "שר המים ביקר היום בסכר חדש בדרום הארץ"),
        ("fa", '<div class="story-body" style="direction: rtl"><p>وزیر نیرو امروز از سد تازه‌ساز بازدید کرد</p></div>'),
        (None, "2026 – 10:30 …"),
    ],
)
def test_the_text_tells_its_language(language: str | None, text: str) -> None:
    assert language_of(text) == language


def test_a_declared_language_decides_what_is_in_doubt() -> None:
    assert language_of("وزير خارجه با همتاي خود ديدار كرد", "fa-IR") == "fa"
    assert language_of("Madrid 2026", "es") == "es"


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        ("عنوان", "ar", "ar"),
        ("عنوان", "fa", "fa"),
        ("فیديو", "ar-EG", "ar"),
        ("Dam opens", "de", "de"),
        ("عنوان", "en", "ar"),
        ("Breaking news", "ar", "en"),
        ("Breaking news", "not a tag!!", "en"),
        ("עדכון חדש", "en", "he"),
    ],
)
def test_a_declared_language_decides_for_a_short_text_in_its_letters(text: str, declared: str, language: str) -> None:
    assert language_of(text, declared) == language


def test_a_declared_language_does_not_decide_against_the_text() -> None:
    assert language_of("استقبل الوزير في مكتبه اليوم سفيرة النرويج", "en") == "ar"
    assert language_of("The water minister visited a new dam in the south.", "ar") == "en"


def test_nonsense_is_of_no_determined_language() -> None:
    assert language_of("xq zzk", "klingon!") in ("und", "en")
