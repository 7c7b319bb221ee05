"""Files broken on purpose: mutators that know what a format is made of, and the judge of what a loader does.

A mutator takes a good file and a ``random.Random`` and returns other bytes. How many a loader must survive
comes from PELLUCID_FUZZ (300 by default; ``make fuzz`` sets 10,000).
"""

import gzip
import io
import os
import random
import struct
import time
import zipfile
import zlib

from pellucid.errors import PellucidError

COUNT = int(os.environ.get("PELLUCID_FUZZ", "300"))
SECONDS = 2.0
EDGES = (0, 1, 2, 27, 28, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def survives(load, content, *, mutate, count=COUNT, seed=0):
    """Give ``load`` ``count`` mutations of ``content``; return how many it read and how many it refused.

    Anything but success or a PellucidError within two seconds fails, with the seed that brings it back.
    """
    read = refused = 0
    for number in range(count):
        broken = mutate(content, random.Random(f"{seed}/{number}"))
        start = time.process_time()
        try:
            load(broken)
            read += 1
        except PellucidError:
            refused += 1
        except BaseException as error:
            raise AssertionError(f"mutation {seed}/{number}: {type(error).__name__}: {error}") from error
        assert time.process_time() - start < SECONDS, f"mutation {seed}/{number} took too long"
    return read, refused


def scramble(content, draw):
    """Damage any file: flip, cut, repeat, insert, overwrite with edge values."""
    content = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        place, length = draw.randrange(len(content) + 1), draw.choice((1, 2, 4, 8, 64))
        kind = draw.randrange(7)
        if kind == 0 and place < len(content):
            content[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del content[place:]
        elif kind == 2:
            del content[place : place + length]
        elif kind == 3:
            content[place:place] = draw.randbytes(length)
        elif kind == 4:
            content[place:place] = content[place : place + length]
        elif kind == 5:
            content[place : place + 4] = struct.pack(draw.choice("<>") + "I", draw.choice(EDGES))
        else:
            content[place : place + length] = draw.randbytes(length)
        if not content:
            break
    return bytes(content)


def idx(content, draw):
    """Damage an IDX file's header, its numbers, or its gzip."""
    if draw.random() < 0.5:
        place = draw.choice((0, 1, 2, 3, 4, 8, 12))
        edge = draw.choice(EDGES)
        middle = bytes([edge & 255]) if place < 4 else struct.pack(">I", edge)
        content = content[:place] + middle + content[place + len(middle) :]
    else:
        content = scramble(content, draw)
    if draw.random() < 0.5:
        content = gzip.compress(content, mtime=0)
        content = scramble(content, draw) if draw.random() < 0.5 else content
    return content


def npz(content, draw):
    """Damage an NPZ's zip, or write a good zip of damaged members."""
    if draw.random() < 0.4:
        return scramble(content, draw)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            where = draw.random()
            if where < 0.4:
                member = scramble(member[:128], draw) + member[128:]
            elif where < 0.6:
                member = scramble(member, draw)
            kind = draw.choice(
                (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
            )
            new.writestr(draw.choice((name,) * 8 + ("../x.npy", "a/")), member, kind)
    return scramble(buffer.getvalue(), draw) if draw.random() < 0.3 else buffer.getvalue()


def png(content, draw):
    """Damage, drop, repeat or swap a PNG's chunks, with checksums that are right again."""
    if draw.random() < 0.3:
        return scramble(content, draw)
    chunks, place = [], 8
    while place < len(content):
        length = struct.unpack(">I", content[place : place + 4])[0]
        chunks.append([content[place + 4 : place + 8], content[place + 8 : place + 8 + length]])
        place += 12 + length
    for _ in range(draw.choice((1, 1, 2, 3))):
        number = draw.randrange(len(chunks))
        kind = draw.randrange(5)
        if kind == 0 and len(chunks) > 1:
            del chunks[number]
        elif kind == 1:
            chunks.insert(draw.randrange(len(chunks)), list(chunks[number]))
        elif kind == 2:
            chunks[number][1] = scramble(chunks[number][1], draw)
        elif kind == 3 and chunks[0][0] == b"IHDR":
            sizes = [draw.choice((1, 5, 200, *EDGES)) & 0xFFFFFFFF for _ in range(2)]
            rest = [
                draw.choice((1, 2, 4, 8, 16, 3)),
                draw.choice((0, 2, 3, 4, 6, 5)),
                0,
                0,
                draw.choice((0, 1)),
            ]
            chunks[0][1] = struct.pack(">II5B", *sizes, *rest)
        else:
            name = draw.choice(
                (b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"zTXt", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"pHYs")
            )
            chunks.insert(
                draw.randrange(len(chunks)), [name, draw.randbytes(draw.choice((0, 1, 4, 8, 26, 100)))]
            )
    return content[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def jpeg(content, draw):
    """Damage a JPEG's segments: lengths, sizes, tables, or its entropy-coded data."""
    if draw.random() < 0.3:
        return scramble(content, draw)
    marks = [
        place
        for place in range(len(content) - 1)
        if content[place] == 255 and content[place + 1] not in (0, 255)
    ]
    content = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        place = max(0, min(draw.choice(marks), len(content) - 2))  # an earlier round may have cut it
        kind = draw.randrange(4) if len(content) > 1 else 0
        if kind == 0:
            content[place + 2 : place + 4] = struct.pack(">H", draw.choice(EDGES) & 0xFFFF)
        elif kind == 1:
            content[place + 1] = draw.choice(
                (0xC0, 0xC1, 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE)
            )
        elif kind == 2:
            end = min(place + draw.choice((4, 9, 20, 60)), len(content))
            content[place + 2 : end] = scramble(bytes(content[place + 2 : end]), draw)
        else:
            content[place + 5 : place + 9] = struct.pack(
                ">HH", *(draw.choice(EDGES) & 0xFFFF for _ in range(2))
            )
    return bytes(content)
