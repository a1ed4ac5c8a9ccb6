"""The normalizer as a whole: what it carries on, what it says of itself, and that it is a function of its input."""

from collections.abc import Callable

from agents.normalize import Normalizer
from agents.normalize.bench import cost
from schemas import NormalizedArticle, RawArticle, Received, decode, encode

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
