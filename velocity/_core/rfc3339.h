/* rfc3339.h: times written as text, as RFC 3339 has them: 2026-01-31T23:59:59.25+01:00.
 *
 * Thread-safe: no state.
 */
#ifndef VEL_RFC3339_H
#define VEL_RFC3339_H

#include "base.h"

/* Read a whole text as a time: microseconds since 1970 UTC and microseconds east of UTC. `t`, `z`
 * and a space for the T are taken, too; digits beyond microseconds are cut; -00:00 is UTC. False
 * for anything else: no zone, a leap second, a day that is not, a year outside 1..9999. */
bool rfc3339_read(const uint8_t *text, size_t size, int64_t *utc_us, int64_t *east_us);

#endif
