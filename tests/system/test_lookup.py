"""What a provider tells others about its users (docs/protocol/lookup.md), asked over real TLS."""

import json
import statistics
import time

import pytest

from https_peer import CONTACT, INGRESS
from lotse import free_port
from providers import Asker, World, peer
from sip import Phone, unique

GAMMAS_TOKEN = "gamma-knows-this"
ANSWERED, PROBLEM = "application/jrd+json", "application/problem+json"


@pytest.fixture(scope="module")
def world():
    with World() as w:
        yield w


@pytest.fixture(scope="module")
def beta(world, tmp_path_factory):
    """Asked by three peers: `contact` is alpha.test's certificate, `ingress` a token, `nothing` gamma.test's certificate."""
    world.house.file("token", GAMMAS_TOKEN + "\n")
    peers = [peer("alpha", 9, reveal="contact", addresses=[]), peer("gamma", 9, reveal="nothing"),
             {"name": "delta", "domains": ["delta.test"], "token_file": world.file("token"), "reveal": "ingress"}]
    daemon = world.provider(tmp_path_factory.mktemp("beta"), "beta", peers, free_port("127.0.2.1"), registrar={"min_expires": "1s"},
                            domains=[{"name": "beta.test", "numbers": ["+4930"]}])
    with daemon:
        yield daemon


TOKEN = {"Authorization": "Bearer " + GAMMAS_TOKEN}


@pytest.fixture
def ask(world, beta):
    """ask("contact", "sip:bob@beta.test")"""
    askers = {"contact": (Asker(world, beta, "alpha"), {}), "ingress": (Asker(world, beta), TOKEN), "nothing": (Asker(world, beta, "gamma"), {}),
              "stranger": (Asker(world, beta), {})}

    def one(who, resource, **more):
        asker, headers = askers[who]
        return asker.ask(resource, **{**headers, **more})

    yield one
    for asker, _ in askers.values():
        asker.close()


@pytest.fixture
def registered(beta):
    """registered(expires=5): a phone of a new user of beta's."""
    phones = []

    def make(expires=300, user=None):
        phones.append(Phone(beta.udp, f"sip:{user or unique('bob')}@beta.test", address="127.0.0.1"))
        assert phones[-1].register(expires=expires).status == 200
        return phones[-1]

    yield make
    for phone in phones:
        phone.close()


def links(answer, rel):
    return [link for link in json.loads(answer[2])["links"] if link["rel"] == rel]


def test_a_contact_is_at_our_edge_and_leads_to_the_device(beta, ask, registered):
    bob = registered()
    answer = ask("contact", bob.user)
    assert answer[0] == 200 and answer[1]["content-type"] == ANSWERED
    assert json.loads(answer[2])["subject"] == bob.user
    assert answer[1]["cache-control"] == "private, max-age=30"
    (contact,), ingress = links(answer, CONTACT), links(answer, INGRESS)
    assert [i["href"] for i in ingress] == ["sip:127.0.2.1:{};transport=udp;lr".format(beta.udp[1]), "sip:127.0.2.1:{};transport=tcp;lr".format(beta.tcp[1])]
    user, _, place = contact["href"].removeprefix("sip:").partition("@")
    assert place.startswith("{}:{}".format(*beta.udp))
    assert str(bob.port) not in contact["href"] and "bob" not in user
    with Phone(beta.udp, "sip:stranger@elsewhere.test") as stranger:
        stranger.send(stranger.request("MESSAGE", contact["href"]))
        got = bob.expect("MESSAGE")
        assert got.uri == bob.contact
        bob.answer(got, 200)
        assert stranger.final().status == 200


def test_a_contact_dies_with_its_time(beta, ask, registered):
    bob = registered(expires=3)
    answer = ask("contact", bob.user)
    (contact,) = links(answer, CONTACT)
    assert answer[1]["cache-control"] in ("private, max-age=2", "private, max-age=1")
    with Phone(beta.udp, "sip:stranger@elsewhere.test") as stranger:
        user, _, place = contact["href"].partition("@")
        forged = user[:-1] + ("A" if user[-1] != "A" else "B") + "@" + place
        assert stranger.ask("MESSAGE", forged).status == 404
        time.sleep(3.1)
        assert stranger.ask("MESSAGE", contact["href"]).status in (404, 410, 480)
    bob.silence(0.1)
    assert ask("contact", bob.user)[0] == 404  # he has no account: without a binding he is nobody


def test_a_user_without_a_phone(beta, ask):
    user = unique("carol")
    beta.add_user(f"{user}@beta.test")
    answer = ask("contact", f"sip:{user}@beta.test")
    assert (answer[0], json.loads(answer[2])["links"]) == (200, [])
    assert answer[1]["cache-control"] == "private, max-age=5"


def test_the_level_ingress_tells_nothing_of_users(beta, ask, registered):
    bob = registered()
    beta.add_user("absent@beta.test")
    answers = [ask("ingress", address) for address in (bob.user, "sip:absent@beta.test", f"sip:{unique('no')}@beta.test")]
    for status, headers, body in answers:
        assert status == 200 and "max-age=300" in headers["cache-control"] and "stale-if-error=86400" in headers["cache-control"]
        assert {link["rel"] for link in json.loads(body)["links"]} == {INGRESS}
    assert len({json.dumps(json.loads(body)["links"]) for _, _, body in answers}) == 1


def test_a_404_is_the_same_whatever_its_reason(ask, registered):
    bob, nobody = registered(), f"sip:{unique('no')}@beta.test"
    answers = [ask("contact", nobody), ask("nothing", bob.user), ask("nothing", nobody)]
    for status, headers, _ in answers:
        assert status == 404 and headers["content-type"] == PROBLEM and headers["cache-control"] == "private, max-age=10"
    assert len({(body, tuple(sorted(set(headers.items()) - {("date", headers.get("date"))}))) for _, headers, body in answers}) == 1
    # A difference would be there in every round; the machine's other work is not.
    assert any(spread(ask, (("nothing", bob.user), ("nothing", nobody), ("contact", nobody))) < 0.001 for _ in range(8))


def spread(ask, questions):
    """Between the medians of how long these take, in seconds."""
    times = {question: [] for question in questions}
    for _ in range(15):
        for question, taken in times.items():
            begun = time.monotonic()
            ask(*question)
            taken.append(time.monotonic() - begun)
    medians = [statistics.median(taken) for taken in times.values()]
    return max(medians) - min(medians)


@pytest.mark.parametrize("resource, number", [("tel:+49301234", "+49301234"), ("sip:+49305678@beta.test", "+49305678")])
def test_numbers(ask, registered, resource, number):
    registered(user=number)
    answer = ask("contact", resource)
    assert answer[0] == 200 and json.loads(answer[2])["subject"] == resource
    assert len(links(answer, CONTACT)) == 1


@pytest.mark.parametrize("who, query, status", [
    ("contact", "resource=sip%3Abob%40gamma.test", 421), ("contact", "resource=tel%3A%2B4940123", 421), ("contact", "resource=sip%3Abob%40beta.test%3A5070", 421),
    ("contact", "", 400), ("contact", "resource=sip%3Aa%40beta.test&resource=sip%3Ab%40beta.test", 400), ("contact", "resource=sip%3Zbob", 400),
    ("contact", "resource=mailto%3Abob%40beta.test", 400), ("stranger", "resource=sip%3Abob%40beta.test", 401), ("stranger", "", 401),
    ("stranger", "resource=sip%3Abob%40gamma.test", 401), ("nothing", "resource=sip%3Abob%40gamma.test", 421)])
def test_refusals(ask, who, query, status):
    answer = ask(who, "", query=query)
    assert (answer[0], answer[1]["content-type"], answer[1]["cache-control"]) == (status, PROBLEM, "no-store"), answer
    if status == 401:
        assert answer[1]["www-authenticate"].startswith("Bearer")


def test_who_is_who(world, beta, ask):
    address = "sip:bob@beta.test"
    assert ask("stranger", address, Authorization="Bearer wrong")[0] == 401
    with Asker(world, beta, "alpha") as both:
        assert both.ask(address, **TOKEN)[0] == 403
    with Asker(world, beta, "beta") as nobodys:
        assert nobodys.ask(address)[0] == 401


def test_methods(ask, registered):
    bob = registered()
    refused = ask("contact", bob.user, method="POST")
    assert (refused[0], refused[1]["allow"]) == (405, "GET, HEAD")
    head, whole = ask("contact", bob.user, method="HEAD"), ask("contact", bob.user)
    assert (head[0], head[2]) == (200, b"") and head[1]["content-type"] == ANSWERED
    assert ask("contact", bob.user, **{"If-None-Match": whole[1]["etag"]})[0] == 304


def test_loops_of_look_ups(ask):
    assert ask("contact", "sip:bob@beta.test", Via="1.1 beta.test")[0] == 508
    assert ask("contact", "sip:bob@beta.test", Via="1.1 cache.gamma.test")[0] == 404
