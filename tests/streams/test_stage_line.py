"""What the line's stage sends of a decision."""

import pytest
from aiokafka import ConsumerRecord

from schemas import EnrichedArticle, Member, Refused, Story, TaggedArticle, encode
from streams.line import LineStage, fitting
from streams.settings import Settings
from streams.topics import by_name


def story(members, title):
    return Story(
        id="s", headline="خبر", language="ar", articles=members, sources=[], distinct_texts=1, first_published_at=None,
        last_published_at=None, first_seen_at="", last_seen_at="", entities=[], line=1,
        members=[
            Member(id=str(number), version="v", source="x.example", url=None, title=title, kind="new", to=None,
                   published_at=None, seen_at="")
            for number in range(members)
        ],
    )  # fmt: skip


def test_a_story_of_ordinary_titles_is_sent_as_it_is():
    made = story(200, "عنوان " * 20)
    assert fitting(made) is made


def test_a_story_of_monstrous_titles_lists_its_first_and_latest_members_and_counts_all():
    made = fitting(story(200, "ع" * 50_000))
    assert len(encode(made)) < by_name("stories").largest
    assert made.articles == 200
    assert (made.members[0].id, made.members[-1].id) == ("0", "199")
    assert len(made.members) > 20


@pytest.mark.parametrize("headers", [(), (("khabar-raw", b"nonsense"),), (("khabar-raw", None),)])
def test_a_record_that_no_stage_of_ours_wrote_into_the_log_is_refused_and_breaks_nothing(headers):
    stage = LineStage("deduplicate", reads=TaggedArticle, writes=EnrichedArticle, settings=Settings(metrics_port=0))
    record = ConsumerRecord(
        topic=stage.names.name(TaggedArticle), partition=0, offset=17, timestamp=0, timestamp_type=1, key=None,
        value=b"{}", checksum=None, serialized_key_size=0, serialized_value_size=2, headers=headers,
    )  # fmt: skip
    entry = stage._entry(record)
    assert isinstance(entry.what, Refused)
    assert entry.raw == (-1, 17)
