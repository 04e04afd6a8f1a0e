"""`lotse resolve` against a real authority: the look-ups of the corpus (RFC 3263), large answers, aliases, servers that fail."""

import collections
import json
import os
import subprocess
from pathlib import Path

import pytest

from knot import Knot, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
LOTSE = Path(os.environ.get("LOTSE_BUILD", ROOT / "build")) / "lotse"
ZONES = ROOT / "tests/corpus/zones"
FOUND, NOBODY, USAGE, FAILED = 0, 1, 2, 3

Case = collections.namedtuple("Case", "uri supported status targets asked", defaults=("",))


def in_order(*targets):
    """Exactly these, in this order: "127.0.0.1:5060 udp"."""
    return lambda found: found == list(targets)


def any_order(*targets):
    return lambda found: sorted(found) == sorted(targets)


def first(target):
    return lambda found: found[:1] == [target]


NONE = in_order()

# What rfc3263-cases.tsv says in words. `asked`: the types of the questions; "": not looked at.
CASES = [
    Case("sip:127.0.0.1", "udp,tcp", FOUND, in_order("127.0.0.1:5060 udp"), "nothing"),
    Case("sip:127.0.0.1:5080", "udp,tcp", FOUND, in_order("127.0.0.1:5080 udp"), "nothing"),
    Case("sips:127.0.0.1", "udp,tcp,tls", FOUND, in_order("127.0.0.1:5061 tls"), "nothing"),
    Case("sip:127.0.0.1;transport=tcp", "udp,tcp", FOUND, in_order("127.0.0.1:5060 tcp"), "nothing"),
    Case("sip:h1.cases.test:5080", "udp,tcp", FOUND, in_order("127.0.0.1:5080 udp"), "A AAAA"),
    Case("sip:h1.cases.test;transport=tcp", "udp,tcp", FOUND, in_order("127.0.0.1:5060 tcp"), "A AAAA SRV"),
    Case("sip:aonly.cases.test", "udp,tcp", FOUND, in_order("127.0.0.7:5060 udp"), "A AAAA NAPTR SRV"),
    Case("sips:aonly.cases.test", "udp,tcp,tls", FOUND, in_order("127.0.0.7:5061 tls")),
    Case("sip:alias.cases.test:5060", "udp,tcp", FOUND, in_order("127.0.0.1:5060 udp"), "A AAAA"),
    Case("sip:udp-srv-only.cases.test", "udp,tcp", FOUND, in_order("127.0.0.1:5070 udp")),
    Case("sip:tcp-srv-only.cases.test", "udp,tcp", FOUND, in_order("127.0.0.2:5071 tcp")),
    Case("sip:tcp-srv-only.cases.test", "udp", FOUND, in_order("127.0.0.8:5060 udp")),
    Case("sips:tls-srv-only.cases.test", "udp,tcp,tls", FOUND, in_order("127.0.0.2:5071 tls")),
    Case("sip:prio.cases.test", "udp,tcp", FOUND,
         in_order("127.0.0.1:5060 udp", "127.0.0.2:5060 udp", "127.0.0.3:5060 udp")),
    Case("sip:weight0.cases.test", "udp", FOUND, any_order("127.0.0.1:5060 udp", "127.0.0.2:5060 udp")),
    Case("sip:naptr-order.cases.test", "udp,tcp", FOUND, in_order("127.0.0.1:5060 udp", "127.0.0.2:5060 tcp")),
    Case("sip:naptr-order.cases.test", "tcp", FOUND, in_order("127.0.0.2:5060 tcp")),
    Case("sip:naptr-sctp-first.cases.test", "udp,tcp", FOUND, in_order("127.0.0.1:5060 udp")),
    Case("sips:naptr-sips-only.cases.test", "tls", FOUND, in_order("127.0.0.1:5061 tls")),
    Case("sips:prio.cases.test", "tls,udp", FAILED, NONE),
    Case("sip:naptr-foreign.cases.test", "udp", FOUND, first("127.0.0.1:5060 udp")),
    Case("sip:naptr-http.cases.test", "udp", FOUND, in_order("127.0.0.9:5060 udp")),
    Case("sip:naptr-case.cases.test", "udp", FOUND, first("127.0.0.1:5060 udp")),
    Case("sip:naptr-dangling.cases.test", "udp", FOUND, in_order("127.0.0.9:5060 udp")),
    Case("sip:srv-dot.cases.test;transport=udp", "udp", FAILED, NONE, "SRV"),
    Case("sip:srv-dangling.cases.test", "udp", FOUND, in_order("127.0.0.1:5060 udp")),
    Case("sip:srv-cname.cases.test", "udp", FOUND, in_order("127.0.0.1:5060 udp")),
    Case("sip:srv-port0.cases.test", "udp", FAILED, NONE),
    Case("sip:srv-v6.cases.test", "udp", FOUND, in_order("[::1]:5060 udp")),
    Case("sip:srv-dual.cases.test", "udp", FOUND, in_order("[::1]:5060 udp", "127.0.0.4:5060 udp")),
    Case("sip:multi.cases.test:5060", "udp", FOUND, any_order("127.0.0.5:5060 udp", "127.0.0.6:5060 udp")),
    Case("sip:srv-many.cases.test", "udp", FOUND, any_order(*(f"127.0.0.1:{p} udp" for p in range(5001, 5009)))),
    Case("sip:nothing.cases.test", "udp,tcp", NOBODY, NONE),
]


def resolve(*arguments, servers=()):
    """(exit status, the object printed, seconds from the first question to the last answer)"""
    command = [LOTSE, "resolve", "--json"]
    for server in servers:
        command += ["--server", server]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    # Questions of the same depth are asked at the same time. Starting the program doesn't count.
    steps = {step["depth"]: 0 for step in found["trace"]}
    for step in found["trace"]:
        steps[step["depth"]] = max(steps[step["depth"]], step["ms"])
    return done.returncode, found, sum(steps.values()) / 1000


def targets_of(found):
    def one(target):
        address = f"[{target['address']}]" if ":" in target["address"] else target["address"]
        return f"{address}:{target['port']} {target['transport']}"
    return [one(target) for target in found["targets"]]


@pytest.fixture(scope="module")
def cases():
    with Knot() as knot:
        yield knot.start({"cases.test": ZONES / "rfc3263-cases.test.zone"})


def test_each_row_of_the_corpus_is_a_case():
    rows = [line.split("\t")[:2] for line in (ZONES / "rfc3263-cases.tsv").read_text().splitlines()[1:]]
    assert rows == [[case.uri, case.supported] for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.uri} {case.supported}")
def test_rfc3263(cases, case):
    status, found, seconds = resolve("--transports", case.supported, case.uri, servers=[cases])
    assert (status, found["outcome"]) == (case.status, ["found", "nobody", "", "failed"][case.status])
    assert case.targets(targets_of(found)), found["targets"]
    assert seconds < 2.5
    if case.status == FOUND:
        assert found["reason"] is None
    else:
        assert case.uri.split(":")[1].split(";")[0] in found["reason"]
    if case.asked:
        assert " ".join(sorted({step["type"] for step in found["trace"]})) == case.asked.replace("nothing", "")


def test_what_is_not_known_is_null(cases):
    _, found, _ = resolve("sip:127.0.0.1", servers=[cases])
    assert found["targets"] == [{"transport": "udp", "host": "127.0.0.1", "address": "127.0.0.1", "port": 5060,
                                 "priority": None, "weight": None, "ttl": None}]
    _, found, _ = resolve("sip:udp-srv-only.cases.test", servers=[cases])
    assert found["targets"] == [{"transport": "udp", "host": "h1.cases.test", "address": "127.0.0.1", "port": 5070,
                                 "priority": 10, "weight": 0, "ttl": 60}]


def test_hosts_and_maddr(cases):
    for what, target in [
        ("h1.cases.test:5080", "127.0.0.1:5080 udp"),
        ("H1.Cases.Test.:5080", "127.0.0.1:5080 udp"),
        ("::1", "[::1]:5060 udp"),
        ("[::1]:5080", "[::1]:5080 udp"),
        ("sip:bob@nothing.cases.test:5070;maddr=h2.cases.test", "127.0.0.2:5070 udp"),
        ("sip:bob@nothing.cases.test;maddr=127.0.0.3;transport=tcp", "127.0.0.3:5060 tcp"),
        ("prio.cases.test", "127.0.0.1:5060 udp"),
    ]:
        status, found, _ = resolve(what, servers=[cases])
        assert (status, targets_of(found)[0]) == (FOUND, target)
    status, found, _ = resolve("localhost", servers=[cases])
    assert (status, targets_of(found)) == (FOUND, ["127.0.0.1:5060 udp", "[::1]:5060 udp"])
    assert resolve("sip:x.invalid", servers=[cases])[0] == NOBODY
    assert resolve("sips:h1.cases.test;transport=udp", servers=[cases])[0] == FAILED


@pytest.mark.parametrize("arguments", [
    [], ["a", "b"], ["--server", "nonsense", "a"], ["--transports", "smoke", "a"], ["tel:+4930123456"], ["sip:"],
    ["sip:a.test;transport=smoke"], ["a..b:x"], ["--wrong", "a"], ["-f", "/nonexistent.yaml", "a"],
])
def test_wrong_usage(arguments):
    done = subprocess.run([LOTSE, "resolve", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == USAGE
    assert done.stdout == "" and done.stderr != ""


def test_lines_for_people(cases):
    done = subprocess.run([LOTSE, "resolve", "--server", cases, "--trace", "prio.cases.test"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == FOUND
    assert "  NAPTR prio.cases.test: 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.prio.cases.test.  (" in done.stdout
    assert "\n    SRV _sip._udp.prio.cases.test: " in done.stdout
    assert "\n      A h1.cases.test: 127.0.0.1  (" in done.stdout
    assert done.stdout.splitlines()[-3].split() == [
        "1", "udp", "127.0.0.1:5060", "h1.cases.test", "priority", "10", "weight", "0", "ttl", "60"]


def test_the_configuration_names_servers_and_what_may_be_reached(cases, tmp_path):
    conf = tmp_path / "lotse.yaml"
    conf.write_text(f"domains: [alpha.test]\ndata: {tmp_path}\nresolver: {{servers: ['{cases}']}}\n")
    status, found, _ = resolve("-f", str(conf), "prio.cases.test")
    assert (status, found["targets"]) == (FAILED, [])
    assert "127.0.0.1:5060 refused" in found["reason"] and "allow_targets" in found["reason"]
    conf.write_text(conf.read_text().replace("servers", "allow_targets: [127.0.0.0/31], servers"))
    status, found, _ = resolve("-f", str(conf), "prio.cases.test")
    assert (status, targets_of(found)) == (FOUND, ["127.0.0.1:5060 udp"])
    assert "127.0.0.2:5060 refused" in found["reason"]


HEAD = "@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A 127.0.0.53\n"


def large_zone():
    lines = [f"_sip._udp.big SRV {i // 10} 1 5060 h{i}" for i in range(200)]
    lines += [f"h{i} A 127.1.{i}.{j}" for i in range(200) for j in range(1, 5)]
    return HEAD + "\n".join(lines) + "\n"


def test_large_answers_come_over_tcp():
    """200 SRV records of 4 addresses each (kamailio 2651, 4359: nine, or more than a hundred, failed the call)."""
    with Knot() as knot:
        server = knot.start({"large.test": large_zone()})
        status, found, seconds = resolve("--transports", "udp", "big.large.test", servers=[server])
    assert status == FOUND and seconds < 2.5
    assert len(found["targets"]) == 64  # of 800, the best
    priorities = [target["priority"] for target in found["targets"]]
    assert priorities == sorted(priorities) and priorities[0] == 0
    assert len({target["host"] for target in found["targets"]}) == 16
    srv = [step for step in found["trace"] if step["type"] == "SRV"]
    assert srv[0]["answer"].count(";") == 199


def test_aliases_are_followed_and_loops_end():
    """Also where the authority knows only the next step: the chain goes through two zones and back."""
    chain = "".join(f"c{i} CNAME c{i + 1}\n" for i in range(5)) + "c5 CNAME c6.two.test.\nc7 A 127.0.0.77\n"
    loops = "l0 CNAME l1\nl1 CNAME l0\nself CNAME self\nacross CNAME back.two.test.\ngone CNAME nothing\n"
    with Knot() as knot:
        server = knot.start({"one.test": HEAD + chain + loops,
                             "two.test": HEAD + "c6 CNAME c7.one.test.\nback CNAME across.one.test.\n"})
        status, found, _ = resolve("c0.one.test:5060", servers=[server])
        assert (status, targets_of(found)) == (FOUND, ["127.0.0.77:5060 udp"])
        for name in ["l0", "self", "across"]:
            status, found, seconds = resolve(f"{name}.one.test:5060", servers=[server])
            assert status == FAILED and seconds < 1
            assert "aliases without end" in found["reason"]
        assert resolve("gone.one.test:5060", servers=[server])[0] == NOBODY


def test_the_second_server_answers_where_the_first_is_silent(cases):
    with Knot() as silent:
        first_server = silent.start({"cases.test": ZONES / "rfc3263-cases.test.zone"})
        silent.pause()
        status, found, seconds = resolve("h1.cases.test:5060", servers=[first_server, cases])
        assert (status, targets_of(found)) == (FOUND, ["127.0.0.1:5060 udp"])
        assert seconds < 1.5
        status, found, seconds = resolve("h1.cases.test:5060", servers=[first_server])
        assert status == FAILED and 1.9 < seconds < 4
        assert "no answer in time from DNS about" in found["reason"]
        assert {step["answer"] for step in found["trace"]} == {"no answer in time"}


def test_servers_that_refuse_or_are_not_there(cases):
    nobody = f"127.0.0.1:{free_port('127.0.0.1')}"
    with Knot() as other:
        refusing = other.start({"other.test": HEAD})
        for servers in [[refusing, cases], [nobody, cases], [nobody, refusing, cases]]:
            status, found, seconds = resolve("h1.cases.test:5060", servers=servers)
            assert (status, targets_of(found)) == (FOUND, ["127.0.0.1:5060 udp"])
            assert seconds < 0.5
        status, found, seconds = resolve("h1.cases.test:5060", servers=[refusing])
        assert status == FAILED and seconds < 0.5
        assert "REFUSED from DNS about" in found["reason"]
    status, found, seconds = resolve("h1.cases.test:5060", servers=[nobody])
    assert status == FAILED and seconds < 0.5
    assert "no server could be asked" in found["reason"]


def test_weights_decide_how_often_one_is_first(cases):
    """Weight 0 beside 100 is first in about one of a hundred (RFC 2782); drawn anew by each run."""
    firsts = collections.Counter(targets_of(resolve("weight0.cases.test", servers=[cases])[1])[0] for _ in range(30))
    assert firsts["127.0.0.2:5060 udp"] >= 25
