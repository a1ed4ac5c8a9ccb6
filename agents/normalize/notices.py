"""An outlet's own lines in an article: teasers of other articles, calls to follow, copyright, disclaimers."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["notices"]

_END = r"(?: |$)"
# How such a sentence begins, in folded words: its first word, and what has to follow. None is of one outlet alone.
_FORMS: tuple[tuple[str, str], ...] = (
    ("اقرا واقرا اقراوا اقروا اقراي إقرا طالع انظر تصفح راجع", r"(?:ايضا|المزيد|كذلك|التالي|الان|:)"),
    ("شاهد شاهدوا وشاهد", r"(?:ايضا|الفيديو|فيديو|بالفيديو|بالصور|الصور|المزيد|الان|:)"),
    ("لمشاهده", r"(?:الفيديو|فيديو|المزيد|الصور|المقطع|باقي)"),
    ("لقراءه", r"(?:المزيد|الخبر|المقال|التفاصيل|باقي|بقيه|نص)"),
    ("لمزيد", r"من (?:التفاصيل|المعلومات|الاخبار|المقالات|الصور|الفيديو)"),
    ("للمزيد", r"(?:من|عن|حول|علي|:|اضغط|انقر|تابع|اقرا|زوروا|\.|$)"),
    ("المزيد", r"(?:من (?:الاخبار|التفاصيل|المقالات|المعلومات|اخبار)|علي|:|\.|…|$)"),
    ("تابع", r"(?:ايضا|المزيد|@|(?:اخر|احدث) الاخبار|اخبارنا|صفحتنا|حسابنا|قناتنا)"),
    (
        "تابعنا تابعونا تابعوا تابعوني لمتابعه ولمتابعه للمتابعه",
        r"(?:علي|عبر|اخر|احدث|صفح\w+|حساب\w*|قنا\w+|كل جديد|جميع الاخبار|المزيد|اخبار|:|@|ايضا)",
    ),
    ("للاشتراك اشترك اشتركوا", r"(?:في|الان|ب\w+|عبر|:)"),
    ("انضم انضموا", r"(?:الي|الان)(?: \S+)? (?:قنا\w+|صفح\w+|مجموع\w+|خدم\w+|نشر\w+|\S+ملايين)"),
    ("اضغط انقر اضغطوا انقروا", r"(?:هنا|علي (?:الرابط|الصوره|الصور|هذا|الصفحه)|لل\w+)"),
    ("حمل حملوا نزل تحميل", r"(?:تطبيق|التطبيق)"),
    ("للتواصل للاعلان للاعلانات", r"(?:معنا|مع|عبر|علي|:|اضغط)"),
    (
        "جميع كل كافه كامل",
        r"(?:الحقوق|حقوق)(?: \S+){0,4}? محفوظه|(?:المقالات|الاراء|التعليقات|المواضيع) .{0,80}?(?:تمثل|تعبر|تعكس)",
    ),
    ("الحقوق حقوق", r"(?:\S+ ){0,4}?محفوظه"),
    ("© copyright copyrights", r""),
    (
        "المقال المقالات المقاله الاراء التعليقات المواضيع ان هذا هذه",
        r".{0,80}?(?:يعبر|تعبر|تمثل|يمثل|تعكس|يعكس)\S* (?:.{0,40} )?"
        r"(?:راي|وجهه نظر|وجهات نظر|اراء|سياسه|كاتب\w*|كتاب\w*|اصحاب\w*)(?: .{0,80})?$",
    ),
    ("مواضيع موضوعات مقالات روابط مواد قصص المواضيع الموضوعات", r"(?:ذات|متعلقه|مرتبطه|مشابهه|قد|مختاره|تهمك|الاكثر)"),
    ("اخبار الاخبار", r"(?:ذات صله|متعلقه|مرتبطه|مشابهه|قد تهمك|قد يهمك)"),
    ("قد", r"(?:يهمك|يهمكم|يعجبك|تهمك|ترغب)"),
    ("الموضوع الخبر المقال", r"(?:السابق|التالي)(?: :|$)"),
    (
        "شارك شاركوا شاركها انشر مشاركه",
        r"(?:هذا الخبر|هذا المقال|هذه الصفحه|الخبر|المقال|الموضوع|المقاله|علي (?:فيس|تويتر|واتس)\w*|$)",
    ),
    ("ارسل ارسال", r"(?:الي صديق|الخبر|لصديق|المقال)"),
    ("اخر تاريخ", r"(?:تحديث|النشر|نشر) ?:?"),
    ("الكلمات كلمات", r"(?:المفتاحيه|الدلاليه|مفتاحيه|دلاليه)"),
    ("الوسوم وسوم تاغات تاجات التصنيفات تصنيفات هاشتاغ", r":"),
    ("اضف اترك اكتب", r"(?:تعليق\w*|رد\w*)"),
    ("لا", r"(?:توجد|يوجد) (?:تعليقات|تعليق)"),
    ("صوره صور", r"(?:ارشيفيه|من الارشيف|تعبيريه|توضيحيه)[ .)]*$"),
    ("read", r"(?:more|also|the full|next)"),
    ("follow", r"us"),
    ("all", r"rights reserved"),
    ("subscribe click related share", r"(?:to|now|here|articles|stories|this|:)"),
)  # fmt: skip

_KNOWN: dict[str, re.Pattern[str]] = {
    word: re.compile(rf"(?:{rest}){_END if rest and not rest.endswith('$') else ''}")
    for words, rest in _FORMS
    for word in words.split()
}
_ORNAMENT = re.compile(r'(?:[-*•>+|("\[:~=] )*')

# A heading such as "اقرأ أيضا:" speaks for the lines under it that end without a full stop: titles of other articles.
_HEADING = 5  # words at most
_TITLES = 6  # lines at most


def notices(text: str) -> Iterator[tuple[int, int]]:
    """The sentences of a clean text that are the outlet's own, start and end."""
    start = 0
    titles = 0  # lines that a heading still speaks for
    while start < len(text):
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        stop = text.find(" ", start, end)
        first = text[start : stop if stop >= 0 else end]
        if len(first) == 1:
            at = _ORNAMENT.match(text, start, end).end()  # type: ignore[union-attr]  # it matches nothing as well
            stop = text.find(" ", at, end)
            first = text[at : stop if stop >= 0 else end]
        form = _KNOWN.get(first)
        if form is not None and form.match(text, min(stop + 1, end) if stop >= 0 else end, end) is not None:
            yield start, end
            titles = _TITLES if text.count(" ", start, end) < _HEADING else 0
        elif titles and text[end - 1] not in '.!?…"':
            yield start, end
            titles -= 1
        else:
            titles = 0
        start = end + 1
