#include "federation/judge.h"

#include "federation/document.h"
#include "sip/field.h"

#define WORDS_MAX 300

/* What Cache-Control says to a cache of one provider's own. */
struct freshness {
	int64_t max_age_s; /* -1: not said */
	int64_t stale_s;
	bool forbidden;
};

struct judging {
	struct fed_judgement *out;
	const struct fed_http_answer *http;
	const struct fed_peers *peers;
	const struct fed_peer *peer;
	const struct fed_self *self;
	struct arena *arena;
	struct freshness fresh;
	struct wall base; /* what expires and max-age count from */
	char memory[WORDS_MAX];
	struct buf words;
};

static int64_t at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t seconds_of(struct str text, int64_t otherwise)
{
	uint64_t n;
	enum err e;

	text = str_trim(text);
	if (text.len > 1 && text.p[0] == '"' && text.p[text.len - 1] == '"')
		text = str_of(text.p + 1, text.len - 2);
	e = str_number(text, INT32_MAX, &n);
	return e == ERR_OK ? (int64_t)n : e == ERR_LIMIT ? INT32_MAX : otherwise;
}

static struct freshness read_cache_control(struct str value)
{
	struct freshness f = { .max_age_s = -1 };

	while (value.len > 0) {
		struct str argument = str_trim(str_cut(&value, ','));
		struct str name = str_trim(str_cut(&argument, '='));

		if (str_eq_nocase(name, STR("max-age")))
			f.max_age_s = seconds_of(argument, 0);
		else if (str_eq_nocase(name, STR("stale-if-error")))
			f.stale_s = at_most(seconds_of(argument, 0), FED_STALE_MAX_S);
		else if (str_eq_nocase(name, STR("no-store")) ||
		         str_eq_nocase(name, STR("no-cache")))
			f.forbidden = true;
	}
	return f;
}

/* Date, or Age seconds before it came, whichever is earlier; never both. */
static struct wall base_of(const struct fed_http_answer *http)
{
	struct wall base = wall_add_s(http->now, -seconds_of(http->age, 0));
	struct wall date;

	/* Date knows whole seconds alone: within the same one it says nothing. */
	if (http->date.len > 0 && sip_date_parse(&date, http->date) == ERR_OK &&
	    date.ms / 1000 < base.ms / 1000)
		base = date;
	return base;
}

/* How many milliseconds it is still fresh, at most `cap_s`; 0 where nothing was said. */
static int64_t fresh_for(const struct judging *j, int64_t cap_s)
{
	int64_t left_ms;

	if (j->fresh.forbidden || j->fresh.max_age_s < 0)
		return 0;
	left_ms = wall_add_s(j->base, j->fresh.max_age_s).ms - j->http->now.ms;
	return left_ms < 0 ? 0 : at_most(left_ms, cap_s * 1000);
}

static void conclude(struct judging *j, enum fed_outcome outcome)
{
	struct fed_answer *answer = &j->out->answer;

	answer->outcome = outcome;
	answer->ttl_s = j->out->fresh_ms > 0 ? (j->out->fresh_ms + 999) / 1000 : -1;
	if (arena_str(j->arena, buf_view(&j->words), &answer->text) != ERR_OK)
		answer->text = STR("out of memory");
}

/* ---------------------------------------------------------------------------- a document */

static bool route_allowed(const struct judging *j, struct str route)
{
	struct sip_list list = sip_list_of(route);
	struct sip_name_addr na;
	struct str value;

	while (route.len > 0 && sip_list_next(&list, &value)) {
		if (sip_name_addr_parse(&na, value) != ERR_OK ||
		    !fed_place_allowed(j->peers, j->self, na.uri))
			return false;
	}
	return true;
}

/* A contact that doesn't say how long lasts as long as one may be kept. */
static struct wall end_of(const struct judging *j, const struct fed_link *link)
{
	if (link->has_expires)
		return wall_add_s(j->base, link->expires_s);
	return wall_add_s(j->http->now, link->ingress ? FED_INGRESS_FRESH_S : FED_CONTACT_FRESH_S);
}

static struct str identity_of(const struct judging *j, struct str subject, struct str said)
{
	struct sip_uri uri;

	if (said.len > 0)
		return said;
	if (sip_uri_parse(&uri, subject) == ERR_OK && uri.host.len > 0)
		return str_from_at(subject, (size_t)(uri.host.p - subject.p));
	return j->peer->identity;
}

/* What became of the links. */
struct sorted {
	struct fed_target *targets;
	size_t count;
	size_t contacts;
	size_t past;
	size_t refused;
	int64_t least_ms; /* until the first of them ends */
};

static void sort_out(const struct judging *j, const struct fed_document *doc, struct sorted *s)
{
	for (size_t i = 0; i < doc->count; i++) {
		const struct fed_link *link = &doc->links[i];
		struct wall end = end_of(j, link);
		int64_t left_ms = end.ms - j->http->now.ms;

		if (!wall_after(end, j->http->now)) {
			s->past++;
			continue;
		}
		if (!fed_place_allowed(j->peers, j->self, link->href) ||
		    !route_allowed(j, link->route)) {
			s->refused++;
			continue;
		}
		s->contacts += !link->ingress;
		s->least_ms = s->count == 0 ? left_ms : at_most(s->least_ms, left_ms);
		s->targets[s->count++] = (struct fed_target){
			.uri = link->href,
			.ingress = link->ingress,
			.route = link->route,
			.q = link->q,
			.methods = link->methods,
			.expires = end,
			.identity = identity_of(j, doc->subject, link->identity),
		};
	}
}

static void say_count(struct buf *out, size_t n, const char *one, const char *many)
{
	if (n > 0)
		buf_printf(out, ", %zu %s", n, n == 1 ? one : many);
}

static void judge_links(struct judging *j, const struct fed_document *doc)
{
	struct sorted s = { .targets = arena_alloc(j->arena,
		                                   (doc->count + 1) * sizeof(*s.targets)) };

	if (s.targets == NULL) {
		buf_z(&j->words, "out of memory");
		conclude(j, FED_FAILED);
		return;
	}
	sort_out(j, doc, &s);
	j->out->answer.targets = s.targets;
	j->out->answer.target_count = s.count;
	buf_z(&j->words, "200");
	say_count(&j->words, s.contacts, "contact", "contacts");
	say_count(&j->words, s.count - s.contacts, "ingress", "ingresses");
	say_count(&j->words, s.past, "past its time", "past their time");
	say_count(&j->words, s.refused, "refused: it points inward or at us",
	          "refused: they point inward or at us");
	say_count(&j->words, doc->unusable, "malformed", "malformed");
	if (s.count > 0) {
		j->out->fresh_ms = at_most(fresh_for(j, s.contacts > 0 ? FED_CONTACT_FRESH_S
		                                                       : FED_INGRESS_FRESH_S),
		                           s.least_ms);
		if (s.contacts == 0)
			j->out->stale_ms = at_most(j->fresh.stale_s * 1000, s.least_ms);
		conclude(j, FED_FOUND);
	} else if (s.refused + doc->unusable > 0) {
		conclude(j, FED_FAILED);
	} else {
		if (s.past == 0)
			buf_z(&j->words, ", nobody registered");
		j->out->fresh_ms = fresh_for(j, FED_ABSENT_FRESH_S);
		conclude(j, FED_ABSENT);
	}
}

static void judge_document(struct judging *j, struct str address)
{
	struct fed_document *doc = arena_alloc(j->arena, sizeof(*doc));
	enum err e = ERR_NOMEM;

	if (doc == NULL)
		buf_z(&j->words, "out of memory");
	else
		e = fed_document_parse(doc, j->http->body, address, j->arena, &j->words);
	if (e == ERR_OK) {
		judge_links(j, doc);
		return;
	}
	if (e == ERR_NOMEM && j->words.len == 0)
		buf_z(&j->words, "out of memory");
	conclude(j, FED_FAILED);
}

/* ---------------------------------------------------------------------------- a status */

/* Retry-After in seconds, or as a date (RFC 9110 10.2.3). */
static int64_t retry_after(const struct fed_http_answer *http)
{
	struct wall date;

	if (sip_date_parse(&date, http->retry_after) == ERR_OK)
		return wall_seconds_left(http->now, date);
	return seconds_of(http->retry_after, 0);
}

static void judge_other(struct judging *j)
{
	unsigned status = j->http->status;
	int64_t after = retry_after(j->http);

	buf_printf(&j->words, "HTTP %u", status);
	if (status >= 300 && status < 400)
		buf_z(&j->words, ", a redirect, which no peer may give");
	if ((status == 429 || status == 503) && after > 0) {
		buf_printf(&j->words, ", retry after %lld s", (long long)after);
		j->out->retry_s = at_most(after, FED_RETRY_MAX_S);
	}
	conclude(j, FED_FAILED);
}

void fed_judge(struct fed_judgement *out, const struct fed_http_answer *http, struct str address,
               const struct fed_peers *peers, const struct fed_peer *peer,
               const struct fed_self *self, struct arena *arena)
{
	struct judging j = { .out = out,
		             .http = http,
		             .peers = peers,
		             .peer = peer,
		             .self = self,
		             .arena = arena,
		             .fresh = read_cache_control(http->cache_control),
		             .base = base_of(http) };

	*out = (struct fed_judgement){ .answer.ttl_s = -1 };
	buf_wrap(&j.words, j.memory, sizeof(j.memory));
	switch (http->status) {
	case 200:
		judge_document(&j, address);
		break;
	case 404:
		buf_z(&j.words, "404");
		out->fresh_ms = fresh_for(&j, FED_NOBODY_FRESH_S);
		conclude(&j, FED_NOBODY);
		break;
	case 421:
		buf_z(&j.words, "421, not theirs");
		conclude(&j, FED_UNKNOWN);
		break;
	default:
		judge_other(&j);
	}
}
