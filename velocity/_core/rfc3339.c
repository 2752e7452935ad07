/* rfc3339.c: see rfc3339.h. */
#include "rfc3339.h"

#include "value.h"

#define SECOND_US ((int64_t)1000000)

typedef struct {
    const uint8_t *at, *end;
    bool failed;
} text;

static bool next_is(text *t, uint8_t a, uint8_t b) {
    if (t->at == t->end || (*t->at != a && *t->at != b)) return false;
    t->at++;
    return true;
}
static void expect(text *t, uint8_t a, uint8_t b) {
    if (!next_is(t, a, b)) t->failed = true;
}

/* Exactly `digits` of them, a number of low to high. */
static int64_t number(text *t, int digits, int low, int high) {
    int n = 0;
    for (int i = 0; i < digits; i++, t->at++) {
        if (t->at == t->end || *t->at < '0' || *t->at > '9') {
            t->failed = true;
            return low;
        }
        n = 10 * n + (*t->at - '0');
    }
    if (n >= low && n <= high) return n;
    t->failed = true;
    return low;
}

static int64_t fraction_us(text *t) {
    int64_t us = 0, unit = SECOND_US / 10;
    const uint8_t *start = t->at;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++, unit /= 10)
        us += (*t->at - '0') * unit;
    if (t->at == start) t->failed = true;
    return us;
}

/* Days since 1970 of a day in the Gregorian calendar; years begin in March, so that the leap day is
 * their last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 || year % 400 == 0); }

static int64_t date_us(text *t) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = number(t, 4, 1, 9999);
    expect(t, '-', '-');
    int64_t month = number(t, 2, 1, 12);
    expect(t, '-', '-');
    int64_t day = number(t, 2, 1, days[month - 1] + (month == 2 && is_leap(year)));
    return days_of(year, month, day) * DAY_US;
}

static int64_t clock_us(text *t) {
    int64_t seconds = number(t, 2, 0, 23) * 3600;
    expect(t, ':', ':');
    seconds += number(t, 2, 0, 59) * 60;
    expect(t, ':', ':');
    seconds += number(t, 2, 0, 59);
    return seconds * SECOND_US + (next_is(t, '.', '.') ? fraction_us(t) : 0);
}

static int64_t zone_us(text *t) {
    if (next_is(t, 'Z', 'z')) return 0;
    int64_t sign = next_is(t, '-', '-') ? -1 : 1;
    if (sign > 0) expect(t, '+', '+');
    int64_t minutes = number(t, 2, 0, 23) * 60;
    expect(t, ':', ':');
    minutes += number(t, 2, 0, 59);
    return sign * minutes * 60 * SECOND_US;
}

bool rfc3339_read(const uint8_t *s, size_t size, int64_t *utc_us, int64_t *east_us) {
    text t = {s, s + size, false};
    int64_t local = date_us(&t);
    if (!next_is(&t, 'T', 't')) expect(&t, ' ', ' ');
    local += clock_us(&t);
    *east_us = zone_us(&t);
    *utc_us = local - *east_us;
    return !t.failed && t.at == t.end && time_valid(*utc_us, *east_us);
}
