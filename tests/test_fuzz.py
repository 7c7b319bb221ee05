import gzip
import io
import os
import struct
import tempfile

import fuzz
import numpy as np
import pytest
from PIL import Image

from pellucid import media, sound
from pellucid.datasets import (
    drawings,
    folder,
    handwriting,
    idx,
    labelled,
    mnist,
    npz,
    script,
    sentences,
    squares,
    wordvectors,
)
from pellucid.errors import PellucidError

IMAGES, LABELS = mnist.tiny(20, 0)
NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def npz_of(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif():
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags


def of_file(load, ending):
    """Return what ``load`` makes of a file with that ending."""

    def loaded(content):
        with tempfile.NamedTemporaryFile(suffix=ending) as file:
            file.write(content)
            file.flush()
            return load(file.name)

    return loaded


def npy_of(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def binary_drawing(points):
    """One drawing of one stroke in Quick, Draw!'s binary form."""
    return struct.pack("<Q2sbIHH", 5, b"US", 1, 99, 1, points) + bytes(range(2 * points))


SKETCH = b'{"word": "cat", "recognized": true, "drawing": [[[0, 10, 20], [5, 5, 9]], [[3], [4]]]}\n'


def vectors(content):
    return wordvectors.parse(io.BytesIO(content), name="x")


def table(kind):
    return lambda content: labelled.parse(content, kind, name="x")


WORDS = wordvectors.WordVectors(["a", "bc", "def"], np.arange(9, dtype=np.float32).reshape(3, 3) / 7)


def photograph(content):
    return squares.square(media.picture(content, decoders=media.PHOTOGRAPHS), 16)


TONE = sound.Sound(np.sin(np.arange(900) / 5).astype(np.float32) * 0.5, 8000)
SONG = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\x0c\0\x90\x30\x40\x60\x80\x30\x40\0\xff\x2f\0"


def heard(content):
    return sound.read(content, rate_hz=11025)


COLOUR = Image.fromarray(NOISE)
FRAMES = [Image.fromarray(np.roll(NOISE, 9 * i, 0)) for i in range(3)]
LOADERS = {
    "idx": (lambda content: idx.parse(content, name="x"), idx.encode(IMAGES), fuzz.idx),
    "npz": (lambda content: npz.parse(content, ["a", "b"], name="x"), npz_of(a=IMAGES, b=LABELS), fuzz.npz),
    "png": (media.picture, encoded(COLOUR, "PNG"), fuzz.png),
    "palette png": (media.picture, encoded(COLOUR.quantize(16), "PNG", transparency=3), fuzz.png),
    "jpeg": (media.picture, encoded(COLOUR, "JPEG", exif=exif()), fuzz.jpeg),
    "wav": (heard, sound.wav(TONE), fuzz.scramble),
    "flac": (heard, sound.flac(TONE), fuzz.scramble),
    "midi": (script.midi, SONG, fuzz.scramble),
    "sentences": (
        lambda content: sentences.parse(content, name="x", columns=("text",), classes=2),
        b"label\tfold\ttext\n"
        + b"".join(b"%d\t%d\tfilm number %d is fine\n" % (n % 2, n, n) for n in range(9)),
        fuzz.scramble,
    ),
    "trees": (
        lambda content: list(sentences.nodes(sentences.decoded(content, "x"), where="x")),
        b"(3 (2 It) (4 (2 (1 's) (3 good)) (2 .)))",
        fuzz.scramble,
    ),
    "glove": (vectors, b"the 0.5 -1 2e-3\n, 1 2 3\nnew york 5 6 7\n", fuzz.scramble),
    "word2vec": (vectors, wordvectors.encode(WORDS, binary=True), fuzz.scramble),
    "packed word2vec": (
        vectors,
        gzip.compress(wordvectors.encode(WORDS, binary=False), mtime=0),
        fuzz.scramble,
    ),
    "csv": (table(".csv"), b'text,label\n"good, film",pos\nbad film,neg\n"so ""so""",pos\n', fuzz.scramble),
    "jsonl": (table(".jsonl"), b'{"text": "good", "label": 1}\n{"text": "bad", "label": 0}\n', fuzz.scramble),
    "webp": (photograph, encoded(COLOUR, "WEBP", exif=exif()), fuzz.scramble),
    "animated webp": (
        photograph,
        encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
        fuzz.scramble,
    ),
    "gif": (photograph, encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), fuzz.scramble),
    "photograph": (photograph, encoded(COLOUR, "JPEG", exif=exif()), fuzz.jpeg),
    "progressive jpeg": (media.picture, encoded(COLOUR, "JPEG", progressive=True), fuzz.jpeg),
    "ndjson": (of_file(drawings.ndjson, ".ndjson"), 2 * SKETCH, fuzz.scramble),
    "packed ndjson": (of_file(drawings.ndjson, ".ndjson.gz"), gzip.compress(2 * SKETCH, mtime=0), fuzz.scramble),
    "binary drawings": (of_file(drawings.binary, ".bin"), 3 * binary_drawing(9), fuzz.scramble),
    "npy": (of_file(drawings.bitmaps, ".npy"), npy_of(IMAGES.reshape(20, 784)), fuzz.scramble),
    "names in npz": (lambda content: [str(n) for n in npz.parse(content, ["a"], name="x")["a"].flat],
                     npz_of(a=np.array(["cat", "house plant"])), fuzz.npz),
}  # fmt: skip


@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", LOADERS)
def test_every_broken_file_is_read_or_refused(kind):
    load, content, mutate = LOADERS[kind]
    read, refused = fuzz.survives(load, content, mutate=mutate)
    assert read + refused == fuzz.COUNT
    assert refused > fuzz.COUNT / 10  # the mutations do break something


def test_every_broken_list_of_pictures_is_read_or_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(LOADERS["png"][1])
    rows = 'path,label,split\na.png,cat,train\n"a.png","d,og",test\n./a.png,\u732b,valid\n'

    def load(content):
        (tmp_path / "list.csv").write_bytes(content)
        folder.scan(tmp_path / "list.csv")

    read, refused = fuzz.survives(load, rows.encode(), mutate=fuzz.scramble)
    assert read + refused == fuzz.COUNT


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts /proc/self/fd")
@pytest.mark.filterwarnings("ignore")
def test_refused_files_leave_no_descriptor_open(tmp_path):
    path = tmp_path / "broken"

    def load(content):
        path.write_bytes(content)
        media.picture(path)

    before = len(os.listdir("/proc/self/fd"))
    fuzz.survives(load, LOADERS["png"][1], mutate=fuzz.png, count=100)
    assert len(os.listdir("/proc/self/fd")) == before


def test_any_array_of_pixels_is_made_a_sample_or_refused():
    draw = np.random.default_rng(0)
    for _ in range(fuzz.COUNT // 3):
        shape = (*draw.integers(1, 60, 2), *[(), (3,), (4,)][draw.integers(3)])
        picture = draw.integers(0, 256, shape, np.uint8)
        if draw.random() < 0.7:
            picture = np.where(draw.random(shape) < draw.random() * 0.2, picture, draw.integers(256)).astype(
                np.uint8
            )
        try:
            sample = handwriting.from_picture(picture)["sample"]
        except PellucidError:
            continue
        assert (sample.shape, sample.dtype) == ((28, 28), np.uint8), shape


def test_the_judge_sees_a_loader_that_lets_another_error_through():
    with pytest.raises(AssertionError, match=r"mutation 0/\d+: "):
        fuzz.survives(lambda content: np.load(io.BytesIO(content))["a"], LOADERS["npz"][1], mutate=fuzz.npz)


def test_the_judge_sees_a_loader_that_hangs(monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", -1)
    with pytest.raises(AssertionError, match="too long"):
        fuzz.survives(lambda content: None, b"abc", mutate=fuzz.scramble)
