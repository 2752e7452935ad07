/* pytime.c: see pytime.h. */
#include "pytime.h"

#include <datetime.h>

#define SECOND_US ((int64_t)1000000)
#define DAYS_0000_TO_1970 719468  /* from 0000-03-01, where the cycle of leap years begins */
#define DAYS_PER_ERA 146097       /* 400 years */

static PyObject *utcoffset_name;

int pytime_init(void) {
    PyDateTime_IMPORT;
    if (!PyDateTimeAPI) return -1;
    if (!utcoffset_name) utcoffset_name = PyUnicode_InternFromString("utcoffset");
    return utcoffset_name ? 0 : -1;
}

bool pytime_check(PyObject *value) { return PyDateTime_Check(value); }

/* Days since 1970 of a date in the proleptic Gregorian calendar. Years are counted from March, so
 * that the leap day is the last of its year. */
static int64_t days_from_date(int year, int month, int day) {
    year -= month <= 2;
    int era = year / 400, of_era = year % 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (int64_t)era * DAYS_PER_ERA + days - DAYS_0000_TO_1970;
}

static void date_from_days(int64_t days, int *year, int *month, int *day) {
    days += DAYS_0000_TO_1970;  /* not negative: years begin at 1 */
    int era = (int)(days / DAYS_PER_ERA), left = (int)(days % DAYS_PER_ERA);
    int of_era = (left - left / 1460 + left / 36524 - left / 146096) / 365;
    int of_year = left - (365 * of_era + of_era / 4 - of_era / 100);
    int from_march = (5 * of_year + 2) / 153;
    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march + (from_march < 10 ? 3 : -9);
    *year = era * 400 + of_era + (*month <= 2);
}

/* As pytime_read. */
static int read_offset(PyObject *value, int64_t *east_us, bool *ran_python) {
    PyObject *zone = PyDateTime_DATE_GET_TZINFO(value);
    *east_us = 0;
    if (zone == Py_None) return 0;
    if (zone == PyDateTime_TimeZone_UTC && PyDateTime_CheckExact(value)) return 1;
    if (Py_TYPE(zone) != Py_TYPE(PyDateTime_TimeZone_UTC) || !PyDateTime_CheckExact(value))
        *ran_python = true;
    PyObject *offset = PyObject_CallMethodNoArgs(value, utcoffset_name);
    if (!offset) return -1;
    int aware = PyDelta_Check(offset);
    if (aware) {
        *east_us = ((int64_t)PyDateTime_DELTA_GET_DAYS(offset) * 86400 +
                    PyDateTime_DELTA_GET_SECONDS(offset)) * SECOND_US +
                   PyDateTime_DELTA_GET_MICROSECONDS(offset);
    }
    Py_DECREF(offset);
    return aware;
}

int pytime_read(PyObject *value, int64_t *utc_us, int64_t *east_us, bool *ran_python) {
    int aware = read_offset(value, east_us, ran_python);
    if (aware <= 0) return aware;
    int64_t seconds = days_from_date(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                                     PyDateTime_GET_DAY(value)) * 86400;
    seconds += PyDateTime_DATE_GET_HOUR(value) * 3600 + PyDateTime_DATE_GET_MINUTE(value) * 60 +
               PyDateTime_DATE_GET_SECOND(value);
    *utc_us = seconds * SECOND_US + PyDateTime_DATE_GET_MICROSECOND(value) - *east_us;
    return 1;
}

static PyObject *make_zone(int64_t east_us) {
    if (!east_us) return Py_NewRef(PyDateTime_TimeZone_UTC);
    PyObject *delta = PyDelta_FromDSU(0, (int)(east_us / SECOND_US), (int)(east_us % SECOND_US));
    if (!delta) return NULL;
    PyObject *zone = PyTimeZone_FromOffset(delta);
    Py_DECREF(delta);
    return zone;
}

PyObject *pytime_make(int64_t utc_us, int64_t east_us) {
    int64_t local = utc_us + east_us;
    int64_t seconds = local / SECOND_US, us = local % SECOND_US;
    if (us < 0) { us += SECOND_US; seconds--; }
    int64_t days = seconds / 86400, left = seconds % 86400;
    if (left < 0) { left += 86400; days--; }
    int year, month, day;
    date_from_days(days, &year, &month, &day);
    PyObject *zone = make_zone(east_us);
    if (!zone) return NULL;
    PyObject *time = PyDateTimeAPI->DateTime_FromDateAndTime(
        year, month, day, (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60), (int)us,
        zone, PyDateTimeAPI->DateTimeType);
    Py_DECREF(zone);
    return time;
}
