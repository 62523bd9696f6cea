"""A guard against SSRF: no webhook goes to an address inside the network that we run in; checked at every attempt.

A URL is checked as text, its name is resolved, and the connection is made to an address that was checked, so that
a name that resolves to another address a moment later (DNS rebinding) has no effect. TLS still verifies the name.
"""

import asyncio
import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.errors import BadRequest

MAX_URL: Final = 2_000
RESOLVE_SECONDS: Final = 5.0
"""How long a name may take to resolve when a subscription is made."""
_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_REFUSED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; Oracle Cloud's metadata is in it
        "168.63.129.16/32",  # Azure's metadata, at a public address
        "192.88.99.0/24",  # relays of 6to4
        "2002::/16",  # 6to4: an IPv4 address inside
        "2001::/23",  # Teredo and other protocols
        "3fff::/20",  # documentation
    )
)
_ODD_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
"""Hosts that old resolvers read as IPv4: decimal, octal, hexadecimal, with parts left out."""


class AddressRefused(BadRequest):
    """A webhook may not be sent there."""

    code = "address-refused"
    title = "Address refused"


def is_public(address: str) -> bool:
    """Whether an address is public, on the internet.

    >>> [is_public(one) for one in ("93.184.216.34", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "100.64.0.1")]
    [True, False, False, False, False]
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in _GLOBAL_IPV6:
            return False
    if any(found in network for network in _REFUSED if network.version == found.version):
        return False
    return found.is_global and not found.is_multicast


def checked_url(url: str, *, allow_private: bool) -> yarl.URL:
    """Check a URL as text.

    Args:
        url: as given.
        allow_private: also http, and addresses inside the network.

    Raises:
        AddressRefused: says what is wrong with it.
    """
    if len(url) > MAX_URL or not url.isprintable() or any(sign in url for sign in " \\"):
        raise AddressRefused(f"The URL has more than {MAX_URL} characters, blanks, backslashes or control characters.")
    try:
        read = yarl.URL(url)
        host, port = read.host, read.port
    except (ValueError, TypeError) as error:
        raise AddressRefused("The URL cannot be read; write it as https://host/path.") from error
    schemes = ("https", "http") if allow_private else ("https",)
    if read.scheme not in schemes or not host or not port:
        raise AddressRefused(f"The URL must begin with {' or '.join(f'{one}://' for one in schemes)} and name a host.")
    if read.raw_user is not None or read.raw_password is not None:
        raise AddressRefused(
            "The URL holds a user or a password; send them in `headers` instead, they are kept sealed."
        )
    if read.raw_fragment:
        raise AddressRefused("The URL holds a fragment (#...), which is never sent; leave it out.")
    if not allow_private:
        _check_host(host)
    return read


def _check_host(host: str) -> None:
    try:
        literal = str(ipaddress.ip_address(host))
    except ValueError:
        if _ODD_NUMBER.fullmatch(host):
            raise AddressRefused("The host is a number; write an address in its usual form, or a name.") from None
        return
    if not is_public(literal):
        raise _private()


async def check_addresses(url: yarl.URL, *, allow_private: bool) -> None:
    """Check that a URL's host has addresses, and only such as a webhook may go to.

    Raises:
        AddressRefused: it has none, or one inside the network.
    """
    resolver = PinnedResolver(allow_private=allow_private, inner=SystemDns(lookups=1))
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            await resolver.resolve(url.host or "", url.port or 443)
    except (OSError, ValueError) as error:  # a timeout is an OSError, a name that IDNA refuses a ValueError
        raise AddressRefused("The host of the URL has no address; is the name spelt right?") from error
    finally:
        await resolver.close()


class SystemDns(AbstractResolver):
    """Resolves by the system, in threads of its own: a name server that does not answer delays nothing else."""

    def __init__(self, *, lookups: int) -> None:
        """Prepare.

        Args:
            lookups: at most at once.
        """
        self._threads = ThreadPoolExecutor(lookups, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Find the addresses of a name.

        Raises:
            OSError: it has none.
        """
        lookup = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, lookup)
        return [
            {
                "hostname": host,
                "host": str(address[0]),
                "port": port,
                "family": of,
                "proto": protocol,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for of, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Stop waiting for open lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class PinnedResolver(AbstractResolver):
    """Resolves names for aiohttp, which connects to what this returns and to nothing else."""

    def __init__(self, *, allow_private: bool, inner: AbstractResolver) -> None:
        """Prepare.

        Args:
            allow_private: return every address.
            inner: queries the DNS.
        """
        self._allow_private = allow_private
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Find the addresses of a name.

        Raises:
            AddressRefused: one of them is inside the network; then none is used.
        """
        found = await self._inner.resolve(host, port, family)
        if not self._allow_private and not all(is_public(one["host"]) for one in found):
            raise _private()
        return found

    async def close(self) -> None:
        """Close what was opened."""
        await self._inner.close()


def _private() -> AddressRefused:
    return AddressRefused(
        "The host is inside this network (private, loopback, link-local or reserved), where webhooks do not go; "
        "FORETELL_WEBHOOK_ALLOW_PRIVATE=true allows it."
    )
