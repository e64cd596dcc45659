"""The addresses of the public internet."""

import ipaddress

# All IPv4 is public but these: entries of IANA's special-purpose registry that are not globally
# reachable, multicast and reserved space, 6to4 relays, and addresses that only a cloud's own
# machines reach.
_NOT_PUBLIC_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 is this machine
        "10.0.0.0/8",
        "34.126.0.0/18",  # Google's APIs, from its own machines
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host
        "169.254.0.0/16",  # link-local, with the metadata servers of the clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "199.36.153.4/30",  # restricted.googleapis.com, from within Google's cloud
        "199.36.153.8/30",  # private.googleapis.com
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]

# Only the global unicast space of IPv6 is public. That excludes loopback, link-local, unique local,
# multicast, and the forms that embed an IPv4 address (::/96, ::ffff:0:0/96, 64:ff9b::/96).
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo, which embeds an IPv4 address
        "2001:db8::/32",  # documentation
        "2001:4860:8040::/42",  # Google's APIs, from its own machines
        "2002::/16",  # 6to4, which embeds an IPv4 address
        "2600:2d00:2:1000::/56",  # restricted.googleapis.com, from within Google's cloud
        "2600:2d00:2:2000::/56",  # private.googleapis.com
        "3ffe::/16",  # returned to IANA
        "3fff::/20",  # documentation
    )
]


def is_public(address: str) -> bool:
    """Return whether this is an address of the public internet.

    Anything but an address in its usual spelling is not public, nor is an address with a zone.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if "%" in address:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC_4)
    return found in _GLOBAL_6 and not any(found in network for network in _NOT_PUBLIC_6)
