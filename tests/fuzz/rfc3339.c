/* rfc3339.c: a text as a time, beside a second reader of it. */
#include "rfc3339.h"
#include "fuzz.h"
#include "value.h"

static bool digits(const char *s, int count) {
    for (int i = 0; i < count; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return true;
}

/* Written as the C library has it: fields by position, days counted one by one. */
static bool read_slowly(const char *s, int64_t *utc_us, int64_t *east_us) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second, zone_hour, zone_minute, length = 0;
    if (!digits(s, 4) || s[4] != '-' || !digits(s + 5, 2) || s[7] != '-' || !digits(s + 8, 2) ||
        !strchr("Tt ", s[10]) || !s[10] || !digits(s + 11, 2) || s[13] != ':' ||
        !digits(s + 14, 2) || s[16] != ':' || !digits(s + 17, 2))
        return false;
    sscanf(s, "%4d-%2d-%2d%*c%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second);
    if (year < 1 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    length = lengths[month - 1] + (month == 2 && leap);
    if (day < 1 || day > length) return false;
    int64_t days = day - 1, us = 0;
    for (int m = 1; m < month; m++) days += lengths[m - 1] + (m == 2 && leap);
    for (int y = 1; y < year; y++)
        days += 365 + ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0);
    s += 19;
    if (*s == '.') {
        int place = 0;
        for (s++; *s >= '0' && *s <= '9'; s++, place++)
            if (place < 6) us = us * 10 + (*s - '0');
        if (!place) return false;
        for (; place < 6; place++) us *= 10;
    }
    *east_us = 0;
    if (*s == '+' || *s == '-') {
        if (!digits(s + 1, 2) || s[3] != ':' || !digits(s + 4, 2) || s[6]) return false;
        sscanf(s + 1, "%2d:%2d", &zone_hour, &zone_minute);
        if (zone_hour > 23 || zone_minute > 59) return false;
        *east_us = (int64_t)(zone_hour * 60 + zone_minute) * 60 * 1000000;
        if (*s == '-') *east_us = -*east_us;
    } else if ((*s != 'Z' && *s != 'z') || s[1]) {
        return false;
    }
    *utc_us = TIME_MIN_US + days * DAY_US +
              ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + us - *east_us;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t utc = 0, east = 0, slow_utc = 0, slow_east = 0;
    char *text = malloc(size + 1);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    bool read = rfc3339_read(data, size, &utc, &east);
    bool slowly = !memchr(data, 0, size) && read_slowly(text, &slow_utc, &slow_east);
    CHECK(read == slowly);
    if (read) CHECK(utc == slow_utc && east == slow_east && time_valid(utc, east));
    free(text);
    return 0;
}
