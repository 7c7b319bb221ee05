"""The seven sets of sentences of Kim 2014, table 1: MR, SST-1, SST-2, Subj, TREC, CR, MPQA; and AG News.

They are read from small packs (tab-separated UTF-8, gzip) that a mirror holds; the official addresses have
other formats. Where a pack lacks a part of its set, the number of sentences says so. MR, Subj, CR and MPQA
have no test set: each sentence has a fold, 0 to 9, and one fold at a time is tested.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pellucid import download
from pellucid.datasets import idx
from pellucid.errors import DataError

MOST_BYTES = 2**26  # of one file, unpacked
LEAF = re.compile(r"\(([0-4]) ([^()]+)\)")
TREE = re.compile(r"[()]|[^()\s]+")
DEEPEST = 500  # brackets in brackets


@dataclass(frozen=True)
class Text:
    """A labelled text."""

    text: str
    label: int
    fold: int | None = None


@dataclass(frozen=True)
class Source:
    """One set: its classes, its licence, its files by part, and the tokeniser that Kim's code uses for it."""

    classes: tuple[str, ...]
    licence: str
    source: str
    files: dict[str, download.Archive]
    splitter: str = "kim"
    columns: tuple[str, ...] = ("text",)
    trees: dict[str, download.Archive] = field(default_factory=dict)
    note: str = ""


def read(name: str, part: str) -> list[Text]:
    """Return a part of a set: "train", "valid" or "test", or "all" of a set with folds.

    Raises:
        DataError: the file cannot be had, or is not what it must be.
    """
    source = SOURCES[name]
    if part not in source.files:
        raise DataError(f"{name} has no part {part!r}; it has {', '.join(source.files)}")
    path = download.fetch(source.files[part])
    content = idx.unpacked(idx.contents(path, MOST_BYTES), name=str(path), most_bytes=MOST_BYTES)
    return parse(content, name=str(path), columns=source.columns, classes=len(source.classes))


def phrases(name: str, part: str) -> list[Text]:
    """Return every different labelled phrase of a treebank's part, whole sentences included.

    For two classes the neutral ones are left out and the others are joined (Kim 2014, table 1, note to SST).
    """
    source = SOURCES[name]
    path = download.fetch(source.trees[part])
    content = idx.unpacked(idx.contents(path, MOST_BYTES), name=str(path), most_bytes=MOST_BYTES)
    found: dict[tuple[str, int], None] = {}
    for number, line in enumerate(decoded(content, str(path)).splitlines(), 1):
        if line.strip():
            found |= dict.fromkeys(nodes(line, where=f"{path}, line {number}"))
    texts = [Text(text, label) for text, label in found]
    if len(source.classes) == 2:
        return [Text(t.text, int(t.label > 2)) for t in texts if t.label != 2]
    return texts


def parse(content: bytes, *, name: str, columns: tuple[str, ...], classes: int) -> list[Text]:
    """Turn the bytes of a tab-separated file with a header into texts; ``name`` is what an error calls it."""
    head, *lines = decoded(content, name).split("\n")
    titles = head.split("\t")
    missing = [title for title in ("label", *columns) if title not in titles]
    if missing:
        raise DataError(f"{name}: no column {missing[0]!r}; its columns are {', '.join(titles)[:200]}")
    places = [titles.index(title) for title in columns]
    label, fold = titles.index("label"), titles.index("fold") if "fold" in titles else None
    texts = []
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != len(titles):
            raise DataError(
                f"{name}, line {number}: {len(cells)} columns, expected {len(titles)}; {idx.FRESH}"
            )
        text = " ".join(cells[place] for place in places)
        place = None if fold is None else _whole(cells[fold], 10, f"{name}, line {number}, fold")
        texts.append(Text(text, _whole(cells[label], classes, f"{name}, line {number}, label"), place))
    if not texts:
        raise DataError(f"{name}: there is no text in it; {idx.FRESH}")
    return texts


def nodes(line: str, *, where: str) -> Iterator[tuple[str, int]]:
    """Yield (words, label) of every node of one tree, ``(4 (2 It) (4 works))``, inner ones first.

    Raises:
        DataError: the brackets do not fit, or a label is not 0 to 4.
    """
    open_nodes: list[tuple[int, list[str]]] = []
    pieces = TREE.findall(line)
    place, done = 0, False
    while place < len(pieces):
        piece = pieces[place]
        if done or len(open_nodes) > DEEPEST:
            raise DataError(f"{where}: not one tree; {idx.FRESH}")
        if piece == "(":
            label = pieces[place + 1] if place + 1 < len(pieces) else ""
            open_nodes.append((_whole(label, 5, f"{where}, a label"), []))
            place += 2
            continue
        if not open_nodes:
            raise DataError(f"{where}: {piece!r} stands outside of every bracket; {idx.FRESH}")
        if piece == ")":
            label_, words = open_nodes.pop()
            yield " ".join(words), label_
            if open_nodes:
                open_nodes[-1][1].extend(words)
            done = not open_nodes
        else:
            open_nodes[-1][1].append(piece)
        place += 1
    if open_nodes or not done:
        raise DataError(f"{where}: a bracket is not closed; {idx.FRESH}")


def decoded(content: bytes, name: str) -> str:
    """Return UTF-8 bytes as text.

    Raises:
        DataError: they are not UTF-8; the line is named.
    """
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x}); save it again as UTF-8"
        ) from None


def tiny(count: int, seed: int) -> list[Text]:
    """Make up sentences of praise and of blame, in ten folds: a quick stand-in with the same shape."""
    draw = random.Random(seed)
    good, bad = ("superb", "moving", "funny", "bright"), ("dull", "clumsy", "boring", "flat")
    things = ("film", "plot", "actor", "story", "music", "ending")
    texts = []
    for index in range(count):
        label = index % 2
        praise = draw.choice((bad, good)[label])
        first, second = draw.sample(things, 2)
        if draw.random() < 0.3:
            praise = f"not {draw.choice((good, bad)[label])}"
        ending = draw.choice((" .", " !", "", " , really", " from the first minute to the last ."))
        texts.append(
            Text(f"the {first} is {praise} and so is the {second}{ending}", label, draw.randrange(10))
        )
    return texts


def _whole(text: str, below: int, where: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) < below):
        raise DataError(f"{where}: {text[:40]!r}, expected 0 to {below - 1}; {idx.FRESH}")
    return int(text)


def _pack(file: str) -> download.Archive:
    size, sha256 = PACKS[file]
    return download.Archive(file, {sha256: size}, instead=download.MADE_UP)


PACKS = {  # file -> its bytes, its sha256
    "sentences/mr.tsv.gz":
        (448_935, "5179c2d5ee8bce0d58cbf9f2fee22e71c108ef15b32792d76a95c379419be629"),
    "sentences/sst-fine-train.tsv.gz":
        (355_224, "dab433f4bdbdaae97af0fc70cdd107dca89395775407929ae3016e0499b5c74e"),
    "sentences/sst-fine-dev.tsv.gz":
        (47_412, "ffa15b36e08eb1dc67acb64039251543e32eed1743546b4546ca523fab89ab4b"),
    "sentences/sst-fine-test.tsv.gz":
        (93_316, "dd7a8160a887e0a8dcd72ab572921533c8fd41d5ee42e9f1e02629a5393494fe"),
    "sentences/sst-trees-train.txt.gz":
        (567_819, "7e6aa375a039edd507ac6f2fd59167252fa26c1d4f4eacbb882b67173634b80a"),
    "sentences/sst-trees-dev.txt.gz":
        (74_641, "0803424c31e3d2d3a94b9274aeac0cdf1804e9356a107f204a9becb666beda7b"),
    "sentences/sst-trees-test.txt.gz":
        (148_143, "f12828c6b455e19da98558170c796519663bf2cd86821b877065b5e3fdb2ed63"),
    "sentences/sst-binary-train.tsv.gz":
        (288_005, "7fcddf56d8fcbe59e70e3698e5c879fc61cf64e9fe324875321771dc4e7e2fbf"),
    "sentences/sst-binary-dev.tsv.gz":
        (38_040, "8b2153233453c7b082854d76a9da40ea29d432ce2ee164d920aef10eeeb514ba"),
    "sentences/sst-binary-test.tsv.gz":
        (76_902, "d0fdb289e7a7644814b004d5fb6d642ec3b203be1556119d638716df9969ed4c"),
    "sentences/subj.tsv.gz":
        (449_397, "f7094637e4d69d84d1ed00b20f987f5167819974d75fdfd97b2696cbdfc114e3"),
    "sentences/trec-train.tsv.gz":
        (115_836, "99334e7b7817087e935960d45631126bb6e1a16a96ba1c992767be80fdff26b4"),
    "sentences/trec-test.tsv.gz":
        (7_770, "8416d2ddf25eed5d24acb84a5ff44a989a94a814b65f34755d72c29fb4724205"),
    "sentences/cr.tsv.gz":
        (111_916, "c98463f4e196c35a695df244340745e94601e9ddd3aaa49024ec6737a4901f59"),
    "sentences/mpqa.tsv.gz":
        (75_162, "20c68369e9c2971f09e93a2ec00599eb30152998dffbb2375e06b64c7f47e306"),
    "ag-news-small/train.tsv.gz":
        (535_600, "7a71bfdc451d062098703d2dc15bf8449fd5293fbbed9c8e313135b43d5e0d6c"),
    "ag-news-small/test.tsv.gz":
        (115_675, "be84b9413723e8491a3985322502bee0db79c153b1e168753d6b7b275a6ff887"),
}  # fmt: skip
TREES = {
    "train": _pack("sentences/sst-trees-train.txt.gz"),
    "valid": _pack("sentences/sst-trees-dev.txt.gz"),
    "test": _pack("sentences/sst-trees-test.txt.gz"),
}  # fmt: skip
UNKNOWN_LICENCE = "no licence stated; free for research"
SOCHER = "R. Socher et al.: Recursive deep models for semantic compositionality, EMNLP 2013; the treebank"
SOURCES = {
    "mr": Source(
        ("negative", "positive"), "CC BY 4.0, as the NLTK data index gives it",
        "B. Pang, L. Lee: Seeing stars, ACL 2005; sentence polarity data 1.0, Cornell",
        {"all": _pack("sentences/mr.tsv.gz")},
        note="9,596 of the 10,662 sentences: a tenth is not in the pack",
    ),
    "sst1": Source(
        ("very negative", "negative", "neutral", "positive", "very positive"), UNKNOWN_LICENCE, SOCHER,
        {
            "train": _pack("sentences/sst-fine-train.tsv.gz"),
            "valid": _pack("sentences/sst-fine-dev.tsv.gz"),
            "test": _pack("sentences/sst-fine-test.tsv.gz"),
        },
        splitter="sst", trees=TREES,
    ),
    "sst2": Source(
        ("negative", "positive"), UNKNOWN_LICENCE, SOCHER,
        {
            "train": _pack("sentences/sst-binary-train.tsv.gz"),
            "valid": _pack("sentences/sst-binary-dev.tsv.gz"),
            "test": _pack("sentences/sst-binary-test.tsv.gz"),
        },
        splitter="sst", trees=TREES,
    ),
    "subj": Source(
        ("objective", "subjective"), "CC BY 4.0, as the NLTK data index gives it",
        "B. Pang, L. Lee: A sentimental education, ACL 2004; subjectivity data 1.0, Cornell",
        {"all": _pack("sentences/subj.tsv.gz")},
        note="8,500 of the 10,000 sentences: the rest is not in the pack",
    ),
    "trec": Source(
        ("abbreviation", "entity", "description", "human", "location", "number"), UNKNOWN_LICENCE,
        "X. Li, D. Roth: Learning question classifiers, COLING 2002; UIUC",
        {
            "train": _pack("sentences/trec-train.tsv.gz"),
            "test": _pack("sentences/trec-test.tsv.gz"),
        },
        splitter="trec",
    ),
    "cr": Source(
        ("negative", "positive"), "CC BY 4.0 for its source, as the NLTK data index gives it",
        "M. Hu, B. Liu: Mining and summarizing customer reviews, KDD 2004",
        {"all": _pack("sentences/cr.tsv.gz")},
        note="3,209 of the 3,775 sentences: the rest is not in the pack",
    ),
    "mpqa": Source(
        ("negative", "positive"), "research use; GPL on the whole corpus",
        "J. Wiebe, T. Wilson, C. Cardie: Annotating expressions of opinions and emotions in language, 2005",
        {"all": _pack("sentences/mpqa.tsv.gz")},
        note="9,015 of the 10,606 phrases: the rest is not in the pack",
    ),
    "ag-news": Source(
        ("world", "sports", "business", "sci/tech"), "non-commercial research use",
        "A. Gulli: AG's corpus of news articles; X. Zhang, J. Zhao, Y. LeCun, NIPS 2015",
        {
            "train": _pack("ag-news-small/train.tsv.gz"),
            "test": _pack("ag-news-small/test.tsv.gz"),
        },
        columns=("title", "description"),
        note="5,320 and 1,140 articles, from the official test file alone",
    ),
}  # fmt: skip
ARCHIVES = {
    archive.file: archive
    for source in SOURCES.values()
    for archive in (*source.files.values(), *source.trees.values())
}
