"""Make the pictures and the terminal outputs of README and docs again, by running the public commands.

    python docs/make_pictures.py [--keep DIR]

Trains an MLP and a CNN, which takes a few minutes on two cores; the rest follows from these two runs and
from the released models. Pictures go to ``docs/pictures/``, reduced to a palette so that each stays below
150 kB; a film, which is short, stays as its command wrote it. What a command printed goes between
``<!-- output:NAME -->`` and ``<!-- /output -->`` of the pages, so that no number is typed by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pellucid.cli.main import main as pellucid

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
MOST_BYTES = 150_000
WIDEST, TALLEST = 1000, 2600  # pixels
MAXCOVERAGE = Image.Quantize.MAXCOVERAGE  # keeps rare colours, such as the top of a colour map

COMMANDS = {  # name of the output -> command, in order
    "look": "look digits --out look",
    "model": "model digits --out model-mlp.png",
    "model-cnn": "model digits --network cnn --out model-cnn.png",
    "train": "train digits --out runs/mlp",
    "evaluate": "evaluate runs/mlp",
    "walk": "walk runs/mlp valid:12 --out walk.png",
    "explain-mlp": "explain runs/mlp valid:12 --out explain-mlp",
    "train-cnn": "train digits --network cnn --out runs/cnn",
    "explain": "explain runs/cnn valid:12 --out explain-cnn",
    "predict": "predict digits docs/pictures/photo.jpg --show photo",
    "predict-text": 'predict sentences "a gorgeous and moving film"',
    "explain-text": 'explain sentences "the plot is thin , but the acting is superb" --out explain-text',
    "translation-look": "look translation --out look-translation",
    "translation-predict": 'predict translation "Ein Kind klettert auf einem Spielplatz an roten Seilen."',
    "translation-explain": 'explain translation "Ein Kind klettert auf einem Spielplatz an roten Seilen."'
    " --out explain-translation",
    "compare": "compare digits --over optimizer=sgd,momentum,rmsprop,adam --epochs 1 --evaluate-every 43"
    " --seeds 2 --out compare",
    "lr-find": "lr-find digits --out lr-find.png",
    "sketches-predict": "predict sketches docs/examples/cat.ndjson --show sketches",
    "atari-look": "look atari --out look-atari",
    "atari-train": "train atari --setting tiny --steps 1200 --out runs/catch",
    "atari-evaluate": "evaluate runs/catch",
    "atari-explain": "explain runs/catch 7:15 --out explain-atari",
    "atari-match": "predict atari --game Pong 7 --seconds 5 -o match.gif",
    "atari-wall": "predict atari --game Breakout 7 --seconds 3 -o wall.gif",
    "speech-look": "look speech --out look-speech",
    "speech-say": 'predict speech "seven three" --voice jackson --out seven-three.wav',
    "speech-explain": "explain speech valid:30 --out explain-speech",
    "spoken-predict": "predict words docs/examples/seven.wav --show words",
    "look-images": "look images --out look-images",
    "train-images": "train images --widths 16 32 32 --out runs/shapes",
    "explain-images": "explain runs/shapes shape.png --out explain-shape",
}
MADE = {  # picture of the docs -> file that a command wrote
    "samples": "look/samples.png",
    "numbers": "look/numbers.png",
    "averages": "look/averages.png",
    "flattening": "look/flattening.png",
    "normalisation": "look/normalisation.png",
    "model-mlp": "model-mlp.png",
    "model-cnn": "model-cnn.png",
    "training": "runs/mlp/pictures/training.png",
    "confusion": "runs/mlp/pictures/confusion.png",
    "calibration": "runs/mlp/pictures/calibration.png",
    "robustness": "runs/mlp/pictures/robustness.png",
    "mistakes": "runs/mlp/pictures/mistakes.png",
    "embedding": "runs/mlp/pictures/embedding.png",
    "walk": "walk.png",
    "first-weights": "explain-mlp/first-weights.png",
    "heat": "explain-cnn/heat.png",
    "maps": "explain-cnn/maps-relu1.png",
    "exciting": "explain-cnn/exciting-relu3.png",
    "stages": "photo/photo-stages.png",
    "answer": "photo/photo-answer.png",
    "words": "explain-text/words.png",
    "translation-lengths": "look-translation/lengths.png",
    "translation-attention": "explain-translation/attention.png",
    "translation-alignment": "explain-translation/alignment.png",
    "comparison": "compare/comparison.png",
    "race": "compare/race-valley.png",
    "lr-find": "lr-find.png",
    "sketches-stages": "sketches/cat-stages.png",
    "atari-way": "look-atari/way.png",
    "atari-moment": "explain-atari/moment.png",
    "atari-match": "match.gif",
    "atari-wall": "wall.gif",
    "speech-voices": "look-speech/voices.png",
    "speech-codes": "look-speech/mu-law.png",
    "speech-said": "explain-speech/said.png",
    "speech-softmax": "explain-speech/softmax.png",
    "speech-field": "explain-speech/field.png",
    "spoken-word": "words/seven-answer.png",
    "images-samples": "look-images/samples.png",
    "images-photo": "explain-shape/photo.png",
}
FIVE = [[(74, 22), (44, 24), (40, 50)], [(40, 50), (58, 44), (74, 56), (72, 76), (54, 86), (36, 78)]]


def make() -> None:
    """Run every command, keep its picture and its output."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--keep", type=Path, help="work in this folder and reuse the runs that it holds already"
    )
    parser.add_argument("--only", default="", help="commands and pictures whose names begin with this")
    options = parser.parse_args()
    keep, commands = options.keep, {n: c for n, c in COMMANDS.items() if n.startswith(options.only)}
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(contextlib.chdir(folder))
        PICTURES.mkdir(exist_ok=True)
        photograph(seed=7).save(PICTURES / "photo.jpg", quality=82)
        shape_on_a_wall(seed=3).save("shape.png")
        if not Path("docs").exists():
            Path("docs").symlink_to(DOCS)
        said = {name: run(command) for name, command in commands.items()}
        for name, path in MADE.items():
            if not name.startswith(options.only):
                continue
            made = PICTURES / f"{name}{Path(path).suffix}"
            film = made.suffix == ".gif"
            made.write_bytes(Path(path).read_bytes() if film else small(Image.open(path), name))
    for page in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))):
        page.write_text(with_outputs(page.read_text(encoding="utf-8"), said), encoding="utf-8")


def run(command: str) -> str:
    """Run one command in this process and return what it printed; a finished run is not trained again."""
    words = shlex.split(command)
    place, saved = Path(words[-1]), Path("said") / f"{zlib.crc32(command.encode())}.txt"
    if words[0] == "train" and place.is_dir() and saved.is_file():
        return saved.read_text(encoding="utf-8")
    print(f"pellucid {command}", flush=True)
    out = io.StringIO()
    talk = out if words[0] == "train" else io.StringIO()  # a training is told on stderr
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(talk):
        code = pellucid(words)
    if code:
        raise SystemExit(f"pellucid {command} ended with {code}:\n{talk.getvalue()}")
    text = f"$ pellucid {command}\n{out.getvalue()}"
    saved.parent.mkdir(exist_ok=True)
    saved.write_text(text, encoding="utf-8")
    return text


def with_outputs(page: str, said: dict[str, str]) -> str:
    """Put what the commands printed between the page's markers."""

    def block(found: re.Match) -> str:
        if found["name"] not in said:
            return found[0]
        text = "\n".join(line.rstrip() for line in said[found["name"]].strip().splitlines())
        return f"<!-- output:{found['name']} -->\n```text\n{text}\n```\n<!-- /output -->"

    return re.sub(r"<!-- output:(?P<name>[\w-]+) -->\n.*?<!-- /output -->", block, page, flags=re.DOTALL)


def small(picture: Image.Image, name: str) -> bytes:
    """Return a picture as PNG below ``MOST_BYTES``: fewer colours first, then fewer pixels."""
    picture = picture.convert("RGB")
    picture.thumbnail((WIDEST, TALLEST), Image.Resampling.LANCZOS)
    while True:
        for colours in (256, 64, 32):
            out = io.BytesIO()
            picture.quantize(colours, MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
            if out.tell() <= MOST_BYTES:
                return out.getvalue()
        picture.thumbnail((picture.width * 7 // 8, picture.height * 7 // 8), Image.Resampling.LANCZOS)


def photograph(seed: int) -> Image.Image:
    """Render what a phone sees of a five in blue ink on paper: uneven light, a shadow, grain, slight blur.

    It is drawn here, not photographed, so that everybody may use it.
    """
    random = np.random.default_rng(seed)
    width, height, fine = 480, 640, 2
    pen = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(pen)
    for line in FIVE:
        points = spline(np.array(line, dtype=float)) * [4.2, 5.6] * fine
        for at, (x, y) in enumerate(points):
            radius = fine * (6.5 + 1.6 * np.sin(at / 17) + random.normal(0, 0.15))  # pressure
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    pen = pen.rotate(-7, resample=Image.Resampling.BICUBIC, fillcolor=0).resize((width, height))
    ink = np.asarray(pen.filter(ImageFilter.GaussianBlur(1.1)), dtype=float)[..., None] / 255

    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    light = 0.97 - 0.42 * np.hypot(x - 0.2, y - 0.15) ** 1.5  # a lamp at the upper left
    light -= 0.13 / (1 + np.exp(-(x + 0.6 * y - 0.95) * 30))  # the shadow of the phone
    paper, blue = np.array([236, 229, 212]), np.array([38, 52, 112])
    pixels = (paper * (1 - 0.88 * ink) + blue * 0.88 * ink) * light[..., None]
    pixels += random.normal(0, 4, (height, width, 1)) + random.normal(0, 2, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))


def shape_on_a_wall(seed: int) -> Image.Image:
    """Draw a triangle in a wide picture, off its middle."""
    random = np.random.default_rng(seed)
    wall = np.clip(random.normal(90, 8, (240, 400, 3)) + [40, 60, 0], 0, 255)
    y, x = np.mgrid[0:240, 0:400]
    inside = (abs(y - 130) < 60) & (abs(x - 235) < (y - 70) / 2)
    return Image.fromarray(np.where(inside[..., None], [200, 40, 60], wall).astype(np.uint8))


def spline(points: np.ndarray, steps: int = 60) -> np.ndarray:
    """Return a Catmull-Rom curve through ``(n, 2)`` points, ``steps`` of them between two points."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        parts.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3)
        )
    return np.concatenate([*parts, points[-1:]])


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    make()
