/* The words of the control socket. A flag is "--json" or "--trace", anywhere behind the word.
 *
 *	reload                          the configuration, again
 *	status [--json]
 *	locate [--json] [--trace] ADDRESS
 *	location list [--json]
 *	location show [--json] ADDRESS
 *	peer list [--json]
 *	peer show [--json] NAME
 *	peer test [--json] NAME [ADDRESS]
 *	resolver cache [--json]
 *	resolver flush [NAME]
 *	user list [--json]
 *	user export
 *	user realms                     body: [DOMAIN] a line. Answers a frame each: ["realm", DOMAIN, REALM], or ["stranger", DOMAIN] where it is
 *	                                none of ours
 *	user change                     body: [OP, ADDRESS, REALM, MD5, SHA256] a line, OP one of add, set, put, remove (which needs the address
 *	                                alone). All or nothing; where nothing, a frame says which line (from 0) and why: ["refused", LINE, REASON]
 */
#include "gateway/control_words.h"

#include "base/mem.h"

#define SAID_MAX ((size_t)1 << 20)

static void run_reload(struct control_session *s)
{
	struct buf said;
	enum err e;

	buf_init(&said, SAID_MAX);
	e = gateway_reload(s->control->gateway, &said);
	if (e == ERR_OK) {
		control_out(s, STR("reloaded\n"));
		control_out(s, buf_view(&said));
	} else {
		control_put(s, STR("err"), buf_view(&said));
		control_err(
			s,
			"the configuration was not taken (%s); what was in force stays in force\n",
			err_text(e));
	}
	control_exit(s, e == ERR_OK ? CONTROL_DONE : CONTROL_WRONG);
	buf_fini(&said);
}

static const struct control_word words[] = {
	{ .name = "reload", .run = run_reload },
	{ .name = "status", .run = control_status },
	{ .name = "locate", .least = 1, .most = 1, .run = control_locate },
	{ .name = "location list", .run = control_location_list },
	{ .name = "location show", .least = 1, .most = 1, .run = control_location_show },
	{ .name = "peer list", .run = control_peer_list },
	{ .name = "peer show", .least = 1, .most = 1, .run = control_peer_show },
	{ .name = "peer test", .least = 1, .most = 2, .run = control_peer_test },
	{ .name = "resolver cache", .run = control_resolver_cache },
	{ .name = "resolver flush", .most = 1, .run = control_resolver_flush },
	{ .name = "user list", .alone = true, .run = control_user_list },
	{ .name = "user export", .alone = true, .run = control_user_export },
	{ .name = "user realms",
	  .alone = true,
	  .run = control_user_realms,
	  .line = control_user_realms_line },
	{ .name = "user change",
	  .alone = true,
	  .run = control_user_change,
	  .line = control_user_change_line },
};

const struct control_word *control_word_find(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (str_eq(name, str_from(words[i].name)))
			return &words[i];
	}
	return NULL;
}
