/* registrar/folder.h: the data folder, and that one process has it alone. */
#pragma once
#include "base/buf.h"

/** Make `path` (0700) and what is missing above it; made folders are synced into their parents. Nothing where it is there. */
NODISCARD enum err folder_make(const char *path);
/** Lock the file "lock" in `folder` for this process, and write its id there. `*fd` holds the lock until it is closed. ERR_INUSE: another
 * has it; `*owner` is its id, 0 where it can't be read. */
NODISCARD enum err folder_lock(const char *folder, int *fd, long *owner);
/** Is there room and a working disk below `folder`: can a file be written there and synced? Blocks. */
NODISCARD enum err folder_probe(const char *folder);
/** Sync the entries of a folder. Blocks. */
NODISCARD enum err folder_sync(const char *path);
