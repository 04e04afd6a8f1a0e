"""A real softphone registers, is called, calls, and hangs up."""

import pytest

from baresip import Baresip
from lotse import Lotse, wait_for
from sip import Dialog, Phone, ack, digest

CONF = {"domains": ["alpha.test"], "workers": 2, "auth": {"algorithms": ["MD5"]},
        "resolver": {"servers": ["127.0.0.1:9"], "allow_targets": ["127.0.0.0/8"]}}
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")


@pytest.fixture(scope="module")
def lotse(tmp_path_factory):
    with Lotse(tmp_path_factory.mktemp("lotse"), CONF) as daemon:
        for user in ("alice", "bob", "carol"):
            daemon.add_user(f"{user}@alpha.test")
        yield daemon


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_it_registers_and_is_called(lotse, tmp_path, tcp):
    with Baresip(tmp_path / "bob", "bob@alpha.test", "secret", lotse.tcp if tcp else lotse.udp, tcp) as bob, Phone(lotse.udp) as alice:
        bob.registered()
        assert "bob" in lotse.run("location", "show", "bob@alpha.test")
        offer = {"body": SDP, "headers": ("Content-Type: application/sdp",)}
        unproved = alice.request("INVITE", "sip:bob@alpha.test", **offer)
        alice.send(unproved)
        challenge = alice.expect(407)
        ack(alice, unproved, challenge)
        value = digest(challenge.get("Proxy-Authenticate"), "INVITE", "sip:bob@alpha.test", "alice", "secret")
        invite = alice.request("INVITE", "sip:bob@alpha.test", cseq=2, body=SDP, headers=(*offer["headers"], f"Proxy-Authorization: {value}"))
        alice.send(invite)
        dialog = Dialog.of_caller(alice, invite, alice.expect(200, seconds=8))
        dialog.send("ACK")
        bob.expect("CALL_ESTABLISHED")
        dialog.send("BYE")
        assert alice.final(method="BYE").status == 200
        bob.expect("CALL_CLOSED")


def test_two_of_them_talk(lotse, tmp_path):
    with Baresip(tmp_path / "bob", "bob@alpha.test", "secret", lotse.udp) as bob, \
         Baresip(tmp_path / "carol", "carol@alpha.test", "secret", lotse.tcp, tcp=True) as carol:
        bob.registered()
        carol.registered()
        carol.command("dial", "sip:bob@alpha.test")
        bob.expect("CALL_ESTABLISHED")
        carol.expect("CALL_ESTABLISHED")
        bob.command("hangup")
        carol.expect("CALL_CLOSED")
        bob.expect("CALL_CLOSED")
    assert lotse.metrics()['lotse_calls_total{outcome="answered"}'] >= 1


def test_a_wrong_password(lotse, tmp_path):
    with Baresip(tmp_path / "bob", "bob@alpha.test", "guessed", lotse.udp) as bob:
        wait_for(lambda: "reg: sip:bob@alpha.test: 40" in bob.log(), 8, bob.log)
