"""Which addresses a connector may reach: an explicit deny table, judged on every address a name resolves to."""

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from evidence.connectors.errors import NetworkError, Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Endpoint = tuple[str, int]
Resolver = Callable[[str, int], list[str]]


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Ranges where a self-hosted tool may well live: closed, unless an administrator lists the host and port.
INTERNAL: Final = _networks(
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",
    "::1/128",
    "fc00::/7",  # unique local
)

# Nothing a connector reads lives here, so no list opens them. The library's own `is_private` and `is_global` misjudge
# several (NAT64, 6to4, the wire servers), which is why the table is written out.
NEVER: Final = _networks(
    "100.100.100.200/32",  # metadata, Alibaba
    "168.63.129.16/32",  # wire server, Azure
    "192.0.0.0/24",  # protocol assignments; metadata, Oracle (192.0.0.192)
    "169.254.0.0/16",  # link-local; metadata of most clouds
    "fd00:ec2::/32",  # metadata, AWS over IPv6
    "fd20:ce::/32",  # metadata, Google over IPv6
    "fe80::/10",
    "fec0::/10",  # site-local, deprecated
    "0.0.0.0/8",
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "192.88.99.0/24",  # 6to4 relays
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::ffff:0:0:0/96",  # translated IPv4; mapped IPv4 is judged as the IPv4 address it stands for
    "64:ff9b::/96",  # NAT64
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",  # Teredo, ORCHID and other protocol assignments
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
    "5f00::/16",
    "ff00::/8",
) + tuple(ipaddress.IPv6Network("::/96").address_exclude(ipaddress.IPv6Network("::1/128")))  # IPv4-compatible

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC_LABEL: Final = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)


def host_key(host: str) -> str:
    """The form in which hosts are compared: lower case, no brackets, no final dot."""
    return host.strip("[]").rstrip(".").lower()


@dataclass(frozen=True, slots=True)
class Reach:
    """Which hosts one connector may call, beside what the guard judges of their addresses.

    `endpoints` are the (host, port) pairs it is set up with: a link in an answer or a second address leads nowhere
    else, so credentials cannot either. `vendor` are the patterns of a vendor's own hosts (`*.openai.azure.com`; the
    star stands for one or more labels), empty for systems that anybody hosts; an address that a security officer
    opened may stand in for the vendor's.
    """

    endpoints: frozenset[Endpoint]
    vendor: tuple[str, ...] = ()

    def check(self, host: str, port: int, *, internal: bool) -> None:
        """Raises Refused for any other host."""
        key = host_key(host)
        if (key, port) not in self.endpoints:
            raise _refused(
                f"{key} with port {port} is none of the addresses this connector is set up with.",
                "If it is meant, enter it in the connector's settings; otherwise the source sends us elsewhere.",
            )
        if self.vendor and not internal and not any(_matches(key, pattern) for pattern in self.vendor):
            raise _refused(
                f"{key} is not one of this vendor's own addresses: {', '.join(self.vendor)}.",
                f"Enter one of those, or ask a security officer to add {key} with port {port} to the internal "
                "addresses.",
            )


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def check_host(host: str) -> None:
    """Refuse names no honest configuration contains: empty, zoned, escaped, or numbers in disguise."""
    key = host_key(host)
    if not key:
        raise _refused("The address names no host.", "Enter the full address, such as https://mlflow.example.org.")
    if "%" in key or any(character.isspace() for character in key):
        raise _refused(f"“{key}” is not a host name.", "Enter the plain name or address without zone and escapes.")
    if _literal(key) is None and _NUMERIC_LABEL.fullmatch(key.rpartition(".")[2]):
        raise _refused(
            f"“{key}” writes an address as a number.", "Enter the host's name or its address in the usual notation."
        )


def check_open(host: str) -> str:
    """The form in which an administrator's host is kept: a name in ASCII or an address. Refuses what no list opens.

    A name is judged by its form alone; what it resolves to is judged at every connection.
    """
    key = host_key(host.strip())
    check_host(key)
    address = _literal(key)
    if address is not None:
        mapped = getattr(address, "ipv4_mapped", None)
        if _within(mapped or address, NEVER):
            raise _refused(
                f"{key} is reserved: link-local, metadata, multicast or the network's own. No connector may reach it.",
                "Enter the address of the system itself.",
            )
        return str(mapped or address)
    try:
        name = key if key.isascii() else key.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise _refused(f"“{key}” is not a host name.", "Enter the host alone, without scheme, port and path.")
    return name


def permitted(host: str, port: int, answers: Iterable[str], *, internal: bool) -> list[str]:
    """The addresses among a resolver's `answers` to connect to, in its order; every one of them must be allowed.

    `internal` says that (host, port) is on the allow-list of internal hosts. One bad answer refuses the whole name: a
    name that mixes public and private addresses is how rebinding starts.
    """
    addresses = [_parsed(host, answer) for answer in answers]
    if not addresses:
        raise NetworkError(
            f"{host} has no address.", mend="Check the name, and that the server may resolve it.", stage="resolve"
        )
    for address in addresses:
        _judge(host, port, address, internal=internal)
    return list(dict.fromkeys(str(address) for address in addresses))


def _judge(host: str, port: int, address: Address, *, internal: bool) -> None:
    if _within(address, NEVER):
        raise _refused(
            f"{host} is {address}, which no connector may reach.",
            "Use the address of the system itself; this range belongs to the network or the cloud's own services.",
        )
    if _within(address, INTERNAL) and not internal:
        raise _refused(
            f"{host} is {address}, an internal address.",
            f"If it is meant, ask a security officer to add {host} with port {port} to the internal addresses.",
        )


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _literal(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _parsed(host: str, answer: str) -> Address:
    address = _literal(answer)
    if address is None or getattr(address, "scope_id", None):
        raise _refused(f"{host} resolves to “{answer}”.", "Only plain addresses without a zone can be reached.")
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _refused(what: str, mend: str) -> Refused:
    return Refused(what, mend=mend, stage="guard")
