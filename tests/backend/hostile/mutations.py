"""What can go wrong with the bytes of a request, made from sound ones by a seeded chance."""

import gzip
import json
from collections.abc import Callable
from random import Random

TOKENS = [
    *(b"NaN", b"-Infinity", b"Infinity", b"-0", b"1e400", b"-1e-400", b"9" * 400, b"0x1F", b"01", b"1.", b".5", b"+1"),
    *(b"null", b"true", b"{}", b"[]", b'""', b"undefined", b"9223372036854775808", b"1E+308", b"0." + b"1" * 2_000),
    *(
        b"\\u0000",
        b"\\ud800",
        b"\\udfff\\ud800",
        b"\\x41",
        b"\x00",
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"\r\n",
        b"\t",
        b"//",
        b"/*",
        b"'",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
    ),
    *(b"soil", b"value", b"readings", b"batch_id", b"age_ms", b"measured_at", b"2026-11-24T00:00:00Z", b"__proto__"),
]

BodyMutation = Callable[[Random, bytes], bytes]
Head = list[tuple[bytes, bytes]]


def sound_body(chance: Random, batch_id: str) -> bytes:
    """Give a body that is accepted."""
    readings = []
    for _ in range(chance.choice([0, 1, 1, 3, 20, 500])):
        reading: dict[str, object] = {"sensor": chance.choice(["soil", "tank", "air"]), "value": chance.uniform(0, 100)}
        if chance.random() < 0.9:
            reading["age_ms"] = chance.randrange(3_600_000)
        readings.append(reading)
    body: dict[str, object] = {"batch_id": batch_id, "boot_id": "boot", "readings": readings}
    if chance.random() < 0.5:
        del body["boot_id"]
    return json.dumps(body).encode()


def _cut(chance: Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _drop(chance: Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + body[at + chance.choice([1, 2, 10, 100]) :]


def _flip(chance: Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice([1, 1, 2, 8])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _insert(chance: Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(TOKENS) + body[at:]


def _replace_a_number(chance: Random, body: bytes) -> bytes:
    places = [at for at, byte in enumerate(body) if byte in b"0123456789"]
    if not places:
        return body
    start = end = chance.choice(places)
    while end < len(body) and body[end : end + 1] in b"0123456789.":
        end += 1
    return body[:start] + chance.choice(TOKENS) + body[end:]


def _repeat(chance: Random, body: bytes) -> bytes:
    start = chance.randrange(len(body))
    end = min(len(body), start + chance.choice([1, 5, 30, 200]))
    return body[:end] + body[start:end] * chance.choice([1, 2, 50]) + body[end:]


def _double_a_key(chance: Random, body: bytes) -> bytes:
    key = chance.choice(
        [b'"batch_id":"other",', b'"readings":[],', b'"value":1,', b'"sensor":"soil",', b'"batch_id":7,']
    )
    at = chance.choice([at for at, byte in enumerate(body) if byte in b"{,"]) + 1
    return body[:at] + key + body[at:]


def _nest(chance: Random, body: bytes) -> bytes:
    at = chance.choice([at for at, byte in enumerate(body) if byte in b"{[:,"]) + 1
    opening = chance.choice([b"[", b'{"a":', b'[{"readings":'])
    return body[:at] + opening * chance.choice([10, 1_000, 20_000]) + body[at:]


def _pad(chance: Random, body: bytes) -> bytes:
    return body + chance.choice([b" ", b"\n", b"x", b"0"]) * chance.choice([1, 1_000, 200_000, 262_144])


def _swell(chance: Random, body: bytes) -> bytes:
    return body.replace(b"soil", b"s" * chance.choice([33, 10_000, 260_000]), 1)


def _other_encoding(chance: Random, body: bytes) -> bytes:
    return body.decode().encode(chance.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7"]))


def _press(_: Random, body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _noise(chance: Random, _: bytes) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 100, 5_000]))


BODY_MUTATIONS: list[BodyMutation] = [
    *(_cut, _drop, _flip, _flip, _insert, _insert, _replace_a_number, _replace_a_number, _repeat, _double_a_key),
    *(_nest, _pad, _swell, _other_encoding, _press, _noise),
]


def mutated_body(chance: Random, body: bytes) -> bytes:
    """Do one to three things to a body."""
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        try:
            body = chance.choice(BODY_MUTATIONS)(chance, body)
        except (IndexError, ValueError):
            # Nothing is left of it, or it is no text any more: another mutation will do.
            continue
    return body


def request(head: Head, body: bytes, *, path: bytes = b"/telemetry", version: bytes = b"1.1") -> bytes:
    """Put a request together."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in head)
    return b"POST " + path + b" HTTP/" + version + b"\r\n" + lines + b"\r\n" + body


def chunked(chance: Random, body: bytes) -> bytes:
    """Give a body in chunks, as HTTP/1.1 has them."""
    parts, at = [], 0
    while at < len(body):
        size = chance.choice([1, 7, 100, 5_000, 70_000])
        piece = body[at : at + size]
        parts.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        at += size
        if len(parts) > 200:
            parts.append(b"%x\r\n%b\r\n" % (len(body) - at, body[at:]) if at < len(body) else b"")
            break
    return b"".join(parts) + b"0\r\n\r\n"


def framed(chance: Random, base: Head, body: bytes) -> tuple[bytes, bool]:
    """Frame a body in one of many ways. The second value tells whether the framing is sound."""
    length = (b"content-length", b"%d" % len(body))
    kind = chance.randrange(24)
    if kind < 12:
        return request([*base, length], body), True
    if kind == 12:
        return request([*base, (b"transfer-encoding", b"chunked")], chunked(chance, body)), True
    if kind == 13:
        return request([*base, length, (b"content-encoding", b"gzip")], body), True
    if kind == 14:
        wrong = chance.choice([0, 1, len(body) // 2, len(body) + 1, len(body) + 1_000, 262_145, 10**12, 10**30])
        return request([*base, (b"content-length", b"%d" % wrong)], body), False
    if kind == 15:
        wrong_text = chance.choice([b"-1", b"abc", b"", b"1e3", b"0x10", b"+5", b"5, 5", b"\xff", b"\xb2", b" 7 7"])
        return request([*base, (b"content-length", wrong_text)], body), False
    if kind == 16:
        other = (b"content-length", b"%d" % chance.choice([len(body), len(body) + 3, 1]))
        return request([*base, length, other], body), False
    if kind == 17:
        return request([*base, length, (b"transfer-encoding", b"chunked")], chunked(chance, body)), False
    if kind == 18:
        return request([*base, (b"transfer-encoding", b"chunked")], mutated_body(chance, chunked(chance, body))), False
    if kind == 19:
        odd = chance.choice([b"gzip, chunked", b"identity", b"chunked, identity", b"CHUNKED", b"xchunked", b""])
        return request([*base, (b"transfer-encoding", odd)], body), False
    if kind == 20:
        return request([*base, length, (b"expect", chance.choice([b"100-continue", b"200-ok"]))], body), False
    if kind == 21:
        many = [(b"x-%d" % number, b"x" * chance.choice([1, 500])) for number in range(chance.choice([100, 400]))]
        return request([*base, *many, length], body), False
    if kind == 22:
        version, path = (
            chance.choice([b"1.0", b"2.0", b"0.9", b"x"]),
            chance.choice([b"/telemetry?x", b"//telemetry", b"*"]),
        )
        return request([*base, length], body, path=path, version=version), False
    return mutated_body(chance, request([*base, length], body)), False
