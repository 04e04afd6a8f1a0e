#include "tests/unit/certs.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void to_text(BIO *bio, char *out)
{
	int n = BIO_read(bio, out, CERTS_PEM_MAX - 1);

	assert_true(n > 0);
	out[n] = '\0';
	BIO_free(bio);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void set_name(X509 *cert, const char *common_name)
{
	X509_NAME *name = X509_NAME_new();

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	                                            (const unsigned char *)common_name, -1, -1, 0),
	                 1);
	assert_int_equal(X509_set_subject_name(cert, name), 1);
	X509_NAME_free(name);
}

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(cert);
	return cert;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(key);
	return key;
}

static void finish(struct test_cert *out, X509 *cert, EVP_PKEY *key, const struct test_cert *ca)
{
	EVP_PKEY *signer = ca == NULL ? key : read_key(ca->key);
	BIO *text;

	assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
	text = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(text, cert), 1);
	to_text(text, out->certificate);
	text = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL), 1);
	to_text(text, out->key);
	if (ca != NULL)
		EVP_PKEY_free(signer);
	EVP_PKEY_free(key);
	X509_free(cert);
}

static X509 *begin(const char *common_name, EVP_PKEY *key, int from_s, int until_s)
{
	X509 *cert = X509_new();
	uint64_t serial = 1;

	assert_non_null(cert);
	assert_int_equal(RAND_bytes((unsigned char *)&serial, 7), 1);
	assert_int_equal(X509_set_version(cert, 2), 1);
	assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), from_s - 60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), until_s == 0 ? 3600 : until_s));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	set_name(cert, common_name);
	return cert;
}

void test_ca_make(struct test_cert *out, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = begin(name, key, 0, 0);

	assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
	add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, cert, NID_key_usage, "critical,keyCertSign");
	finish(out, cert, key, NULL);
}

void test_cert_make(struct test_cert *out, const struct test_cert *ca,
                    const struct test_cert_conf *conf)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = begin(conf->common_name, key, conf->from_s, conf->until_s);
	X509 *issuer = ca == NULL ? cert : read_cert(ca->certificate);

	assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(issuer)), 1);
	add_extension(cert, issuer, NID_subject_alt_name, conf->alternatives);
	add_extension(cert, issuer, NID_ext_key_usage, conf->usage);
	finish(out, cert, key, ca);
	if (ca != NULL)
		X509_free(issuer);
}
