"""Which articles are related, and how: on texts written for this, each case as outlets really do it."""

import pytest

from agents.deduplicate import evaluate

# One press conference, told by two outlets in their own words, with the spellings of each; the quotes are the same.
PRESS = """أكد وزير الطاقة في جمهورية سهلستان كريم الأيوبي أن بلاده اتفقت مع مملكة النهرين على إنشاء محطة مشتركة لتحلية
المياه في ميناء الزهراء. وقال الأيوبي خلال مؤتمر صحفي مشترك مع نظيره نادر الصالحي عقب توقيع المذكرة إن
«المحطة ستوفر مياه الشرب لنحو مليوني مواطن قبل نهاية العام المقبل». وأوضح أن تكلفة المشروع تبلغ 340 مليون
دولار يتحملها البلدان مناصفة، مشيرا إلى أن شركات محلية ستتولى أعمال البناء والصيانة. وأضاف أن العمل في
الموقع سيبدأ في الصيف بعد انتهاء دراسات الأثر البيئي على ساحل الزهراء. من جانبه وصف الصالحي الاتفاق بأنه
«خطوة تاريخية في مسار التعاون المائي بين البلدين»، داعيا دول المنطقة إلى الانضمام إلى مجلس حوض النهرين.
وتطرق الوزيران إلى ملف الربط الكهربائي حيث أكد الأيوبي استعداد سهلستان لتزويد النهرين بخمسمئة ميغاواط خلال
ساعات الذروة. ولفت إلى أن الخلاف حول حصص السدود ما زال قيد البحث في اللجنة الفنية التي ستجتمع الشهر القادم
في العاصمة."""
PRESS_AGAIN = """كشف وزيرا الطاقه في سهلستان والنهرين عن مذكره لبناء محطة لتحلية المياة في ميناء الزهراء بكلفة 340 مليون
دولار. واشار الوزير السهلستاني كريم الايوبي، في مؤتمر صحفي جمعه بنظيره نادر الصالحى، الى ان المحطة ستوفر
مياه الشرب لنحو مليوني مواطن قبل نهاية العام المقبل، على أن يتقاسم البلدان التكاليف مناصفة وتنفذ شركات محلية
أعمال البناء. وذكر الأيوبي أن دراسات الأثر البيئي على ساحل الزهراء شارفت على الانتهاء وأن الأشغال تنطلق
صيفا. أما الصالحي فرأى أن الاتفاق خطوة تاريخية في مسار التعاون المائي بين البلدين، وحث دول المنطقة على
الانضمام إلى مجلس حوض النهرين. وفي ملف الربط الكهربائي أعلن الأيوبى استعداد بلاده لتزويد النهرين بخمسمئة
ميغاواط في ساعات الذروة، بينما أقر بأن الخلاف على حصص السدود لم يحسم بعد وأن اللجنة الفنية ستعود إلى بحثه
الشهر القادم."""
ELSEWHERE = """أعلنت بلدية مدينة الواحة اليوم افتتاح المكتبة العامة الجديدة في الحي الشرقي بعد ثلاثة أعوام من أعمال
الترميم. وتضم المكتبة قاعات للقراءة ومسرحا صغيرا للأطفال ومعرضا دائما للمخطوطات النادرة التي جمعها الباحث
الراحل سليم الحكيم. وقال مدير الثقافة في البلدية إن الدخول مجاني طوال الأسبوع الأول، وإن برنامجا من الأمسيات
الشعرية ينطلق مساء الخميس بمشاركة شعراء من عدة مدن. وأضاف أن المبنى القديم كان سوقا للحبوب قبل قرن، وقد حافظ
المهندسون على واجهته الحجرية وأبوابه الخشبية المزخرفة."""
RECEPTION = """استقبل رئيس جمهورية سهلستان في قصر الربيع اليوم سفير مملكة النهرين لدى البلاد {name}
الذي قدم أوراق اعتماده
سفيرا مفوضا لبلاده. وجرى خلال الاستقبال بحث العلاقات الثنائية وسبل تعزيزها في مختلف المجالات، ونقل السفير
تحيات قيادة بلاده وتمنياتها للشعب بالتقدم والازدهار. وحضر الاستقبال {number} من كبار المسؤولين في الديوان
ووزارة الخارجية ورئيس المراسم."""
MORE = """وفي سياق متصل أوضح خبراء في شؤون المياه أن سواحل الزهراء شهدت خلال العقد الماضي تراجعا في منسوب الآبار
الجوفية دفع مزارعي الكروم إلى هجر آلاف الهكتارات. ويرى الأستاذ في جامعة الميناء باسل الراوي أن التحلية وحدها
لا تكفي ما لم تراجع شبكات التوزيع القديمة التي تفقد ثلث ما يضخ فيها. وكانت جمعيات صيادين قد تقدمت بشكوى إلى
المحكمة الإدارية خشية أن تضر المياه المالحة المعادة إلى البحر بمواسم الروبيان، وردت الوزارة بأن المخارج ستمد
مسافة كيلومترين في العمق. ويستذكر سكان الميناء مشروعا سابقا أعلن قبل خمسة عشر عاما ثم توقف لأسباب مالية، ولم
يبق منه سوى سور ولافتة صدئة. ويأمل هؤلاء أن يوفر المشروع الجديد فرص عمل لأبنائهم الذين هاجر كثير منهم إلى
العاصمة، فيما يطالب المجلس البلدي بنسبة معلنة من الوظائف لأهالي المنطقة وبتدريبهم قبل التشغيل. وتشير أرقام
دائرة الإحصاء إلى أن نصيب الفرد من المياه في الإقليم يقل عن المعدل العالمي بأكثر من النصف، وأن الطلب يتضاعف
صيفا مع عودة المغتربين وافتتاح موسم السياحة البحرية على امتداد الشاطئ الشمالي والجزر الصغيرة القريبة منه."""


def sentences(text: str, first: int, last: int) -> str:
    return ". ".join(text.split(". ")[first:last])


def test_the_same_words_are_a_copy_whatever_the_signs_on_them(line, article):
    line.take(article(1, PRESS, title="محطة مشتركة لتحلية المياه"))
    marked = PRESS.replace("وزير", "وَزِير").replace("أكد", "أكّد").replace("«", '"').replace("»", '"')
    event = line.take(article(2, marked, title="محطة مشتركة لتحلية المياه", source="wasl.example"))
    assert event.relation.kind == "copy"
    assert event.relation.evidence.jaccard == 1


def test_the_earliest_copy_is_named_however_long_ago(line, article):
    first = article(1, PRESS, at="2026-05-01T06:00:00Z")
    line.take(first)
    line.take(article(2, PRESS, at="2026-05-02T06:00:00Z"))
    assert line.take(article(3, PRESS, at="2026-05-02T07:00:00Z")).relation.to == first.id


def test_a_reprint_with_its_end_cut_is_a_near_copy(line, article):
    line.take(article(1, PRESS))
    event = line.take(article(2, sentences(PRESS, 0, 5), source="wasl.example"))
    assert event.relation.kind == "near-copy"
    assert event.relation.evidence.containment > 0.9


@pytest.mark.parametrize("order", [1, -1])
def test_a_text_within_a_much_longer_one_is_contained_whichever_came_first(line, article, order):
    short, long = sentences(PRESS, 0, 2), f"{sentences(PRESS, 0, 2)}. {MORE} {sentences(PRESS, 5, 7)}"
    first, second = [short, long][::order]
    line.take(article(1, first, title="محطة لتحلية المياه في الزهراء"))
    event = line.take(article(2, second, title="محطة لتحلية المياه في الزهراء", source="wasl.example"))
    assert event.relation.kind == "contained"


def test_one_press_conference_in_other_words_and_spellings_is_one_story(line, article):
    first = article(1, PRESS, people=("كريم الأيوبي", "نادر الصالحي"))
    line.take(first)
    event = line.take(
        article(2, PRESS_AGAIN, source="wasl.example", at="2026-05-01T11:30:00Z", people=("نادر الصالحى",))
    )
    assert event.relation.kind == "same-story"
    assert event.relation.evidence.hours == 2.5
    assert event.story.id == first.id


def test_articles_on_other_things_are_new(line, article):
    line.take(article(1, PRESS))
    assert line.take(article(2, ELSEWHERE)).relation.kind == "new"


def test_two_receptions_that_differ_in_a_name_and_a_number_stay_apart(line, article):
    people = ("ياسر النجار", "وليد الشامي")
    line.take(
        article(1, RECEPTION.format(name="ياسر النجار", number="12"), title="الرئيس يستقبل السفير", people=people)
    )
    event = line.take(
        article(2, RECEPTION.format(name="وليد الشامي", number="9"), title="الرئيس يستقبل السفير", people=people)
    )
    assert event.relation.kind == "new"


def test_two_receptions_stay_apart_even_if_no_name_was_recognised(line, article):
    line.take(article(1, RECEPTION.format(name="ياسر البلقاوي", number="12")))
    assert line.take(article(2, RECEPTION.format(name="شهاب الكركي", number="9"))).relation.kind == "new"


def test_another_name_in_the_same_words_is_another_event(line, article):
    people = ("ياسر النجار", "وليد الشامي")
    line.take(article(1, RECEPTION.format(name="ياسر النجار", number="12"), people=people))
    assert (
        line.take(article(2, RECEPTION.format(name="وليد الشامي", number="12"), people=people)).relation.kind == "new"
    )


def test_a_corrected_number_is_the_same_story_and_named_as_a_conflict(line, article):
    people = ("ياسر النجار",)
    line.take(article(1, RECEPTION.format(name="ياسر النجار", number="12"), people=people))
    event = line.take(article(2, RECEPTION.format(name="ياسر النجار", number="9"), people=people))
    assert event.relation.kind == "near-copy"
    assert [(each.kind, each.here, each.there) for each in event.relation.evidence.conflicts] == [("number", "9", "12")]


def test_articles_more_than_three_days_apart_are_not_related(line, article):
    line.take(article(1, PRESS, at="2026-05-01T09:00:00Z"))
    assert line.take(article(2, PRESS, at="2026-05-04T09:00:00Z")).relation.kind == "copy"
    assert line.take(article(3, PRESS, at="2026-05-07T09:00:01Z")).relation.kind == "new"


def test_an_older_article_that_comes_late_is_compared_by_its_own_date(line, article):
    line.take(article(1, PRESS, at="2026-05-09T09:00:00Z"))
    late = article(2, PRESS, at="2026-05-01T09:00:00Z", seen="2026-05-09T10:00:00Z")
    assert line.take(late).relation.kind == "new"


def test_of_equal_relatives_the_earliest_in_line_is_named(line, article):
    first, twin = article(1, PRESS), article(2, f"{PRESS} انتهى")
    line.take(first)
    line.take(twin)
    event = line.take(article(3, f"{PRESS} يتبع"))
    assert event.relation.to == first.id


def test_other_languages_are_found_by_copies_only(line, article):
    text = (
        "The harbour council of Zahra said on Friday that the desalination plant will open next summer, after "
        "engineers finished the intake tunnel and tested four of the six pumps that were delivered in March by a "
        "local company. "
    ) * 2
    line.take(article(1, text, language="en"))
    assert line.take(article(2, text, language="en", source="wasl.example")).relation.kind == "copy"
    assert line.take(article(3, text[:-60], language="en", source="c.example")).relation.kind == "near-copy"
    other = (
        "Engineers told the council that the plant of Zahra opens in summer; four pumps of six were tested in March."
    )
    assert line.take(article(4, other, language="en", source="d.example")).relation.kind == "new"


def test_an_article_without_a_word_is_new(line, article):
    assert line.take(article(1, "تابعونا على فيسبوك", title="...")).relation.kind == "new"


@pytest.mark.parametrize("label", ["عاجل", "صورة اليوم", "كاريكاتير اليوم: عاجل عاجل", "Photo of the day"])
def test_a_label_without_news_is_new_however_often_it_is_printed(line, article, label):
    line.take(article(1, None, title=label))
    line.take(article(2, None, title=label, source="wasl.example"))
    event = line.take(article(3, None, title=label, source="sada.example", at="2026-05-02T09:00:00Z"))
    assert (event.relation.kind, event.story.id) == ("new", event.id)
    assert line.take(article(4, PRESS, title=label)).relation.kind == "new"


def test_a_headline_of_a_few_words_is_copied_like_any_text(line, article):
    headline = "مقتل خمسة في انهيار مبنى بالواحة"
    first = article(1, None, title=headline)
    line.take(first)
    event = line.take(article(2, None, title=headline, source="wasl.example"))
    assert (event.relation.kind, event.story.id) == ("copy", first.id)


@pytest.mark.timeout(240)
def test_labelled_pairs_are_found_at_least_as_well_as_by_the_prototype(data):
    pairs = evaluate.read_pairs(data)
    natural = [pair for pair in pairs if pair.weight]
    assert evaluate.figures(natural, strict=True, weight=lambda pair: pair.weight).f1 >= 0.77
