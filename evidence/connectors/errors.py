"""What can go wrong between us and a source, each with a sentence that says how to mend it."""

from typing import Literal

Stage = Literal["address", "resolve", "guard", "connect", "tls", "sign_in", "answer"]


class ConnectorError(Exception):
    """A source could not be read. `what` is what happened, `mend` what to do, `stage` how far the attempt came."""

    def __init__(self, what: str, *, mend: str, stage: Stage = "answer", status: int | None = None) -> None:
        super().__init__(f"{what} {mend}")
        self.what = what
        self.mend = mend
        self.stage = stage
        self.status = status


class Refused(ConnectorError):
    """Our own guard said no: the address, the port, a redirect or the size. Trying again changes nothing."""


class NetworkError(ConnectorError):
    """The source could not be reached or broke off. Trying later may help."""


class AuthError(ConnectorError):
    """The source does not accept the credentials, or they may not read what was asked for."""


class RateLimited(ConnectorError):
    """The source asks for patience; `retry_after` is how long, in seconds, as far as it said."""

    def __init__(self, what: str, *, mend: str, retry_after: float | None, status: int | None = None) -> None:
        super().__init__(what, mend=mend, stage="answer", status=status)
        self.retry_after = retry_after


class SchemaError(ConnectorError):
    """The answer is not what this kind of source says: wrong product, wrong address, or a changed format."""
