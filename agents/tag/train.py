"""Makes the tagger's tables and its model: `KHABAR_DATA=… python -m agents.tag.train` reproduces agents/tag/data.

Needs the dependency group `train` and Debian's libgeonames-common. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import logging
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycrfsuite

from agents.tag import corpora, harvest
from agents.tag.corpora import HELD_OUT, Sentence
from agents.tag.crf import LABELS, SCALE, Crf
from agents.tag.features import OFFSETS, Features
from agents.tag.tables import Tables

__all__ = ["DATA", "GEONAMES", "fit", "make_model", "make_tables", "model_bytes", "word_clusters"]

log = logging.getLogger(__name__)

DATA = Path(__file__).parent / "data"
GEONAMES = Path("/usr/share/locale/ar/LC_MESSAGES/geonames.mo")
CLUSTERS = (64, 256, 1024)
# Chosen on the sentences before the held-out ones; more of c1 gives a smaller model, more of c2 a flatter one.
PARAMETERS: dict[str, float | int | bool] = {
    "c1": 0.1,
    "c2": 0.02,
    "max_iterations": 60,
    "feature.possible_transitions": True,
}
# Added to what the list of organisations says of a label, in steps of 1 / SCALE. The corpus names the same few
# organisations again and again, so that training gives the weight to their words and too little to the list (weight
# undertraining: Sutton, Sindelar and McCallum 2006). Chosen on the 700 sentences before the held-out ones: ORG F1 59.7
# without, 62.7 with 2 × SCALE; with 3 × SCALE precision falls by two points more for one of recall.
TRUST = 2 * SCALE
_LISTED = {(f"0g={at}ORG{mark}", f"{'I' if at == 'I' else 'B'}-ORG") for at in "BIS" for mark in ("", "c")}


def word_clusters(sentences: Iterable[Sequence[str]], vector_size: int = 100, epochs: int = 6) -> dict[str, str]:
    """word2vec on the sentences, then k-means of three sizes: word -> its cluster numbers, frequent words first."""
    from gensim.models import Word2Vec
    from gensim.models.word2vec import LineSentence
    from sklearn.cluster import MiniBatchKMeans

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentences.txt"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(" ".join(words) + "\n" for words in sentences)
        # One worker: with more, threads race and every run differs.
        found = Word2Vec(
            LineSentence(str(path)), vector_size=vector_size, window=3, min_count=5, sg=1, negative=8, sample=1e-4,
            epochs=epochs, workers=1, seed=1,
        ).wv  # fmt: skip
    vectors = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    labels = [
        MiniBatchKMeans(min(size, len(vectors)), batch_size=4096, n_init=1, random_state=0, max_iter=60)
        .fit(vectors)
        .labels_
        for size in CLUSTERS
    ]
    return {word: " ".join(str(each[i]) for each in labels) for i, word in enumerate(found.index_to_key)}


def fit(sentences: Iterable[Sentence], tables: Tables, parameters: dict[str, float | int | bool]) -> pycrfsuite.Tagger:
    """Train on cleaned sentences."""
    features = Features(tables)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=parameters, verbose=False)
    for sentence in sentences:
        trainer.append(features.sentence([word for word, _ in sentence]), [tag for _, tag in sentence])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        trainer.train(str(path))
        tagger = pycrfsuite.Tagger()
        tagger.open(str(path))  # not open_inmemory: that keeps a pointer into bytes that nobody keeps
    return tagger


def model_bytes(tagger: pycrfsuite.Tagger, trust: int = 0) -> bytes:
    """The model as agents.tag.crf reads it: weights in whole steps, attributes without any weight left out.

    `trust`: steps that are added to the weights of the list of organisations.
    """
    info = tagger.info()
    column = {label: i for i, label in enumerate(LABELS)}
    weights: dict[str, npt.NDArray[np.int16]] = {}
    for (name, label), weight in info.state_features.items():
        step = round(weight * SCALE) + (trust if (name, label) in _LISTED else 0)
        if step:
            size = 2 if name[0] == "-" else 1
            of = weights.setdefault(name[size:], np.zeros((len(OFFSETS), len(LABELS)), dtype=np.int16))
            of[OFFSETS.index(int(name[:size])), column[label]] = step
    transitions = np.zeros((len(LABELS), len(LABELS)), dtype=np.int32)
    for (before, after), weight in info.transitions.items():
        transitions[column[before], column[after]] = round(weight * SCALE)
    names = sorted(weights)
    file = io.BytesIO()
    Crf.save(file, names, np.stack([weights[name] for name in names]), transitions)
    return file.getvalue()


def make_tables(data: Path, geonames: Path, folder: Path) -> None:
    """Write every table of agents/tag/data into the folder."""
    clusters = word_clusters(corpora.news(data))
    harvest.write(folder / "clusters.tsv.gz", (f"{word}\t{numbers}" for word, numbers in clusters.items()))
    harvest.write(folder / "names.tsv.gz", (f"{word}\t{lists}" for word, lists in harvest.name_lists().items()))
    harvest.write(folder / "people.txt.gz", harvest.people())
    things = harvest.things(DATA / "curated.tsv", geonames)
    harvest.write(folder / "things.tsv.gz", ("\t".join([*row[:3], *row[3]]) for row in things))


def make_model(data: Path, folder: Path) -> None:
    """Write the model that is learnt with the tables of the folder beside them."""
    sentences = corpora.anercorp(data)[:-HELD_OUT]
    tagger = fit(map(corpora.clean_sentence, sentences), Tables.read(folder), PARAMETERS)
    (folder / "model.npz").write_bytes(model_bytes(tagger, TRUST))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model-only", action="store_true", help="leave the tables as they are")
    parser.add_argument("--geonames", type=Path, default=GEONAMES, help="geonames.mo of libgeonames-common")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data = corpora.folder()
    if not options.model_only:
        log.info("making tables")
        make_tables(data, options.geonames, DATA)
    log.info("training")
    make_model(data, DATA)


if __name__ == "__main__":
    main()
