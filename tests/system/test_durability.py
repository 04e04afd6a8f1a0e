"""What a 200 to a REGISTER stands for is on disk, survives SIGKILL, and is seen by every worker."""

import collections
import random
import subprocess
import time
from pathlib import Path

import pytest

from conftest import LABORATORY
from crowd import Crowd, answer, field, status_of
from lotse import LONG, Lotse
from sip import Phone, unique

HELD_MS = 200
CONF = {**LABORATORY, "workers": 4, "registrar": {"min_expires": "1s"}}

# ---------------------------------------------------------------------------- a slow disk

Held = collections.namedtuple("Held", "what begin end")


class SlowDisk:
    """A daemon whose syncs take long, and what they were."""

    def __init__(self, folder):
        shim, self.notes = folder / "slow_sync.so", folder / "notes"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, Path(__file__).parent / "slow_sync.c", "-ldl"], check=True, timeout=60)
        environment = {"LD_PRELOAD": str(shim), "SLOW_SYNC_MS": str(HELD_MS), "SLOW_SYNC_NOTES": str(self.notes)}
        self.lotse = Lotse(folder / "lotse", CONF, environment=environment)

    def held(self):
        return [Held(what, int(begin), int(end)) for what, begin, end in (line.split() for line in self.notes.read_text().splitlines())]

    def commits(self):
        """[(begin, end)]: from the sync of a commit's pages to the end of the synchronous write of its root."""
        found, begin = [], None
        for held in sorted(self.held(), key=lambda h: h.begin):
            if held.what == "fdatasync":
                begin = held.begin
            elif held.what.startswith("pwrite") and begin is not None:
                found.append((begin, held.end))
                begin = None
        return found


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    disk = SlowDisk(tmp_path_factory.mktemp("slow"))
    with disk.lotse:
        yield disk


@pytest.fixture
def phones(slow):
    made = []

    def make(user, tcp=False):
        made.append(Phone(slow.lotse.tcp if tcp else slow.lotse.udp, user, tcp))
        return made[-1]

    yield make
    for phone in made:
        phone.close()


def on_disk_between(slow, asked, answered):
    return [c for c in slow.commits() if asked <= c[0] and c[1] <= answered]


@pytest.mark.parametrize("tcp", [False, True])
def test_no_200_before_it_is_on_disk(slow, phones, tcp):
    phone = phones(f"sip:{unique('disk')}@alpha.test", tcp)
    for expires in (300, 200, 0):  # made, refreshed, removed
        asked = time.monotonic_ns()
        assert phone.register(expires=expires).status == 200
        answered = time.monotonic_ns()
        assert on_disk_between(slow, asked, answered), f"expires={expires}: {asked} {answered} {slow.held()[-4:]}"


def test_many_at_once_share_their_commits_and_none_is_early(slow):
    before, asked, answered = len(slow.commits()), {}, {}
    with Crowd(slow.lotse.udp) as crowd:
        for i in range(200):
            asked[f"m{i}"] = time.monotonic_ns()
            crowd.send(i % 8, register(f"m{i}", crowd.places[i % 8]))
            time.sleep(0.002)
        end = time.monotonic() + 10
        while len(answered) < len(asked) and time.monotonic() < end:
            for _, data, _ in crowd.received(0.1):
                assert status_of(data) == 200, data
                answered.setdefault(user_of(data), time.monotonic_ns())
    assert len(answered) == len(asked)
    for user, moment in asked.items():
        assert on_disk_between(slow, moment, answered[user]), user
    assert len(slow.commits()) - before < 10


def test_nothing_is_seen_before_it_is_on_disk(slow, phones):
    aor = f"sip:{unique('early')}@alpha.test"
    bob, alice, asker = phones(aor), phones("sip:alice@alpha.test"), phones(aor)
    bob.send(register(aor[4:].partition("@")[0], bob.place))
    asked = time.monotonic_ns()
    time.sleep(HELD_MS / 2000)
    assert alice.ask("MESSAGE", aor).status == 404
    assert not on_disk_between(slow, asked, time.monotonic_ns()), "the disk was too fast for this test"
    # A query waits its turn behind the change.
    assert asker.ask("REGISTER", "sip:alpha.test", to=aor, contact="").all("Contact")
    assert on_disk_between(slow, asked - HELD_MS * 10**6, time.monotonic_ns())
    assert bob.final().status == 200
    alice.send(alice.request("MESSAGE", aor))
    bob.answer(bob.expect("MESSAGE"), 200)
    assert alice.final().status == 200


def test_a_repeated_request_is_not_answered_early(slow, phones):
    user = unique("again")
    first = phones(f"sip:{user}@alpha.test")
    text = register(user, first.place)
    asked = time.monotonic_ns()
    for _ in range(5):
        first.send(text)
        time.sleep(0.03)
    assert first.final().status == 200
    assert on_disk_between(slow, asked, time.monotonic_ns())


# ---------------------------------------------------------------------------- thousands


def register(user, place, expires=600):
    return (f"REGISTER sip:alpha.test SIP/2.0\r\nVia: SIP/2.0/UDP {place};branch=z9hG4bK{user}r;rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@alpha.test>;tag=r\r\nTo: <sip:{user}@alpha.test>\r\nCall-ID: {user}-r\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:{user}@{place}>;expires={expires}\r\nContent-Length: 0\r\n\r\n")


def invite(user, place):
    return (f"INVITE sip:{user}@alpha.test SIP/2.0\r\nVia: SIP/2.0/UDP {place};branch=z9hG4bK{user}i;rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:alice@alpha.test>;tag=i\r\nTo: <sip:{user}@alpha.test>\r\nCall-ID: {user}-i\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:alice@{place}>\r\nContent-Length: 0\r\n\r\n")


def ack(data):
    """The ACK for a received final response to an INVITE of ours."""
    user = user_of(data)
    return (f"ACK sip:{user}@alpha.test SIP/2.0\r\nVia: {field(data, 'Via').partition(';')[0]};branch=z9hG4bK{user}i\r\nMax-Forwards: 70\r\n"
            f"From: {field(data, 'From')}\r\nTo: {field(data, 'To')}\r\nCall-ID: {user}-i\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n")


def user_of(data):
    return field(data, "Call-ID").rpartition("-")[0]


def register_until(lotse, users, enough, window=256):
    """Register users until `enough` of them were answered; who was. More are on their way when this returns."""
    waiting, left, done = {}, collections.deque(users), set()
    with Crowd(lotse.udp) as crowd:
        end = time.monotonic() + 120
        while len(done) < enough:
            assert time.monotonic() < end, f"{len(done)} of {enough} after two minutes"
            while left and len(waiting) < window:
                user = left.popleft()
                waiting[user] = (register(user, "127.0.0.1:9"), time.monotonic())
                crowd.send(len(left) % 8, waiting[user][0])
            for _, data, _ in crowd.received(0.2):
                assert status_of(data) == 200, data
                done.add(user_of(data))
                waiting.pop(user_of(data), None)
            for user, (text, sent) in waiting.items():
                if time.monotonic() - sent > 1:
                    waiting[user] = (text, time.monotonic())
                    crowd.send(0, text)
    return done


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path):
    total, kills = (20_000, 8) if LONG else (2_000, 4)
    chance = random.Random(3)
    lotse = Lotse(tmp_path, {**CONF, "workers": 2}, lag=False).start()
    acknowledged = set()
    try:
        for i in range(kills):
            users = [f"k{i}-{j}" for j in range(total // kills)]
            acknowledged |= register_until(lotse, users, chance.randrange(len(users) // 2, len(users)))
            lotse.kill()
            lotse.conf["listen"] = lotse.urls
            lotse.start()
            kept = {a["address"].removeprefix("sip:").partition("@")[0] for a in lotse.json("location", "list") if len(a["bindings"]) == 1}
            assert acknowledged <= kept, f"{len(acknowledged - kept)} of {len(acknowledged)} are lost"
    finally:
        lotse.stop()
    assert len(acknowledged) >= total // 2


def test_whoever_saw_the_200_is_found_at_once(tmp_path):
    total = 100_000 if LONG else 5_000
    window, begun, finished, told = 64, 0, set(), collections.Counter()
    with Lotse(tmp_path, CONF) as lotse, Crowd(lotse.udp) as phones, Crowd(lotse.udp, 1) as callee:
        running, last, end = 0, time.monotonic(), time.monotonic() + total / 50
        while len(finished) < total:
            while running < window and begun < total:
                phones.send(begun % 8, register(f"u{begun}", callee.places[0]))
                begun, running = begun + 1, running + 1
            for who, data, _ in phones.received(0.001):
                status, user = status_of(data), user_of(data)
                if status < 200:
                    continue
                if field(data, "CSeq").endswith("REGISTER"):
                    assert status == 200, data
                    caller = (who + 1 + begun % 7) % 8
                    phones.send(caller, invite(user, phones.places[caller]))
                    continue
                phones.send(who, ack(data))
                told[status] += user not in finished
                running -= user not in finished
                finished.add(user)
                last = time.monotonic()
            for _, data, source in callee.received(0):
                if data.startswith(b"INVITE"):
                    callee.send(0, answer(data, 486), source)
            assert time.monotonic() - last < 20 and time.monotonic() < end, f"{told}, {running} without an answer"
        assert told == {486: total}
