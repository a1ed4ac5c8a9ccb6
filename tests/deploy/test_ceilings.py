"""What `khabar bench` says of reading: every kind of file, all articles of each."""

import orjson

from deploy.ceilings import readers
from streams.archives import Placed


def test_each_kind_of_file_is_read_whole_and_measured() -> None:
    text = "وصل وفد من خبراء الري إلى بلدة عين الرمان صباح اليوم، وزار السد القديم الذي تصدع في الشتاء. "
    rows = [
        {"source": "alofoq.example", "title": f"خبر {n}", "body": text * 8, "published_at": "2026-05-01T09:00:00Z"}
        for n in range(20)
    ]
    said = list[str]()
    figures = readers([Placed("", "", orjson.dumps(row)) for row in rows], said.append)
    kinds = [figure.part.removeprefix("reading ") for figure in figures]
    assert kinds == [
        ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".csv", ".parquet", "a folder of .txt", ".warc"
    ]  # fmt: skip
    assert all(figure.rate > 0 and figure.cpu_us >= 0 for figure in figures)
    assert len(said) == len(kinds)
