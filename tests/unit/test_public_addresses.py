"""The addresses of the public internet."""

import ipaddress

import pytest

from landfall.net.public_addresses import is_public

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "34.125.255.255",
    "34.126.64.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "199.36.153.3",
    "199.36.153.12",
    "223.255.255.255",
    "2001:200::",
    "2001:4860:4860::8888",
    "2001:4860:8080::",
    "2003::",
    "2600:2d00:2:1100::",
    "2606:4700::1111",
    "2a00:1450:4001:80b::200e",
]

NOT_PUBLIC = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "34.126.0.0/18",
    "100.64.0.0/10",
    "100.100.100.200/32",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "199.36.153.4/30",
    "199.36.153.8/30",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "::ffff:8.8.8.8/128",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2001:4860:8040::/42",
    "2002::/16",
    "2600:2d00:2:1000::/56",
    "2600:2d00:2:2000::/56",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::254/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]

NO_ADDRESSES = ["", "localhost", "127.1", "010.0.0.1", "1.1.1.1.", "0x1.1.1.1", "16843009", "[::1]"]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public(address):
    """Also right beside what is not."""
    assert is_public(address)


@pytest.mark.parametrize("network", NOT_PUBLIC)
def test_what_is_not_public(network):
    """From the first address to the last."""
    found = ipaddress.ip_network(network)
    assert not is_public(str(found[0]))
    assert not is_public(str(found[-1]))


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_not_public(text):
    """Odd spellings are read differently here and there."""
    assert not is_public(text)


def test_an_address_within_a_zone_is_not_public():
    """A zone is a network of this machine."""
    assert not is_public("2606:4700::1111%eth0")
