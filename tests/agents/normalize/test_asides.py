"""Asides: who reports, scripture and the outlet's own lines are known by their form and place; news is left alone."""

from collections.abc import Callable

import pytest

from schemas import NormalizedArticle

Make = Callable[..., NormalizedArticle]
NEWS = "استقبل وزير المياه في مكتبه اليوم وفدا من المزارعين وبحث معهم خطة الموسم المقبل."


def kept_apart(article: NormalizedArticle) -> list[str]:
    """What stays out of the fingerprint, as it stands in the clean text."""
    body = article.clean[-1]
    flat = iter(body.asides)
    return [body.text[start:end] for start, end in zip(flat, flat, strict=True)]


def attributed(article: NormalizedArticle) -> list[tuple[str, str, str | None]]:
    texts = {"title": article.title, "lead": article.lead, "body": article.body}
    return [(a.kind, (texts[a.field] or "")[a.start : a.end], a.name) for a in article.attributions]


@pytest.mark.parametrize(
    ("head", "agency"),
    [
        ("واس – الرياض\n", "واس"),
        ("الرياض - واس: ", "واس"),
        ("القاهرة (رويترز) - ", "رويترز"),
        ("باريس (أ.ف.ب) ", "أ ف ب"),
        ("أ ف ب - باريس - ", "أ ف ب"),
        ("عمّان 5 شباط (بترا)-- ", "بترا"),
        ("بغداد / 5 فبراير 2026 / شينخوا - ", "شينخوا"),
        ("دبي، الإمارات العربية المتحدة (CNN) -- ", "سي إن إن"),
        ("دبي - العربية.نت: ", "العربية.نت"),
        ("لندن – «رويترز»: ", "رويترز"),
        ("سامي العلي - الدوحة - قنا\n", "قنا"),
        ("الرياض: ", None),
        ("تونس - مكتب النهار: ", None),
        ("(وكالات) ", "الوكالات"),
        ("وكالات\n", "الوكالات"),
        ("بيسان (النهر برس) - ", None),
        ("بيسان، 2 مايو (وكالة النهر) -- ", None),
        ("بيسان 3 أيار 2026 (وكالة النهر): ", None),
        ("الرياض (وكالة النهر): ", None),
        ("بيسان - صدى النهر:\n", None),
        ("سامي العلي – صدى النهر\n", None),
        ("متابعات: ", None),
        ("(متابعات) ", None),
    ],
)
def test_a_dateline_stays_out_of_the_fingerprint(normalized: Make, head: str, agency: str | None) -> None:
    article = normalized(title="لقاء", body=head + NEWS)
    assert kept_apart(article) == [article.clean[-1].text[: -len(normalized(body=NEWS).clean[0].text)].strip()]
    kinds = attributed(article)
    assert ("dateline", head.strip(), None) in kinds or kinds[0][0] == "dateline"
    assert [name for kind, _, name in kinds if kind == "agency"] == ([agency] if agency else [])


@pytest.mark.parametrize("head", ["كتب – سامي العلي:\n", "بقلم: سامي العلي\n", "تقرير سامي العلي - "])
def test_a_byline_stays_out_of_the_fingerprint(normalized: Make, head: str) -> None:
    article = normalized(title="لقاء", body=head + NEWS)
    assert attributed(article) == [("byline", head.strip(), None)]


@pytest.mark.parametrize(
    ("tail", "text", "agency"),
    [
        (" (واس).", "(واس).", "واس"),
        ("\nأ ف ب", "أ ف ب", "أ ف ب"),
        ("\n(رويترز / أ ف ب)", "(رويترز / أ ف ب)", "رويترز"),
        ("\nالمصدر: وكالة الأناضول", "المصدر: وكالة الأناضول", "الأناضول"),
        ("\nالمصدر: موقع النهر الخيالي", "المصدر: موقع النهر الخيالي", None),
        ("\nنقلاً عن وكالة الأنباء السعودية.", "نقلاً عن وكالة الأنباء السعودية.", "واس"),
        (" وذلك نقلا عن صحيفة النهر", "نقلا عن صحيفة النهر", None),
    ],
)
def test_a_signature_stays_out_of_the_fingerprint(normalized: Make, tail: str, text: str, agency: str | None) -> None:
    article = normalized(title="لقاء", body=NEWS + tail)
    assert attributed(article) == [("agency", text, agency)]
    assert len(kept_apart(article)) == 1


@pytest.mark.parametrize(
    ("before", "verse"),
    [
        ("قال تعالى: ", "﴿إِنَّ مَعَ الْعُسْرِ يُسْرًا﴾"),
        ("قال الله تعالى: ", "«إن مع العسر يسرا»"),
        ("وقوله عز وجل ", "{إن مع العسر يسرا}"),
    ],
)
def test_scripture_stays_out_of_the_fingerprint(normalized: Make, before: str, verse: str) -> None:
    article = normalized(title="لقاء", body=f"{NEWS} {before}{verse} وختم كلمته بالشكر.")
    assert attributed(article) == [("quran", verse, None)]


@pytest.mark.parametrize(
    "notice",
    [
        "اقرأ أيضاً: السد الجديد يمتلئ في شهر واحد",
        "اقرأ المزيد على موقعنا",
        "للمزيد من الأخبار تابعونا على تويتر",
        "تابعوا آخر أخبار النهر عبر قناتنا",
        "لمشاهدة الفيديو اضغط هنا",
        "جميع الحقوق محفوظة © النهر 2026",
        "المقالات المنشورة لا تعبر بالضرورة عن رأي الصحيفة",
        "قد يهمك أيضا",
        "** مواضيع ذات صلة",
        "شارك الخبر",
        "الكلمات المفتاحية: سد ماء",
    ],
)
def test_an_outlets_own_lines_stay_out_of_the_fingerprint(normalized: Make, notice: str) -> None:
    article = normalized(title="لقاء", body=f"{NEWS}\n{notice}\n{NEWS}")
    assert attributed(article) == [("boilerplate", notice, None)]


def test_the_titles_under_a_heading_are_its_own(normalized: Make) -> None:
    body = f"{NEWS}\nاقرأ أيضاً:\nالسد الجديد يمتلئ\nوزير المياه في الجنوب\n{NEWS}"
    texts = [text for _, text, _ in attributed(normalized(title="لقاء", body=body))]
    assert texts == ["اقرأ أيضاً:", "السد الجديد يمتلئ", "وزير المياه في الجنوب"]


@pytest.mark.parametrize(
    "body",
    [
        NEWS,
        "قال الوزير: إن السد امتلأ. وقرأ أيضا رسالة المزارعين.",
        "الرياض مدينة كبيرة تشهد هذا الأسبوع مؤتمرا للمياه.",
        "ذكرت وكالة رويترز أن الوزير زار السد، ونفت وكالة الأنباء السعودية ذلك في بيان لها يوم الأحد.",
        "نقلا عن شهود عيان امتلأ السد الجديد في الجنوب قبل موعده بأسبوعين كاملين.",
        "أعلن الوزير - في مؤتمر صحفي - أن السد امتلأ قبل موعده.",
        "شارك علي بن سالم المزارعين فرحتهم بالسد الجديد.",
        "وكالة المياه الدولية (أكوا): إن السد امتلأ قبل موعده بأسبوعين كاملين.",
        "قال الوزير (سامي العلي) - وهو مهندس - إن السد امتلأ قبل موعده.",
        "السدود (الجديدة والقديمة) امتلأت قبل موعدها بأسبوعين كاملين.",
        "النجم - الهلال\nالبرق - الفرسان\nالسد - الوادي\n",
        "متابعات القراء كثيرة لهذا السد الذي امتلأ قبل موعده.",
        "تابع: لا بد من سد آخر في الجنوب قبل الموسم المقبل.",
        "هذا السد يعبر عن إرادة الناس في الجنوب كما قال الوزير.",
    ],
)
def test_news_is_left_alone(normalized: Make, body: str) -> None:
    article = normalized(title="لقاء", body=body)
    assert attributed(article) == []
    assert article.clean[-1].asides == []


def test_a_title_has_no_asides(normalized: Make) -> None:
    assert normalized(title="الرياض: لقاء الوزير (واس)", body=NEWS).attributions == []


def test_asides_come_in_order_and_apart(normalized: Make) -> None:
    article = normalized(
        title="لقاء", lead="الرياض - واس: لقاء الوزير", body=f"الرياض (واس) - {NEWS}\nللمزيد: السد (واس)"
    )
    for clean in article.clean:
        assert clean.asides == sorted(set(clean.asides))
        assert all(0 <= at <= len(clean.text) for at in clean.asides)
