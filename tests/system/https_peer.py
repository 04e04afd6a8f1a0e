"""A peer of the program under test, played by a script: an HTTPS server that answers look-ups, counts them, and misbehaves on command.

    authority = Authority(tmp_path)
    with HttpsPeer(authority.issue("beta.test"), authority.path) as peer:
        peer.found("sip:bob@beta.test", contact="sip:bob@127.0.0.9:5070")
        peer.behave("stall")
        peer.count("sip:bob@beta.test")
"""

import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

CONTACT = "urn:uuid:92018ae5-b957-5acb-b8b0-674ecdcd203a"
INGRESS = "urn:uuid:6e0d074c-06f5-5bd9-ac74-8a337bfa7cef"
PARAMS = "urn:uuid:082295d0-adc6-548d-8e3c-e0bbb4db2f03"
ROUTE = "urn:uuid:d0ccb9e5-0f70-52af-ab3f-59bf9d4856d1"
IDENTITY = "urn:uuid:4c71d216-f6fb-5f1c-9e5d-42863d36a364"
PATH = "/.well-known/webfinger"
HELD = 20  # seconds that a stalled answer is held at most


class Authority:
    """An authority in a folder, and certificates by it: names are DNS names, numeric addresses, or sip: URIs."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                      f"/CN={name}", "-keyout", self.key, "-out", self.path)

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, stdin=subprocess.DEVNULL, capture_output=True)

    @staticmethod
    def _alternative(name):
        if name.startswith("sip:"):
            return f"URI:{name}"
        return ("IP:" if name.replace(".", "").isdigit() or ":" in name else "DNS:") + name

    def issue(self, *names, days=2):
        """(certificate, key) as paths. days=-1: over since yesterday."""
        base = self.folder / (names[0].replace(":", "_").replace("/", "_") + ("" if days > 0 else "-over"))
        certificate, key, request, extra = (base.with_name(base.name + end) for end in (".pem", ".key", ".csr", ".ext"))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={names[0]}",
                      "-keyout", key, "-out", request)
        extra.write_text(f"subjectAltName={','.join(map(self._alternative, names))}\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                      "-extfile", extra, "-out", certificate)
        return certificate, key


def document(subject, *links):
    return json.dumps({"subject": subject, "links": list(links)}).encode()


def link(rel, href, params=None, route=None, identity=None):
    properties = {k: v for k, v in ((PARAMS, params), (ROUTE, route), (IDENTITY, identity)) if v is not None}
    return {"rel": rel, "href": href, "properties": properties}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    peer = None

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(HELD)
        return connection, address

    def handle_error(self, request, client_address):
        """A client that hangs up is nothing to report."""

    def finish_request(self, request, client_address):
        """The handshake in the thread of the connection: one that stalls keeps no other waiting."""
        wrapped = self.peer.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(wrapped, client_address)
        finally:
            wrapped.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def do_GET(self):
        self.server.peer.serve(self)

    do_HEAD = do_GET


class HttpsPeer:
    """It answers 404 to whoever it has not been told of. What it is told to do (behave) it does to every question:

        "answer"    as it was told; the default
        "stall"     says nothing at all
        "drip"      an octet every tenth of a second
        "garble"    200, and octets that mean nothing
        "alter"     the right document with another subject
        "cut"       hangs up in the middle of the body
        "hang up"   hangs up without a word
        "huge"      a document of more than 64 KiB
        "redirect"  302 to itself
        a number    that status
    """

    def __init__(self, certificate, authority=None, address="127.0.0.1", port=0):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, certificate))
        if authority is not None:
            self.context.load_verify_locations(str(authority))
            self.context.verify_mode = ssl.CERT_OPTIONAL
        self.answers = {}
        self.behaviour = "answer"
        self.requests = []  # (resource, headers, subject names of the client's certificate)
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.server = _Server((address, port), _Handler)
        self.server.peer = self
        self.address = self.server.server_address
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self):
        return f"https://{self.address[0]}:{self.address[1]}/"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stop listening: nobody is there any more."""
        if not self.ended.is_set():
            self.ended.set()
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()

    # ------------------------------------------------------------------------ what it is told

    def tell(self, resource, status=200, body=b"", **headers):
        """Answer this resource so; headers: cache_control="max-age=30"."""
        with self.lock:
            self.answers[resource] = (status, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def found(self, resource, contact=None, ingress=None, params="expires=60", max_age=30, subject=None):
        links = [link(CONTACT, contact, params)] if contact else []
        links += [link(INGRESS, ingress, "expires=3600")] if ingress else []
        self.tell(resource, body=document(subject or resource, *links), cache_control=f"private, max-age={max_age}")

    def nobody(self, resource, max_age=10):
        self.tell(resource, 404, cache_control=f"private, max-age={max_age}")

    def behave(self, behaviour):
        self.behaviour = behaviour

    def count(self, resource=None):
        with self.lock:
            return sum(resource is None or asked == resource for asked, _, _ in self.requests)

    # ------------------------------------------------------------------------ what it does

    def _names(self, handler):
        certificate = handler.connection.getpeercert() or {}
        return [value for _, value in certificate.get("subjectAltName", ())]

    def serve(self, handler):
        target = urllib.parse.urlsplit(handler.path)
        resource = urllib.parse.parse_qs(target.query).get("resource", [""])[0]
        with self.lock:
            self.requests.append((resource, dict(handler.headers), self._names(handler)))
            status, body, headers = self.answers.get(resource, (404, b"", {"cache-control": "private, max-age=10"}))
        if target.path != PATH:
            status, body, headers = 404, b"", {}
        try:
            self._do(handler, status, body, headers)
        except OSError:
            handler.close_connection = True

    def _do(self, handler, status, body, headers):
        behaviour = self.behaviour
        if isinstance(behaviour, int):
            self._send(handler, behaviour, b"", {})
        elif behaviour == "stall":
            self.ended.wait(HELD)
            handler.close_connection = True
        elif behaviour == "drip":
            self._drip(handler, body)
        elif behaviour == "garble":
            self._send(handler, 200, b"\x00\xff{{[" * 20, headers)
        elif behaviour == "alter":
            self._send(handler, status, body.replace(b'"subject": "sip:', b'"subject": "sip:mallory-'), headers)
        elif behaviour == "cut":
            self._send(handler, 200, body[: len(body) // 2], headers, len(body) + 100)
            self._hang_up(handler)
        elif behaviour == "hang up":
            self._hang_up(handler)
        elif behaviour == "huge":
            self._send(handler, 200, body + b" " * 70000, headers)
        elif behaviour == "redirect":
            self._send(handler, 302, b"", {"Location": self.url})
        else:
            self._send(handler, status, body, headers)

    @staticmethod
    def _send(handler, status, body, headers, length=None):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status == 200:
            handler.send_header("Content-Type", "application/jrd+json")
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def _drip(self, handler, body):
        text = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        begun = time.monotonic()
        for octet in text:
            if self.ended.wait(0.1) or time.monotonic() - begun > HELD:
                break
            handler.wfile.write(bytes([octet]))
        handler.close_connection = True

    @staticmethod
    def _hang_up(handler):
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
