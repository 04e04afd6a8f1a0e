"""The torture messages of RFC 4475 and RFC 5118, sent to a running daemon: a status or silence, and it lives on."""

import re

import pytest

from conftest import LABORATORY
from lotse import ROOT, Lotse
from sip import Phone

CORPUS = ROOT / "tests/corpus"
# What becomes of each stands in one table, that of the unit test.
TABLE = re.findall(r'\{ "(rfc\d+/[\w.-]+)",\s*(FORWARD|RELAY|ANSWER|DROP),\s*(\d+), "(.*?)" \}',
                   (ROOT / "tests/unit/sip/torture_test.c").read_text())
# Domains that the messages call theirs; whom they call is then looked for, and not found.
DOMAINS = ["example.com", "atlanta.example.com", "biloxi.example.com", "company.com", "example.org", "example.net", "bigbox3.site3.atlanta.com"]


@pytest.fixture(scope="module")
def lotse(tmp_path_factory):
    conf = {**LABORATORY, "domains": DOMAINS, "workers": 2, "resolver": {"servers": ["127.0.0.1:9"], "timeout": "50ms"}}
    with Lotse(tmp_path_factory.mktemp("lotse"), conf) as daemon:
        yield daemon


def local(data, phone):
    """The message with its topmost Via and its Route pointing to the phone, so that nothing leaves the machine."""
    place = phone.place.encode()
    data = re.sub(rb"(?im)^(v|via)(\s*:\s*SIP\s*/\s*\d\.\d\s*/\s*\w+\s+)(\[[^\]]*\]|[^\s;,:]+)(\s*:\s*\d+)?", rb"\g<1>\g<2>" + place, data, count=1)
    return re.sub(rb"(?im)^(Route\s*:\s*<sips?:)[^;>]*", rb"\g<1>" + place, data)


def check(phone, message, want, status):
    """What comes back, which is answered to: the first final response, or nothing."""
    phone.send(local(message, phone))
    answer = phone.receive(0.25 if want in ("DROP", "RELAY") else 3)
    while answer is not None and answer.status == 100:
        answer = phone.receive(3)
    if want in ("DROP", "RELAY"):
        assert answer is None, answer.text
    elif status == 483 and message.startswith(b"OPTIONS "):
        assert answer.status in (200, 483), answer  # RFC 3261 16.3 step 3: a proxy may answer itself
    elif want == "ANSWER":
        assert answer is not None and answer.status == status, answer
    else:
        assert answer is not None and answer.status not in (400, 416, 420, 505, 513), answer
    return answer


def test_the_table_was_read():
    assert len(TABLE) == len(list(CORPUS.glob("rfc4475/*.dat"))) + len(list(CORPUS.glob("rfc5118/*.dat")))


@pytest.mark.parametrize("file, want, status, reason", TABLE, ids=[t[0] for t in TABLE])
def test_in_a_datagram(lotse, file, want, status, reason):
    with Phone(lotse.udp) as phone:
        answer = check(phone, (CORPUS / file).read_bytes(), want, int(status))
        if answer is not None and answer.method != "ACK":
            assert phone.receive(0.02) is None or answer.method == "INVITE"
        assert phone.ask("OPTIONS", "sip:example.com").status == 200


def on_a_stream(file, message, want, status):
    """The same where a stream must be cut into messages: (verdict, status)."""
    if file.endswith("/dblreq.dat"):
        return "EITHER", None  # two messages, and then none: the connection ends, perhaps before one of the two was answered
    head, end, body = message.partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^(?:content-length|l)\s*:\s*(\S+)", head)
    if not end or (lengths and lengths[0].isdigit() and int(lengths[0]) > len(body)):
        return "DROP", 0  # more is to come
    if len(lengths) != 1 or not lengths[0].isdigit():
        return "EITHER", 400  # nobody knows where it ends
    if want == "ANSWER" and not re.match(rb"\S+ \S+ SIP/2\.0\r\n", message):
        return "EITHER", status  # perhaps no SIP at all
    return want, status


@pytest.mark.parametrize("file, want, status, reason", TABLE, ids=[t[0] for t in TABLE])
def test_on_a_stream(lotse, file, want, status, reason):
    message = (CORPUS / file).read_bytes()
    want, status = on_a_stream(file, message, want, int(status))
    with Phone(lotse.tcp, tcp=True) as phone:
        if want == "EITHER":
            phone.send(local(message, phone))
            answer = phone.receive(0.5)
            assert answer is None or status is None or answer.status == status, answer
        else:
            check(phone, message, want, status)
    with Phone(lotse.tcp, tcp=True) as phone:
        assert phone.ask("OPTIONS", "sip:example.com").status == 200
