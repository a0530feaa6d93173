"""Where notifications may be sent to: each address that leads back into the house, in each of its spellings."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_backend.domain.notification_addresses import networks, refusal

WORLD = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
MACHINE = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"]
METADATA = ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
LINK = ["169.254.1.1", "fe80::1"]
PRIVATE = ["10.0.0.1", "172.16.5.4", "192.168.1.5", "100.64.0.1", "fd12::1", "::ffff:192.168.1.5", "2002:c0a8:105::1"]
NOBODY = ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"]
RESERVED = ["240.0.0.1", "192.0.2.1", "::127.0.0.1", "100::1"]


@pytest.mark.parametrize("address", MACHINE + METADATA + LINK + PRIVATE + NOBODY + RESERVED)
def test_by_default_only_the_world_is_notified(address: str) -> None:
    assert refusal(ip_address(address), ())


@pytest.mark.parametrize("address", WORLD)
@pytest.mark.parametrize("allowed", ["", "private", "192.168.1.5"])
def test_the_world_is_always_notified(address: str, allowed: str) -> None:
    assert refusal(ip_address(address), networks(allowed)) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_notified_when_they_are_named(address: str) -> None:
    assert refusal(ip_address(address), networks("private")) is None
    assert refusal(ip_address(address), networks("10.0.0.1, 172.16.0.0/16, 192.168.1.5, 100.64.0.1, fd12::/16")) is None
    assert refusal(ip_address(address), networks("192.168.77.0/24")) == "a private address"


@pytest.mark.parametrize("address", MACHINE + METADATA + LINK + NOBODY)
@pytest.mark.parametrize("allowed", ["private", "0.0.0.0/0, ::/0", "100.64.0.0/10, fd00::/8, 128.0.0.0/1"])
def test_no_wider_network_means_this_machine_or_a_metadata_service(address: str, allowed: str) -> None:
    assert refusal(ip_address(address), networks(allowed))


def test_this_machine_is_notified_when_it_is_named_itself() -> None:
    assert refusal(ip_address("127.0.0.1"), networks("127.0.0.1")) is None
    assert refusal(ip_address("::ffff:127.0.0.1"), networks("127.0.0.0/8")) is None
    assert refusal(ip_address("::1"), networks("127.0.0.0/8"))
    assert refusal(ip_address("169.254.169.254"), networks("169.254.0.0/16"))
    assert refusal(ip_address("169.254.169.254"), networks("169.254.169.254")) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_inside_ipv6(address: IPv4Address) -> None:
    inside = [f"::ffff:{address}", f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}"]
    for allowed in ((), networks("private"), networks("127.0.0.1")):
        assert {refusal(ip_address(spelling), allowed) for spelling in inside} == {refusal(address, allowed)}


@given(st.ip_addresses(v=6) | st.ip_addresses(v=4))
def test_what_is_not_of_the_world_is_refused(address: IPv4Address) -> None:
    if not address.is_global:
        assert refusal(address, ()) or str(address).startswith(("64:ff9b:", "2002:", "2001:0:"))


def test_a_list_of_networks_is_read_and_a_wrong_one_refused() -> None:
    assert networks(" 192.168.1.5 ,, fd00::/8") == (ip_network("192.168.1.5/32"), ip_network("fd00::/8"))
    with pytest.raises(ValueError, match="ntfy"):
        networks("ntfy.lan")
