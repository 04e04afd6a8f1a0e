/* federation/seal.h: opaque URIs: an AoR, the binding and the time it ends, sealed, so that they cost no state. Any thread. */
#pragma once
#include "federation/federation.h"

/* What a sealed user begins with: others are never tried. */
#define FED_SEAL_PREFIX "o1-"
#define FED_SEAL_MAX 1024 /* octets of a sealed user */

/** Write the user part that leads to `contact`, a binding of `aor`, until `end` (whole seconds). ERR_LIMIT: they are too long to be sealed into a
 * URI that others can use; ERR_NOMEM, ERR_SYSTEM. */
NODISCARD enum err fed_seal(const unsigned char key[32], struct str aor, struct str contact,
                            struct wall end, struct buf *out);
/** The reverse: federation_unseal(). */
NODISCARD enum err fed_unseal(const unsigned char key[32], struct str user, struct wall now,
                              struct buf *aor, struct buf *contact);
