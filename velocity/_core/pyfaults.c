/* pyfaults.c: see pyfaults.h. */
#include "pyfaults.h"

#include <pthread.h>

#include "engine.h"
#include "fileio.h"
#include "log.h"

static const char *const POINTS[FAULT_POINTS] = {
    [FAULT_OPEN] = "open", [FAULT_READ] = "read", [FAULT_WRITE] = "write", [FAULT_SYNC] = "sync",
    [FAULT_ALLOCATE] = "allocate", [FAULT_TRUNCATE] = "truncate", [FAULT_RENAME] = "rename",
    [FAULT_REMOVE] = "remove", [FAULT_SYNC_DIRECTORY] = "sync_directory", [FAULT_MAP] = "map",
};

static pthread_mutex_t watcher_lock = PTHREAD_MUTEX_INITIALIZER; /* never held over Python code */
static PyObject *watcher;                                        /* owned; NULL: none */

static void call_watcher(const file_event *event) {
    PyGILState_STATE state = PyGILState_Ensure();
    pthread_mutex_lock(&watcher_lock);
    PyObject *callable = Py_XNewRef(watcher);
    pthread_mutex_unlock(&watcher_lock);
    /* The call on files may be made on the way to an exception. */
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (callable) {
        PyObject *result =
            PyObject_CallFunction(callable, "sO&zOi", POINTS[event->point],
                                  PyUnicode_DecodeFSDefault, event->path, event->to,
                                  event->done ? Py_True : Py_False, event->sys_errno);
        if (!result) PyErr_WriteUnraisable(callable);
        Py_XDECREF(result);
        Py_DECREF(callable);
    }
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
}

static PyObject *watch(PyObject *module, PyObject *callable) {
    PyObject *with = callable == Py_None ? NULL : Py_NewRef(callable);
    pthread_mutex_lock(&watcher_lock);
    PyObject *before = watcher;
    watcher = with;
    pthread_mutex_unlock(&watcher_lock);
    file_watch(with ? call_watcher : NULL);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

static PyObject *set_fault(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"point", "after", "sys_errno", "once", "short", NULL};
    const char *name;
    long long after;
    int sys_errno, once = 0, is_short = 0, point = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sLi|pp", names, &name, &after, &sys_errno,
                                     &once, &is_short))
        return NULL;
    while (point < FAULT_POINTS && strcmp(POINTS[point], name) != 0) point++;
    int flags = (once ? FAULT_ONCE : 0) | (is_short ? FAULT_SHORT : 0);
    if (fault_set(point, after, sys_errno, flags) != VEL_OK)
        return PyErr_Format(PyExc_ValueError, "no such fault: %s", name);
    Py_RETURN_NONE;
}

static PyObject *clear_faults(PyObject *module, PyObject *unused) {
    fault_clear();
    Py_RETURN_NONE;
}

static PyObject *set_segment_size(PyObject *module, PyObject *size) {
    unsigned long long bytes = PyLong_AsUnsignedLongLong(size);
    if (PyErr_Occurred()) return NULL;
    if (log_segment_size_set(bytes) != VEL_OK)
        return PyErr_Format(PyExc_ValueError, "a segment cannot have %llu bytes", bytes);
    Py_RETURN_NONE;
}

static PyObject *set_hash_mask(PyObject *module, PyObject *mask) {
    unsigned long long bits = PyLong_AsUnsignedLongLong(mask);
    if (PyErr_Occurred()) return NULL;
    engine_hash_mask_set(bits);
    Py_RETURN_NONE;
}

static PyMethodDef METHODS[] = {
    {"fault_set", (PyCFunction)(void (*)(void))set_fault, METH_VARARGS | METH_KEYWORDS,
     "fault_set(point, after, sys_errno, once=False, short=False)\n"
     "Make a system call of this engine fail (fileio.h names the points)."},
    {"fault_clear", clear_faults, METH_NOARGS, "fault_clear()\nLet system calls work again."},
    {"file_watch", watch, METH_O,
     "file_watch(watcher)\n"
     "Call watcher(point, path, to, done, sys_errno) before and after each call on files."},
    {"segment_size_set", set_segment_size, METH_O,
     "segment_size_set(size_min)\nLet segments of the log be this small; 0: as usual."},
    {"hash_mask_set", set_hash_mask, METH_O,
     "hash_mask_set(mask)\nEngines opened from now on know only these bits of ids' hashes."},
    {NULL, NULL, 0, NULL},
};

int pyfaults_init(PyObject *module) { return PyModule_AddFunctions(module, METHODS); }
