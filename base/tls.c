#include "base/tls.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

/* The lengths in front of the names are part of them (RFC 7301 3.1). */
static const unsigned char ALPN[] = "\x08http/1.1";

struct tls_trust {
	atomic_uint refs;
	X509_STORE *store;
};

struct tls_server {
	SSL_CTX *ctx;
};

struct tls_stream {
	SSL *ssl;
	bool wants_write;
};

/* ---------------------------------------------------------------------------- PEM */

/* A key under a password can't be used: nobody is there to be asked. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_password(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *bio_of(struct str pem)
{
	return pem.len > INT32_MAX ? NULL
	                           : BIO_new_mem_buf(pem.len == 0 ? "" : pem.p, (int)pem.len);
}

static void say_openssl(struct buf *why, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	buf_z(why, what);
	if (reason != NULL)
		buf_printf(why, ": %s", reason);
	ERR_clear_error();
}

/* Give each certificate of `pem` to `take`, which owns it where it says true. */
static enum err each_certificate(struct str pem, bool (*take)(void *arg, X509 *cert, size_t index),
                                 void *arg)
{
	BIO *bio = bio_of(pem);
	enum err e = ERR_OK;
	size_t n = 0;
	X509 *cert;

	if (bio == NULL)
		return ERR_NOMEM;
	while (e == ERR_OK && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
		if (!take(arg, cert, n++)) {
			X509_free(cert);
			e = ERR_CERT;
		}
	}
	BIO_free(bio);
	if (e != ERR_OK)
		return e;
	/* The end of the text is an error too, the only good one. */
	if (n == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return ERR_SYNTAX;
	ERR_clear_error();
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- whom to believe */

static bool believe(void *arg, X509 *cert, size_t index)
{
	(void)index;
	if (X509_STORE_add_cert(arg, cert) != 1)
		return false;
	X509_free(cert); /* the store has a reference of its own */
	return true;
}

enum err tls_trust_open(struct tls_trust **out, struct str pem, struct buf *why)
{
	struct tls_trust *trust = mem_zero(sizeof(*trust));
	enum err e = ERR_NOMEM;

	if (trust == NULL)
		return ERR_NOMEM;
	atomic_init(&trust->refs, 1);
	trust->store = X509_STORE_new();
	if (trust->store == NULL)
		goto fail;
	ERR_clear_error();
	if (pem.len == 0)
		e = X509_STORE_set_default_paths(trust->store) == 1 ? ERR_OK : ERR_SYSTEM;
	else
		e = each_certificate(pem, believe, trust->store);
	if (e != ERR_OK) {
		say_openssl(why, "no certificates of authorities");
		goto fail;
	}
	*out = trust;
	return ERR_OK;
fail:
	tls_trust_close(trust);
	return e;
}

struct tls_trust *tls_trust_ref(struct tls_trust *trust)
{
	(void)atomic_fetch_add_explicit(&trust->refs, 1, memory_order_relaxed);
	return trust;
}

void tls_trust_close(struct tls_trust *trust)
{
	if (trust == NULL || atomic_fetch_sub_explicit(&trust->refs, 1, memory_order_acq_rel) > 1)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

void tls_trust_apply(struct tls_trust *trust, void *ssl_ctx)
{
	SSL_CTX_set1_cert_store(ssl_ctx, trust->store);
}

/* ---------------------------------------------------------------------------- the server */

static bool chain_up(void *arg, X509 *cert, size_t index)
{
	if (index > 0)
		return SSL_CTX_add0_chain_cert(arg, cert) == 1;
	if (SSL_CTX_use_certificate(arg, cert) != 1)
		return false;
	X509_free(cert);
	return true;
}

static enum err load_key(SSL_CTX *ctx, struct str pem)
{
	BIO *bio = bio_of(pem);
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	enum err e = ERR_SYNTAX;

	if (key != NULL)
		e = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1
		            ? ERR_OK
		            : ERR_CERT;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return e;
}

/* Whoever shows a certificate that we don't believe is let in as a stranger: he may have a token. */
static int check_and_let_in(X509_STORE_CTX *check, void *arg)
{
	(void)arg;
	if (X509_verify_cert(check) <= 0 && X509_STORE_CTX_get_error(check) == X509_V_OK)
		X509_STORE_CTX_set_error(check, X509_V_ERR_UNSPECIFIED);
	return 1;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ALPN, sizeof(ALPN) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void set_up(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* A resumed session would bring back who somebody was before a reload. */
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
	                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, check_and_let_in, NULL);
	/* Public authorities issue for serverAuth alone nowadays; tls_peer_names looks at the purposes itself. */
	(void)X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(ctx), X509_PURPOSE_ANY);
}

enum err tls_server_open(struct tls_server **out, struct str certificate, struct str key,
                         struct tls_trust *trust, struct buf *why)
{
	struct tls_server *server = mem_zero(sizeof(*server));
	enum err e = ERR_NOMEM;

	if (server == NULL)
		return ERR_NOMEM;
	ERR_clear_error();
	server->ctx = SSL_CTX_new(TLS_server_method());
	if (server->ctx == NULL)
		goto fail;
	set_up(server->ctx);
	tls_trust_apply(trust, server->ctx);
	if ((e = each_certificate(certificate, chain_up, server->ctx)) != ERR_OK) {
		say_openssl(why, "no usable certificate");
		goto fail;
	}
	if ((e = load_key(server->ctx, key)) != ERR_OK) {
		say_openssl(why, e == ERR_CERT ? "the key is not the certificate's"
		                               : "no usable private key");
		goto fail;
	}
	*out = server;
	return ERR_OK;
fail:
	tls_server_close(server);
	return e;
}

void tls_server_close(struct tls_server *server)
{
	if (server == NULL)
		return;
	SSL_CTX_free(server->ctx);
	free(server);
}

/* ---------------------------------------------------------------------------- a stream */

enum err tls_accept(struct tls_stream **out, struct tls_server *server, int fd)
{
	struct tls_stream *stream = mem_zero(sizeof(*stream));

	if (stream == NULL)
		return ERR_NOMEM;
	ERR_clear_error();
	stream->ssl = SSL_new(server->ctx);
	if (stream->ssl == NULL || SSL_set_fd(stream->ssl, fd) != 1) {
		tls_close(stream);
		return ERR_NOMEM;
	}
	SSL_set_accept_state(stream->ssl);
	*out = stream;
	return ERR_OK;
}

void tls_close(struct tls_stream *stream)
{
	if (stream == NULL)
		return;
	SSL_free(stream->ssl);
	free(stream);
}

static enum err outcome(struct tls_stream *stream, int result)
{
	int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(stream->ssl, result);

	if (error == SSL_ERROR_NONE)
		return ERR_OK;
	stream->wants_write = error == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? ERR_AGAIN
	                                                                     : ERR_CLOSED;
}

enum err tls_handshake(struct tls_stream *stream)
{
	ERR_clear_error();
	return outcome(stream, SSL_do_handshake(stream->ssl));
}

enum err tls_read(struct tls_stream *stream, void *out, size_t size, size_t *n)
{
	*n = 0;
	ERR_clear_error();
	return outcome(stream, SSL_read_ex(stream->ssl, out, size, n));
}

enum err tls_write(struct tls_stream *stream, const void *p, size_t size, size_t *n)
{
	*n = 0;
	ERR_clear_error();
	return outcome(stream, SSL_write_ex(stream->ssl, p, size, n));
}

bool tls_wants_write(const struct tls_stream *stream)
{
	return stream->wants_write;
}

void tls_goodbye(struct tls_stream *stream)
{
	ERR_clear_error();
	(void)SSL_shutdown(stream->ssl);
	ERR_clear_error();
}

/* ---------------------------------------------------------------------------- who it is */

struct names {
	struct arena *arena;
	struct str *out;
	size_t count;
};

/* Only what can be a domain: a NUL or a space in it is an attempt to be taken for somebody else. */
static bool is_domain(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = char_lower(name.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		      c == '_'))
			return false;
	}
	return name.len > 0 && name.len <= 253;
}

static void add_name(struct names *names, struct str name)
{
	char *lower;

	if (names->count == TLS_NAMES_MAX || !is_domain(name))
		return;
	lower = arena_alloc(names->arena, name.len);
	if (lower == NULL)
		return;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = char_lower(name.p[i]);
	names->out[names->count++] = str_of(lower, name.len);
}

static struct str asn1_view(const ASN1_STRING *s)
{
	return str_of((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* "sip:example.com": a domain. With a user part it is somebody, not a domain (RFC 5922 7.1). */
static void add_uri(struct names *names, struct str uri)
{
	if (str_starts_nocase(uri, STR("sip:")) && str_find(uri, '@') == uri.len)
		add_name(names, str_from_at(uri, 4));
}

static void add_alternatives(struct names *names, const GENERAL_NAMES *list, int type)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);

		if (name->type != type)
			continue;
		if (type == GEN_URI)
			add_uri(names, asn1_view(name->d.uniformResourceIdentifier));
		else
			add_name(names, asn1_view(name->d.dNSName));
	}
}

static void add_common_name(struct names *names, const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at >= 0)
		add_name(names,
		         asn1_view(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

static bool is_for_tls(X509 *cert)
{
	uint32_t uses = X509_get_extended_key_usage(cert); /* all ones where nothing is said */

	return (uses & (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
}

size_t tls_peer_names(const struct tls_stream *stream, struct arena *arena,
                      struct str out[TLS_NAMES_MAX])
{
	struct names names = { .arena = arena, .out = out };
	X509 *cert = SSL_get0_peer_certificate(stream->ssl);
	GENERAL_NAMES *list;

	if (cert == NULL || SSL_get_verify_result(stream->ssl) != X509_V_OK || !is_for_tls(cert))
		return 0;
	list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	if (list == NULL) {
		add_common_name(&names, cert);
	} else {
		add_alternatives(&names, list, GEN_URI);
		if (names.count == 0)
			add_alternatives(&names, list, GEN_DNS);
		GENERAL_NAMES_free(list);
	}
	ERR_clear_error();
	return names.count;
}
