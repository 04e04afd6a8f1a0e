"""Registrations, message by message (RFC 3261 10), and who may make them (RFC 7616, RFC 8760)."""

import re
import time

import pytest

from lotse import Lotse
from sip import Phone, digest, unique

CONF = {"domains": ["alpha.test", "b.test"], "workers": 4, "limits": {"requests_per_source": "0", "failed_logins": "0"},
        "auth": {"nonce_lifetime": "2s"}, "registrar": {"max_contacts": 4},
        "trusted": ["127.0.0.4"]}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A registrar that asks for passwords."""
    with Lotse(tmp_path_factory.mktemp("office"), CONF) as daemon:
        daemon.add_user("alice@alpha.test")
        daemon.add_user("bob@alpha.test", "bobs")
        yield daemon


@pytest.fixture
def alice(office):
    with Phone(office.udp) as p:
        yield p
        p.register(contacts="*", headers=("Expires: 0",), password="secret")


def someone():
    return f"sip:{unique('bob')}@alpha.test"


def bound(answer):
    """{uri: seconds} of a 200 to REGISTER."""
    assert answer.status == 200, answer.start
    return {uri: int(seconds) for uri, seconds in re.findall(r"<(.*?)>;expires=(\d+)", ", ".join(answer.all("Contact")))}


# ---------------------------------------------------------------------------- what is bound


def test_add_query_refresh_remove(phone):
    p, call_id = phone(someone()), unique("reg")
    assert bound(p.register(300, call_id=call_id)) == {p.contact: 300}
    assert 298 <= bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None))[p.contact] <= 300
    assert bound(p.register(900, call_id=call_id, cseq=2)) == {p.contact: 900}
    answer = p.register(0, call_id=call_id, cseq=3)
    assert bound(answer) == {} and answer.get("Date").endswith("GMT")
    assert bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None)) == {}


def test_several_contacts_and_removing_all(phone):
    p = phone(someone())
    assert bound(p.register(contacts=f"<{p.contact}>;expires=100, <sip:b@127.0.0.1:9>;expires=200;q=0.5")) == {
        p.contact: 100, "sip:b@127.0.0.1:9": 200}
    other = phone(p.user)
    answer = other.register(300)
    assert set(bound(answer)) == {p.contact, "sip:b@127.0.0.1:9", other.contact}
    assert any("q=0.5" in c for c in answer.all("Contact"))
    # "*" stands alone, with Expires: 0.
    assert p.register(contacts="*").status == 400
    assert p.register(contacts="*", headers=("Expires: 60",)).status == 400
    assert p.register(contacts=f"*, <{p.contact}>", headers=("Expires: 0",)).status == 400
    assert len(bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None))) == 3
    assert bound(p.register(contacts="*", headers=("Expires: 0",))) == {}


@pytest.mark.parametrize("asked, header, granted", [(300, None, 300), (None, "200", 200), (300, "200", 300), (None, None, 3600),
                                                    (100000, None, 7200), (60, None, 60), ("nonsense", None, 3600)])
def test_how_long_it_lasts(phone, asked, header, granted):
    p = phone(someone())
    contact = f"<{p.contact}>" + (f";expires={asked}" if asked is not None else "")
    assert bound(p.register(contacts=contact, headers=[f"Expires: {header}"] if header else ()))[p.contact] == granted


def test_too_short(phone):
    p = phone(someone())
    answer = p.register(59)
    assert answer.status == 423 and answer.get("Min-Expires") == "60"
    # All or nothing: the good one of the two is not bound either.
    assert p.register(contacts=f"<{p.contact}>;expires=300, <sip:b@127.0.0.1:9>;expires=1").status == 423
    assert bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None)) == {}


def test_order_is_told_by_call_id_and_cseq(phone):
    p, call_id = phone(someone()), unique("reg")
    assert bound(p.register(300, call_id=call_id, cseq=5)) == {p.contact: 300}
    # The same again (its 200 was lost) is answered; another one under the same number, or an older one, is not.
    assert 299 <= bound(p.register(300, call_id=call_id, cseq=5))[p.contact] <= 300
    assert p.register(900, call_id=call_id, cseq=5).status >= 400
    assert p.register(0, call_id=call_id, cseq=4).status >= 400
    assert 299 <= bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None))[p.contact] <= 300
    # Another Call-ID is a phone that was started anew: no order between them.
    assert bound(p.register(400, cseq=1)) == {p.contact: 400}


def test_all_or_nothing(phone):
    p, call_id = phone(someone()), unique("reg")
    bound(p.register(300, call_id=call_id, cseq=7))
    refused = p.register(contacts=f"<{p.contact}>;expires=0, <sip:new@127.0.0.1:9>;expires=300", call_id=call_id, cseq=6)
    assert refused.status >= 400
    assert set(bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None))) == {p.contact}


def test_the_same_contact_in_another_spelling(phone):
    p = phone(someone())
    bound(p.register(contacts=f"<sip:bob@EXAMPLE.test:5080;transport=udp>;expires=300"))
    assert len(bound(p.register(contacts=f"<sip:b%6Fb@example.test:5080;transport=UDP>;expires=300"))) == 1
    assert len(bound(p.register(contacts=f"<sip:bob@example.test:5081;transport=udp>;expires=300"))) == 2


def test_it_ends_by_itself(tmp_path):
    with Lotse(tmp_path, {**CONF, "auth": {"required": False}, "registrar": {"min_expires": "1s"}}) as daemon, Phone(daemon.udp, BOB) as p:
        assert p.register(1).status == 200
        time.sleep(1.1)
        assert bound(p.ask("REGISTER", "sip:alpha.test", to=p.user, contact=None)) == {}
        assert p.ask("MESSAGE", BOB, frm="sip:alice@alpha.test").status in (404, 480)


BOB = "sip:bob@alpha.test"


@pytest.mark.parametrize("contact, status", [("<sip:b@127.0.0.1:9", 400), ("<>", 400), ("<sip:b@127.0.0.1:9>;q=2", 400), ("<mailto:b@c.test>", 200),
                                             ("<sip:>", 400), (", ".join(f"<sip:b@127.0.0.1:{n}>" for n in range(1, 12)), 403)])
def test_contacts_that_are_none(phone, contact, status):
    answer = phone(someone()).register(contacts=contact)
    assert answer.status == status or (status == 403 and 400 <= answer.status < 600), answer.start


def test_bindings_per_user_are_bounded(alice):
    many = ", ".join(f"<sip:a@127.0.0.1:{n}>;expires=300" for n in range(1, 5))
    assert len(bound(alice.register(contacts=many, password="secret"))) == 4
    assert alice.register(contacts="<sip:a@127.0.0.1:5>;expires=300", password="secret").status == 403
    assert bound(alice.register(contacts="*", headers=("Expires: 0",), password="secret")) == {}


@pytest.mark.parametrize("changes, status", [({"to": "sip:alice@elsewhere.test"}, 404), ({"to": "tel:+15551234"}, 404), ({"to": "sip:alpha.test"}, 404),
                                             ({"headers": ("Require: teleport",)}, 420)])
def test_what_cannot_be_registered(phone, changes, status):
    p = phone()
    answer = p.ask("REGISTER", "sip:alpha.test", **changes)
    assert answer.status == status
    assert status != 420 or answer.get("Unsupported") == "teleport"


def test_another_domain_is_not_registered_here(office):
    # A registrar is no way out either.
    with Phone(office.udp) as p:
        assert p.ask("REGISTER", "sip:elsewhere.test", to="sip:alice@elsewhere.test").status in (403, 404)


# ---------------------------------------------------------------------------- passwords


def challenges_of(answer):
    assert answer.status == 401
    return {re.search(r"algorithm=([\w-]+)", c).group(1): c for c in answer.all("WWW-Authenticate")}


def claim(phone, challenge, user="alice", password="secret", **changes):
    """REGISTER with credentials for a challenge."""
    keys = {k: changes.pop(k) for k in ("nc", "cnonce") if k in changes}
    value = digest(challenge, "REGISTER", "sip:alpha.test", user, password, **keys)
    c = {"to": phone.user, "contact": f"<{phone.contact}>;expires=300", **changes}
    return phone.ask("REGISTER", "sip:alpha.test", headers=(f"Authorization: {value}",), **c)


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_digest(alice, algorithm):
    found = challenges_of(alice.register())
    assert list(found) == ["SHA-256", "MD5"]
    assert 'realm="alpha.test"' in found[algorithm] and 'qop="auth"' in found[algorithm]
    assert claim(alice, found[algorithm]).status == 200


def test_wrong_password_and_unknown_user_are_answered_alike(office, alice):
    def without_numbers(answer):
        text = re.sub(r'nonce="[^"]*"', "", answer.text)
        return re.sub(r"(?m)^(Via|Call-ID|To|From|Date):.*$", "", text)

    with Phone(office.udp, "sip:nobody@alpha.test") as nobody:
        wrong = claim(alice, challenges_of(alice.register())["SHA-256"], password="wrong")
        unknown = claim(nobody, challenges_of(nobody.register())["SHA-256"], user="nobody")
        first = nobody.register()
    assert wrong.status == unknown.status == 401
    assert without_numbers(wrong) == without_numbers(unknown) == without_numbers(first)


def test_a_nonce_count_is_used_once(office, alice):
    challenge = challenges_of(alice.register())["SHA-256"]
    assert claim(alice, challenge, nc=1).status == 200
    replayed = claim(alice, challenge, nc=1)
    assert replayed.status == 401
    assert claim(alice, challenge, nc=2).status == 200
    # Known on whichever worker the copy arrives.
    for _ in range(6):
        with Phone(office.udp) as other:
            assert claim(other, challenge, nc=2).status == 401
    assert claim(alice, challenge, nc=3).status == 200


def test_an_old_nonce_is_stale_for_who_knows_the_password(alice):
    challenge = challenges_of(alice.register())["SHA-256"]
    time.sleep(2.1)
    stale = claim(alice, challenge)
    assert "stale=true" in challenges_of(stale)["SHA-256"].lower()
    assert claim(alice, challenges_of(stale)["SHA-256"]).status == 200
    assert "stale=true" not in challenges_of(claim(alice, challenge, password="wrong"))["SHA-256"].lower()


@pytest.mark.parametrize("spoil", [lambda c: re.sub(r'nonce="[^"]*"', 'nonce="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"', c),
                                   lambda c: re.sub(r'nonce="[^"]*"', 'nonce=""', c), lambda c: c.replace("alpha.test", "b.test")])
def test_a_nonce_of_somebody_elses(alice, spoil):
    assert claim(alice, spoil(challenges_of(alice.register())["SHA-256"])).status in (400, 401)


def test_the_nonce_of_another_realm(office, alice):
    with Phone(office.udp, "sip:alice@b.test") as elsewhere:
        challenge = elsewhere.ask("REGISTER", "sip:b.test", to="sip:alice@b.test").get("WWW-Authenticate")
    assert claim(alice, challenge.replace('realm="b.test"', 'realm="alpha.test"')).status == 401


def test_nobody_registers_for_another(alice):
    challenge = challenges_of(alice.register())["SHA-256"]
    assert claim(alice, challenge, to="sip:bob@alpha.test").status == 403
    # ... and reads nobody else's contacts.
    challenge = challenges_of(alice.register())["SHA-256"]
    assert claim(alice, challenge, to="sip:bob@alpha.test", contact=None).status == 403


def test_a_trusted_network_needs_the_password_too(office):
    with Phone(office.udp, address="127.0.0.4") as p:
        assert p.register().status == 401
        assert p.register(password="wrong").status == 401
        assert p.register(password="secret").status == 200


def test_guessing_is_slowed_down(tmp_path):
    with Lotse(tmp_path, {**CONF, "limits": {"failed_logins": "3/min"}}) as daemon:
        daemon.add_user("alice@alpha.test")
        with Phone(daemon.udp, address="127.0.0.8") as thief, Phone(daemon.udp, "sip:bob@alpha.test", address="127.0.0.9") as bob:
            daemon.add_user("bob@alpha.test")
            assert [thief.register(password="guess").status for _ in range(4)] == [401, 401, 401, 403]
            assert thief.register(password="secret").status == 403  # right, and too late
            assert bob.register(password="secret").status == 200


def test_accounts_change_while_serving(office):
    office.add_user("carol@alpha.test", "one")
    with Phone(office.udp, "sip:carol@alpha.test") as carol:
        assert carol.register(password="one").status == 200
        office.run("user", "passwd", "carol@alpha.test", text="two\n")
        assert carol.register(password="one").status == 401
        assert carol.register(password="two").status == 200
        office.run("user", "del", "carol@alpha.test")
        assert carol.register(password="two").status == 401


def test_what_is_stored_is_no_password(office):
    """HA1 for both algorithms, and nowhere the password itself."""
    office.add_user("dave@alpha.test", "correct-horse-battery")
    for file in office.folder.joinpath("data").rglob("*"):
        assert not file.is_file() or b"correct-horse" not in file.read_bytes(), file
    assert "correct-horse" not in office.log()


def test_registrations_outlive_a_restart(tmp_path):
    with Lotse(tmp_path, {**CONF, "auth": {"required": False}}) as daemon, Phone(daemon.tcp, BOB, tcp=True) as bob:
        assert bob.register(contacts="<sip:bob@127.0.0.1:9>;expires=300").status == 200
        daemon.stop()
        daemon.start()
        with Phone(daemon.udp, BOB) as again:
            assert set(bound(again.ask("REGISTER", "sip:alpha.test", to=BOB, contact=None))) == {"sip:bob@127.0.0.1:9"}
