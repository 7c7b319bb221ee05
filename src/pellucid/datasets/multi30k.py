"""Multi30k: 31,000 captions of photographs in English, German, French and Czech (Elliott et al. 2016).

Lines with the same number are translations of each other. The official split: 29,000 to train on, 1,014 to
validate, 1,000 to test (2016, Flickr); 461 more test sentences (2017) are about photographs from elsewhere.
"""

from __future__ import annotations

from pellucid import download
from pellucid.datasets import idx
from pellucid.datasets.sentences import decoded
from pellucid.errors import DataError, UsageError, near

LANGUAGES = ("de", "en", "fr", "cs")
LICENCE = "for non-commercial research and educational purposes only; the captions come from Flickr30K"
SOURCE = "https://github.com/multi30k/dataset, data/task1/raw (Elliott et al. 2016, W16-3210)"
ADDRESS = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
MOST_BYTES = 2**26  # of one file, unpacked
LINES = {"train": 29_000, "val": 1_014, "test_2016_flickr": 1_000, "test_2017_mscoco": 461}


def read(part: str, source: str, target: str) -> list[tuple[str, str]]:
    """Return the pairs of a part, source first.

    Args:
        part: "train", "val", "test_2016_flickr" or "test_2017_mscoco".
    Raises:
        UsageError: the part has no such language.
        DataError: a file cannot be had, or is not what it must be.
    """
    return list(zip(lines(part, source), lines(part, target), strict=True))


def lines(part: str, language: str) -> list[str]:
    """Return the lines of a part in one language."""
    name = f"{part}.{language}"
    if name not in FILES:
        raise UsageError(
            f"Multi30k has no {part} in {language!r}; its languages are {', '.join(LANGUAGES)} (cs lacks the "
            f"test of 2017).{near(language, LANGUAGES)}"
        )
    path = download.fetch(ARCHIVES[name])
    content = idx.unpacked(idx.contents(path, MOST_BYTES), name=str(path), most_bytes=MOST_BYTES)
    found = decoded(content, str(path)).removesuffix("\n").split("\n")
    if len(found) != LINES[part]:
        raise DataError(f"{path}: {len(found):,} lines, expected {LINES[part]:,}; {idx.FRESH}")
    return found


FILES = {  # name -> its bytes, its sha256
    "test_2016_flickr.cs": (22_572, "200a4a74cc9560f051924abb9803be008d1908d77f747e9141aeb86dfd2797f1"),
    "test_2016_flickr.de": (22_890, "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
    "test_2016_flickr.en": (21_077, "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
    "test_2016_flickr.fr": (22_310, "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90"),
    "test_2017_mscoco.de": (10_230, "799e4854c25d601cb6cb6be29eabe5667734c61ace2f495e03e429031a0bc338"),
    "test_2017_mscoco.en": (8_844, "aab300bfb4427697987e02cd0aacd44bfe8aa50456231b6474c08038bbed2b58"),
    "test_2017_mscoco.fr": (9_751, "754f3072ba9f124569ba5258b32730fc1d214bbf8e0c6dfb2b74401676220db0"),
    "train.cs": (593_827, "a65adb8b32e3bc664f21ecba7a6e7f6950fd1f405e135f7c312faabdb6255077"),
    "train.de": (637_044, "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    "train.en": (568_929, "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    "train.fr": (604_242, "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"),
    "val.cs": (22_096, "b63226e05c4bd5dd6a42897d74b86a1b9d2c31498252c572b1ea7f7996927fcc"),
    "val.de": (24_681, "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    "val.en": (21_650, "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    "val.fr": (23_001, "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"),
}  # fmt: skip
ARCHIVES = {
    name: download.Archive(f"multi30k/{name}.gz", {sha256: size}, f"{ADDRESS}/{name}.gz")
    for name, (size, sha256) in FILES.items()
}
