"""Finding users at other providers: two daemons that ask each other, and one that asks a provider who misbehaves."""

import time

import pytest

from crowd import Crowd, field, status_of
from https_peer import CONTACT, INGRESS, HttpsPeer, body, die, document, found, stall, status, trickle
from lotse import wait_for
from providers import World, pair, peer
from sip import Dialog, Phone, ack, unique


@pytest.fixture(scope="module")
def world():
    with World() as w:
        yield w


@pytest.fixture
def phone():
    phones = []

    def make(daemon, user, **more):
        phones.append(Phone(daemon.udp, user, address="127.0.0.1", **more))
        return phones[-1]

    yield make
    for p in phones:
        p.close()


def talk(caller, callee, aor):
    """A call from ringing to hanging up, through whoever is between them."""
    invite = caller.request("INVITE", aor)
    caller.send(invite)
    got = callee.expect("INVITE", 5)
    callee.answer(got, 180)
    caller.expect(180)
    callee.answer(got, 200)
    dialog = Dialog.of_caller(caller, invite, caller.expect(200))
    dialog.send("ACK")
    callee.expect("ACK")
    dialog.send("BYE")
    callee.answer(callee.expect("BYE"), 200)
    caller.expect(200, method="BYE")
    return got


# ---------------------------------------------------------------------------- two daemons


@pytest.fixture(scope="module")
def providers(world, tmp_path_factory):
    """alpha and beta. Each answers for numbers of its own and shows the other its users' places."""
    numbers = {"alpha": ["+4940"], "beta": ["+4930"]}
    alpha, beta = pair(world, tmp_path_factory.mktemp("pair"), {"numbers": numbers["beta"], "reveal": "contact"},
                       {"numbers": numbers["alpha"], "reveal": "contact"})
    for daemon, name in ((alpha, "alpha"), (beta, "beta")):
        daemon.reload(domains=[{"name": f"{name}.test", "numbers": numbers[name]}], listen=daemon.urls)
    with alpha, beta:
        yield alpha, beta


def reveals(daemon, level):
    """What it shows the other one from now on."""
    daemon.reload(peers=[{**daemon.conf["peers"][0], "reveal": level}])


@pytest.fixture(params=["there", "back"])
def both_ways(request, providers):
    """(the daemon that asks, the one that is asked, the domain of the one, of the other)"""
    alpha, beta = providers
    return (alpha, beta, "alpha.test", "beta.test") if request.param == "there" else (beta, alpha, "beta.test", "alpha.test")


@pytest.mark.parametrize("level", ["contact", "ingress"])
def test_a_call_to_the_other_provider(both_ways, phone, level):
    asking, asked, here, there = both_ways
    reveals(asked, level)
    try:
        aor = f"sip:{unique('bob')}@{there}"
        alice, bob = phone(asking, f"sip:alice@{here}"), phone(asked, aor)
        assert bob.register().status == 200
        located = asking.json("locate", aor)
        assert located["outcome"] == "found"
        source = f"peer:{there.partition('.')[0]}/https"
        assert {t["source"] for t in located["targets"]} == {source}
        assert sum(not t["route"] for t in located["targets"]) == (1 if level == "contact" else 0)
        assert bob.place not in str(located)
        got = talk(alice, bob, aor)
        assert got.uri == bob.contact
        assert len(got.all("Via")) + got.get("Via").count(",") == 3  # alice, one gateway, the other
    finally:
        reveals(asked, "contact")


def test_nothing_is_revealed(both_ways, phone):
    asking, asked, here, there = both_ways
    reveals(asked, "nothing")
    try:
        bob = phone(asked, f"sip:{unique('bob')}@{there}")
        bob.register()
        alice = phone(asking, f"sip:alice@{here}")
        assert alice.ask("INVITE", bob.user).status == 404
        bob.silence(0.1)
    finally:
        reveals(asked, "contact")


@pytest.mark.parametrize("dialled", ["tel:{}", "sip:{}@{here};user=phone"])
def test_a_call_to_a_number(both_ways, phone, dialled):
    asking, asked, here, there = both_ways
    number = ("+4930" if there == "beta.test" else "+4940") + str(time.monotonic_ns() % 10**7)
    bob, alice = phone(asked, f"sip:{number}@{there}"), phone(asking, f"sip:alice@{here}")
    assert bob.register().status == 200
    talk(alice, bob, dialled.format(number, here=here))


def test_a_redirect_to_the_other_provider(providers, phone):
    alpha, beta = providers
    alpha.reload(mode="redirect")
    try:
        bob, alice = phone(beta, f"sip:{unique('bob')}@beta.test"), phone(alpha, "sip:alice@alpha.test")
        assert bob.register().status == 200
        invite = alice.request("INVITE", bob.user)
        alice.send(invite)
        moved = alice.final()
        ack(alice, invite, moved)
        assert moved.status == 302 and "expires=" in moved.get("Contact")
        assert bob.place not in moved.text
        alice.gateway = beta.udp
        assert talk(alice, bob, moved.contact).uri == bob.contact
    finally:
        alpha.reload(mode="proxy")


# ---------------------------------------------------------------------------- one daemon and a provider that misbehaves


@pytest.fixture(scope="module")
def other(world):
    """gamma.test's location service."""
    with HttpsPeer(world.file("gamma.pem"), world.file("gamma.key"), world.file("ca.pem")) as service:
        yield service


@pytest.fixture(scope="module")
def alpha(world, other, tmp_path_factory):
    world.house.file("gamma.token", "just-between-the-two-of-us\n")
    peers = [peer("gamma", other.port, domains=["gamma.test", "*.gamma.test"], numbers=["+4950"], token_file=world.file("gamma.token"))]
    with world.provider(tmp_path_factory.mktemp("asker"), "alpha", peers, workers=4, federation={"call": "any", "open": []}) as daemon:
        yield daemon


@pytest.fixture
def alice(alpha):
    with Phone(alpha.udp, "sip:alice@alpha.test", address="127.0.0.1") as p:
        yield p


def someone():
    """A user of gamma's whom nobody has asked about."""
    return f"sip:{unique('bob')}@gamma.test"


def test_how_it_asks(alpha, alice, other):
    other.reset(status(404))
    assert alice.ask("INVITE", "sip:B%6fb-1@GAMMA.test;user=ip").status == 404
    (asked,) = other.asked
    assert asked.resource == "sip:Bob-1@gamma.test"
    assert asked.headers["Accept"] == "application/jrd+json"
    assert asked.headers["Authorization"] == "Bearer just-between-the-two-of-us"
    assert "alpha.test" in asked.names
    assert "alice" not in str(asked)


BIG = b'{"subject":"x","links":[]}' + b" " * 70_000


@pytest.mark.parametrize("way, outcome, sip", [
    (status(404), "nobody", 404), (found(), "absent", 480), (status(421), "unknown", 404), (status(500), "failed", 503), (status(401), "failed", 503),
    (status(302, Location="https://127.0.0.1/"), "failed", 503), (status(503), "failed", 503), (body(b"<html>"), "failed", 503),
    (body(b'{"subject":'), "failed", 503), (body(document("sip:other@gamma.test", (CONTACT, "sip:x@127.0.0.1", ""))), "failed", 503),
    (body(b'{"links":[]}'), "failed", 503), (body(BIG), "failed", 503), (body(b"\xff\xfe\0"), "failed", 503), (die, "failed", 503), (stall, "failed", 503),
    (trickle, "failed", 503)])
def test_what_an_answer_means(alpha, alice, other, way, outcome, sip):
    other.reset(way)
    address, begun = someone(), time.monotonic()
    assert alice.ask("INVITE", address).status == sip
    assert time.monotonic() - begun < 3
    assert len(other.asked) == 1
    located = alpha.json("locate", someone(), status={"failed": 3}.get(outcome, 1))
    assert located["outcome"] == outcome
    assert any(step["source"] == "peer:gamma/https" for step in located["trace"])


def test_a_peer_that_wants_to_be_left_alone(alpha, alice, other):
    other.reset(status(503, Retry_After="1"))
    for _ in range(3):
        assert alice.ask("INVITE", someone()).status == 503
    assert len(other.asked) == 1
    other.answer = status(404)
    assert wait_for(lambda: alice.ask("INVITE", someone()).status == 404, 5)


def test_a_peer_that_is_gone(alpha, alice, other):
    other.reset(status(404))
    other.stop()
    try:
        begun = time.monotonic()
        assert alice.ask("INVITE", someone()).status == 503
        assert time.monotonic() - begun < 2
    finally:
        other.start()
    assert wait_for(lambda: alice.ask("INVITE", someone()).status == 404, 5)


def invite(user, place):
    return (f"INVITE sip:{user} SIP/2.0\r\nVia: SIP/2.0/UDP {place};branch=z9hG4bK{unique()};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:alice@alpha.test>;tag=i\r\nTo: <sip:{user}>\r\nCall-ID: {unique()}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:alice@{place}>\r\nContent-Length: 0\r\n\r\n")


def acknowledge(crowd, who, data, user):
    crowd.send(who, f"ACK sip:{user} SIP/2.0\r\nVia: {field(data, 'Via')}\r\nMax-Forwards: 70\r\nFrom: {field(data, 'From')}\r\n"
                    f"To: {field(data, 'To')}\r\nCall-ID: {field(data, 'Call-ID')}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n")


def test_a_thousand_calls_to_one_unknown_user_are_one_question(alpha, other):
    def slowly(peer_, handler, resource):
        time.sleep(0.3)
        status(404)(peer_, handler, resource)

    other.reset(slowly)
    user, told = someone()[4:], {}
    with Crowd(alpha.udp, 16) as crowd:
        for i in range(1000):
            crowd.send(i % 16, invite(user, crowd.places[i % 16]))
        end = time.monotonic() + 10
        while len(told) < 1000 and time.monotonic() < end:
            for who, data, _ in crowd.received(0.1):
                if status_of(data) >= 200:
                    told[field(data, "Call-ID")] = status_of(data)
                    acknowledge(crowd, who, data, user)
    assert len(told) == 1000 and set(told.values()) == {404}
    assert len(other.asked) == 1


@pytest.mark.parametrize("way", [stall, trickle, None])
def test_others_do_not_suffer(alpha, alice, other, way):
    """While calls wait for a peer that is slow or gone, OPTIONS and calls between our own users are as fast as ever."""
    other.reset(way)
    if way is None:
        other.stop()
    try:
        with Crowd(alpha.udp, 8) as crowd, Phone(alpha.udp, f"sip:{unique('carol')}@alpha.test", address="127.0.0.1") as carol:
            assert carol.register().status == 200
            for i in range(200):
                crowd.send(i % 8, invite(someone()[4:], crowd.places[i % 8]))
            slowest = 0
            for _ in range(20):
                begun = time.monotonic()
                assert alice.ask("OPTIONS", "sip:alpha.test").status == 200
                alice.send(alice.request("MESSAGE", carol.user))
                carol.answer(carol.expect("MESSAGE"), 200)
                assert alice.final().status == 200
                slowest = max(slowest, time.monotonic() - begun)
            assert slowest < 0.5
            finals, end = set(), time.monotonic() + 20
            while len(finals) < 200 and time.monotonic() < end:
                for who, data, _ in crowd.received(0.1):
                    if status_of(data) >= 200:
                        assert status_of(data) == 503, data
                        finals.add(field(data, "Call-ID"))
                        acknowledge(crowd, who, data, "x@gamma.test")
            assert len(finals) == 200
    finally:
        if way is None:
            other.start()


def place(phone):
    return (CONTACT, f"sip:sealed-{phone.port}@{phone.place}", "expires=60")


def test_a_cached_place_that_is_gone_is_asked_anew_once(alpha, alice, other):
    address = someone()
    with Phone(alpha.udp, address, address="127.0.0.1") as old, Phone(alpha.udp, address, address="127.0.0.1") as new:
        other.reset(found(place(old)))
        assert alpha.json("locate", address)["outcome"] == "found"
        other.answer = found(place(new))
        invite_ = alice.request("INVITE", address)
        alice.send(invite_)
        old.answer(old.expect("INVITE"), 404)
        new.answer(new.expect("INVITE"), 486)
        assert alice.final().status == 486
        assert [a.headers.get("Cache-Control") for a in other.asked] == [None, "no-cache"]
        # What was asked just now is not asked again.
        other.answer = found(place(old))
        alice.send(alice.request("INVITE", address))
        new.answer(new.expect("INVITE"), 404)
        old.answer(old.expect("INVITE"), 404)
        assert alice.final().status == 404
        assert len(other.asked) == 3


def test_an_ingress_carries_the_address(alpha, alice, other):
    address = someone()
    with Phone(alpha.udp, address, address="127.0.0.1") as sbc:
        other.reset(found((INGRESS, f"sip:{sbc.place};lr", "expires=60"), max_age=60))
        alice.send(alice.request("MESSAGE", address))
        got = sbc.expect("MESSAGE")
        assert got.uri == address and sbc.place in got.get("Route")
        sbc.answer(got, 200)
        assert alice.final().status == 200


def test_the_next_place_is_tried(alpha, alice, other):
    address = someone()
    with Phone(alpha.udp, address, address="127.0.0.1") as good:
        other.reset(found((CONTACT, f"sip:x@127.0.0.1:{free()}", "q=0.9;expires=60"), (CONTACT, f"sip:y@{good.place}", "q=0.5;expires=60")))
        alice.send(alice.request("MESSAGE", address))
        good.answer(good.expect("MESSAGE", 6), 200)
        assert alice.final().status == 200


def free():
    """A port where nobody is."""
    with Phone(("127.0.0.1", 9)) as p:
        return p.port


@pytest.mark.parametrize("where", ["sip:x@10.0.0.1", "sip:x@192.168.1.1;transport=tcp", "sip:x@169.254.1.1", "sip:x@[fe80::1]", "sip:x@0.0.0.0"])
def test_places_that_point_inwards_are_refused(alpha, alice, other, where):
    other.reset(found((CONTACT, where, "expires=60")))
    assert alice.ask("MESSAGE", someone()).status == 503


def test_what_is_stale_serves_while_the_peer_is_gone_and_only_where_it_said_so(alpha, alice, other):
    with Phone(alpha.udp, "sip:x@gamma.test", address="127.0.0.1") as sbc:
        for kind, stale, served in ((INGRESS, ", stale-if-error=60", True), (INGRESS, "", False), (CONTACT, ", stale-if-error=60", False)):
            address = someone()
            other.reset(lambda peer_, handler, resource: handler.reply(200, document(resource, (kind, f"sip:{sbc.place};lr", "expires=60")),
                                                                       "private, max-age=1" + stale))
            assert alpha.json("locate", address)["outcome"] == "found"
            time.sleep(1.1)
            other.answer = status(500)
            alice.send(alice.request("MESSAGE", address))
            if served:
                sbc.answer(sbc.expect("MESSAGE"), 200)
            assert alice.final().status == (200 if served else 503), (kind, stale)


def test_the_peers_tool(alpha, other):
    other.reset(status(404))
    assert "gamma" in alpha.run("peer", "list")
    assert "404" in alpha.run("peer", "test", "gamma")
    other.answer = status(500)
    assert "500" in alpha.run("peer", "test", "gamma", status=None)


