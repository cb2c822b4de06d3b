"""The guard: what is refused, before and after a name is resolved, and what is really connected."""

import ipaddress
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from evidence.connectors.errors import ConnectorError, NetworkError, Refused
from evidence.connectors.guard import system_resolver
from evidence.connectors.transport import Transport
from tests.evidence.connectors.forbidden import INTERNAL, MALFORMED, NEVER, PUBLIC
from tests.evidence.connectors.servers import respond, serving


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection attempt is recorded and refused."""
    tried: list[Any] = []

    def connect(address: Any, *args: Any, **kwargs: Any) -> socket.socket:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


def resolves_to(*addresses: str) -> Any:
    return lambda host, port: list(addresses)


@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_or_disguised_address_is_refused_before_its_name_is_resolved(
    url: str, no_way_out: list[Any]
) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"]

    with Transport(resolver=resolver) as http, pytest.raises(Refused) as refusal:
        http.get(url)
    assert refusal.value.mend
    assert (asked, no_way_out) == ([], [])


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("listed", [True, False])
def test_metadata_and_special_addresses_are_refused_even_for_listed_hosts(
    address: str, listed: bool, no_way_out: list[Any]
) -> None:
    allowed = frozenset({("mlflow.example.org", 443)}) if listed else frozenset()
    with (
        Transport(resolver=resolves_to(address), allowed_internal=allowed) as http,
        pytest.raises(Refused, match="which no connector may reach") as refusal,
    ):
        http.get("https://mlflow.example.org/")
    assert refusal.value.stage == "guard"
    assert no_way_out == []


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_refused_until_their_host_and_port_are_listed(
    address: str, no_way_out: list[Any]
) -> None:
    plain = ipaddress.ip_address(address)
    plain = getattr(plain, "ipv4_mapped", None) or plain
    with (
        Transport(resolver=resolves_to(address), allowed_internal=frozenset({("other.example.org", 443)})) as http,
        pytest.raises(Refused, match=r"add mlflow\.example\.org with port 443 to the internal addresses"),
    ):
        http.get("https://mlflow.example.org/")
    assert no_way_out == []
    with (
        Transport(resolver=resolves_to(address), allowed_internal=frozenset({("MLflow.example.org.", 443)})) as http,
        pytest.raises(NetworkError, match="does not answer"),
    ):
        http.get("https://mlflow.example.org/")
    assert no_way_out == [str(plain)]


@pytest.mark.parametrize("address", [*NEVER, *INTERNAL])
def test_an_address_written_in_the_url_is_judged_like_one_a_name_resolves_to(
    address: str, no_way_out: list[Any]
) -> None:
    host = f"[{address}]" if ":" in address else address
    with Transport() as http, pytest.raises(Refused):
        http.get(f"https://{host}/")
    assert no_way_out == []


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_neighbours_of_denied_ranges_are_connected(address: str, no_way_out: list[Any]) -> None:
    plain = ipaddress.ip_address(address)
    plain = getattr(plain, "ipv4_mapped", None) or plain
    with Transport(resolver=resolves_to(address)) as http, pytest.raises(NetworkError):
        http.get("https://mlflow.example.org/")
    assert no_way_out == [str(plain)]


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "fe80::1%eth0", "not an address"])
def test_one_bad_answer_refuses_the_whole_name(bad: str, no_way_out: list[Any]) -> None:
    with Transport(resolver=resolves_to("8.8.8.8", bad)) as http, pytest.raises(Refused):
        http.get("https://mlflow.example.org/")
    assert no_way_out == []


def test_a_name_without_addresses_is_a_network_error_that_says_so() -> None:
    with Transport(resolver=resolves_to()) as http, pytest.raises(NetworkError, match="has no address") as error:
        http.get("https://mlflow.example.org/")
    assert error.value.stage == "resolve"


def test_a_name_that_does_not_resolve_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with Transport() as http, pytest.raises(NetworkError, match=r"nowhere\.example could not be resolved") as error:
        http.get("https://nowhere.example/")
    assert error.value.stage == "resolve"


def test_the_system_resolver_knows_loopback() -> None:
    assert set(system_resolver("localhost", 80)) <= {"127.0.0.1", "::1"}


def test_a_rebinding_name_server_cannot_move_the_connection() -> None:
    """The second answer would be metadata; the first, checked address is connected both times."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    with serving(respond(b"{}", headers={"Connection": "close"})) as server:

        def resolver(host: str, port: int) -> list[str]:
            return answers.pop(0)

        allowed = frozenset({("mlflow.example.org", server.port)})
        with Transport(resolver=resolver, allowed_internal=allowed) as http:
            url = f"http://mlflow.example.org:{server.port}/version"
            assert http.get(url).status == 200
            assert http.get(url).status == 200
    assert answers == [["169.254.169.254"]]
    assert [heard.headers["host"] for heard in server.heard] == [f"mlflow.example.org:{server.port}"] * 2


def test_the_next_checked_address_is_tried_when_the_first_does_not_answer() -> None:
    with serving(respond(b"{}")) as server:
        allowed = frozenset({("mlflow.example.org", server.port)})
        # Nothing listens on 127.0.0.2 at this port.
        with Transport(resolver=resolves_to("127.0.0.2", "127.0.0.1"), allowed_internal=allowed) as http:
            assert http.get(f"http://mlflow.example.org:{server.port}/").json() == {}


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(respond(b'{"real": true}')) as server, serving(respond(b'{"proxy": true}')) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with Transport(allowed_internal=server.allowed) as http:
            assert http.get(server.url).json() == {"real": True}
    assert proxy.connections == 0


def test_passwords_of_a_netrc_file_are_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(respond(b"{}")) as server, Transport(allowed_internal=server.allowed) as http:
        http.get(server.url)
    assert "authorization" not in server.heard[0].headers


def test_a_listed_host_is_open_on_the_listed_port_only() -> None:
    with (
        serving(respond(b"{}")) as server,
        serving(respond(b"{}")) as other,
        Transport(allowed_internal=server.allowed) as http,
        pytest.raises(Refused, match=f"port {other.port} to the internal addresses"),
    ):
        http.get(other.url)
    assert other.connections == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SSLContext]:
    """A self-signed certificate for mlflow.example.org, and a server context that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlflow.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mlflow.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    bundle, private = folder / "certificate.pem", folder / "key.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return bundle, context


def test_tls_names_and_verifies_the_host_while_connecting_the_checked_address(
    authority: tuple[Path, SSLContext],
) -> None:
    bundle, context = authority
    with serving(respond(b'{"ok": true}'), tls=context) as server:
        allowed = frozenset({("mlflow.example.org", server.port)})
        with Transport(resolver=resolves_to("127.0.0.1"), allowed_internal=allowed, ca_bundle=bundle) as http:
            assert http.get(f"https://mlflow.example.org:{server.port}/").json() == {"ok": True}
    assert [heard.server_name for heard in server.heard] == ["mlflow.example.org"]
    assert server.heard[0].headers["host"] == f"mlflow.example.org:{server.port}"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_does_not_fit_stops_the_call_at_tls(
    authority: tuple[Path, SSLContext], trusted: bool
) -> None:
    """Once trusted but for another name, once for the right name but not trusted."""
    bundle, context = authority
    host = "phoenix.example.org" if trusted else "mlflow.example.org"
    with (
        serving(respond(b"{}"), tls=context) as server,
        Transport(
            resolver=resolves_to("127.0.0.1"),
            allowed_internal=frozenset({(host, server.port)}),
            ca_bundle=bundle if trusted else None,
        ) as http,
        pytest.raises(NetworkError, match="certificate") as error,
    ):
        http.get(f"https://{host}:{server.port}/")
    assert error.value.stage == "tls"
    assert server.heard == []


def test_a_connection_that_led_elsewhere_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A diverting network rule: the address was checked, the socket ended up with another peer."""
    real = socket.create_connection
    with serving(respond(b"{}")) as server, serving(respond(b"{}")) as elsewhere:

        def divert(address: Any, *args: Any, **kwargs: Any) -> socket.socket:
            return real(("127.0.0.1", elsewhere.port), *args, **kwargs)

        monkeypatch.setattr(socket, "create_connection", divert)
        allowed = frozenset({("mlflow.example.org", server.port)})
        with (
            Transport(resolver=resolves_to("127.0.0.2"), allowed_internal=allowed) as http,
            pytest.raises(Refused, match=r"instead of 127\.0\.0\.2"),
        ):
            http.get(f"http://mlflow.example.org:{server.port}/")
    assert elsewhere.heard == []


def test_every_refusal_says_how_to_mend_and_never_repeats_a_password() -> None:
    with Transport() as http, pytest.raises(ConnectorError) as error:
        http.get("https://user:s3cret-word@h.example/")
    assert "s3cret-word" not in str(error.value)
    assert str(error.value) == "The address contains a name or password. Enter them in their own fields."


def test_threads_of_the_test_servers_do_not_outlive_them() -> None:
    before = threading.active_count()
    with serving(respond(b"{}")):
        pass
    assert threading.active_count() <= before
