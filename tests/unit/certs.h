/* tests/unit/certs.h: certificates for a test, made on the spot. */
#pragma once
#include "base/str.h"

#define CERTS_PEM_MAX 4096

struct test_cert {
	char certificate[CERTS_PEM_MAX]; /* PEM */
	char key[CERTS_PEM_MAX];
};

struct test_cert_conf {
	const char *common_name;
	const char *
		alternatives; /* subjectAltName as OpenSSL writes it, "DNS:a.example,URI:sip:a.example"; NULL: none */
	const char *usage; /* extendedKeyUsage, "serverAuth"; NULL: none */
	int from_s;        /* of its validity, from now */
	int until_s;       /* 0: an hour */
};

/** An authority. */
void test_ca_make(struct test_cert *out, const char *name);
/** A certificate by `ca` (NULL: by itself). Fails the test where OpenSSL does. */
void test_cert_make(struct test_cert *out, const struct test_cert *ca,
                    const struct test_cert_conf *conf);
