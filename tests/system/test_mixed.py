"""Everything at once, thousands of times, against builds that notice what is wrong with memory and threads."""

import collections
import random
import re
import shutil
import struct
import threading
import time

import pytest

from conftest import LABORATORY
from crowd import Crowd, answer, field, status_of
from lotse import LONG, ROOT, Lotse
from sip import Dialog, Phone, unique
from test_torture import DOMAINS, local

CORPUS = sorted((ROOT / "tests/corpus").glob("rfc*/*.dat"))
STUN = struct.pack("!HHI12s", 1, 0, 0x2112A442, b"twelve-bytes")
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1",
           "TSAN_OPTIONS": "exitcode=66:second_deadlock_stack=1"}


class Mix:
    """Requests of all kinds over UDP; each phone of the crowd calls, and answers what comes to it."""

    KINDS = {"options": 4, "register": 6, "message": 4, "busy": 3, "talk": 3, "cancel": 3, "nobody": 2, "far": 1, "noise": 2, "stun": 2, "torture": 2}

    def __init__(self, crowd, seed):
        self.crowd = crowd
        self.chance = random.Random(seed)
        self.kinds = random.Random(seed).choices(list(self.KINDS), list(self.KINDS.values()), k=1 << 16)
        self.open = {}     # Call-ID of what waits for its end: (who, kind, text, when)
        self.ringing = {}  # Call-ID: (who, INVITE, source) of calls that wait for their CANCEL
        self.done = collections.Counter()
        self.corpus = [path.read_bytes() for path in CORPUS]

    def text(self, who, kind, method, uri, extra="", to_tag="", cseq=1, routes=(), call_id=None):
        call_id = call_id or f"{kind}-{unique()}"
        place = self.crowd.places[who]
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {place};branch=z9hG4bK{call_id}{method[0]};rport", *(f"Route: {r}" for r in routes),
                 "Max-Forwards: 70", f"From: <sip:p{who}@alpha.test>;tag=t", f"To: <{uri}>{to_tag}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}",
                 f"Contact: <sip:p{who}@{place}>{extra}", "Content-Length: 0", "", ""]
        return call_id, "\r\n".join(lines)

    def begin(self, number):
        who, kind = number % len(self.crowd.places), self.kinds[number % len(self.kinds)]
        other = f"sip:p{self.chance.randrange(len(self.crowd.places))}@alpha.test"
        if kind in ("noise", "stun", "torture"):
            self.crowd.send(who, self.odd(kind, who))
            self.done[kind] += 1
            return
        method, uri, extra = {"options": ("OPTIONS", "sip:alpha.test", ""), "register": ("REGISTER", "sip:alpha.test", ";expires=600"),
                              "message": ("MESSAGE", other, ""), "nobody": ("INVITE", "sip:nobody@alpha.test", ""),
                              "far": ("INVITE", f"sip:x{number % 7}@far.test", "")}.get(kind, ("INVITE", other, ""))
        call_id, text = self.text(who, kind, method, uri, extra)
        if kind == "register":
            text = text.replace("To: <sip:alpha.test>", f"To: <sip:p{who}@alpha.test>")
        self.open[call_id] = (who, kind, text, time.monotonic())
        self.crowd.send(who, text)

    def odd(self, kind, who):
        if kind == "stun":
            return STUN
        if kind == "torture":
            return local(self.chance.choice(self.corpus), PlaceOf(self.crowd.places[who]))[:65000]
        return self.chance.choice([b"\r\n\r\n", b"\0", self.chance.randbytes(self.chance.randrange(1, 1400)), b"INVITE sip:a@alpha.test SIP/2.0\r\n",
                                   b"SIP/2.0 200 OK\r\n\r\n", b"\x01\x01" + self.chance.randbytes(40), STUN[:-3], b"OPTIONS " + b"x" * 1300])

    def take(self, who, data, source):
        status = status_of(data) if data.startswith(b"SIP/2.0") else 0
        call_id = field(data, "Call-ID")
        if status:
            self.response(who, status, call_id, data)
        elif re.match(rb"[A-Z]+ sip", data):
            self.request(who, data.split(b" ", 1)[0].decode(), call_id, data, source)

    def request(self, who, method, call_id, data, source):
        place = f"sip:p{who}@{self.crowd.places[who]}"
        if method == "INVITE":
            self.crowd.send(who, answer(data, 180, place), source)
            if call_id.startswith("cancel"):
                self.ringing[call_id] = (who, data, source)
            else:
                self.crowd.send(who, answer(data, 200 if call_id.startswith("talk") else 486, place), source)
        elif method == "CANCEL":
            self.crowd.send(who, answer(data, 200), source)
            if call_id in self.ringing:
                ringer, invite, from_ = self.ringing.pop(call_id)
                self.crowd.send(ringer, answer(invite, 487), from_)
        elif method != "ACK":
            self.crowd.send(who, answer(data, 200), source)

    def response(self, who, status, call_id, data):
        method = field(data, "CSeq").rpartition(" ")[2]
        begun = self.open.get(call_id)
        if begun is None:
            return
        caller, kind, text, _ = begun
        if kind == "cancel" and method == "INVITE" and status == 180:
            self.crowd.send(caller, self.again(text, "CANCEL"))
        if status < 200 or method == "CANCEL":
            return
        if method == "INVITE" and status >= 300:
            self.crowd.send(caller, self.again(text, "ACK", field(data, "To")))
        if kind == "talk" and method == "INVITE" and status == 200:
            self.hang_up(caller, call_id, data)
            return
        self.done[f"{kind} {status}"] += 1
        del self.open[call_id]

    @staticmethod
    def again(text, method, to=None):
        text = text.replace("INVITE", method)
        return re.sub(r"(?m)^To: .*?\r$", f"To: {to}\r", text) if to else text

    def hang_up(self, who, call_id, data):
        routes = list(reversed([v for line in re.findall(rb"(?im)^Record-Route: (.*?)\r$", data) for v in line.decode().split(",")]))
        target = re.search("<(.*?)>", field(data, "Contact")).group(1)
        tag = ";tag=" + field(data, "To").partition("tag=")[2]
        for method, cseq in (("ACK", 1), ("BYE", 2)):
            self.crowd.send(who, self.text(who, "talk", method, target, to_tag=tag, cseq=cseq, routes=routes, call_id=call_id)[1])

    def run(self, count, window=64, patience=40):
        begun, last = 0, time.monotonic()
        while begun < count or self.open:
            while begun < count and len(self.open) < window:
                self.begin(begun)
                begun += 1
            came = self.crowd.received(0.2)
            for who, data, source in came:
                self.take(who, data, source)
            now = time.monotonic()
            last = now if came else last
            for call_id, (who, _, text, when) in list(self.open.items()):
                if now - when > 2:
                    self.crowd.send(who, text)  # lost, as datagrams are
                    self.open[call_id] = (*self.open[call_id][:3], now)
            assert now - last < patience, f"{begun} begun, {len(self.open)} wait: {list(self.open)[:5]}; {self.done}"


PlaceOf = collections.namedtuple("PlaceOf", "place")


def over_tcp(lotse, count, failures):
    """Phones on connections of their own: they call themselves, dribble, and go away in the middle."""
    try:
        for number in range(count):
            user = f"sip:{unique('t')}@alpha.test"
            with Phone(lotse.tcp, user, tcp=True) as phone:
                assert phone.register().status == 200
                text = phone.request("MESSAGE", user).encode()
                for piece in (text[:30], text[30:200], text[200:] + b"\r\n\r\n"):
                    phone.send(piece)
                phone.answer(phone.expect("MESSAGE", 20), 200)
                assert phone.final(20).status == 200
                call_oneself(phone, user)
                phone.send((b"\0" * 100, b"REGISTER sip:a SIP/2.0\r\nVia", b"INVITE " + b"x" * 70000, CORPUS[number % len(CORPUS)].read_bytes())[number % 4])
    except (AssertionError, OSError) as e:
        failures.append(e)


def call_oneself(phone, user):
    invite = phone.request("INVITE", user)
    phone.send(invite)
    got = phone.expect("INVITE", 20)
    phone.answer(got, 180)
    phone.answer(got, 200)
    dialog = Dialog.of_caller(phone, invite, phone.expect(200, 20, "INVITE"))
    dialog.send("ACK")
    phone.expect("ACK", 20)
    dialog.send("BYE")
    phone.answer(phone.expect("BYE", 20), 200)
    phone.expect(200, 20, "BYE")


def mix(lotse, count, patience=40):
    failures = []
    tcp = threading.Thread(target=over_tcp, args=(lotse, count // 40, failures), daemon=True)
    tcp.start()
    with Crowd(lotse.udp, 12) as crowd:
        traffic = Mix(crowd, count)
        traffic.run(count, patience=patience)
    tcp.join(600)
    assert not tcp.is_alive() and not failures, failures
    done = traffic.done
    assert done["options 200"] and done["register 200"] and done["message 200"] and done["busy 486"] and done["talk 200"] and done["cancel 487"], done
    assert done["nobody 404"] and done["far 503"], done
    with Phone(lotse.udp) as phone:
        assert phone.ask("OPTIONS", "sip:alpha.test").status == 200
    return done


CONF = {**LABORATORY, "domains": ["alpha.test", *DOMAINS], "resolver": {"servers": ["127.0.0.1:9"], "timeout": "100ms", "allow_targets": ["127.0.0.0/8"]}}


@pytest.mark.parametrize("variant", ["asan", "tsan"])
def test_sanitizers_are_silent(tmp_path, variant):
    with Lotse(tmp_path, {**CONF, "workers": 4}, variant, OPTIONS) as lotse:
        mix(lotse, 100_000 if LONG else 3_000)


def test_valgrind_is_silent(tmp_path):
    assert shutil.which("valgrind"), "valgrind is missing"
    report = tmp_path / "valgrind"
    lotse = Lotse(tmp_path / "lotse", {**CONF, "workers": 2},
                  wrapper=["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=9", f"--log-file={report}"])
    try:
        with lotse.start(60):
            mix(lotse, 2_000 if LONG else 300, patience=120)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{report.read_text()[-6000:]}") from None
    assert "ERROR SUMMARY: 0 errors" in report.read_text()
