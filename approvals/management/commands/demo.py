"""Fills a running portal with the sample organisation, by its own verbs and its own API. Again: adds nothing."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from approvals.samples.cast import assemble, sign_ins, tokens
from approvals.samples.door import Door
from approvals.samples.story import tell


class Command(BaseCommand):
    help = "Create the sample organisation, its people and six use cases; writes demo.json."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.GATEHOUSE_HOME) / "demo.json"
        assemble()
        self.stdout.write("the people and what they may do")
        known = tokens(_known_tokens(path))
        url, version = settings.PUBLIC_URL, settings.VERSION
        _write(path, {"url": url, "people": sign_ins(), "tokens": known, "version": version})
        address = door_address(url)
        door = Door(address, known["ingest"])
        try:
            tell(door, self.stdout.write)
        except httpx.TransportError as error:
            raise CommandError(
                f"The portal does not answer at {address} ({error}). Start it there, or name its PORT; then run this"
                " again: what is there already stays as it is."
            ) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run it again to go on: what is there already stays as it is.") from None
        finally:
            door.close()


def door_address(url: str) -> str:
    """Where to knock: this machine's port when one is named, since the public address may lead through a proxy."""
    port = os.environ.get("PORT", "").strip()
    return f"http://127.0.0.1:{port}" if port.isdecimal() else url


def _known_tokens(path: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["tokens"]
    except (OSError, ValueError, KeyError):
        return {}
    return known


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, readable by its owner only: it holds tokens."""
    draft = path.with_suffix(".part")
    draft.write_text("")
    draft.chmod(0o600)
    draft.write_text(json.dumps(content, indent=2), encoding="utf-8")
    draft.replace(path)
