"""Calls through the proxy, message by message (RFC 3261 16)."""

import pytest

from sip import Dialog, ack, cancel, unique


def someone():
    """A user nobody has been yet."""
    return f"sip:{unique('bob')}@alpha.test"


def ring(caller, callees, aor):
    """caller's INVITE to `aor`, and what each of the callees got of it."""
    invite = caller.request("INVITE", aor)
    caller.send(invite)
    return invite, [callee.expect("INVITE") for callee in callees]


@pytest.mark.parametrize("caller_tcp", [False, True])
@pytest.mark.parametrize("callee_tcp", [False, True])
def test_a_call_from_ringing_to_hanging_up(phone, caller_tcp, callee_tcp):
    aor = someone()
    alice, bob = phone(tcp=caller_tcp), phone(aor, tcp=callee_tcp)
    assert bob.register().status == 200
    invite, (got,) = ring(alice, [bob], aor)
    assert got.uri == bob.contact
    assert got.get("Max-Forwards") == "69"
    alice.expect(100)
    bob.answer(got, 180)
    alice.expect(180)
    bob.answer(got, 200)
    ok = alice.expect(200)
    caller, callee = Dialog.of_caller(alice, invite, ok), Dialog.of_callee(bob, got)
    caller.send("ACK")
    bob.expect("ACK")
    # In both directions: a re-INVITE from the caller, an INFO and the BYE from the callee.
    again = caller.request("INVITE")
    alice.send(again)
    got = bob.expect("INVITE")
    bob.answer(got, 200)
    alice.expect(200, method="INVITE")
    caller.send("ACK")
    bob.expect("ACK")
    for method in ("INFO", "BYE"):
        callee.send(method)
        request = alice.expect(method)
        alice.answer(request, 200)
        assert bob.final(method=method).status == 200


def test_all_phones_ring_and_one_answers(phone):
    aor = someone()
    alice, desk, mobile = phone(), phone(aor), phone(aor, tcp=True)
    for bob in (desk, mobile):
        assert bob.register().status == 200
    invite, (at_desk, at_mobile) = ring(alice, [desk, mobile], aor)
    desk.answer(at_desk, 180, tag="d")
    mobile.answer(at_mobile, 180, tag="m")
    alice.expect(180)
    alice.expect(180)
    mobile.answer(at_mobile, 200, tag="m")
    Dialog.of_caller(alice, invite, alice.expect(200)).send("ACK")
    stopped = desk.expect("CANCEL")
    assert "elsewhere" in stopped.get("Reason")
    desk.answer(stopped, 200)
    desk.answer(at_desk, 487, tag="d")
    desk.expect("ACK")
    mobile.expect("ACK")
    alice.silence(0.3)


def test_the_next_q_is_tried_after_the_first_said_no(phone):
    aor = someone()
    alice, first, second = phone(), phone(aor), phone(aor)
    assert first.register(contacts=f"<{first.contact}>;q=0.9;expires=300").status == 200
    assert second.register(contacts=f"<{second.contact}>;q=0.4;expires=300").status == 200
    _, (got,) = ring(alice, [first], aor)
    second.silence(0.2)
    first.answer(got, 480)
    got = second.expect("INVITE")
    second.answer(got, 486)
    assert alice.final().status == 486


@pytest.mark.parametrize("answers, best", [((486, 404), 486), ((404, 484), 484), ((500, 486), 486), ((603, 486), 603), ((503, 503), 500),
                                           ((408, 404), 404)])
def test_the_best_answer_goes_back(phone, answers, best):
    aor = someone()
    alice, bobs = phone(), [phone(aor) for _ in answers]
    for bob in bobs:
        bob.register()
    _, got = ring(alice, bobs, aor)
    for bob, request in zip(bobs, got):
        bob.answer(request, 180)
    for bob, request, status in zip(bobs, got, answers):
        bob.answer(request, status)
        if status >= 600:
            break
    if answers[0] >= 600:
        stopped = bobs[1].expect("CANCEL")
        bobs[1].answer(stopped, 200)
        bobs[1].answer(got[1], 487)
    assert alice.final().status == best


def test_the_caller_gives_up(phone):
    aor = someone()
    alice, bob = phone(), phone(aor)
    bob.register()
    invite, (got,) = ring(alice, [bob], aor)
    bob.answer(got, 180)
    alice.expect(180)
    cancel(alice, invite)
    assert alice.expect(200).method == "CANCEL"
    stopped = bob.expect("CANCEL")
    bob.answer(stopped, 200)
    bob.answer(got, 487)
    bob.expect("ACK")
    terminated = alice.expect(487)
    ack(alice, invite, terminated)
    alice.silence(0.7)


def test_cancel_of_nothing(phone):
    alice = phone()
    cancel(alice, alice.request("INVITE", someone()))
    assert alice.final().status == 481


def test_an_invite_is_sent_again_and_answered_once(phone):
    aor = someone()
    alice, bob = phone(), phone(aor)
    bob.register()
    invite, (got,) = ring(alice, [bob], aor)
    alice.send(invite)
    alice.send(invite)
    bob.silence(0.3)
    bob.answer(got, 486)
    busy = alice.final()
    assert busy.status == 486
    alice.expect(486)  # sent again until the ACK
    ack(alice, invite, busy)


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "OPTIONS", "INFO", "UPDATE", "FROBNICATE"])
def test_any_method_goes_to_the_user(phone, method):
    aor = someone()
    alice, bob = phone(), phone(aor)
    bob.register()
    alice.send(alice.request(method, aor))
    bob.answer(bob.expect(method), 202)
    assert alice.final().status == 202


def test_nobody_and_absent(phone):
    alice = phone()
    assert alice.ask("INVITE", "sip:nobody@alpha.test").status == 404


def test_hops_and_loops(phone):
    alice = phone()
    assert alice.ask("INVITE", someone(), max_forwards=0).status == 483
    # A user whose contact is himself at the gateway: the request would come back for ever.
    aor = someone()
    assert alice.register(contacts=f"<sip:{aor.split(':')[1].split('@')[0]}@{alice.gateway[0]}:{alice.gateway[1]}>;expires=60",
                          to=aor, frm=aor).status == 200
    assert alice.ask("MESSAGE", aor).status in (482, 483)


def test_what_a_proxy_must_understand(phone):
    answer = phone().ask("INVITE", someone(), headers=("Proxy-Require: teleport",))
    assert answer.status == 420
    assert answer.get("Unsupported") == "teleport"


def test_one_line_a_call(lab, phone):
    aor = someone()
    alice, bob = phone(), phone(aor)
    bob.register()
    invite, (got,) = ring(alice, [bob], aor)
    bob.answer(got, 200)
    dialog = Dialog.of_caller(alice, invite, alice.expect(200))
    dialog.send("ACK")
    bob.expect("ACK")
    dialog.send("BYE")
    bob.answer(bob.expect("BYE"), 200)
    alice.expect(200, method="BYE")
    lines = [line for line in lab.log().splitlines() if "event=call " in line and f"call_id={dialog.call_id}" in line]
    assert len(lines) == 1
    for word in ("from=sip:alice@alpha.test", f"to={aor}", "via=registrar", "outcome=answered", "status=200", "setup_ms=", "duration_ms="):
        assert word in lines[0]
