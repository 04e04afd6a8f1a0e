#include "gateway/schema_type.h"

#include "base/mem.h"
#include "base/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN 60 /* of a value, in a message */
#define HOST_MAX 253
#define LABEL_MAX 63
#define NUMBER_MAX 15 /* E.164 */
#define TOKEN_MAX 4096
#define NOT_YET "not in this version"

static bool keep(struct schema_load *load, struct str text, struct str *out)
{
	if (arena_str(load->arena, text, out) == ERR_OK)
		return true;
	load->no_memory = true;
	return false;
}

static bool keep_lower(struct schema_load *load, struct str text, struct str *out)
{
	char *p;

	if (!keep(load, text, out))
		return false;
	p = (char *)(uintptr_t)out->p;
	for (size_t i = 0; i < out->len; i++)
		p[i] = char_lower(p[i]);
	return true;
}

/* What a buf holds, kept; the buf is freed. */
static bool keep_buf(struct schema_load *load, struct buf *b, struct str *out)
{
	bool kept = b->err == ERR_OK && keep(load, buf_view(b), out);

	if (b->err != ERR_OK)
		load->no_memory = true;
	buf_fini(b);
	return kept;
}

#define SHOW(text) STR_ARG(str_head(text, SHOWN))

static void print_str(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	buf_str(out, *(const struct str *)value);
}

static bool str_is_set(const void *value)
{
	return !str_empty(*(const struct str *)value);
}

/* --- bool, numbers, durations, rates, words --- */

static bool read_bool(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out)
{
	bool yes = str_eq(text, STR("true"));

	(void)type;
	if (!yes && !str_eq(text, STR("false")))
		return schema_wrong(load, "\"%.*s\" is neither true nor false; write one of these",
		                    SHOW(text));
	*(bool *)out = yes;
	return true;
}

static void print_bool(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	buf_z(out, *(const bool *)value ? "true" : "false");
}

static bool read_only_false(struct schema_load *load, const struct schema_type *type,
                            struct str text, void *out)
{
	if (!read_bool(load, type, text, out))
		return false;
	if (*(bool *)out)
		return schema_wrong(load, "true is " NOT_YET "; leave the key out");
	return true;
}

bool schema_read_integer(struct schema_load *load, const struct schema_type *type, struct str text,
                         void *out)
{
	uint64_t n = 0;
	enum err e = str_number(text, UINT32_MAX, &n);

	if (e == ERR_SYNTAX)
		return schema_wrong(load, "\"%.*s\" is not a number; write digits alone",
		                    SHOW(text));
	if (e != ERR_OK || (int64_t)n < type->min || (int64_t)n > type->max)
		return schema_wrong(load, "%.*s is out of range; write a number from %lld to %lld",
		                    SHOW(text), (long long)type->min, (long long)type->max);
	*(unsigned *)out = (unsigned)n;
	return true;
}

void schema_print_integer(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	buf_number(out, *(const unsigned *)value);
}

static const struct {
	struct str unit;
	int64_t ms;
} units[] = {
	{ STR_INIT("ms"), 1 },      { STR_INIT("s"), 1000 },    { STR_INIT("m"), 60000 },
	{ STR_INIT("min"), 60000 }, { STR_INIT("h"), 3600000 }, { STR_INIT("d"), 86400000 },
};

static int64_t unit_ms(struct str unit)
{
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (str_eq(unit, units[i].unit))
			return units[i].ms;
	return 0;
}

static void write_duration(int64_t ms, struct buf *out)
{
	bool whole = ms % 1000 == 0;

	buf_number(out, (uint64_t)(whole ? ms / 1000 : ms));
	buf_z(out, whole ? "s" : "ms");
}

static bool duration_out_of_range(struct schema_load *load, const struct schema_type *type,
                                  struct str text)
{
	struct buf range;
	char memory[64];

	buf_wrap(&range, memory, sizeof(memory));
	write_duration(type->min, &range);
	buf_z(&range, " to ");
	write_duration(type->max, &range);
	return schema_wrong(load, "%.*s is out of range; write a duration from %.*s", SHOW(text),
	                    STR_ARG(buf_view(&range)));
}

bool schema_read_duration(struct schema_load *load, const struct schema_type *type, struct str text,
                          void *out)
{
	struct scan s = scan_of(text);
	uint64_t n = scan_number(&s, UINT32_MAX);
	struct str unit = scan_rest(&s);
	int64_t ms = unit_ms(unit);

	if (s.err == ERR_LIMIT)
		return duration_out_of_range(load, type, text);
	if (s.err == ERR_OK && str_empty(unit))
		return schema_wrong(
			load,
			"%.*s has no unit; write %.*ss for seconds or %.*sms for milliseconds",
			SHOW(text), SHOW(text), SHOW(text));
	if (s.err != ERR_OK || ms == 0)
		return schema_wrong(
			load,
			"\"%.*s\" is not a duration; write a number with ms, s, m, h or d, such as 500ms or 60s",
			SHOW(text));
	if ((int64_t)n * ms < type->min || (int64_t)n * ms > type->max)
		return duration_out_of_range(load, type, text);
	*(int64_t *)out = (int64_t)n * ms;
	return true;
}

void schema_print_duration(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	write_duration(*(const int64_t *)value, out);
}

static const struct {
	struct str unit;
	uint32_t ms;
} rate_units[] = { { STR_INIT("s"), 1000 },
	           { STR_INIT("min"), 60000 },
	           { STR_INIT("h"), 3600000 } };

static bool read_rate(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out)
{
	struct conf_rate *rate = out;
	struct scan s = scan_of(text);
	uint64_t n = scan_number(&s, 1000000);
	struct str unit;

	(void)type;
	if (s.err == ERR_LIMIT)
		return schema_wrong(
			load, "%.*s is out of range; write a million at most, or 0 for no limit",
			SHOW(text));
	if (s.err == ERR_OK && n == 0 && s.p == s.end) {
		*rate = (struct conf_rate){ 0, 1000 };
		return true;
	}
	if (s.err == ERR_OK && s.p == s.end)
		return schema_wrong(load,
		                    "%.*s has no unit; write %.*s/s or %.*s/min, or 0 for no limit",
		                    SHOW(text), SHOW(text), SHOW(text));
	scan_expect(&s, '/');
	unit = scan_rest(&s);
	for (size_t i = 0; i < COUNT_OF(rate_units) && s.err == ERR_OK; i++)
		if (str_eq(unit, rate_units[i].unit)) {
			*rate = (struct conf_rate){ (uint32_t)n, n == 0 ? 1000 : rate_units[i].ms };
			return true;
		}
	return schema_wrong(
		load,
		"\"%.*s\" is not a rate; write a number with /s, /min or /h, such as 200/s, or 0 for no limit",
		SHOW(text));
}

static void print_rate(const struct schema_type *type, const void *value, struct buf *out)
{
	const struct conf_rate *rate = value;

	(void)type;
	buf_number(out, rate->count);
	for (size_t i = 0; i < COUNT_OF(rate_units) && rate->count > 0; i++)
		if (rate->per_ms == rate_units[i].ms)
			buf_printf(out, "/%.*s", STR_ARG(rate_units[i].unit));
}

bool schema_read_word(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out)
{
	char memory[200];
	struct buf known;
	const char *between = "";

	for (size_t i = 0; i < type->word_count; i++) {
		if (!str_eq(text, str_from(type->words[i].word)))
			continue;
		if (type->words[i].later != NULL)
			return schema_wrong(load, "%s", type->words[i].later);
		memcpy(out, &type->words[i].value, sizeof(int));
		return true;
	}
	buf_wrap(&known, memory, sizeof(memory));
	for (size_t i = 0; i < type->word_count; i++) {
		if (type->words[i].later != NULL)
			continue;
		buf_printf(&known, "%s%s", between, type->words[i].word);
		between = ", ";
	}
	return schema_wrong(load, "\"%.*s\" is not known here; write %s%.*s", SHOW(text),
	                    str_find(buf_view(&known), ',') < known.len ? "one of " : "",
	                    STR_ARG(buf_view(&known)));
}

void schema_print_word(const struct schema_type *type, const void *value, struct buf *out)
{
	int word;

	memcpy(&word, value, sizeof(word));
	for (size_t i = 0; i < type->word_count; i++)
		if (type->words[i].value == word && type->words[i].later == NULL)
			buf_z(out, type->words[i].word);
}

bool schema_word_is_set(const void *value)
{
	int word;

	memcpy(&word, value, sizeof(word));
	return word >= 0;
}

/* --- names, numbers, URIs --- */

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (char_lower(c) >= 'a' && char_lower(c) <= 'z');
}

static bool read_name(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out)
{
	bool good = text.len <= 64 && !str_empty(text) && is_alnum(text.p[0]);

	(void)type;
	for (size_t i = 0; i < text.len && good; i++)
		good = is_alnum(text.p[i]) || text.p[i] == '-' || text.p[i] == '_' ||
		       text.p[i] == '.';
	if (!good)
		return schema_wrong(
			load,
			"\"%.*s\" is no name; write up to 64 letters, digits, \"-\", \"_\" or \".\", a letter or digit first",
			SHOW(text));
	return keep(load, text, out);
}

static bool read_realm(struct schema_load *load, const struct schema_type *type, struct str text,
                       void *out)
{
	bool good = text.len <= 255 && !str_empty(text);

	(void)type;
	for (size_t i = 0; i < text.len && good; i++)
		good = (unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f && text.p[i] != '"' &&
		       text.p[i] != '\\';
	if (!good)
		return schema_wrong(
			load,
			"this is no realm; write up to 255 characters without quotes, backslashes and control characters");
	return keep(load, text, out);
}

static bool is_label(struct str label)
{
	if (str_empty(label) || label.len > LABEL_MAX || label.p[0] == '-' ||
	    label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
			return false;
	return true;
}

static bool is_host(struct str name)
{
	struct str rest = name;

	if (str_empty(name) || name.len > HOST_MAX || name.p[name.len - 1] == '.')
		return false;
	while (!str_empty(rest))
		if (!is_label(str_cut(&rest, '.')))
			return false;
	return true;
}

static struct str without_final_dot(struct str name)
{
	return name.len > 1 && name.p[name.len - 1] == '.' ? str_head(name, name.len - 1) : name;
}

static bool wrong_host(struct schema_load *load, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((text.p[i] & 0x80) != 0)
			return schema_wrong(
				load,
				"\"%.*s\" has letters that DNS does not know; write its form with xn--",
				SHOW(text));
	return schema_wrong(
		load,
		"\"%.*s\" is no domain name; write letters, digits and \"-\", with dots between, such as alpha.example",
		SHOW(text));
}

static bool read_host(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out)
{
	struct str name = without_final_dot(text);

	(void)type;
	if (str_starts(text, STR("*")))
		return schema_wrong(load,
		                    "\"%.*s\": a wildcard means nothing here; write a whole name",
		                    SHOW(text));
	return is_host(name) ? keep_lower(load, name, out) : wrong_host(load, text);
}

static bool read_domain(struct schema_load *load, const struct schema_type *type, struct str text,
                        void *out)
{
	struct str name = without_final_dot(text);

	(void)type;
	if (is_host(str_starts(name, STR("*.")) && name.len <= HOST_MAX ? str_from_at(name, 2)
	                                                                : name))
		return keep_lower(load, name, out);
	if (str_find(text, '*') < text.len)
		return schema_wrong(
			load,
			"\"%.*s\": a \"*\" stands for whole names in front alone; write \"*.alpha.example\"",
			SHOW(text));
	return wrong_host(load, text);
}

static bool read_number(struct schema_load *load, const struct schema_type *type, struct str text,
                        void *out)
{
	bool good = text.len >= 2 && text.len <= NUMBER_MAX + 1 && text.p[0] == '+';

	(void)type;
	for (size_t i = 1; i < text.len && good; i++)
		good = text.p[i] >= '0' && text.p[i] <= '9';
	if (!good)
		return schema_wrong(
			load,
			"\"%.*s\" is no prefix of numbers; write \"+\" and up to 15 digits, such as \"+4930\"",
			SHOW(text));
	return keep(load, text, out);
}

static bool read_enum_suffix(struct schema_load *load, const struct schema_type *type,
                             struct str text, void *out)
{
	(void)type;
	(void)text;
	(void)out;
	return schema_wrong(load, "asking ENUM is " NOT_YET "; leave the list empty");
}

/* "host", "host:port", "[v6]:port" into host (without brackets) and port, 0 where none stands. */
static bool split_host(struct str text, struct str *host, uint16_t *port)
{
	struct str rest = text;
	struct addr numeric;
	uint64_t n = 0;

	*port = 0;
	if (str_starts(text, STR("["))) {
		rest = str_from_at(text, 1);
		*host = str_cut(&rest, ']');
		if (str_find(text, ']') == text.len || addr_parse(&numeric, *host, 0) != ERR_OK)
			return false;
		if (str_empty(rest))
			return true;
		if (rest.p[0] != ':')
			return false;
		rest = str_from_at(rest, 1);
	} else {
		*host = without_final_dot(str_cut(&rest, ':'));
		if (!is_host(*host))
			return false;
		if (str_find(text, ':') == text.len)
			return true;
	}
	if (str_number(rest, UINT16_MAX, &n) != ERR_OK || n == 0)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* Is there a character that no URI has, or one of a header, which a target must not have? */
static bool has_odd_character(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] <= 0x20 || (unsigned char)text.p[i] >= 0x7f ||
		    strchr("<>\"\\^`{|}?", text.p[i]) != NULL)
			return true;
	return false;
}

/* What a transport parameter asks for: only what this version has. */
static bool check_uri_transport(struct schema_load *load, struct str params)
{
	while (!str_empty(params)) {
		struct str value = str_cut(&params, ';');
		struct str name = str_cut(&value, '=');

		if (!str_eq_nocase(name, STR("transport")) || str_eq_nocase(value, STR("udp")) ||
		    str_eq_nocase(value, STR("tcp")))
			continue;
		if (str_eq_nocase(value, STR("tls")) || str_eq_nocase(value, STR("ws")) ||
		    str_eq_nocase(value, STR("wss")))
			return schema_wrong(load,
			                    "SIP over %.*s is " NOT_YET
			                    "; use transport=tcp or transport=udp",
			                    SHOW(value));
		return schema_wrong(load,
		                    "\"%.*s\" is no transport; use transport=tcp or transport=udp",
		                    SHOW(value));
	}
	return true;
}

static bool read_uri(struct schema_load *load, const struct schema_type *type, struct str text,
                     void *out)
{
	struct str params = text;
	struct str place;
	struct str host;
	uint16_t port;

	(void)type;
	if (str_starts_nocase(text, STR("sips:")))
		return schema_wrong(load, "sips: (SIP over TLS) is " NOT_YET "; write a sip: URI");
	if (!str_starts_nocase(text, STR("sip:")) || text.len > 1024 || has_odd_character(text))
		return schema_wrong(
			load,
			"\"%.*s\" is no SIP URI; write sip:HOST, such as \"sip:192.0.2.1:5060;transport=tcp\"",
			SHOW(text));
	params = str_from_at(params, 4);
	if (str_find(params, '@') < params.len)
		(void)str_cut(&params, '@');
	place = str_cut(&params, ';');
	if (!split_host(place, &host, &port))
		return schema_wrong(
			load,
			"\"%.*s\" is no host of a SIP URI; write a name or an address, [IPv6] in brackets, and perhaps :PORT",
			SHOW(place));
	return check_uri_transport(load, params) && keep(load, text, out);
}

/* --- files and folders --- */

static bool absolute(struct schema_load *load, struct str text, struct str *out)
{
	struct buf path;

	if (str_starts(text, STR("/")))
		return keep(load, text, out);
	buf_init(&path, 8192);
	buf_str(&path, load->folder);
	buf_z(&path, str_ends_nocase(load->folder, STR("/")) ? "" : "/");
	buf_str(&path, str_starts(text, STR("./")) ? str_from_at(text, 2) : text);
	return keep_buf(load, &path, out);
}

static bool read_folder(struct schema_load *load, const struct schema_type *type, struct str text,
                        void *out)
{
	(void)type;
	if (str_empty(text) || text.len > 4000)
		return schema_wrong(load, "this is no folder; write its path");
	return absolute(load, text, out);
}

/* All bytes of a regular file, in the arena, a NUL behind them. An errno value, or 0. */
static int slurp(struct schema_load *load, int fd, struct str *out)
{
	struct stat st;
	size_t len = 0;
	char *bytes;

	if (fstat(fd, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if ((uintmax_t)st.st_size > SCHEMA_FILE_MAX)
		return EFBIG;
	bytes = arena_alloc(load->arena, (size_t)st.st_size + 1);
	if (bytes == NULL) {
		load->no_memory = true;
		return ENOMEM;
	}
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes + len, (size_t)st.st_size - len);

		if (n < 0 && errno != EINTR)
			return errno;
		if (n == 0)
			break;
		len += n < 0 ? 0 : (size_t)n;
	}
	bytes[len] = '\0';
	*out = str_of(bytes, len);
	return 0;
}

static bool read_file(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out)
{
	struct conf_file *file = out;
	int fd;
	int failed;

	(void)type;
	if (str_empty(text) || text.len > 4000)
		return schema_wrong(load, "this is no file; write its path");
	if (!absolute(load, text, &file->path))
		return false;
	/* Without O_NONBLOCK a FIFO would hold us up for ever. */
	fd = open(file->path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	failed = fd < 0 ? errno : slurp(load, fd, &file->bytes);
	if (fd >= 0)
		(void)close(fd);
	if (load->no_memory)
		return false;
	if (failed != 0)
		return schema_wrong(load,
		                    "cannot read %.*s: %s; give a file that this user may read",
		                    STR_ARG(file->path),
		                    failed == EINVAL ? "not a file" : strerror(failed));
	if (str_empty(file->bytes))
		return schema_wrong(load, "%.*s is empty; give a file with content",
		                    STR_ARG(file->path));
	return true;
}

static bool read_token_file(struct schema_load *load, const struct schema_type *type,
                            struct str text, void *out)
{
	struct conf_file *file = out;

	if (!read_file(load, type, text, out))
		return false;
	file->bytes = str_trim(file->bytes);
	/* b64token of RFC 6750 2.1, which is what may stand behind "Bearer". */
	for (size_t i = 0; i < file->bytes.len; i++)
		if (!is_alnum(file->bytes.p[i]) && strchr("-._~+/=", file->bytes.p[i]) == NULL)
			return schema_wrong(
				load,
				"%.*s holds no bearer token; write letters, digits and -._~+/= alone",
				STR_ARG(file->path));
	if (file->bytes.len < 16 || file->bytes.len > TOKEN_MAX)
		return schema_wrong(
			load,
			"the token in %.*s has %zu characters; make one of 16 to 4096 (openssl rand -hex 32)",
			STR_ARG(file->path), file->bytes.len);
	return true;
}

static void print_file(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	buf_str(out, ((const struct conf_file *)value)->path);
}

static bool file_is_set(const void *value)
{
	return !str_empty(((const struct conf_file *)value)->path);
}

/* --- addresses and URLs --- */

static bool read_network(struct schema_load *load, const struct schema_type *type, struct str text,
                         void *out)
{
	enum err e = network_parse(out, text);

	(void)type;
	if (e == ERR_RANGE)
		return schema_wrong(
			load,
			"\"%.*s\": the prefix is too long, or bits are set beyond it; write the first address, such as 10.1.2.0/24",
			SHOW(text));
	if (e != ERR_OK)
		return schema_wrong(
			load,
			"\"%.*s\" is no network; write an address, or one with a prefix, such as 10.1.2.0/24",
			SHOW(text));
	return true;
}

static void print_network(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	network_write(value, out);
}

static bool read_dns_server(struct schema_load *load, const struct schema_type *type,
                            struct str text, void *out)
{
	(void)type;
	if (addr_parse_port(out, text, 53) != ERR_OK || addr_port(out) == 0)
		return schema_wrong(
			load,
			"\"%.*s\" is no address; write one such as \"192.0.2.53\" or \"[2001:db8::53]:5353\"",
			SHOW(text));
	return true;
}

static void print_addr(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	addr_write(value, out);
}

static const struct listen_scheme {
	struct str name;
	enum conf_scheme scheme;
	uint16_t port;
	const char *later;
} schemes[] = {
	{ STR_INIT("udp"), CONF_SCHEME_UDP, 5060, NULL },
	{ STR_INIT("tcp"), CONF_SCHEME_TCP, 5060, NULL },
	{ STR_INIT("stun"), CONF_SCHEME_STUN, 3478, NULL },
	{ STR_INIT("https"), CONF_SCHEME_HTTPS, 443, NULL },
	{ STR_INIT("tls"), 0, 5061, "tls:// listeners are " NOT_YET "; use tcp:// or udp://" },
	{ STR_INIT("ws"), 0, 80, "ws:// listeners are " NOT_YET "; use tcp:// or udp://" },
	{ STR_INIT("wss"), 0, 443, "wss:// listeners are " NOT_YET "; use tcp:// or udp://" },
	{ STR_INIT("stuns"), 0, 5349, "stuns:// listeners are " NOT_YET "; use stun://" },
};

static const struct listen_scheme admin_scheme = { STR_INIT("http"), CONF_SCHEME_HTTP, 8060, NULL };

const char *conf_scheme_name(enum conf_scheme scheme)
{
	for (size_t i = 0; i < COUNT_OF(schemes); i++)
		if (schemes[i].later == NULL && schemes[i].scheme == scheme)
			return schemes[i].name.p;
	return admin_scheme.name.p;
}

/* "scheme://address:port" into scheme and the rest; false where there is no "://". */
static bool split_url(struct str text, struct str *scheme, struct str *rest)
{
	*rest = text;
	*scheme = str_cut(rest, ':');
	if (!str_starts(*rest, STR("//")))
		return false;
	*rest = str_from_at(*rest, 2);
	return true;
}

/* The address part, and the URL in its one spelling. */
static bool read_listen_addr(struct schema_load *load, const struct listen_scheme *scheme,
                             struct str rest, struct conf_listener *listener)
{
	struct buf url;
	bool bare_v6 = !str_starts(rest, STR("[")) && str_find(rest, ':') != str_rfind(rest, ':');

	if (rest.len > 1 && rest.p[rest.len - 1] == '/' && scheme->scheme >= CONF_SCHEME_HTTPS)
		rest = str_head(rest, rest.len - 1);
	if (bare_v6 || addr_parse_port(&listener->addr, rest, scheme->port) != ERR_OK)
		return schema_wrong(
			load,
			"\"%.*s\" is no address to listen at; write numbers, such as %s://0.0.0.0:%u or %s://[::]:%u",
			SHOW(rest), scheme->name.p, scheme->port, scheme->name.p, scheme->port);
	listener->scheme = scheme->scheme;
	buf_init(&url, 256);
	buf_printf(&url, "%s://", scheme->name.p);
	addr_write(&listener->addr, &url);
	return keep_buf(load, &url, &listener->url);
}

static bool read_listen_url(struct schema_load *load, const struct schema_type *type,
                            struct str text, void *out)
{
	struct str scheme;
	struct str rest;

	(void)type;
	if (!split_url(text, &scheme, &rest))
		return schema_wrong(
			load,
			"\"%.*s\" is no listener; write scheme://address:port, such as udp://0.0.0.0:5060",
			SHOW(text));
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		if (!str_eq_nocase(scheme, schemes[i].name))
			continue;
		if (schemes[i].later != NULL)
			return schema_wrong(load, "%s", schemes[i].later);
		return read_listen_addr(load, &schemes[i], rest, out);
	}
	return schema_wrong(load,
	                    "\"%.*s\" is no scheme of a listener; write udp, tcp, stun or https",
	                    SHOW(scheme));
}

static bool read_admin_url(struct schema_load *load, const struct schema_type *type,
                           struct str text, void *out)
{
	struct str scheme;
	struct str rest;

	(void)type;
	if (!split_url(text, &scheme, &rest) || !str_eq_nocase(scheme, admin_scheme.name))
		return schema_wrong(
			load,
			"\"%.*s\" is no address for the web page; write http://address:port, such as http://127.0.0.1:8060",
			SHOW(text));
	return read_listen_addr(load, &admin_scheme, rest, out);
}

static bool read_capture_url(struct schema_load *load, const struct schema_type *type,
                             struct str text, void *out)
{
	static const struct listen_scheme hep = { STR_INIT("hep"), CONF_SCHEME_UDP, 9060, NULL };
	struct conf_capture *capture = out;
	struct conf_listener place = { 0 };
	struct str scheme;
	struct str rest;

	(void)type;
	if (!split_url(text, &scheme, &rest) || !str_eq_nocase(scheme, hep.name))
		return schema_wrong(
			load,
			"\"%.*s\" is no capture server; write hep://address:port, such as hep://127.0.0.1:9060",
			SHOW(text));
	if (!read_listen_addr(load, &hep, rest, &place))
		return false;
	capture->url = place.url;
	capture->addr = place.addr;
	return true;
}

static void print_capture_url(const struct schema_type *type, const void *value, struct buf *out)
{
	const struct conf_capture *capture = value;

	(void)type;
	buf_str(out, capture->url);
}

static bool capture_is_set(const void *value)
{
	const struct conf_capture *capture = value;

	return capture->url.len > 0;
}

static void print_listen_url(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	buf_str(out, ((const struct conf_listener *)value)->url);
}

static bool keep_origin(struct schema_load *load, struct conf_origin *origin, struct str host)
{
	bool v6 = str_find(host, ':') < host.len;
	struct buf text;

	if (!keep_lower(load, host, &origin->host))
		return false;
	buf_init(&text, 512);
	buf_printf(&text, v6 ? "https://[%.*s]" : "https://%.*s", STR_ARG(origin->host));
	if (origin->port != 443)
		buf_printf(&text, ":%u", origin->port);
	return keep_buf(load, &text, &origin->text);
}

static bool read_origin(struct schema_load *load, const struct schema_type *type, struct str text,
                        void *out)
{
	struct conf_origin *origin = out;
	struct str scheme;
	struct str rest;
	struct str place;
	struct str host;

	(void)type;
	if (!split_url(text, &scheme, &rest) || !str_eq_nocase(scheme, STR("https")))
		return schema_wrong(
			load, "\"%.*s\" does not begin with https://; look-ups go over HTTPS alone",
			SHOW(text));
	place = str_cut(&rest, '/');
	if (!str_empty(rest))
		return schema_wrong(
			load,
			"\"/%.*s\": a path has no use here; write https://HOST or https://HOST:PORT alone",
			SHOW(rest));
	if (!split_host(place, &host, &origin->port))
		return schema_wrong(load,
		                    "\"%.*s\" is no host; write https://HOST or https://HOST:PORT",
		                    SHOW(place));
	if (origin->port == 0)
		origin->port = 443;
	return keep_origin(load, origin, host);
}

static bool read_advertise(struct schema_load *load, const struct schema_type *type,
                           struct str text, void *out)
{
	struct conf_advertise *advertise = out;
	bool stun = str_starts_nocase(text, STR("stun:"));
	struct addr bare_v6;
	struct str host;
	uint16_t port;

	(void)type;
	/* An IPv6 address alone can't be mistaken: take it without brackets too. */
	if (!stun && addr_parse(&bare_v6, text, 0) == ERR_OK && text.p[0] != '[') {
		host = text;
		port = 0;
	} else if (!split_host(stun ? str_from_at(text, 5) : text, &host, &port)) {
		return schema_wrong(
			load,
			"\"%.*s\" is no place; write a name or an address, perhaps with :PORT, or stun:HOST to ask there",
			SHOW(text));
	}
	if (stun)
		advertise->stun_port = port == 0 ? 3478 : port;
	else
		advertise->port = port;
	return keep(load, text, &advertise->text) &&
	       keep_lower(load, host, stun ? &advertise->stun : &advertise->host);
}

static bool read_target(struct schema_load *load, const struct schema_type *type, struct str text,
                        void *out)
{
	struct conf_target *target = out;

	if (str_eq(text, STR("dns")) || str_eq(text, STR("refuse"))) {
		target->kind = text.p[0] == 'd' ? CONF_TO_DNS : CONF_TO_REFUSE;
		return keep(load, text, &target->text);
	}
	if (str_starts(text, STR("peer:"))) {
		target->kind = CONF_TO_PEER;
		return keep(load, text, &target->text);
	}
	target->kind = CONF_TO_URI;
	if (str_starts_nocase(text, STR("sip:")) || str_starts_nocase(text, STR("sips:")))
		return read_uri(load, type, text, &target->text);
	return schema_wrong(load,
	                    "\"%.*s\" is nowhere to go; write peer:NAME, a sip: URI, dns or refuse",
	                    SHOW(text));
}

static void print_target(const struct schema_type *type, const void *value, struct buf *out)
{
	(void)type;
	buf_str(out, ((const struct conf_target *)value)->text);
}

#define TEXT_TYPE(words, shape, reader)                                                          \
	{                                                                                        \
		.what = (words), .form = (shape), .size = sizeof(struct str), .parse = (reader), \
		.print = print_str, .is_set = str_is_set                                         \
	}

const struct schema_type schema_name =
	TEXT_TYPE("a name", "letters, digits, \"-\", \"_\" and \".\"", read_name);
const struct schema_type schema_realm = TEXT_TYPE("a realm", "text", read_realm);
const struct schema_type schema_host = TEXT_TYPE("a domain name", "such as alpha.example",
                                                 read_host);
const struct schema_type schema_domain = TEXT_TYPE("a domain name or \"*.\" and one",
                                                   "such as alpha.example", read_domain);
const struct schema_type schema_number = TEXT_TYPE("a prefix of numbers", "\"+\" and digits",
                                                   read_number);
const struct schema_type schema_uri = TEXT_TYPE("a SIP URI", "sip:HOST", read_uri);
const struct schema_type schema_folder = TEXT_TYPE("a folder", "a path", read_folder);
const struct schema_type schema_enum_suffix = TEXT_TYPE("a domain name", "such as e164.arpa",
                                                        read_enum_suffix);

const struct schema_type schema_bool = { .what = "true or false",
	                                 .form = "as it stands",
	                                 .size = sizeof(bool),
	                                 .parse = read_bool,
	                                 .print = print_bool,
	                                 .literal = true };
const struct schema_type schema_only_false = { .what = "false",
	                                       .form = "as it stands",
	                                       .size = sizeof(bool),
	                                       .parse = read_only_false,
	                                       .print = print_bool,
	                                       .literal = true };
const struct schema_type schema_rate = { .what = "a rate",
	                                 .form = "a number with /s, /min or /h; 0 for no limit",
	                                 .size = sizeof(struct conf_rate),
	                                 .parse = read_rate,
	                                 .print = print_rate };
const struct schema_type schema_network = { .what = "a network",
	                                    .form = "an address, or one with /PREFIX",
	                                    .size = sizeof(struct network),
	                                    .parse = read_network,
	                                    .print = print_network };
const struct schema_type schema_dns_server = { .what = "an address",
	                                       .form = "numbers, perhaps with :PORT",
	                                       .size = sizeof(struct addr),
	                                       .parse = read_dns_server,
	                                       .print = print_addr };
const struct schema_type schema_file = { .what = "a file",
	                                 .form = "a path",
	                                 .size = sizeof(struct conf_file),
	                                 .parse = read_file,
	                                 .print = print_file,
	                                 .is_set = file_is_set };
const struct schema_type schema_token_file = { .what = "a file",
	                                       .form = "a path",
	                                       .size = sizeof(struct conf_file),
	                                       .parse = read_token_file,
	                                       .print = print_file,
	                                       .is_set = file_is_set };
const struct schema_type schema_listen_url = { .what = "a listener's URL",
	                                       .form = "scheme://address:port",
	                                       .size = sizeof(struct conf_listener),
	                                       .parse = read_listen_url,
	                                       .print = print_listen_url };
const struct schema_type schema_admin_url = { .what = "a URL",
	                                      .form = "http://address:port",
	                                      .size = sizeof(struct conf_listener),
	                                      .parse = read_admin_url,
	                                      .print = print_listen_url };
const struct schema_type schema_capture_url = { .what = "a URL",
	                                        .form = "hep://address:port",
	                                        .size = sizeof(struct conf_capture),
	                                        .parse = read_capture_url,
	                                        .print = print_capture_url,
	                                        .is_set = capture_is_set };
const struct schema_type schema_origin = { .what = "an origin",
	                                   .form = "https://HOST or https://HOST:PORT",
	                                   .size = sizeof(struct conf_origin),
	                                   .parse = read_origin,
	                                   .print = print_str,
	                                   .is_set = str_is_set };
const struct schema_type schema_advertise = { .what = "a host",
	                                      .form = "HOST, HOST:PORT or stun:HOST",
	                                      .size = sizeof(struct conf_advertise),
	                                      .parse = read_advertise,
	                                      .print = print_str,
	                                      .is_set = str_is_set };
const struct schema_type schema_target = { .what = "a target",
	                                   .form = "peer:NAME, a sip: URI, dns or refuse",
	                                   .size = sizeof(struct conf_target),
	                                   .parse = read_target,
	                                   .print = print_target };
