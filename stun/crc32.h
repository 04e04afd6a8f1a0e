/* stun/crc32.h: the checksum of ITU V.42, of Ethernet and of FINGERPRINT (RFC 8489 14.7). */
#pragma once
#include "base/str.h"

/** The CRC-32 of the bytes: "123456789" has 0xcbf43926. Any thread, no allocation. */
uint32_t stun_crc32(struct str bytes);
