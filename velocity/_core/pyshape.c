/* pyshape.c: see pyshape.h. */
#include "pyshape.h"

#include "pynames.h"

#define SHAPES 16  /* kept per collection, by hash of their numbers */

#if defined(Py_GIL_DISABLED) || defined(PYPY_VERSION) || PY_VERSION_HEX >= 0x030F0000
#define SHAPES_USED 0
#else
#define SHAPES_USED 1
#endif

typedef struct vel_shape {
    PyObject *dict;       /* owned; NULL: none */
    size_t offset;        /* of the first value's slot from the dict's keys, bytes */
    size_t stride;
    uint32_t count;
    uint32_t seen;        /* hash met last without a shape: made when it comes twice in a row */
    uint32_t numbers[SHAPE_FIELDS_MAX];
} vel_shape;

#if SHAPES_USED

/* A dict of a shape, about: the object and its keys at two thirds full. */
#define DICT_MEMORY(count) (sizeof(PyDictObject) + 64 + 32 * (uint64_t)(count))

/* Set when a dict turned out to be laid out otherwise, which is for good: try no more. */
static bool layout_unknown;

static uint8_t *keys_of(PyObject *dict) { return (uint8_t *)((PyDictObject *)dict)->ma_keys; }

static PyObject *word_at(const uint8_t *p) {
    PyObject *word;
    memcpy(&word, p, sizeof word);
    return word;
}

static void drop_shapes(vel_names *names) {
    for (int i = 0; i < SHAPES; i++) Py_XDECREF(names->shapes[i].dict);
    PyMem_Free(names->shapes);
    names->shapes = NULL;
}

static void count_memory(vel_names *names, uint64_t more, uint64_t less) {
    pthread_mutex_lock(&names->lock);
    atomic_set_relaxed(&names->memory, names->memory + more - less);
    pthread_mutex_unlock(&names->lock);
}

static vel_shape *shapes_make(vel_names *names) {
    names->shapes = PyMem_Calloc(SHAPES, sizeof *names->shapes);
    if (!names->shapes) return (vel_shape *)PyErr_NoMemory();
    names->drop_shapes = drop_shapes;
    count_memory(names, SHAPES * sizeof *names->shapes, 0);
    return names->shapes;
}

/* Whether the values of `dict` are, in order, what stands from offset on. */
static bool slots_hold(PyObject *dict, const vel_shape *s, PyObject *values) {
    for (uint32_t i = 0; i < s->count; i++) {
        PyObject *expected = values == Py_None ? Py_None : PyList_GET_ITEM(values, i);
        if (word_at(keys_of(dict) + s->offset + i * s->stride) != expected) return false;
    }
    return ((PyDictObject *)dict)->ma_values == NULL;
}

/* Find the slots of a dict whose values are those of the list, each known by its address. */
static bool slots_find(PyObject *dict, vel_shape *s, PyObject *values) {
    /* Keys have a header and at least five pairs of pointers, or as many as there are. */
    size_t inside = 16 + 16 * (size_t)(s->count > 5 ? s->count : 5);
    PyObject *first = PyList_GET_ITEM(values, 0), *last = PyList_GET_ITEM(values, s->count - 1);
    for (s->offset = 0; s->offset < inside; s->offset += sizeof(void *)) {
        if (word_at(keys_of(dict) + s->offset) != first) continue;
        for (s->stride = 16; s->stride <= 24; s->stride += 8) {
            size_t end = s->offset + (s->count - 1) * s->stride;
            if (word_at(keys_of(dict) + end) == last && slots_hold(dict, s, values)) return true;
        }
        return false;
    }
    return false;
}

/* Write into a copy as decoding will, and see through the public functions that it is right. */
static int shape_try(const vel_shape *s, PyObject *values, PyObject *names) {
    PyObject *copy = PyDict_Copy(s->dict);
    if (!copy) return -1;
    int works = keys_of(copy) != keys_of(s->dict) && slots_hold(copy, s, Py_None);
    vel_shaped out = {.dict = copy, .slot = keys_of(copy) + s->offset, .stride = s->stride};
    for (uint32_t i = 0; works && i < s->count; i++) {
        shaped_set(&out, Py_NewRef(PyList_GET_ITEM(values, i)));
        PyObject *name = PyList_GET_ITEM(names, i);
        works = PyDict_GetItemWithError(copy, name) == PyList_GET_ITEM(values, i) &&
                PyDict_GetItemWithError(s->dict, name) == Py_None;
    }
    Py_DECREF(copy);
    return PyErr_Occurred() ? -1 : works;
}

/* Fill s for its numbers. Returns 1, 0 when the dict is not laid out as expected, -1. */
static int shape_fill(vel_shape *s, vel_names *all, PyObject *values, PyObject *names) {
    for (uint32_t i = 0; i < s->count; i++) {
        PyObject *name = pynames_object(all, s->numbers[i]);
        PyObject *value = name ? PyFloat_FromDouble(i) : NULL;
        if (!value) return -1;
        PyList_SET_ITEM(values, i, value);
        PyList_SET_ITEM(names, i, Py_NewRef(name));
        if (PyDict_SetItem(s->dict, name, value) < 0) return -1;
    }
    if (PyDict_GET_SIZE(s->dict) != s->count) return 0;  /* a malformed body: a name twice */
    layout_unknown = !slots_find(s->dict, s, values);
    if (layout_unknown) return 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (PyDict_SetItem(s->dict, PyList_GET_ITEM(names, i), Py_None) < 0) return -1;
    }
    int works = slots_hold(s->dict, s, Py_None) ? shape_try(s, values, names) : 0;
    layout_unknown = works == 0;
    return works;
}

static int shape_make(vel_shape *s, vel_names *all, const uint32_t *numbers, uint32_t count) {
    vel_shape made = {.count = count, .seen = s->seen, .dict = PyDict_New()};
    memcpy(made.numbers, numbers, count * sizeof *numbers);
    PyObject *values = PyList_New(count), *names = PyList_New(count);
    int works = made.dict && values && names ? shape_fill(&made, all, values, names) : -1;
    Py_XDECREF(values);
    Py_XDECREF(names);
    if (works <= 0) {
        Py_CLEAR(made.dict);
        made.count = 0;
    }
    PyObject *old = s->dict;
    count_memory(all, made.dict ? DICT_MEMORY(count) : 0, old ? DICT_MEMORY(s->count) : 0);
    *s = made;
    Py_XDECREF(old);
    return works;
}

int shape_copy(vel_names *names, const uint32_t *numbers, uint32_t count, vel_shaped *out) {
    uint32_t hash = count;
    for (uint32_t i = 0; i < count; i++) hash = hash * 0x9E3779B1u + numbers[i];
    vel_shape *shapes = names->shapes;
    if (vel_unlikely(!shapes)) shapes = shapes_make(names);
    if (!shapes) return -1;
    vel_shape *s = &shapes[hash >> 28];
    if (vel_unlikely(s->count != count ||
                     memcmp(s->numbers, numbers, count * sizeof *numbers) != 0)) {
        bool again = s->seen == hash;
        s->seen = hash;
        if (!again || layout_unknown) return 0;
        int made = shape_make(s, names, numbers, count);
        if (made <= 0) return made;
    }
    /* Copying may run the garbage collector, and that code which drops this shape for another. */
    PyObject *dict = Py_NewRef(s->dict);
    size_t offset = s->offset;
    out->stride = s->stride;
    out->dict = PyDict_Copy(dict);
    Py_DECREF(dict);
    if (!out->dict) return -1;
    out->slot = keys_of(out->dict) + offset;
    return 1;
}

#else

int shape_copy(vel_names *names, const uint32_t *numbers, uint32_t count, vel_shaped *out) {
    return 0;
}

#endif
