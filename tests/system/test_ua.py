"""`lotse register|options|call|answer`: the small user agent, as people and scripts use it."""

import json
import signal
import subprocess
import threading

import pytest

from knot import Knot
from lotse import Lotse, free_port, program, run_lotse, wait_for

GOOD, REFUSED, USAGE, NONE = 0, 1, 2, 3


class Agent:
    """A user agent that runs: what it tells is in `events`."""

    def __init__(self, *words):
        self.process = subprocess.Popen([str(w) for w in (program(), *words, "--json")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def told(self, event):
        return [e for e in self.events if e["event"] == event]

    def wait(self, event, count=1):
        wait_for(lambda: len(self.told(event)) >= count, 20, lambda: f"no {event}: {self.events}")
        return self.told(event)[count - 1]

    def end(self, number=None):
        """Its exit status, when it has ended by itself or by this signal."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(20)
        self.reader.join(20)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def call(*words):
    """A call to its end: (exit status, events)."""
    done = run_lotse("call", *words, "--json")
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def names(events):
    return [e["event"] for e in events]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with Lotse(tmp_path_factory.mktemp("ua"), {"domains": ["alpha.test"]}) as daemon:
        daemon.add_user("alice@alpha.test", "wonder")
        daemon.add_user("bob@alpha.test", "builder")
        yield daemon


def proxy(daemon, tcp):
    host, port = daemon.tcp if tcp else daemon.udp
    return f"{host}:{port}" + (";transport=tcp" if tcp else "")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_two_agents_alone(transport, host):
    with Agent("answer", "bob@beta.test", "--listen", f"{transport}://{host}:0", "--count", 1, "--ring", 0.1) as bob:
        address = bob.wait("listening")["address"]
        status, events = call(f"sip:bob@{address};transport={transport}", "--user", "alice@alpha.test", "--duration", 0.2)
        assert (status, names(events)) == (GOOD, ["calling", "ringing", "answered", "ended"])
        assert events[-1]["by"] == "us"
        assert bob.end() == GOOD
        assert bob.told("incoming")[0]["from"] == "sip:alice@alpha.test"
        assert bob.told("ended")[0]["call_id"] == events[0]["call_id"]


@pytest.mark.parametrize("tcp", [False, True])
def test_register_call_answer_at_a_provider(provider, tcp):
    options = ["--password", "builder", "--proxy", proxy(provider, tcp)]
    with Agent("answer", "bob@alpha.test", *options, "--count", 2, "--duration", 0.3) as bob:
        contact = bob.wait("registered")["contact"]
        assert contact in provider.run("location", "show", "bob@alpha.test")
        for caller_tcp in (False, True):
            status, events = call("bob@alpha.test", "--user", "alice@alpha.test", "--password", "wonder", "--proxy", proxy(provider, caller_tcp),
                                  "--duration", 30)
            assert status == GOOD and events[-1]["by"] == "them"
        assert bob.end() == GOOD
        assert bob.told("unregistered")
    assert contact not in provider.run("location", "show", "bob@alpha.test", status=None)


def test_registrations(provider):
    def register(*words):
        done = run_lotse("register", "alice@alpha.test", "--proxy", proxy(provider, False), *words)
        return done.returncode, done.stdout

    status, told = register("--password", "wonder", "--expires", 600)
    assert status == GOOD and " expires=600" in told and "binding" in told
    assert register("--password", "wrong")[0] == REFUSED
    assert register()[0] == REFUSED
    assert register("--password", "wonder", "--expires", 0)[0] == GOOD
    assert "127.0.0.1" not in provider.run("location", "show", "alice@alpha.test", status=None)


def test_leave_is_taken(provider):
    with Agent("answer", "bob@alpha.test", "--password", "builder", "--proxy", proxy(provider, False), "--ring", 30) as bob:
        bob.wait("registered")
        with Agent("call", "bob@alpha.test", "--user", "alice@alpha.test", "--password", "wonder", "--proxy", proxy(provider, True)) as alice:
            alice.wait("ringing")
            assert alice.end(signal.SIGINT) == REFUSED
            assert alice.told("cancelled")[0]["status"] == 487
        bob.wait("cancelled")
        assert bob.end(signal.SIGTERM) == GOOD
        assert bob.told("unregistered")


def test_a_call_is_ended_by_whoever_is_stopped():
    with Agent("answer", "bob@beta.test", "--listen", "udp://127.0.0.1:0") as bob:
        address = bob.wait("listening")["address"]
        with Agent("call", f"bob@{address}", "--duration", "1h") as alice:
            alice.wait("answered")
            assert alice.end(signal.SIGTERM) == GOOD
        assert bob.wait("ended")["by"] == "them"
        with Agent("call", f"bob@{address}", "--duration", "1h") as alice:
            alice.wait("answered")
            assert bob.end(signal.SIGTERM) == GOOD
            assert alice.end() == GOOD
            assert alice.told("ended")[0]["by"] == "them"


def test_redirects_are_followed(tmp_path):
    conf = {"domains": ["alpha.test"], "mode": "redirect"}
    with Lotse(tmp_path, conf) as daemon:
        daemon.add_user("alice@alpha.test", "wonder")
        daemon.add_user("bob@alpha.test", "builder")
        me = ["--user", "alice@alpha.test", "--password", "wonder", "--proxy", proxy(daemon, False)]
        with Agent("answer", "bob@alpha.test", "--password", "builder", "--proxy", proxy(daemon, True), "--listen", "tcp://127.0.0.1:0") as bob:
            bob.wait("registered")
            status, events = call("bob@alpha.test", *me, "--duration", 0)
            assert status == GOOD and names(events)[:3] == ["calling", "redirected", "calling"]
            # By this configuration nobody may send us inwards.
            status, events = call("bob@alpha.test", *me, "-f", daemon.file)
            assert status == REFUSED and names(events)[-1] == "failed"
            assert bob.end(signal.SIGTERM) == GOOD


def test_the_next_server_is_tried_where_the_first_is_dead():
    dead = free_port()
    with Knot() as knot, Agent("answer", "bob@beta.test", "--listen", "tcp://127.0.0.1:0", "--count", 2) as bob:
        port = bob.wait("listening")["address"].rpartition(":")[2]
        server = knot.start({"beta.test": "@ SOA ns. h. 1 60 60 60 60\n@ NS ns.\nhere A 127.0.0.1\n@ NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp\n"
                             f"_sip._tcp SRV 1 1 {dead} here\n_sip._tcp SRV 2 1 {port} here\n"})
        status, events = call("bob@beta.test", "--resolver", server, "--duration", 0)
        assert status == GOOD, events
        done = run_lotse("options", "bob@beta.test", "--resolver", server)
        assert done.returncode == GOOD and "transport=TCP" in done.stdout
        status, events = call("bob@nowhere.beta.test", "--resolver", server)
        assert status == NONE and events[-1]["reason"]
        assert call("bob@beta.test", "--resolver", server, "--duration", 0)[0] == GOOD
        assert bob.end() == GOOD


def test_nobody_there():
    port = free_port()
    assert call(f"sip:bob@127.0.0.1:{port}")[0] == NONE
    assert call(f"sip:bob@127.0.0.1:{port};transport=tcp")[0] == NONE
    assert run_lotse("options", f"sip:127.0.0.1:{port}").returncode == NONE
    assert run_lotse("answer", "bob@beta.test", "--listen", "udp://192.0.2.1:5060").returncode == NONE


@pytest.mark.parametrize("words", [["call"], ["call", "a@b", "c@d"], ["call", "sips:a@b"], ["call", "a@b", "--ring", "long"], ["answer", "tel:+491"],
                                   ["options", "a@b", "--what"], ["register", "a@b", "-f", "/nonexistent/lotse.yaml"]])
def test_wrong_usage(words):
    done = run_lotse(*words)
    assert done.returncode == USAGE and done.stderr and not done.stdout


def test_help():
    done = run_lotse("call", "--help")
    assert done.returncode == GOOD and done.stdout.startswith("usage: lotse register|options|call|answer") and not done.stderr
