import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from shared.webhooks_out.ssrf_guard import AddressRefused, PinnedResolver, checked_url, is_public

INSIDE = [
    "0.0.0.1", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "192.88.99.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1",
    "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
OUTSIDE = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_a_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    inner = address
    if isinstance(address, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if int(address) >> 32 == 0x64_FF9B << 64 else None
        inner = address.ipv4_mapped or nat64 or address
    bad = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_reserved", "is_unspecified")

    assert not is_public(str(address)) or (inner.is_global and not any(getattr(inner, name) for name in bad))


@given(st.ip_addresses(v=4))
def test_an_address_in_another_one_is_judged_as_what_it_is(address: ipaddress.IPv4Address) -> None:
    number = int(address)

    assert is_public(str(ipaddress.IPv6Address(0xFFFF_0000_0000 | number))) == is_public(str(address))
    assert is_public(str(ipaddress.IPv6Address((0x64_FF9B << 96) | number))) == is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "ftp://a.example/",
        "https:///path",
        "https://",
        "a.example",
        "https://user@a.example/",
        "https://user:word@a.example/",
        "https://:word@a.example/",
        "https://a.example/#part",
        "https://a.example\\@127.0.0.1/",
        "https://a.example/a b",
        "https://a.example/\n",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://1.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://１２７.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://a.example/" + "x" * 2_000,
    ],
)
def test_a_url_that_webhooks_do_not_go_to_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked_url(url, allow_private=False)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://a.example/in?key=1", "https://a.example/in?key=1"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://1.1.1.1/", "https://1.1.1.1/"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
    ],
)
def test_a_public_url_is_written_as_it_is_sent(url: str, written: str) -> None:
    assert str(checked_url(url, allow_private=False)) == written


def test_where_private_is_allowed_http_and_loopback_are() -> None:
    assert checked_url("http://127.0.0.1:9/x", allow_private=True).host == "127.0.0.1"


@dataclass
class FakeDns(AbstractResolver):
    """Answers with the next list of addresses at each question."""

    answers: list[list[str]]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            {"hostname": host, "host": one, "port": port, "family": family, "proto": 0, "flags": 0}
            for one in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


def test_a_name_with_one_private_address_is_refused_at_every_question() -> None:
    async def requested() -> list[str]:
        resolver = PinnedResolver(
            allow_private=False, inner=FakeDns([["1.1.1.1"], ["1.1.1.1", "10.0.0.1"], ["127.0.0.1"]])
        )
        seen = []
        for _ in range(3):
            try:
                seen.append((await resolver.resolve("a.example"))[0]["host"])
            except AddressRefused:
                seen.append("refused")
        return seen

    assert asyncio.run(requested()) == ["1.1.1.1", "refused", "refused"]
