"""The home rule: whatever belongs to one Call-ID meets at one worker, wherever its messages arrive."""

import pytest

from conftest import LABORATORY
from lotse import Lotse, wait_for
from sip import Dialog, Phone, ack, cancel, unique

CALLS = 1000  # of four workers; fewer have less to share


@pytest.fixture(scope="module", params=[1, 2, 4])
def gateway(request, tmp_path_factory):
    with Lotse(tmp_path_factory.mktemp("home"), {**LABORATORY, "workers": request.param}) as daemon:
        daemon.workers = request.param
        yield daemon


@pytest.fixture
def at(gateway):
    """at("sip:bob@alpha.test", tcp=True): a phone, closed at the end of the test."""
    phones = []

    def make(user="sip:alice@alpha.test", tcp=False):
        phones.append(Phone(gateway.tcp if tcp else gateway.udp, user, tcp))
        return phones[-1]

    yield make
    for p in phones:
        p.close()


def begun(gateway):
    """Transactions begun, by worker."""
    found = gateway.metrics()
    return [found.get(f'lotse_worker_transactions_total{{worker="{n}"}}', 0) for n in range(gateway.workers)]


def all_work(gateway, before, at_least):
    """Every worker had its share of what has happened since: of four none has less than 15 %, where a fair share is 25 %."""
    done = []

    def shared():
        done[:] = [now - then for now, then in zip(begun(gateway), before)]
        return sum(done) >= at_least and min(done) >= 0.6 * sum(done) / gateway.workers

    wait_for(shared, 3, lambda: f"{done} transactions, of at least {at_least}")  # workers tell their figures once a second


def in_flight(phones, requests, answers_wanted, window=50):
    """Send all requests, a window at a time, and wait for their final answers."""
    for begin in range(0, len(requests), window):
        part = requests[begin:begin + window]
        for n, text in enumerate(part):
            phones[(begin + n) % len(phones)].send(text)
        for n in range(len(part)):
            assert phones[(begin + n) % len(phones)].final().status == answers_wanted


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("flows", [1, 50])
def test_all_workers_share_one_flow_as_they_share_many(gateway, at, flows, tcp):
    calls = CALLS * gateway.workers // 4
    before, phones = begun(gateway), [at(tcp=tcp) for _ in range(flows)]
    requests = [phones[n % flows].request("MESSAGE", "sip:nobody@alpha.test") for n in range(calls)]
    in_flight(phones, requests, 404)
    all_work(gateway, before, calls)


def test_one_connection_carries_whole_calls(gateway, at):
    """Most messages arrive at another worker than their home, in both directions."""
    before, bob_aor = begun(gateway), f"sip:{unique('bob')}@alpha.test"
    alice, bob = at(tcp=True), at(bob_aor, tcp=True)
    assert bob.register().status == 200
    calls = 100
    for _ in range(calls // 20):
        invites = {}
        for _ in range(20):
            text = alice.request("INVITE", bob_aor)
            call_id = text.partition("Call-ID: ")[2].partition("\r\n")[0]
            invites[call_id] = text
            alice.send(text)
        got = {m.get("Call-ID"): m for m in (bob.expect("INVITE") for _ in invites)}
        for request in got.values():
            bob.answer(request, 200)
        dialogs = []
        for _ in invites:
            ok = alice.expect(200)
            dialogs.append(Dialog.of_caller(alice, invites[ok.get("Call-ID")], ok))
            dialogs[-1].send("ACK")
        for _ in dialogs:
            bob.expect("ACK")
        for dialog in dialogs:
            dialog.send("BYE")
        for _ in dialogs:
            bob.answer(bob.expect("BYE"), 200)
        for _ in dialogs:
            assert alice.expect(200, method="BYE")
    all_work(gateway, before, 2 * calls)


def test_a_call_given_up_from_ever_new_ports(gateway, at):
    """INVITE, its retransmissions, CANCEL and ACK of one transaction, each from another port; answers go to the newest of its host."""
    bob = at(f"sip:{unique('bob')}@alpha.test")
    assert bob.register().status == 200
    for _ in range(8):
        alice, again, canceller, acker = at(), at(), at(), at()
        invite = alice.request("INVITE", bob.user)
        alice.send(invite)
        got = bob.expect("INVITE")
        again.send(invite)
        again.expect(100)
        bob.answer(got, 180)
        again.expect(180)
        again.send(invite)
        cancel(canceller, invite)
        assert canceller.expect(200).method == "CANCEL"
        stopped = bob.expect("CANCEL")  # the retransmissions made no second branch
        bob.answer(stopped, 200)
        bob.answer(got, 487)
        bob.expect("ACK")
        ended = again.expect(487)
        ack(acker, invite, ended)
    again.receive(0.3)  # one more 487 may have been under way before the last ACK came; understood, it was the last
    again.silence(1.2)
    bob.silence(0.1)


def test_a_call_whose_every_request_comes_from_a_new_port(gateway, at):
    bob = at(f"sip:{unique('bob')}@alpha.test")
    assert bob.register().status == 200
    for _ in range(8):
        alice, acker, ender = at(), at(), at()
        invite = alice.request("INVITE", bob.user)
        alice.send(invite)
        got = bob.expect("INVITE")
        bob.answer(got, 200)
        dialog = Dialog.of_caller(alice, invite, alice.expect(200))
        acker.send(dialog.request("ACK"))
        bob.expect("ACK")
        bye = dialog.request("BYE")
        ender.send(bye)
        request = bob.expect("BYE")
        alice.send(bye)
        bob.answer(request, 200)
        assert alice.expect(200, method="BYE")
        bob.silence(0.02)


def test_a_busy_answer_finds_its_ack_from_anywhere(gateway, at):
    bob = at(f"sip:{unique('bob')}@alpha.test")
    assert bob.register().status == 200
    phones = []
    for _ in range(8):
        alice, acker = at(), at()
        invite = alice.request("INVITE", bob.user)
        alice.send(invite)
        bob.answer(bob.expect("INVITE"), 486)
        ack(acker, invite, alice.expect(486))
        bob.expect("ACK")
        phones.append(alice)
    phones[-1].silence(0.7)
    for alice in phones:
        alice.silence(0)
