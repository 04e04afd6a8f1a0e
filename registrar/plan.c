#include "registrar/plan.h"

#include "sip/uri.h"

/* RFC 3261 10.3 step 7: an hour and more is never too brief. */
#define NEVER_BRIEF_S 3600

/* What becomes of one Contact. */
enum reg_step { REG_NOTHING, REG_ADD, REG_REFRESH, REG_REMOVE, REG_REFUSE };

static void refuse(struct reg_plan *out, unsigned status, const char *reason)
{
	out->status = status;
	out->reason = reason;
	out->changed = false;
	out->count = 0;
}

/* ---------------------------------------------------------------------------- what can't be kept */

static bool contact_fits(const struct reg_contact *c)
{
	return c->uri.len > 0 && c->uri.len <= REG_URI_MAX && c->instance.len <= REG_INSTANCE_MAX &&
	       c->methods.len <= REG_METHODS_MAX && c->params.len <= REG_PARAMS_MAX;
}

static bool request_fits(struct reg_plan *out, const struct reg_request *asked)
{
	if (asked->aor.len == 0 || asked->aor.len > REG_AOR_MAX) {
		refuse(out, 400, "Address Of Record Too Long");
		return false;
	}
	if (asked->call_id.len > REG_CALL_ID_MAX) {
		refuse(out, 400, "Call-ID Too Long");
		return false;
	}
	if (asked->contact_count > REG_CONTACTS_MAX) {
		refuse(out, 403, "Too Many Contacts");
		return false;
	}
	for (size_t i = 0; i < asked->contact_count; i++) {
		if (!contact_fits(&asked->contacts[i])) {
			refuse(out, 400, "Contact Too Long");
			return false;
		}
	}
	return true;
}

/* ---------------------------------------------------------------------------- matching */

static bool same_uri(struct str a, struct str b)
{
	struct sip_uri x;
	struct sip_uri y;

	/* Nearly always: a device refreshes with the octets it bound. */
	if (str_eq(a, b))
		return true;
	return sip_uri_parse(&x, a) == ERR_OK && sip_uri_parse(&y, b) == ERR_OK &&
	       sip_uri_eq(&x, &y);
}

/* RFC 5626 6: where both name an instance and a reg-id these are the binding's key, whatever the URIs; otherwise RFC 3261 19.1.4. */
static bool is_same_contact(const struct reg_binding *b, const struct reg_contact *c)
{
	if (!str_empty(b->instance) && b->reg_id != 0 && !str_empty(c->instance) && c->reg_id != 0)
		return b->reg_id == c->reg_id && str_eq(b->instance, c->instance);
	return same_uri(b->uri, c->uri);
}

static size_t find_contact(const struct reg_plan *plan, const struct reg_contact *c)
{
	size_t i = 0;

	while (i < plan->count && !is_same_contact(&plan->items[i], c))
		i++;
	return i;
}

/* ---------------------------------------------------------------------------- how long */

/* RFC 3261 10.3 step 7, first half. False: too brief. */
static bool grant(const struct reg_contact *c, const struct reg_request *asked,
                  const struct reg_limits *limits, int64_t *seconds)
{
	bool named = c->has_expires || asked->has_expires;
	int64_t wanted = c->has_expires       ? c->expires_s
	                 : asked->has_expires ? asked->expires_s
	                                      : limits->default_expires_s;

	*seconds = wanted > limits->max_expires_s ? limits->max_expires_s : wanted;
	return wanted == 0 || !named || wanted >= limits->min_expires_s || wanted >= NEVER_BRIEF_S;
}

/* ---------------------------------------------------------------------------- changing */

static void bind_contact(struct reg_binding *b, const struct reg_contact *c,
                         const struct reg_request *asked, uint64_t content, int64_t seconds)
{
	b->uri = c->uri;
	b->q = c->q > 1000 ? 1000 : c->q;
	b->expires = wall_add_s(asked->now, seconds);
	b->call_id = asked->call_id;
	b->cseq = asked->cseq;
	b->instance = c->instance;
	b->reg_id = c->reg_id;
	b->methods = c->methods;
	b->params = c->params;
	b->path = STR_NONE;
	b->user_agent = str_head(asked->user_agent, REG_USER_AGENT_MAX);
	b->content = content;
	b->source = asked->source;
}

static void unbind_at(struct reg_plan *out, size_t at)
{
	memmove(&out->items[at], &out->items[at + 1],
	        (out->count - at - 1) * sizeof(out->items[0]));
	out->count--;
	out->changed = true;
}

/* RFC 3261 10.3 step 7, second half. `stored` NULL: not bound yet. */
static enum reg_step plan_contact(const struct reg_binding *stored, const struct reg_request *asked,
                                  uint64_t content, bool gone)
{
	/* 1. Not bound yet: there is nothing to remove. */
	if (stored == NULL)
		return gone ? REG_NOTHING : REG_ADD;
	if (str_eq(stored->call_id, asked->call_id)) {
		/* 2. Bound by this very request, which names the contact twice: the last word counts. (The same request again has been answered
		 * before we come here.) */
		if (asked->cseq == stored->cseq && stored->content == content)
			return gone ? REG_REMOVE : REG_REFRESH;
		/* 3. An older one, late: it must not undo a newer. */
		if (asked->cseq <= stored->cseq)
			return REG_REFUSE;
	}
	/* 4. The rest is a refresh, or a farewell. Another Call-ID is a device that was started anew. */
	return gone ? REG_REMOVE : REG_REFRESH;
}

/* One item more, bound just now; NULL where there is no room. */
static struct reg_binding *new_item(struct reg_plan *out, const struct reg_request *asked)
{
	struct reg_binding *b;

	if (out->count == REG_CONTACTS_MAX)
		return NULL;
	b = &out->items[out->count++];
	*b = (struct reg_binding){ .registered = asked->now };
	return b;
}

/* Do what becomes of `c`; false after a refusal. */
static bool apply_contact(struct reg_plan *out, const struct reg_contact *c,
                          const struct reg_request *asked, uint64_t content,
                          const struct reg_limits *limits)
{
	size_t at = find_contact(out, c);
	struct reg_binding *stored = at < out->count ? &out->items[at] : NULL;
	int64_t seconds;

	if (!grant(c, asked, limits, &seconds)) {
		refuse(out, 423, "Interval Too Brief");
		out->min_expires_s = (uint32_t)limits->min_expires_s;
		return false;
	}
	switch (plan_contact(stored, asked, content, seconds == 0)) {
	case REG_NOTHING:
		return true;
	case REG_REFUSE:
		refuse(out, 500, "CSeq Out Of Order");
		return false;
	case REG_REMOVE:
		unbind_at(out, at);
		return true;
	case REG_REFRESH:
		break;
	case REG_ADD:
		stored = new_item(out, asked);
		break;
	}
	if (stored == NULL) {
		refuse(out, 403, "Too Many Contacts");
		return false;
	}
	bind_contact(stored, c, asked, content, seconds);
	out->changed = true;
	return true;
}

/* RFC 3261 10.3 step 6: remove all, each under the same condition as one alone. */
static void remove_all(struct reg_plan *out, const struct reg_request *asked)
{
	for (size_t i = 0; i < out->count; i++) {
		if (str_eq(out->items[i].call_id, asked->call_id) &&
		    asked->cseq <= out->items[i].cseq) {
			refuse(out, 500, "CSeq Out Of Order");
			return;
		}
	}
	out->changed = out->count > 0;
	out->count = 0;
}

/* Has a request with this Call-ID and CSeq bound one of them? Then this is the same again, whose 200 was lost or came after a crash, and
 * all is done already; or it is another, and out of order. */
static bool was_here(struct reg_plan *out, const struct reg_request *asked, uint64_t content)
{
	for (size_t i = 0; i < out->count; i++) {
		const struct reg_binding *b = &out->items[i];

		if (b->cseq != asked->cseq || !str_eq(b->call_id, asked->call_id))
			continue;
		if (b->content != content)
			refuse(out, 500, "CSeq Used Before");
		return true;
	}
	return false;
}

static bool is_before(const struct reg_binding *a, const struct reg_binding *b)
{
	if (a->q != b->q)
		return a->q > b->q;
	return wall_after(a->registered, b->registered);
}

/* Stable, and there are few: an insertion sort. */
static void sort(struct reg_plan *out)
{
	for (size_t i = 1; i < out->count; i++) {
		struct reg_binding b = out->items[i];
		size_t at = i;

		if (!is_before(&b, &out->items[i - 1]))
			continue;
		for (; at > 0 && is_before(&b, &out->items[at - 1]); at--)
			out->items[at] = out->items[at - 1];
		out->items[at] = b;
	}
}

void reg_plan(struct reg_plan *out, const struct reg_binding *stored, size_t count,
              const struct reg_request *asked, uint64_t content, const struct reg_limits *limits)
{
	size_t before;

	must(count <= REG_CONTACTS_MAX);
	out->status = 200;
	out->reason = "OK";
	out->min_expires_s = 0;
	out->changed = false;
	out->count = 0;
	if (!request_fits(out, asked))
		return;
	for (size_t i = 0; i < count; i++) {
		if (wall_after(stored[i].expires, asked->now))
			out->items[out->count++] = stored[i];
	}
	before = out->count;
	/* 6. No Contact at all: a query, to which step 8 is the answer. */
	if ((asked->contact_count == 0 && !asked->star) || was_here(out, asked, content))
		return;
	if (asked->star) {
		remove_all(out, asked);
		return;
	}
	/* 7. Each Contact in turn; the first refusal refuses them all. */
	for (size_t i = 0; i < asked->contact_count; i++) {
		if (!apply_contact(out, &asked->contacts[i], asked, content, limits))
			return;
	}
	/* Who had too many before the limit was lowered keeps them, and may refresh them. */
	if (out->count > limits->max_contacts && out->count > before) {
		refuse(out, 403, "Too Many Contacts");
		return;
	}
	/* 8. All that are bound now. */
	sort(out);
}
