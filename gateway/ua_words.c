#include "gateway/ua_words.h"

#include "base/mem.h"
#include "sip/param.h"

#define YEAR_MS ((int64_t)366 * 24 * 3600 * 1000)

enum err ua_duration_parse(struct str text, int64_t *ms)
{
	static const struct {
		struct str name;
		int64_t ms;
	} units[] = { { STR_INIT("ms"), 1 },
		      { STR_INIT("s"), 1000 },
		      { STR_INIT("m"), 60000 },
		      { STR_INIT("h"), 3600000 },
		      { STR_INIT(""), 1000 } };
	struct str whole = text;
	struct str fraction = STR_NONE;
	int64_t unit = 1000;
	uint64_t n;
	uint64_t part = 0;
	enum err e;

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (str_ends_nocase(whole, units[i].name)) {
			whole.len -= units[i].name.len;
			unit = units[i].ms;
			break;
		}
	}
	if (str_find(whole, '.') < whole.len) {
		fraction = whole;
		whole = str_cut(&fraction, '.');
		if ((e = str_number(fraction, UINT64_MAX, &part)) != ERR_OK)
			return e;
		fraction = str_head(fraction, 3);
		if ((e = str_number(fraction, 999, &part)) != ERR_OK)
			return e;
	}
	if ((e = str_number(whole, (uint64_t)(YEAR_MS / unit), &n)) != ERR_OK)
		return e;
	for (size_t i = fraction.len; i < 3; i++)
		part *= 10;
	*ms = (int64_t)n * unit + (int64_t)part * unit / 1000;
	return ERR_OK;
}

enum err ua_words_refuse(struct buf *why, const char *what, struct str value, const char *instead)
{
	buf_printf(why, "%s %.*s: %s\n", what, STR_ARG(value), instead);
	return ERR_SYNTAX;
}

/* What was written into args->text since `from`. */
static struct str written(const struct ua_args *a, size_t from)
{
	return str_from_at(buf_view(&a->text), from);
}

static bool has_scheme(struct str text)
{
	return str_starts_nocase(text, STR("sip:")) || str_starts_nocase(text, STR("sips:")) ||
	       str_starts_nocase(text, STR("tel:"));
}

/* A URI as people write it: without its scheme, too. */
static enum err read_uri(struct ua_args *a, struct str text, struct str *out, struct sip_uri *uri)
{
	size_t from = a->text.len;

	if (!has_scheme(text))
		buf_z(&a->text, "sip:");
	buf_str(&a->text, text);
	if (a->text.err != ERR_OK)
		return a->text.err;
	*out = written(a, from);
	return sip_uri_parse(uri, *out);
}

/* Where a number is dialled, the provider of who calls is asked; without one, whoever is the proxy. */
static enum err read_number(struct ua_args *a, struct str number)
{
	struct sip_uri me;
	size_t from = a->text.len;

	if (sip_uri_parse(&me, a->identity) == ERR_OK) {
		const char *bracket = me.host_kind == SIP_HOST_IPV6 ? "[" : "";

		buf_printf(&a->text, "sip:%.*s@%s%.*s%s;user=phone", STR_ARG(number), bracket,
		           STR_ARG(me.host), *bracket == '\0' ? "" : "]");
	} else {
		buf_printf(&a->text, "tel:%.*s", STR_ARG(number));
	}
	a->uri = written(a, from);
	return a->text.err;
}

enum err ua_words_target(struct ua_args *a, struct str text, struct buf *why)
{
	struct sip_uri uri;
	bool own = a->command == UA_REGISTER || a->command == UA_ANSWER;

	if (!own && sip_is_number(text) && read_number(a, text) != ERR_OK)
		return ua_words_refuse(why, "URI", text, "too long");
	if (a->uri.len == 0 && read_uri(a, text, &a->uri, &uri) != ERR_OK)
		return ua_words_refuse(why, "URI", text, "not a SIP URI; write sip:USER@HOST");
	if (sip_uri_parse(&uri, a->uri) != ERR_OK)
		return ua_words_refuse(why, "URI", text, "not a SIP URI; write sip:USER@HOST");
	if (own && (uri.scheme != SIP_SCHEME_SIP || !uri.has_user))
		return ua_words_refuse(why, "URI", text, "an address of record is sip:USER@DOMAIN");
	if (uri.scheme == SIP_SCHEME_SIPS)
		return ua_words_refuse(why, "URI", text, "TLS is not in this version; write sip:");
	if (uri.scheme == SIP_SCHEME_TEL && a->proxy.len == 0)
		return ua_words_refuse(
			why, "URI", text,
			"a number alone leads nowhere; say --proxy HOST or --user USER@DOMAIN");
	return ERR_OK;
}

/* --user: an address of record, or a name for digests alone. */
enum err ua_words_user(struct ua_args *a, const char *user, struct buf *why)
{
	struct str text = str_from(user);
	struct sip_uri uri;

	if (user == NULL)
		return ERR_OK;
	if (str_find(text, '@') == text.len && !has_scheme(text)) {
		a->name = text;
		return text.len > 0 ? ERR_OK
		                    : ua_words_refuse(why, "--user", text, "write USER@DOMAIN");
	}
	if (read_uri(a, text, &a->identity, &uri) != ERR_OK || uri.scheme != SIP_SCHEME_SIP ||
	    !uri.has_user)
		return ua_words_refuse(why, "--user", text, "write USER@DOMAIN");
	a->name = uri.user;
	return ERR_OK;
}

/* Who has not said who he is: register and answer are about the address itself; a caller's bare name is one of the domain he calls. */
void ua_words_identity(struct ua_args *a)
{
	bool own = a->command == UA_REGISTER || a->command == UA_ANSWER;
	struct sip_uri uri;
	size_t from = a->text.len;

	if (sip_uri_parse(&uri, a->uri) != ERR_OK)
		return;
	if (own && a->identity.len == 0)
		a->identity = a->uri;
	if (own && a->name.len == 0)
		a->name = uri.user;
	if (a->identity.len > 0 || a->name.len == 0 || uri.host.len == 0)
		return;
	buf_z(&a->text, "sip:");
	sip_escape(a->name, SIP_C_USER, &a->text);
	buf_printf(&a->text, uri.host_kind == SIP_HOST_IPV6 ? "@[%.*s]" : "@%.*s",
	           STR_ARG(uri.host));
	if (a->text.err == ERR_OK)
		a->identity = written(a, from);
}

/* 8.1.2: an outbound proxy is a route set of one, loose (lr). */
enum err ua_words_proxy(struct ua_args *a, const char *proxy, struct buf *why)
{
	struct str text = str_from(proxy);
	struct sip_uri uri;

	if (proxy == NULL)
		return ERR_OK;
	if (read_uri(a, text, &a->proxy, &uri) != ERR_OK || uri.scheme != SIP_SCHEME_SIP ||
	    uri.headers.len > 0)
		return ua_words_refuse(why, "--proxy", text,
		                       "write HOST[:PORT][;transport=udp|tcp]");
	if (!sip_uri_param_has(&uri, STR("lr"))) {
		buf_z(&a->text, ";lr");
		a->proxy.len += 3;
	}
	return a->text.err;
}

enum err ua_words_listen(struct ua_args *a, const char *url, struct buf *why)
{
	struct str text = str_from(url);
	struct sip_listener_conf *l = &a->listen[a->listen_count];
	size_t scheme = STR("udp://").len;

	if (a->listen_count == UA_LISTEN_MAX)
		return ua_words_refuse(why, "--listen", text, "eight are enough");
	*l = (struct sip_listener_conf){ .kind = SIP_LISTEN_UDP };
	if (str_starts_nocase(text, STR("tcp://")))
		l->kind = SIP_LISTEN_TCP;
	else if (!str_starts_nocase(text, STR("udp://")))
		return ua_words_refuse(why, "--listen", text,
		                       "write udp://ADDRESS:PORT or tcp://ADDRESS:PORT");
	if (addr_parse_port(&l->addr, str_from_at(text, scheme), 5060) != ERR_OK)
		return ua_words_refuse(why, "--listen", text,
		                       "write udp://ADDRESS:PORT or tcp://ADDRESS:PORT");
	a->listen_count++;
	return ERR_OK;
}

enum err ua_words_server(struct ua_args *a, const char *server, struct buf *why)
{
	if (a->server_count == UA_SERVERS_MAX)
		return ua_words_refuse(why, "--resolver", str_from(server), "eight are enough");
	if (addr_parse_port(&a->servers[a->server_count], str_from(server), 53) != ERR_OK)
		return ua_words_refuse(why, "--resolver", str_from(server), "write ADDRESS[:PORT]");
	a->server_count++;
	return ERR_OK;
}
