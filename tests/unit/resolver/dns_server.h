/* tests/unit/resolver/dns_server.h: name servers on loopback, over UDP and TCP, that behave as the name asked for says.
 *
 * One thread serves them all and allocates nothing. The first label of a name decides, up to the first digit or hyphen:
 *
 *   ok        A 192.0.2.1 and 192.0.2.2, AAAA 2001:db8::1, SRV 10 1 5070 ok.test (for _sip._udp) and NAPTR to it (only where asked at
 *             "naptr"), TTL 60; every other type: no such record
 *   short     the same with a TTL of 1 second
 *   none      no such name; SOA says 60 seconds        bare      the same without SOA
 *   brief     no such name; SOA says 1 second
 *   inward    A 127.0.0.1 and 10.0.0.1
 *   alias     CNAME ok.test, nothing more              loop      CNAME of itself, one step at a time
 *   large     300 A records; over UDP truncated        slow      as ok, after 200 ms
 *   nonaptr, noaaaa, nosrv      as ok, but nothing comes to a question of that type
 *   silent    nothing                                  servfail, refused, notimp
 *   noedns    FORMERR where there is an OPT record     garbage   the right header, then nonsense
 *   wrongid   an answer that bears another identity    cut       as large, but over TCP it hangs up
 *
 * A name that begins with an underscore is looked at from its third label on. */
#pragma once
#include "base/addr.h"
#include "resolver/dns.h"

#define DNS_SERVERS 3

struct dns_server;

struct dns_server *dns_server_start(void);
void dns_server_stop(struct dns_server *s);
struct addr dns_server_addr(const struct dns_server *s, unsigned which);
/** Say nothing at all any more, or speak again. */
void dns_server_mute(struct dns_server *s, unsigned which, bool mute);
/** How many questions about (name, type) have come to server `which` since the last dns_server_forget(). */
unsigned dns_server_count(struct dns_server *s, unsigned which, const char *name,
                          enum dns_type type);
/** How many questions have come to it at all, and over TCP. */
unsigned dns_server_total(struct dns_server *s, unsigned which);
unsigned dns_server_tcp(struct dns_server *s);
void dns_server_forget(struct dns_server *s);
