"""Calls to and from a user of a foreign provider that runs Kamailio; each side finds the other by DNS (RFC 3263)."""

import os

import pytest

from kamailio import Kamailio
from knot import Knot, free_port
from lotse import Lotse
from sip import Dialog, Phone

ALPHA, GAMMA = "127.0.0.1", "127.0.0.77"


def zone(address, port, *transports):
    return "@ SOA ns. h. 1 60 60 60 60\n@ NS ns.\nsip A {}\n".format(address) + "".join(
        f'@ NAPTR {n} 0 "s" "SIP+D2{t[0].upper()}" "" _sip._{t}\n_sip._{t} SRV 0 0 {port} sip\n' for n, t in enumerate(transports, 1))


@pytest.fixture(scope="module", params=["udp", "tcp"])
def providers(request, tmp_path_factory):
    """(our daemon, the Kamailio, a transport): by DNS both like this one best."""
    first = request.param
    second = "tcp" if first == "udp" else "udp"
    folder = tmp_path_factory.mktemp(first)
    ports = {ALPHA: free_port(ALPHA), GAMMA: free_port(GAMMA)}
    # Port 53 of an address of its own.
    with Knot(f"127.{53 + os.getpid() % 100}.{os.getpid() // 250 % 250}.53") as knot:
        knot.port = 53
        server = knot.start({"alpha.test": zone(ALPHA, ports[ALPHA], first, second), "gamma.test": zone(GAMMA, ports[GAMMA], first, second)})
        conf = {"domains": ["alpha.test"], "workers": 2, "auth": {"required": False}, "federation": {"call": "any"},
                "listen": [f"{t}://{ALPHA}:{ports[ALPHA]}" for t in ("udp", "tcp")],
                "resolver": {"servers": [server], "allow_targets": ["127.0.0.0/8"]}}
        with Lotse(folder / "lotse", conf) as lotse, Kamailio(folder / "gamma", "gamma.test", GAMMA, ports[GAMMA], knot.address) as gamma:
            yield lotse, gamma, first


def call(caller, callee, aor, transport):
    """A call from ringing to hanging up, hung up by the called one; `transport`: by which it passes from provider to provider."""
    invite = caller.request("INVITE", aor)
    caller.send(invite)
    got = callee.expect("INVITE", seconds=8)
    callee.answer(got, 180)
    caller.expect(180)
    callee.answer(got, 200)
    ok = caller.expect(200)
    # Each has written itself down, once a side where the sides differ.
    assert [("transport=tcp" in r) for r in ok.routes()] == ([False, True, True, False] if transport == "tcp" else [False, False])
    dialog, other = Dialog.of_caller(caller, invite, ok), Dialog.of_callee(callee, got)
    dialog.send("ACK")
    callee.expect("ACK")
    for side, asker, asked, method in ((dialog, caller, callee, "INFO"), (other, callee, caller, "BYE")):
        side.send(method)
        asked.answer(asked.expect(method), 200)
        assert asker.final(method=method).status == 200


@pytest.fixture
def users(providers):
    """alice at ours, carol at theirs, both registered."""
    lotse, gamma, _ = providers
    with Phone(lotse.udp) as alice, Phone(gamma.place, "sip:carol@gamma.test", address=GAMMA) as carol:
        assert alice.register().status == 200
        assert carol.register().status == 200
        yield alice, carol


def test_our_user_calls_theirs(providers, users):
    call(users[0], users[1], "sip:carol@gamma.test", providers[2])


def test_their_user_calls_ours(providers, users):
    call(users[1], users[0], "sip:alice@alpha.test", providers[2])


def test_nobody_there_and_nobody_here(users):
    alice, carol = users
    assert alice.ask("INVITE", "sip:nobody@gamma.test").status == 404
    assert carol.ask("INVITE", "sip:nobody@alpha.test").status == 404
