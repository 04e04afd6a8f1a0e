"""`mode: redirect`: the front end says where to go, and carries nothing (RFC 3261 8.3)."""

import re

import pytest

from conftest import LABORATORY
from knot import Knot
from lotse import Lotse
from sip import Phone, ack, digest, unique

CONF = {**LABORATORY, "domains": ["alpha.test", {"name": "proxied.test", "mode": "proxy"}], "mode": "redirect", "workers": 4,
        "routes": [{"match": {"domain": "routed.test"}, "to": "sip:127.0.0.1:9;transport=tcp"}, {"match": {"number": "+4919"}, "to": "refuse"}],
        "peers": [{"name": "beta", "domains": ["beta.test"], "numbers": ["+4940"], "ingress": "sip:sbc.beta.test:5070;transport=tcp"}]}


@pytest.fixture(scope="module")
def lotse(tmp_path_factory):
    with Knot() as knot:
        knot.start({"foreign.test": "@ SOA ns. h. 1 60 60 60 60\n@ NS ns.\n@ A 127.0.0.1\n"})
        conf = {**CONF, "resolver": {"servers": [knot.server], "allow_targets": ["127.0.0.0/8"]}}
        with Lotse(tmp_path_factory.mktemp("lotse"), conf) as daemon:
            yield daemon


@pytest.fixture
def at(lotse):
    phones = []

    def make(user="sip:alice@alpha.test", tcp=False):
        phones.append(Phone(lotse.tcp if tcp else lotse.udp, user, tcp))
        return phones[-1]

    yield make
    for p in phones:
        p.close()


def places(answer):
    """[(uri, q, seconds or None)] of a 302, in order."""
    assert answer.status == 302, answer.start
    found = re.findall(r"<(.*?)>;q=([0-9.]+)(?:;expires=(\d+))?", ", ".join(answer.all("Contact")))
    return [(uri, float(q), int(left) if left else None) for uri, q, left in found]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE"])
def test_the_target_set_with_q_and_expires(at, method, tcp):
    bob, alice = at(f"sip:{unique('bob')}@alpha.test"), at(tcp=tcp)
    assert bob.register(contacts=f"<{bob.contact}>;q=0.3;expires=100, <sip:desk@192.0.2.1;transport=tcp>;q=0.9;expires=200").status == 200
    request = alice.request(method, bob.user)
    alice.send(request)
    answer = alice.final()
    (desk, desk_q, desk_left), (phone, phone_q, phone_left) = places(answer)
    assert (desk, desk_q) == ("sip:desk@192.0.2.1;transport=tcp", 0.9) and (phone, phone_q) == (bob.contact, 0.3)
    assert 198 <= desk_left <= 200 and 98 <= phone_left <= 100
    if method == "INVITE":
        ack(alice, request, answer)
    alice.silence(0.1)
    bob.silence(0.1)


def test_asked_again_it_says_the_same(at):
    """From another port too, which another worker may read: a redirect from our own bindings needs no state (8.2.7)."""
    bob, alice = at(f"sip:{unique('bob')}@alpha.test"), at()
    bob.register()
    request = alice.request("INVITE", bob.user)
    tags = set()
    for phone in (alice, alice, at(), at(), at()):
        phone.send(request)
        answer = phone.expect(302)
        tags.add(re.search("tag=(.*)", answer.get("To")).group(1))
        assert places(answer)[0][0] == bob.contact
    assert len(tags) == 1


@pytest.mark.parametrize("uri, status", [("sip:nobody@alpha.test", 404), ("sip:x@nothing.foreign.test", 404), ("tel:+4919123", 403),
                                         ("sip:x@no-such-zone.test", 503), ("tel:+15551234", 404)])
def test_nowhere_to_go(at, uri, status):
    answer = at().ask("INVITE", uri)
    assert answer.status == status or (status == 403 and answer.status in (403, 404)), answer.start
    assert not answer.all("Contact")


def test_a_place_of_a_peer_is_named_by_maddr(at):
    """So that what TLS must verify stays the address's own domain."""
    (uri, _, _), = places(at().ask("INVITE", "sip:carol@beta.test"))
    assert uri.startswith("sip:carol@beta.test:5070;") and ";maddr=sbc.beta.test" in uri and ";transport=tcp" in uri


def test_a_foreign_domain_by_dns(at):
    (uri, _, _), = places(at().ask("INVITE", "sip:carol@foreign.test"))
    assert uri.startswith("sip:carol@foreign.test")


def test_a_route(at):
    (uri, _, _), = places(at().ask("INVITE", "sip:carol@routed.test"))
    assert uri.startswith("sip:carol@routed.test:9;") and ";maddr=127.0.0.1" in uri and ";transport=tcp" in uri


def test_a_domain_with_a_mode_of_its_own(at):
    bob, alice = at(f"sip:{unique('bob')}@proxied.test"), at()
    bob.register()
    alice.send(alice.request("INVITE", bob.user))
    bob.answer(bob.expect("INVITE"), 486)
    assert alice.final().status == 486


def test_who_must_show_a_password_is_asked_as_by_a_server(tmp_path):
    """401 and Authorization: a redirect server is no proxy (RFC 3261 22.1)."""
    with Lotse(tmp_path, {**CONF, "auth": {"required": True}}) as daemon, Phone(daemon.udp) as alice:
        daemon.add_user("alice@alpha.test")
        daemon.add_user("bob@alpha.test")
        with Phone(daemon.udp, "sip:bob@alpha.test") as bob:
            assert bob.register(password="secret").status == 200
        answer = alice.ask("INVITE", "sip:bob@alpha.test")
        assert answer.status == 401 and answer.all("WWW-Authenticate")
        value = digest(answer.get("WWW-Authenticate"), "INVITE", "sip:bob@alpha.test", "alice", "secret")
        assert alice.ask("INVITE", "sip:bob@alpha.test", cseq=2, headers=(f"Authorization: {value}",)).status == 302
        with Phone(daemon.udp, "sip:x@elsewhere.test") as mallory:
            daemon.reload(federation={"call": "none"})
            assert mallory.ask("INVITE", "sip:bob@alpha.test").status == 403
