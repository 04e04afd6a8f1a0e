/* gateway/ua_args.h: what the command line of the user agent says.
 *
 * Reading: any thread, once parsed. Every str points into argv or into the struct, so a struct ua_args is not copied. */
#pragma once
#include "base/addr.h"
#include "base/buf.h"
#include "sip/transport.h"
#include "sip/uri.h"

#define UA_LISTEN_MAX 8
#define UA_SERVERS_MAX 8 /* name servers */
#define UA_ARGS_TEXT (3 * (SIP_URI_MAX + 16))
#define UA_EXPIRES 3600      /* seconds, unless told otherwise (10.2) */
#define UA_CALL_MS 1000      /* how long a call of ours lasts */
#define UA_PATIENCE 180000   /* how long we let it ring elsewhere */
#define UA_FOREVER INT64_MAX /* no end but the other side's */

enum ua_command { UA_REGISTER, UA_OPTIONS, UA_CALL, UA_ANSWER };

struct ua_args {
	enum ua_command command;
	const char *file;    /* -f, or NULL */
	struct str uri;      /* whom to reach, or (register, answer) who we are */
	struct str identity; /* who we say we are: a sip: URI; empty: anonymous */
	struct str name;     /* for digests; empty: we have no credentials */
	struct str password;
	struct str proxy; /* the outbound proxy: a sip: URI with ;lr; empty: none */
	struct sip_listener_conf listen[UA_LISTEN_MAX];
	size_t listen_count;
	struct addr servers
		[UA_SERVERS_MAX]; /* name servers; none: those of the file, or of the system */
	size_t server_count;
	uint32_t expires;    /* seconds */
	uint32_t count;      /* how often; 0: until stopped */
	int64_t ring_ms;     /* answer: until we answer; call: until we give up */
	int64_t duration_ms; /* until we hang up; UA_FOREVER: never */
	bool json;
	bool help;      /* then nothing else is set */
	bool registers; /* answer: been told of a user, a password or a proxy */
	char memory[UA_ARGS_TEXT];
	struct buf text; /* over `memory` */
};

/** Parse; argv[0] is the subcommand. `why` gets a line where that fails (ERR_SYNTAX, ERR_LIMIT): what is wrong and how it would be right (but for what getopt has said itself). Main thread
 * (getopt). */
NODISCARD enum err ua_args_parse(struct ua_args *out, int argc, char **argv, struct buf *why);
/** Seconds with or without a fraction, or a number with ms, s, m or h, as milliseconds; at most a year. ERR_SYNTAX, ERR_LIMIT. */
NODISCARD enum err ua_duration_parse(struct str text, int64_t *ms);
/** The lines that say how it is used. */
const char *ua_args_usage(void);
