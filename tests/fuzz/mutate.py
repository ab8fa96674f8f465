"""Changes bytes at random, by a seed: the fuzzing that needs no fuzzer."""

from __future__ import annotations

import random

#: pieces that texts and headers take seriously
PIECES = [
    b",", b";", b"\t", b" ", b"|", b'"', b"\n", b"\r\n", b"\r", b"#", b"sep=;\n", b"NA", b"None", b"nan", b"inf", b"-",
    b"1e999", b"-1e-999", b"1.234,5", b"1,274", b"0,5", b"1 234", b"1'000", b"12,34,567", b"9" * 30, b"0x1f", b"1_000",
    b"2024-02-30", b"31.12.2024", b"99:99", b"true", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x88\x92",
    b"{", b"}", b"[", b"]", b'{"a": 1}', b"null", b":", b"\\u0000", b"\\ud800", b"1e400", b"$", b"%", b"=", b"'",
    b"((((",
]  # fmt: skip
NUMBERS = [
    0,
    1,
    2,
    7,
    8,
    9,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
]


def mutate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """The bytes with one to four changes: flips, numbers, pieces, and parts that are cut, repeated or taken over."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice([1, 1, 2, 4, 8, 40, 400]))
        change = rng.randrange(8)
        if change == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif change == 1 and out:
            out[at % len(out)] = rng.randrange(256)
        elif change == 2:
            size = rng.choice([1, 2, 4, 8])
            number = rng.choice(NUMBERS) % (1 << 8 * size)
            out[at : at + size] = number.to_bytes(size, rng.choice(["little", "little", "big"]))
        elif change == 3:
            out[at:at] = rng.choice(PIECES)
        elif change == 4:
            out[at:end] = rng.choice(PIECES)
        elif change == 5:
            del out[at:end]
        elif change == 6:
            out[at:at] = out[at:end] * rng.choice([1, 2, 50])
        else:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            out[at:end] = other[start : start + (end - at)]
    return bytes(out[: 1 << 16])
