/* pykey.c: see pykey.h. */
#include "pykey.h"

#include "pycodec.h"

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
