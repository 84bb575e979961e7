"""Tell public IP addresses from others."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

UNICAST = IPv6Network("2000::/3")  # all allocated addresses; the rest is local, reserved or multicast
NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are the IPv4 address


def is_literal(host: str) -> bool:
    """Return whether a host is an IP address and not a name."""
    return _parse(host) is not None


def is_public(address: str) -> bool:
    """Return whether an IP address is public: not private, loopback, link-local or reserved."""
    match _effective(_parse(address)):
        case IPv4Address() as found:
            return found.is_global and not found.is_multicast
        case IPv6Address() as found:
            return found.is_global and found in UNICAST
    return False


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _effective(address: IPv4Address | IPv6Address | None) -> IPv4Address | IPv6Address | None:
    """Return the IPv4 address inside an IPv6 address, if there is one."""
    if not isinstance(address, IPv6Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
