"""Servers of foreign domains that are dead, silent, busy, or point inwards: the next one is tried, within a bounded time."""

import time

import pytest

from conftest import LABORATORY
from knot import Knot
from lotse import Lotse
from sip import Phone, ack

HEAD = "@ SOA ns. h. 1 60 60 60 60\n@ NS ns.\nhost A 127.0.0.1\n"
CONF = {**LABORATORY, "workers": 2, "routing": {"try": "500ms"}, "federation": {"call": "any", "open": ["dns"]}}


@pytest.fixture(scope="module")
def servers():
    """Two that answer, one that is silent, and a port where nobody listens."""
    made = {name: Phone(("127.0.0.1", 9), "sip:bob@far.test") for name in ("one", "two", "silent", "refusing")}
    made["refusing"].close()
    yield made
    for place in made.values():
        place.close()


@pytest.fixture(scope="module")
def knot(servers):
    def domain(*names):
        return HEAD + "".join(f"_sip._udp SRV {i} 0 {servers[name].port} host\n" for i, name in enumerate(names))

    with Knot() as k:
        k.start({"good.test": domain("one"), "silent.test": domain("silent", "two"), "refusing.test": domain("refusing", "two"),
                 "busy.test": domain("one", "two"), "dead.test": domain("refusing", "silent")})
        yield k


@pytest.fixture(scope="module")
def gateway(knot, tmp_path_factory):
    with Lotse(tmp_path_factory.mktemp("dns"), {**CONF, "resolver": {**LABORATORY["resolver"], "servers": [knot.server]}}) as daemon:
        yield daemon


@pytest.fixture
def alice(gateway):
    with Phone(gateway.udp) as p:
        yield p


def call(alice, to, *answers):
    """alice's INVITE; `answers`: (who gets it, what he says). The final response."""
    invite = alice.request("INVITE", to)
    alice.send(invite)
    for place, status in answers:
        got = place.expect("INVITE", 5)
        assert got.uri == to
        place.answer(got, status)
        place.expect("ACK")
    final = alice.final(5)
    ack(alice, invite, final)
    return final


@pytest.mark.parametrize("domain, most", [("silent.test", 2.0), ("refusing.test", 0.5)])
def test_the_next_address_is_tried(alice, servers, domain, most):
    begun = time.monotonic()
    assert call(alice, f"sip:bob@{domain}", (servers["two"], 486)).status == 486
    assert time.monotonic() - begun < most


def test_a_503_is_no_last_word(alice, servers):
    assert call(alice, "sip:bob@busy.test", (servers["one"], 503), (servers["two"], 486)).status == 486


def test_any_other_answer_is(alice, servers):
    assert call(alice, "sip:bob@busy.test", (servers["one"], 500)).status == 500
    servers["two"].silence(0.2)


def test_everybody_is_dead(alice):
    begun = time.monotonic()
    assert call(alice, "sip:bob@dead.test").status in (408, 500, 503)
    assert time.monotonic() - begun < 3


def test_any_request_fails_over(alice, servers):
    alice.send(alice.request("MESSAGE", "sip:bob@silent.test"))
    two = servers["two"]
    two.answer(two.expect("MESSAGE"), 200)
    assert alice.final().status == 200


def test_places_that_point_inwards_are_refused(knot, servers, tmp_path):
    with Lotse(tmp_path, {**CONF, "resolver": {"servers": [knot.server]}}) as strict, Phone(strict.udp) as alice:
        assert call(alice, "sip:bob@good.test").status in (500, 503)
        assert call(alice, f"sip:bob@127.0.0.1:{servers['one'].port}").status in (403, 500, 503)
    servers["one"].silence(0.2)
