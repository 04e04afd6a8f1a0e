/* gateway/ua_words.h: the words of the user agent's command line, as people write them: addresses, names, proxies, listeners.
 *
 * Each reader fills its part of a struct ua_args, or leaves a line in `why`. Any thread. */
#pragma once
#include "gateway/ua_args.h"

/** A line for the user: what, its value, and what to write instead. Returns ERR_SYNTAX. */
enum err ua_words_refuse(struct buf *why, const char *what, struct str value, const char *instead);
/** --user: an address of record, or a name for digests alone. NULL is none. */
NODISCARD enum err ua_words_user(struct ua_args *a, const char *user, struct buf *why);
/** --proxy. NULL is none. */
NODISCARD enum err ua_words_proxy(struct ua_args *a, const char *proxy, struct buf *why);
/** The URI, once user and proxy are known. */
NODISCARD enum err ua_words_target(struct ua_args *a, struct str text, struct buf *why);
/** Once the URI is known: who we are, where nobody has said so. */
void ua_words_identity(struct ua_args *a);
/** One more --listen. */
NODISCARD enum err ua_words_listen(struct ua_args *a, const char *url, struct buf *why);
/** One more --resolver. */
NODISCARD enum err ua_words_server(struct ua_args *a, const char *server, struct buf *why);
