"""Bytes of results: the same ones kept once, others as what differs from earlier ones of the same name; and copies of a whole store."""
