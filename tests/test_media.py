import io
import struct
import subprocess
import sys
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from commands import environment
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from pellucid import media
from pellucid.errors import DataError

RAMP = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
HALVES = np.zeros((32, 64), np.uint8)
HALVES[:, :32] = 255


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width, height, *, depth=8, colour=2, body=b""):
    """A PNG whose header may lie."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks
    )


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (1, 300), (300, 1)])
def test_png_keeps_every_pixel(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert (media.picture(encoded(array)) == array).all()


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(
        np.uint8,
        st.one_of(
            arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([3, 4])),
        ),
    )
)
def test_pillow_reads_what_write_png_writes(array):
    assert (np.asarray(Image.open(io.BytesIO(media.write_png(array)))) == array).all()


def test_write_png_refuses_floats():
    with pytest.raises(ValueError, match="float64"):
        media.write_png(np.zeros((3, 3)))


def test_a_path_is_read_like_its_bytes(tmp_path):
    (tmp_path / "misnamed.txt").write_bytes(encoded(RAMP))
    assert (media.picture(tmp_path / "misnamed.txt") == RAMP).all()


def test_jpeg_keeps_what_is_seen():
    seen = media.picture(encoded(HALVES, "JPEG", quality=95)).astype(int)
    assert np.abs(seen - HALVES).max() < 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_stands_upright(orientation):
    image = Image.fromarray(
        np.kron(np.array([[255, 160], [80, 0], [0, 0]], np.uint8), np.ones((16, 16), np.uint8))
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encoded(image, "JPEG", quality=95, exif=exif)
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(stored))))
    assert (media.picture(stored) == expected).all()


def test_a_palette_becomes_its_colours():
    image = Image.fromarray(RAMP).quantize(16)
    assert (media.picture(encoded(image)) == np.asarray(image.convert("RGB"))).all()


def test_a_transparent_palette_keeps_its_opacity():
    image = Image.new("P", (4, 4))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    pixels = media.picture(encoded(image, transparency=1))
    assert pixels[0, 0].tolist() == [40, 50, 60, 0]
    assert pixels[1, 1].tolist() == [10, 20, 30, 255]


def test_sixteen_bit_grey_keeps_its_upper_half():
    image = Image.fromarray(np.array([[0, 255, 256, 65535]], np.uint16))
    assert media.picture(encoded(image)).tolist() == [[0, 0, 1, 255]]


def test_sixteen_bit_colour_keeps_its_upper_half():
    content = png(1, 1, depth=16, body=b"\0" + bytes([200, 1, 100, 2, 50, 3]))
    assert media.picture(content).tolist() == [[[200, 100, 50]]]


def test_bilevel_becomes_black_and_white():
    image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    assert media.picture(encoded(image)).tolist() == [[0, 255], [255, 0]]


def test_grey_with_opacity_becomes_colour_with_opacity():
    image = Image.fromarray(np.full((2, 2), 77, np.uint8)).convert("LA")
    assert media.picture(encoded(image))[0, 0].tolist() == [77, 77, 77, 255]


def test_a_long_picture_is_reduced_by_a_whole_factor():
    assert media.picture(encoded(np.zeros((30, 50), np.uint8)), long_side=20).shape == (10, 17)


def test_a_large_photograph_arrives_small_enough():
    photo = encoded(np.zeros((3000, 4000, 3), np.uint8), "JPEG")
    assert max(media.picture(photo).shape) <= media.LONG_SIDE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "not a picture"),
        (b"GIF89a" + bytes(50), "a GIF file"),
        (b"RIFF\x10\0\0\0WEBP", "a WebP file"),
        (b"8BPS" + bytes(30), "a Photoshop file"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\x89PNG\r\n\x1a\n", "truncated or damaged"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "the picture: a sound, not a picture; PNG and JPEG are taken$"),
        (b"fLaC\0\0\0\x22", "a sound, not a picture"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP file"),
        (b"RIFF\x24\0\0\0AVI LIST", "not a picture that can be read here"),
        (b"\xff\xd8\xff\xe0", "truncated or damaged"),
        (encoded(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))[:-2000], "truncated or damaged"),
        (encoded(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8), "JPEG")[:-1000], "truncated or damaged"),
        (encoded(Image.new("CMYK", (9, 9)), "JPEG"), "CMYK"),
        (encoded(Image.new("L", (9, 9)), save_all=True, append_images=[Image.new("L", (9, 9), 9)]), "animated, 2 frames"),
        (png(65000, 65000), "65000 x 65000 pixels"),
        (png(24_000_000, 1), "on a side"),
        (png(0, 5), "truncated or damaged|pixels"),
        (png(10, 10), "truncated or damaged"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x0b\x08\xfd\xe8\xfd\xe8\x01\x01\x11\0", "pixels"),
        (encoded(RAMP, "JPEG", progressive=True) + b"\xff\xda" * 100, "scans"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_with_a_reason(content, reason):
    with pytest.raises(DataError, match=reason):
        media.picture(content)


HEIC = b"\0\0\0\x18ftypheic" + bytes(20)


def test_an_iphone_s_photograph_is_read_by_the_plug_in_where_photographs_are(monkeypatch):
    class HeifImageFile:
        """A file that the plug-in has opened: Pillow's picture of the ramp."""

        def __new__(cls, file):
            assert file.read() == HEIC
            return Image.fromarray(RAMP)

    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(HeifImageFile=HeifImageFile))
    assert np.array_equal(media.picture(HEIC, decoders=media.PHOTOGRAPHS), RAMP)
    with pytest.raises(DataError, match="PNG and JPEG are taken"):
        media.picture(HEIC)


def test_without_the_plug_in_an_iphone_s_photograph_is_refused_with_its_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DataError, match="pip install pillow-heif"):
        media.picture(HEIC, decoders=media.PHOTOGRAPHS)


def test_sizes_are_checked_before_decoding(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(DataError, match="pixels"):
        media.picture(png(5000, 5000))


@pytest.mark.parametrize("place", ["missing.png", ".", "zero\0byte"])
def test_what_is_no_file_is_refused_with_the_reason(tmp_path, place):
    with pytest.raises(DataError, match=r"no such file|not a file|cannot be read \(ValueError"):
        media.picture(tmp_path / place)


def test_the_error_names_the_file(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r"photo\.png"):
        media.picture(tmp_path / "photo.png")


CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from pellucid import media
from pellucid.errors import DataError
try:
    print(media.picture(sys.argv[1]).shape)
except DataError as error:
    print("refused:", error)
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])  # kB; not that of the parent
"""


def bomb(kind):
    if kind == "header of 65,000 x 65,000":
        return png(65000, 65000, body=bytes(10**6))
    if kind == "largest PNG":
        return png(6000, 4000, body=bytes(4000 * (1 + 3 * 6000)))
    if kind == "largest PNG with opacity":
        return png(4000, 3000, colour=6, body=bytes(3000 * (1 + 4 * 4000)))
    if kind == "largest 16-bit PNG":
        return png(6000, 4000, colour=0, depth=16, body=bytes(4000 * (1 + 2 * 6000)))
    if kind == "largest JPEG":
        return encoded(Image.new("RGB", (8160, 6120), (200, 10, 90)), "JPEG")
    if kind == "largest progressive JPEG":
        return encoded(Image.new("RGB", (5600, 4200), (200, 10, 90)), "JPEG", progressive=True)
    text = b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(10**8))
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    good = png(3, 3, body=bytes(30))
    return good[:33] + chunk + good[33:]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "kind",
    [
        "header of 65,000 x 65,000", "largest PNG", "largest PNG with opacity", "largest 16-bit PNG",
        "largest JPEG", "largest progressive JPEG", "text of 100 MB",
    ],
)  # fmt: skip
def test_no_picture_takes_200_megabytes(tmp_path, kind):
    (tmp_path / "bomb").write_bytes(bomb(kind))
    child = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "bomb"],
        env={**environment(), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("refused" in child.stdout) == (kind in ("header of 65,000 x 65,000", "text of 100 MB")), (
        child.stdout
    )
    assert int(child.stdout.split()[-1]) < 200_000, child.stdout


def test_reading_a_picture_imports_neither_torch_nor_matplotlib():
    code = "import sys; import pellucid.media; assert not {'torch', 'matplotlib', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
