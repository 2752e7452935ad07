/* pynames.c: see pynames.h. */
#include "pynames.h"

#define TABLE_SLOTS_MIN 16u

static void drop_objects(vel_names *n) {
    for (uint32_t number = 1; number <= n->count; number++) {
        vel_name *name = names_entry(n, number);
        Py_XDECREF((PyObject *)name->object);
        name->object = NULL;
    }
    for (pynames_table *t = n->objects, *older; t; t = older) {
        older = t->older;
        PyMem_RawFree(t);
    }
    n->objects = NULL;
}

static pynames_table *table_new(size_t slots) {
    pynames_table *t = PyMem_RawCalloc(1, sizeof *t + slots * sizeof t->slots[0]);
    if (t) t->mask = slots - 1;
    return t;
}

static void table_put(pynames_table *t, PyObject *object, uint32_t hash, uint32_t number) {
    size_t at = hash & t->mask;
    while (t->slots[at].object) at = (at + 1) & t->mask;
    t->slots[at].hash = hash;
    t->slots[at].number = number;
    atomic_set_release(&t->slots[at].object, object);
}

/* Requires: lock. `used` slots are taken. Returns the table to put into, NULL: no memory. */
static pynames_table *table_for_put(vel_names *n, size_t used) {
    pynames_table *t = n->objects;
    if (t && (used + 1) * 2 <= t->mask) return t;
    pynames_table *bigger = table_new(t ? (t->mask + 1) * 2 : TABLE_SLOTS_MIN);
    if (!bigger) return NULL;
    for (size_t i = 0; t && i <= t->mask; i++) {
        const pynames_slot *s = &t->slots[i];
        if (s->object) table_put(bigger, s->object, s->hash, s->number);
    }
    bigger->older = t;
    bigger->used = used;
    uint64_t bytes = sizeof *bigger + (bigger->mask + 1) * sizeof bigger->slots[0];
    atomic_set_relaxed(&n->memory, n->memory + bytes);
    n->drop_objects = drop_objects;
    atomic_set_release(&n->objects, bigger);
    return bigger;
}

PyObject *pynames_make(vel_names *n, uint32_t number) {
    uint32_t size;
    const uint8_t *bytes = names_bytes(n, number, &size);
    PyObject *object = PyUnicode_DecodeUTF8((const char *)bytes, size, "strict");
    if (!object) return NULL;
    /* Interned, so that the keys a program writes in its source are this very object. */
    PyUnicode_InternInPlace(&object);
    uint32_t hash = (uint32_t)PyObject_Hash(object);
    vel_name *entry = names_entry(n, number);
    bool full = false;
    PyObject *made = NULL;
    pthread_mutex_lock(&n->lock);
    if (!entry->object) {
        pynames_table *t = table_for_put(n, n->objects ? n->objects->used : 0);
        full = !t;
        if (t) {
            table_put(t, object, hash, number);
            t->used++;
            made = object;
            atomic_set_release(&entry->object, made);
        }
    }
    pthread_mutex_unlock(&n->lock);
    if (!made) Py_DECREF(object);
    if (full) return PyErr_NoMemory();
    return atomic_get_acquire(&entry->object);
}

static bool same_text(PyObject *a, PyObject *b) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(a);
    return length == PyUnicode_GET_LENGTH(b) && PyUnicode_KIND(a) == PyUnicode_KIND(b) &&
           memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)length * PyUnicode_KIND(a)) == 0;
}

uint32_t pynames_known_equal(const vel_names *n, PyObject *name) {
    const pynames_table *t = atomic_get_acquire(&n->objects);
    if (!t) return 0;
    /* The key of a dict has its hash at hand; an exact str cannot fail to hash. */
    Py_hash_t known = atomic_get_relaxed(&((PyASCIIObject *)name)->hash);
    uint32_t hash = (uint32_t)(vel_likely(known != -1) ? known : PyObject_Hash(name));
    for (size_t at = hash & t->mask;; at = (at + 1) & t->mask) {
        PyObject *object = atomic_get_acquire(&t->slots[at].object);
        if (!object) return 0;
        if (object == name) return t->slots[at].number;
        if (t->slots[at].hash == hash && same_text(object, name)) return t->slots[at].number;
    }
}

const uint8_t *pynames_bytes(PyObject *name, size_t *size) {
    Py_ssize_t n;
    const char *bytes = PyUnicode_AsUTF8AndSize(name, &n);
    *size = bytes ? (size_t)n : 0;
    return (const uint8_t *)bytes;
}

int pynames_number(vel_names *n, PyObject *name, bool add, uint32_t *number,
                   const uint8_t **bytes, size_t *size) {
    *bytes = pynames_bytes(name, size);
    if (!*bytes) return -1;
    if (!add) {
        *number = names_find(n, *bytes, *size);
    } else if (names_add(n, *bytes, *size, number) != VEL_OK) {
        PyErr_NoMemory();
        return -1;
    }
    /* From now on the str is known by its address. */
    return *number && !pynames_object(n, *number) ? -1 : 0;
}
