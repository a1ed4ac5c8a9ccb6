"""The normalizer as a whole: what it carries on, what it says of itself, and that it is a function of its input."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.normalize import Normalizer
from agents.normalize.bench import cost
from schemas import NormalizedArticle, RawArticle, Received, Refused, decode, encode

ARTICLE = RawArticle(
    url="https://nahar.example/7",
    title="وزير المياه يزور السدّ الجديد",
    lead="زار الوزير السد",
    body="الرياض - واس: زار وزير المياه السدّ الجديد في الجنوب. وقال إنّ روسياوالولاياتالمتحدة تتابعان العمل.",
    author="سامي العلي",
    section="محليات",
    image="https://nahar.example/7.jpg",
    published_at="2026-05-01T09:30:00Z",
    late=True,
    extra={"tags": ["ماء"]},
)
_PIECES = [
    "الرياض - واس: ", "(رويترز) - ", "قال الوزير. ", "قال تعالى: «إن مع العسر يسرا» ", "﴿", "﴾", "\n",
    "اقرأ أيضاً: ", "عنوان آخر\n", "روسياوالولاياتالمتحدة ", "السعوديةوالإمارات", "ﷺ", "<b>نعم</b>", "&quot;",
    "نقلا عن وكالة واس", "(واس).", "د. ", "\u200f",
]  # fmt: skip
SEEN = Received(value=b"{}", seen_us=1_777_636_800_000_000)


def test_what_was_sent_is_carried_on_as_sent(normalizer: Normalizer) -> None:
    out = normalizer.normalize(ARTICLE, SEEN)
    for field in ("url", "source_id", "title", "lead", "body", "author", "section", "image", "late", "extra", "status"):
        assert getattr(out, field) == getattr(ARTICLE, field)
    assert [clean.field for clean in out.clean] == ["title", "lead", "body"]
    assert out.provenance == {"normalize": normalizer.version}


def test_the_event_survives_the_wire(normalizer: Normalizer) -> None:
    out = normalizer.normalize(ARTICLE, SEEN)
    assert decode(NormalizedArticle, encode(out)) == out


_TEXT = st.none() | st.text(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


@given(_TEXT, _TEXT, _TEXT, st.none() | st.text(max_size=8), st.none() | st.text(max_size=20))
@settings(max_examples=200)
def test_any_article_is_normalized_or_refused(
    normalizer: Normalizer,
    title: str | None,
    lead: str | None,
    body: str | None,
    language: str | None,
    date: str | None,
) -> None:
    raw = RawArticle(source="x", title=title, lead=lead, body=body, language=language, published_at=date)
    try:
        out = normalizer.normalize(raw, SEEN)
    except Refused:
        return
    assert decode(NormalizedArticle, encode(out)) == out
    for clean in out.clean:
        bounds = [0, *clean.asides, len(clean.text)]
        assert bounds == sorted(bounds)
        assert len(clean.asides) % 2 == 0
    for found in out.attributions:
        assert 0 <= found.start < found.end <= len(getattr(raw, found.field))


def test_two_normalizers_give_the_same_bytes_in_any_order(normalizer: Normalizer) -> None:
    others = [RawArticle(source="x", title=f"خبر رقم {n}", body=f"«نصّ» رقم {n}. <b>انتهى</b>") for n in range(50)]
    fresh = Normalizer.shipped()
    forth = [encode(fresh.normalize(article, SEEN)) for article in [ARTICLE, *others]]
    back = [encode(normalizer.normalize(article, SEEN)) for article in [*reversed(others), ARTICLE]]
    assert forth == back[::-1]


def test_the_version_names_the_tables() -> None:
    tables = {"words.txt": "16 علي\nwhole \n", "agencies.tsv": "واس\tواس", "cities.txt": "الرياض"}
    version = Normalizer(tables).version
    assert Normalizer(dict(tables)).version == version
    assert Normalizer(tables | {"cities.txt": "جدة"}).version != version


def test_other_languages_pass_with_their_letters_and_without_asides(
    normalized: Callable[..., NormalizedArticle],
) -> None:
    persian = normalized(title="وزیر نیرو", body="وزیر نیرو امروز از سد جدید بازدید کرد و گفت که کار ادامه می‌یابد.")
    assert persian.language == "fa"
    assert persian.clean[1].text.startswith("وزیر نیرو امروز")
    assert "می\u200cیابد" in persian.clean[1].text
    english = normalized(title="Dam opens", body="The water minister opened a dam. He didn't speak at example.org.")
    assert english.language == "en"
    assert english.clean[1].text == "the water minister opened a dam .\nhe didn't speak at example.org ."
    assert english.attributions == []


def test_an_empty_field_has_no_clean_text(normalized: Callable[..., NormalizedArticle]) -> None:
    assert [clean.field for clean in normalized(title="لقاء", lead=" ", body="<p></p>").clean] == ["title"]


def test_a_withheld_article_needs_no_text_if_it_is_named(normalized: Callable[..., NormalizedArticle]) -> None:
    article = normalized(url="https://nahar.example/7", status="withheld")
    assert (article.status, article.clean) == ("withheld", [])


def test_the_cost_is_measured_by_parts() -> None:
    figures = cost([(ARTICLE, SEEN)] * 20)
    assert 0 < figures["clean text of the body"] < figures["normalize"]
