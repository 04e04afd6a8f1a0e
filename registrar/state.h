/* registrar/state.h: what the door's opaque types are. For this folder alone. */
#pragma once
#include "base/hash.h"
#include "registrar/writer.h"

struct registrar {
	struct log *log;
	int lock_fd; /* on the folder, or -1 */
	struct reg_store *store;
	struct reg_writer *writer;
	struct hash_key content_key; /* the same in every process: what it makes is stored */
};
