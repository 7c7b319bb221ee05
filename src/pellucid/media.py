"""What people bring: pictures into arrays, arrays into PNG, photographs of more kinds, and text.

The kind of file is taken from its first bytes, its size is checked before a pixel is decoded, and what is
not one picture in grey or colour (animated, CMYK) is refused with a reason. Who asks for ``PHOTOGRAPHS`` gets
WebP and GIF as well (the first frame), and HEIC where Pillow's plug-in for it, pillow-heif, is installed.
"""

from __future__ import annotations

import importlib
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from PIL import GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from pellucid.errors import DataError

Decoders = Mapping[bytes, Callable[[io.BytesIO], Image.Image]]
DECODERS: Decoders = {
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
}
PHOTOGRAPHS: Decoders = {
    **DECODERS,
    b"GIF8": GifImagePlugin.GifImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
}
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1")
OTHERS = {
    b"GIF8": "GIF", b"BM": "BMP", b"RIFF": "WebP", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"%PDF": "PDF",
    b"8BPS": "Photoshop", b"<svg": "SVG", b"<?xml": "XML", b"PK": "zip",
}  # fmt: skip
MOST_BYTES = 2**26  # of the file
MOST_PIXELS = 50_000_000  # of a baseline JPEG, which is decoded at a fraction of its size: 8160 x 6120 fits
MOST_WHOLE_PIXELS = 24_000_000  # of what must be decoded whole: 100 MB in Pillow
MOST_CLEAR_PIXELS = 12_000_000  # with opacity, which takes up to three copies
LONGEST_SIDE = 32_768
LONG_SIDE = 2048  # pixels of what is returned
MOST_SCANS = 64  # of a progressive JPEG: each one passes over every pixel
SAVE_AGAIN = "save it again as an 8-bit PNG or JPEG"


class Input(Protocol):
    """How a source that a person names becomes one raw sample; every task has one as ``takes``.

    Class attributes:
        kind: what a person gives, "image" or "text"; pages and pictures are chosen by it.
    """

    @property
    def kind(self) -> str:
        """What a person gives."""

    def read(self, source: str | Path | bytes | np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the stages of one input by name, in order; the last one is what ``Task.prepare`` takes.

        Raises:
            DataError: the source cannot be read, or nothing is found in it.
        """


@dataclass(frozen=True)
class ImageInput:
    """What a task takes when it takes a picture.

    Args:
        into: (picture, facts) -> stages by name, in order; the last one is what ``Task.prepare`` takes.
        partly: (picture, names) -> the same without these steps, to see what they are good for.
        switches: the names of these steps, and what each does.
        decoders: the kinds of file that are read, ``DECODERS`` or ``PHOTOGRAPHS``.
    """

    into: Callable[[np.ndarray, dict[str, Any]], dict[str, np.ndarray]]
    partly: Callable[[np.ndarray, frozenset[str]], dict[str, np.ndarray]] | None = None
    switches: Mapping[str, str] = field(default_factory=dict)
    decoders: Decoders = field(default_factory=lambda: DECODERS)
    kind: ClassVar[str] = "image"

    def read(self, source: str | Path | bytes | np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the stages of a file, of its bytes, or of an array of pixels.

        Raises:
            DataError: the picture cannot be read, or nothing is found in it.
        """
        if isinstance(source, np.ndarray):
            return dict(self.into(source, facts))
        pixels = picture(source, decoders=self.decoders)
        try:
            return dict(self.into(pixels, facts))
        except DataError as error:  # the reader of pixels does not know the file's name
            name = "the picture" if isinstance(source, bytes) else source
            raise DataError(f"{name}: {error}") from error

    def grid(self, facts: dict[str, Any]) -> tuple[int, ...] | None:
        """Return the shape of a sample, bytes (H, W) or (H, W, C); None where the facts say no such shape."""
        shape = tuple(facts.get("shape", ()))
        return shape if len(shape) in (2, 3) else None

    def shown(self, sample: np.ndarray, facts: dict[str, Any]) -> tuple[bytes, str]:
        """Return a raw sample as a PNG and its media type."""
        return write_png(sample), "image/png"


@dataclass(frozen=True)
class TextInput:
    """What a task takes when it takes text.

    Args:
        into: (text, facts) -> stages by name, in order; the last one is what ``Task.prepare`` takes.
        words: (raw sample, facts) -> its words, to read it again.
    """

    into: Callable[[str, dict[str, Any]], dict[str, np.ndarray]]
    words: Callable[[np.ndarray, dict[str, Any]], list[str]] | None = None
    kind: ClassVar[str] = "text"

    def read(self, source: str | Path | bytes | np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the stages of a text (str), of a file of one text (Path), of UTF-8 bytes, or of an array.

        Raises:
            DataError: the file cannot be read, is not UTF-8, or holds no word.
        """
        if isinstance(source, np.ndarray):
            return {"sample": source}
        if isinstance(source, Path):
            source = file_bytes(source)
        return dict(self.into(source if isinstance(source, str) else utf8(source, "the text"), facts))

    def shown(self, sample: np.ndarray, facts: dict[str, Any]) -> tuple[bytes, str]:
        """Return a raw sample as UTF-8 text and its media type.

        Raises:
            ValueError: nothing says how to read it.
        """
        if self.words is None:
            raise ValueError("these samples have no words")
        return " ".join(self.words(sample, facts)).encode(), "text/plain"


@dataclass(frozen=True)
class FramesInput:
    """What a task takes when it plays: the frames of a moment, as the game's own data hold them."""

    kind: ClassVar[str] = "game"

    def read(self, source: str | Path | bytes | np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the frames of an array, uint8 ``(S * C, H, W)``.

        Raises:
            DataError: another shape, or not an array: a moment has to be played, it is in no file.
        """
        shape = tuple(facts["shape"])
        if not isinstance(source, np.ndarray) or source.shape != shape or source.dtype != np.uint8:
            what = f"{source.dtype} {source.shape}" if isinstance(source, np.ndarray) else f"{source!r:.60}"
            raise DataError(f"{what}: expected the frames of a moment, bytes {shape}, or valid:12")
        return {"sample": source}

    def shown(self, sample: np.ndarray, facts: dict[str, Any]) -> tuple[bytes, str]:
        """Return the frames of a moment, the newest on the right, as a PNG and its media type."""
        brightest = max(1, int(sample.max()))  # 1 where a frame only says where things are
        return write_png(np.hstack(list(sample * (255 // brightest)))), "image/png"


def grid_of(takes: Input, facts: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of a raw sample that is a grid of bytes, (H, W) or (H, W, C); None where it is not.

    What ``takes`` has a method ``grid`` that says so, or its samples are something else.
    """
    grid = getattr(takes, "grid", None)
    return None if grid is None else grid(facts)


def shown(takes: Input, sample: np.ndarray, facts: dict[str, Any]) -> tuple[bytes, str]:
    """Return a raw sample as a person takes it in: bytes, and "image/png", "text/plain" or "audio/wav".

    What ``takes`` has a method ``shown`` that does it.

    Raises:
        DataError: it cannot be shown.
    """
    try:
        return takes.shown(sample, facts)  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        raise DataError("the samples of this task cannot be shown as a picture, a text or a sound") from None


def utf8(content: bytes, name: str) -> str:
    """Return bytes as text.

    Raises:
        DataError: they are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong = f"byte 0x{content[error.start]:02x}"
        raise DataError(f"{name}, line {line}: not UTF-8 ({wrong}); save the text again as UTF-8") from None


def picture(
    source: str | Path | bytes, *, long_side: int = LONG_SIDE, decoders: Decoders = DECODERS
) -> np.ndarray:
    """Decode a PNG or JPEG file, upright.

    Args:
        source: a path, or the bytes of a file.
        long_side: a longer picture is reduced, by a whole factor, until it fits.
        decoders: the kinds of file that are read; with ``PHOTOGRAPHS`` of an animated one the first frame.
    Returns:
        uint8: ``(H, W)`` grey, ``(H, W, 3)`` colour or ``(H, W, 4)`` colour and opacity.
    Raises:
        DataError: missing, empty, truncated, of too many pixels, animated, CMYK, or neither PNG nor JPEG.
    """
    content = source if isinstance(source, bytes) else file_bytes(Path(source))
    name = "the picture" if isinstance(source, bytes) else str(source)
    decoder = decoder_for(content, name, decoders)
    try:
        with decoder(io.BytesIO(content)) as image:
            check(image, content, name, still=decoders is DECODERS)
            return decode(image, long_side)
    except DataError:
        raise
    except Exception as error:  # Pillow raises a dozen types over bytes it does not understand
        raise DataError(f"{name}: truncated or damaged, it cannot be decoded; {SAVE_AGAIN}") from error


def write_png(array: np.ndarray) -> bytes:
    """Return a uint8 ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` array as the bytes of a PNG file."""
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or not array.size:
        raise ValueError(
            f"PNG needs uint8 of shape (H, W), (H, W, 3) or (H, W, 4); got {array.dtype} {array.shape}"
        )
    height, width = array.shape[:2]
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each row starts with its filter: none
    rows[:, 1:] = array.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def file_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file of at most ``MOST_BYTES``."""
    try:
        regular, exists, content = path.is_file(), path.exists(), b""
        if regular:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise DataError(f"{path}: cannot be read ({type(error).__name__})") from error
    if not regular:
        raise DataError(f"{path}: {'not a file' if exists else 'no such file'}")
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: larger than {MOST_BYTES // 2**20} MB, too much for one picture")
    return content


def decoder_for(
    content: bytes, name: str, decoders: Decoders = DECODERS
) -> Callable[[io.BytesIO], Image.Image]:
    """Choose the decoder by the file's first bytes; no other kind of file reaches Pillow."""
    if not content:
        raise DataError(f"{name}: empty (0 bytes)")
    for magic, decoder in decoders.items():
        if begins(content, magic):
            return decoder
    if decoders is not DECODERS and content[4:12] in HEIC:
        return heic_decoder(name)
    kind = next((other for magic, other in OTHERS.items() if begins(content, magic)), "")
    if content[4:12] in (b"ftypheic", b"ftypmif1", b"ftypavif"):
        kind = "HEIC or AVIF"
    what = f"a {kind} file" if kind else "not a picture that can be read here"
    taken = "PNG and JPEG" if decoders is DECODERS else "PNG, JPEG, WebP and GIF"
    if content.startswith(b"fLaC") or (content.startswith(b"RIFF") and content[8:12] == b"WAVE"):
        raise DataError(f"{name}: a sound, not a picture; {taken} are taken")
    raise DataError(f"{name}: {what}; {taken} are taken, {SAVE_AGAIN}")


def begins(content: bytes, magic: bytes) -> bool:
    """Say whether a file begins as its kind does; RIFF holds sounds and films as well as WebP."""
    return content.startswith(magic) and (magic != b"RIFF" or content[8:12] == b"WEBP")


def heic_decoder(name: str) -> Callable[[io.BytesIO], Image.Image]:
    """Return the decoder of Pillow's plug-in for an iPhone's photographs, which is not installed with us."""
    try:
        return importlib.import_module("pillow_heif").HeifImageFile
    except ImportError:
        raise DataError(
            f"{name}: a HEIC file; install the plug-in (pip install pillow-heif), or {SAVE_AGAIN}"
        ) from None


def check(image: Image.Image, content: bytes, name: str, *, still: bool = True) -> None:
    """Refuse, from the header alone, what must not or cannot be decoded; ``still`` refuses animations."""
    width, height = image.size
    scans = content.count(b"\xff\xda") if image.format == "JPEG" else 0
    whole = image.format != "JPEG" or "progressive" in image.info
    clear = "A" in image.mode or "transparency" in image.info
    most = MOST_CLEAR_PIXELS if clear else MOST_WHOLE_PIXELS if whole else MOST_PIXELS
    if width * height > most or max(width, height) > LONGEST_SIDE:
        raise DataError(
            f"{name}: {width} x {height} pixels; at most {most // 10**6} million, {LONGEST_SIDE} on a side, "
            f"are read; make it smaller"
        )
    if still and getattr(image, "is_animated", False):
        raise DataError(f"{name}: animated, {getattr(image, 'n_frames', 2)} frames; save one frame as PNG")
    if image.mode == "CMYK":
        raise DataError(f"{name}: CMYK, the colours of a printing press; save it again as RGB")
    if scans > MOST_SCANS:
        raise DataError(f"{name}: {scans} scans in one JPEG, at most {MOST_SCANS} are read; {SAVE_AGAIN}")


def decode(image: Image.Image, long_side: int) -> np.ndarray:
    """Decode an opened image: small enough, 8 bits, grey or colour or with opacity, upright."""
    factor = -(-max(image.size) // long_side)
    if factor > 1:
        image.draft(None, (image.width // factor, image.height // factor))  # JPEG: skip what is not needed
    orientation = image.getexif().get(0x0112, 1)
    if image.mode.startswith("I"):  # 16-bit grey: keep the upper half
        pixels = (np.asarray(image) >> 8).astype(np.uint8)
        image = Image.fromarray(pixels)
    elif image.mode in ("P", "PA") or "transparency" in image.info or image.mode == "LA":
        clear = image.mode in ("PA", "LA") or "transparency" in image.info
        image = image.convert("RGBA" if clear else "RGB")
    elif image.mode not in ("L", "RGB", "RGBA"):  # bilevel, YCbCr and LAB
        image = image.convert("L" if image.mode == "1" else "RGB")
    factor = -(-max(image.size) // long_side)
    if factor > 1:
        image = image.reduce(factor)
    return np.ascontiguousarray(upright(np.asarray(image), orientation))


def upright(pixels: np.ndarray, orientation: object) -> np.ndarray:
    """Turn and mirror ``(H, W, ...)`` as the EXIF orientation (1 to 8) says; other values change nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
