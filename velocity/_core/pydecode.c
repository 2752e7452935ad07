/* pydecode.c: decoding to Python values. See pycodec.h. */
#include "pycodec.h"

#include "pynames.h"
#include "pyshape.h"
#include "pytime.h"

typedef struct {
    vel_names *names;
    uint32_t name_count;
    int depth;
} decoder;

static PyObject *decode_value(decoder *d, const uint8_t **at, const uint8_t *end);
VEL_INLINE PyObject *decode_known(decoder *d, const uint8_t *p, const uint8_t *next);

static void *malformed(const char *why) {
    PyErr_Format(PyExc_ValueError, "malformed document: %s", why);
    return NULL;
}

VEL_INLINE PyObject *decode_ascii(const uint8_t *p, size_t size) {
    if (vel_unlikely(size == 1)) return PyUnicode_FromOrdinal(*p & 0x7F);  /* shared by Python */
    PyObject *text = PyUnicode_New((Py_ssize_t)size, 127);
    if (vel_likely(text && size)) memcpy(PyUnicode_1BYTE_DATA(text), p, size);
    return text;
}

static PyObject *decode_list(decoder *d, const uint8_t *p, const uint8_t *end) {
    uint32_t count;
    p = varint_read(p, end, &count);
    /* An element takes a byte or more: a false count cannot ask for much memory. */
    if (!p || count > (size_t)(end - p)) return malformed("a bad count of elements");
    PyObject *list = PyList_New(count);
    if (!list) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        PyObject *item = decode_value(d, &p, end);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, item);
    }
    return list;
}

/* The name of the field at *p: a new reference, *p at its value; NULL with an exception. */
static PyObject *decode_name(decoder *d, const uint8_t **p, const uint8_t *end) {
    uint32_t number, size;
    const uint8_t *at = varint_read(*p, end, &number);
    if (!at || number > d->name_count) return malformed("an unknown field number");
    if (number) {
        *p = at;
        return Py_XNewRef(pynames_object(d->names, number));
    }
    at = varint_read(at, end, &size);
    if (!at || (size_t)(end - at) < size) return malformed("a bad field name");
    *p = at + size;
    return PyUnicode_DecodeUTF8((const char *)at, size, "strict");
}

static PyObject *decode_many(decoder *d, const uint8_t *p, const uint8_t *end, uint32_t count) {
    PyObject *dict = PyDict_New();
    if (!dict) return NULL;
    for (; count; count--) {
        PyObject *name = decode_name(d, &p, end);
        PyObject *value = name ? decode_value(d, &p, end) : NULL;
        int failed = !value || PyDict_SetItem(dict, name, value) < 0;
        Py_XDECREF(value);
        Py_XDECREF(name);
        if (vel_unlikely(failed)) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

/* Few fields, all numbered: find them all first, then decode them into a dict of their shape.
 * Returns 1 with *out, 0 when decode_many has to do it, -1 with an exception. */
static int decode_shaped(decoder *d, const uint8_t *p, const uint8_t *end, uint32_t count,
                         PyObject **out) {
    uint32_t numbers[SHAPE_FIELDS_MAX];
    const uint8_t *values[SHAPE_FIELDS_MAX], *ends[SHAPE_FIELDS_MAX];
    vel_shaped shaped;
    for (uint32_t i = 0; i < count; i++) {
        p = varint_read(p, end, &numbers[i]);
        if (!p || !numbers[i] || numbers[i] > d->name_count) return 0;
        values[i] = p;
        ends[i] = p = value_skip(p, end);
        if (!p) return 0;
    }
    int found = shape_copy(d->names, numbers, count, &shaped);
    if (found <= 0) return found;
    for (uint32_t i = 0; i < count; i++) {
        PyObject *value = decode_known(d, values[i], ends[i]);
        if (vel_unlikely(!value)) {
            Py_DECREF(shaped.dict);
            return -1;
        }
        shaped_set(&shaped, value);
    }
    *out = shaped.dict;
    return 1;
}

static PyObject *decode_fields(decoder *d, const uint8_t *p, const uint8_t *end) {
    uint32_t count;
    PyObject *dict = NULL;
    p = varint_read(p, end, &count);
    if (!p) return malformed("a bad count of fields");
    if (count && count <= SHAPE_FIELDS_MAX) {
        int done = decode_shaped(d, p, end, count, &dict);
        if (done) return dict;
    }
    return decode_many(d, p, end, count);
}

static PyObject *decode_nested(decoder *d, const uint8_t *p, const uint8_t *end, bool list) {
    if (d->depth == VALUE_DEPTH_MAX) return malformed("nested too deep");
    d->depth++;
    PyObject *value = list ? decode_list(d, p, end) : decode_fields(d, p, end);
    d->depth--;
    return value;
}

/* Requires: value_skip went from p to next. */
static PyObject *decode_sized(decoder *d, const uint8_t *p, const uint8_t *next) {
    switch (*p) {
    case TAG_BYTES8:
        return PyBytes_FromStringAndSize((const char *)p + 2, next - p - 2);
    case TAG_BYTES32:
        return PyBytes_FromStringAndSize((const char *)p + 5, next - p - 5);
    case TAG_ASCII8:
        return decode_ascii(p + 2, (size_t)(next - p - 2));
    case TAG_ASCII32:
        return decode_ascii(p + 5, (size_t)(next - p - 5));
    case TAG_UTF8_8:
        return PyUnicode_DecodeUTF8((const char *)p + 2, next - p - 2, "strict");
    case TAG_UTF8_32:
        return PyUnicode_DecodeUTF8((const char *)p + 5, next - p - 5, "strict");
    case TAG_LIST8: case TAG_LIST32:
        return decode_nested(d, p + (*p == TAG_LIST8 ? 2 : 5), next, true);
    default:
        return decode_nested(d, p + (*p == TAG_OBJECT8 ? 2 : 5), next, false);
    }
}

/* The value from p, known to be one, to next. New reference; NULL with an exception. */
static PyObject *decode_other(decoder *d, const uint8_t *p, const uint8_t *next) {
    switch (*p) {
    case TAG_NULL:
        return Py_NewRef(Py_None);
    case TAG_FALSE:
        return Py_NewRef(Py_False);
    case TAG_TRUE:
        return Py_NewRef(Py_True);
    case TAG_I8:
        return PyLong_FromLong((int8_t)p[1]);
    case TAG_I16:
        return PyLong_FromLong(load_i16(p + 1));
    case TAG_I32:
        return PyLong_FromLong(load_i32(p + 1));
    case TAG_I64:
        return PyLong_FromLongLong(load_i64(p + 1));
    case TAG_F64:
        return PyFloat_FromDouble(load_f64(p + 1));
    case TAG_TIME: case TAG_TIME_TZ: {
        int64_t utc = load_i64(p + 1), east = *p == TAG_TIME ? 0 : load_i64(p + 9);
        return time_valid(utc, east) ? pytime_make(utc, east) : malformed("a time out of range");
    }
    default:
        return decode_sized(d, p, next);
    }
}

VEL_INLINE PyObject *decode_known(decoder *d, const uint8_t *p, const uint8_t *next) {
    if (*p >= TAG_FIXINT) return PyLong_FromLong((long)*p - FIXINT_ZERO);
    if (*p >= TAG_SHORT) return decode_ascii(p + 1, (size_t)(next - p - 1));
    return decode_other(d, p, next);
}

/* The value at *at, which moves behind it. New reference; NULL with an exception. */
static PyObject *decode_value(decoder *d, const uint8_t **at, const uint8_t *end) {
    const uint8_t *p = *at, *next = value_skip(p, end);
    if (vel_unlikely(!next)) return malformed("an unknown tag or a value cut off");
    *at = next;
    return decode_known(d, p, next);
}

VEL_INLINE decoder decoder_of(vel_names *names) {
    return (decoder){.names = names, .name_count = names_count(names)};
}

PyObject *body_decode(const uint8_t *body, size_t size, vel_names *names) {
    decoder d = decoder_of(names);
    return decode_fields(&d, body, body + size);
}

PyObject *value_decode(const uint8_t *value, const uint8_t *end, vel_names *names) {
    decoder d = decoder_of(names);
    return decode_value(&d, &value, end);
}

/* Find a field's value: 1 with *value and *end, 0 when absent, -1 with an exception. */
static int find_field(const uint8_t *body, size_t size, vel_names *names, PyObject *name,
                      const uint8_t **value, const uint8_t **end) {
    const uint8_t *bytes;
    size_t name_size;
    uint32_t number = vel_likely(PyUnicode_CheckExact(name)) ? pynames_known(names, name, 0) : 0;
    if (vel_unlikely(!number)) {
        if (!PyUnicode_Check(name)) {
            PyErr_Format(PyExc_TypeError, "a field name must be str, not '%.100s'",
                         Py_TYPE(name)->tp_name);
            return -1;
        }
        if (pynames_number(names, name, false, &number, &bytes, &name_size) < 0) {
            if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
            PyErr_Clear();  /* no stored name has a lone surrogate */
            return 0;
        }
        if (!number) {
            *value = body_find_inline(body, size, bytes, name_size, end);
            return *value != NULL;
        }
    }
    *value = body_find(body, size, number, end);
    return *value != NULL;
}

PyObject *body_decode_field(const uint8_t *body, size_t size, vel_names *names, PyObject *name) {
    const uint8_t *value, *end;
    if (find_field(body, size, names, name, &value, &end) <= 0) return NULL;
    decoder d = decoder_of(names);
    return decode_known(&d, value, end);
}

int body_has_field(const uint8_t *body, size_t size, vel_names *names, PyObject *name) {
    const uint8_t *value, *end;
    return find_field(body, size, names, name, &value, &end);
}

PyObject *body_decode_names(const uint8_t *body, size_t size, vel_names *names) {
    decoder d = decoder_of(names);
    uint32_t count;
    const uint8_t *end = body + size, *p = varint_read(body, end, &count);
    if (!p || count > size / 2) return malformed("a bad count of fields");
    PyObject *list = PyList_New(count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *name = decode_name(&d, &p, end);
        if (name) PyList_SET_ITEM(list, i, name);
        if (name && !(p = value_skip(p, end))) name = malformed("a value cut off");
        if (!name) Py_CLEAR(list);
    }
    return list;
}

PyObject *time_decode_ns(int64_t ns) {
    return pytime_make(ns / 1000 - (ns % 1000 < 0), 0);
}
