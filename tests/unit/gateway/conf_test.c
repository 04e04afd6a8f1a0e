#include "gateway/conf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ERRORS_MAX ((size_t)1 << 20)

static struct conf *must_load(const char *text)
{
	struct conf_options options = { 0 };
	struct conf *conf = NULL;
	struct buf errors;
	enum err e;

	buf_init(&errors, ERRORS_MAX);
	e = conf_load_text(&options, str_from(text), &conf, &errors);
	if (e != ERR_OK)
		print_message("%s\n%.*s", text, STR_ARG(buf_view(&errors)));
	buf_fini(&errors);
	assert_int_equal(e, ERR_OK);
	return conf;
}

/* What a file says, and what is said about it; an empty complaint: it loads. */
static const struct {
	const char *in;
	const char *says;
} cases[] = {
	/* structure */
	{ "", "" },
	{ "# nothing\n", "" },
	{ "- 1\n", "text:1:1: the configuration is wanted here" },
	{ "just text\n", "text:1:1: the configuration is wanted here" },
	{ "domain: [a.example]\n", "text:1:1: domain: unknown key; did you mean \"domains\"?" },
	{ "registrar: {max_contact: 1}\n",
	  "text:1:13: registrar.max_contact: unknown key; did you mean \"max_contacts\"?" },
	{ "xyzzy: 1\n", "text:1:1: xyzzy: unknown key of the configuration" },
	{ "workers: 1\nworkers: 2\n", "text:2:1: the key \"workers\" stands in line 1 already" },
	{ "registrar: 5\n", "text:1:12: registrar: the registrar keys is wanted here" },
	{ "registrar:\n", "registrar: " },
	{ "peers:\n", "text:1:7: peers: no value; give a list of peers, or leave the key out" },
	{ "peers: {name: x}\n", "peers: a list of peers is wanted" },
	{ "workers: [1]\n", "text:1:10: workers: a list stands here; a number is wanted" },
	{ "workers: {a: 1}\n", "text:1:10: workers: a mapping stands here; a number is wanted" },
	{ "workers:\n", "workers: no value" },
	{ "a: &x 1\n", "text:1:4: anchors and tags" },

	/* domains */
	{ "domains: [no, 1.10, yes, null]\n", "" },
	{ "domains: [Alpha.Example.]\n", "" },
	{ "domains: [\"*.alpha.example\"]\n", "" },
	{ "domains: []\n", "text:1:10: domains: the list is empty" },
	{ "domains: alpha.example\n", "domains: a list of domains is wanted" },
	{ "domains: [\"*\"]\n", "write \"*.alpha.example\"" },
	{ "domains: [\"a.*.example\"]\n", "write \"*.alpha.example\"" },
	{ "domains: [\"\"]\n", "text:1:11: domains[0].name: \"\" is no domain name" },
	{ "domains: [a..b]\n", "\"a..b\" is no domain name" },
	{ "domains: [-a.example]\n", "\"-a.example\" is no domain name" },
	{ "domains: [b\xc3\xa4r.example]\n", "write its form with xn--" },
	{ "domains: [a.example, A.example]\n",
	  "text:1:22: domains[1]: \"a.example\" stands in the list twice" },
	{ "domains: [{mode: proxy}]\n", "text:1:11: domains[0]: \"name\" is missing" },
	{ "domains: [{name: a.example, mode: relay}]\n",
	  "domains[0].mode: \"relay\" is not known here; write one of proxy, redirect" },
	{ "domains: [{name: a.example, mode: redirect, realm: corp, numbers: [\"+4930123\"]}]\n",
	  "" },
	{ "domains: [{name: a.example, realm: 'a\"b'}]\n", "domains[0].realm: this is no realm" },
	{ "domains: [{name: a.example, numbers: [\"4930\"]}]\n",
	  "domains[0].numbers[0]: \"4930\" is no prefix of numbers" },
	{ "domains: [{name: a.example, numbers: [\"+\"]}]\n", "is no prefix" },
	{ "domains: [{name: a.example, numbers: [\"+1234567890123456\"]}]\n", "is no prefix" },
	{ "domains: [{name: a.example, numbers: [\"+49-30\"]}]\n", "is no prefix" },
	{ "domains: [{name: a.example, numbers: [\"+49\"]}, {name: b.example, numbers: [\"+4930\"]}]\n",
	  "" },
	{ "domains: [{name: a.example, numbers: [\"+49\"]}, {name: b.example, numbers: [\"+49\"]}]\n",
	  "domains[1].numbers[0]: +49 belongs to \"a.example\" already" },
	{ "domains: [{name: a.example, numbering: {country: \"49\"}}]\n",
	  "domains[0].numbering: how dialled digits become numbers is not in this version" },
	{ "domains: [{name: a.example, tls: {certificate: %/file}}]\n",
	  "domains[0].tls: key is missing" },
	{ "domains: [{name: a.example, tls: {certificate: %/file, key: %/file}}]\n", "" },

	/* mode, listen, admin, data, workers, advertise */
	{ "mode: redirect\n", "" },
	{ "mode: Proxy\n", "text:1:7: mode: \"Proxy\" is not known here" },
	{ "listen: [udp://127.0.0.1:0, udp://127.0.0.1:0, \"tcp://[::1]:5070\", stun://0.0.0.0]\n",
	  "" },
	{ "listen: [{url: \"udp://[::]:5060\", advertise: sip.a.example, role: users}]\n", "" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"stun:stun.a.example\"}]\n", "" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"192.0.2.1:5070\"}]\n", "" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"[2001:db8::1]:5070\"}]\n", "" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"2001:db8::1\"}]\n", "" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"a b\"}]\n",
	  "listen[0].advertise: \"a b\" is no place" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"a:0\"}]\n", "is no place" },
	{ "listen: [{url: \"udp://0.0.0.0\", advertise: \"a:65536\"}]\n", "is no place" },
	{ "listen: [{url: \"udp://0.0.0.0\", role: any}]\n",
	  "listen[0].role: \"any\" is not known here; write one of public, users, peers" },
	{ "listen: []\n", "listen: the list is empty" },
	{ "listen: [{role: users}]\n", "listen[0]: \"url\" is missing" },
	{ "listen: [0.0.0.0:5060]\n", "is no listener; write scheme://address:port" },
	{ "listen: [\"udp://localhost:5060\"]\n", "\"localhost:5060\" is no address to listen at" },
	{ "listen: [\"udp://0.0.0.0:65536\"]\n", "is no address to listen at" },
	{ "listen: [\"udp://0.0.0.0:5060/\"]\n", "is no address to listen at" },
	{ "listen: [\"udp://::1\"]\n", "is no address to listen at" },
	{ "listen: [\"sctp://0.0.0.0:5060\"]\n", "\"sctp\" is no scheme" },
	{ "listen: [\"http://0.0.0.0:80\"]\n", "\"http\" is no scheme" },
	{ "listen: [\"tls://0.0.0.0:5061\"]\n",
	  "text:1:10: listen[0].url: tls:// listeners are not in this version" },
	{ "listen: [\"ws://0.0.0.0:8080\"]\n", "ws:// listeners are not in this version" },
	{ "listen: [\"wss://0.0.0.0:8080\"]\n", "wss:// listeners are not in this version" },
	{ "listen: [\"stuns://0.0.0.0:5349\"]\n", "stuns:// listeners are not in this version" },
	{ "listen: [\"udp://0.0.0.0\", \"udp://0.0.0.0:5060\"]\n",
	  "listen[1]: udp://0.0.0.0:5060 takes the port of udp://0.0.0.0:5060" },
	{ "listen: [\"tcp://0.0.0.0:3478\", \"stun://0.0.0.0\"]\n",
	  "listen[1]: stun://0.0.0.0:3478 takes the port of tcp://0.0.0.0:3478" },
	{ "listen: [\"tcp://127.0.0.1:8060\"]\n", "takes the port of admin" },
	{ "listen: [\"https://0.0.0.0:8443\"]\n",
	  "listen[0]: https:// needs a certificate; set tls.certificate and tls.key" },
	{ "listen: [\"https://0.0.0.0:8443/\"]\ntls: {certificate: %/file, key: %/file}\n", "" },
	{ "admin: \"http://127.0.0.1:0\"\n", "" },
	{ "admin: \"https://127.0.0.1:8060\"\n",
	  "admin: \"https://127.0.0.1:8060\" is no address for the web page" },
	{ "data: ./here\n", "" },
	{ "data: \"\"\n", "data: this is no folder" },
	{ "workers: 4\n", "" },
	{ "workers: \"4\"\n", "" },
	{ "workers: -1\n", "workers: \"-1\" is not a number" },
	{ "workers: 257\n", "workers: 257 is out of range; write a number from 0 to 256" },
	{ "workers: 99999999999999999999\n", "is out of range" },
	{ "workers: 0x2\n", "is not a number" },
	{ "advertise: sip.alpha.example\n", "" },

	/* tls */
	{ "tls: {certificate: %/file, key: %/file, ca: %/file}\n", "" },
	{ "tls: {key: %/file}\n", "tls: certificate is missing" },
	{ "tls: {ca: %/missing}\n",
	  "missing: No such file or directory; give a file that this user may read" },
	{ "tls: {ca: %}\n", "Is a directory" },
	{ "tls: {ca: /dev/zero}\n", "not a file" },
	{ "tls: {ca: %/empty}\n", "is empty" },

	/* auth, registrar, resolver */
	{ "auth: {realm: a.example, algorithms: [MD5], nonce_lifetime: 5m, required: false}\n",
	  "" },
	{ "auth: {algorithms: []}\n", "auth.algorithms: the list is empty" },
	{ "auth: {algorithms: [MD5, MD5]}\n", "auth.algorithms[1]: stands in the list twice" },
	{ "auth: {algorithms: [SHA256]}\n",
	  "auth.algorithms[0]: \"SHA256\" is not known here; write one of SHA-256, MD5" },
	{ "auth: {algorithms: MD5}\n", "auth.algorithms: a list of algorithms is wanted" },
	{ "auth: {nonce_lifetime: 300}\n",
	  "text:1:24: auth.nonce_lifetime: 300 has no unit; write 300s for seconds or 300ms" },
	{ "auth: {nonce_lifetime: 0s}\n", "is out of range; write a duration from 1s to 86400s" },
	{ "auth: {required: yes}\n", "auth.required: \"yes\" is neither true nor false" },
	{ "auth: {required: \"true\"}\n", "" },
	{ "registrar: {min_expires: 1s, default_expires: 1m, max_expires: 1h, max_contacts: 1, durability: async}\n",
	  "" },
	{ "registrar: {min_expires: 3h}\n", "registrar.min_expires: longer than max_expires" },
	{ "registrar: {default_expires: 3h}\n", "registrar.default_expires: must lie between" },
	{ "registrar: {min_expires: 5 s}\n", "\"5 s\" is not a duration" },
	{ "registrar: {min_expires: 1.5s}\n", "is not a duration" },
	{ "registrar: {min_expires: s}\n", "is not a duration" },
	{ "registrar: {max_expires: 4294967295d}\n", "is out of range" },
	{ "registrar: {max_expires: 99999999999s}\n", "is out of range" },
	{ "registrar: {max_contacts: 0}\n", "write a number from 1 to 100" },
	{ "registrar: {durability: none}\n", "write one of sync, async" },
	{ "resolver: {servers: [\"127.0.0.1:5353\", 192.0.2.53, \"[::1]:53\"], timeout: 500ms, allow_targets: [127.0.0.0/8]}\n",
	  "" },
	{ "resolver: {servers: [dns.example]}\n",
	  "resolver.servers[0]: \"dns.example\" is no address" },
	{ "resolver: {servers: [\"127.0.0.1:0\"]}\n", "is no address" },
	{ "resolver: {timeout: 1ms}\n", "is out of range" },
	{ "resolver: {allow_targets: [10.0.0.1/8]}\n", "bits are set beyond it" },
	{ "resolver: {allow_targets: [all]}\n", "\"all\" is no network" },
	{ "enum: []\n", "" },
	{ "enum: [e164.arpa]\n", "text:1:8: enum[0]: asking ENUM is not in this version" },

	/* trusted, limits, routing */
	{ "trusted: [127.0.0.1, \"::1\", {network: 10.1.2.0/24, transport: tcp, may: [relay]}]\n",
	  "" },
	{ "trusted: [{network: 10.1.2.0/24, may: []}]\n", "" },
	{ "trusted: [{network: 10.1.2.0/24, transport: tls}]\n",
	  "trusted[0].transport: tls (SIP over TLS) is not in this version" },
	{ "trusted: [{network: 10.1.2.0/24, may: [all]}]\n", "write one of relay, assert" },
	{ "trusted: [{may: [relay]}]\n", "trusted[0]: \"network\" is missing" },
	{ "trusted: [pbx.example]\n", "trusted[0].network: \"pbx.example\" is no network" },
	{ "limits: {requests_per_source: 0, failed_logins: 5/h}\n", "" },
	{ "limits: {requests_per_source: 200}\n", "200 has no unit; write 200/s or 200/min, or 0" },
	{ "limits: {requests_per_source: 200/ms}\n", "\"200/ms\" is not a rate" },
	{ "limits: {requests_per_source: unlimited}\n", "is not a rate" },
	{ "limits: {requests_per_source: 1000001/s}\n", "is out of range" },
	{ "routing: {try: 500ms, tries: 1, targets: 1}\n", "" },
	{ "routing: {try: 1m}\n", "write a duration from 10ms to 32s" },
	{ "routing: {tries: 0}\n", "write a number from 1 to 32" },
	{ "routing: {targets: 65}\n", "write a number from 1 to 64" },

	/* routes */
	{ "routes: [{match: {number: \"+4919\"}, to: refuse}, {match: {domain: \"*.x\"}, to: dns}, {to: [dns]}]\n",
	  "" },
	{ "routes: [{match: {domain: x, number: \"+49\"}, to: \"sip:10.1.2.3;transport=tcp\"}]\n",
	  "" },
	{ "peers: [{name: b}, {name: c}]\nroutes: [{to: [peer:b, peer:c]}, {to: peer:b}]\n", "" },
	{ "routes: [{to: peer:b}]\n", "text:1:15: routes[0].to[0]: there is no peer \"b\"" },
	{ "peers: [{name: b}]\nroutes: [{to: [peer:b, peer:b]}]\n",
	  "routes[0].to[1]: \"peer:b\" stands in the list twice" },
	{ "peers: [{name: b}]\nroutes: [{to: [peer:b, dns]}]\n",
	  "routes[0].to[1]: \"dns\" must stand alone" },
	{ "routes: [{match: {}, to: dns}]\n", "routes[0].match: matches nothing" },
	{ "routes: [{match: {number: \"+49\"}}]\n", "routes[0]: \"to\" is missing" },
	{ "routes: [{to: []}]\n", "routes[0].to: the list is empty" },
	{ "routes: [{to: nowhere}]\n", "\"nowhere\" is nowhere to go" },
	{ "routes: [{to: \"sip:\"}]\n", "is no host of a SIP URI" },
	{ "routes: [{to: \"sip:a b\"}]\n", "is no SIP URI" },
	{ "routes: [{to: \"sip:a?x=y\"}]\n", "is no SIP URI" },
	{ "routes: [{to: \"sip:a:0\"}]\n", "is no host" },
	{ "routes: [{to: \"sip:[::1]:5070\"}]\n", "" },
	{ "routes: [{to: \"sip:[::1\"}]\n", "is no host" },
	{ "routes: [{to: \"sips:a\"}]\n", "sips: (SIP over TLS) is not in this version" },
	{ "routes: [{to: \"sip:a;transport=TLS\"}]\n", "SIP over TLS is not in this version" },
	{ "routes: [{to: \"sip:a;transport=sctp\"}]\n", "\"sctp\" is no transport" },

	/* federation */
	{ "federation: {ingress: [\"sip:sip.a.example;lr\"], ask: none, call: any, open: []}\n",
	  "" },
	{ "federation: {ask: none, call: verified, open: [dns]}\n", "" },
	{ "federation: {ask: ingress}\n",
	  "federation.ask: answering strangers is not in this version" },
	{ "federation: {ask: contact}\n", "write none" },
	{ "federation: {call: some}\n", "write one of verified, none, any" },
	{ "federation: {open: [https, dns]}\n",
	  "federation.open[0]: asking strangers over https is not in this version" },
	{ "federation: {open: [enum]}\n", "\"enum\" is not known here; write dns" },
	{ "federation: {ingress: [sip.a.example]}\n",
	  "federation.ingress[0]: \"sip.a.example\" is no SIP URI" },

	/* peers */
	{ "peers: [{name: beta, domains: [beta.example, \"*.beta.example\"], numbers: [\"+4930\"], priority: 5, lookup: [https, dns], "
	  "url: \"https://l.beta.example:8443/\", ingress: \"sip:sbc.beta.example\", transport: any, names: [beta.example], "
	  "addresses: [192.0.2.0/24], token_file: %/token, reveal: contact, timeout: 1s, parallel: false}]\n",
	  "" },
	{ "peers: [{domains: [beta.example]}]\n", "peers[0]: \"name\" is missing" },
	{ "peers: [beta]\n", "peers[0]: a peer is wanted here" },
	{ "peers: [{name: \"b c\"}]\n", "peers[0].name: \"b c\" is no name" },
	{ "peers: [{name: b}, {name: b}]\n", "text:1:20: peers[1]: there is a peer \"b\" already" },
	{ "domains: [a.example]\npeers: [{name: b, domains: [A.example]}]\n",
	  "peers[0].domains[0]: \"a.example\" is a domain of ours" },
	{ "domains: [\"*.a.example\"]\npeers: [{name: b, domains: [x.a.example]}]\n",
	  "is a domain of ours" },
	{ "domains: [\"*.a.example\"]\npeers: [{name: b, domains: [\"*.x.a.example\"]}]\n",
	  "is a domain of ours" },
	{ "domains: [a.example]\npeers: [{name: b, domains: [\"*.example\"]}]\n", "" },
	{ "peers: [{name: b, transport: tls}]\n",
	  "peers[0].transport: tls (SIP over TLS) is not in this version" },
	{ "peers: [{name: b, transport: udp}]\n", "\"udp\" is not known here; write any" },
	{ "peers: [{name: b, lookup: [https]}]\n", "peers[0].lookup: https needs the url" },
	{ "peers: [{name: b, lookup: []}]\n", "" },
	{ "peers: [{name: b, lookup: [redirect]}]\n",
	  "peers[0].lookup[0]: asking a SIP redirect server is not in this version" },
	{ "peers: [{name: b, lookup: [enum]}]\n", "asking ENUM is not in this version" },
	{ "peers: [{name: b, lookup: [table]}]\n", "asking a table is not in this version" },
	{ "peers: [{name: b, redirect: \"sip:r.b.example\"}]\n",
	  "peers[0].redirect: asking a SIP redirect server is not in this version" },
	{ "peers: [{name: b, enum: e164.b.example}]\n",
	  "peers[0].enum: asking ENUM is not in this version" },
	{ "peers: [{name: b, table: /x}]\n",
	  "peers[0].table: asking a table is not in this version" },
	{ "peers: [{name: b, parallel: true}]\n",
	  "peers[0].parallel: true is not in this version" },
	{ "peers: [{name: b, limits: {calls: 3}}]\n",
	  "peers[0].limits: limits of single peers are not in this version" },
	{ "peers: [{name: b, url: \"http://b.example\"}]\n", "does not begin with https://" },
	{ "peers: [{name: b, url: \"https://b.example/x\"}]\n", "\"/x\": a path has no use here" },
	{ "peers: [{name: b, url: \"https://\"}]\n", "is no host" },
	{ "peers: [{name: b, url: \"https://[2001:db8::1]:8443\"}]\n", "" },
	{ "peers: [{name: b, url: \"https://u@b.example\"}]\n", "is no host" },
	{ "peers: [{name: b, ingress: \"sip:s.b.example;transport=tls\"}]\n",
	  "peers[0].ingress: SIP over tls is not in this version" },
	{ "peers: [{name: b, names: [\"*.b.example\"]}]\n",
	  "peers[0].names[0]: \"*.b.example\": a wildcard means nothing here" },
	{ "peers: [{name: b, addresses: [10.0.0.0/8]}, {name: c, addresses: [10.1.0.0/16]}]\n",
	  "peers[1].addresses[0]: shares addresses with 10.0.0.0/8 of peer \"b\"" },
	{ "peers: [{name: b, addresses: [10.0.0.0/8, 10.1.0.0/16]}]\n", "" },
	{ "peers: [{name: b, addresses: [192.0.2.1]}, {name: c, addresses: [192.0.2.1]}]\n",
	  "shares addresses with 192.0.2.1 of peer \"b\"" },
	{ "peers: [{name: b, addresses: [\"::/0\"]}, {name: c, addresses: [192.0.2.1]}]\n", "" },
	{ "peers: [{name: b, token_file: %/file}]\n", "holds no bearer token" },
	{ "peers: [{name: b, token_file: %/short}]\n", "has 5 characters" },
	{ "peers: [{name: b, token_file: %/token}, {name: c, token_file: %/token}]\n",
	  "peers[1].token_file: the token of \"b\" too" },
	{ "peers: [{name: b, reveal: all}]\n", "write one of ingress, nothing, contact" },
	{ "peers: [{name: b, timeout: 500}]\n", "peers[0].timeout: 500 has no unit" },
	{ "peers: [{name: b, priority: high}]\n", "is not a number" },
};

static char folder[] = "/tmp/lotse-conf-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_files(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	write_file("file", "-----BEGIN X-----\n");
	write_file("token", "  0123456789abcdef0123\n");
	write_file("short", "abcde\n");
	write_file("empty", "");
	return 0;
}

static int remove_files(void **state)
{
	static const char *const names[] = { "file", "token", "short", "empty", "conf.yaml" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* `in` with the folder of test files in the place of "%". */
static void expand(const char *in, struct buf *out)
{
	buf_clear(out);
	for (; *in != '\0'; in++) {
		if (*in == '%')
			buf_z(out, folder);
		else
			buf_char(out, *in);
	}
}

static void assert_loads_again(const struct conf *conf)
{
	struct conf_options options = { 0 };
	struct buf first;
	struct buf second;
	struct buf errors;

	buf_init(&first, ERRORS_MAX);
	buf_init(&second, ERRORS_MAX);
	buf_init(&errors, ERRORS_MAX);
	conf_print(conf, false, &first);
	assert_int_equal(first.err, ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		struct buf text;
		struct conf *again = NULL;

		buf_init(&text, ERRORS_MAX);
		conf_print(conf, i == 1, &text);
		if (conf_load_text(&options, buf_view(&text), &again, &errors) != ERR_OK)
			print_message("%.*s%.*s", STR_ARG(buf_view(&text)),
			              STR_ARG(buf_view(&errors)));
		assert_non_null(again);
		buf_clear(&second);
		conf_print(again, false, &second);
		assert_true(str_eq(buf_view(&first), buf_view(&second)));
		assert_int_equal(conf_diff(conf, again, &errors), 0);
		conf_unref(again);
		buf_fini(&text);
	}
	buf_fini(&first);
	buf_fini(&second);
	buf_fini(&errors);
}

static void each_key_has_good_and_bad_values(void **state)
{
	struct conf_options options = { 0 };
	struct buf text;
	struct buf errors;

	(void)state;
	buf_init(&text, ERRORS_MAX);
	buf_init(&errors, ERRORS_MAX);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct conf *conf = NULL;
		enum err e;

		expand(cases[i].in, &text);
		buf_clear(&errors);
		e = conf_load_text(&options, buf_view(&text), &conf, &errors);
		if ((e == ERR_OK) != (*cases[i].says == '\0') ||
		    strstr(buf_cstr(&errors), cases[i].says) == NULL)
			fail_msg("%s\nwants: %s\nsays: %s", cases[i].in, cases[i].says,
			         buf_cstr(&errors));
		if (e == ERR_OK) {
			assert_int_equal(errors.len, 0);
			assert_loads_again(conf);
		} else {
			assert_int_equal(e, ERR_SYNTAX);
			assert_null(conf);
			assert_int_equal(errors.data[errors.len - 1], '\n');
		}
		conf_unref(conf);
	}
	buf_fini(&text);
	buf_fini(&errors);
}

static void defaults_are_those_of_the_design(void **state)
{
	struct conf *conf = must_load("domains: [alpha.example]\n");

	(void)state;
	assert_int_equal(conf->mode, CONF_PROXY);
	assert_int_equal(conf->domain_count, 1);
	assert_int_equal(conf->domains[0].mode, CONF_PROXY);
	assert_string_equal(conf_realm(conf, &conf->domains[0], conf->domains[0].name).p,
	                    "alpha.example");
	assert_int_equal(conf->listen_count, 3);
	assert_string_equal(conf->listen[0].url.p, "udp://0.0.0.0:5060");
	assert_string_equal(conf->listen[1].url.p, "tcp://0.0.0.0:5060");
	assert_string_equal(conf->listen[2].url.p, "stun://0.0.0.0:3478");
	assert_string_equal(conf->admin.url.p, "http://127.0.0.1:8060");
	assert_int_equal(conf->workers, 0);
	assert_int_equal(conf->auth.algorithm_count, 2);
	assert_int_equal(conf->auth.algorithms[0], CONF_ALGORITHM_SHA256);
	assert_int_equal(conf->auth.algorithms[1], CONF_ALGORITHM_MD5);
	assert_int_equal(conf->auth.nonce_lifetime_ms, 300000);
	assert_true(conf->auth.required);
	assert_int_equal(conf->registrar.min_expires_ms, 60000);
	assert_int_equal(conf->registrar.default_expires_ms, 3600000);
	assert_int_equal(conf->registrar.max_expires_ms, 7200000);
	assert_int_equal(conf->registrar.max_contacts, 10);
	assert_int_equal(conf->registrar.durability, CONF_SYNC);
	assert_int_equal(conf->resolver.timeout_ms, 2000);
	assert_int_equal(conf->resolver.server_count, 0);
	assert_int_equal(conf->trusted_count, 0);
	assert_int_equal(conf->limits.requests_per_source.count, 200);
	assert_int_equal(conf->limits.requests_per_source.per_ms, 1000);
	assert_int_equal(conf->limits.failed_logins.count, 10);
	assert_int_equal(conf->limits.failed_logins.per_ms, 60000);
	assert_int_equal(conf->routing.try_ms, 4000);
	assert_int_equal(conf->routing.tries, 4);
	assert_int_equal(conf->routing.targets, 64);
	assert_int_equal(conf->federation.ask, CONF_ASK_NONE);
	assert_int_equal(conf->federation.call, CONF_CALL_VERIFIED);
	assert_int_equal(conf->federation.open_count, 1);
	assert_int_equal(conf->federation.open[0], CONF_WAY_DNS);
	conf_unref(conf);
}

static void data_lie_where_the_user_is(void **state)
{
	struct conf *conf = must_load("");

	(void)state;
	if (geteuid() == 0)
		assert_string_equal(conf->data.p, "/var/lib/lotse");
	else
		assert_true(str_ends_nocase(conf->data, STR("/lotse")));
	conf_unref(conf);
}

static void peers_get_their_defaults(void **state)
{
	struct conf *conf = must_load(
		"peers:\n"
		"- {name: b, domains: [b.example, \"*.b.example\"], url: \"https://b.example\"}\n"
		"- {name: c, domains: [c.example]}\n"
		"- {name: d, lookup: []}\n");
	const struct conf_peer *b = &conf->peers[0];

	(void)state;
	assert_int_equal(b->priority, 10);
	assert_int_equal(b->lookup_count, 2);
	assert_int_equal(b->lookup[0], CONF_WAY_HTTPS);
	assert_int_equal(b->lookup[1], CONF_WAY_DNS);
	assert_int_equal(b->url.port, 443);
	assert_string_equal(b->url.host.p, "b.example");
	assert_int_equal(b->transport, CONF_TRANSPORT_ANY);
	assert_int_equal(b->name_count, 1);
	assert_string_equal(b->names[0].p, "b.example");
	assert_int_equal(b->reveal, CONF_REVEAL_INGRESS);
	assert_int_equal(b->timeout_ms, 500);
	assert_int_equal(conf->peers[1].lookup_count, 1);
	assert_int_equal(conf->peers[1].lookup[0], CONF_WAY_DNS);
	assert_int_equal(conf->peers[2].lookup_count, 0);
	assert_int_equal(conf->peers[2].index, 2);
	conf_unref(conf);
}

static void values_reach_their_places(void **state)
{
	struct conf *conf = must_load(
		"domains:\n"
		"  - Alpha.Example\n"
		"  - {name: corp.alpha.example, mode: redirect, realm: corp}\n"
		"  - \"*.alpha.example\"\n"
		"mode: proxy\n"
		"advertise: gw.alpha.example:5070\n"
		"listen:\n"
		"  - udp://127.0.0.1:0\n"
		"  - {url: \"tcp://[::1]\", advertise: \"[2001:db8::1]\", role: peers}\n"
		"  - {url: \"stun://0.0.0.0\", advertise: \"stun:stun.example\"}\n"
		"trusted: [10.0.0.0/8, {network: 10.1.0.0/16, transport: tcp, may: [relay]}]\n");

	(void)state;
	assert_string_equal(conf->domains[0].name.p, "alpha.example");
	assert_int_equal(conf->domains[1].mode, CONF_REDIRECT);
	assert_string_equal(conf_realm(conf, &conf->domains[1], STR("corp.alpha.example")).p,
	                    "corp");
	assert_string_equal(conf_realm(conf, &conf->domains[2], STR("x.alpha.example")).p,
	                    "x.alpha.example");
	assert_string_equal(conf->listen[0].url.p, "udp://127.0.0.1:0");
	assert_string_equal(conf->listen[0].advertise.host.p, "gw.alpha.example");
	assert_int_equal(conf->listen[0].advertise.port, 5070);
	assert_string_equal(conf->listen[1].url.p, "tcp://[::1]:5060");
	assert_string_equal(conf->listen[1].advertise.host.p, "2001:db8::1");
	assert_int_equal(conf->listen[1].role, CONF_ROLE_PEERS);
	assert_string_equal(conf->listen[2].advertise.stun.p, "stun.example");
	assert_int_equal(conf->listen[2].advertise.stun_port, 3478);
	assert_true(conf->trusted[0].relay && conf->trusted[0].assert_identity);
	assert_true(conf->trusted[1].relay && !conf->trusted[1].assert_identity);
	conf_unref(conf);
}

static const char look_ups[] =
	"domains:\n"
	"  - {name: alpha.example, numbers: [\"+4930\"]}\n"
	"  - {name: \"*.alpha.example\", numbers: [\"+493012\"]}\n"
	"  - \"*.corp.alpha.example\"\n"
	"trusted: [10.0.0.0/8, {network: 10.1.0.0/16, transport: tcp, may: [relay]}, \"2001:db8::/32\"]\n"
	"routes:\n"
	"  - {match: {number: \"+4919\"}, to: refuse}\n"
	"  - {match: {domain: \"*.pbx.example\", number: \"+1\"}, to: dns}\n"
	"  - {match: {domain: beta.example}, to: [peer:late, peer:beta]}\n"
	"peers:\n"
	"  - {name: late, domains: [beta.example], numbers: [\"+49\"], priority: 20, addresses: [192.0.2.0/25]}\n"
	"  - {name: beta, domains: [beta.example, \"*.beta.example\"], numbers: [\"+49\", \"+4940\"], addresses: [192.0.2.128/25, 198.51.100.7]}\n"
	"  - {name: sub, domains: [\"*.sub.beta.example\"], numbers: [\"+49401\"], addresses: [\"2001:db8:1::/48\"], names: [Cert.sub.example], "
	"token_file: %/token}\n";

static struct conf *load_look_ups(void)
{
	struct conf *conf;
	struct buf text;

	buf_init(&text, ERRORS_MAX);
	expand(look_ups, &text);
	conf = must_load(buf_cstr(&text));
	buf_fini(&text);
	return conf;
}

static void domains_are_found(void **state)
{
	static const struct {
		const char *host;
		const char *want;
	} hosts[] = {
		{ "alpha.example", "alpha.example" },
		{ "ALPHA.example.", "alpha.example" },
		{ "x.alpha.example", "*.alpha.example" },
		{ "x.y.alpha.example", "*.alpha.example" },
		{ "corp.alpha.example", "*.alpha.example" },
		{ "x.corp.alpha.example", "*.corp.alpha.example" },
		{ "xalpha.example", NULL },
		{ ".alpha.example", NULL },
		{ "example", NULL },
		{ "", NULL },
		{ ".", NULL },
		{ "alpha.example.evil", NULL },
		{ "*.alpha.example", "*.alpha.example" },
	};
	struct conf *conf = load_look_ups();
	char lengthy[400];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		const struct conf_domain *domain = conf_domain_find(conf, str_from(hosts[i].host));

		if (hosts[i].want == NULL)
			assert_null(domain);
		else
			assert_string_equal(domain->name.p, hosts[i].want);
	}
	memset(lengthy, 'a', sizeof(lengthy));
	memcpy(lengthy + sizeof(lengthy) - 14, ".alpha.example", 14);
	assert_null(conf_domain_find(conf, str_of(lengthy, sizeof(lengthy))));
	conf_unref(conf);
}

static void numbers_are_found(void **state)
{
	struct conf *conf = load_look_ups();

	(void)state;
	assert_string_equal(conf_number_find(conf, STR("+4930999"))->name.p, "alpha.example");
	assert_string_equal(conf_number_find(conf, STR("+493012345"))->name.p, "*.alpha.example");
	assert_true(conf_is_own_number(conf, STR("+4930")));
	assert_false(conf_is_own_number(conf, STR("+493")));
	assert_false(conf_is_own_number(conf, STR("4930")));
	assert_false(conf_is_own_number(conf, STR("")));
	assert_true(conf_is_own_number(conf, STR("+4930123456789012345678901234567890")));
	conf_unref(conf);
}

static struct addr address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, str_from(text), 5060), ERR_OK);
	return addr;
}

static void trusted_networks_are_found(void **state)
{
	struct conf *conf = load_look_ups();
	struct addr in = address("10.1.2.3");
	struct addr v6 = address("2001:db8::5");
	struct addr out = address("11.0.0.1");

	(void)state;
	assert_ptr_equal(conf_trusted(conf, &in, CONF_TRANSPORT_TCP), &conf->trusted[1]);
	assert_ptr_equal(conf_trusted(conf, &in, CONF_TRANSPORT_UDP), &conf->trusted[0]);
	assert_ptr_equal(conf_trusted(conf, &v6, CONF_TRANSPORT_UDP), &conf->trusted[2]);
	assert_null(conf_trusted(conf, &out, CONF_TRANSPORT_TCP));
	conf_unref(conf);
}

static void peers_are_found_by_address_name_and_token(void **state)
{
	static const struct {
		const char *address;
		const char *want;
	} addresses[] = {
		{ "192.0.2.0", "late" },
		{ "192.0.2.127", "late" },
		{ "192.0.2.128", "beta" },
		{ "192.0.2.255", "beta" },
		{ "192.0.3.0", NULL },
		{ "192.0.1.255", NULL },
		{ "198.51.100.7", "beta" },
		{ "198.51.100.8", NULL },
		{ "2001:db8:1::1", "sub" },
		{ "2001:db8:2::", NULL },
		{ "::1", NULL },
		{ "::ffff:192.0.2.1", "late" },
		{ "255.255.255.255", NULL },
		{ "0.0.0.0", NULL },
	};
	struct conf *conf = load_look_ups();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		struct addr addr = address(addresses[i].address);
		const struct conf_peer *peer = conf_peer_by_addr(conf, &addr);

		if (addresses[i].want == NULL)
			assert_null(peer);
		else
			assert_string_equal(peer->name.p, addresses[i].want);
	}
	assert_string_equal(conf_peer_by_name(conf, STR("CERT.sub.example"))->name.p, "sub");
	assert_string_equal(conf_peer_by_name(conf, STR("beta.example"))->name.p, "late");
	assert_null(conf_peer_by_name(conf, STR("x.beta.example")));
	assert_null(conf_peer_by_name(conf, STR("")));
	assert_string_equal(conf_peer_by_token(conf, STR("0123456789abcdef0123"))->name.p, "sub");
	assert_null(conf_peer_by_token(conf, STR("0123456789abcdef0124")));
	assert_null(conf_peer_by_token(conf, STR("")));
	assert_ptr_equal(conf_peer_find(conf, STR("beta")), &conf->peers[1]);
	assert_null(conf_peer_find(conf, STR("Beta")));
	conf_unref(conf);
}

static void peers_are_found_in_their_order(void **state)
{
	static const struct {
		const char *domain; /* or a number */
		const char *want;
	} questions[] = {
		{ "beta.example", "beta late" },
		{ "BETA.example", "beta late" },
		{ "x.beta.example", "beta" },
		{ "x.sub.beta.example", "sub beta" },
		{ "gamma.example", "" },
		{ "+494012", "sub beta late" },
		{ "+49402", "beta late" },
		{ "+4930", "beta late" },
		{ "+1", "" },
		{ "", "" },
	};
	struct conf *conf = load_look_ups();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(questions); i++) {
		const struct conf_peer *found[CONF_MATCHES_MAX];
		struct str question = str_from(questions[i].domain);
		size_t n = str_starts(question, STR("+"))
		                   ? conf_peers_for_number(conf, question, found, COUNT_OF(found))
		                   : conf_peers_for_domain(conf, question, found, COUNT_OF(found));
		char names[128] = "";

		for (size_t j = 0; j < n; j++) {
			strcat(names, j == 0 ? "" : " ");
			strcat(names, found[j]->name.p);
		}
		assert_string_equal(names, questions[i].want);
		assert_true(conf_peers_for_domain(conf, question, found, 1) <= 1);
		assert_int_equal(conf_peers_for_domain(conf, question, found, 0), 0);
	}
	assert_true(conf_peer_serves_domain(&conf->peers[1], STR("X.beta.example")));
	assert_false(conf_peer_serves_domain(&conf->peers[0], STR("x.beta.example")));
	assert_true(conf_peer_serves_number(&conf->peers[2], STR("+494019")));
	assert_false(conf_peer_serves_number(&conf->peers[2], STR("+49402")));
	conf_unref(conf);
}

static void routes_are_found(void **state)
{
	static const struct {
		const char *domain;
		const char *number;
		size_t want; /* 9: none */
	} questions[] = {
		{ "", "+491900", 0 },
		{ "x.example", "+491900", 0 },
		{ "a.pbx.example", "+12", 1 },
		{ "a.pbx.example", "", 9 },
		{ "a.pbx.example", "+2", 9 },
		{ "pbx.example", "+1", 9 },
		{ "Beta.example", "", 2 },
		{ "b.beta.example", "", 9 },
		{ "", "", 9 },
	};
	struct conf *conf = load_look_ups();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(questions); i++) {
		size_t index = 9;
		const struct conf_route *route = conf_route_find(
			conf, str_from(questions[i].domain), str_from(questions[i].number), &index);

		assert_int_equal(index, questions[i].want);
		assert_ptr_equal(route, index == 9 ? NULL : &conf->routes[index]);
	}
	assert_int_equal(conf->routes[2].to_count, 2);
	assert_ptr_equal(conf->routes[2].to[0].peer, &conf->peers[0]);
	assert_ptr_equal(conf->routes[2].to[1].peer, &conf->peers[1]);
	assert_int_equal(conf->routes[0].to[0].kind, CONF_TO_REFUSE);
	conf_unref(conf);
}

static void the_command_line_replaces(void **state)
{
	static const char *const domains[] = { "x.example", "y.example" };
	static const char *const listen[] = { "udp://127.0.0.1:0" };
	static const char *const bad[] = { "tls://127.0.0.1" };
	struct conf_options options = { .domains = domains,
		                        .domain_count = 2,
		                        .listen = listen,
		                        .listen_count = 1,
		                        .data = "d" };
	struct conf *conf = NULL;
	struct buf errors;

	(void)state;
	buf_init(&errors, ERRORS_MAX);
	assert_int_equal(conf_load_text(&options,
	                                STR("domains: [\"..\"]\nlisten: 5\ndata: /x\nworkers: 2\n"),
	                                &conf, &errors),
	                 ERR_OK);
	assert_int_equal(conf->domain_count, 2);
	assert_string_equal(conf->domains[1].name.p, "y.example");
	assert_int_equal(conf->listen_count, 1);
	assert_int_equal(conf->data.p[0], '/');
	assert_true(str_ends_nocase(conf->data, STR("/d")));
	assert_int_equal(conf->workers, 2);
	assert_loads_again(conf);
	conf_unref(conf);
	options.listen = bad;
	assert_int_equal(conf_load_text(&options, STR(""), &conf, &errors), ERR_SYNTAX);
	assert_string_equal(
		buf_cstr(&errors),
		"command line: listen[0].url: tls:// listeners are not in this version; use tcp:// or udp://\n");
	buf_fini(&errors);
}

static void paths_start_at_the_file(void **state)
{
	char path[128];
	char data[128];
	struct conf_options options = { .file = path };
	struct conf *conf = NULL;
	struct buf errors;

	(void)state;
	buf_init(&errors, ERRORS_MAX);
	(void)snprintf(path, sizeof(path), "%s/conf.yaml", folder);
	(void)snprintf(data, sizeof(data), "%s/data", folder);
	write_file("conf.yaml", "data: data\ntls: {certificate: file, key: ./file}\n");
	assert_int_equal(conf_load(&options, &conf, &errors), ERR_OK);
	assert_string_equal(conf->data.p, data);
	assert_string_equal(conf->tls.key.bytes.p, "-----BEGIN X-----\n");
	assert_string_equal(conf->file.p, path);
	conf_unref(conf);
	write_file("conf.yaml", "\n\nworkers: x\n");
	assert_int_equal(conf_load(&options, &conf, &errors), ERR_SYNTAX);
	assert_non_null(strstr(buf_cstr(&errors), "/conf.yaml:3:10: workers: "));
	buf_clear(&errors);
	options.file = "/nonexistent/x";
	assert_int_equal(conf_load(&options, &conf, &errors), ERR_IO);
	assert_string_equal(buf_cstr(&errors),
	                    "/nonexistent/x: cannot read it: No such file or directory\n");
	buf_fini(&errors);
}

static void all_complaints_come_at_once_but_bounded(void **state)
{
	struct conf_options options = { 0 };
	struct conf *conf = NULL;
	struct buf text;
	struct buf errors;
	size_t lines = 0;

	(void)state;
	buf_init(&text, ERRORS_MAX);
	buf_init(&errors, ERRORS_MAX);
	buf_z(&text, "domains:\n");
	for (size_t i = 0; i < 200; i++)
		buf_z(&text, "- a..b\n");
	assert_int_equal(conf_load_text(&options, buf_view(&text), &conf, &errors), ERR_SYNTAX);
	for (size_t i = 0; i < errors.len; i++)
		lines += errors.data[i] == '\n';
	assert_int_equal(lines, CONF_ERRORS_MAX + 1);
	assert_non_null(strstr(buf_cstr(&errors), "text: and 150 more\n"));
	buf_fini(&text);
	buf_fini(&errors);
}

static void restarts_are_named(void **state)
{
	struct conf *before = must_load("domains: [a.example]\n");
	struct conf *after = must_load(
		"domains: [b.example]\nworkers: 2\nregistrar: {durability: async, max_contacts: 3}\n"
		"data: /x\nadmin: \"http://127.0.0.1:1\"\nlisten: [\"udp://127.0.0.1\"]\n");
	struct buf names;

	(void)state;
	buf_init(&names, 1000);
	assert_int_equal(conf_diff(before, after, &names), 4);
	assert_string_equal(buf_cstr(&names), "admin, data, workers, registrar.durability");
	buf_clear(&names);
	assert_int_equal(conf_diff(before, before, &names), 0);
	assert_int_equal(names.len, 0);
	conf_unref(before);
	conf_unref(after);
	buf_fini(&names);
}

static void the_last_holder_frees(void **state)
{
	struct conf *conf = must_load("");
	const struct conf *other = conf_ref(conf);

	(void)state;
	assert_ptr_equal(other, conf);
	conf_unref(conf);
	assert_true(other->domain_count >= 1);
	conf_unref(other);
	conf_unref(NULL);
}

/* The examples of the documents, with files of the test's in the places of certificates. */
static void examples_load(void **state)
{
	static const char *const names[] = { "provider", "redirect", "laboratory" };
	struct buf text;

	(void)state;
	buf_init(&text, ERRORS_MAX);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[128];
		char line[512];
		size_t lines = 0;
		struct conf *conf;
		FILE *file;

		(void)snprintf(path, sizeof(path), "docs/examples/%s.yaml", names[i]);
		file = fopen(path, "r");
		assert_non_null(file);
		buf_clear(&text);
		for (; fgets(line, sizeof(line), file) != NULL; lines++) {
			char *at = strstr(line, "/etc/lotse/");

			if (at == NULL) {
				buf_z(&text, line);
				continue;
			}
			buf_bytes(&text, line, (size_t)(at - line));
			buf_printf(&text, "%s/%s\n", folder,
			           strstr(at, "token") == NULL ? "file" : "token");
		}
		assert_int_equal(fclose(file), 0);
		assert_true(lines <= 30);
		conf = must_load(buf_cstr(&text));
		assert_loads_again(conf);
		conf_unref(conf);
	}
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_good_and_bad_values),
		cmocka_unit_test(defaults_are_those_of_the_design),
		cmocka_unit_test(data_lie_where_the_user_is),
		cmocka_unit_test(peers_get_their_defaults),
		cmocka_unit_test(values_reach_their_places),
		cmocka_unit_test(domains_are_found),
		cmocka_unit_test(numbers_are_found),
		cmocka_unit_test(trusted_networks_are_found),
		cmocka_unit_test(peers_are_found_by_address_name_and_token),
		cmocka_unit_test(peers_are_found_in_their_order),
		cmocka_unit_test(routes_are_found),
		cmocka_unit_test(the_command_line_replaces),
		cmocka_unit_test(paths_start_at_the_file),
		cmocka_unit_test(all_complaints_come_at_once_but_bounded),
		cmocka_unit_test(restarts_are_named),
		cmocka_unit_test(the_last_holder_frees),
		cmocka_unit_test(examples_load),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
