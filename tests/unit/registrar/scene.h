/* tests/unit/registrar/scene.h: a registrar in a folder of its own, a loop that asks it, and what tests do with them. */
#pragma once
#include "registrar/registrar.h"

/* Far ahead, so that what a test binds never expires by the clock of the sweep. */
#define SCENE_NOW_MS ((int64_t)4000000000000)
#define SCENE_MAP ((size_t)256 << 20)

struct scene {
	char folder[64];
	struct reg_conf conf;
	struct registrar *reg;
	struct reg_reader *reader;
	struct loop *loop;
	struct wall now;

	/* The last answer. */
	unsigned answers;
	unsigned status;
	char reason[64];
	uint32_t min_expires_s;
	uint32_t retry_after_s;
	size_t count;
	char text[131072]; /* its bindings: "uri q seconds" each, joined with ", " */
	enum err changed;
	size_t changed_index;

	struct arena arena;
	char memory[65536];
};

/* A Contact of a request. expires -1: none. */
struct scene_contact {
	const char *uri;
	int expires;
	int q;
	const char *instance;
	unsigned reg_id;
};

/** A fresh folder and what is needed to open a registrar in it. Fails the test where that can't be. */
void scene_init(struct scene *s);
/** Open registrar, reader, loop. */
void scene_open(struct scene *s);
/** Close them; the folder stays. */
void scene_close(struct scene *s);
/** Close, and remove the folder. */
void scene_fini(struct scene *s);
/** Remove the folder alone. */
void scene_remove(const char *folder);

/** The request of one Contact; static memory of the caller's for the contact. */
struct reg_request scene_request(const char *aor, const char *call_id, uint32_t cseq,
                                 struct wall now);
/** Ask and wait for the answer; returns its status. An err: 0. */
unsigned scene_ask(struct scene *s, const struct reg_request *request);
/** Bind one contact; returns the status. expires -1: none. */
unsigned scene_bind(struct scene *s, const char *aor, const char *uri, const char *call_id,
                    uint32_t cseq, int expires);
/** Change accounts and wait. */
enum err scene_change(struct scene *s, const struct reg_account_change *changes, size_t count);
enum err scene_account(struct scene *s, enum reg_account_op op, const char *address);
/** Look up; the bindings are in s->text and s->count. */
enum reg_known scene_look(struct scene *s, const char *aor);
/** Run the loop until `*done`; fails the test after some seconds. */
void scene_wait(struct scene *s, const unsigned *counter, unsigned until);
