"""An archive may be larger than memory: what a replay holds of it stays the same, sorted or not."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd

GIGABYTES = 10
ROOM = 12 * 10**9  # bytes of a temporary folder: what is sorted lies there, unpacked
MOST = 400  # MiB of a whole process; 64 MiB of records are sorted at a time, and the runs merged block by block
BODY = "وصل وفد من خبراء الري إلى بلدة عين الرمان صباح اليوم، وزار السد القديم الذي تصدع في الشتاء الماضي. " * 16

READ = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from streams.archives import Archive, Bounds, FieldMap, Placing

bounds = Bounds.parse("1990-01-01", "2026-12-31", UTC, datetime.now(UTC))
archive = Archive([Path(sys.argv[1])], FieldMap({}), Placing(bounds), assume_sorted=sys.argv[2] == "sorted")
before, count = "", 0
with archive.sorted() as sorter:
    for record in sorter.placed():
        assert record.place >= before
        before, count = record.place, count + 1
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def write(path: Path, total: int, step: int) -> int:
    """So many bytes of records, their dates `step` seconds apart and wrapped around at thirty years; how many."""
    count = size = 0
    head, tail = b'{"source":"alofoq.example","title":"', f'","body":"{BODY}","published_at":'.encode()

    def records() -> Iterator[bytes]:
        nonlocal count
        while True:
            date = 700_000_000 + count * step % 900_000_000
            yield b"%b%d%b%d}\n" % (head, count, tail, date)
            count += 1

    with zstd.open(path, "wb", level=1) as out:
        for line in records():
            out.write(line)
            size += len(line)
            if size >= total:
                break
    return count + 1


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("order", "step"), [("sorted", 200), ("unsorted", 700_000_001)])
def test_memory_stays_flat_for_an_archive_of_ten_gigabytes(tmp_path: Path, order: str, step: int) -> None:
    if shutil.disk_usage(tempfile.gettempdir()).free < ROOM:
        pytest.skip(f"needs {ROOM:,} bytes free in {tempfile.gettempdir()}")
    archive = tmp_path / "large.jsonl.zst"
    wanted = write(archive, GIGABYTES * 10**9, step)
    done = subprocess.run([sys.executable, "-c", READ, str(archive), order], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, peak = map(int, done.stdout.split())
    print(f"{order}: {count:,} records of {GIGABYTES} GB, at most {peak} MiB resident")
    assert count == wanted
    assert peak < MOST
