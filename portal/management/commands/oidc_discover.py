"""Asks a single sign-on provider for its addresses and prints them as settings."""

from typing import Any
from urllib.parse import urlsplit

import httpx
from django.core.management.base import BaseCommand, CommandError, CommandParser

WELL_KNOWN = "/.well-known/openid-configuration"
# A provider's document is a few kilobytes; what is far larger is not one.
MAX_BYTES = 256 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRINTED = {
    "OIDC_ISSUER": "issuer",
    "OIDC_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_JWKS_ENDPOINT": "jwks_uri",
}


class Command(BaseCommand):
    help = "Print the OIDC_* settings of the provider with this issuer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("issuer", help="the provider's issuer, as it stands in its ID tokens")

    def handle(self, *args: Any, **options: Any) -> None:
        issuer = options["issuer"].removesuffix(WELL_KNOWN)
        _require_safe(issuer)
        document = _fetch(issuer.rstrip("/") + WELL_KNOWN)
        if document.get("issuer") != issuer:
            raise CommandError(f"The document is of another issuer, {document.get('issuer')!r}. Use that one, exactly.")
        missing = [key for key in PRINTED.values() if not isinstance(document.get(key), str)]
        if missing:
            raise CommandError(f"The provider's document lacks {', '.join(missing)}.")
        for setting, key in PRINTED.items():
            if key != "issuer":
                _require_safe(document[key])
            self.stdout.write(f"{setting}={document[key]}")
        self.stdout.write("OIDC_CLIENT_ID=")
        self.stdout.write("OIDC_CLIENT_SECRET=")


def _require_safe(url: str) -> None:
    """Raises CommandError unless the address is https, or on this machine."""
    try:
        found = urlsplit(url)
        host = found.hostname or ""
    except ValueError:
        raise CommandError(f"{url!r} is not an address.") from None
    safe = found.scheme == "https" or (found.scheme == "http" and host in LOOPBACK)
    if not host or not safe or any(character.isspace() for character in url):
        raise CommandError(f"{url!r} is not an https address.")


def _fetch(url: str) -> dict[str, Any]:
    try:
        with httpx.stream("GET", url, timeout=10, follow_redirects=False) as response:
            if response.status_code != 200:
                raise CommandError(f"{url} answers {response.status_code}.")
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise CommandError(f"{url} answers with more than {MAX_BYTES} bytes.")
        document = httpx.Response(200, content=body).json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"{url} does not answer: {type(error).__name__}.") from None
    except ValueError:
        raise CommandError(f"{url} does not answer with JSON.") from None
    if not isinstance(document, dict):
        raise CommandError(f"{url} does not answer with a JSON object.")
    return document
