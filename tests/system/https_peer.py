"""Another provider's location service, as a test wants it: it counts what it is asked, answers whatever it was told, stalls, garbles, or dies."""

import collections
import http.server
import json
import socket
import ssl
import struct
import threading
import urllib.parse

CONTACT = "urn:uuid:92018ae5-b957-5acb-b8b0-674ecdcd203a"
INGRESS = "urn:uuid:6e0d074c-06f5-5bd9-ac74-8a337bfa7cef"
PARAMS = "urn:uuid:082295d0-adc6-548d-8e3c-e0bbb4db2f03"

Asked = collections.namedtuple("Asked", "resource headers names")


def document(subject, *links):
    """The body of a 200; `links`: (relation, href, params)."""
    return json.dumps({"subject": subject, "links": [{"rel": rel, "href": href, "properties": {PARAMS: params}} for rel, href, params in links]}).encode()


def found(*links, max_age=30):
    """A way to answer: these places."""
    return lambda peer, handler, resource: handler.reply(200, document(resource, *links), f"private, max-age={max_age}")


def status(code, **headers):
    """A way to answer: this status."""
    return lambda peer, handler, resource: handler.reply(code, b"{}", headers.pop("cache", "private, max-age=10"), **headers)


def body(octets):
    """A way to answer: 200 with these octets."""
    return lambda peer, handler, resource: handler.reply(200, octets, "private, max-age=30")


def stall(peer, handler, resource):
    """Say nothing, for as long as the test lasts."""
    peer.ended.wait(60)


def trickle(peer, handler, resource):
    """Begin, then an octet now and then: it never ends."""
    handler.begin(200, 1000)
    while not peer.ended.wait(0.05):
        handler.wfile.write(b" ")


def die(peer, handler, resource):
    """In the middle of the answer the connection breaks."""
    handler.begin(200, 1000)
    handler.wfile.write(b'{"subject":')
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.detach_and_close()


class _Connection(ssl.SSLSocket):
    def detach_and_close(self):
        """Without a farewell of TLS."""
        socket.socket(fileno=self.detach()).close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        peer = self.server.peer
        resource = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("resource", [""])[0]
        certificate = self.connection.getpeercert() or {}
        names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        with peer.lock:
            peer.asked.append(Asked(resource, dict(self.headers.items()), names))
        try:
            peer.answer(peer, self, resource)
        except (OSError, ValueError):
            self.close_connection = True

    def begin(self, code, length, cache="no-store", **headers):
        self.send_response(code)
        for name, value in {"Content-Type": "application/jrd+json", "Content-Length": length, "Cache-Control": cache, **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def reply(self, code, octets, cache, **headers):
        self.begin(code, len(octets), cache, **headers)
        self.wfile.write(octets)

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address, peer, context):
        self.peer = peer
        self.context = context
        super().__init__(address, _Handler)

    def finish_request(self, request, client_address):
        # In the connection's own thread, so that a slow handshake keeps nobody else waiting.
        try:
            request.settimeout(10)
            secured = self.context.wrap_socket(request, server_side=True)
        except OSError:
            return
        with self.peer.lock:
            self.peer.connections.append(secured)
        super().finish_request(secured, client_address)

    def handle_error(self, *_):
        pass


class HttpsPeer:
    """Listens at `address` with `certificate` and `key`; asks for certificates of `authority` and takes any. `answer` is how it answers; `asked`
    what it was asked."""

    def __init__(self, certificate, key, authority, address="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.sslsocket_class = _Connection
        self.context = context
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.asked = []
        self.connections = []
        self.answer = status(404)
        self.server = None
        self.place = (address, 0)
        self.start()

    @property
    def port(self):
        return self.place[1]

    def start(self):
        self.ended.clear()
        self.server = _Server(self.place, self, self.context)
        self.place = self.server.server_address
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """As if it was killed: nobody listens any more, and every connection is gone."""
        self.ended.set()
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        self.server = None
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.connections.clear()

    def reset(self, answer):
        """Answer so from now on, and count anew."""
        self.answer = answer
        with self.lock:
            self.asked.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
