#include "gateway/cli_ua.h"

#include "base/mem.h"
#include "gateway/ua_answer.h"
#include "gateway/ua_ask.h"
#include "gateway/ua_call.h"
#include "gateway/ua_register.h"

#include <stdio.h>

#define WHY_MAX 65536

static enum err open_task(struct ua *ua)
{
	switch (ua->args->command) {
	case UA_REGISTER:
		return ua_register_open(ua);
	case UA_OPTIONS:
		return ua_ask_open(ua);
	case UA_ANSWER:
		return ua_answer_open(ua);
	case UA_CALL:
	default:
		return ua_call_open(ua);
	}
}

static int run(const struct ua_args *args, struct buf *why)
{
	struct ua *ua = NULL;
	enum err e = ua_open(&ua, args, why);
	int status;

	if (e != ERR_OK)
		return e == ERR_SYNTAX ? UA_USAGE : UA_NONE;
	e = open_task(ua);
	if (e != ERR_OK)
		buf_printf(why, "cannot start: %s\n", err_text(e));
	status = e != ERR_OK ? UA_NONE : (int)ua_run(ua);
	ua_close(ua);
	return status;
}

int cli_ua(int argc, char **argv)
{
	struct ua_args *args = mem_zero(sizeof(*args));
	struct buf why;
	int status = UA_NONE;

	buf_init(&why, WHY_MAX);
	if (args == NULL) {
		buf_z(&why, "out of memory\n");
	} else if (ua_args_parse(args, argc, argv, &why) != ERR_OK) {
		status = UA_USAGE;
		(void)fprintf(stderr, "lotse %s: %.*s`lotse %s --help` tells how it is used.\n",
		              argv[0], STR_ARG(buf_view(&why)), argv[0]);
		buf_clear(&why);
	} else if (args->help) {
		status = fputs(ua_args_usage(), stdout) >= 0 && fflush(stdout) == 0 ? UA_GOOD
		                                                                    : UA_NONE;
	} else {
		status = run(args, &why);
	}
	if (why.len > 0)
		(void)fprintf(stderr, "lotse %s: %.*s", argv[0], (int)why.len, why.data);
	buf_fini(&why);
	free(args);
	return status;
}
