"""Signing in to Azure as an application: client credentials for a token, kept no longer than one visit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from evidence.connectors.answers import Reply, check_status
from evidence.connectors.base import ConfigField, Session
from evidence.connectors.errors import AuthError, ConnectorError, Refused, SchemaError
from evidence.connectors.shapes import text_of
from evidence.connectors.tagging import count_of
from evidence.connectors.transport import Sent, Transport

AUTHORITY: Final = "https://login.microsoftonline.com"
# Where tokens of the global, the US government and the Chinese cloud are given.
AUTHORITY_HOSTS: Final = ("login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn")
MANAGEMENT: Final = "https://management.azure.com"
MANAGEMENT_HOSTS: Final = ("management.azure.com", "management.usgovcloudapi.net", "management.chinacloudapi.cn")
EARLY: Final = 120  # seconds before its end a token is not used any more

AUTHORITY_FIELD: Final = ConfigField(
    "authority",
    "Sign-in address",
    "Where Azure gives tokens; another one in national clouds.",
    kind="url",
    default=AUTHORITY,
)
TENANT: Final = ConfigField("tenant", "Tenant", "The directory's id or domain.", True)
CLIENT: Final = ConfigField("client_id", "Application", "The application (client) id of the app registration.", True)
SECRET: Final = ConfigField("client_secret", "Client secret", "A client secret of the app registration.", secret=True)

# What Azure means by its codes, and what mends it.
_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "AADSTS7000215": (
        "Azure does not accept the client secret.",
        "Enter the secret's value, not its id, under “Replace the secret”.",
    ),
    "AADSTS7000222": ("The client secret has expired.", "Make a new one in the app registration and enter it."),
    "AADSTS700016": (
        "The tenant does not know this application.",
        "Check the application id and the tenant; the app may be registered in another directory.",
    ),
    "AADSTS90002": ("Azure does not know this tenant.", "Enter the directory's id or its domain."),
    "AADSTS900023": ("Azure does not know this tenant.", "Enter the directory's id or its domain."),
    "AADSTS500011": (
        "The tenant does not know the service the token is for.",
        "Check the service's address; national clouds have their own.",
    ),
}


@dataclass(slots=True)
class Identity:
    """An application that signs in; its tokens by scope live as long as this object, which is one visit."""

    http: Transport
    authority: str
    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    clock: Callable[[], float] = time.monotonic
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    def headers(self, scope: str) -> dict[str, str]:
        """The Authorization header for a service; raises ConnectorError."""
        token, ends = self._tokens.get(scope, ("", 0.0))
        if not token or self.clock() >= ends:
            token, seconds = self._ask(scope)
            self._tokens[scope] = (token, self.clock() + max(seconds - EARLY, 0))
        return {"Authorization": f"Bearer {token}"}

    def _ask(self, scope: str) -> tuple[str, int]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": scope,
        }
        url = f"{self.authority}/{quote(self.tenant, safe='')}/oauth2/v2.0/token"
        try:
            found = self.http.request("POST", url, Sent(form=form), judge=_judge).object()
        except ConnectorError as error:
            raise self._without_secret(error) from None
        token = text_of(found.get("access_token"))
        if not token or not token.isascii() or any(mark.isspace() for mark in token):
            mend = "Check the sign-in address: it is none of Azure's, or a proxy answers in its place."
            raise SchemaError("The sign-in brought no token.", mend=mend, stage="sign_in")
        return token, count_of(found.get("expires_in"))

    def _without_secret(self, error: ConnectorError) -> ConnectorError:
        """A host that sends our question back must not write the secret into a log."""
        if self.client_secret in str(error) or quote(self.client_secret) in str(error):
            return AuthError(
                "The sign-in failed.", mend="Check the sign-in address.", stage="sign_in", status=error.status
            )
        return error


def identity_of(session: Session) -> Identity:
    """The application a session is set up with; Refused when something is missing."""
    told = {name: session.text(name) for name in ("tenant", "client_id")}
    secret = str(session.secrets.get("client_secret") or "").strip()
    if not secret or not all(told.values()):
        raise Refused(
            "Tenant, application or client secret is missing.",
            mend="Enter all three; the secret erases itself when an address changes.",
            stage="sign_in",
        )
    authority = session.url("authority", "The sign-in address", AUTHORITY)
    return Identity(session.network(), authority, told["tenant"], told["client_id"], secret)


def _judge(reply: Reply) -> None:
    said = reply.quote()
    if reply.status in {400, 401}:
        for code, (what, mend) in _CODES.items():
            if f"{code}:" in said or said == code:
                raise AuthError(what, mend=mend, stage="sign_in", status=reply.status)
        heard = f"Azure refused the sign-in: “{said}”." if said else "Azure refused the sign-in."
        mend = "Check tenant, application and secret."
        raise AuthError(heard, mend=mend, stage="sign_in", status=reply.status)
    check_status(reply)
