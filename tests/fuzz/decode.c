/* decode.c: a body decoded to Python objects, in an interpreter inside the target.
 *
 * Input: u8 count of names, the body.
 */
#include "pycodec.h"
#include "documents.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    setenv("PYTHONMALLOC", "malloc", 1);  /* the sanitizer then knows every object */
    Py_InitializeEx(0);
    CHECK(pycodec_init(PyExc_TypeError) == 0);
    return 0;
}

/* A result, or the one error that malformed bytes give. */
static bool decoded(PyObject *result) {
    if (result) return true;
    CHECK(PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    return false;
}

static void find_fields(const uint8_t *body, size_t size, vel_names *names) {
    for (uint32_t number = 1; number <= names_count(names) && number <= 3; number++) {
        uint32_t name_size;
        const char *bytes = (const char *)names_bytes(names, number, &name_size);
        PyObject *name = PyUnicode_DecodeUTF8(bytes, name_size, "strict");
        CHECK(name && body_has_field(body, size, names, name) >= 0);
        PyObject *value = body_decode_field(body, size, names, name);
        if (value || PyErr_Occurred()) (void)decoded(value);
        Py_XDECREF(value);
        Py_DECREF(name);
    }
}

/* Encoding what was decoded, and that once more, gives the same bytes. */
static void encode_again(PyObject *fields, vel_names *names) {
    vel_buffer first = {0}, second = {0};
    CHECK(body_encode(fields, names, &first) == 0);
    PyObject *again = body_decode(first.data, first.size, names);
    CHECK(again && body_encode(again, names, &second) == 0);
    CHECK(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    Py_DECREF(again);
    buffer_free(&first);
    buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    uint32_t name_count = data[0] % NAMES;
    const char *why;
    size_t where;
    uint8_t *body = malloc(size);
    memcpy(body, data + 1, --size);
    vel_names *names = names_make(name_count);
    bool valid = body_validate(body, size, name_count, &where, &why) == VEL_OK;
    for (int turn = 0; turn < 3; turn++) {  /* the third time the shape of the dict is known */
        PyObject *fields = body_decode(body, size, names);
        bool done = decoded(fields);
        CHECK(done || !valid);
        if (valid && turn == 2) encode_again(fields, names);
        Py_XDECREF(fields);
    }
    PyObject *list = body_decode_names(body, size, names);
    (void)decoded(list);
    Py_XDECREF(list);
    find_fields(body, size, names);
    names_free(names);
    free(body);
    return 0;
}
