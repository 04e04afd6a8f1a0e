"""The commands that ask a running daemon, as an operator types them: two providers that peer, and their DNS."""

import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from lotse import Lotse, program, run_lotse
from providers import World, pair
from sip import Phone

DONE, NO, USAGE, FAILED = 0, 1, 2, 3


@pytest.fixture(scope="module")
def world():
    with World() as w:
        yield w


@pytest.fixture(scope="module")
def two(world, tmp_path_factory):
    """alpha and beta; bob of beta has two phones, carol of beta has none on."""
    alpha, beta = pair(world, tmp_path_factory.mktemp("two"), beta={"reveal": "contact"})
    with alpha, beta:
        for user in ("bob", "carol"):
            beta.add_user(f"{user}@beta.test")
        phones = [Phone(beta.udp, "sip:bob@beta.test"), Phone(beta.tcp, "sip:bob@beta.test", tcp=True)]
        for n, phone in enumerate(phones):
            assert phone.register(contacts=f"<{phone.contact}>;expires=600;q={1 - n / 4}", headers=(f"User-Agent: Phone {n}",)).status == 200
        yield alpha, beta
        for phone in phones:
            phone.close()


def refused(daemon, *words, status=USAGE):
    done = run_lotse(*words, "-f", daemon.file)
    assert done.returncode == status and done.stdout == "", (done.stdout, done.stderr)
    return done.stderr


# ---------------------------------------------------------------------------- locate


def test_locate_asks_the_peer_and_says_what_it_heard(two):
    alpha, _ = two
    found = alpha.json("locate", "sip:bob@beta.test")
    assert found["outcome"] == "found", found
    contacts = [t for t in found["targets"] if not t["route"]]
    ways_in = [t for t in found["targets"] if t["route"]]  # where the contacts can't be reached
    assert [t["q"] for t in contacts] == [1, 0.75] and all(0 < t["expires"] <= 600 for t in contacts), found
    assert ways_in and all(t["uri"] == "sip:bob@beta.test" and t["q"] < 0.75 for t in ways_in), found
    for target in found["targets"]:
        assert set(target) == {"uri", "route", "q", "expires", "identity", "source"} and target["source"] == "peer:beta/https"
    assert set(found["trace"][-1]) == {"source", "ms", "answer", "ttl"}
    assert found["trace"][-1]["source"] == "peer:beta/https"


@pytest.mark.parametrize("address, outcome, status", [
    ("bob@beta.test", "found", DONE), ("sip:carol@beta.test", "absent", NO), ("sip:nobody@beta.test", "nobody", NO),
    ("nobody@alpha.test", "nobody", NO), ("+49 30 1234", "unknown", NO)])
def test_how_locate_ends(two, address, outcome, status):
    alpha, _ = two
    assert alpha.json("locate", address, status=status)["outcome"] == outcome
    text = alpha.run("locate", "--trace", address, status=status).splitlines()
    assert text[0] == outcome
    steps = text[text.index("asked") + 1:]
    assert all(re.match(r"  \S+ +\d+ ms  ", step) for step in steps), steps


def test_locate_says_what_it_does_not_understand(two):
    alpha, _ = two
    assert "is no address" in refused(alpha, "locate", "mailto:bob@beta.test")
    assert "usage" in refused(alpha, "locate")
    assert "usage" in refused(alpha, "locate", "a@b.c", "d@e.f")


# ---------------------------------------------------------------------------- location, peer, resolver


def test_location(two):
    _, beta = two
    everybody = beta.json("location", "list")
    assert [a["address"] for a in everybody] == ["sip:bob@beta.test"]
    first, second = everybody[0]["bindings"]
    assert (first["q"], first["transport"], first["user_agent"]) == (1, "udp", "Phone 0")
    assert (second["q"], second["transport"], second["user_agent"]) == (0.75, "tcp", "Phone 1")
    assert 590 <= first["expires"] <= 600 and re.match(r"127\.0\.\d+\.\d+:\d+$", first["source"])
    shown = beta.json("location", "show", "bob@beta.test")
    assert shown["outcome"] == "found" and [b["uri"] for b in shown["bindings"]] == [first["uri"], second["uri"]]
    assert beta.run("location", "show", "bob@beta.test").count("sip:") >= 2
    assert beta.json("location", "show", "carol@beta.test", status=NO)["outcome"] == "absent"
    assert beta.json("location", "show", "nobody@beta.test", status=NO)["outcome"] == "nobody"
    for later in ("add", "del", "dump", "restore"):
        assert "not in this version" in refused(beta, "location", later, "x@beta.test")


def test_peer(two):
    alpha, beta = two
    [entry] = alpha.json("peer", "list")
    assert entry["name"] == "beta" and entry["domains"] == ["beta.test"] and entry["url"].startswith("https://location.beta.test:")
    answer = alpha.json("peer", "test", "beta")
    assert answer["outcome"] == "nobody" and answer["ms"] >= 0, answer
    assert alpha.json("peer", "test", "beta", "bob@beta.test")["outcome"] == "found"
    after = alpha.json("peer", "show", "beta")
    assert after["asked"] >= entry["asked"] + 2
    assert beta.json("peer", "show", "alpha")["answered"] >= 2
    assert "no peer" in refused(alpha, "peer", "show", "zeta", status=NO)
    assert "no peer" in refused(alpha, "peer", "test", "zeta", status=NO)
    assert "not in this version" in refused(alpha, "peer", "publish")


def test_resolver(two):
    alpha, _ = two
    alpha.run("locate", "sip:somebody@gamma.test", status=None)
    known = alpha.json("resolver", "cache")
    assert {"name", "type", "answer", "ttl", "worker"} == set(known[0])
    assert any(entry["name"] == "gamma.test" and entry["type"] == "A" and "127.0.0.1" in entry["answer"] for entry in known), known
    assert "gamma.test" in alpha.run("resolver", "cache")
    assert int(alpha.run("resolver", "flush", "gamma.test").split()[0]) >= 1
    assert not any(entry["name"] == "gamma.test" for entry in alpha.json("resolver", "cache"))
    alpha.run("resolver", "flush")
    assert alpha.json("resolver", "cache") == []


def test_status(two):
    _, beta = two
    status = beta.json("status")
    assert status["domains"] == ["beta.test"] and status["accounts"] == 2 and status["addresses"] == 1
    assert status["pid"] == beta.process.pid and status["urls"] == beta.urls and status["store_bytes"] > 0
    text = beta.run("status")
    assert f"process {beta.process.pid}" in text and "registered    1 addresses" in text


# ---------------------------------------------------------------------------- accounts


@pytest.fixture
def lone(tmp_path):
    with Lotse(tmp_path, {"domains": ["alpha.test", {"name": "corp.test", "realm": "corp"}], "workers": 2}) as daemon:
        yield daemon


def test_accounts_with_and_without_a_daemon(lone):
    lone.add_user("alice@alpha.test")
    before = lone.run("user", "export")
    lone.stop()
    assert lone.run("user", "export") == before
    lone.run("user", "add", "bob@corp.test", "--password", "b")
    assert [(a["address"], a["realm"]) for a in lone.json("user", "list")] == [("alice@alpha.test", "alpha.test"), ("bob@corp.test", "corp")]
    lone.start()
    assert [a["address"] for a in lone.json("user", "list")] == ["alice@alpha.test", "bob@corp.test"]
    assert "is there already" in refused(lone, "user", "add", "bob@corp.test", "--password", "x", status=NO)
    assert "no domain of ours" in refused(lone, "user", "add", "bob@else.test", "--password", "x")
    lone.run("user", "del", "bob@corp.test")
    assert "there is no account" in refused(lone, "user", "del", "bob@corp.test", status=NO)
    log = lone.log()
    assert "secret" not in log and before.split(",")[2] not in log


def test_a_new_password_counts_at_once(lone):
    lone.add_user("alice@alpha.test", "one")
    with Phone(lone.udp, "sip:alice@alpha.test") as phone:
        assert phone.register(300, password="one").status == 200
        lone.run("user", "passwd", "alice@alpha.test", text="two\n")
        assert phone.register(300, password="one").status == 401
        assert phone.register(300, password="two").status == 200


def test_import_is_all_or_nothing(lone, tmp_path):
    lines = [f"user{i}@alpha.test,secret{i}" for i in range(5000)]
    users = tmp_path / "users.csv"
    users.write_text("\n".join(lines + ["broken"]) + "\n")
    error = refused(lone, "user", "import", users)
    assert f"{users}:5001: " in error and "nothing was imported" in error
    assert lone.json("user", "list") == []
    users.write_text("\n".join(lines) + "\n")
    assert lone.run("user", "import", users) == "imported 5000 accounts\n"
    assert lone.run("user", "list").count("\n") == 5000
    with Phone(lone.udp, "sip:user4711@alpha.test") as phone:
        assert phone.register(300, password="secret4711").status == 200
    again = refused(lone, "user", "import", users, status=NO)
    assert f"{users}:1: user0@alpha.test is there already" in again
    assert lone.run("user", "import", "--replace", "-", text="user1@alpha.test,x\n") == "imported 1 accounts\n"


def test_a_password_is_not_shown_on_a_terminal(lone):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(program(), ["lotse", "user", "add", "-f", str(lone.file), "tina@alpha.test"])
    shown = b""
    while b"Password for tina@alpha.test: " not in shown:
        shown += os.read(terminal, 1000)
    time.sleep(0.2)  # the terminal is told to hide what is typed
    os.write(terminal, b"top-secret\n")
    try:
        while chunk := os.read(terminal, 1000):
            shown += chunk
    except OSError:
        pass  # the terminal is closed
    assert os.waitpid(pid, 0)[1] == 0
    assert b"top-secret" not in shown and b"added tina@alpha.test" in shown


# ---------------------------------------------------------------------------- finding the daemon


def test_the_socket_is_the_operators_alone(lone):
    is_ = os.stat(lone.folder / "data/control.sock")
    assert stat.S_ISSOCK(is_.st_mode) and stat.S_IMODE(is_.st_mode) == 0o600


def test_by_its_data_folder_too(lone):
    lone.file.write_text("nonsense: 1\n")
    assert run_lotse("status", "--data", lone.folder / "data").returncode == DONE
    done = run_lotse("reload", "--data", lone.folder / "data")
    assert done.returncode == USAGE and f"{lone.file}:1:1: nonsense" in done.stderr and "stays in force" in done.stderr
    refused(lone, "status")  # by a file that isn't valid nobody is found
    lone.write()


def test_nobody_there(tmp_path):
    daemon = Lotse(tmp_path, {"domains": ["alpha.test"]})
    daemon.write()
    for words in (["status"], ["reload"], ["locate", "a@b.c"], ["location", "list"], ["peer", "list"], ["resolver", "cache"]):
        error = refused(daemon, *words, status=FAILED)
        assert str(tmp_path / "data/control.sock") in error and "is `lotse serve` running with the same -f or --data?" in error


def test_after_a_crash(lone):
    lone.add_user("alice@alpha.test")
    lone.kill()
    refused(lone, "status", status=FAILED)
    lone.run("user", "add", "bob@alpha.test", "--password", "b")  # nobody answers at what it left: the store is opened
    lone.start()
    assert [a["address"] for a in lone.json("user", "list")] == ["alice@alpha.test", "bob@alpha.test"]


def test_a_locked_store_is_not_opened(lone):
    (lone.folder / "data/control.sock").unlink()
    error = refused(lone, "user", "list", status=FAILED)
    assert f"in use by process {lone.process.pid}" in error and "nobody answers at its socket" in error


def test_help(two):
    alpha, _ = two
    for command in ("serve", "check", "reload", "status", "user", "location", "locate", "resolve", "resolver", "peer", "stun"):
        done = run_lotse(command, "--help")
        assert done.returncode == DONE and done.stdout.startswith("usage: lotse " + command) and done.stderr == ""
    assert "usage" in refused(alpha, "status", "--nonsense")
    assert "usage" in refused(alpha, "peer", "dance")


# ---------------------------------------------------------------------------- clients that misbehave


def dial(daemon):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(str(daemon.folder / "data/control.sock"))
    return s


def test_a_silent_client_is_cut(lone):
    with dial(lone) as s:
        begun = time.monotonic()
        s.sendall(b'["status"]\n')
        assert s.recv(1) == b""
        assert 8 < time.monotonic() - begun < 15


def test_a_reader_that_stops_does_not_stop_others(lone, tmp_path):
    users = tmp_path / "users.csv"
    users.write_text("".join(f"user{i}@alpha.test,x\n" for i in range(20000)))
    lone.run("user", "import", users)
    with dial(lone) as s:
        s.sendall(b'["user list", "--json"]\n\n')
        assert lone.json("status")["accounts"] == 20000
        answer = b""
        while chunk := s.recv(1 << 20):
            answer += chunk
    frames = [json.loads(line) for line in answer.splitlines()]
    assert frames[-1] == ["exit", "0"]
    assert len(json.loads("".join(text for kind, text in frames if kind == "out"))) == 20000


def test_commands_that_wait_end_with_the_daemon(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        conf = {"domains": ["alpha.test"], "resolver": {"servers": [f"127.0.0.1:{mute.getsockname()[1]}"], "timeout": "30s"}, "workers": 2}
        with Lotse(tmp_path, conf) as daemon:
            waiting = subprocess.Popen([program(), "locate", "x@far.test", "-f", daemon.file], stderr=subprocess.PIPE, text=True)
            time.sleep(0.5)
            begun = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            assert waiting.wait(10) == FAILED and "ending" in waiting.stderr.read()
            assert daemon.stop() == 0 and time.monotonic() - begun < 10
            waiting.stderr.close()
