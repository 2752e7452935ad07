# Groups in the core, and the declarations of group.h; the header is the documentation.

from libc.stdint cimport int64_t, uint8_t, uint32_t

from velocity._core.core cimport vel_names, vel_status


cdef extern from "group.h" nogil:
    enum:
        GROUP_PATHS_MAX, GROUP_FIELDS_MAX, GROUP_MISSING
        RESULT_NULL, RESULT_INT, RESULT_FLOAT, RESULT_VALUE
    ctypedef enum group_op:
        GROUP_COUNT, GROUP_SUM, GROUP_AVERAGE, GROUP_MIN, GROUP_MAX
    ctypedef struct vel_path:
        pass
    ctypedef struct group_value:
        const uint8_t *at
        const uint8_t *end
    ctypedef struct group_field:
        group_op op
        uint32_t path
        uint8_t *constant
        uint8_t constant_size
    ctypedef struct group_entry:
        size_t id
        uint32_t id_size
    ctypedef struct group_result:
        int kind
        int64_t integer
        double real
        group_value value
    ctypedef struct group_bytes "vel_buffer":
        uint8_t *data
    ctypedef struct vel_group:
        vel_path *paths
        group_field *fields
        group_bytes bytes
        uint32_t group_count
        group_entry *groups
    vel_status group_open(vel_group *g, const vel_names *names, uint32_t path_count,
                          uint32_t key_count, bint compound, uint32_t field_count)
    void group_close(vel_group *g)
    void group_result_read(const vel_group *g, uint32_t group, uint32_t field, group_result *out)
    vel_status path_compile(vel_path *p, const uint8_t *dotted, size_t size)


cdef class Grouping:
    cdef vel_group g
    cdef vel_names *_names
    cdef object _owner          # keeps the names alive
    cdef object _key            # None: one group; a path; or a dict of name -> path
    cdef list _fields           # names

    cdef object _id(self, const group_entry *entry)
    cdef object _value(self, const group_result *r)
    cdef list results(self)


# paths: those of the key first. fields: (name, operator, index + 1 in paths or 0, constant).
cdef Grouping grouping_new(object key, list paths, list fields, vel_names *names, object owner)
