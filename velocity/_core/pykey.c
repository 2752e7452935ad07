/* pykey.c: see pykey.h. */
#include "pykey.h"

#include "pycodec.h"
#include "pytime.h"

/* Names of the fields of objects, for values that are encoded on the way; as every collection's,
 * they stay. */
static vel_names *key_names;
static PyObject *field_name;

int pykey_init(void) {
    if (!key_names && !(key_names = names_new())) {
        PyErr_NoMemory();
        return -1;
    }
    if (!field_name && !(field_name = PyUnicode_InternFromString("value"))) return -1;
    return 0;
}

/* By way of a document of one field. */
static vel_status append_encoded(PyObject *value, size_t limit, vel_buffer *out) {
    uint8_t few[512];
    vel_buffer body;
    vel_fields it;
    vel_field f;
    buffer_borrow(&body, few, sizeof few);
    PyObject *fields = PyDict_New();
    vel_status status = VEL_E_PYTHON;
    if (fields && PyDict_SetItem(fields, field_name, value) == 0 &&
        body_encode(fields, key_names, &body) == 0) {
        status = fields_begin(&it, body.data, body.size);
        if (!status) status = fields_next(&it, &f);
        if (!status) status = value_key(f.value, f.next, key_names, limit, out);
    }
    Py_XDECREF(fields);
    buffer_free(&body);
    return status;
}

static vel_status append(PyObject *value, size_t limit, vel_buffer *out) {
    if (PyUnicode_CheckExact(value)) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(value, &size);
        if (text)
            return value_key_text(KEY_STRING, (const uint8_t *)text, (size_t)size, limit, out);
        PyErr_Clear();
    } else if (PyLong_CheckExact(value)) {
        int overflow;
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (!overflow) return value_key_int(number, limit, out);
    } else if (PyFloat_CheckExact(value)) {
        return value_key_float(PyFloat_AS_DOUBLE(value), limit, out);
    } else if (value == Py_None) {
        return value_key(NULL, NULL, NULL, limit, out);
    }
    return append_encoded(value, limit, out);
}

int pykey_append(PyObject *value, bool descending, size_t limit, vel_buffer *out) {
    size_t start = out->size;
    vel_status status = append(value, limit, out);
    if (status == VEL_E_NOMEM) PyErr_NoMemory();
    else if (status && status != VEL_E_PYTHON)
        PyErr_Format(PyExc_ValueError, "a key may have at most %zu bytes", limit);
    if (status) return -1;
    if (descending) value_key_invert(out->data + start, out->size - start);
    return 0;
}

PyObject *pykey_bytes(PyObject *value, bool descending) {
    uint8_t few[256];
    vel_buffer key;
    PyObject *result = NULL;
    buffer_borrow(&key, few, sizeof few);
    if (pykey_append(value, descending, SIZE_MAX, &key) == 0)
        result = PyBytes_FromStringAndSize((const char *)key.data, (Py_ssize_t)key.size);
    buffer_free(&key);
    return result;
}

/* --- back to values -------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at, *end;
    uint8_t flip;            /* FF: the key was turned around */
} reader;

static int malformed(void) {
    PyErr_SetString(PyExc_ValueError, "not an order key");
    return -1;
}

/* The next byte, or -1 with an exception. */
static int take(reader *r) { return r->at < r->end ? *r->at++ ^ r->flip : malformed(); }

/* `bytes` bytes, big-endian, into *out. */
static int take_big(reader *r, int bytes, uint64_t *out) {
    *out = 0;
    while (bytes--) {
        int byte = take(r);
        if (byte < 0) return -1;
        *out = *out << 8 | (uint64_t)byte;
    }
    return 0;
}

static PyObject *read_double(reader *r) {
    uint64_t bits;
    double d;
    if (take_big(r, 8, &bits)) return NULL;
    bits = bits >> 63 ? bits & ~((uint64_t)1 << 63) : ~bits;
    memcpy(&d, &bits, sizeof d);
    return PyFloat_FromDouble(d);
}

static PyObject *read_number(reader *r, int type) {
    bool negative = type < KEY_NUMBER_NEGATIVE;
    int n = negative ? KEY_NUMBER_NEGATIVE - type : type - KEY_NUMBER;
    uint64_t twice;
    if (take_big(r, n, &twice)) return NULL;
    if (negative && n < 8) twice |= UINT64_MAX << 8 * n;
    if (twice & 1) return read_double(r);
    uint64_t floor = twice >> 1 | (negative ? (uint64_t)1 << 63 : 0);
    return PyLong_FromLongLong((int64_t)floor);
}

static int take_text(reader *r, vel_buffer *out) {
    out->size = 0;
    for (;;) {
        int byte = take(r);
        if (byte <= 0) return byte;
        if (byte == 1 && (byte = take(r) - 1) < 0) return malformed();
        if (buffer_reserve(out, 1)) {
            PyErr_NoMemory();
            return -1;
        }
        out->data[out->size++] = (uint8_t)byte;
    }
}

static PyObject *read_text(reader *r, bool is_string) {
    uint8_t few[256];
    vel_buffer text;
    PyObject *result = NULL;
    buffer_borrow(&text, few, sizeof few);
    if (take_text(r, &text) == 0) {
        const char *data = (const char *)text.data;
        result = is_string ? PyUnicode_DecodeUTF8(data, (Py_ssize_t)text.size, NULL)
                           : PyBytes_FromStringAndSize(data, (Py_ssize_t)text.size);
    }
    buffer_free(&text);
    return result;
}

static PyObject *read_key(reader *r, int depth);

static PyObject *read_list(reader *r, int depth) {
    PyObject *list = PyList_New(0);
    while (list && r->at < r->end && (*r->at ^ r->flip)) {
        PyObject *value = read_key(r, depth + 1);
        if (!value || PyList_Append(list, value)) Py_CLEAR(list);
        Py_XDECREF(value);
    }
    if (list && take(r) < 0) Py_CLEAR(list);
    return list;
}

static PyObject *read_object(reader *r, int depth) {
    PyObject *dict = PyDict_New();
    int more = 1;
    while (dict && (more = take(r)) == 1) {
        PyObject *name = read_text(r, true), *value = name ? read_key(r, depth + 1) : NULL;
        if (!value || PyDict_SetItem(dict, name, value)) Py_CLEAR(dict);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    if (dict && more > 0) malformed();
    if (dict && more) Py_CLEAR(dict);
    return dict;
}

static PyObject *read_time(reader *r) {
    uint64_t us;
    if (take_big(r, 8, &us)) return NULL;
    us ^= (uint64_t)1 << 63;
    if (time_valid((int64_t)us, 0)) return pytime_make((int64_t)us, 0);
    malformed();
    return NULL;
}

static PyObject *read_key(reader *r, int depth) {
    int type = depth > VALUE_DEPTH_MAX ? malformed() : take(r);
    if (type > KEY_NUMBER_BELOW && type < KEY_NUMBER_ABOVE) return read_number(r, type);
    switch (type) {
    case -1: return NULL;
    case KEY_NULL: Py_RETURN_NONE;
    case KEY_NAN: return PyFloat_FromDouble(Py_NAN);
    case KEY_NUMBER_BELOW: case KEY_NUMBER_ABOVE: return read_double(r);
    case KEY_STRING: return read_text(r, true);
    case KEY_BYTES: return read_text(r, false);
    case KEY_OBJECT: return read_object(r, depth);
    case KEY_LIST: return read_list(r, depth);
    case KEY_FALSE: Py_RETURN_FALSE;
    case KEY_TRUE: Py_RETURN_TRUE;
    case KEY_TIME: return read_time(r);
    default: malformed(); return NULL;
    }
}

PyObject *pykey_values(const uint8_t *key, size_t size) {
    reader r = {key, key + size, 0};
    PyObject *list = PyList_New(0), *values = NULL;
    while (list && r.at < r.end) {
        r.flip = *r.at & 0x80 ? 0xFF : 0;
        PyObject *value = read_key(&r, 0);
        if (!value || PyList_Append(list, value)) Py_CLEAR(list);
        Py_XDECREF(value);
    }
    if (list) values = PyList_AsTuple(list);
    Py_XDECREF(list);
    return values;
}
