"""The JSON Schemas in the repository are those of the types, and they hold for what is written."""

import jsonschema
import orjson
import pytest

from schemas import RawArticle, encode
from schemas.documents import EVENTS, document, written


@pytest.mark.parametrize("name", EVENTS)
def test_the_schema_in_the_repository_is_the_one_of_the_type(name: str) -> None:
    assert written(name).read_bytes() == document(name), "run python -m schemas.documents and look at the difference"
    jsonschema.Draft202012Validator.check_schema(orjson.loads(document(name)))


def test_a_written_event_keeps_its_schema() -> None:
    value = orjson.loads(encode(RawArticle(title="عنوان", published_at=5)))
    jsonschema.validate(value, orjson.loads(document("raw")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value | {"title": 5}, orjson.loads(document("raw")))
