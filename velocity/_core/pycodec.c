/* pycodec.c: encoding of Python values. Decoding is in pydecode.c. See pycodec.h. */
#include "pycodec.h"

#include "pydict.h"
#include "pyint.h"
#include "pynames.h"
#include "pytime.h"
#include "value_write.h"

#define ALLOWED                                                                                    \
    "None, bool, int (64-bit signed), float, str, bytes, aware datetime, list, tuple, "            \
    "dict with str keys"

/* Room that is made for one field at once: number and tag and the widest fixed payload. */
#define FIELD_ROOM 32

/* Without a GIL, other threads are kept from the container that is walked. */
#ifdef Py_GIL_DISABLED
#define LOCK_CONTAINER(object) Py_BEGIN_CRITICAL_SECTION(object)
#define UNLOCK_CONTAINER() Py_END_CRITICAL_SECTION()
#else
#define LOCK_CONTAINER(object) ((void)0)
#define UNLOCK_CONTAINER() ((void)0)
#endif

static PyObject *schema_error;
static PyObject *mapping_type;  /* collections.abc.Mapping */

/* A container being encoded, on the C stack: the path for error texts. */
typedef struct frame {
    struct frame *up;
    PyObject *key;     /* of the value being encoded; NULL in a list */
    Py_ssize_t index;  /* likewise, in a list */
} frame;

typedef struct {
    uint8_t *p, *end;    /* where to write, and where the buffer's allocation ends */
    vel_buffer *out;
    vel_names *names;
    frame *top;
    size_t start;        /* of the body in out, bytes */
    uint32_t last;       /* number written last */
    int depth;
    bool ran_python;     /* other code may have changed a dict while it was walked */
} encoder;

static int encode_value(encoder *e, PyObject *value);
static int encode_fields(encoder *e, PyObject *dict);

int pycodec_init(PyObject *error) {
    PyObject *module = PyImport_ImportModule("collections.abc");
    if (!module) return -1;
    Py_XSETREF(mapping_type, PyObject_GetAttrString(module, "Mapping"));
    Py_DECREF(module);
    if (!mapping_type) return -1;
    Py_XSETREF(schema_error, Py_NewRef(error));
    return pytime_init();
}

/* ---- errors ---- */

/* `a.b[3]`, and '' for a name without characters; new reference. */
static PyObject *path_text(const frame *f) {
    if (!f) return PyUnicode_FromString("");
    PyObject *up = path_text(f->up), *text = NULL;
    if (!up) return NULL;
    if (!f->key) {
        text = PyUnicode_FromFormat("%U[%zd]", up, f->index);
    } else {
        const char *dot = PyUnicode_GET_LENGTH(up) ? "." : "";
        const char *empty = PyUnicode_GET_LENGTH(f->key) ? "" : "''";
        text = PyUnicode_FromFormat("%U%s%.200U%s", up, dot, f->key, empty);
    }
    Py_DECREF(up);
    return text;
}

/* Raise SchemaError: the path, then what is wrong. Returns -1. */
static int refuse(const encoder *e, const char *format, ...) {
    va_list args;
    va_start(args, format);
    PyObject *what = PyUnicode_FromFormatV(format, args);
    va_end(args);
    PyObject *path = what ? path_text(e->top) : NULL;
    PyObject *text = NULL;
    if (path && PyUnicode_GET_LENGTH(path)) text = PyUnicode_FromFormat("%U: %U", path, what);
    else if (path) text = Py_NewRef(what);
    if (text) PyErr_SetObject(schema_error, text);
    Py_XDECREF(text);
    Py_XDECREF(path);
    Py_XDECREF(what);
    return -1;
}

static int refuse_type(const encoder *e, PyObject *value) {
    if (pytime_check(value))
        return refuse(e, "a datetime must say its time zone: add one, such as timezone.utc");
    return refuse(e, "a value of type '%.100s' cannot be stored; allowed are " ALLOWED,
                  Py_TYPE(value)->tp_name);
}

/* ---- writing ---- */

static int make_room(encoder *e, size_t more) {
    vel_buffer *out = e->out;
    out->size = (size_t)(e->p - out->data);
    if (out->size - e->start > BODY_SIZE_MAX || more > BODY_SIZE_MAX + FIELD_ROOM)
        return refuse(&(encoder){0}, "a document may take at most %u bytes, and this takes more",
                      BODY_SIZE_MAX);
    if (buffer_reserve(out, more) != VEL_OK) {
        PyErr_NoMemory();
        return -1;
    }
    e->p = out->data + out->size;
    e->end = out->data + out->capacity;
    return 0;
}

VEL_INLINE int need(encoder *e, size_t more) {
    return vel_likely((size_t)(e->end - e->p) >= more) ? 0 : make_room(e, more);
}

static int encode_int(encoder *e, PyObject *value) {
    int overflow;
    int64_t v = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow)
        return refuse(e, "an int must be from -2**63 to 2**63-1; store a larger one as a str");
    if (v == -1 && PyErr_Occurred()) return -1;
    e->p = int_write(e->p, v);
    return 0;
}

/* Tag and size of bytes or a string, then room for it. */
static int begin_sized(encoder *e, size_t size, uint8_t tag8, uint8_t tag32) {
    if (vel_unlikely(need(e, size + FIELD_ROOM) < 0)) return -1;
    if (size <= 255) {
        *e->p++ = tag8;
        *e->p++ = (uint8_t)size;
    } else {
        *e->p++ = tag32;
        store_u32(e->p, (uint32_t)size);
        e->p += 4;
    }
    return 0;
}

static int encode_bytes(encoder *e, const void *data, size_t size, uint8_t tag8, uint8_t tag32) {
    if (begin_sized(e, size, tag8, tag32) < 0) return -1;
    memcpy(e->p, data, size);
    e->p += size;
    return 0;
}

/* Not PyUnicode_AsUTF8: that would keep a second copy of the text in the caller's str. */
static int encode_wide_text(encoder *e, PyObject *value) {
    int kind = PyUnicode_KIND(value);
    const void *data = PyUnicode_DATA(value);
    Py_ssize_t length = PyUnicode_GET_LENGTH(value);
    size_t size = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        uint32_t c = PyUnicode_READ(kind, data, i);
        if (c >= 0xD800 && c <= 0xDFFF)
            return refuse(e, "a str must be valid Unicode; it has a lone surrogate at position %zd",
                          i);
        size += 1u + (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
    }
    if (begin_sized(e, size, TAG_UTF8_8, TAG_UTF8_32) < 0) return -1;
    for (Py_ssize_t i = 0; i < length; i++) e->p = utf8_write(e->p, PyUnicode_READ(kind, data, i));
    return 0;
}

/* Requires: an ASCII str of `size` characters, at most SHORT_SIZE_MAX, and room for it. */
VEL_INLINE void short_text_write(encoder *e, PyObject *value, size_t size) {
    *e->p = (uint8_t)(TAG_SHORT + size);
    memcpy(e->p + 1, PyUnicode_DATA(value), size);
    e->p += 1 + size;
}

VEL_INLINE int encode_text(encoder *e, PyObject *value) {
    if (vel_unlikely(!PyUnicode_IS_ASCII(value))) return encode_wide_text(e, value);
    size_t size = (size_t)PyUnicode_GET_LENGTH(value);
    if (vel_unlikely(size > SHORT_SIZE_MAX))
        return encode_bytes(e, PyUnicode_DATA(value), size, TAG_ASCII8, TAG_ASCII32);
    if (vel_unlikely(need(e, 1 + SHORT_SIZE_MAX) < 0)) return -1;
    short_text_write(e, value, size);
    return 0;
}

static int encode_time(encoder *e, PyObject *value) {
    int64_t utc, east;
    int aware = pytime_read(value, &utc, &east, &e->ran_python);
    if (aware < 0) return -1;
    if (!aware) return refuse_type(e, value);
    *e->p++ = east ? TAG_TIME_TZ : TAG_TIME;
    store_i64(e->p, utc);
    e->p += 8;
    if (east) {
        store_i64(e->p, east);
        e->p += 8;
    }
    return 0;
}

/* ---- containers ---- */

/* The size of what is inside stands in one byte until it is known to need four. `inside` is the
 * offset of the first byte inside from the buffer's. */
static int close_container(encoder *e, size_t inside, uint8_t tag32) {
    size_t size = (size_t)(e->p - e->out->data) - inside;
    uint8_t *at = e->out->data + inside;
    if (size <= 255) {
        at[-1] = (uint8_t)size;
        return 0;
    }
    if (need(e, 3) < 0) return -1;
    at = e->out->data + inside;
    memmove(at + 3, at, size);
    at[-2] = tag32;
    store_u32(at - 1, (uint32_t)size);
    e->p += 3;
    return 0;
}

static int encode_items(encoder *e, PyObject *list) {
    frame here = {.up = e->top};
    Py_ssize_t count = PySequence_Fast_GET_SIZE(list);
    if ((uint64_t)count > BODY_SIZE_MAX) return make_room(e, SIZE_MAX);
    e->p = varint_write(e->p, (uint32_t)count);
    e->top = &here;
    /* The size is read anew each time: encoding an element may run code that changes the list. */
    for (; here.index < PySequence_Fast_GET_SIZE(list) && here.index < count; here.index++) {
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(list, here.index));
        int failed = need(e, FIELD_ROOM) < 0 || encode_value(e, item) < 0;
        Py_DECREF(item);
        if (failed) return -1;
    }
    if (here.index != count || PySequence_Fast_GET_SIZE(list) != count)
        return refuse(e, "the list was changed while it was being stored");
    e->top = here.up;
    return 0;
}

/* Any Mapping by way of a dict of its own: its code may do anything, and give a key twice. */
static int encode_mapping(encoder *e, PyObject *mapping) {
    e->ran_python = true;
    PyObject *dict = PyDict_New();
    int failed = !dict || PyDict_Update(dict, mapping) < 0 || encode_fields(e, dict) < 0;
    Py_XDECREF(dict);
    return failed ? -1 : 0;
}

static int encode_object(encoder *e, PyObject *value) {
    return PyDict_CheckExact(value) ? encode_fields(e, value) : encode_mapping(e, value);
}

/* Run one container's encoder inside its tag and size. Requires: room. */
static int encode_nested(encoder *e, PyObject *value, bool list) {
    if (e->depth == VALUE_DEPTH_MAX)
        return refuse(e, "lists and dicts may be nested at most %d deep (is one inside itself?)",
                      VALUE_DEPTH_MAX);
    e->depth++;
    *e->p = list ? TAG_LIST8 : TAG_OBJECT8;
    e->p += 2;
    size_t inside = (size_t)(e->p - e->out->data);
    int failed;
#ifdef Py_GIL_DISABLED
    /* Waiting for an inner lock lets go of the outer ones: look for names twice at the end. */
    e->ran_python = true;
#endif
    if (list && PyList_Check(value)) {
        LOCK_CONTAINER(value);
        failed = encode_items(e, value);
        UNLOCK_CONTAINER();
    } else {
        failed = list ? encode_items(e, value) : encode_object(e, value);
    }
    e->depth--;
    return failed ? -1 : close_container(e, inside, list ? TAG_LIST32 : TAG_OBJECT32);
}

/* The values met most often: short ASCII strings and small ints. They run no code of the
 * program's and need no room but FIELD_ROOM and SHORT_SIZE_MAX. Returns false for any other. */
VEL_INLINE bool encode_plain(encoder *e, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) {
        if (!PyUnicode_IS_COMPACT_ASCII(value)) return false;
        size_t size = (size_t)PyUnicode_GET_LENGTH(value);
        if (size > SHORT_SIZE_MAX) return false;
        short_text_write(e, value, size);
        return true;
    }
    if (type != &PyLong_Type || !int_is_compact(value)) return false;
    e->p = int_write(e->p, int_compact_value(value));
    return true;
}

/* Types are asked for in the order of how often they are met. Requires: FIELD_ROOM. */
static int encode_value(encoder *e, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) return encode_text(e, value);
    if (type == &PyLong_Type) return encode_int(e, value);
    if (value == Py_None || type == &PyBool_Type) {
        *e->p++ = value == Py_None ? TAG_NULL : value == Py_True ? TAG_TRUE : TAG_FALSE;
        return 0;
    }
    if (PyFloat_Check(value)) {
        *e->p = TAG_F64;
        store_f64(e->p + 1, PyFloat_AS_DOUBLE(value));
        e->p += 9;
        return 0;
    }
    if (PyDict_Check(value)) return encode_nested(e, value, false);
    if (PyList_Check(value) || PyTuple_Check(value)) return encode_nested(e, value, true);
    if (PyUnicode_Check(value)) return encode_text(e, value);
    if (PyLong_Check(value)) return encode_int(e, value);
    if (PyBytes_Check(value))
        return encode_bytes(e, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value),
                            TAG_BYTES8, TAG_BYTES32);
    if (pytime_check(value)) return encode_time(e, value);
    e->ran_python = true;
    int mapping = PyObject_IsInstance(value, mapping_type);
    if (mapping < 0) return -1;
    return mapping ? encode_nested(e, value, false) : refuse_type(e, value);
}

static int refuse_name(encoder *e, PyObject *key) {
    if (e->top) e->top = e->top->up;  /* the path ends at the dict that holds the name */
    if (!PyUnicode_Check(key))
        return refuse(e, "field names must be str, not '%.100s'", Py_TYPE(key)->tp_name);
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
    PyErr_Clear();
    return refuse(e, "the field name %R is not valid Unicode: it has a lone surrogate", key);
}

/* A name not met before as this str, or one to be written inline. Names that begin with $ never
 * get a number, so that all of them come by here. */
static int encode_new_name(encoder *e, PyObject *key) {
    const uint8_t *bytes;
    size_t size;
    if (!PyUnicode_Check(key)) return refuse_name(e, key);
    bool dollar = PyUnicode_GET_LENGTH(key) && PyUnicode_READ_CHAR(key, 0) == '$';
    if (dollar && !e->depth) {
        e->top = NULL;
        return refuse(e, "%.200U: the name of a document's field may not begin with $; only "
                      "`update` takes operators", key);
    }
#ifdef Py_GIL_DISABLED
    e->ran_python = true;  /* interning may wait, and so let go of the dict */
#endif
    if (pynames_number(e->names, key, !dollar, &e->last, &bytes, &size) < 0)
        return refuse_name(e, key);
    if (need(e, size + 2 * FIELD_ROOM) < 0) return -1;
    e->p = varint_write(e->p, e->last);
    if (e->last) return 0;
    e->p = varint_write(e->p, (uint32_t)size);
    memcpy(e->p, bytes, size);
    e->p += size;
    return 0;
}

/* A field as most are: the name that followed the last one before, too, and a plain value. Returns
 * false when it is another; then nothing was written. */
VEL_INLINE bool encode_plain_field(encoder *e, PyObject *key, PyObject *value) {
    uint32_t number = e->last + 1;
    uint8_t *start = e->p;
    if ((size_t)(e->end - start) < FIELD_ROOM + SHORT_SIZE_MAX) return false;
    if (number >= 0x80 || !pynames_is(e->names, key, number)) return false;
    *e->p++ = (uint8_t)number;
    if (vel_unlikely(!encode_plain(e, value))) {
        e->p = start;
        return false;
    }
    e->last = number;
    return true;
}

static int encode_field(encoder *e, PyObject *key, PyObject *value) {
    uint32_t number =
        vel_likely(PyUnicode_CheckExact(key)) ? pynames_known(e->names, key, e->last + 1) : 0;
    if (vel_unlikely(need(e, 2 * FIELD_ROOM) < 0)) return -1;
    if (vel_unlikely(!number)) {
        if (encode_new_name(e, key) < 0) return -1;
    } else {
        e->last = number;
        e->p = varint_write(e->p, number);
    }
    return encode_value(e, value);
}

static int walk_fields(encoder *e, PyObject *dict, frame *here) {
    PyObject *value;
    Py_ssize_t position = 0, written = 0, count = PyDict_GET_SIZE(dict);
    if ((uint64_t)count > BODY_SIZE_MAX) return make_room(e, SIZE_MAX);
    e->p = varint_write(e->p, (uint32_t)count);
    while (pydict_next(dict, &position, &here->key, &value)) {
        written++;
        if (vel_likely(encode_plain_field(e, here->key, value))) continue;
        /* Encoding may run code that changes the dict and drops what it held. */
        PyObject *key = Py_NewRef(here->key);
        Py_INCREF(value);
        int failed = encode_field(e, key, value);
        Py_DECREF(value);
        Py_DECREF(key);
        if (vel_unlikely(failed)) return -1;
    }
    e->top = here->up;
    if (vel_unlikely(written != count || PyDict_GET_SIZE(dict) != count))
        return refuse(e, "the dict was changed while it was being stored");
    return 0;
}

static int encode_fields(encoder *e, PyObject *dict) {
    frame here = {.up = e->top};
    int failed;
    e->top = &here;
    LOCK_CONTAINER(dict);
    failed = walk_fields(e, dict, &here);
    UNLOCK_CONTAINER();
    return failed;
}

/* Requires: FIELD_ROOM bytes of room. */
static int encode_top(encoder *e, PyObject *fields) {
    if (PyDict_CheckExact(fields)) return encode_fields(e, fields);
    int mapping = PyDict_Check(fields) ? 1 : PyObject_IsInstance(fields, mapping_type);
    if (mapping < 0) return -1;
    if (!mapping)
        return refuse(e, "the fields of a document must be a dict or another Mapping, not '%.100s'",
                      Py_TYPE(fields)->tp_name);
    return encode_mapping(e, fields);
}

static int encode_begin(encoder *e, vel_names *names, vel_buffer *out) {
    if (vel_unlikely(buffer_reserve(out, FIELD_ROOM) != VEL_OK)) {
        PyErr_NoMemory();
        return -1;
    }
    *e = (encoder){.p = out->data + out->size, .end = out->data + out->capacity, .out = out,
                   .names = names, .start = out->size};
    return 0;
}

static int encode_end(encoder *e, int failed) {
    vel_buffer *out = e->out;
    size_t start = e->start, where;
    const char *why;
    if (!failed) {
        out->size = (size_t)(e->p - out->data);
        if (out->size - start > BODY_SIZE_MAX) failed = make_room(e, 0);
    }
    if (!failed && e->ran_python && body_validate(out->data + start, out->size - start,
                                                  names_count(e->names), &where, &why))
        failed = refuse(&(encoder){0}, "the document was changed while it was being stored");
    if (failed) out->size = start;
    return failed;
}

int body_encode(PyObject *fields, vel_names *names, vel_buffer *out) {
    encoder e;
    if (encode_begin(&e, names, out) < 0) return -1;
    return encode_end(&e, encode_top(&e, fields));
}

int value_encode(PyObject *value, vel_names *names, vel_buffer *out) {
    /* As a body of one field whose name is empty and inline, so that it is checked as one. */
    static const uint8_t head[] = {1, 0, 0};
    encoder e;
    if (encode_begin(&e, names, out) < 0) return -1;
    for (size_t i = 0; i < sizeof head; i++) *e.p++ = head[i];
    if (need(&e, FIELD_ROOM) < 0 || encode_end(&e, encode_value(&e, value)) < 0) return -1;
    memmove(out->data + e.start, out->data + e.start + sizeof head,
            out->size - e.start - sizeof head);
    out->size -= sizeof head;
    return 0;
}
