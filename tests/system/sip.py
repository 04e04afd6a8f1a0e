"""A scripted SIP phone: says exactly what a test wants it to say, over UDP or TCP, and reads what comes."""

import hashlib
import itertools
import re
import select
import socket
import time

_numbers = itertools.count(1)


def unique(prefix=""):
    """A word that was not used before in this run."""
    return f"{prefix}{next(_numbers)}x{time.monotonic_ns() % 10**9}"


class Message:
    """A received message; header fields by any case of name."""

    def __init__(self, text, source=None):
        self.text = text
        self.source = source
        head, _, self.body = text.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.fields = [(n.strip(), v.strip()) for n, _, v in (l.partition(":") for l in lines)]

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name):
        return (self.all(name) or [""])[0]

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0 ")

    @property
    def status(self):
        return None if self.is_request else int(self.start.split(" ")[1])

    @property
    def method(self):
        return self.start.split(" ")[0] if self.is_request else self.get("CSeq").split()[-1]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def contact(self):
        return re.search(r"<(.*?)>", self.get("Contact")).group(1)

    def routes(self):
        """Record-Route values, each on its own."""
        return [v.strip() for line in self.all("Record-Route") for v in line.split(",")]

    def __repr__(self):
        return self.start


def digest(challenge, method, uri, user, password, nc=1, cnonce="c0ffee"):
    """The value of an Authorization that answers a challenge."""
    p = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    algorithm = p.get("algorithm", "MD5")
    h = lambda s: {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm](s.encode()).hexdigest()  # noqa: E731
    ha1, ha2 = h(f"{user}:{p['realm']}:{password}"), h(f"{method}:{uri}")
    response = h(f"{ha1}:{p['nonce']}:{nc:08x}:{cnonce}:auth:{ha2}")
    return (f'Digest username="{user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{uri}", response="{response}", '
            f'algorithm={algorithm}, qop=auth, nc={nc:08x}, cnonce="{cnonce}"')


class Phone:
    """One user agent, on a socket of its own. `gateway` is where it sends."""

    def __init__(self, gateway, user="sip:alice@alpha.test", tcp=False, address=None):
        self.gateway = gateway
        self.user = user
        self.tcp = tcp
        self.family = socket.AF_INET6 if ":" in gateway[0] else socket.AF_INET
        own = address or ("::1" if self.family == socket.AF_INET6 else "127.0.0.1")
        if tcp:
            self.socket = socket.socket(self.family)
            self.socket.bind((own, 0))
            self.socket.connect(gateway)
        else:
            self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
            self.socket.bind((own, 0))
        self.pending = b""
        self.host, self.port = self.socket.getsockname()[:2]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def place(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def contact(self):
        user = self.user.partition(":")[2].partition("@")[0]
        return f"sip:{user}@{self.place}" + (";transport=tcp" if self.tcp else "")

    # ------------------------------------------------------------------------ the wire

    def send(self, text, to=None):
        data = text if isinstance(text, bytes) else text.encode()
        if self.tcp:
            self.socket.sendall(data)
        else:
            self.socket.sendto(data, to or self.gateway)

    def receive(self, seconds=3):
        """The next message, or None."""
        end = time.monotonic() + seconds
        while True:
            if self.tcp and (message := self._cut()):
                return message
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                return None
            if self.tcp:
                data = self.socket.recv(65536)
                if not data:
                    return None
                self.pending += data
            else:
                data, source = self.socket.recvfrom(65536)
                return Message(data.decode(errors="surrogateescape"), source)

    def _cut(self):
        self.pending = self.pending.lstrip(b"\r\n")
        head, found, rest = self.pending.partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(re.search(rb"(?im)^(?:Content-Length|l)\s*:\s*(\d+)", head).group(1))
        if len(rest) < length:
            return None
        self.pending = rest[length:]
        return Message((head + found + rest[:length]).decode(errors="surrogateescape"))

    def expect(self, what, seconds=3, method=None):
        """The next message that is `what` (a status or a method; of a response also its CSeq's `method`); others are passed over."""
        end = time.monotonic() + seconds
        seen = []
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message is None:
                break
            seen.append(message.start)
            if what == (message.method if message.is_request else message.status) and (method is None or message.method == method):
                return message
        raise AssertionError(f"{what} {method or ''} did not come; {seen or 'nothing'} did")

    def final(self, seconds=5, method=None):
        """The next final response; provisional ones and requests are passed over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message is None:
                break
            if not message.is_request and message.status >= 200 and (method is None or message.method == method):
                return message
        raise AssertionError("no final response came")

    def silence(self, seconds=0.5):
        """Nothing must come."""
        message = self.receive(seconds)
        assert message is None, f"{message.start} came"

    # ------------------------------------------------------------------------ requests

    def request(self, method, uri, **changes):
        """The text of a request. `changes`: to, frm, call_id, cseq, branch, tag, to_tag, routes, contact, headers, body, max_forwards."""
        c = {"to": uri, "frm": self.user, "call_id": unique("call"), "cseq": 1, "branch": unique(), "tag": "me", "to_tag": "", "routes": (),
             "contact": self.contact, "headers": (), "body": "", "max_forwards": 70, "via_extra": ";rport", **changes}
        lines = [f"{method} {uri} SIP/2.0",
                 f"Via: SIP/2.0/{'TCP' if self.tcp else 'UDP'} {self.place};branch=z9hG4bK{c['branch']}{c['via_extra']}",
                 *(f"Route: {r}" for r in c["routes"])]
        if c["max_forwards"] is not None:
            lines.append(f"Max-Forwards: {c['max_forwards']}")
        lines += [f"From: <{c['frm']}>;tag={c['tag']}", f"To: <{c['to']}>" + (f";tag={c['to_tag']}" if c["to_tag"] else ""),
                  f"Call-ID: {c['call_id']}", f"CSeq: {c['cseq']} {method}"]
        if c["contact"]:
            lines.append(f"Contact: <{c['contact']}>" if not c["contact"].startswith(("<", "*")) else f"Contact: {c['contact']}")
        lines += [*c["headers"], f"Content-Length: {len(c['body'].encode())}", "", c["body"]]
        return "\r\n".join(lines)

    def ask(self, method, uri, seconds=5, **changes):
        """Send a request; its final response."""
        self.send(self.request(method, uri, **changes))
        return self.final(seconds)

    def register(self, expires=300, password=None, contacts=None, headers=(), **changes):
        """REGISTER this phone (or `contacts`); its final response, after a challenge was answered if there is a password."""
        domain = "sip:" + self.user.partition("@")[2]
        changes = {"to": self.user, "call_id": unique("reg"), **changes}
        contact = f"<{self.contact}>;expires={expires}" if contacts is None else contacts
        answer = self.ask("REGISTER", domain, contact=contact, headers=headers, **changes)
        if password is None or answer.status != 401:
            return answer
        value = digest(answer.get("WWW-Authenticate"), "REGISTER", domain, self.user.partition(":")[2].partition("@")[0], password)
        again = {**changes, "cseq": changes.get("cseq", 1) + 1, "branch": unique()}
        return self.ask("REGISTER", domain, contact=contact, headers=(*headers, f"Authorization: {value}"), **again)

    # ------------------------------------------------------------------------ answers

    def answer(self, request, status, reason="Whatever", tag="you", headers=(), contact=True, body=""):
        """Send a response to a received request."""
        to = request.get("To")
        if status > 100 and "tag=" not in to:
            to += f";tag={tag}"
        lines = [f"SIP/2.0 {status} {reason}", *(f"Via: {v}" for v in request.all("Via")),
                 *(f"Record-Route: {v}" for v in request.all("Record-Route") if status > 100), f"From: {request.get('From')}", f"To: {to}",
                 f"Call-ID: {request.get('Call-ID')}", f"CSeq: {request.get('CSeq')}", *([f"Contact: <{self.contact}>"] if contact else []),
                 *headers, f"Content-Length: {len(body.encode())}", "", body]
        self.send("\r\n".join(lines), request.source)


class Dialog:
    """A dialog from the caller's or the callee's side, for requests within it."""

    def __init__(self, phone, call_id, remote_uri, target, routes, local_tag, remote_tag, cseq=1):
        self.phone, self.call_id, self.remote_uri, self.target, self.routes = phone, call_id, remote_uri, target, routes
        self.local_tag, self.remote_tag, self.cseq = local_tag, remote_tag, cseq

    @classmethod
    def of_caller(cls, phone, request, response):
        """From the 2xx to an INVITE that `phone` sent."""
        sent = Message(request)
        return cls(phone, sent.get("Call-ID"), re.search("<(.*?)>", sent.get("To")).group(1), response.contact, list(reversed(response.routes())),
                   re.search("tag=(.*)", sent.get("From")).group(1), re.search("tag=(.*)", response.get("To")).group(1),
                   int(sent.get("CSeq").split()[0]))

    @classmethod
    def of_callee(cls, phone, request, tag="you"):
        """From an INVITE that `phone` answered with 2xx."""
        return cls(phone, request.get("Call-ID"), re.search("<(.*?)>", request.get("From")).group(1), request.contact, request.routes(), tag,
                   re.search("tag=(.*)", request.get("From")).group(1), 1000)

    def request(self, method, **changes):
        if method not in ("ACK", "CANCEL"):
            self.cseq += 1
        c = {"to": self.remote_uri, "call_id": self.call_id, "cseq": self.cseq, "routes": self.routes, "tag": self.local_tag,
             "to_tag": self.remote_tag, **changes}
        return self.phone.request(method, c.pop("uri", self.target), **c)

    def send(self, method, **changes):
        self.phone.send(self.request(method, **changes))


def ack(phone, request, response):
    """The ACK for a final response that is not 2xx."""
    sent = Message(request)
    phone.send("\r\n".join([f"ACK {sent.uri} SIP/2.0", f"Via: {sent.get('Via')}", "Max-Forwards: 70", f"From: {sent.get('From')}",
                            f"To: {response.get('To')}", f"Call-ID: {sent.get('Call-ID')}", f"CSeq: {sent.get('CSeq').split()[0]} ACK",
                            *(f"Route: {r}" for r in sent.all("Route")), "Content-Length: 0", "", ""]))


def cancel(phone, request, headers=()):
    """The CANCEL of a request."""
    sent = Message(request)
    phone.send("\r\n".join([f"CANCEL {sent.uri} SIP/2.0", f"Via: {sent.get('Via')}", "Max-Forwards: 70", f"From: {sent.get('From')}",
                            f"To: {sent.get('To')}", f"Call-ID: {sent.get('Call-ID')}", f"CSeq: {sent.get('CSeq').split()[0]} CANCEL",
                            *headers, "Content-Length: 0", "", ""]))
