/* pyfaults.h: what tests use of the engine's files from Python: faults, watching, small
 * segments, few hashes.
 *
 * Here and not in engine.pyx because no program calls it. The watcher is one Python callable for
 * the whole process; it is called with the thread attached, whichever thread makes the call on
 * files.
 *
 * Requires: an attached thread state. Threads: guarded by a lock of its own.
 */
#ifndef VEL_PYFAULTS_H
#define VEL_PYFAULTS_H

#include <Python.h>

/* Add fault_set, fault_clear, file_watch, segment_size_set and hash_mask_set to a module. 0, or -1
 * with an exception. */
int pyfaults_init(PyObject *module);

#endif
