"""SIPp registers and calls through the gateway: thousands of calls, and not a failed one (`make test-long`: ten times as many)."""

import pytest

from lotse import LONG, Lotse, free_port
from sipp import Sipp

CONF = {"domains": ["alpha.test"], "auth": {"algorithms": ["MD5"]}, "limits": {"requests_per_source": "0"},
        "resolver": {"servers": ["127.0.0.1:9"], "allow_targets": ["127.0.0.0/8"]}}
CALLERS = [(f"caller{n}", f"secret{n}") for n in range(10)]
CALLEES = [(f"callee{n}", f"secret{n}") for n in range(10)]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("workers", [4, 2, 1])
def test_registrations_and_calls(tmp_path, workers, tcp):
    calls = (20000 if LONG else 2000) if workers == 4 else 300
    with Lotse(tmp_path / "lotse", {**CONF, "workers": workers}) as lotse:
        accounts = "".join(f"{user}@alpha.test,{password}\n" for user, password in CALLERS + CALLEES)
        (tmp_path / "accounts.csv").write_text(accounts)
        lotse.run("user", "import", tmp_path / "accounts.csv")
        gateway, port = lotse.tcp if tcp else lotse.udp, free_port()
        contact = f"127.0.0.1:{port}" + (";transport=tcp" if tcp else "")
        Sipp(tmp_path / "register", "register", gateway, tcp=tcp, calls=len(CALLEES), users=CALLEES, keys=[("contact", contact)]).finish()
        assert len(lotse.run("location", "list").split("callee")) > len(CALLEES)
        users = [(*caller, callee) for caller in CALLERS for callee, _ in CALLEES]
        with Sipp(tmp_path / "answer", "answer", port=port, tcp=tcp) as phones:
            Sipp(tmp_path / "call", "call", gateway, tcp=tcp, calls=calls, rate=400, at_once=100, users=users).finish()
            assert phones.process.poll() is None, phones.said()
        assert lotse.metrics()['lotse_calls_total{outcome="answered"}'] == calls
        assert lotse.metric("lotse_calls") == 0
