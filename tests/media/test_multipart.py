from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.config import Limits
from responder.errors import DecodeError
from responder.media.multipart import HEADER_BYTES, MARGIN_BYTES, MultipartParser, PartHead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIMITS = Limits()
END = b"\r\n--b--\r\n"


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def parse(chunks: Iterable[bytes], limits: Limits = LIMITS, boundary: str | None = "b") -> list[tuple[PartHead, bytes]]:
    """Give the parts of a body, and hold the order of what the parser gives."""
    parser = MultipartParser(boundary, limits)
    parts: list[tuple[PartHead, bytes]] = []
    head: PartHead | None = None
    content = b""
    for chunk in chunks:
        for event in parser.feed(chunk):
            if isinstance(event, PartHead):
                assert head is None
                head, content = event, b""
            elif event is None:
                assert head is not None
                parts.append((head, content))
                head = None
            else:
                assert head is not None
                assert event
                content += event
    parser.close()
    return parts


def part(content: bytes = b"1", disposition: str = 'form-data; name="a"', *headers: str | bytes) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *headers]
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return b"--b\r\n" + b"\r\n".join(raw) + b"\r\n\r\n" + content


def read_one(*args: Any) -> PartHead:
    ((head, _content),) = parse([part(*args) + END])
    return head


def refuse(chunks: Iterable[bytes], limits: Limits = LIMITS, boundary: str | None = "b") -> str:
    """Give the sentence of the refusal."""
    with pytest.raises(DecodeError) as caught:
        parse(chunks, limits, boundary)
    assert caught.value.status == 400
    return caught.value.detail or ""


# What a part says about itself


def test_a_field_has_a_name_and_a_content() -> None:
    ((head, content),) = parse([part("é".encode()) + END])
    assert content == "é".encode()
    assert head == PartHead("a", None, "text/plain", None, {"content-disposition": 'form-data; name="a"'})


def test_a_file_has_a_name_and_a_type() -> None:
    head = read_one(b"", 'form-data; name="a"; filename="photo.png"', "Content-Type: Image/PNG")
    assert (head.name, head.filename, head.content_type) == ("a", "photo.png", "image/png")


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('form-data; name=""', "", None),
        ('form-data; name="é 履"; filename="😀.png"', "é 履", "😀.png"),
        ('form-data; name="a%22b%0D%0Ac"; filename="d%22.txt"', 'a"b\r\nc', 'd".txt'),
        ("form-data; name=a; filename=b.txt", "a", "b.txt"),
        (r'form-data; name="a\"b"', 'a"b', None),
        ('FORM-DATA; NAME="a"; FILENAME="b"', "a", "b"),
        ('form-data; name="a"; filename=""', "a", ""),
        ('form-data; name="a;b=c"', "a;b=c", None),
    ],
)
def test_names_come_as_browsers_and_programs_write_them(disposition: str, name: str, filename: str | None) -> None:
    head = read_one(b"", disposition)
    assert (head.name, head.filename) == (name, filename)


@pytest.mark.parametrize(
    ("sent", "filename"),
    [
        ("C:\\fakepath\\a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("..", ""),
        (".", ""),
        ("a/", ""),
        (".bashrc", ".bashrc"),
    ],
)
def test_directories_of_the_client_are_left_out_of_a_filename(sent: str, filename: str) -> None:
    assert read_one(b"", f'form-data; name="a"; filename="{sent}"').filename == filename


def test_the_extended_filename_that_forms_may_not_use_is_passed_over() -> None:
    assert read_one(b"", "form-data; name=\"a\"; filename*=UTF-8''b.txt").filename is None


@pytest.mark.parametrize(
    ("header", "content_type", "charset"),
    [
        ("Content-Type: text/csv; charset=Latin-1", "text/csv", "Latin-1"),
        ('Content-Type: text/plain; charset="utf-8"', "text/plain", "utf-8"),
        ("Content-Type: nonsense", "text/plain", None),
        ("X-Other: 1", "text/plain", None),
    ],
)
def test_a_part_may_name_its_charset(header: str, content_type: str, charset: str | None) -> None:
    head = read_one(b"", 'form-data; name="a"', header)
    assert (head.content_type, head.charset) == (content_type, charset)


def test_a_file_without_a_type_is_octets() -> None:
    assert read_one(b"", 'form-data; name="a"; filename=""').content_type == "application/octet-stream"


def test_headers_are_kept_by_their_lower_case_names() -> None:
    head = read_one(b"", 'form-data; name="a"', "X-Tag: one", "x-tag:two", "Content-Transfer-Encoding: 8BIT")
    assert head.headers["x-tag"] == "one, two"
    assert head.headers["content-transfer-encoding"] == "8BIT"


# What stands around the parts


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    "body",
    [
        b"--b--",
        b"--b--\r\n",
        b"\r\n--b--",
        b"A multipart message.\r\n--b--\r\nThe end.",
        b"x\r--b\r\n--b--",
        b"--bb\r\n--b--"[4:],
    ],
)
def test_a_form_may_be_empty(body: bytes, size: int) -> None:
    assert parse(cut(body, size)) == []


@pytest.mark.parametrize("size", [1, 7, 1000, 10_000])
def test_a_preamble_and_an_epilogue_are_passed_over(size: int) -> None:
    preamble = b"x--b\r\n--a\r\n" * 20
    ((_, content),) = parse(cut(preamble + b"\r\n" + part(b"--b\n\r--b--") + END + b"\r\n--b\r\nmore", size))
    assert content == b"--b\n\r--b--"


@pytest.mark.parametrize("size", [1, 100, MARGIN_BYTES * 3])
def test_as_much_preamble_as_the_margin_is_taken(size: int) -> None:
    margin = b"x" * (MARGIN_BYTES - 2) + b"\r\n"
    assert parse(cut(margin + b"--b--", size)) == []
    assert "No boundary is within" in refuse(cut(b"x" + margin + b"--b--", size))


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
def test_a_preamble_without_end_is_refused(size: int) -> None:
    assert "No boundary is within" in refuse(cut(b"x" * MARGIN_BYTES * 2, size))


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_an_epilogue_without_end_is_refused(size: int) -> None:
    assert "follow the closing boundary" in refuse([part() + END, *cut(b"x" * MARGIN_BYTES * 2, size)])


# What is refused


@pytest.mark.parametrize("boundary", [None, ""])
def test_a_boundary_is_needed(boundary: str | None) -> None:
    assert "names no boundary" in refuse([], boundary=boundary)


@pytest.mark.parametrize(
    "boundary", ["a" * 71, "a ", " ", "a\n", "a\r\nb", "é", "a;b", 'a"', "a\x00", "a{b}", "\ud800"]
)
def test_a_boundary_has_70_characters_of_a_few_kinds(boundary: str) -> None:
    assert "1 to 70 characters" in refuse([], boundary=boundary)


@pytest.mark.parametrize("boundary", ["a" * 70, "0'()+_,-./:=?", "a b", "----WebKitFormBoundaryabc123"])
def test_every_boundary_of_the_rfc_is_taken(boundary: str) -> None:
    body = part().replace(b"--b", f"--{boundary}".encode()) + f"\r\n--{boundary}--".encode()
    ((_, content),) = parse([body], boundary=boundary)
    assert content == b"1"


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "ended before its closing boundary"),
        (b"--b", "ended before its closing boundary"),
        (b"--b\r\n", "ended before its closing boundary"),
        (part(), "ended before its closing boundary"),
        (part() + b"\r\n--b", "ended before its closing boundary"),
        (part() + b"\r\n--b\r\n", "ended before its closing boundary"),
        (part() + b"\r\n--b\r\n\r\n", "Missing Content-Disposition"),
        (b"--b\nContent-Disposition: form-data\n\n", "Invalid line break"),
        (b"--bx\r\n", "Unexpected byte"),
        (part() + b"\r\n--bx\r\n", "Unexpected bytes"),
        (part() + b"\r\n--b \r\n", "Unexpected bytes"),
        (part(b"", "form-data"), "Missing name option"),
        (part(b"", 'form-data; filename="a"'), "Missing name option"),
        (part(b"", 'attachment; name="a"'), "Wrong type"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\n", "Missing Content-Disposition"),
        (b"--b\r\nno colon\r\n\r\n", "Malformed segment header"),
        (b"--b\r\nbad name: 1\r\n\r\n", "Invalid segment header name"),
        (part(b"", 'form-data; name="a"', " continued"), "continuation"),
        (part(b"", 'form-data; name="a"', b"X: \xff"), "not valid UTF-8"),
        (b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n', "not valid UTF-8"),
        (part(b"", 'form-data; name="a"', "X: a\x00b"), "The header X of a part has a control character"),
        (part(b"", 'form-data; name="a\x1b[31m"'), "has a control character"),
        (part(b"", 'form-data; name="a"', "Content-Disposition: form-data; name=b"), "comes twice"),
        (part(b"", 'form-data; name="a"', "content-type: a/b", "Content-Type: c/d"), "comes twice"),
        (part(b"", 'form-data; name="a"', "Content-Transfer-Encoding: base64"), "RFC 7578 has ended"),
        (part(b"", 'form-data; name="a"', "Content-Transfer-Encoding: Quoted-Printable"), "RFC 7578 has ended"),
        (part(b"12", 'form-data; name="a"', "Content-Length: 1") + END, "Content-Length exceeded"),
        (part(b"1", 'form-data; name="a"', "Content-Length: 2") + END, "does not match Content-Length"),
        (part(b"1", 'form-data; name="a"', "Content-Length: " + "9" * 4000) + END, "Content-Length"),
    ],
)
def test_what_is_malformed_is_refused_with_a_reason(body: bytes, reason: str, size: int) -> None:
    assert reason in refuse(cut(body, size))


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("line", [b"X: a\nY: b", b"X: a\rY: b", b"X: a\n"])
def test_a_line_of_a_part_ends_with_both_characters(line: bytes, size: int) -> None:
    refuse(cut(part(b"", 'form-data; name="a"', line) + END, size))


def test_an_error_is_given_again() -> None:
    parser = MultipartParser("b", LIMITS)
    for _ in range(2):
        with pytest.raises(DecodeError, match="Unexpected byte"):
            list(parser.feed(b"--bx\r\n"))
    with pytest.raises(DecodeError, match="Unexpected byte"):
        parser.close()


def test_a_broken_end_is_given_again() -> None:
    parser = MultipartParser("b", LIMITS)
    for _ in range(2):
        with pytest.raises(DecodeError, match="closing boundary"):
            parser.close()


# Limits, however the bytes come


SIZES = [1, 1000, 10_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_parts_are_counted(size: int) -> None:
    limits = Limits(parts=3)
    body = b"\r\n".join([part()] * 3)
    assert len(parse(cut(body + END, size), limits)) == 3
    assert "more than the 3 parts" in refuse(cut(body + b"\r\n" + part() + END, size), limits)


@pytest.mark.parametrize("size", SIZES)
def test_header_lines_are_counted(size: int) -> None:
    limits = Limits(part_headers=3)
    body = part(b"1", 'form-data; name="a"', "X: 1", "X: 2")
    assert len(parse(cut(body + END, size), limits)) == 1
    body = part(b"1", 'form-data; name="a"', "X: 1", "X: 2", "X: 3")
    assert "more than 3 header lines" in refuse(cut(body + END, size), limits)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_header_line_has_a_length(letter: str, size: int) -> None:
    line = "X: " + letter * ((HEADER_BYTES - 3) // len(letter.encode()))
    assert parse(cut(part(b"1", 'form-data; name="a"', line) + END, size))
    assert "4096 bytes" in refuse(cut(part(b"1", 'form-data; name="a"', line + letter) + END, size))


@pytest.mark.parametrize("size", [1, 1000, 100_000])
@pytest.mark.parametrize("endless", [b"X: " + b"x" * 100_000, b"X: 1\r\n" * 20_000, b"x" * 100_000])
def test_headers_without_end_are_refused_early(endless: bytes, size: int) -> None:
    parser = MultipartParser("b", LIMITS)
    fed = 0

    def count(chunks: list[bytes]) -> Iterator[bytes]:
        nonlocal fed
        for chunk in chunks:
            fed += len(chunk)
            yield chunk

    with pytest.raises(DecodeError, match="header lines"):
        list(chain.from_iterable(map(parser.feed, count(cut(b"--b\r\n" + endless, size)))))
    assert fed <= HEADER_BYTES + 200 + size


# Any parts, cut anywhere


names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8).filter(lambda name: "%" not in name)
fields = st.tuples(names, st.one_of(st.none(), names), st.binary(max_size=40))
contents = st.lists(st.sampled_from([b"\r\n", b"--b", b"--", b"\r", b"\n", b"-", b"b", b"\r\n--", b"\r\n-", b"a"]))


def quote(name: str) -> str:
    return '"' + name.replace('"', "%22") + '"'


def encode(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, content in parts:
        file = "" if filename is None else f"; filename={quote(filename)}"
        body += b"--b\r\nContent-Disposition: form-data; name=%b%b\r\n\r\n%b\r\n" % (
            quote(name).encode(),
            file.encode(),
            content,
        )
    return body + b"--b--\r\n"


@settings(max_examples=200, deadline=None)
@given(st.lists(fields, max_size=4), st.lists(st.integers(0, 600), max_size=6))
def test_any_parts_come_back_however_they_are_cut(parts: list[tuple[str, str | None, bytes]], cuts: list[int]) -> None:
    kept = [
        (name.replace("\\", "/"), filename and filename.replace("\\", "").replace("/", "").strip("."), content)
        for name, filename, content in parts
        if b"\r\n--b" not in b"\r\n" + content
    ]
    body = encode(kept)
    chunks = [body[start:end] for start, end in pairwise(sorted({0, len(body), *(min(at, len(body)) for at in cuts)}))]
    for pieces in (chunks, cut(body, 1)):
        assert [(head.name, head.filename, content) for head, content in parse(pieces)] == kept


def outcome(chunks: list[bytes]) -> list[tuple[PartHead, bytes]] | None:
    try:
        return parse(chunks)
    except DecodeError:
        return None


GRAMMAR = [
    *(
        b"--b",
        b"--b\r\n",
        b"\r\n--b\r\n",
        b"\r\n--b--",
        b"--",
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b":",
        b"x",
        b"\x00",
        b"\xff",
    ),
    *(b"Content-Disposition: form-data; name=a", b'; filename="b"', b"Content-Length: 1", b"Content-Type: text/plain"),
    *(b'Content-Disposition: form-data; name="a"\r\n\r\n', b"\r\n\r\n", b"b", b"-"),
]


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(st.lists(st.sampled_from(GRAMMAR), max_size=14).map(b"".join), st.binary(max_size=60)), st.integers(1, 9)
)
def test_any_bytes_are_parts_or_refused_and_the_same_however_they_are_cut(body: bytes, size: int) -> None:
    whole = outcome([body])
    assert outcome(cut(body, 1)) == whole
    assert outcome(cut(body, size)) == whole
    assert outcome([b"", *cut(body, 5), b""]) == whole


@settings(max_examples=300, deadline=None)
@given(contents.map(b"".join), st.integers(1, 9))
def test_what_looks_like_a_boundary_is_content_or_refused_alike(content: bytes, size: int) -> None:
    body = part(content) + END
    assert outcome(cut(body, size)) == outcome([body])
