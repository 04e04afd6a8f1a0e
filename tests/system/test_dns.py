"""Foreign domains by DNS (RFC 3263): found, failing over, not found, and never in the way of others."""

import socket
import statistics
import threading
import time

import pytest

from conftest import LABORATORY
from knot import Knot, free_port
from lotse import Lotse
from sip import Phone, unique

TRY_S = 0.4


@pytest.fixture(scope="module")
def knot():
    with Knot() as knot:
        knot.start({"test": "@ SOA ns. h. 1 60 60 60 5\n@ NS ns.\n"})
        yield knot


@pytest.fixture(scope="module")
def lotse(knot, tmp_path_factory):
    conf = {**LABORATORY, "workers": 2, "routing": {"try": f"{int(TRY_S * 1000)}ms"},
            "resolver": {"servers": [knot.server], "timeout": "500ms", "allow_targets": ["127.0.0.0/8"]}}
    with Lotse(tmp_path_factory.mktemp("lotse"), conf) as daemon:
        yield daemon


@pytest.fixture
def at(lotse):
    """at("sip:alice@alpha.test"): a phone, closed at the end of the test."""
    phones = []

    def make(user="sip:alice@alpha.test"):
        phones.append(Phone(lotse.udp, user))
        return phones[-1]

    yield make
    for p in phones:
        p.close()


RECORDS = {}


def domain(knot, records):
    """A new domain that nobody has asked for yet, with these records; `{d}` in them is its name."""
    name = unique("d") + ".test"
    RECORDS[name] = records.format(d=name.partition(".")[0])
    knot.put("test", "@ SOA ns. h. {} 60 60 60 5\n@ NS ns.\n".format(len(RECORDS) + 1) + "".join(RECORDS.values()))
    return name


def srv(*targets, transport="udp"):
    """SRV records in this order: (address, port)."""
    return "".join(f"_sip._{transport}.{{d}} SRV {n} 0 {port} h{n}.{{d}}\nh{n}.{{d}} A {address}\n" for n, (address, port) in enumerate(targets, 1))


# ---------------------------------------------------------------------------- found


@pytest.mark.parametrize("records", ['{{d}} NAPTR 10 0 "s" "SIP+D2U" "" _x.{{d}}\n_x.{{d}} SRV 0 0 {port} h.{{d}}\nh.{{d}} A 127.0.0.1\n',
                                     "_sip._udp.{{d}} SRV 0 0 {port} h.{{d}}\nh.{{d}} A 127.0.0.1\n",
                                     '{{d}} NAPTR 10 0 "s" "SIPS+D2T" "" _y.{{d}}\n{{d}} NAPTR 20 0 "s" "SIP+D2U" "" _x.{{d}}\n'
                                     "_x.{{d}} SRV 0 0 {port} h.{{d}}\nh.{{d}} A 127.0.0.1\n"], ids=["naptr", "srv", "naptr-of-others"])
def test_a_foreign_domain(knot, at, records):
    carol, alice = at("sip:carol@x.test"), at()
    name = domain(knot, records.format(port=carol.port))
    alice.send(alice.request("INVITE", f"sip:carol@{name}"))
    got = carol.expect("INVITE")
    assert got.uri == f"sip:carol@{name}"
    carol.answer(got, 486)
    assert alice.final().status == 486


def test_a_port_is_asked_of_no_srv(knot, at):
    carol, alice = at("sip:carol@x.test"), at()
    name = domain(knot, srv(("127.0.0.1", 9)) + "{d} A 127.0.0.1\n")
    alice.send(alice.request("MESSAGE", f"sip:carol@{name}:{carol.port}"))
    carol.answer(carol.expect("MESSAGE"), 200)
    assert alice.final().status == 200


# ---------------------------------------------------------------------------- failing over


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_silent_address_costs_its_try(knot, at, method):
    silent, carol, alice = at("sip:s@x.test"), at("sip:carol@x.test"), at()
    name = domain(knot, srv(("127.0.0.1", silent.port), ("127.0.0.1", carol.port)))
    begun = time.monotonic()
    alice.send(alice.request(method, f"sip:carol@{name}"))
    got = carol.expect(method)
    assert TRY_S - 0.05 <= time.monotonic() - begun < TRY_S + 1
    carol.answer(got, 486)
    assert alice.final().status == 486
    silent.expect(method)


def test_a_closed_port_costs_nothing(knot, at):
    carol, alice = at("sip:carol@x.test"), at()
    name = domain(knot, srv(("127.0.0.1", free_port("127.0.0.1")), transport="tcp") + srv(("127.0.0.1", carol.port)).replace("h1", "u1") +
                  '{d} NAPTR 10 0 "s" "SIP+D2T" "" _sip._tcp.{d}\n{d} NAPTR 20 0 "s" "SIP+D2U" "" _sip._udp.{d}\n')
    begun = time.monotonic()
    alice.send(alice.request("INVITE", f"sip:carol@{name}"))
    got = carol.expect("INVITE")
    assert time.monotonic() - begun < TRY_S
    carol.answer(got, 486)
    assert alice.final().status == 486


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_503_sends_on_and_other_answers_do_not(knot, at, method):
    first, second, alice = at("sip:a@x.test"), at("sip:b@x.test"), at()
    name = domain(knot, srv(("127.0.0.1", first.port), ("127.0.0.1", second.port)))
    alice.send(alice.request(method, f"sip:carol@{name}"))
    first.answer(first.expect(method), 503, headers=("Retry-After: 1",))
    second.answer(second.expect(method), 480)
    assert alice.final().status == 480
    other = domain(knot, srv(("127.0.0.1", second.port), ("127.0.0.1", first.port)))
    alice.send(alice.request(method, f"sip:carol@{other}"))
    second.answer(second.expect(method), 500)
    assert alice.final().status == 500
    while (left := first.receive(0.1)) is not None:
        assert left.method == "ACK"


def test_nobody_left_to_try(knot, at):
    alice = at()
    name = domain(knot, srv(*(("127.0.0.1", free_port("127.0.0.1")) for _ in range(3))))
    begun = time.monotonic()
    assert alice.ask("INVITE", f"sip:carol@{name}").status in (408, 500, 503)
    assert time.monotonic() - begun < 4 * TRY_S + 1


# ---------------------------------------------------------------------------- not found


def test_a_domain_that_does_not_exist(at):
    assert at().ask("INVITE", f"sip:carol@{unique('no')}.test").status == 404


def test_a_domain_that_nobody_answers_for(at):
    # Knot serves no such zone: REFUSED.
    assert at().ask("INVITE", f"sip:carol@{unique('no')}.elsewhere").status == 503


def test_servfail(tmp_path):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        while True:
            query, source = server.recvfrom(4096)
            if query == b"end":
                return
            server.sendto(query[:2] + b"\x81\x82" + query[4:], source)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with Lotse(tmp_path, {**LABORATORY, "resolver": {"servers": ["127.0.0.1:{}".format(server.getsockname()[1])]}}) as daemon, \
             Phone(daemon.udp) as alice:
            assert alice.ask("INVITE", "sip:carol@broken.test").status == 503
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", server.getsockname())
        thread.join(5)
        server.close()


def test_dns_leads_to_no_private_place(knot, tmp_path):
    """Unless the configuration allows it: else a stranger's zone would reach into our network."""
    conf = {**LABORATORY, "resolver": {"servers": [knot.server]}}
    with Lotse(tmp_path, conf) as daemon, Phone(daemon.udp) as alice, Phone(daemon.udp, "sip:carol@x.test") as carol:
        name = domain(knot, srv(("127.0.0.1", carol.port)))
        assert alice.ask("INVITE", f"sip:carol@{name}").status >= 400
        carol.silence(0.1)


# ---------------------------------------------------------------------------- in nobody's way


def trip(phone, uri):
    begun = time.monotonic()
    phone.send(phone.request("OPTIONS", uri))
    phone.final()
    return time.monotonic() - begun


def test_calls_that_wait_for_dns_are_in_nobodys_way(knot, lotse, at):
    alice, bob = at(), at(f"sip:{unique('bob')}@alpha.test")
    assert bob.register().status == 200
    before = statistics.median(trip(alice, "sip:alpha.test") for _ in range(100))
    waiting = [at() for _ in range(16)]
    knot.pause()
    try:
        begun = time.monotonic()
        for n, phone in enumerate(waiting):
            phone.send(phone.request("INVITE", f"sip:carol@{unique('slow')}{n}.test"))
        for phone in waiting:
            phone.expect(100, seconds=1)
        during = [trip(alice, "sip:alpha.test") for _ in range(100)]
        # A call of ours that needs no DNS.
        alice.send(alice.request("INVITE", bob.user))
        bob.answer(bob.expect("INVITE", seconds=1), 486)
        assert alice.final().status == 486
        assert time.monotonic() - begun < 2
        assert statistics.median(during) < 3 * before + 0.003, (before, statistics.median(during))
        for phone in waiting:
            assert phone.final(seconds=15).status == 503
    finally:
        knot.resume()
