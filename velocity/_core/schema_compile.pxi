# Compiling a schema given by Python; part of engine.pyx and codec.pyx.


cdef vel_schema *compile_schema(vel_names *names, schema) except NULL:
    """schema: (strict, [(name, type number, required, default or nothing)])."""
    cdef vel_schema *compiled
    cdef vel_status status
    cdef vel_buffer body
    strict, fields = schema
    memset(&body, 0, sizeof(body))
    compiled = schema_new(names, strict)
    if compiled == NULL:
        raise MemoryError()
    try:
        for name, kind, required, *default in fields:
            encoded = name.encode()
            body.size = 0
            if default:
                body_encode({name: default[0]}, names, &body)
            status = schema_add(compiled, <const uint8_t *><const char *>encoded, len(encoded),
                                kind, required, body.data if body.size else NULL, body.size)
            if status:
                raise MemoryError()
    except BaseException:
        schema_free(compiled)
        raise
    finally:
        buffer_free(&body)
    return compiled
