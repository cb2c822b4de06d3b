"""A connector calls the hosts it is set up with and no other: links, second addresses and credentials included."""

import pytest

from evidence.configuring import origins_of, reach_of
from evidence.connectors.addresses import Reach
from evidence.connectors.errors import NetworkError, Refused
from evidence.connectors.transport import Transport
from tests.evidence.connectors.servers import respond, serving

VENDOR = ("management.azure.com", "*.openai.azure.com")


@pytest.mark.parametrize("host", ["management.azure.com", "MANAGEMENT.azure.com.", "hr.openai.azure.com"])
def test_a_vendor_s_own_host_may_be_called_when_it_is_set_up(host: str) -> None:
    endpoints = frozenset({("management.azure.com", 443), ("hr.openai.azure.com", 443)})
    Reach(endpoints, VENDOR).check(host, 443, internal=False)


@pytest.mark.parametrize(
    "host",
    [
        "openai.azure.com", ".openai.azure.com", "xopenai.azure.com", "management.azure.com.evil.example",
        "evil.example", "management-azure.com", "evilmanagement.azure.com",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_vendor_s_host_is_refused(host: str) -> None:
    with pytest.raises(Refused, match="is not one of this vendor's own addresses"):
        Reach(frozenset({(host, 443), (host.strip("."), 443)}), VENDOR).check(host, 443, internal=False)


def test_a_host_that_is_not_set_up_is_refused_though_it_is_the_vendor_s() -> None:
    reach = Reach(frozenset({("management.azure.com", 443)}), VENDOR)
    for host, port in (("hr.openai.azure.com", 443), ("management.azure.com", 8443)):
        with pytest.raises(Refused, match="none of the addresses this connector is set up with"):
            reach.check(host, port, internal=False)


def test_an_opened_internal_address_may_stand_in_for_the_vendor_s() -> None:
    Reach(frozenset({("gateway.corp.example", 8443)}), VENDOR).check("gateway.corp.example", 8443, internal=True)


def test_the_client_asks_nobody_it_is_not_set_up_with_and_sends_nothing_there() -> None:
    with serving(respond(b"{}")) as own, serving(respond(b"{}")) as other:
        allowed = own.allowed | other.allowed
        with Transport(allowed_internal=allowed, reach=Reach(own.allowed), headers={"Authorization": "k"}) as http:
            assert http.get(f"{own.url}/a").status == 200
            with pytest.raises(Refused, match="none of the addresses"):
                http.get(f"{other.url}/a")
    assert (len(own.heard), other.connections) == (1, 0)


def test_every_address_behind_a_host_is_still_judged_on_connecting() -> None:
    reach = Reach(frozenset({("management.azure.com", 443)}), VENDOR)
    with Transport(reach=reach, resolver=lambda _host, _port: ["169.254.169.254"]) as http, pytest.raises(Refused):
        http.get("https://management.azure.com/")
    with Transport(reach=reach, resolver=lambda _host, _port: []) as http, pytest.raises(NetworkError):
        http.get("https://management.azure.com/")


def test_a_source_of_one_s_own_reaches_its_address_in_every_spelling() -> None:
    for url in ("https://münchen.example/x", "https://xn--mnchen-3ya.example", "https://MÜNCHEN.example."):
        reach_of("mlflow", {"base_url": url}).check("xn--mnchen-3ya.example", 443, internal=False)
    assert origins_of("mlflow", {"base_url": "http://[::1]:5000"}) == (("http", ("::1", 5000)),)
    assert origins_of("mlflow", {"base_url": "nonsense"}) == ()
