"""The program as its manual promises it: exit statuses, configurations refused by file, line and key, what it prints loads again."""

import os
import re
import socket

import pytest
import yaml

from conftest import LABORATORY
from lotse import Lotse, run_lotse

DONE, NO, USAGE, UNREACHABLE = 0, 1, 2, 3
COMMANDS = ["serve", "check", "reload", "status", "version", "user", "location", "locate", "resolve", "resolver", "peer", "stun", "register",
            "options", "call", "answer"]


def conf(folder, text):
    path = folder / "lotse.yaml"
    path.write_text(text)
    return path


# ---------------------------------------------------------------------------- usage


def test_help_and_version():
    done = run_lotse("--help")
    assert done.returncode == DONE and all(re.search(rf"(?m)^\s+{c}\b", done.stdout) for c in COMMANDS), done.stdout
    done = run_lotse("version")
    assert done.returncode == DONE and re.fullmatch(r"lotse \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize("words", [["frobnicate"], ["serve", "--frob"], ["check", "one", "two"], ["locate"], ["resolve"], ["stun"], ["user"],
                                   ["user", "frob"], ["user", "add"], ["location", "frob"], ["peer", "frob"], ["call"], ["register"],
                                   ["check", "-f"], ["version", "now"]])
def test_wrong_usage(words):
    done = run_lotse(*words)
    assert done.returncode == USAGE and done.stderr and not done.stdout, done


@pytest.mark.parametrize("words", [["dns"], ["doctor"], ["backup", "x"], ["location", "add", "x", "y"], ["location", "del", "x"], ["location", "dump"],
                                   ["location", "restore"], ["peer", "publish"], ["user", "alias", "x", "y"]])
def test_what_is_not_built_says_so(words):
    done = run_lotse(*words)
    assert done.returncode == USAGE and "not in this version" in done.stderr, done


@pytest.mark.parametrize("words", [["status"], ["reload"], ["locate", "sip:x@y.test"], ["location", "list"], ["location", "show", "x@y.test"],
                                   ["peer", "list"], ["peer", "test", "beta"], ["resolver", "cache"], ["resolver", "flush"]])
def test_commands_that_need_a_daemon(tmp_path, words):
    done = run_lotse(*words, "--data", tmp_path)
    assert done.returncode == UNREACHABLE and str(tmp_path) in done.stderr and not done.stdout, done


# ---------------------------------------------------------------------------- configuration


def test_what_check_prints_loads_again(tmp_path):
    """With every default filled in, and then it is the same."""
    (tmp_path / "token").write_text("a-token-of-some-length-0123456789\n")
    full = conf(tmp_path, f"""\
domains: [alpha.test, {{name: "*.corp.alpha.test", mode: redirect, realm: corp, numbers: ["+4930123"]}}]
listen: ["udp://127.0.0.1:5060", {{url: "tcp://[::1]:5060", role: users, advertise: sip.alpha.test}}, "stun://127.0.0.1:3478"]
trusted: [127.0.0.1, {{network: 10.1.2.0/24, transport: tcp, may: [relay]}}]
routes: [{{match: {{number: "+49"}}, to: [peer:beta]}}, {{match: {{domain: "*.x.test"}}, to: "sip:10.1.2.3;transport=tcp"}}, {{to: refuse}}]
peers: [{{name: beta, domains: [beta.test], numbers: ["+4940"], url: "https://location.beta.test:8443/", token_file: {tmp_path}/token}}]
limits: {{requests_per_source: 100/s}}
""")
    first = run_lotse("check", "-f", full)
    assert first.returncode == DONE, first.stderr
    printed = yaml.safe_load(first.stdout)
    assert printed["registrar"] == {"min_expires": "60s", "default_expires": "3600s", "max_expires": "7200s", "max_contacts": 10, "durability": "sync"}
    assert printed["routing"] == {"try": "4s", "tries": 4, "targets": 64}
    assert printed["federation"]["call"] == "verified" and printed["federation"]["open"] == ["dns"]
    assert printed["auth"]["algorithms"] == ["SHA-256", "MD5"] and printed["auth"]["required"] is True
    second = run_lotse("check", "-f", conf(tmp_path, first.stdout))
    assert second.returncode == DONE and second.stdout == first.stdout, second.stderr


@pytest.mark.parametrize("text, place, words", [
    ("domians: [x.test]\n", "1:1", ["domians", "domains"]),
    ("domains: [x.test]\nauth:\n  algoritms: [MD5]\n", "3:3", ["algoritms", "algorithms"]),
    ("workers: many\n", "1:10", ["workers"]),
    ("workers: -1\n", "1:10", ["workers"]),
    ("registrar: {min_expires: 10}\n", "1:26", ["min_expires"]),
    ("mode: relay\n", "1:7", ["mode", "proxy", "redirect"]),
    ("domains: [x.test]\ndomains: [y.test]\n", "2:1", ["domains"]),
    ("listen: [\"udp://0.0.0.0:99999\"]\n", "1:10", ["listen"]),
    ("routes: [{to: peer:beta}]\n", "1:", ["beta"]),
    ("domains: [x.test\n", "", []),
])
def test_what_is_wrong_is_named_by_line_column_and_key(tmp_path, text, place, words):
    path = conf(tmp_path, text)
    done = run_lotse("check", "-f", path)
    assert done.returncode == USAGE and not done.stdout
    assert f"{path}:{place}" in done.stderr and all(w in done.stderr for w in words), done.stderr


@pytest.mark.parametrize("text", ["listen: [\"tls://127.0.0.1:5061\"]", "listen: [\"ws://127.0.0.1:80\"]", "listen: [\"wss://127.0.0.1:443\"]",
                                  "peers: [{name: b, transport: tls}]", "federation: {ask: ingress}", "federation: {open: [https]}",
                                  "enum: [e164.arpa]", "peers: [{name: b, lookup: [redirect]}]", "peers: [{name: b, lookup: [enum]}]",
                                  "peers: [{name: b, lookup: [table]}]", "peers: [{name: b, parallel: true}]",
                                  "peers: [{name: b, limits: {calls: 1}}]", "domains: [{name: x.test, numbering: {country: \"49\"}}]"])
def test_what_comes_later_is_refused_and_says_so(tmp_path, text):
    done = run_lotse("check", "-f", conf(tmp_path, text + "\n"))
    assert done.returncode == USAGE and "not in this version" in done.stderr, done.stderr


def test_without_a_file_the_defaults_are_printed():
    done = run_lotse("check")
    assert done.returncode == DONE
    printed = yaml.safe_load(done.stdout)
    assert printed["listen"] and printed["admin"] == "http://127.0.0.1:8060" and printed["workers"] == 0


# ---------------------------------------------------------------------------- a service


def test_it_speaks_sd_notify(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        with Lotse(tmp_path / "lotse", LABORATORY, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as daemon:
            assert b"READY=1" in manager.recv(4096)
            daemon.run("status")
        said = b""
        while b"STOPPING=1" not in said:
            said = manager.recv(4096)


def test_no_secret_in_the_environment_or_the_log(tmp_path):
    with Lotse(tmp_path, LABORATORY) as daemon:
        daemon.add_user("alice@alpha.test", "correct-horse")
        shown = open(f"/proc/{daemon.process.pid}/cmdline", "rb").read() + daemon.log().encode() + daemon.run("user", "list").encode()
        assert b"correct-horse" not in shown
        assert oct(os.stat(daemon.conf["data"]).st_mode & 0o077) == "0o0"
