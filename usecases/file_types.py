"""What a file is by its bytes, never by its name: a document of a known kind, or nothing we keep; pure."""

import io
import zipfile
from collections.abc import Mapping
from types import MappingProxyType

MOST_ENTRIES = 4_000
OFFICE = "application/vnd.openxmlformats-officedocument."
# Media type → the ending it is downloaded under, whatever it was called when it came.
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "application/pdf": ".pdf",
        f"{OFFICE}wordprocessingml.document": ".docx",
        f"{OFFICE}spreadsheetml.sheet": ".xlsx",
        f"{OFFICE}presentationml.presentation": ".pptx",
        "application/vnd.oasis.opendocument.text": ".odt",
        "application/vnd.oasis.opendocument.spreadsheet": ".ods",
        "application/vnd.oasis.opendocument.presentation": ".odp",
        "image/png": ".png",
        "image/jpeg": ".jpg",
        "text/plain": ".txt",
    }
)
_PARTS = {"word/document.xml": "wordprocessingml.document", "xl/workbook.xml": "spreadsheetml.sheet"}
_PARTS["ppt/presentation.xml"] = "presentationml.presentation"
# Text that a browser or a shell would run; it is text all the same, and no document.
_ACTIVE = (b"<!doctype", b"<html", b"<script", b"<svg", b"<?xml", b"<?php", b"#!")


def media_type_of(content: bytes) -> str | None:
    """The media type of the whole file, or None for what is not kept as a document."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"PK\x03\x04"):
        return _office_type(content)
    return "text/plain" if _is_plain_text(content) else None


def _office_type(content: bytes) -> str | None:
    """An office document by the parts in it; one with macros, or any other archive, is refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            if len(entries) > MOST_ENTRIES or any("vbaproject" in name.lower() for name in names):
                return None
            if "[Content_Types].xml" in names:
                return next((f"{OFFICE}{kind}" for part, kind in _PARTS.items() if part in names), None)
            if "mimetype" in names and archive.getinfo("mimetype").file_size <= 120:
                declared = archive.read("mimetype").decode("ascii", "replace")
                return declared if declared in ENDINGS else None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError):
        return None
    return None


def _is_plain_text(content: bytes) -> bool:
    if not content.strip() or content.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_ACTIVE):
        return False
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all((character >= " " and character != "\x7f") or character in "\t\r\n\f" for character in text)


def safe_filename(name: str, media_type: str) -> str:
    """A name to download under: no path, no control characters, and the ending that belongs to the bytes."""
    base = name.replace("\\", "/").rpartition("/")[2]
    base = "".join(character for character in base if character.isprintable() and character not in '<>:"|?*;%')
    stem = base.rpartition(".")[0] or base
    return f"{stem.strip(' .')[:120] or 'document'}{ENDINGS[media_type]}"
