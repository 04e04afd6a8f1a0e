"""Who may be whom, and who may reach whom: never an open relay, from outside or by any trick with Route."""

import re

import pytest

from lotse import Lotse, wait_for
from sip import Dialog, Phone, ack, digest, unique

# By these addresses the gateway knows who sends.
STRANGER, BETA, GAMMA, PBX, ASSERTER, RELAYER = (f"127.0.0.{n}" for n in (1, 2, 3, 4, 5, 6))

CONF = {
    "domains": [{"name": "alpha.test", "numbers": ["+4930123"]}],
    "workers": 2,
    "limits": {"requests_per_source": "0", "failed_logins": "0"},
    "resolver": {"servers": ["127.0.0.1:9"], "timeout": "100ms", "allow_targets": ["127.0.0.0/8"]},
    "trusted": [{"network": PBX}, {"network": ASSERTER, "may": ["assert"]}, {"network": RELAYER, "may": ["relay"]}],
    "routes": [{"match": {"domain": "routed.test"}, "to": "sip:127.0.0.1:9"}],
    "peers": [{"name": "beta", "domains": ["beta.test"], "numbers": ["+4940"], "addresses": [BETA], "ingress": "sip:127.0.0.1:9"},
              {"name": "gamma", "domains": ["gamma.test"], "addresses": [GAMMA], "ingress": "sip:127.0.0.1:9"}],
}

BOB, PHONE_NUMBER = "sip:bob@alpha.test", "+4930123100"


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with Lotse(tmp_path_factory.mktemp("gate"), CONF) as daemon:
        for user in ("alice", "bob", PHONE_NUMBER):
            daemon.add_user(f"{user}@alpha.test")
        yield daemon


@pytest.fixture
def at(gate):
    """at(address, user): a phone that sends from there."""
    phones = []

    def make(address=STRANGER, user="sip:mallory@elsewhere.test", tcp=False):
        phones.append(Phone(gate.tcp if tcp else gate.udp, user, tcp, address=address))
        return phones[-1]

    yield make
    for p in phones:
        p.close()


@pytest.fixture
def bob(at):
    phone = at(user=BOB)
    assert phone.register(password="secret").status == 200
    yield phone
    phone.register(password="secret", expires=0)


@pytest.fixture
def calls_from(gate):
    """calls_from("any"): set federation.call."""

    def set_to(whom):
        if gate.conf.get("federation") != {"call": whom}:
            gate.reload(federation={"call": whom})

    return set_to


def asked_with_password(phone, method, uri, user, **changes):
    """Send, answer the challenge, and return the final answer."""
    again = {**changes, "frm": f"sip:{user}@alpha.test", "call_id": unique("call")}
    challenge = phone.ask(method, uri, **again)
    assert challenge.status == 407
    value = digest(challenge.get("Proxy-Authenticate"), method, uri, user, "secret")
    phone.send(phone.request(method, uri, **{**again, "cseq": 2, "headers": (*changes.get("headers", ()), f"Proxy-Authorization: {value}")}))


# ---------------------------------------------------------------------------- strangers


@pytest.mark.parametrize("uri", ["sip:victim@victim.test", "sip:victim@127.0.0.1:9", "sip:+4940555@beta.test", "sip:x@routed.test",
                                 "tel:+4940555", "tel:+15551234", "sip:+4940555@alpha.test;user=phone", "sip:+15551234@alpha.test"])
@pytest.mark.parametrize("call", ["none", "verified", "any"])
def test_a_stranger_is_relayed_nowhere(at, calls_from, uri, call):
    calls_from(call)
    assert at().ask("INVITE", uri).status == 403


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH", "INFO", "BYE", "UPDATE", "FROBNICATE"])
def test_no_method_relays(at, calls_from, method):
    calls_from("any")
    assert at().ask(method, "sip:victim@127.0.0.1:9").status == 403
    assert at().ask(method, "sip:victim@127.0.0.1:9", to_tag="forged").status == 403


@pytest.mark.parametrize("method, uri", [("INVITE", BOB), ("INVITE", "sip:victim@127.0.0.1:9"), ("MESSAGE", BOB), ("REFER", BOB),
                                         ("INVITE", "tel:+4940555")])
@pytest.mark.parametrize("frm", ["sip:alice@alpha.test", "sip:ALICE@ALPHA.TEST", "sip:alice@alpha.test:5060", "sips:alice@alpha.test",
                                 "sip:nobody-at-all@alpha.test", "tel:+4930123100"])
def test_a_from_of_ours_must_be_proved(at, method, uri, frm):
    answer = at().ask(method, uri, frm=frm)
    assert answer.status == 407
    assert [re.search(r"algorithm=([\w-]+)", c).group(1) for c in answer.all("Proxy-Authenticate")] == ["SHA-256", "MD5"]


@pytest.mark.parametrize("call, status", [("none", 403), ("verified", 403), ("any", None)])
def test_whether_strangers_may_call_our_users(at, bob, calls_from, call, status):
    calls_from(call)
    mallory = at()
    mallory.send(mallory.request("INVITE", BOB))
    if status:
        assert mallory.final().status == status
        bob.silence(0.1)
    else:
        bob.answer(bob.expect("INVITE"), 486)
        assert mallory.final().status == 486


def test_numbers_in_our_domain(at, calls_from):
    """Whoever bears one is reached by it, in each of its forms; a number that nobody bears is no way out."""
    calls_from("any")
    phone, mallory = at(user=f"sip:{PHONE_NUMBER}@alpha.test"), at()
    assert phone.register(password="secret").status == 200
    for uri in (f"sip:{PHONE_NUMBER}@alpha.test", f"sip:{PHONE_NUMBER}@alpha.test;user=phone", f"tel:{PHONE_NUMBER}", "tel:+49-30-123-100"):
        mallory.send(mallory.request("MESSAGE", uri))
        phone.answer(phone.expect("MESSAGE"), 200)
        assert mallory.final().status == 200
    assert mallory.ask("MESSAGE", "sip:+4930123999@alpha.test").status == 404
    assert mallory.ask("MESSAGE", "sip:+4940555@alpha.test").status == 403


# ---------------------------------------------------------------------------- Route


def established(at, bob):
    """A call from a trusted PBX to bob: (the caller, his dialog, the route set that the gateway wrote)."""
    pbx = at(PBX, "sip:desk@pbx.test")
    invite = pbx.request("INVITE", BOB, tag=unique("t"))
    pbx.send(invite)
    bob.answer(bob.expect("INVITE"), 200)
    ok = pbx.expect(200)
    dialog = Dialog.of_caller(pbx, invite, ok)
    dialog.send("ACK")
    bob.expect("ACK")
    return dialog


@pytest.mark.parametrize("route", ["<sip:{gate};lr>", "<sip:{gate};lr;lt=AAAAAAAAAAAAAAAA>", "<sip:{gate};lr;lt>", "<sip:alpha.test;lr>",
                                   "<sip:127.0.0.1:9;lr>", "<sip:{gate};lr>, <sip:127.0.0.1:9;lr>", "<sip:{gate};lr>, <sip:{gate};lr>"])
@pytest.mark.parametrize("to_tag", ["", "forged"])
def test_a_forged_route_relays_nobody(gate, at, calls_from, route, to_tag):
    calls_from("any")
    text = route.format(gate="{}:{}".format(*gate.udp))
    for method in ("INVITE", "BYE", "MESSAGE"):
        assert at().ask(method, "sip:victim@127.0.0.1:9", routes=[text], to_tag=to_tag).status == 403


def test_a_copied_route_relays_nobody(at, bob, calls_from):
    calls_from("any")
    dialog = established(at, bob)
    assert len(dialog.routes) == 1 and "lt=" in dialog.routes[0]
    mallory = at()
    for method in ("INVITE", "BYE", "MESSAGE"):
        # Another Call-ID, or another tag, is another dialog.
        assert mallory.ask(method, "sip:victim@127.0.0.1:9", routes=dialog.routes, to_tag="forged").status == 403
        assert mallory.ask(method, "sip:victim@127.0.0.1:9", routes=dialog.routes, to_tag="forged", call_id=dialog.call_id).status == 403
        # Without a To-tag it is in no dialog at all.
        assert mallory.ask(method, "sip:victim@127.0.0.1:9", routes=dialog.routes, call_id=dialog.call_id, tag=dialog.local_tag).status == 403
    mallory.send(mallory.request("ACK", "sip:victim@127.0.0.1:9", routes=dialog.routes, to_tag="forged"))
    mallory.silence(0.2)
    dialog.send("BYE")
    bob.answer(bob.expect("BYE"), 200)
    assert dialog.phone.final(method="BYE").status == 200


def test_a_dialog_follows_its_route_after_a_restart(gate, at, bob):
    dialog = established(at, bob)
    gate.restart()
    dialog.send("INFO")
    bob.answer(bob.expect("INFO"), 200)
    assert dialog.phone.final(method="INFO").status == 200


def test_a_strict_router_before_us(at, bob):
    """What RFC 3261 16.4 makes good must not be a way out for others."""
    dialog = established(at, bob)
    ours = re.search("<(.*)>", dialog.routes[0]).group(1)
    dialog.send("INFO", uri=ours, routes=[f"<{dialog.target}>"])
    bob.answer(bob.expect("INFO"), 200)
    assert dialog.phone.final(method="INFO").status == 200
    assert at().ask("INFO", ours, routes=["<sip:victim@127.0.0.1:9>"], to_tag="forged").status == 403


# ---------------------------------------------------------------------------- peers


@pytest.mark.parametrize("frm, passes", [("sip:carol@beta.test", True), ("sip:+4940555@beta.test", True), ("tel:+4940555", True),
                                         ("sip:carol@gamma.test", False), ("sip:alice@alpha.test", False), ("sip:carol@elsewhere.test", False),
                                         ("tel:+4950555", False), ("sip:anonymous@anonymous.invalid", False)])
def test_a_peer_is_known_by_its_address(at, bob, frm, passes):
    beta = at(BETA, "sip:carol@beta.test")
    beta.send(beta.request("MESSAGE", BOB, frm=frm))
    if passes:
        bob.answer(bob.expect("MESSAGE"), 200)
        assert beta.final().status == 200
    else:
        assert beta.final().status == 403  # also for a From of ours: peers are not asked for passwords
        bob.silence(0.1)


@pytest.mark.parametrize("uri, passes", [("sip:victim@127.0.0.1:9", False), ("sip:dave@gamma.test", False), ("tel:+4940555", False),
                                         ("sip:+4940555@alpha.test", False), ("sip:x@routed.test", True)])
def test_through_us_a_peer_reaches_others_by_a_route_alone(at, uri, passes):
    answer = at(BETA).ask("MESSAGE", uri, frm="sip:carol@beta.test", seconds=8)
    assert (answer.status != 403) == passes


# ---------------------------------------------------------------------------- trusted networks


@pytest.mark.parametrize("address, frm, to, status", [
    (PBX, "sip:alice@alpha.test", "us", 200), (PBX, "sip:x@elsewhere.test", "us", 200), (PBX, "sip:x@elsewhere.test", "others", 200),
    (PBX, "sip:alice@alpha.test", "others", 200),
    (ASSERTER, "sip:alice@alpha.test", "us", 200), (ASSERTER, "sip:x@elsewhere.test", "us", 200), (ASSERTER, "sip:alice@alpha.test", "others", 403),
    (RELAYER, "sip:alice@alpha.test", "us", 407), (RELAYER, "sip:alice@alpha.test", "others", 407), (RELAYER, "sip:x@elsewhere.test", "us", 403)])
def test_what_trusted_networks_may(at, bob, address, frm, to, status):
    sink = at(user="sip:victim@elsewhere.test")
    sender = at(address)
    sender.send(sender.request("MESSAGE", BOB if to == "us" else sink.contact, frm=frm))
    if status == 200:
        receiver = bob if to == "us" else sink
        receiver.answer(receiver.expect("MESSAGE"), 200)
    assert sender.final().status == status


def test_asserted_identities_pass_between_trusting_sides_alone(at, calls_from):
    calls_from("any")
    header = "P-Asserted-Identity: <sip:president@alpha.test>"
    bob = at(PBX, BOB)
    assert bob.register(password="secret").status == 200
    for address, frm, passes in ((PBX, "sip:alice@alpha.test", True), (ASSERTER, "sip:alice@alpha.test", True),
                                 (STRANGER, "sip:mallory@elsewhere.test", False), (BETA, "sip:carol@beta.test", False)):
        sender = at(address)
        sender.send(sender.request("MESSAGE", BOB, frm=frm, headers=(header, "P-Preferred-Identity: <sip:x@y.test>")))
        got = bob.expect("MESSAGE")
        assert got.all("P-Asserted-Identity") == (["<sip:president@alpha.test>"] if passes else []), (address, got.text)
        bob.answer(got, 200)
        assert sender.final().status == 200
    bob.register(password="secret", expires=0)


# ---------------------------------------------------------------------------- users


def test_a_user_calls_as_himself_anywhere(at, bob):
    alice, sink = at(user="sip:alice@alpha.test"), at(user="sip:victim@elsewhere.test")
    for receiver, uri in ((bob, BOB), (sink, sink.contact)):
        asked_with_password(alice, "MESSAGE", uri, "alice")
        got = receiver.expect("MESSAGE")
        assert not got.all("Proxy-Authorization")  # ours, and for nobody else
        receiver.answer(got, 200)
        assert alice.final().status == 200


def test_a_user_is_nobody_else(at):
    phone = at(user="sip:alice@alpha.test")
    call_id = unique("call")
    challenge = phone.ask("MESSAGE", BOB, call_id=call_id)
    value = digest(challenge.get("Proxy-Authenticate"), "MESSAGE", BOB, "alice", "secret")
    answer = phone.ask("MESSAGE", BOB, call_id=call_id, cseq=2, frm="sip:bob@alpha.test", headers=(f"Proxy-Authorization: {value}",))
    assert answer.status == 403


def test_the_connection_it_registered_on_proves_a_user_and_a_udp_address_does_not(at, bob):
    over_tcp, over_udp = at(user="sip:alice@alpha.test", tcp=True), at(user="sip:alice@alpha.test")
    for phone in (over_tcp, over_udp):
        assert phone.register(password="secret").status == 200
    over_tcp.send(over_tcp.request("MESSAGE", BOB))
    bob.answer(bob.expect("MESSAGE"), 200)
    assert over_tcp.final().status == 200
    assert over_tcp.ask("MESSAGE", BOB, frm="sip:bob@alpha.test").status in (403, 407)
    assert over_udp.ask("MESSAGE", BOB).status == 407


def test_roles_of_listeners(tmp_path):
    listen = [{"url": "udp://127.0.0.1:0", "role": "users"}, {"url": "udp://127.0.0.1:0", "role": "peers"}, "tcp://127.0.0.1:0"]
    with Lotse(tmp_path, {**CONF, "listen": listen, "federation": {"call": "any"}}) as daemon:
        users, peers = daemon.address("udp", 0), daemon.address("udp", 1)
        for gateway, address, frm, status in ((users, STRANGER, "sip:x@elsewhere.test", 403), (users, STRANGER, "sip:alice@alpha.test", 407),
                                              (users, BETA, "sip:carol@beta.test", 403), (peers, STRANGER, "sip:x@elsewhere.test", 403),
                                              (peers, STRANGER, "sip:alice@alpha.test", 403), (peers, BETA, "sip:carol@beta.test", 404)):
            with Phone(gateway, "sip:x@y.test", address=address) as phone:
                assert phone.ask("MESSAGE", BOB, frm=frm).status == status, (gateway == users, address, frm)
        with Phone(peers, BOB) as phone:
            assert phone.register().status == 403


def test_refusals_are_counted_and_logged(gate, at):
    before = gate.metric("lotse_refused_total")
    phone = at()
    request = phone.request("INVITE", "sip:victim@victim.test")
    phone.send(request)
    ack(phone, request, phone.final())
    assert gate.metric("lotse_refused_total") == before + 1
    wait_for(lambda: "event=refused method=INVITE who=stranger" in gate.log())
