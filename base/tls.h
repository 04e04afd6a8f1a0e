/* base/tls.h: TLS by OpenSSL: whom to believe, the side that accepts, and who the other one is.
 *
 * One of the two files that know OpenSSL (base/crypto.c is the other). A tls_trust and a tls_server never change once they are open:
 * any thread may use them. A tls_stream belongs to one thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

#define TLS_NAMES_MAX 16

/** The authorities that we believe. */
struct tls_trust;
/** A certificate with its key, to show to those who connect. */
struct tls_server;
/** One connection. */
struct tls_stream;

/** Read the authorities of `pem`; empty: those of the system. Takes tens of milliseconds for a whole bundle, so not on a worker. `why` gets
 * a reason for a person. ERR_SYNTAX (no certificate in it), ERR_NOMEM. */
NODISCARD enum err tls_trust_open(struct tls_trust **out, struct str pem, struct buf *why);
/** One holder more, of the same. */
struct tls_trust *tls_trust_ref(struct tls_trust *trust);
/** One holder less; NULL is fine. */
void tls_trust_close(struct tls_trust *trust);
/** Make an SSL_CTX of somebody else's (libcurl's) believe `trust` and nobody else. */
void tls_trust_apply(struct tls_trust *trust, void *ssl_ctx);

/** Make a server out of a chain and a key in PEM. Clients are asked for a certificate and need not have one; what they show is
 * checked against `trust`. `why`: for a person. ERR_SYNTAX (no certificate, no key), ERR_CERT (the key belongs to another), ERR_NOMEM. */
NODISCARD enum err tls_server_open(struct tls_server **out, struct str certificate, struct str key,
                                   struct tls_trust *trust, struct buf *why);
/** Streams that it accepted live on. NULL is fine. */
void tls_server_close(struct tls_server *server);

/** A stream on `fd`, an accepted TCP connection that does not block and stays the caller's. ERR_NOMEM. */
NODISCARD enum err tls_accept(struct tls_stream **out, struct tls_server *server, int fd);
/** Free it; `fd` stays open. NULL is fine. */
void tls_close(struct tls_stream *stream);
/** Go on with the handshake: ERR_OK when it is done, ERR_AGAIN (see tls_wants_write), ERR_CLOSED. */
NODISCARD enum err tls_handshake(struct tls_stream *stream);
/** Read up to `size` bytes: ERR_OK with `*n` > 0, ERR_AGAIN, ERR_CLOSED (orderly or not). */
NODISCARD enum err tls_read(struct tls_stream *stream, void *out, size_t size, size_t *n);
/** Write some of it: ERR_OK with `*n` > 0, ERR_AGAIN, ERR_CLOSED. */
NODISCARD enum err tls_write(struct tls_stream *stream, const void *p, size_t size, size_t *n);
/** After ERR_AGAIN: does it wait for being able to write, rather than for something to read? */
bool tls_wants_write(const struct tls_stream *stream);
/** Say goodbye (close_notify), as far as that can be done at once. */
void tls_goodbye(struct tls_stream *stream);

/** Whose certificate the client showed (RFC 5922 7.1): the domains of its sip: URIs, else its DNS names, else its common name; lower case,
 * copied into `arena`. 0 where it showed none, or one that we don't believe, or one that is neither for servers nor for clients. */
size_t tls_peer_names(const struct tls_stream *stream, struct arena *arena,
                      struct str out[TLS_NAMES_MAX]);
