/* gateway/schema_type.h: the kinds of values that a configuration has.
 *
 * Each reader takes the text of a scalar, complains by schema_wrong() with what to write instead, and stores what it means; each
 * printer writes what its reader reads. Texts are copied into the load's arena. All functions: any thread. */
#pragma once
#include "gateway/conf.h"
#include "gateway/schema.h"

#define SCHEMA_FILE_MAX ((size_t)4 << 20) /* bytes of a certificate, key or token file */

/* Types without parameters. Value: a struct str unless it says otherwise. */
extern const struct schema_type schema_name;        /* a peer's name */
extern const struct schema_type schema_realm;       /* a digest realm */
extern const struct schema_type schema_host;        /* a host or domain name */
extern const struct schema_type schema_domain;      /* the same, or "*.x" */
extern const struct schema_type schema_number;      /* a prefix of numbers */
extern const struct schema_type schema_uri;         /* a sip: URI */
extern const struct schema_type schema_folder;      /* an absolute path */
extern const struct schema_type schema_bool;        /* bool */
extern const struct schema_type schema_only_false;  /* bool, for what is not in this version */
extern const struct schema_type schema_rate;        /* struct conf_rate */
extern const struct schema_type schema_network;     /* struct network */
extern const struct schema_type schema_dns_server;  /* struct addr */
extern const struct schema_type schema_file;        /* struct conf_file */
extern const struct schema_type schema_token_file;  /* struct conf_file, its bytes trimmed */
extern const struct schema_type schema_listen_url;  /* struct conf_listener */
extern const struct schema_type schema_admin_url;   /* struct conf_listener */
extern const struct schema_type schema_capture_url; /* struct conf_capture */
extern const struct schema_type schema_origin;      /* struct conf_origin */
extern const struct schema_type schema_advertise;   /* struct conf_advertise */
extern const struct schema_type schema_target; /* struct conf_target, its peer not looked up yet */
extern const struct schema_type schema_enum_suffix; /* refused: ENUM is not in this version */

bool schema_read_integer(struct schema_load *load, const struct schema_type *type, struct str text,
                         void *out);
void schema_print_integer(const struct schema_type *type, const void *value, struct buf *out);
bool schema_read_duration(struct schema_load *load, const struct schema_type *type, struct str text,
                          void *out);
void schema_print_duration(const struct schema_type *type, const void *value, struct buf *out);
bool schema_read_word(struct schema_load *load, const struct schema_type *type, struct str text,
                      void *out);
void schema_print_word(const struct schema_type *type, const void *value, struct buf *out);
bool schema_word_is_set(const void *value);

/* Types with parameters, as constants of the file that uses them. */
/** An unsigned. */
#define SCHEMA_INTEGER(least, most)                                                           \
	{                                                                                     \
		.what = "a number", .form = "digits", .size = sizeof(unsigned),               \
		.parse = schema_read_integer, .print = schema_print_integer, .literal = true, \
		.min = (least), .max = (most)                                                 \
	}
/** An int64_t of milliseconds. */
#define SCHEMA_DURATION(least_ms, most_ms)                                          \
	{                                                                           \
		.what = "a duration", .form = "a number with ms, s, m, h or d",     \
		.size = sizeof(int64_t), .parse = schema_read_duration,             \
		.print = schema_print_duration, .min = (least_ms), .max = (most_ms) \
	}
/** An int or enum; `list` is an array of struct schema_word. */
#define SCHEMA_WORD(list)                                                                   \
	{                                                                                   \
		.what = "a word", .form = "see docs/configuration.md", .size = sizeof(int), \
		.parse = schema_read_word, .print = schema_print_word,                      \
		.is_set = schema_word_is_set, .words = (list),                              \
		.word_count = sizeof(list) / sizeof((list)[0])                              \
	}
