"""STUN (RFC 8489) on listeners of its own and on the SIP ports, and `lotse stun` that asks."""

import ipaddress
import json
import os
import socket
import struct
import zlib

import pytest

from conftest import LABORATORY
from lotse import ROOT, Lotse, free_port, run_lotse
from sip import Phone

COOKIE = 0x2112A442
REQUEST, INDICATION, SUCCESS, ERROR = 0x0001, 0x0011, 0x0101, 0x0111
MAPPED, XOR_MAPPED, ERROR_CODE, UNKNOWN, FINGERPRINT = 0x0001, 0x0020, 0x0009, 0x000A, 0x8028
CORPUS = ROOT / "tests/corpus/stun"


@pytest.fixture(scope="module")
def lotse(tmp_path_factory):
    listen = [f"{scheme}://{host}:0" for host in ("127.0.0.1", "[::1]") for scheme in ("udp", "tcp", "stun")]
    with Lotse(tmp_path_factory.mktemp("lotse"), {**LABORATORY, "workers": 4, "listen": listen}) as daemon:
        yield daemon


def message(kind=REQUEST, attributes=b"", fingerprint=False, transaction=None):
    transaction = transaction or os.urandom(12)
    size = len(attributes) + (8 if fingerprint else 0)
    text = struct.pack("!HHI", kind, size, COOKIE) + transaction + attributes
    if fingerprint:
        text += struct.pack("!HHI", FINGERPRINT, 4, zlib.crc32(text) ^ 0x5354554E)
    return text


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def parse(data, asked):
    """(type, {attribute: value}) of an answer to `asked`, whose length and fingerprint are right."""
    kind, size, cookie = struct.unpack_from("!HHI", data)
    assert cookie == COOKIE and size == len(data) - 20 and data[8:20] == asked[8:20]
    found, at = {}, 20
    while at < len(data):
        name, length = struct.unpack_from("!HH", data, at)
        found[name] = data[at + 4:at + 4 + length]
        if name == FINGERPRINT:
            assert struct.unpack("!I", found[name])[0] == zlib.crc32(data[:at]) ^ 0x5354554E
            assert at + 8 == len(data)
        at += 4 + length + -length % 4
    return kind, found


def mapped(attributes, asked):
    """XOR-MAPPED-ADDRESS: (address, port)."""
    value = attributes[XOR_MAPPED]
    port = struct.unpack("!H", value[2:4])[0] ^ COOKIE >> 16
    pad = (struct.pack("!I", COOKIE) + asked[8:20])[:len(value) - 4]
    return str(ipaddress.ip_address(bytes(a ^ b for a, b in zip(value[4:], pad)))), port


class Client:
    def __init__(self, server, tcp=False):
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.tcp = tcp
        self.socket = socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.socket.settimeout(2)
        self.socket.connect(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self, seconds=2):
        self.socket.settimeout(seconds)
        if not self.tcp:
            return self.socket.recv(2048)
        head = self.exactly(20)
        return head + self.exactly(struct.unpack_from("!H", head, 2)[0])

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the connection was closed"
            data += more
        return data

    def ask(self, text):
        self.socket.sendall(text)
        return parse(self.receive(), text)

    def silence(self):
        try:
            raise AssertionError(self.receive(0.2))
        except TimeoutError:
            pass


SERVERS = [(scheme, index, tcp) for scheme, tcp in (("stun", False), ("stun", True), ("udp", False), ("tcp", True)) for index in (0, 1)]
NAMES = [f"{scheme}-{'tcp' if tcp else 'udp'}-v{'6' if index else '4'}" for scheme, index, tcp in SERVERS]


@pytest.mark.parametrize("scheme, index, tcp", SERVERS, ids=NAMES)
def test_binding(lotse, scheme, index, tcp):
    for fingerprint in (False, True):
        for _ in range(8):  # whichever worker reads it
            with Client(lotse.address(scheme, index), tcp) as client:
                asked = message(fingerprint=fingerprint)
                kind, found = client.ask(asked)
                assert kind == SUCCESS and mapped(found, asked) == client.socket.getsockname()[:2]
                assert FINGERPRINT in found or not fingerprint


@pytest.mark.parametrize("scheme, index, tcp", SERVERS, ids=NAMES)
def test_what_must_be_understood_and_is_not(lotse, scheme, index, tcp):
    with Client(lotse.address(scheme, index), tcp) as client:
        kind, found = client.ask(message(attributes=attribute(0x7ABC, b"hello") + attribute(0x0003, b"\0\0\0\x06")))
        assert kind == ERROR
        assert struct.unpack("!HBB", found[ERROR_CODE][:4]) == (0, 4, 20)
        assert set(struct.unpack(f"!{len(found[UNKNOWN]) // 2}H", found[UNKNOWN])) >= {0x7ABC}
        # What may be ignored is.
        assert client.ask(message(attributes=attribute(0xFABC, b"hello") + attribute(0x8022, b"me")))[0] == SUCCESS


@pytest.mark.parametrize("scheme", ["stun", "udp"])
def test_what_is_no_question_gets_no_answer(lotse, scheme):
    good = message()
    wrong = message(fingerprint=True)[:-1] + b"\0"
    with Client(lotse.address(scheme)) as client:
        for text in (message(INDICATION), message(SUCCESS), message(ERROR), good[:19], good[:4] + b"\0\0\0\0" + good[8:] + b"xx",
                     struct.pack("!HHI", REQUEST, 8, COOKIE) + bytes(12), wrong):
            client.socket.send(text)
        client.silence()
        assert client.ask(message())[0] == SUCCESS


@pytest.mark.parametrize("scheme", ["stun", "udp"])
def test_an_answer_is_not_much_longer_than_its_question(lotse, scheme):
    """Nobody is amplified."""
    with Client(lotse.address(scheme)) as client:
        text = message()
        client.socket.send(text)
        assert len(client.receive()) <= 4 * len(text)


def test_pipelined_and_split_on_a_stream(lotse):
    with Client(lotse.address("stun"), tcp=True) as client:
        texts = [message() for _ in range(5)]
        joined = b"".join(texts)
        for n in range(0, len(joined), 7):
            client.socket.sendall(joined[n:n + 7])
        for text in texts:
            assert parse(client.receive(), text)[0] == SUCCESS


def test_sip_and_stun_share_a_port(lotse):
    with Phone(lotse.udp) as phone:
        phone.socket.settimeout(2)
        asked = message()
        phone.send(asked)
        assert parse(phone.socket.recv(2048), asked)[0] == SUCCESS
        assert phone.ask("OPTIONS", "sip:alpha.test").status == 200


def test_the_corpus(lotse):
    """Whatever is said to it, it lives on."""
    files = list(CORPUS.glob("*.bin"))
    assert files
    for tcp in (False, True):
        for file in files:
            with Client(lotse.address("stun"), tcp) as client:
                client.socket.sendall(file.read_bytes())
            with Client(lotse.address("stun"), tcp) as client:
                assert client.ask(message())[0] == SUCCESS


# ---------------------------------------------------------------------------- lotse stun


@pytest.mark.parametrize("index, host", [(0, "127.0.0.1"), (1, "::1")])
def test_the_command(lotse, index, host):
    address = lotse.address("stun", index)
    done = run_lotse("stun", f"[{host}]:{address[1]}" if index else f"{host}:{address[1]}")
    assert done.returncode == 0 and host in done.stdout, done
    done = run_lotse("stun", "--json", f"[{host}]:{address[1]}" if index else f"{host}:{address[1]}")
    assert done.returncode == 0 and host in json.dumps(json.loads(done.stdout)), done.stdout


def test_the_command_and_nobody_there():
    done = run_lotse("stun", f"127.0.0.1:{free_port()}")
    assert done.returncode == 3 and "127.0.0.1" in done.stderr and not done.stdout, done
    assert run_lotse("stun").returncode == 2
    assert run_lotse("stun", "127.0.0.1:99999").returncode == 2
