#include "sip/field.h"

enum err sip_media_parse(struct sip_media *out, struct str value)
{
	struct scan s = scan_of(value);

	out->type = scan_token(&s);
	scan_separator(&s, '/');
	out->subtype = scan_token(&s);
	scan_lws(&s);
	out->params = scan_rest(&s);
	return s.err == ERR_OK ? sip_params_check(out->params) : s.err;
}

enum err sip_token_params_parse(struct sip_token_params *out, struct str value)
{
	struct scan s = scan_of(value);

	out->token = scan_token(&s);
	scan_lws(&s);
	out->params = scan_rest(&s);
	return s.err == ERR_OK ? sip_params_check(out->params) : s.err;
}

/* Seconds, then parameters. */
static enum err scan_seconds_params(struct scan *s, uint32_t *seconds, struct str *params)
{
	*seconds = (uint32_t)scan_number(s, UINT32_MAX);
	scan_lws(s);
	*params = scan_rest(s);
	return s->err == ERR_OK ? sip_params_check(*params) : s->err;
}

enum err sip_session_expires_parse(struct sip_session_expires *out, struct str value)
{
	struct scan s = scan_of(value);
	struct str params;
	enum err e = scan_seconds_params(&s, &out->seconds, &params);

	if (e != ERR_OK)
		return e;
	out->refresher = sip_param_value(params, STR("refresher"));
	if (out->refresher.len > 0 && !str_eq_nocase(out->refresher, STR("uac")) &&
	    !str_eq_nocase(out->refresher, STR("uas")))
		return ERR_SYNTAX;
	return ERR_OK;
}

enum err sip_reason_parse(struct sip_reason *out, struct str value)
{
	struct sip_token_params tp;
	struct sip_param cause;
	uint64_t n = 0;
	enum err e = sip_token_params_parse(&tp, value);

	if (e != ERR_OK)
		return e;
	*out = (struct sip_reason){ .protocol = tp.token,
		                    .text = sip_param_value(tp.params, STR("text")) };
	if (sip_param_find(tp.params, STR("cause"), &cause))
		e = str_number(cause.value, UINT32_MAX, &n);
	out->cause = (uint32_t)n;
	return e;
}

/* A comment, its parentheses taken away; they may nest. */
static struct str scan_comment(struct scan *s)
{
	const char *start = s->p + 1;
	unsigned depth = 0;

	for (; s->err == ERR_OK && s->p < s->end; s->p++) {
		if (*s->p == '\\' && scan_left(s) > 1) {
			s->p++;
		} else if (*s->p == '(') {
			depth++;
		} else if (*s->p == ')' && --depth == 0) {
			s->p++;
			return str_of(start, (size_t)(s->p - start - 1));
		}
	}
	scan_fail(s, ERR_SYNTAX);
	return STR_NONE;
}

enum err sip_retry_after_parse(struct sip_retry_after *out, struct str value)
{
	struct scan s = scan_of(value);
	struct sip_param duration;
	struct str params;
	enum err e;

	*out = (struct sip_retry_after){ .seconds = (uint32_t)scan_number(&s, UINT32_MAX) };
	scan_lws(&s);
	if (scan_peek(&s) == '(')
		out->comment = scan_comment(&s);
	scan_lws(&s);
	params = scan_rest(&s);
	e = s.err == ERR_OK ? sip_params_check(params) : s.err;
	if (e == ERR_OK && sip_param_find(params, STR("duration"), &duration))
		e = sip_seconds_parse(&out->duration, duration.value);
	return e;
}

enum err sip_rack_parse(struct sip_rack *out, struct str value)
{
	struct scan s = scan_of(value);
	const char *behind;

	out->rseq = (uint32_t)scan_number(&s, UINT32_MAX);
	behind = s.p;
	scan_lws(&s);
	if (s.err != ERR_OK || s.p == behind)
		return ERR_SYNTAX;
	return sip_cseq_parse(&out->cseq, scan_rest(&s));
}

enum err sip_warning_parse(struct sip_warning *out, struct str value)
{
	static const struct scan_set blank = { { (uint64_t)1 << ' ' | (uint64_t)1 << '\t' } };
	struct scan s = scan_of(value);
	const char *start = s.p;

	out->code = (unsigned)scan_number(&s, 999);
	if (s.p - start != 3)
		scan_fail(&s, ERR_SYNTAX);
	(void)scan_some(&s, &blank);
	out->agent = scan_until(&s, &blank);
	(void)scan_some(&s, &blank);
	out->text = scan_quoted(&s);
	return out->agent.len == 0 ? ERR_SYNTAX : scan_end(&s);
}

/* digits [ "." digits ], as written */
static struct str scan_decimal(struct scan *s)
{
	static const struct scan_set digits = { { (uint64_t)0x3ff << '0' } };
	const char *start = s->p;

	(void)scan_some(s, &digits);
	if (scan_accept(s, '.'))
		(void)scan_while(s, &digits);
	return str_of(start, (size_t)(s->p - start));
}

enum err sip_timestamp_parse(struct sip_timestamp *out, struct str value)
{
	struct scan s = scan_of(value);

	*out = (struct sip_timestamp){ .sent = scan_decimal(&s) };
	scan_lws(&s);
	if (s.err == ERR_OK && s.p < s.end)
		out->delay = scan_decimal(&s);
	return scan_end(&s);
}

static const char day_names[] = "ThuFriSatSunMonTueWed"; /* from 1970-01-01 on */
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Which of `count` names of three letters comes next; fails where it is none. Names are case-sensitive (RFC 3261 25.1). */
static unsigned scan_name(struct scan *s, const char *names, unsigned count)
{
	struct str name = scan_bytes(s, 3);

	for (unsigned i = 0; s->err == ERR_OK && i < count; i++) {
		if (memcmp(names + 3 * (size_t)i, name.p, 3) == 0)
			return i;
	}
	scan_fail(s, ERR_SYNTAX);
	return 0;
}

static unsigned scan_digits(struct scan *s, size_t width, unsigned min, unsigned max)
{
	uint64_t n = 0;

	if (str_number(scan_bytes(s, width), max, &n) != ERR_OK || n < min)
		scan_fail(s, ERR_SYNTAX);
	return (unsigned)n;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar (years from March on, so that leap days come last). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2);
	int64_t era = y / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct date {
	int64_t year;
	unsigned month;
	unsigned day;
};

static struct date date_of(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;
	unsigned month = (unsigned)(m < 10 ? m + 3 : m - 9);

	return (struct date){ y + era * 400 + (month <= 2), month,
		              (unsigned)(of_year - (153 * m + 2) / 5 + 1) };
}

#define MS_PER_DAY INT64_C(86400000)

enum err sip_date_parse(struct wall *out, struct str value)
{
	struct scan s = scan_of(value);
	unsigned weekday = scan_name(&s, day_names, 7);
	unsigned day;
	unsigned month;
	unsigned year;
	int64_t seconds;
	int64_t days;

	if (!scan_accept_word(&s, STR(", ")))
		return ERR_SYNTAX;
	day = scan_digits(&s, 2, 1, 31);
	scan_expect(&s, ' ');
	month = scan_name(&s, month_names, 12) + 1;
	scan_expect(&s, ' ');
	year = scan_digits(&s, 4, 1970, 9999);
	scan_expect(&s, ' ');
	seconds = (int64_t)scan_digits(&s, 2, 0, 23) * 3600;
	scan_expect(&s, ':');
	seconds += (int64_t)scan_digits(&s, 2, 0, 59) * 60;
	scan_expect(&s, ':');
	seconds += scan_digits(&s, 2, 0, 60);
	if (!scan_accept_word(&s, STR(" GMT")))
		return ERR_SYNTAX;
	days = days_of(year, month, day);
	if (scan_end(&s) != ERR_OK || date_of(days).day != day || (unsigned)(days % 7) != weekday)
		return ERR_SYNTAX;
	out->ms = days * MS_PER_DAY + seconds * 1000;
	return ERR_OK;
}

void sip_date_write(struct wall when, struct buf *out)
{
	int64_t ms = when.ms < 0 ? 0 : when.ms;
	int64_t days = ms / MS_PER_DAY;
	unsigned seconds = (unsigned)(ms % MS_PER_DAY / 1000);
	struct date date = date_of(days);

	buf_printf(out, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", day_names + days % 7 * 3,
	           date.day, month_names + (size_t)(date.month - 1) * 3, (unsigned)date.year,
	           seconds / 3600, seconds / 60 % 60, seconds % 60);
}
