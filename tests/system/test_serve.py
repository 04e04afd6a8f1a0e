"""The daemon as a program: it starts, answers on what it was told, takes another configuration or keeps its own, and ends."""

import os
import re
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from conftest import LABORATORY
from lotse import Lotse, free_port, program, run_lotse, wait_for
from sip import Dialog, Phone, unique

USAGE, UNREACHABLE = 2, 3
BOTH = [f"{scheme}://{host}:0" for host in ("127.0.0.1", "[::1]") for scheme in ("udp", "tcp")]


@pytest.fixture(scope="module")
def dual(tmp_path_factory):
    """Four workers on IPv4 and IPv6."""
    with Lotse(tmp_path_factory.mktemp("dual"), {**LABORATORY, "workers": 4, "listen": BOTH}) as daemon:
        yield daemon


# ---------------------------------------------------------------------------- answering


@pytest.mark.parametrize("index", [0, 1], ids=["v4", "v6"])
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_options_on_all_workers(dual, index, tcp):
    for _ in range(24):  # each from a port of its own: the kernel spreads them over the workers
        with Phone(dual.address("tcp" if tcp else "udp", index), tcp=tcp) as p:
            host = f"[{p.gateway[0]}]" if index else p.gateway[0]
            answer = p.ask("OPTIONS", f"sip:{host}:{p.gateway[1]}")
            assert answer.status == 200
            assert {"INVITE", "ACK", "CANCEL", "OPTIONS", "BYE"} <= set(re.split(r",\s*", answer.get("Allow")))
            assert f";rport={p.port}" in answer.get("Via") or tcp


def test_ready_names_its_urls_in_the_order_of_listen(dual):
    assert [u.split(":")[0] for u in dual.urls] == ["udp", "tcp", "udp", "tcp"]
    assert ["[::1]" in u for u in dual.urls] == [False, False, True, True]
    assert not any(u.endswith(":0") for u in dual.urls)
    assert (dual.folder / "out").read_text().count("\n") == 1


def test_answers_go_where_requests_came_from(dual):
    """RFC 3261 18.2, RFC 3581."""
    with Phone(dual.udp) as p:
        answer = p.ask("OPTIONS", "sip:alpha.test", via_extra=";rport")
        assert f"rport={p.port}" in answer.get("Via") and "received=127.0.0.1" in answer.get("Via")
        # Without rport the port is that of sent-by, and the address the one it came from.
        text = p.request("OPTIONS", "sip:alpha.test", via_extra="").replace(f"UDP {p.place}", f"UDP host.invalid:{p.port}")
        with Phone(dual.udp) as other:
            other.send(text)
            assert "received=127.0.0.1" in p.final().get("Via")
            other.silence(0.1)


@pytest.mark.parametrize("wildcard, hosts", [("0.0.0.0", ("127.0.0.1", "127.0.0.2", "127.8.9.10")), ("[::]", ("::1",))])
def test_a_wildcard_listener_answers_from_the_address_that_was_asked(tmp_path, wildcard, hosts):
    with Lotse(tmp_path, {**LABORATORY, "workers": 2, "listen": [f"udp://{wildcard}:0", f"tcp://{wildcard}:0"]}) as daemon:
        for host in hosts:
            for tcp in (False, True):
                port = daemon.address("tcp" if tcp else "udp")[1]
                aor = f"sip:{unique('bob')}@alpha.test"
                with Phone((host, port), tcp=tcp) as p, Phone((host, port), aor, tcp=tcp) as bob:
                    answer = p.ask("OPTIONS", "sip:alpha.test")
                    assert answer.status == 200 and (tcp or answer.source[0] == host)
                    assert bob.register().status == 200
                    p.send(p.request("INVITE", aor))
                    got = bob.expect("INVITE")
                    # By whichever of its addresses it goes on, that one is what it writes; never the wildcard.
                    ours = got.all("Via")[:1] + got.routes()
                    assert not any("0.0.0.0" in o or "[::]" in o for o in ours), got.text
                    assert tcp or all(got.source[0] in o for o in ours[:2]), got.text
                    bob.answer(got, 486)
                    assert p.final().status == 486


# ---------------------------------------------------------------------------- streams


def test_streams_split_joined_and_kept_alive(dual):
    with Phone(dual.tcp, tcp=True) as p:
        text = p.request("OPTIONS", "sip:alpha.test", body="x" * 300, headers=("Content-Type: text/plain",))
        for n in range(0, len(text), 37):
            p.send(text[n:n + 37])
            time.sleep(0.002)
        assert p.final().status == 200
        p.send("\r\n\r\n" + "".join(p.request("OPTIONS", "sip:alpha.test") for _ in range(20)) + "\r\n\r\n")
        for _ in range(20):
            assert p.final().status == 200
        p.socket.settimeout(1)
        p.send("\r\n\r\n")
        assert p.socket.recv(2) == b"\r\n"  # RFC 5626 3.5.1


@pytest.mark.parametrize("bytes_", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 100,
                                    b"OPTIONS sip:alpha.test SIP/2.0\r\nContent-Length: 99999999\r\n\r\n", b"A" * 200000,
                                    b"OPTIONS sip:alpha.test SIP/2.0\r\n" + b"X: y\r\n" * 20000])
def test_nonsense_on_a_stream_ends_it(dual, bytes_):
    with socket.create_connection(dual.tcp, timeout=5) as s:
        try:
            s.sendall(bytes_)
            while s.recv(65536):
                pass
        except ConnectionError:
            pass
    with Phone(dual.tcp, tcp=True) as p:
        assert p.ask("OPTIONS", "sip:alpha.test").status == 200


def test_datagrams_that_are_nothing(dual):
    with Phone(dual.udp) as p:
        for data in (b"", b"\0", b"\0\0\0\0", b"\r\n\r\n", b"hello", b"\xff" * 1400, b"SIP/2.0 200 OK\r\n\r\n", os.urandom(1400)):
            p.send(data)
        p.silence(0.2)
        assert p.ask("OPTIONS", "sip:alpha.test").status == 200


# ---------------------------------------------------------------------------- reload


def test_a_reload_changes_what_it_says_and_drops_no_call(tmp_path):
    old, new = f"udp://127.0.0.1:{free_port()}", f"udp://127.0.0.1:{free_port()}"
    always = f"tcp://127.0.0.1:{free_port()}"
    with Lotse(tmp_path, {**LABORATORY, "listen": [old, always]}) as daemon, Phone(daemon.tcp, tcp=True) as alice, \
         Phone(daemon.tcp, "sip:bob@alpha.test", tcp=True) as bob:
        assert bob.register().status == 200
        invite = alice.request("INVITE", "sip:bob@alpha.test")
        alice.send(invite)
        bob.answer(bob.expect("INVITE"), 200)
        dialog = Dialog.of_caller(alice, invite, alice.expect(200))
        dialog.send("ACK")
        bob.expect("ACK")
        with Phone(daemon.udp, "sip:x@elsewhere.test", address="127.0.0.9") as peer:
            assert peer.ask("MESSAGE", "sip:nobody@alpha.test", frm="sip:x@elsewhere.test").status == 404
            daemon.reload(listen=[new, always], federation={"call": "none"},
                          peers=[{"name": "beta", "domains": ["beta.test"], "addresses": ["127.0.0.9"], "ingress": "sip:127.0.0.1:9"}])
            peer.gateway = ("127.0.0.1", int(new.rpartition(":")[2]))
            # Known by its address now, and to be believed for its own domain alone.
            assert peer.ask("MESSAGE", "sip:nobody@alpha.test", frm="sip:x@beta.test").status == 404
            assert peer.ask("MESSAGE", "sip:nobody@alpha.test", frm="sip:x@elsewhere.test").status == 403
            peer.gateway = ("127.0.0.1", int(old.rpartition(":")[2]))
            peer.send(peer.request("OPTIONS", "sip:alpha.test"))
            peer.silence(0.2)
        assert "beta" in daemon.run("peer", "list")
        dialog.send("BYE")
        bob.answer(bob.expect("BYE"), 200)
        assert alice.final(method="BYE").status == 200


@pytest.mark.parametrize("change, words", [({"domians": ["x.test"]}, ("domians", "domains")), ({"workers": "many"}, ("workers",)),
                                           ({"listen": ["tls://127.0.0.1:0"]}, ("tls",)), ({"listen": ["udp://192.0.2.77:0"]}, ("192.0.2.77",)),
                                           ({"peers": [{"name": "b", "transport": "tls"}]}, ("tls",))])
def test_a_bad_configuration_is_refused_and_the_old_one_stays(tmp_path, change, words):
    with Lotse(tmp_path, LABORATORY) as daemon, Phone(daemon.udp) as p:
        good = daemon.conf
        daemon.conf = {**good, **change}
        daemon.write()
        done = run_lotse("reload", "-f", daemon.file)
        assert done.returncode == USAGE
        assert all(w in done.stderr + done.stdout for w in words), done.stderr
        daemon.process.send_signal(signal.SIGHUP)  # the same by signal: logged
        wait_for(lambda: any(all(w in line for w in words) for line in daemon.log().splitlines()))
        assert p.ask("OPTIONS", "sip:alpha.test").status == 200
        daemon.conf = good
        daemon.write()
        daemon.run("reload")


def test_keys_that_need_a_restart_are_named(tmp_path):
    with Lotse(tmp_path, {**LABORATORY, "workers": 1}) as daemon:
        done = daemon.reload(workers=2) + daemon.log()
        assert "workers" in done and "restart" in done


# ---------------------------------------------------------------------------- two of them


def test_the_same_ports_are_refused(dual, tmp_path):
    for listen in (dual.urls[0], dual.urls[1], dual.urls[2]):
        done = run_lotse("serve", "--domain", "x.test", "--data", tmp_path / "data", "--listen", listen, seconds=10)
        assert done.returncode == UNREACHABLE
        assert listen in done.stderr and "in use" in done.stderr, done.stderr
        assert "ready" not in done.stdout


def test_the_same_data_is_refused(dual):
    done = run_lotse("serve", "--domain", "x.test", "--data", dual.conf["data"], "--listen", "udp://127.0.0.1:0", seconds=10)
    assert done.returncode == UNREACHABLE
    assert str(dual.conf["data"]) in done.stderr and "ready" not in done.stdout, done.stderr


def test_a_port_of_the_admin_page_that_is_taken(dual, tmp_path):
    (tmp_path / "conf").write_text(f"domains: [x.test]\nlisten: [\"udp://127.0.0.1:0\"]\ndata: {tmp_path}/data\n"
                                   f"admin: http://127.0.0.1:{dual.admin[1]}\n")
    done = run_lotse("serve", "-f", tmp_path / "conf", seconds=10)
    assert done.returncode == UNREACHABLE and str(dual.admin[1]) in done.stderr, done.stderr


# ---------------------------------------------------------------------------- the end


def test_it_ends_at_once_where_nothing_is_going_on(tmp_path):
    daemon = Lotse(tmp_path, LABORATORY).start()
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 2
    assert run_lotse("status", "-f", daemon.file).returncode == UNREACHABLE


def test_calls_in_progress_have_a_moment(tmp_path):
    daemon = Lotse(tmp_path, LABORATORY).start()
    with Phone(daemon.udp) as alice, Phone(daemon.udp, "sip:bob@alpha.test") as bob:
        assert bob.register().status == 200
        alice.send(alice.request("INVITE", "sip:bob@alpha.test"))
        got = bob.expect("INVITE")
        bob.answer(got, 180)
        alice.expect(180)
        daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        bob.answer(got, 486)
        assert alice.final().status == 486
    assert daemon.stop() == 0


def test_killed_and_started_again_on_the_same_data(tmp_path):
    daemon = Lotse(tmp_path, LABORATORY).start()
    daemon.kill()
    with daemon.start() as again, Phone(again.udp) as p:
        assert p.ask("OPTIONS", "sip:alpha.test").status == 200


# ---------------------------------------------------------------------------- looking at it


def test_metrics(dual):
    with urllib.request.urlopen(f"http://127.0.0.1:{dual.admin[1]}/metrics", timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
    names = {re.match(r"\w+", line).group(0) for line in text.splitlines() if line and not line.startswith("#")}
    assert all(n.startswith("lotse_") for n in names), names
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r'\w+(\{(\w+="[^"]*",?)+\})? -?[0-9.e+-]+|\w+(\{(\w+="[^"]*",?)+\})? [+]Inf', line), line
    described = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {re.sub(r"_(bucket|sum|count)$", "", n) for n in names} <= described
    assert 'lotse_loop_lag_seconds_bucket{le="0.02"}' in text and 'lotse_loop_lag_seconds_bucket{le="0.05"}' in text
    assert dual.metrics()['lotse_requests_total{method="OPTIONS"}'] >= 1


def test_the_admin_page_only_reads(dual):
    def status(path, method="GET"):
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{dual.admin[1]}{path}", method=method), timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert status("/metrics", "HEAD") == 200
    assert status("/no/such/page") == 404
    assert status("/metrics", "POST") == 405
    assert status("/metrics", "DELETE") == 405


def test_the_socket_is_for_its_owner_alone(dual):
    sockets = [p for p in dual.folder.joinpath("data").rglob("*") if stat.S_ISSOCK(p.stat().st_mode)]
    assert sockets and all(stat.S_IMODE(s.stat().st_mode) == 0o600 for s in sockets)


def test_without_a_file(tmp_path):
    """`lotse serve` runs for the host's own domain, with its data under XDG_STATE_HOME where not root; flags replace what a file says."""
    process = subprocess.Popen([program(), "serve", "--domain", "x.test", "--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0",
                                "--data", tmp_path / "data"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline()
        if not line:  # the admin page's port is the default one, and may be somebody else's on this machine
            assert process.wait(5) == UNREACHABLE
            return
        assert re.fullmatch(r"ready udp://127\.0\.0\.1:\d+ tcp://127\.0\.0\.1:\d+\n", line)
        status = run_lotse("status", "--data", tmp_path / "data")
        assert status.returncode == 0 and "x.test" in status.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
