"""What a file is by its bytes: what is kept, what is refused, and under which name it is downloaded."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usecases.file_types import ENDINGS, OFFICE, media_type_of, safe_filename

WORD = f"{OFFICE}wordprocessingml.document"


def archive(**parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, text in parts.items():
            opened.writestr(name.replace("__", "/").replace("Content_Types", "[Content_Types].xml"), text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"%PDF-1.7\n...", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        ("Minutes of the meeting\nÄnderungen: none\n".encode(), "text/plain"),
        (archive(Content_Types="x", **{"word/document.xml": "x"}), WORD),
        (archive(Content_Types="x", **{"xl/workbook.xml": "x"}), f"{OFFICE}spreadsheetml.sheet"),
        (archive(mimetype="application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
    ],
)
def test_a_document_is_known_by_its_bytes(content, expected):
    assert media_type_of(content) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   \n",
        b"MZ\x90\x00",
        b"\x7fELF",
        b"GIF89a\x01\x00\x01\x00",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\xef\xbb\xbf  <SVG onload=alert(1)>",
        b"<?xml version='1.0'?><x/>",
        b"#!/bin/sh\n",
        b"text with a NUL\x00",
        b"caf\xe9",
        b"PK\x03\x04 cut off",
        archive(anything="x"),
        archive(mimetype="text/html"),
        archive(Content_Types="x", **{"word/document.xml": "x", "word/vbaProject.bin": "x"}),
        archive(Content_Types="x"),
    ],
)
def test_programs_pages_macros_and_other_archives_are_no_documents(content):
    assert media_type_of(content) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("report.html", "report.pdf"),
        ("C:\\temp\\..\\secret.pdf", "secret.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie x.pdf"),
        ("", "document.pdf"),
        (".pdf", "pdf.pdf"),
    ],
)
def test_a_file_is_downloaded_under_a_name_that_fits_its_bytes(name, expected):
    assert safe_filename(name, "application/pdf") == expected


@given(st.text(max_size=300), st.sampled_from(sorted(ENDINGS)))
def test_no_name_leads_out_of_a_folder_or_into_a_header(name, media_type):
    safe = safe_filename(name, media_type)
    assert safe.endswith(ENDINGS[media_type])
    assert len(safe) <= 160
    assert safe.isprintable()
    assert not set(safe) & set('/\\"<>:|?*;%')


@given(st.binary(max_size=200))
def test_any_bytes_have_one_answer(content):
    assert media_type_of(content) in {None, *ENDINGS}
